/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of /org/bootsync1 that make partitions ESPs, keep the list of ESPs, and tell which
 * partitions there are. A device is passed on as the caller named it, to polkit and to the manager:
 * what it leads to, and whether that may be touched, is not judged on this floor. */

#include <strings.h>
#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/bus-internal.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "common/names.h"
#include "common/string-util.h"

static int method_format_esp(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_FORMAT };
        bool wait = false;
        const BusOption options[] = {
                { "force", BUS_OPTION_BOOLEAN, &request.force },
                { "wait", BUS_OPTION_BOOLEAN, &wait },
        };
        Bus *b = userdata;
        Job *job;
        int r;

        r = sd_bus_message_read(m, "s", &request.device);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = bus_submit(b, m, ACTION_FORMAT_ESP,
                       (const char *const[]){ "device", request.device, NULL }, &request, &job,
                       error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

static int parse_loader(const char *loader, EspLoader *ret, sd_bus_error *error) {
        EspLoader value = esp_loader_from_string(loader);

        if (streq(loader, "auto"))
                value = ESP_LOADER_NONE;
        else if (value <= ESP_LOADER_NONE)
                return bus_errorf(error, ERROR_INVALID_OPTION,
                                  "The boot loader of an ESP is 'auto', 'systemd-boot' or 'grub'.");
        *ret = value;
        return 0;
}

static int method_init_esp(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_INIT };
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        const char *loader;
        Bus *b = userdata;
        Job *job;
        int r;

        r = sd_bus_message_read(m, "ss", &request.device, &loader);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = parse_loader(loader, &request.loader, error);
        if (r < 0)
                return r;
        r = bus_submit(b, m, ACTION_MANAGE_ESP,
                       (const char *const[]){ "device", request.device, "loader", loader, NULL },
                       &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

static int method_reinit_esps(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobRequest request = { .type = JOB_REINIT };
        bool wait = false;
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &wait } };
        Bus *b = userdata;
        Job *job;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = bus_submit(b, m, ACTION_MANAGE_ESP, NULL, &request, &job, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_reply_job(b, m, job, wait);
}

static int method_clean_esps(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **removed = NULL;
        _cleanup_error_ Error reason = {};
        bool dry_run = false;
        const BusOption options[] = { { "dry-run", BUS_OPTION_BOOLEAN, &dry_run } };
        Bus *b = userdata;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = bus_authorise(b, m, ACTION_MANAGE_ESP, NULL, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = manager_clean_esps(b->manager, dry_run, &removed, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = bus_append_strv(reply, removed);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

/* Only an ESP that is synced is ever looked into. */
static uint64_t free_bytes(const Manager *manager, const Partition *partition) {
        for (size_t i = 0; partition->fs_uuid && i < manager_n_esps(manager); i++) {
                const Esp *esp = manager_esp(manager, i);

                if (strcasecmp(esp_uuid(esp), partition->fs_uuid) == 0)
                        return esp_free_bytes(esp);
        }
        return 0;
}

static int append_partition(sd_bus_message *reply, const Manager *manager,
                            const Partition *partition) {
        const char *const texts[] = { partition->device, partition->disk, partition->part_uuid,
                                      partition->fs_type };
        bool listed = manager_partition_is_listed(manager, partition);
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ssssttsb");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(reply, texts[i]);
        if (r >= 0)
                r = bus_append_u64(reply, partition->size_bytes);
        if (r >= 0)
                r = bus_append_u64(reply, listed ? free_bytes(manager, partition) : 0);
        if (r >= 0)
                r = bus_append_string(reply, partition->in_use);
        if (r >= 0)
                r = bus_append_boolean(reply, listed);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const Partitions *partitions = manager_partitions(b->manager);
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssssttsb)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < partitions->n; i++) {
                if (partitions->items[i].number == 0) /* a whole disk */
                        continue;
                r = append_partition(reply, b->manager, &partitions->items[i]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

static const sd_bus_vtable esps_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("FormatEsp", ("s", device, "a{sv}", options), ("o", job), method_format_esp),
        BUS_METHOD("InitEsp", ("s", device, "s", loader, "a{sv}", options), ("o", job),
                   method_init_esp),
        BUS_METHOD("ReinitEsps", ("a{sv}", options), ("o", job), method_reinit_esps),
        BUS_METHOD("CleanEsps", ("a{sv}", options), ("as", removed), method_clean_esps),
        BUS_METHOD("ListPartitions", ("a{sv}", options), ("a(ssssttsb)", partitions),
                   method_list_partitions),
        SD_BUS_VTABLE_END,
};

int bus_add_manager_esps(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, esps_vtable, b);
}
