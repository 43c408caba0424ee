/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of /org/bootsync1, but for those about partitions and the list of ESPs. Each reads
 * its arguments, asks whether the caller may, calls one verb of the manager and replies; what a
 * verb means is decided there. Nothing is done before the caller is authorised, since a message may
 * come by more than once until it is. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/bus-internal.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "common/names.h"
#include "common/string-util.h"

int bus_submit(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
               JobRequest *request, Job **ret_job, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        int r;

        r = bus_authorise(b, m, action, details, &request->uid, error);
        if (r <= 0)
                return r;
        r = manager_submit(b->manager, request, ret_job, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return 1;
}

static int method_refresh(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobRequest request = { .type = JOB_REFRESH };
        bool wait = false;
        const BusOption options[] = {
                { "esps", BUS_OPTION_STRV, &esps },
                { "verify", BUS_OPTION_BOOLEAN, &request.verify },
                { "new-kernel", BUS_OPTION_STRING, &request.new_kernel },
                { "wait", BUS_OPTION_BOOLEAN, &wait },
        };
        Bus *b = userdata;
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        request.esps = esps;
        r = bus_submit(b, m, ACTION_REFRESH, NULL, &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

static int method_verify(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobRequest request = { .type = JOB_VERIFY };
        bool wait = false;
        const BusOption options[] = {
                { "esps", BUS_OPTION_STRV, &esps },
                { "wait", BUS_OPTION_BOOLEAN, &wait },
        };
        Bus *b = userdata;
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        request.esps = esps;
        r = bus_submit(b, m, ACTION_REFRESH, NULL, &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

static int method_probe_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_PROBE, .disks = true };
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        Bus *b = userdata;
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = bus_submit(b, m, ACTION_REFRESH, NULL, &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

typedef int (*KernelVerb)(Manager *m, const char *version, uid_t uid, Job **ret_job, Error *error);

static int change_list(sd_bus_message *m, Bus *b, KernelVerb verb, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        const char *version;
        Job *job;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &version);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = bus_authorise(b, m, ACTION_MANAGE_KERNELS,
                          (const char *const[]){ "version", version, NULL }, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = verb(b->manager, version, uid, &job, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return bus_reply_job(b, m, job, wait);
}

static int method_add_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_list(m, userdata, manager_add_kernel, error);
}

static int method_remove_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_list(m, userdata, manager_remove_kernel, error);
}

static int method_pin_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        bool wait = false, next_boot;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        const char *version, *scope;
        Bus *b = userdata;
        Job *job;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "ss", &version, &scope);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        next_boot = streq(scope, "next-boot");
        if (!next_boot && !streq(scope, "permanent"))
                return bus_errorf(error, ERROR_INVALID_OPTION,
                                  "The scope of a pin is 'permanent' or 'next-boot'.");
        r = bus_authorise(b, m, ACTION_PIN_KERNEL,
                          (const char *const[]){ "version", version, "scope", scope, NULL }, &uid,
                          error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = manager_pin(b->manager, version, next_boot ? PIN_NEXT_BOOT : PIN_PERMANENT, uid, &job,
                        &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return bus_reply_job(b, m, job, wait);
}

static int method_unpin_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        bool wait = false, next_boot;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        const char *scope;
        Bus *b = userdata;
        Job *job;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &scope);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        next_boot = streq(scope, "next-boot");
        if (!next_boot && !streq(scope, "all"))
                return bus_errorf(error, ERROR_INVALID_OPTION,
                                  "The scope of an unpin is 'all' or 'next-boot'.");
        r = bus_authorise(b, m, ACTION_PIN_KERNEL, (const char *const[]){ "scope", scope, NULL },
                          &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = manager_unpin(b->manager, next_boot, uid, &job, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return bus_reply_job(b, m, job, wait);
}

static int append_kernel(sd_bus_message *reply, const Kernel *kernel) {
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ssasb");
        if (r < 0)
                return r;
        r = bus_append_string(reply, kernel->version);
        if (r < 0)
                return r;
        r = bus_append_string(reply, kernel_state_to_string(kernel->state));
        if (r < 0)
                return r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "s");
        if (r < 0)
                return r;
        for (KernelReason i = 0; i < _KERNEL_REASON_MAX; i++) {
                if (!kernel_has_reason(kernel, i))
                        continue;
                r = bus_append_string(reply, kernel_reason_to_string(i));
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        r = bus_append_boolean(reply, kernel_is_bootable(kernel));
        if (r < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int method_list_kernels(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const KernelSet *set = manager_kernels(b->manager);
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssasb)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < set->n_kernels; i++) {
                r = append_kernel(reply, &set->kernels[i]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

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

        if (plan->problem) {
                r = append_row(reply, esp, "problem", plan->problem, 0);
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
static int append_unplanned(sd_bus_message *reply, const Job *job, const Esp *esp) {
        if (!job_wants_esp(job, esp_uuid(esp)) || isempty(esp_last_error(esp)))
                return 0;
        for (size_t i = 0; i < job_n_plans(job); i++)
                if (streq_ptr(job_plan(job, i)->esp_uuid, esp_uuid(esp)))
                        return 0;
        return append_row(reply, esp_uuid(esp), "problem", esp_last_error(esp), 0);
}

static int reply_plan(Bus *b, sd_bus_message *m, Job *job) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (job_get_result(job) == JOB_RESULT_CANCELED ||
            (job_n_plans(job) == 0 && job_get_result(job) != JOB_RESULT_DONE))
                return bus_reply_job_error(m, job);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssst)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < job_n_plans(job); i++) {
                r = append_plan(reply, job_plan(job, i));
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < manager_n_esps(b->manager); i++) {
                r = append_unplanned(reply, job, manager_esp(b->manager, i));
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

static int method_plan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobRequest request = { .type = JOB_PLAN };
        const BusOption options[] = { { "esps", BUS_OPTION_STRV, &esps } };
        Bus *b = userdata;
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        request.esps = esps;
        r = bus_submit(b, m, ACTION_REFRESH, NULL, &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_wait_for_job(b, m, job, reply_plan);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("Refresh", ("a{sv}", options), ("o", job), method_refresh),
        BUS_METHOD("Verify", ("a{sv}", options), ("o", job), method_verify),
        BUS_METHOD("ProbePartitions", ("a{sv}", options), ("o", job), method_probe_partitions),
        BUS_METHOD("AddKernel", ("s", version, "a{sv}", options), ("o", job), method_add_kernel),
        BUS_METHOD("RemoveKernel", ("s", version, "a{sv}", options), ("o", job),
                   method_remove_kernel),
        BUS_METHOD("PinKernel", ("s", version, "s", scope, "a{sv}", options), ("o", job),
                   method_pin_kernel),
        BUS_METHOD("UnpinKernel", ("s", scope, "a{sv}", options), ("o", job), method_unpin_kernel),
        BUS_METHOD("ListKernels", ("a{sv}", options), ("a(ssasb)", kernels), method_list_kernels),
        BUS_METHOD("Plan", ("a{sv}", options), ("a(ssst)", steps), method_plan),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job, "s", type), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved",
                                SD_BUS_ARGS("t", id, "o", job, "s", type, "s", result, "s",
                                            error_name, "s", message),
                                0),
        SD_BUS_VTABLE_END,
};

int bus_add_manager(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, manager_vtable,
                                        b);
}
