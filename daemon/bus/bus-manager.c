/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of /org/bootsync1, but for those about plans, partitions and the list of ESPs. Each
 * reads its arguments, asks whether the caller may, calls one verb of the manager and replies; what
 * a verb means is decided there. Nothing is done before the caller is authorised, since a message
 * may come by more than once until it is. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "common/names.h"
#include "common/string-util.h"

int bus_submit(Bus *b, sd_bus_message *m, JobCall *call, Job **ret_job, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        int r;

        r = bus_authorise(b, m, call->action, call->details, &call->request.uid, error);
        if (r <= 0)
                return r;
        r = manager_submit(b->manager, &call->request, ret_job, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return 1;
}

int bus_run_job(Bus *b, sd_bus_message *m, JobCall *call, sd_bus_error *error) {
        Job *job;
        int r;

        r = bus_submit(b, m, call, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, call->wait);
}

static int method_refresh(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobCall call = { .request = { .type = JOB_REFRESH }, .action = ACTION_REFRESH };
        const BusOption options[] = {
                { "esps", BUS_OPTION_STRV, &esps },
                { "verify", BUS_OPTION_BOOLEAN, &call.request.verify },
                { "new-kernel", BUS_OPTION_STRING, &call.request.new_kernel },
                { "wait", BUS_OPTION_BOOLEAN, &call.wait },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        call.request.esps = esps;
        return bus_run_job(userdata, m, &call, error);
}

static int method_verify(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strv_ char **esps = NULL;
        JobCall call = { .request = { .type = JOB_VERIFY }, .action = ACTION_REFRESH };
        const BusOption options[] = {
                { "esps", BUS_OPTION_STRV, &esps },
                { "wait", BUS_OPTION_BOOLEAN, &call.wait },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        call.request.esps = esps;
        return bus_run_job(userdata, m, &call, error);
}

static int method_probe_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobCall call = { .request = { .type = JOB_PROBE, .disks = true },
                         .action = ACTION_REFRESH };
        const BusOption options[] = {
                { "keys", BUS_OPTION_BOOLEAN, &call.request.keys },
                { "wait", BUS_OPTION_BOOLEAN, &call.wait },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        return bus_run_job(userdata, m, &call, error);
}

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
        r = manager_change_kernels(b->manager, &(KernelChange){ verb, version }, uid, &job,
                                   &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        return bus_reply_job(b, m, job, wait);
}

static int method_add_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_list(m, userdata, KERNEL_VERB_ADD, error);
}

static int method_remove_kernel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_list(m, userdata, KERNEL_VERB_REMOVE, error);
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
        r = manager_change_kernels(b->manager,
                                   &(KernelChange){ KERNEL_VERB_PIN, version,
                                                    next_boot ? PIN_NEXT_BOOT : PIN_PERMANENT },
                                   uid, &job, &reason);
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
        r = manager_change_kernels(
                        b->manager,
                        &(KernelChange){ .verb = KERNEL_VERB_UNPIN,
                                         .scope = next_boot ? PIN_NEXT_BOOT : PIN_PERMANENT },
                        uid, &job, &reason);
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
        const KernelSet *set = &manager_info(b->manager).known->facts->kernels;
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
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job, "s", type), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved",
                                SD_BUS_ARGS("t", id, "o", job, "s", type, "s", result, "s",
                                            error_name, "s", message),
                                0),
        SD_BUS_VTABLE_END,
};

static int add_manager(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, manager_vtable,
                                        b);
}

const BusPart bus_manager = { .add = add_manager };
