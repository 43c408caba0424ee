/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects /org/bootsync1/esp/ID: read only, from memory. Like the jobs they are served by a
 * fallback vtable that asks the manager for the ESP that a path names. */

#include <systemd/sd-bus.h>

#include "bus/bus-internal.h"
#include "bus/bus-util.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

char *bus_esp_path(const Esp *esp) {
        char *path;

        if (sd_bus_path_encode(BUS_PATH_ESP, esp_id(esp), &path) < 0)
                return NULL;
        return path;
}

static int esp_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *error) {
        _cleanup_free_ char *id = NULL;
        Bus *b = userdata;
        Esp *esp;
        int r;

        r = sd_bus_path_decode(path, BUS_PATH_ESP, &id);
        if (r <= 0)
                return r;
        esp = manager_find_esp(b->manager, id);
        if (!esp && b->leaving_esp && streq(esp_id(b->leaving_esp), id))
                esp = b->leaving_esp;
        if (!esp)
                return 0;
        *ret_found = esp;
        return 1;
}

static int esp_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                         sd_bus_error *error) {
        _cleanup_strv_ char **nodes = NULL;
        Bus *b = userdata;

        for (size_t i = 0; i < manager_n_esps(b->manager); i++)
                if (strv_consume(&nodes, bus_esp_path(manager_esp(b->manager, i))) < 0)
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(nodes);
        return 0;
}

BUS_DEFINE_PROPERTY(get_uuid, Esp, bus_append_string, esp_uuid(o))
BUS_DEFINE_PROPERTY(get_device, Esp, bus_append_string, esp_device(o))
BUS_DEFINE_PROPERTY(get_disk, Esp, bus_append_string, esp_disk(o))
BUS_DEFINE_PROPERTY(get_part_uuid, Esp, bus_append_string, esp_part_uuid(o))
BUS_DEFINE_PROPERTY(get_present, Esp, bus_append_boolean, esp_present(o))
BUS_DEFINE_PROPERTY(get_loader, Esp, bus_append_string, esp_loader_to_string(esp_loader(o)))
BUS_DEFINE_PROPERTY(get_loader_version, Esp, bus_append_string, esp_loader_version(o))
BUS_DEFINE_PROPERTY(get_one_shot_method, Esp, bus_append_string, esp_one_shot_method(o))
BUS_DEFINE_PROPERTY(get_state, Esp, bus_append_string, esp_state_to_string(esp_state(o)))
BUS_DEFINE_PROPERTY(get_kernels, Esp, bus_append_strv, esp_kernels(o))
BUS_DEFINE_PROPERTY(get_default, Esp, bus_append_string, esp_default_kernel(o))
BUS_DEFINE_PROPERTY(get_size, Esp, bus_append_u64, esp_size_bytes(o))
BUS_DEFINE_PROPERTY(get_free, Esp, bus_append_u64, esp_free_bytes(o))
BUS_DEFINE_PROPERTY(get_last_sync, Esp, bus_append_u64, esp_last_sync_usec(o))
BUS_DEFINE_PROPERTY(get_last_verify, Esp, bus_append_u64, esp_last_verify_usec(o))
BUS_DEFINE_PROPERTY(get_last_error, Esp, bus_append_string, esp_last_error(o))

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable esp_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Uuid", "s", get_uuid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Device", "s", get_device, 0, CHANGES),
        SD_BUS_PROPERTY("Disk", "s", get_disk, 0, CHANGES),
        SD_BUS_PROPERTY("PartUuid", "s", get_part_uuid, 0, CHANGES),
        SD_BUS_PROPERTY("Present", "b", get_present, 0, CHANGES),
        SD_BUS_PROPERTY("Loader", "s", get_loader, 0, CHANGES),
        SD_BUS_PROPERTY("LoaderVersion", "s", get_loader_version, 0, CHANGES),
        SD_BUS_PROPERTY("OneShotMethod", "s", get_one_shot_method, 0, CHANGES),
        SD_BUS_PROPERTY("State", "s", get_state, 0, CHANGES),
        SD_BUS_PROPERTY("Kernels", "as", get_kernels, 0, CHANGES),
        SD_BUS_PROPERTY("DefaultKernel", "s", get_default, 0, CHANGES),
        SD_BUS_PROPERTY("SizeBytes", "t", get_size, 0, CHANGES),
        SD_BUS_PROPERTY("FreeBytes", "t", get_free, 0, CHANGES),
        SD_BUS_PROPERTY("LastSyncUSec", "t", get_last_sync, 0, CHANGES),
        SD_BUS_PROPERTY("LastVerifyUSec", "t", get_last_verify, 0, CHANGES),
        SD_BUS_PROPERTY("LastError", "s", get_last_error, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

int bus_add_esps(Bus *b) {
        int r;

        r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_ESP, BUS_IFACE_ESP, esp_vtable,
                                       esp_find, b);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_ESP, esp_enumerate, b);
}

void bus_emit_esp_added(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        int r;

        r = path ? sd_bus_emit_object_added(b->bus, path) : -ENOMEM;
        if (r < 0)
                log_debug("Cannot announce ESP '%s': %s", esp_uuid(esp), strerror(-r));
}

/* Without names: all properties that change. */
void bus_emit_esp_changed(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        int r;

        r = path ? sd_bus_emit_properties_changed_strv(b->bus, path, BUS_IFACE_ESP, NULL) : -ENOMEM;
        if (r < 0)
                log_debug("Cannot tell of ESP '%s': %s", esp_uuid(esp), strerror(-r));
}

void bus_emit_esp_removed(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        int r;

        b->leaving_esp = esp;
        r = path ? sd_bus_emit_object_removed(b->bus, path) : -ENOMEM;
        b->leaving_esp = NULL;
        if (r < 0)
                log_debug("Cannot tell that ESP '%s' is gone: %s", esp_uuid(esp), strerror(-r));
}
