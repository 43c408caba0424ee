/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The object /org/bootsync1/ksm. What the kernel has in memory is read while the caller waits;
 * units and processes have to be asked for, so their callers get their replies later, and whoever
 * comes meanwhile gets the same one. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "bus/caller.h"
#include "bus/units.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

static int submit(Bus *b, sd_bus_message *m, const JobRequest *request, bool wait,
                  sd_bus_error *error) {
        JobCall call = {
                .request = *request,
                .action = ACTION_KSM_CONTROL,
                .details = (const char *const[]){ "job", job_type_to_string(request->type), NULL },
                .wait = wait,
        };

        return bus_run_job(b, m, &call, error);
}

static int method_enable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_KSM_ENABLE };
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        return r < 0 ? r : submit(userdata, m, &request, wait, error);
}

static int method_disable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_KSM_DISABLE };
        bool wait = false;
        const BusOption options[] = {
                { "unmerge", BUS_OPTION_BOOLEAN, &request.unmerge },
                { "force", BUS_OPTION_BOOLEAN, &request.force },
                { "wait", BUS_OPTION_BOOLEAN, &wait },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        return r < 0 ? r : submit(userdata, m, &request, wait, error);
}

static int method_unmerge(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_KSM_UNMERGE };
        bool wait = false;
        const BusOption options[] = {
                { "force", BUS_OPTION_BOOLEAN, &request.force },
                { "wait", BUS_OPTION_BOOLEAN, &wait },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        return r < 0 ? r : submit(userdata, m, &request, wait, error);
}

