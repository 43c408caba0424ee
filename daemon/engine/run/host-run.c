/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host comes before its ESPs are planned: the default entry depends on whether the boot loader
 * takes a one-shot. An entry that is armed before its kernel is on an ESP does no harm:
 * systemd-boot passes over a one-shot that it does not find. What the firmware refuses is no
 * failure of the job; the pin is then the default entry until it is spent.
 *
 * On a host without synced ESPs there is GRUB: what is pinned is the default of the host's own
 * menu, and what is pinned for one boot is GRUB's next_entry where GRUB can clear that. The files
 * are the truth here, too: a snippet that is not in the menu yet, whatever came between, is found
 * by the next refresh, which makes the menu again. A menu that is not grub-mkconfig's is left
 * alone, and so is one that has every kernel and the right default: what the administrator changes
 * in etc/default is taken into it by his own update-grub. */

#include "engine/run/host-run.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/grub/grub-config.h"
#include "core/loader/esp-path.h"
#include "engine/work/errand.h"
#include "sys/grub.h"

#define HOST_CHECKERS (1u << CHECKER_SHIM) /* of a host that boots by GRUB */

#define NOT_ASKED "taking it that its boot loader has no one-shot entry"
#define NOT_ARMED "a kernel that is pinned for the next boot is the default entry instead"

static const Root *root_of(const RunContext *context) {
        return workers_config(context->workers)->root;
}

static int refuse(int r, const char *what, Error *error) {
        return error_set_errno(error, r, "Cannot %s", what);
}

static const char *default_version(const RunContext *context) {
        return run_input_default(&context->input, context->input.grub_one_shot, HOST_CHECKERS);
}

/* NULL: none, or one that would not boot. */
static const char *next_boot(const RunContext *context) {
        const char *version = context->input.next_boot;
        const Kernel *k = version ? kernel_set_find(&context->input.kernels, version) : NULL;

        return k && (k->refused & HOST_CHECKERS) ? NULL : version;
}

static int load_menu(const RunContext *context, HostMenu *ret, Error *error) {
        int r = host_grub_load_menu(root_of(context), ret);

        return r < 0 ? refuse(r, "read '/" PATH_GRUB_MENU "'", error) : 0;
}

/* No menu could do that for the pin. */
static int check_pin(const RunContext *context, const HostMenu *menu, const char *version,
                     Error *error) {
        const Kernel *kernel = kernel_set_find(&context->input.kernels, version);

        if (!kernel || !kernel_is_bootable(kernel))
                return error_set(error, ERROR_NOT_BOOTABLE,
                                 "The pinned kernel '%s' cannot be booted, so another one is the "
                                 "default of GRUB; pin another kernel or unpin",
                                 version);
        if (!menu->root_id)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "Kernel '%s' cannot be pinned in '/" PATH_GRUB_MENU "', which has "
                                 "no submenu of kernels as grub-mkconfig makes it; look for "
                                 "GRUB_DISABLE_SUBMENU in '/" PATH_GRUB_CONF "'",
                                 version);
        return 0;
}

/* 1 if GRUB's configuration has changed, or (in a plan) is to be, 0 if not. */
static int configure_pin(RunContext *context, const char *version, const char *root_id) {
        if (job_info(context->job)->request.type == JOB_PLAN)
                return grub_conf_pin_differs(root_of(context), version, root_id);
        return context->listener->pin_grub(version, root_id, true, context->userdata);
}

/* 1 if grub-mkconfig has to make the menu anew, 0 if not. */
static int check_before(RunContext *context, Error *error) {
        const char *wanted = default_version(context), *once = next_boot(context);
        _cleanup_(host_menu_done) HostMenu menu = {};
        int r;

        r = load_menu(context, &menu, error);
        if (r >= 0 && wanted)
                r = check_pin(context, &menu, wanted, error);
        if (r >= 0 && once)
                r = check_pin(context, &menu, once, error);
        if (r < 0)
                return r;

        r = configure_pin(context, wanted, menu.root_id);
        if (r < 0)
                return refuse(r, "update '/" PATH_GRUB_PIN "'", error);
        return r > 0 || (menu.root_id && host_menu_lacks(&menu, &context->input.kernels)) ||
               (wanted && !streq_ptr(menu.default_version, wanted));
}

