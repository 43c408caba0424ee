/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of /org/bootsync1 that make partitions ESPs, keep the list of ESPs, and tell which
 * partitions there are. What a caller names is resolved once a call, before polkit is asked: the
 * question, its details and the job are about that device. As a verdict holds for the same details
 * only, a link that leads elsewhere by then is another question. Whether the device may be touched
 * is not judged on this floor. */

#include <strings.h>
#include <sys/sysmacros.h>
#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/disk/partition-advice.h"
#include "engine/facts/esp-list.h"

/* Of the disk that @p is on, as a part of a sentence. NULL when out of memory. */
static char *disk_in_words(const Partition *p) {
        if (!p)
                return strdup("that was not looked at");
        if (!p->model && !p->serial)
                return strprintf("%s, of unknown make", p->disk);
        return strprintf("%s, '%s' with the serial number '%s'", p->disk, p->model ?: "unknown",
                         p->serial ?: "unknown");
}

static char *content_in_words(const Partition *p) {
        if (!p)
                return strdup("of unknown content");
        return p->fs_type ? strprintf("holds '%s'", p->fs_type) : strdup("holds nothing");
}

static char *number_in_words(const DeviceId *id) {
        return strprintf("%u:%u", major(id->number), minor(id->number));
}

static const Disks *disks_of(const Bus *b) {
        return manager_info(b->manager).known->disks;
}

/* For polkit: keys and values, the first one is the device. Rules may go by any of them, and the
 * dialog is made of them. */
static int device_details(const Bus *b, const NamedDevice *device, char ***ret) {
        const Partition *p = disks_find(disks_of(b), device);
        const struct {
                const char *key;
                char *value;
        } details[] = {
                { "device", strdup(device->path) },
                { "size", p ? bytes_for_humans(p->size_bytes) : strdup("of unknown size") },
                { "content", content_in_words(p) },
                { "disk", disk_in_words(p) },
                { "model", strdup(p ? strempty(p->model) : "") },
                { "serial", strdup(p ? strempty(p->serial) : "") },
                { "number", number_in_words(&device->id) },
                { "diskseq", strprintf("%llu", (unsigned long long) device->id.diskseq) },
        };
        _cleanup_strv_ char **l = NULL;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(details); i++) {
                if (r >= 0)
                        r = strv_extend(&l, details[i].key);
                if (r >= 0)
                        r = strv_consume(&l, details[i].value);
                else
                        free(details[i].value);
        }
        if (r >= 0)
                *ret = TAKE_PTR(l);
        return r;
}

/* Follow @path to its device, and say what polkit is told of that. */
static int name_device(const Bus *b, const char *path, NamedDevice *ret, char ***ret_details,
                       sd_bus_error *error) {
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_error_ Error reason = {};
        int r;

        r = disks_name_device(disks_of(b), path, &device, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        r = device_details(b, &device, ret_details);
        if (r >= 0)
                *ret = TAKE_STRUCT(device);
        return r;
}

static int add_detail(char ***details, const char *key, const char *value) {
        int r = strv_extend(details, key);

        return r < 0 ? r : strv_extend(details, value);
}

static int method_format_esp(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobCall call = { .request = { .type = JOB_FORMAT }, .action = ACTION_FORMAT_ESP };
        const BusOption options[] = {
                { "force", BUS_OPTION_BOOLEAN, &call.request.force },
                { "wait", BUS_OPTION_BOOLEAN, &call.wait },
        };
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_strv_ char **details = NULL;
        Bus *b = userdata;
        const char *path;
        int r;

        r = sd_bus_message_read(m, "s", &path);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0)
                r = name_device(b, path, &device, &details, error);
        if (r >= 0)
                r = add_detail(&details, "force", call.request.force ? "yes" : "no");
        if (r < 0)
                return r;
        call.request.device = device.path;
        call.request.device_id = device.id;
        call.details = (const char *const *) details;
        return bus_run_job(b, m, &call, error);
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
        JobCall call = { .request = { .type = JOB_INIT }, .action = ACTION_MANAGE_ESP };
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &call.wait } };
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_strv_ char **details = NULL;
        const char *path, *loader;
        Bus *b = userdata;
        int r;

        r = sd_bus_message_read(m, "ss", &path, &loader);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0)
                r = parse_loader(loader, &call.request.loader, error);
        if (r >= 0)
                r = name_device(b, path, &device, &details, error);
        if (r >= 0)
                r = add_detail(&details, "loader", loader);
        if (r < 0)
                return r;
        call.request.device = device.path;
        call.request.device_id = device.id;
        call.details = (const char *const *) details;
        return bus_run_job(b, m, &call, error);
}