/* They are read before it is known whether the caller may set any. */
static int read_tunables(sd_bus_message *m, KsmAttributes *ret, sd_bus_error *error) {
        const char *name, *value;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "{ss}", &name, &value)) > 0) {
                if (ret->n >= KSM_ATTRIBUTES_MAX)
                        return bus_errorf(
                                        error, ERROR_INVALID_OPTION,
                                        "More than %d settings of KSM were given, which no kernel "
                                        "has.",
                                        KSM_ATTRIBUTES_MAX);
                r = ksm_attributes_add(ret, name, value);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int method_set_tunables(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(ksm_attributes_done) KsmAttributes tunables = {};
        JobRequest request = { .type = JOB_KSM_SET, .tunables = &tunables };
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        int r;

        r = read_tunables(m, &tunables, error);
        if (r >= 0)
                r = bus_read_options(m, options, ELEMENTSOF(options), error);
        return r < 0 ? r : submit(userdata, m, &request, wait, error);
}

static int append_counter(sd_bus_message *m, const KsmAttributes *l, const KsmAttribute *counter) {
        int64_t value;

        if (ksm_attributes_get_number(l, counter->name, &value) < 0)
                return 0;
        return sd_bus_message_append(m, "{sx}", counter->name, value);
}

static int append_tunable(sd_bus_message *m, const KsmAttributes *l, const KsmAttribute *tunable) {
        return sd_bus_message_append(m, "{ss}", tunable->name, tunable->value);
}

static int reply_attributes(sd_bus_message *m, const KsmAttributes *l, const char *type,
                            int (*append)(sd_bus_message *m, const KsmAttributes *l,
                                          const KsmAttribute *attribute)) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, type);
        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = append(reply, l, &l->items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int look(sd_bus_message *m, Bus *b, Ksm *ret, sd_bus_error *error) {
        int r = bus_read_options(m, NULL, 0, error);

        return r < 0 ? r : ksm_control_look(manager_info(b->manager).ksm, ret);
}

static int method_get_counters(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r = look(m, userdata, &ksm, error);

        return r < 0 ? r : reply_attributes(m, &ksm.counters, "{sx}", append_counter);
}

static int method_get_tunables(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r = look(m, userdata, &ksm, error);

        return r < 0 ? r : reply_attributes(m, &ksm.tunables, "{ss}", append_tunable);
}

/* 1: @m waits now. 0: it comes again when its sender is known; negative: too many wait. */
static int keep_waiting(Bus *b, BusMessages *l, sd_bus_message *m, sd_bus_error *error) {
        Caller *caller;
        int r;

        r = caller_of(b, m, &caller, error);
        if (r <= 0)
                return r;
        r = caller_find_place(caller, CALLER_WAITS_FOR_NEWS, sd_bus_message_get_member(m), error);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                return -ENOMEM;
        caller_take_place(b, m, CALLER_WAITS_FOR_NEWS);
        l->items[l->n++] = sd_bus_message_ref(m);
        return 1;
}

static void stop_waiting(Bus *b, sd_bus_message *m) {
        caller_leave_place(b, m, CALLER_WAITS_FOR_NEWS);
        sd_bus_message_unref(m);
}

static void messages_done(Bus *b, BusMessages *l) {
        for (size_t i = 0; i < l->n; i++)
                stop_waiting(b, l->items[i]);
        free(l->items);
        *l = (BusMessages){};
}

static void messages_drop(Bus *b, BusMessages *l, const char *sender) {
        size_t n = 0;

        for (size_t i = 0; i < l->n; i++)
                if (message_is_of(l->items[i], sender))
                        stop_waiting(b, l->items[i]);
                else
                        l->items[n++] = l->items[i];
        l->n = n;
}

static int append_unit(sd_bus_message *reply, const char *name, const Unit *unit) {
        return sd_bus_message_append(reply, "(ssss)", name, unit ? unit->load : "unknown",
                                     unit ? unit->active : "unknown",
                                     unit ? unit->file : "unknown");
}

static int reply_units(sd_bus_message *m, const Units *units) {
        static const char *const names[] = { KSM_UNIT, KSM_TUNER_UNIT };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssss)");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                r = append_unit(reply, names[i], units_find(units, names[i]));
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_units(const Units *units, const Error *error, void *userdata) {
        Bus *b = userdata;
        BusMessages waiting = TAKE_STRUCT(b->units_waiting);

        b->units_call = NULL;
        if (error_is_set(error))
                log_debug("%s.", strempty(error->message));
        for (size_t i = 0; i < waiting.n; i++)
                (void) reply_units(waiting.items[i], units);
        messages_done(b, &waiting);
}

static int method_get_units(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char *const names[] = { KSM_UNIT, KSM_TUNER_UNIT, NULL };
        const Units none = {};
        Bus *b = userdata;
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        if (b->peer)
                return reply_units(m, &none);
        r = keep_waiting(b, &b->units_waiting, m, error);
        if (r > 0 && !b->units_call)
                r = units_ops.ask(b, names, on_units, b, &b->units_call);
        if (r < 0 && !b->units_call)
                messages_done(b, &b->units_waiting);
        return r < 0 ? r : 1;
}

static int append_process(sd_bus_message *reply, const KsmProcess *p) {
        return sd_bus_message_append(reply, "(usubtbx)", p->pid, p->name, p->vmid, p->has_merged,
                                     p->merged_bytes, p->has_profit, p->profit_bytes);
}

static int reply_processes(sd_bus_message *m, const KsmProcesses *found) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(usubtbx)");
        for (size_t i = 0; r >= 0 && i < found->n; i++)
                r = append_process(reply, &found->items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_processes(const KsmProcesses *found, const Error *error, void *userdata) {
        Bus *b = userdata;
        BusMessages waiting = TAKE_STRUCT(b->processes_waiting);

        b->listing_processes = false;
        for (size_t i = 0; i < waiting.n; i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error reason = SD_BUS_ERROR_NULL;

                if (error_is_set(error)) {
                        (void) bus_error(&reason, error_code_to_errno(error->code), error);
                        (void) sd_bus_reply_method_error(waiting.items[i], &reason);
                } else
                        (void) reply_processes(waiting.items[i], found);
        }
        messages_done(b, &waiting);
}

static int method_get_processes(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        Bus *b = userdata;
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = bus_authorise(b, m, ACTION_KSM_PROCESSES, NULL, NULL, error);
        if (r > 0)
                r = keep_waiting(b, &b->processes_waiting, m, error);
        if (r <= 0 || b->listing_processes)
                return r < 0 ? r : 1;
        b->listing_processes = true; /* before: it may be told at once */
        r = ksm_control_list(manager_info(b->manager).ksm, on_processes, b, &reason);
        if (r < 0) {
                b->listing_processes = false;
                messages_done(b, &b->processes_waiting);
                return bus_error(error, r, &reason);
        }
        return 1;
}

/* A look for each property: they are files in the kernel's memory, and nobody asks often. */
#define DEFINE_KSM_PROPERTY(name, append, value)                                     \
        static int name(sd_bus *bus, const char *path, const char *interface,        \
                        const char *property, sd_bus_message *reply, void *userdata, \
                        sd_bus_error *error) {                                       \
                _cleanup_(ksm_done) Ksm ksm = {};                                    \
                Bus *b = userdata;                                                   \
                int r = ksm_control_look(manager_info(b->manager).ksm, &ksm);        \
                                                                                     \
                return r < 0 ? r : append(reply, value);                             \
        }

DEFINE_KSM_PROPERTY(get_supported, bus_append_boolean, ksm.state != KSM_UNSUPPORTED)
DEFINE_KSM_PROPERTY(get_run_state, bus_append_string, ksm_state_to_string(ksm.state))
static int append_i64(sd_bus_message *m, int64_t value) {
        return sd_bus_message_append(m, "x", value);
}

DEFINE_KSM_PROPERTY(get_saved, bus_append_u64, ksm_figures(&ksm).saved_bytes)
DEFINE_KSM_PROPERTY(get_metadata, bus_append_u64, ksm_figures(&ksm).metadata_bytes)
DEFINE_KSM_PROPERTY(get_profit, append_i64, ksm_figures(&ksm).profit_bytes)
BUS_DEFINE_PROPERTY(get_at_boot, Bus, bus_append_boolean,
                    ksm_control_at_boot(manager_info(o->manager).ksm))

static int get_cpu(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        uint64_t usec;
        double share;

        ksm_control_cpu(manager_info(b->manager).ksm, &usec, &share);
        return streq(property, "CpuUSec") ? bus_append_u64(reply, usec)
                                          : sd_bus_message_append(reply, "d", share);
}

static const sd_bus_vtable ksm_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("GetCounters", ("a{sv}", options), ("a{sx}", counters), method_get_counters),
        BUS_METHOD("GetTunables", ("a{sv}", options), ("a{ss}", tunables), method_get_tunables),
        BUS_METHOD("SetTunables", ("a{ss}", tunables, "a{sv}", options), ("o", job),
                   method_set_tunables),
        BUS_METHOD("GetUnits", ("a{sv}", options), ("a(ssss)", units), method_get_units),
        BUS_METHOD("GetProcesses", ("a{sv}", options), ("a(usubtbx)", processes),
                   method_get_processes),
        BUS_METHOD("Enable", ("a{sv}", options), ("o", job), method_enable),
        BUS_METHOD("Disable", ("a{sv}", options), ("o", job), method_disable),
        BUS_METHOD("Unmerge", ("a{sv}", options), ("o", job), method_unmerge),
        SD_BUS_PROPERTY("Supported", "b", get_supported, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("RunState", "s", get_run_state, 0, 0),
        SD_BUS_PROPERTY("AtBoot", "b", get_at_boot, 0, 0),
        SD_BUS_PROPERTY("SavedBytes", "t", get_saved, 0, 0),
        SD_BUS_PROPERTY("MetadataBytes", "t", get_metadata, 0, 0),
        SD_BUS_PROPERTY("ProfitBytes", "x", get_profit, 0, 0),
        SD_BUS_PROPERTY("CpuUSec", "t", get_cpu, 0, 0),
        SD_BUS_PROPERTY("CpuShare", "d", get_cpu, 0, 0),
        SD_BUS_VTABLE_END,
};

static int add_ksm(Bus *b) {
        if (!b->peer)
                ksm_control_set_units(manager_info(b->manager).ksm, &units_ops, b);
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH_KSM, BUS_IFACE_KSM, ksm_vtable, b);
}

static void forget_callers(Bus *b) {
        ksm_control_set_units(manager_info(b->manager).ksm, NULL, NULL);
        ksm_control_forget_list(manager_info(b->manager).ksm);
        b->listing_processes = false;
        if (b->units_call)
                b->units_call = units_ops.free(b->units_call);
        messages_done(b, &b->units_waiting);
        messages_done(b, &b->processes_waiting);
}

static void forget_sender(Bus *b, const char *sender) {
        messages_drop(b, &b->units_waiting, sender);
        messages_drop(b, &b->processes_waiting, sender);
}

const BusPart bus_ksm = {
        .add = add_ksm,
        .sender_left = forget_sender,
        .all_left = forget_callers,
};
