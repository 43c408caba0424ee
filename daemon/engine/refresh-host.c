/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a job has to do with the host itself before its ESPs are planned: whether the boot loader
 * takes a one-shot decides what the default entry must be. An entry that is armed before its kernel
 * is on an ESP does no harm: systemd-boot passes over a one-shot that it does not find. What the
 * firmware refuses is no failure of the job; the pin is then the default entry until it is spent.
 */

#include "common/log.h"
#include "common/string-util.h"
#include "engine/refresh-part.h"

static const ErrandListener asking_listener, arming_listener;

/* Takes @plan over. False if there is no worker for it. */
static bool carry_out(Refresh *refresh, Plan *plan, const ErrandListener *listener,
                      const char *consequence) {
        _cleanup_error_ Error error = {};

        plan_free(refresh->host_plan);
        refresh->host_plan = plan;
        if (plan && errand_new(refresh->event, refresh->config, plan, listener, refresh,
                               &refresh->host_errand, &error) >= 0)
                return true;
        log_warning("%s; %s.", error.message ?: "There is not enough memory", consequence);
        return false;
}

#define NOT_ASKED "taking it that its boot loader has no one-shot entry"
#define NOT_ARMED "a kernel that is pinned for the next boot is the default entry instead"

static bool add_step(Plan *plan, PlanAction action, const char *text) {
        PlanStep *step;

        if (!text)
                return true;
        step = plan_add(plan, action, NULL);
        if (!step)
                return false;
        step->text = strdup(text);
        return step->text;
}

static void arm(Refresh *refresh) {
        const RefreshInput *input = &refresh->input;
        bool offered = refresh->firmware && firmware_offers_one_shot(refresh->firmware);
        const char *id = offered ? input->arm : NULL;
        Plan *plan = NULL;

        refresh->one_shot = offered;
        if (job_get_type(refresh->job) != JOB_REFRESH || refresh->canceled ||
            (!id && !input->disarm)) {
                refresh_start_grub(refresh);
                return;
        }
        if (plan_new_host(&plan) >= 0 &&
            (!add_step(plan, PLAN_DISARM, input->disarm) || !add_step(plan, PLAN_ARM, id)))
                plan = plan_free(plan);
        if (!carry_out(refresh, plan, &arming_listener, NOT_ARMED)) {
                refresh->one_shot = false;
                refresh_start_grub(refresh);
        }
}

void refresh_start_host(Refresh *refresh) {
        Plan *plan = NULL;

        if (refresh->firmware) {
                arm(refresh);
                return;
        }
        if (plan_new_host(&plan) >= 0 && !plan_add(plan, PLAN_FIRMWARE, NULL))
                plan = plan_free(plan);
        if (!carry_out(refresh, plan, &asking_listener, NOT_ASKED))
                arm(refresh);
}

static void on_report(Report *report, void *userdata) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        Refresh *refresh = userdata;

        if (report->type == REPORT_FIRMWARE &&
            firmware_parse(report->text, strlen(report->text), &firmware) >= 0)
                refresh->firmware = refresh->listener->firmware(&firmware, refresh->userdata);
}

static void on_asked(const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        if (error_is_set(error))
                log_warning("%s; " NOT_ASKED ".", strempty(error->message));
        refresh->host_errand = errand_free(refresh->host_errand);
        arm(refresh);
}

static void on_asked_in_vain(Task *task, pid_t holder, const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        refresh->listener->host_stuck(task, holder, refresh->userdata);
        on_asked(error, refresh);
}

static void on_armed(const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        refresh->one_shot = refresh->one_shot && !error_is_set(error);
        if (error_is_set(error))
                log_warning("%s; " NOT_ARMED ".", strempty(error->message));
        else
                refresh->listener->armed(refresh->one_shot ? refresh->input.next_boot : NULL,
                                         refresh->userdata);
        refresh->host_errand = errand_free(refresh->host_errand);
        refresh_start_grub(refresh);
}

static void on_armed_in_vain(Task *task, pid_t holder, const Error *error, void *userdata) {
        Refresh *refresh = userdata;

        refresh->listener->host_stuck(task, holder, refresh->userdata);
        on_armed(error, refresh);
}

static const ErrandListener asking_listener = {
        .on_report = on_report,
        .on_end = on_asked,
        .on_stuck = on_asked_in_vain,
};

static const ErrandListener arming_listener = {
        .on_report = on_report,
        .on_end = on_armed,
        .on_stuck = on_armed_in_vain,
};