static int method_reinit_esps(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobCall call = { .request = { .type = JOB_REINIT }, .action = ACTION_MANAGE_ESP };
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &call.wait } };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        return bus_run_job(userdata, m, &call, error);
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

/* The ESP on the list that @name means. */
static int find_esp(const Bus *b, const char *name, Esp **ret, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        int r = esp_list_find(manager_info(b->manager).known->esps, name, ret, &reason);

        return r < 0 ? bus_error(error, r, &reason) : 0;
}

static int method_remove_esp(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **entries = NULL;
        _cleanup_free_ char *uuid = NULL;
        _cleanup_error_ Error reason = {};
        bool force = false;
        const BusOption options[] = { { "force", BUS_OPTION_BOOLEAN, &force } };
        Bus *b = userdata;
        const char *name;
        Esp *esp;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0)
                r = find_esp(b, name, &esp, error);
        if (r < 0)
                return r;
        uuid = strdup(esp_info(esp).uuid);
        if (!uuid)
                return -ENOMEM;
        r = bus_authorise(b, m, ACTION_MANAGE_ESP,
                          (const char *const[]){ "esp", uuid, "force", force ? "yes" : "no", NULL },
                          NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = manager_remove_esp(b->manager, uuid, force, &entries, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = bus_append_string(reply, uuid);
        if (r >= 0)
                r = bus_append_strv(reply, entries);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

/* From memory. */
static int method_get_esp(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *path = NULL;
        Bus *b = userdata;
        const char *name;
        Esp *esp;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = bus_read_options(m, NULL, 0, error);
        if (r >= 0)
                r = find_esp(b, name, &esp, error);
        if (r < 0)
                return r;
        path = bus_esp_path(esp);
        return path ? sd_bus_reply_method_return(m, "os", path, esp_info(esp).uuid) : -ENOMEM;
}

/* Only an ESP that is synced is ever looked into. */
static uint64_t free_bytes(const Bus *b, const Partition *partition) {
        ESPS_FOREACH(esp, manager_info(b->manager).known->esps)
                if (partition->fs_uuid && strcasecmp(esp_info(esp).uuid, partition->fs_uuid) == 0)
                        return esp_info(esp).free_bytes;
        return 0;
}

static bool is_listed(const Bus *b, const Partition *partition) {
        const KernelConf *conf = &manager_info(b->manager).known->facts->conf;

        return partition->fs_uuid && streq_ptr(partition->fs_type, "vfat") &&
               strv_contains(conf->esps.items, partition->fs_uuid);
}

static int append_partition(sd_bus_message *reply, const Bus *b, const Partition *partition) {
        const char *const texts[] = { partition->device, partition->disk, partition->part_uuid,
                                      partition->fs_type };
        bool listed = is_listed(b, partition);
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ssssttsb");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(reply, texts[i]);
        if (r >= 0)
                r = bus_append_u64(reply, partition->size_bytes);
        if (r >= 0)
                r = bus_append_u64(reply, listed ? free_bytes(b, partition) : 0);
        if (r >= 0)
                r = bus_append_string(reply, partition->in_use);
        if (r >= 0)
                r = bus_append_boolean(reply, listed);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_partitions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const Partitions *partitions = disks_partitions(disks_of(b));
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
                r = append_partition(reply, b, &partitions->items[i]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

#define CANDIDATE "(ssssssssttbbsas)"

static int append_candidate(sd_bus_message *reply, const Bus *b, const Partition *p) {
        const char *const texts[] = { p->device, p->disk,    p->part_uuid, p->model,
                                      p->serial, p->fs_type, p->label,     p->in_use };
        _cleanup_(partition_advice_done) PartitionAdvice advice = {};
        bool listed = is_listed(b, p);
        int r;

        r = partition_advise(p, disks_partitions(disks_of(b)), listed, &advice);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ssssssssttbbsas");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(reply, texts[i]);
        if (r >= 0)
                r = bus_append_u64(reply, p->size_bytes);
        if (r >= 0)
                r = bus_append_u64(reply, listed ? free_bytes(b, p) : 0);
        if (r >= 0)
                r = bus_append_boolean(reply, listed);
        if (r >= 0)
                r = bus_append_boolean(reply, advice.usable);
        if (r >= 0)
                r = bus_append_string(reply, advice.why);
        if (r >= 0)
                r = bus_append_strv(reply, advice.commands);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static bool has_listed(const Bus *b, const Partition *disk) {
        const Partitions *all = disks_partitions(disks_of(b));

        for (size_t i = 0; i < all->n; i++)
                if (streq(all->items[i].disk, disk->device) && is_listed(b, &all->items[i]))
                        return true;
        return false;
}

static int append_disk(sd_bus_message *reply, const Bus *b, const Partition *disk) {
        _cleanup_free_ char *sentence = NULL;
        int r;

        r = disk_advise(disk, disks_partitions(disks_of(b)), has_listed(b, disk), &sentence);
        if (r < 0 || !sentence)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_STRUCT, "ss");
        if (r >= 0)
                r = bus_append_string(reply, disk->device);
        if (r >= 0)
                r = bus_append_string(reply, sentence);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_candidates(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const Partitions *all = disks_partitions(disks_of(b));
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, CANDIDATE);
        for (size_t i = 0; r >= 0 && i < 2 * all->n; i++) {
                const Partition *p = &all->items[i % all->n];
                bool of_root = disk_carries(all, p->disk) != NULL;

                /* The disks of the root first, each partition once. */
                if (p->number > 0 && of_root == (i < all->n))
                        r = append_candidate(reply, b, p);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ss)");
        for (size_t i = 0; r >= 0 && i < all->n; i++)
                if (all->items[i].number == 0)
                        r = append_disk(reply, b, &all->items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

/* @p may be NULL: the last look did not find it. */
static int append_description(sd_bus_message *reply, const char *device, const Partition *p) {
        const Partition nothing = {}, *known = p ?: &nothing;
        const char *const texts[] = { device,        known->disk,    known->model,
                                      known->serial, known->fs_type, known->in_use };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(reply, texts[i]);
        return r < 0 ? r : bus_append_u64(reply, known->size_bytes);
}

/* From memory, as ListPartitions; the name is all that is looked up. */
static int method_get_partition(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_error_ Error reason = {};
        Bus *b = userdata;
        const char *path;
        int r;

        r = sd_bus_message_read(m, "s", &path);
        if (r < 0)
                return r;
        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = disks_name_device(disks_of(b), path, &device, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_description(reply, device.path, disks_find(disks_of(b), &device));
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}
static const sd_bus_vtable esps_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("FormatEsp", ("s", device, "a{sv}", options), ("o", job), method_format_esp),
        BUS_METHOD("InitEsp", ("s", device, "s", loader, "a{sv}", options), ("o", job),
                   method_init_esp),
        BUS_METHOD("ReinitEsps", ("a{sv}", options), ("o", job), method_reinit_esps),
        BUS_METHOD("CleanEsps", ("a{sv}", options), ("as", removed), method_clean_esps),
        BUS_METHOD("RemoveEsp", ("s", esp, "a{sv}", options), ("s", removed, "as", entries),
                   method_remove_esp),
        BUS_METHOD("GetEsp", ("s", name, "a{sv}", options), ("o", esp, "s", uuid), method_get_esp),
        BUS_METHOD("ListPartitions", ("a{sv}", options), ("a(ssssttsb)", partitions),
                   method_list_partitions),
        BUS_METHOD("ListCandidates", ("a{sv}", options),
                   ("a" CANDIDATE, partitions, "a(ss)", disks), method_list_candidates),
        BUS_METHOD("GetPartition", ("s", name, "a{sv}", options),
                   ("s", device, "s", disk, "s", model, "s", serial, "s", content, "s", in_use, "t",
                    size),
                   method_get_partition),
        SD_BUS_VTABLE_END,
};

static int add_manager_esps(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_IFACE_MANAGER, esps_vtable, b);
}

const BusPart bus_manager_esps = { .add = add_manager_esps };
