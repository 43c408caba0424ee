/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of /org/bootsync1 that tell what a refresh would do: as steps, for who wants to know
 * how, and as what is different afterwards. Both are the reply to the end of one job, whose plans
 * are the core's. */

#include <systemd/sd-bus.h>

#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "bus/shared.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/plan/plan-describe.h"

#define DESCRIPTION "(sa(ssst)a(ssss)ttasas)"

static int append_row(sd_bus_message *reply, const char *esp, const char *action, const char *text,
                      uint64_t bytes) {
        _cleanup_free_ char *shown = NULL;

        shown = string_for_humans(strempty(text), strlen(strempty(text)), SIZE_MAX);
        if (!shown)
                return -ENOMEM;
        return sd_bus_message_append(reply, "(ssst)", esp, action, shown, bytes);
}

static int append_plan(sd_bus_message *reply, const Plan *plan) {
        const char *esp = strempty(plan->esp_uuid); /* none: the host itself */
        int r;

        if (error_is_set(&plan->problem)) {
                r = append_row(reply, esp, "problem", strempty(plan->problem.message), 0);
                if (r < 0)
                        return r;
        }
        if (plan->left_out) {
                r = append_row(reply, plan->esp_uuid, "left-out", plan->left_out, 0);
                if (r < 0)
                        return r;
        }
        if (plan->away) {
                r = append_row(reply, esp, "away", plan->away, 0);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                r = append_row(reply, esp, plan_action_to_string(step->action), step->path,
                               step->bytes);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* An ESP that could not be looked at has no plan; what stands in the way is its last error. */
static bool is_unplanned(const Job *job, const Esp *esp) {
        const JobStatus *status = &job_info(job)->status;
        const EspInfo info = esp_info(esp);

        if (!job_wants_esp(job, info.uuid) || isempty(info.last_error))
                return false;
        for (size_t i = 0; i < status->n_plans; i++)
                if (streq_ptr(status->plans[i]->esp_uuid, info.uuid))
                        return false;
        return true;
}

/* Neither for an ESP nor for the host's own menu. */
static bool has_no_plan(const JobStatus *status) {
        if (status->result == JOB_RESULT_CANCELED)
                return true;
        for (size_t i = 0; i < status->n_plans; i++)
                if (status->plans[i]->subject != PLAN_ON_FIRMWARE)
                        return false;
        return status->result != JOB_RESULT_DONE;
}

static int reply_plan(Bus *b, sd_bus_message *m, Job *job) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const JobStatus *status = &job_info(job)->status;
        int r;

        if (has_no_plan(status))
                return bus_reply_job_error(m, job);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssst)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < status->n_plans; i++) {
                /* A one-shot of the firmware is no step of an ESP, nor of GRUB's menu. */
                if (status->plans[i]->subject == PLAN_ON_FIRMWARE)
                        continue;
                r = append_plan(reply, status->plans[i]);
                if (r < 0)
                        return r;
        }
        ESPS_FOREACH(esp, manager_info(b->manager).known->esps) {
                if (!is_unplanned(job, esp))
                        continue;
                r = append_row(reply, esp_info(esp).uuid, "problem", esp_info(esp).last_error, 0);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

static int append_changes(sd_bus_message *reply, const PlanDescription *d) {
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssst)");
        for (size_t i = 0; r >= 0 && i < d->n_changes; i++) {
                const PlanChange *c = &d->changes[i];

                r = append_row(reply, c->kind, c->name, c->detail, c->bytes);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Not append_row(), which takes line breaks for control characters. */
static int append_file(sd_bus_message *reply, const PlanFile *f) {
        const char *const texts[] = { f->state, f->path, f->old, f->new };
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ssss");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(reply, texts[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_files(sd_bus_message *reply, const PlanDescription *d) {
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssss)");
        for (size_t i = 0; r >= 0 && i < d->n_files; i++)
                r = append_file(reply, &d->files[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* @notes and @problem may be NULL. */
static int append_described(sd_bus_message *reply, const char *esp, const PlanDescription *d,
                            char *const *notes, const char *problem) {
        char *const problems[] = { (char *) problem, NULL };
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "sa(ssst)a(ssss)ttasas");
        if (r >= 0)
                r = bus_append_string(reply, esp);
        if (r >= 0)
                r = append_changes(reply, d);
        if (r >= 0)
                r = append_files(reply, d);
        if (r >= 0)
                r = bus_append_u64(reply, d->write_bytes);
        if (r >= 0)
                r = bus_append_u64(reply, d->free_bytes);
        if (r >= 0)
                r = bus_append_strv(reply, notes);
        if (r >= 0)
                r = bus_append_strv(reply, problems);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The look that the plan was made of is the last one at its ESP, since the job has just ended. */
static int append_description(sd_bus_message *reply, const StateView *known, const Plan *plan) {
        const Esp *esp = plan->esp_uuid ? esps_find(known->esps, plan->esp_uuid) : NULL;
        const EspImage *image = esp ? esp_info(esp).image : NULL;
        char *const notes[] = { plan->away ?: plan->left_out, plan->away ? plan->left_out : NULL,
                                NULL };
        _cleanup_(plan_description_done) PlanDescription d = {};
        int r = 0;

        if (image || plan->subject != PLAN_ON_ESP)
                r = plan_describe(plan, image, known->verdict->wanted_kernel,
                                  known->facts->conf.next_boot, &d);
        if (r < 0)
                return r;
        return append_described(reply, strempty(plan->esp_uuid), &d, notes,
                                error_is_set(&plan->problem) ? strempty(plan->problem.message)
                                                             : NULL);
}

static int reply_description(Bus *b, sd_bus_message *m, Job *job) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const StateView *known = manager_info(b->manager).known;
        const JobStatus *status = &job_info(job)->status;
        int r;

        if (has_no_plan(status))
                return bus_reply_job_error(m, job);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, DESCRIPTION);
        for (size_t i = 0; r >= 0 && i < status->n_plans; i++)
                r = append_description(reply, known, status->plans[i]);
        ESPS_FOREACH(esp, known->esps)
                if (r >= 0 && is_unplanned(job, esp))
                        r = append_described(reply, esp_info(esp).uuid, &(PlanDescription){}, NULL,
                                             esp_info(esp).last_error);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

static int run_plan(sd_bus_message *m, Bus *b, BusWaiterReply reply, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobCall call = { .request = { .type = JOB_PLAN }, .action = ACTION_REFRESH };
        const BusOption options[] = { { "esps", BUS_OPTION_STRV, &esps } };
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        call.request.esps = esps;
        r = bus_submit(b, m, &call, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_wait_for_job(b, m, job, reply);
}

static int method_plan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return run_plan(m, userdata, reply_plan, error);
}

static int method_describe_plan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return run_plan(m, userdata, reply_description, error);
}

static const sd_bus_vtable plan_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("Plan", ("a{sv}", options), ("a(ssst)", steps), method_plan),
        BUS_METHOD("DescribePlan", ("a{sv}", options), ("a" DESCRIPTION, plans),
                   method_describe_plan),
        SD_BUS_VTABLE_END,
};

static int add_manager_plan(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, plan_vtable, b);
}

const BusPart bus_manager_plan = { .add = add_manager_plan };
