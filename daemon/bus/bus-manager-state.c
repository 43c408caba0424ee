/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of /org/bootsync1: what is known about the host. They are a vtable of their own
 * beside that of the methods. A change is told by the groups in which the engine reports it. */

#include <systemd/sd-bus.h>

#include "bus/bus-internal.h"
#include "bus/bus-util.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

typedef int (*KernelView)(const KernelSet *set, char ***ret);

static int append_kernels(sd_bus_message *m, const Bus *b, KernelView view) {
        _cleanup_strv_ char **versions = NULL;
        int r;

        r = view(manager_kernels(b->manager), &versions);
        if (r < 0)
                return r;
        return bus_append_strv(m, versions);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return bus_append_string(reply, BOOTSYNC_VERSION);
}

BUS_DEFINE_PROPERTY(get_running, Bus, bus_append_string, manager_running_kernel(o->manager))
BUS_DEFINE_PROPERTY(get_default, Bus, bus_append_string, manager_default_kernel(o->manager))
BUS_DEFINE_PROPERTY(get_wanted, Bus, bus_append_string, manager_wanted_kernel(o->manager))
BUS_DEFINE_PROPERTY(get_manual, Bus, append_kernels, o, kernel_set_manual)
BUS_DEFINE_PROPERTY(get_automatic, Bus, append_kernels, o, kernel_set_automatic)
BUS_DEFINE_PROPERTY(get_selected, Bus, append_kernels, o, kernel_set_selected)
BUS_DEFINE_PROPERTY(get_protected, Bus, append_kernels, o, kernel_set_protected)
BUS_DEFINE_PROPERTY(get_pinned, Bus, bus_append_string, manager_pinned_kernel(o->manager))
BUS_DEFINE_PROPERTY(get_next_boot, Bus, bus_append_string, manager_next_boot_kernel(o->manager))
BUS_DEFINE_PROPERTY(get_auto_sync, Bus, bus_append_boolean, manager_auto_sync(o->manager))
BUS_DEFINE_PROPERTY(get_watching, Bus, bus_append_string, manager_watching(o->manager))
BUS_DEFINE_PROPERTY(get_watching_reason, Bus, bus_append_string,
                    manager_watching_reason(o->manager))
BUS_DEFINE_PROPERTY(get_cmdline, Bus, bus_append_string, manager_cmdline(o->manager))
BUS_DEFINE_PROPERTY(get_cmdline_source, Bus, bus_append_string,
                    cmdline_source_to_string(manager_cmdline_source(o->manager)))
BUS_DEFINE_PROPERTY(get_in_sync, Bus, bus_append_boolean, manager_in_sync(o->manager))
BUS_DEFINE_PROPERTY(get_in_sync_reason, Bus, bus_append_string, manager_in_sync_reason(o->manager))
BUS_DEFINE_PROPERTY(get_redundancy, Bus, bus_append_string, manager_redundancy(o->manager))
BUS_DEFINE_PROPERTY(get_redundancy_reason, Bus, bus_append_string,
                    manager_redundancy_reason(o->manager))
BUS_DEFINE_PROPERTY(get_last_refresh, Bus, bus_append_u64, manager_last_refresh_usec(o->manager))
BUS_DEFINE_PROPERTY(get_last_refresh_result, Bus, bus_append_string,
                    manager_last_refresh_result(o->manager))

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable state_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("RunningKernel", "s", get_running, 0, CHANGES),
        SD_BUS_PROPERTY("DefaultKernel", "s", get_default, 0, CHANGES),
        SD_BUS_PROPERTY("WantedKernel", "s", get_wanted, 0, CHANGES),
        SD_BUS_PROPERTY("ManualKernels", "as", get_manual, 0, CHANGES),
        SD_BUS_PROPERTY("AutomaticKernels", "as", get_automatic, 0, CHANGES),
        SD_BUS_PROPERTY("SelectedKernels", "as", get_selected, 0, CHANGES),
        SD_BUS_PROPERTY("ProtectedKernels", "as", get_protected, 0, CHANGES),
        SD_BUS_PROPERTY("PinnedKernel", "s", get_pinned, 0, CHANGES),
        SD_BUS_PROPERTY("NextBootKernel", "s", get_next_boot, 0, CHANGES),
        SD_BUS_PROPERTY("AutoSync", "b", get_auto_sync, 0, CHANGES),
        SD_BUS_PROPERTY("Watching", "s", get_watching, 0, CHANGES),
        SD_BUS_PROPERTY("WatchingReason", "s", get_watching_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Cmdline", "s", get_cmdline, 0, CHANGES),
        SD_BUS_PROPERTY("CmdlineSource", "s", get_cmdline_source, 0, CHANGES),
        SD_BUS_PROPERTY("InSync", "b", get_in_sync, 0, CHANGES),
        SD_BUS_PROPERTY("InSyncReason", "s", get_in_sync_reason, 0, CHANGES),
        SD_BUS_PROPERTY("Redundancy", "s", get_redundancy, 0, CHANGES),
        SD_BUS_PROPERTY("RedundancyReason", "s", get_redundancy_reason, 0, CHANGES),
        SD_BUS_PROPERTY("LastRefreshUSec", "t", get_last_refresh, 0, CHANGES),
        SD_BUS_PROPERTY("LastRefreshResult", "s", get_last_refresh_result, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

/* Which property is told of in which groups of ManagerChange. */
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
        { "NextBootKernel", MANAGER_CHANGED_KERNELS },
        { "AutoSync", MANAGER_CHANGED_CONFIG },
        { "Watching", MANAGER_CHANGED_STATE },
        { "WatchingReason", MANAGER_CHANGED_STATE },
        { "Cmdline", MANAGER_CHANGED_CONFIG },
        { "CmdlineSource", MANAGER_CHANGED_CONFIG },
        { "InSyncReason", MANAGER_CHANGED_STATE },
        { "InSync", MANAGER_CHANGED_STATE },
        { "Redundancy", MANAGER_CHANGED_STATE },
        { "RedundancyReason", MANAGER_CHANGED_STATE },
        { "LastRefreshUSec", MANAGER_CHANGED_STATE },
        { "LastRefreshResult", MANAGER_CHANGED_STATE },
};

int bus_add_manager_state(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, state_vtable, b);
}

void bus_emit_manager_changed(Bus *b, unsigned changes) {
        const char *names[ELEMENTSOF(property_groups) + 1] = {};
        size_t n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(property_groups); i++)
                if (property_groups[i].changes & changes)
                        names[n++] = property_groups[i].property;

        r = sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, BUS_IFACE_MANAGER,
                                                (char **) names);
        if (r < 0)
                log_debug("Cannot tell of changed properties: %s", strerror(-r));
}