static int check_menu(const RunContext *context, const HostMenu *menu, Error *error) {
        const char *wanted = default_version(context);
        const char *missing = menu->root_id ? host_menu_lacks(menu, &context->input.kernels) : NULL;

        if (missing)
                return error_set(error, ERROR_FAILED,
                                 "grub-mkconfig makes no entry for kernel '%s'; look at the "
                                 "scripts in '/etc/grub.d'",
                                 missing);
        if (wanted && !streq_ptr(menu->default_version, wanted))
                return error_set(error, ERROR_FAILED,
                                 "The menu of GRUB has the pinned kernel '%s', but another "
                                 "default; look for GRUB_DEFAULT and GRUB_DISABLE_SUBMENU in "
                                 "'/" PATH_GRUB_CONF "'",
                                 wanted);
        return 0;
}

/* True if we have armed @value of next_entry and do not want it any more; what somebody else has
 * armed stays. */
static bool is_to_be_disarmed(const RunContext *context, const char *value) {
        _cleanup_free_ char *version = NULL, *path = NULL;

        if (!context->input.disarm || isempty(value) || grub_entry_id_version(value, &version) < 0)
                return false;
        path = esp_entry_path(version);
        return path && endswith(path, context->input.disarm);
}

/* A kernel is armed once in a boot, so that one which GRUB has taken is not taken again. */
static int arm_grub(RunContext *context, const HostMenu *menu, Error *error) {
        const RunInput *input = &context->input;
        const Root *root = root_of(context);
        _cleanup_free_ char *value = NULL, *id = NULL;
        int r;

        if (!input->grub_one_shot || !(input->arm || input->disarm))
                return 0;
        if (input->arm) {
                r = check_pin(context, menu, input->next_boot, error);
                if (r < 0)
                        return r;
                id = grub_entry_id(input->next_boot, menu->root_id);
                if (!id)
                        return -ENOMEM;
        }
        r = host_grub_get_next(root, &value);
        if (r >= 0 && (id || is_to_be_disarmed(context, value)))
                r = host_grub_set_next(root, id);
        if (r < 0)
                return refuse(r, "tell GRUB in '/" PATH_GRUB_DIR "/grubenv' what to boot once",
                              error);
        context->listener->armed(id ? input->next_boot : NULL, context->userdata);
        return 0;
}

/* The menu is as good as it gets: is it right? */
static int finish_grub(RunContext *context, Error *error) {
        _cleanup_(host_menu_done) HostMenu menu = {};
        int r;

        r = load_menu(context, &menu, error);
        if (r >= 0)
                r = check_menu(context, &menu, error);
        if (r >= 0 && !default_version(context)) {
                r = context->listener->pin_grub(NULL, NULL, false, context->userdata);
                if (r < 0)
                        (void) refuse(r, "remove '/" PATH_GRUB_PIN "'", error);
        }
        if (r >= 0)
                r = arm_grub(context, &menu, error);
        return r < 0 ? refuse(r, "bring GRUB's menu up to date", error) : 0;
}

/* An obstacle is no failure of a job that is only to tell of it. */
static int add_plan(RunContext *context, bool outdated, Error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        r = plan_new(PLAN_ON_HOST_GRUB, NULL, &plan);
        if (r < 0)
                return r;
        if (error_is_set(error))
                error_move(&plan->problem, error);
        else if (outdated && !plan_add(plan, PLAN_UPDATE_GRUB, "/" PATH_GRUB_MENU))
                return -ENOMEM;
        return job_add_plan(context->job, TAKE_PTR(plan));
}

/* Set the pin, or with JOB_PLAN add a plan to the job. 1: *@ret is to be carried out, and then
 * finish_grub(); 0: all is done. Negative: not, and @error says why. */
static int prepare_grub(RunContext *context, Plan **ret, Error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r = check_before(context, error);

        if (job_info(context->job)->request.type == JOB_PLAN) {
                r = add_plan(context, r > 0, error);
                return r < 0 ? refuse(r, "plan for GRUB's menu", error) : 0;
        }
        if (r == 0)
                return finish_grub(context, error);
        if (r > 0)
                r = plan_new(PLAN_ON_HOST_GRUB, NULL, &plan);
        if (r >= 0 && !plan_add(plan, PLAN_UPDATE_GRUB, NULL))
                r = -ENOMEM;
        if (r < 0)
                return refuse(r, "bring GRUB's menu up to date", error);
        *ret = TAKE_PTR(plan);
        return 1;
}

