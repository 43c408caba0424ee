/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects /org/bootsync1/esp/ID: read only, from memory. Like the jobs they are served by a
 * fallback vtable that asks the manager for the ESP that a path names. */

#include <systemd/sd-bus.h>

#include "bus/shared.h"
#include "bus/bus-util.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

char *bus_esp_path(const Esp *esp) {
        char *path;

        if (sd_bus_path_encode(BUS_PATH_ESP, esp_info(esp).id, &path) < 0)
                return NULL;
        return path;
}

static int esp_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *error) {
        _cleanup_free_ char *id = NULL;
        Bus *b = userdata;
        int r;

        r = sd_bus_path_decode(path, BUS_PATH_ESP, &id);
        if (r <= 0)
                return r;
        if (b->leaving_esp && streq(esp_info(b->leaving_esp).id, id))
                *ret_found = b->leaving_esp;
        ESPS_FOREACH(esp, manager_info(b->manager).known->esps)
                if (streq(esp_info(esp).id, id))
                        *ret_found = esp;
        return *ret_found ? 1 : 0;
}

static int esp_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                         sd_bus_error *error) {
        _cleanup_strv_ char **nodes = NULL;
        Bus *b = userdata;

        ESPS_FOREACH(esp, manager_info(b->manager).known->esps)
                if (strv_consume(&nodes, bus_esp_path(esp)) < 0)
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(nodes);
        return 0;
}

BUS_DEFINE_PROPERTY(get_uuid, Esp, bus_append_string, esp_info(o).uuid)
BUS_DEFINE_PROPERTY(get_device, Esp, bus_append_string, esp_info(o).device)
BUS_DEFINE_PROPERTY(get_disk, Esp, bus_append_string, esp_info(o).disk)
BUS_DEFINE_PROPERTY(get_part_uuid, Esp, bus_append_string, esp_info(o).part_uuid)
BUS_DEFINE_PROPERTY(get_present, Esp, bus_append_boolean, esp_info(o).present)
BUS_DEFINE_PROPERTY(get_loader, Esp, bus_append_string, esp_loader_to_string(esp_info(o).loader))
BUS_DEFINE_PROPERTY(get_one_shot_method, Esp, bus_append_string, esp_info(o).one_shot_method)
BUS_DEFINE_PROPERTY(get_state, Esp, bus_append_string, esp_state_to_string(esp_info(o).state))
BUS_DEFINE_PROPERTY(get_kernels, Esp, bus_append_strv, esp_info(o).kernels)
BUS_DEFINE_PROPERTY(get_default, Esp, bus_append_string, esp_info(o).default_kernel)
BUS_DEFINE_PROPERTY(get_size, Esp, bus_append_u64, esp_info(o).size_bytes)
BUS_DEFINE_PROPERTY(get_free, Esp, bus_append_u64, esp_info(o).free_bytes)
BUS_DEFINE_PROPERTY(get_last_sync, Esp, bus_append_u64, esp_info(o).last_sync_usec)
BUS_DEFINE_PROPERTY(get_last_verify, Esp, bus_append_u64, esp_info(o).last_verify_usec)
BUS_DEFINE_PROPERTY(get_last_error, Esp, bus_append_string, esp_info(o).last_error)
BUS_DEFINE_PROPERTY(get_why, Esp, bus_append_string, esp_info(o).why)
BUS_DEFINE_PROPERTY(get_action, Esp, bus_append_string, esp_info(o).action)

/* Nothing tells it yet. */
static int get_loader_version(sd_bus *bus, const char *path, const char *interface,
                              const char *property, sd_bus_message *reply, void *userdata,
                              sd_bus_error *error) {
        return bus_append_string(reply, "");
}

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
        SD_BUS_PROPERTY("Why", "s", get_why, 0, CHANGES),
        SD_BUS_PROPERTY("Action", "s", get_action, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

static int note_esp(Bus *b, Esp *esp, const char *path) {
        const ToldObject object = { path, BUS_IFACE_ESP, esp_vtable, esp };

        return path ? told_note(&b->told, b->bus, &object) : -ENOMEM;
}

static int add_esps(Bus *b) {
        int r;

        ESPS_FOREACH(esp, manager_info(b->manager).known->esps) {
                _cleanup_free_ char *path = bus_esp_path(esp);

                r = note_esp(b, esp, path);
                if (r < 0)
                        return r;
        }

        r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_ESP, BUS_IFACE_ESP, esp_vtable,
                                       esp_find, b);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_ESP, esp_enumerate, b);
}

static void emit_esp_added(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        int r;

        r = note_esp(b, esp, path);
        if (r >= 0)
                r = sd_bus_emit_object_added(b->bus, path);
        if (r < 0)
                log_debug("Cannot announce ESP '%s': %s", esp_info(esp).uuid, strerror(-r));
}

static void emit_esp_changed(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        const ToldObject object = { path, BUS_IFACE_ESP, esp_vtable, esp };
        int r;

        r = path ? told_emit(&b->told, b->bus, &object, NULL) : -ENOMEM;
        if (r < 0)
                log_debug("Cannot tell of ESP '%s': %s", esp_info(esp).uuid, strerror(-r));
}

static void emit_esp_removed(Bus *b, Esp *esp) {
        _cleanup_free_ char *path = bus_esp_path(esp);
        int r;

        b->leaving_esp = esp;
        r = path ? sd_bus_emit_object_removed(b->bus, path) : -ENOMEM;
        b->leaving_esp = NULL;
        if (path)
                told_forget(&b->told, path);
        if (r < 0)
                log_debug("Cannot tell that ESP '%s' is gone: %s", esp_info(esp).uuid,
                          strerror(-r));
}

const BusPart bus_esps = {
        .add = add_esps,
        .esp_added = emit_esp_added,
        .esp_changed = emit_esp_changed,
        .esp_removed = emit_esp_removed,
};
