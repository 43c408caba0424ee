/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the object /org/bootsync1/ksm: its properties, and the lists that have methods of their
 * own. What a kernel does not have is not in the lists; nothing is made up for it here. */

#include "client/daemon/ksm-view.h"

#include "client/daemon/call.h"
#include "client/daemon/properties.h"
#include "common/names.h"
#include "common/string-util.h"

#define KSM(name, type, field) \
        { name, PROPERTY_##type, offsetof(KsmView, field) }

static const Property ksm_properties[] = {
        KSM("Supported", BOOLEAN, supported),
        KSM("RunState", STRING, run_state),
        KSM("AtBoot", BOOLEAN, at_boot),
        KSM("SavedBytes", U64, saved_bytes),
        KSM("MetadataBytes", U64, metadata_bytes),
        KSM("ProfitBytes", I64, profit_bytes),
        KSM("CpuUSec", U64, cpu_usec),
        KSM("CpuShare", DOUBLE, cpu_share),
};

#define APPEND(list, item)                                                           \
        ({                                                                           \
                if (!ARRAY_RESERVE((list)->items, (list)->allocated, (list)->n + 1)) \
                        out_of_memory();                                             \
                (list)->items[(list)->n++] = (item);                                 \
        })

void ksm_view_done(KsmView *v) {
        properties_done(ksm_properties, ELEMENTSOF(ksm_properties), v);
        free(v->counters.items);
        free(v->tunables.items);
        free(v->units.items);
        free(v->processes.items);
        for (size_t i = 0; i < v->n_replies; i++)
                sd_bus_message_unref(v->replies[i]);
        *v = (KsmView){};
}

static int read_counters(sd_bus_message *m, KsmView *v) {
        KsmCounter counter;
        int r;

        while ((r = sd_bus_message_read(m, "{sx}", &counter.name, &counter.value)) > 0)
                APPEND(&v->counters, counter);
        return r;
}

static int read_tunables(sd_bus_message *m, KsmView *v) {
        KsmTunable tunable;
        int r;

        while ((r = sd_bus_message_read(m, "{ss}", &tunable.name, &tunable.value)) > 0)
                APPEND(&v->tunables, tunable);
        return r;
}

static int read_units(sd_bus_message *m, KsmView *v) {
        KsmUnit unit;
        int r;

        while ((r = sd_bus_message_read(m, "(ssss)", &unit.name, &unit.load, &unit.active,
                                        &unit.file)) > 0)
                APPEND(&v->units, unit);
        return r;
}

static int read_processes(sd_bus_message *m, KsmView *v) {
        KsmProcess p;
        int r;

        while ((r = sd_bus_message_read(m, "(usubtbx)", &p.pid, &p.name, &p.vmid, &p.has_merged,
                                        &p.merged_bytes, &p.has_profit, &p.profit_bytes)) > 0)
                APPEND(&v->processes, p);
        return r;
}

/* @read what is in the array of @type that @reply is, and keep @reply. */
static ExitStatus read_list(KsmView *v, sd_bus_message *reply, const char *type,
                            int (*read)(sd_bus_message *m, KsmView *v)) {
        int r;

        assert(v->n_replies < ELEMENTSOF(v->replies));

        v->replies[v->n_replies++] = sd_bus_message_ref(reply);
        r = sd_bus_message_enter_container(reply, 'a', type);
        if (r >= 0)
                r = read(reply, v);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

/* Call @method, which returns such an array. */
static ExitStatus get_list(Connection *c, KsmView *v, const char *method, const char *type,
                           int (*read)(sd_bus_message *m, KsmView *v)) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ExitStatus status;

        status = call_method(c, CALL_READ, METHOD_KSM(method), NULL, NULL, &reply);
        return status == STATUS_DONE ? read_list(v, reply, type, read) : status;
}

ExitStatus ksm_view_get(Connection *c, KsmView *ret) {
        _cleanup_ksm_view_ KsmView v = {};
        ExitStatus status;

        status = properties_get(c, BUS_PATH_KSM, BUS_IFACE_KSM, ksm_properties,
                                ELEMENTSOF(ksm_properties), &v);
        if (status == STATUS_DONE)
                status = get_list(c, &v, "GetCounters", "{sx}", read_counters);
        if (status == STATUS_DONE)
                status = get_list(c, &v, "GetTunables", "{ss}", read_tunables);
        if (status == STATUS_DONE)
                status = get_list(c, &v, "GetUnits", "(ssss)", read_units);
        if (status == STATUS_DONE)
                *ret = TAKE_STRUCT(v);
        return status;
}

ExitStatus ksm_view_get_processes(Connection *c, KsmView *v) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(c->bus, c->destination, BUS_PATH_KSM, BUS_IFACE_KSM, "GetProcesses",
                               &error, &reply, "a{sv}", 0);
        if (r < 0)
                return connection_is_refused(&error) ? STATUS_NOT_AUTHORISED
                                                     : connection_failed(c, &error, r);
        return read_list(v, reply, "(usubtbx)", read_processes);
}