typedef enum HostPhase {
        HOST_PHASE_BEGUN,
        HOST_PHASE_ASKING, /* a worker asks the firmware */
        HOST_PHASE_ASKED,
        HOST_PHASE_ARMING, /* a worker tells the firmware of the one-shot */
        HOST_PHASE_ARMED,
        HOST_PHASE_UPDATING, /* a worker makes GRUB's menu */
        HOST_PHASE_ORDERING, /* a worker changes the order of the firmware's entries */
        HOST_PHASE_ENDED,
        _HOST_PHASE_MAX,
} HostPhase;

struct HostRun {
        RunContext *context;
        bool has_esps;
        HostPhase phase;
        Errand *errand;
        bool worker_ended;
        Error error; /* of the worker */
};

HostRun *host_run_free(HostRun *hr) {
        if (!hr)
                return NULL;
        errand_free(hr->errand);
        error_done(&hr->error);
        return mfree(hr);
}

int host_run_new(RunContext *context, bool has_esps, HostRun **ret) {
        HostRun *hr = calloc(1, sizeof(*hr));

        if (!hr)
                return -ENOMEM;
        hr->context = context;
        hr->has_esps = has_esps;
        context->firmware = context->input.firmware;
        *ret = hr;
        return 0;
}

void host_run_cancel(HostRun *hr) {
        if (hr->errand && !hr->worker_ended)
                errand_cancel(hr->errand);
}

static void on_report(Report *report, void *userdata) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        HostRun *hr = userdata;
        RunContext *context = hr->context;

        if (report->type == REPORT_FIRMWARE &&
            firmware_parse(report->text, strlen(report->text), &firmware) >= 0)
                context->firmware = context->listener->firmware(&firmware, context->userdata);
}

static void on_end(const Error *error, void *userdata) {
        HostRun *hr = userdata;

        (void) error_copy(&hr->error, error);
        hr->worker_ended = true;
        run_wake(hr->context);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
};

/* Takes @plan over, which may be NULL for lack of memory. A failure is the worker's error. */
static int carry_out(HostRun *hr, Plan *plan) {
        hr->errand = errand_free(hr->errand);
        hr->worker_ended = false;
        error_done(&hr->error);
        if (!plan)
                return error_set(&hr->error, ERROR_FAILED, "There is not enough memory");
        return errand_new(hr->context->workers, plan, &errand_listener, hr, &hr->errand,
                          &hr->error);
}

static void warn(const HostRun *hr, const char *consequence) {
        log_of_job(hr->context->job, LOG_WARNING, NULL, "%s; %s.", strempty(hr->error.message),
                   consequence);
}

/* HOST_PHASE_BEGUN */
static HostPhase ask(HostRun *hr) {
        Plan *plan = NULL;

        if (hr->context->firmware)
                return HOST_PHASE_ASKED;
        if (plan_new(PLAN_ON_FIRMWARE, NULL, &plan) >= 0 && !plan_add(plan, PLAN_FIRMWARE, NULL))
                plan = plan_free(plan);
        if (carry_out(hr, plan) >= 0)
                return HOST_PHASE_ASKING;
        warn(hr, NOT_ASKED);
        return HOST_PHASE_ASKED;
}

static HostPhase end(HostRun *hr) {
        hr->context->host_ready = true;
        return HOST_PHASE_ENDED;
}

/* HOST_PHASE_ASKING */
static HostPhase hear(HostRun *hr) {
        const RunContext *context = hr->context;

        if (error_is_set(&hr->error))
                warn(hr, NOT_ASKED);
        hr->context->unjudged = context->firmware &&
                                context->firmware->secure_boot == SECURE_BOOT_ENABLED &&
                                !context->canceled;
        return hr->context->unjudged ? end(hr) : HOST_PHASE_ASKED;
}

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

