/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of /org/bootsync1, what is known about the host, and its history. They are a
 * vtable of their own beside that of the other methods. A change is told by the groups in which the
 * engine reports it. */

#include <systemd/sd-bus.h>

#include "bus/shared.h"
#include "bus/bus-util.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

static const Facts *facts_of(const Bus *b) {
        return manager_info(b->manager).known->facts;
}

static const Verdict *verdict_of(const Bus *b) {
        return manager_info(b->manager).known->verdict;
}

static int append_kernels(sd_bus_message *m, const Bus *b, KernelView view) {
        _cleanup_strv_ char **versions = NULL;
        int r;

        r = kernel_set_list(&facts_of(b)->kernels, view, &versions);
        if (r < 0)
                return r;
        return bus_append_strv(m, versions);
}

static int append_warning(sd_bus_message *m, const Warning *w) {
        const char *const fields[] = {
                warning_kind(w->id)->word,
                warning_kind(w->id)->severity,
                w->subject,
                w->sentence,
                w->action,
        };
        int r = sd_bus_message_open_container(m, 'r', "sssss");

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fields); i++)
                r = bus_append_string(m, fields[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_warnings(sd_bus_message *m, const Warnings *l) {
        int r = sd_bus_message_open_container(m, 'a', "(sssss)");

        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = append_warning(m, &l->items[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return bus_append_string(reply, BOOTSYNC_VERSION);
}

BUS_DEFINE_PROPERTY(get_running, Bus, bus_append_string, facts_of(o)->host.running)
BUS_DEFINE_PROPERTY(get_default, Bus, bus_append_string, verdict_of(o)->default_kernel)
BUS_DEFINE_PROPERTY(get_wanted, Bus, bus_append_string, verdict_of(o)->wanted_kernel)
BUS_DEFINE_PROPERTY(get_manual, Bus, append_kernels, o, KERNELS_MANUAL)
BUS_DEFINE_PROPERTY(get_automatic, Bus, append_kernels, o, KERNELS_AUTOMATIC)
BUS_DEFINE_PROPERTY(get_selected, Bus, append_kernels, o, KERNELS_SELECTED)
BUS_DEFINE_PROPERTY(get_protected, Bus, append_kernels, o, KERNELS_PROTECTED)
BUS_DEFINE_PROPERTY(get_pinned, Bus, bus_append_string, facts_of(o)->conf.pin)
BUS_DEFINE_PROPERTY(get_next_boot, Bus, bus_append_string, facts_of(o)->conf.next_boot)
BUS_DEFINE_PROPERTY(get_auto_sync, Bus, bus_append_boolean,
                    isempty(manager_info(o->manager).auto_sync_reason))
BUS_DEFINE_PROPERTY(get_auto_sync_reason, Bus, bus_append_string,
                    manager_info(o->manager).auto_sync_reason)
BUS_DEFINE_PROPERTY(get_watching, Bus, bus_append_string, manager_info(o->manager).watching)
BUS_DEFINE_PROPERTY(get_watching_reason, Bus, bus_append_string,
                    manager_info(o->manager).watching_reason)
BUS_DEFINE_PROPERTY(get_cmdline, Bus, bus_append_string, verdict_of(o)->cmdline)
BUS_DEFINE_PROPERTY(get_cmdline_source, Bus, bus_append_string,
                    cmdline_source_to_string(verdict_of(o)->cmdline_source))
BUS_DEFINE_PROPERTY(get_in_sync, Bus, bus_append_boolean, verdict_of(o)->in_sync)
BUS_DEFINE_PROPERTY(get_in_sync_reason, Bus, bus_append_string, verdict_of(o)->in_sync_reason)
BUS_DEFINE_PROPERTY(get_redundancy, Bus, bus_append_string, verdict_of(o)->redundancy)
BUS_DEFINE_PROPERTY(get_redundancy_reason, Bus, bus_append_string, verdict_of(o)->redundancy_reason)
BUS_DEFINE_PROPERTY(get_warnings, Bus, append_warnings, manager_info(o->manager).known->warnings)
BUS_DEFINE_PROPERTY(get_pending, Bus, bus_append_strv, manager_info(o->manager).known->pending)
BUS_DEFINE_PROPERTY(get_last_refresh, Bus, bus_append_u64,
                    manager_info(o->manager).last_refresh_usec)
BUS_DEFINE_PROPERTY(get_last_refresh_result, Bus, bus_append_string,
                    manager_info(o->manager).last_refresh_result)

BUS_DEFINE_PROPERTY(get_pinned_since, Bus, bus_append_u64, facts_of(o)->conf.pin_usec)
BUS_DEFINE_PROPERTY(get_pinned_by, Bus, bus_append_string, manager_info(o->manager).pinned_by)

static int append_esp_deed(sd_bus_message *m, const EspDeed *d) {
        int r = sd_bus_message_open_container(m, 'r', "sbuasasts");

        if (r >= 0)
                r = bus_append_string(m, d->uuid);
        if (r >= 0)
                r = bus_append_boolean(m, d->in_sync);
        if (r >= 0)
                r = sd_bus_message_append(m, "u", (uint32_t) d->n_kernels);
        if (r >= 0)
                r = bus_append_strv(m, d->copied);
        if (r >= 0)
                r = bus_append_strv(m, d->removed);
        if (r >= 0)
                r = bus_append_u64(m, d->bytes);
        if (r >= 0)
                r = bus_append_string(m, d->error);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_esp_deeds(sd_bus_message *m, const Deed *d) {
        int r = sd_bus_message_open_container(m, 'a', "(sbuasasts)");

        for (size_t i = 0; r >= 0 && i < d->n_esps; i++)
                r = append_esp_deed(m, &d->esps[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_deed(sd_bus_message *m, const Deed *d) {
        _cleanup_free_ char *error =
                        isempty(d->error) ? NULL : strprintf(BUS_ERROR_PREFIX "%s", d->error);
        const char *const words[] = { d->by, d->result, error, d->message };
        int r = sd_bus_message_open_container(m, 'r', "tsttssssta(sbuasasts)");

        if (r >= 0)
                r = bus_append_u64(m, d->id);
        if (r >= 0)
                r = bus_append_string(m, d->type);
        if (r >= 0)
                r = sd_bus_message_append(m, "tt", d->start_usec, d->end_usec);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(words); i++)
                r = bus_append_string(m, words[i]);
        if (r >= 0)
                r = bus_append_u64(m, deed_bytes(d));
        if (r >= 0)
                r = append_esp_deeds(m, d);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_history(sd_bus_message *m, const History *h, uint32_t limit) {
        size_t first = h->n;
        int r;

        for (uint32_t n = 0; first > 0 && n < limit; first--)
                n += h->entries[first - 1].known;
        r = sd_bus_message_open_container(m, 'a', "(tsttssssta(sbuasasts))");
        for (size_t i = first; r >= 0 && i < h->n; i++)
                if (h->entries[i].known)
                        r = append_deed(m, &h->entries[i].deed);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int method_list_history(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t limit = HISTORY_JOBS_MAX;
        const BusOption options[] = { { "limit", BUS_OPTION_U32, &limit } };
        Bus *b = userdata;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_history(reply, manager_info(b->manager).known->history, limit);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable state_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("ListHistory", ("a{sv}", options), ("a(tsttssssta(sbuasasts))", jobs),
                   method_list_history),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("RunningKernel", "s", get_running, 0, CHANGES),
        SD_BUS_PROPERTY("DefaultKernel", "s", get_default, 0, CHANGES),
        SD_BUS_PROPERTY("WantedKernel", "s", get_wanted, 0, CHANGES),
        SD_BUS_PROPERTY("ManualKernels", "as", get_manual, 0, CHANGES),
        SD_BUS_PROPERTY("AutomaticKernels", "as", get_automatic, 0, CHANGES),
        SD_BUS_PROPERTY("SelectedKernels", "as", get_selected, 0, CHANGES),
        SD_BUS_PROPERTY("ProtectedKernels", "as", get_protected, 0, CHANGES),
        SD_BUS_PROPERTY("PinnedKernel", "s", get_pinned, 0, CHANGES),
        SD_BUS_PROPERTY("PinnedSinceUSec", "t", get_pinned_since, 0, CHANGES),
        SD_BUS_PROPERTY("PinnedBy", "s", get_pinned_by, 0, CHANGES),
        SD_BUS_PROPERTY("NextBootKernel", "s", get_next_boot, 0, CHANGES),
        SD_BUS_PROPERTY("AutoSync", "b", get_auto_sync, 0, CHANGES),
        SD_BUS_PROPERTY("AutoSyncReason", "s", get_auto_sync_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Watching", "s", get_watching, 0, CHANGES),
        SD_BUS_PROPERTY("WatchingReason", "s", get_watching_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Cmdline", "s", get_cmdline, 0, CHANGES),
        SD_BUS_PROPERTY("CmdlineSource", "s", get_cmdline_source, 0, CHANGES),
        SD_BUS_PROPERTY("InSync", "b", get_in_sync, 0, CHANGES),
        SD_BUS_PROPERTY("InSyncReason", "s", get_in_sync_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Redundancy", "s", get_redundancy, 0, CHANGES),
        SD_BUS_PROPERTY("RedundancyReason", "s", get_redundancy_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Warnings", "a(sssss)", get_warnings, 0, CHANGES),
        SD_BUS_PROPERTY("Pending", "as", get_pending, 0, CHANGES),
        SD_BUS_PROPERTY("LastRefreshUSec", "t", get_last_refresh, 0, CHANGES),
        SD_BUS_PROPERTY("LastRefreshResult", "s", get_last_refresh_result, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

/* Which property may have changed with which groups of ManagerChange. */
static const struct {
        const char *property;
        unsigned changes;
} property_groups[] = {
        { "RunningKernel", MANAGER_CHANGED_KERNELS },
        { "DefaultKernel", MANAGER_CHANGED_KERNELS | MANAGER_CHANGED_DEFAULT },
        { "WantedKernel", MANAGER_CHANGED_KERNELS | MANAGER_CHANGED_DEFAULT },
        { "ManualKernels", MANAGER_CHANGED_KERNELS },
        { "AutomaticKernels", MANAGER_CHANGED_KERNELS },
        { "SelectedKernels", MANAGER_CHANGED_KERNELS },
        { "ProtectedKernels", MANAGER_CHANGED_KERNELS },
        { "PinnedKernel", MANAGER_CHANGED_KERNELS },
        { "PinnedSinceUSec", MANAGER_CHANGED_KERNELS },
        { "PinnedBy", MANAGER_CHANGED_KERNELS },
        { "NextBootKernel", MANAGER_CHANGED_KERNELS },
        { "AutoSync", MANAGER_CHANGED_CONFIG },
        { "AutoSyncReason", MANAGER_CHANGED_CONFIG },
        { "Watching", MANAGER_CHANGED_STATE },
        { "WatchingReason", MANAGER_CHANGED_STATE },
        { "Cmdline", MANAGER_CHANGED_CONFIG },
        { "CmdlineSource", MANAGER_CHANGED_CONFIG },
        { "InSyncReason", MANAGER_CHANGED_STATE },
        { "InSync", MANAGER_CHANGED_STATE },
        { "Redundancy", MANAGER_CHANGED_STATE },
        { "RedundancyReason", MANAGER_CHANGED_STATE },
        { "Warnings", MANAGER_CHANGED_WARNINGS },
        { "Pending", MANAGER_CHANGED_PENDING },
        { "LastRefreshUSec", MANAGER_CHANGED_STATE },
        { "LastRefreshResult", MANAGER_CHANGED_STATE },
};

static ToldObject manager_object(Bus *b) {
        return (ToldObject){ BUS_PATH, BUS_IFACE_MANAGER, state_vtable, b };
}

static int add_manager_state(Bus *b) {
        const ToldObject object = manager_object(b);
        int r;

        r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, state_vtable, b);
        return r < 0 ? r : told_note(&b->told, b->bus, &object);
}

static void emit_manager_changed(Bus *b, unsigned changes) {
        const char *names[ELEMENTSOF(property_groups) + 1] = {};
        const ToldObject object = manager_object(b);
        size_t n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(property_groups); i++)
                if (property_groups[i].changes & changes)
                        names[n++] = property_groups[i].property;

        r = told_emit(&b->told, b->bus, &object, names);
        if (r < 0)
                log_debug("Cannot tell of changed properties: %s", strerror(-r));
}

const BusPart bus_manager_state = {
        .add = add_manager_state,
        .manager_changed = emit_manager_changed,
};
