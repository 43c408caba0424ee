/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One deadline is for all of it: a bus that takes connections and says nothing, an ssh that hangs,
 * a daemon that does not answer. So the connection is made here and not by connection_open(), which
 * waits for people, and starts a daemon where there is none. */

#include "client/watch/look.h"

#include "client/daemon/service.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"

#define LOOK_USEC (10 * UINT64_C(1000000))
#define UNIT      "bootsyncd.service"

#define KSM(name, type, field) \
        { name, PROPERTY_##type, offsetof(Look, ksm.field) }

static const Property ksm_properties[] = {
        KSM("Supported", BOOLEAN, supported),  KSM("RunState", STRING, run_state),
        KSM("SavedBytes", U64, saved_bytes),   KSM("CpuUSec", U64, cpu_usec),
        KSM("ProfitBytes", I64, profit_bytes),
};

void look_done(Look *look) {
        properties_done(ksm_properties, ELEMENTSOF(ksm_properties), look);
        boot_summary_done(&look->boot);
        job_infos_done(&look->jobs);
        esp_infos_done(&look->esps);
        manager_info_done(&look->info);
        free(look->why);
        *look = (Look){};
}

/* The next call has what is left of the time. False if nothing is. */
static bool set_timeout(sd_bus *bus, uint64_t deadline) {
        uint64_t now = monotonic_usec();

        return now < deadline && sd_bus_set_method_call_timeout(bus, deadline - now) >= 0;
}

/* 0, or -errno; -ETIMEDOUT at the deadline. */
static int wait_until_ready(sd_bus *bus, uint64_t deadline) {
        int r;

        while ((r = sd_bus_is_ready(bus)) == 0) {
                uint64_t now = monotonic_usec();

                if (now >= deadline)
                        return -ETIMEDOUT;
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, deadline - now);
                if (r < 0)
                        return r;
        }
        return MIN(r, 0);
}

/* 1 if the daemon has its name, 0 if not, or -errno. */
static int is_running(sd_bus *bus, uint64_t deadline) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r, owned;

        if (!set_timeout(bus, deadline))
                return -ETIMEDOUT;
        r = sd_bus_call_method(bus, BUS_DRIVER, "/org/freedesktop/DBus", BUS_DRIVER, "NameHasOwner",
                               NULL, &reply, "s", BUS_NAME);
        if (r >= 0)
                r = sd_bus_message_read(reply, "b", &owned);
        return r < 0 ? r : owned;
}

static char *explain(const Options *o, int r) {
        const char *host = o->host ?: "the system bus";

        return must(r == -ETIMEDOUT ? strprintf("There was no answer from %s in ten seconds", host)
                                    : strprintf("Failed to reach %s: %s", host, strerror(-r)));
}

/* A reason why not; NULL: *@ret is a connection to a bus with a daemon. */
static char *reach(const Options *o, uint64_t deadline, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        if (o->root)
                return must(strprintf("No bootsyncd runs for '%s', below --root", o->root));
        if (!o->host && connection_in_chroot())
                return must(strdup("This is a chroot, for which no bootsyncd runs"));
        r = o->host ? sd_bus_open_system_remote(&bus, o->host) : sd_bus_open_system(&bus);
        if (r >= 0)
                r = wait_until_ready(bus, deadline);
        if (r >= 0)
                r = is_running(bus, deadline);
        if (r < 0)
                return explain(o, r);
        if (r == 0)
                return must(strdup("bootsyncd does not run; start it with 'systemctl start " UNIT
                                   "', and look with 'journalctl -u bootsyncd'"));
        *ret = TAKE_PTR(bus);
        return NULL;
}

static ExitStatus read_all(Connection *c, unsigned flags, uint64_t deadline, Look *look) {
        ExitStatus status = STATUS_FAILED;

        if (set_timeout(c->bus, deadline))
                status = manager_info_get(c, &look->info);
        if (status == STATUS_DONE)
                status = set_timeout(c->bus, deadline)
                                         ? all_infos_get(c, &look->esps, &look->jobs, &look->boot)
                                         : STATUS_FAILED;
        if (status == STATUS_DONE && (flags & LOOK_AT_KSM))
                status = set_timeout(c->bus, deadline)
                                         ? properties_get(c, BUS_PATH_KSM, BUS_IFACE_KSM,
                                                          ksm_properties,
                                                          ELEMENTSOF(ksm_properties), look)
                                         : STATUS_FAILED;
        if (status == STATUS_DONE && (flags & LOOK_AT_SERVICE) && !c->host)
                service_warn(c, &look->info.warnings);
        return status;
}

Look look_take(const Options *options, unsigned flags) {
        const uint64_t deadline = monotonic_usec() + LOOK_USEC;
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_look_ Look look = {};
        Connection c = { .destination = BUS_NAME, .host = options->host };

        look.why = reach(options, deadline, &bus);
        if (look.why)
                return TAKE_STRUCT(look);
        c.bus = bus;
        if (read_all(&c, flags, deadline, &look) != STATUS_DONE)
                look.why = must(strdup("bootsyncd does not answer as it should; look with "
                                       "'systemctl status " UNIT "'"));
        return TAKE_STRUCT(look);
}