/* HOST_PHASE_ASKED */
static HostPhase arm(HostRun *hr) {
        RunContext *context = hr->context;
        const RunInput *input = &context->input;
        bool offered = context->firmware && firmware_offers_one_shot(context->firmware);
        const char *id = offered ? input->arm : NULL;
        JobType type = job_info(context->job)->request.type;
        Plan *plan = NULL;

        context->one_shot = offered;
        if ((type != JOB_REFRESH && type != JOB_PLAN) || context->canceled ||
            (!id && !input->disarm))
                return HOST_PHASE_ARMED;
        if (plan_new(PLAN_ON_FIRMWARE, NULL, &plan) >= 0 &&
            (!add_step(plan, PLAN_DISARM, input->disarm) || !add_step(plan, PLAN_ARM, id)))
                plan = plan_free(plan);
        if (type == JOB_PLAN) {
                if (plan)
                        (void) job_add_plan(context->job, plan);
                return HOST_PHASE_ARMED;
        }
        if (carry_out(hr, plan) >= 0)
                return HOST_PHASE_ARMING;
        warn(hr, NOT_ARMED);
        context->one_shot = false;
        return HOST_PHASE_ARMED;
}

/* HOST_PHASE_ARMING */
static HostPhase note_armed(HostRun *hr) {
        RunContext *context = hr->context;

        if (error_is_set(&hr->error)) {
                context->one_shot = false;
                warn(hr, NOT_ARMED);
        } else
                context->listener->armed(context->one_shot && context->input.arm
                                                         ? context->input.next_boot
                                                         : NULL,
                                         context->userdata);
        return HOST_PHASE_ARMED;
}

/* HOST_PHASE_ARMED */
static HostPhase update_grub(HostRun *hr) {
        RunContext *context = hr->context;
        JobType type = job_info(context->job)->request.type;
        Plan *plan = NULL;
        int r;

        if (!context->input.grub_host || hr->has_esps || (type != JOB_REFRESH && type != JOB_PLAN))
                return end(hr);
        if (context->canceled) {
                (void) error_set(&hr->context->host_error, ERROR_CANCELED, "The job was canceled");
                return end(hr);
        }
        r = prepare_grub(context, &plan, &hr->context->host_error);
        if (r <= 0)
                return end(hr);
        run_say(context, "running grub-mkconfig");
        if (carry_out(hr, plan) >= 0)
                return HOST_PHASE_UPDATING;
        error_move(&hr->context->host_error, &hr->error);
        return end(hr);
}

/* HOST_PHASE_UPDATING */
static HostPhase check_grub(HostRun *hr) {
        if (error_is_set(&hr->error))
                error_move(&hr->context->host_error, &hr->error);
        else {
                hr->context->host_menu = true;
                (void) finish_grub(hr->context, &hr->context->host_error);
        }
        return end(hr);
}

/* HOST_PHASE_ORDERING */
static HostPhase check_order(HostRun *hr) {
        if (error_is_set(&hr->error))
                error_move(&hr->context->host_error, &hr->error);
        else
                hr->context->boot_order = true;
        return end(hr);
}

/* How a phase that is over leads to the next one; one with a worker is over when that has ended. */
static const struct {
        bool has_worker;
        HostPhase (*go_on)(HostRun *hr);
} phases[_HOST_PHASE_MAX] = {
        [HOST_PHASE_BEGUN] = { false, ask },           [HOST_PHASE_ASKING] = { true, hear },
        [HOST_PHASE_ASKED] = { false, arm },           [HOST_PHASE_ARMING] = { true, note_armed },
        [HOST_PHASE_ARMED] = { false, update_grub },   [HOST_PHASE_UPDATING] = { true, check_grub },
        [HOST_PHASE_ORDERING] = { true, check_order }, [HOST_PHASE_ENDED] = {},
};

bool host_run_step(HostRun *hr) {
        if (hr->phase == HOST_PHASE_ENDED || (phases[hr->phase].has_worker && !hr->worker_ended))
                return false;
        hr->phase = phases[hr->phase].go_on(hr);
        return true;
}

/* And what the firmware has made of it. */
void host_run_order(HostRun *hr) {
        Plan *plan = NULL;

        hr->context->host_ready = false;
        hr->phase = HOST_PHASE_ORDERING;
        if (plan_new(PLAN_ON_FIRMWARE, NULL, &plan) >= 0 &&
            (!plan_add(plan, PLAN_PREFER_SHIM, NULL) || !plan_add(plan, PLAN_FIRMWARE, NULL)))
                plan = plan_free(plan);
        run_say(hr->context, "changing the order of the firmware's entries");
        if (carry_out(hr, plan) < 0)
                hr->worker_ended = true;
        run_wake(hr->context);
}
