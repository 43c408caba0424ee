/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `esp candidates`: partitions that somebody who wants another ESP may be looking for. What is
 * shown is a suggestion; whether one can be formatted or set up is the daemon's to say when it is
 * asked to. In JSON all partitions are there, for those who suggest by other rules. */

#include "client/verbs.h"

#include "client/json.h"
#include "client/partitions.h"
#include "client/table.h"
#include "common/string-util.h"

/* What `format` asks for on most disks. */
#define EMPTY_BYTES_MIN (256 * 1024 * 1024ULL)

static bool is_candidate(const PartitionInfo *p) {
        if (p->registered)
                return false;
        if (isempty(p->fs_type))
                return isempty(p->in_use) && p->size_bytes >= EMPTY_BYTES_MIN;
        return streq(p->fs_type, "vfat");
}

static void print_json(const PartitionInfos *infos) {
        _cleanup_json_ json_object *array = json_array_new();

        for (size_t i = 0; i < infos->n; i++) {
                const PartitionInfo *p = &infos->partitions[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "device", p->device);
                json_add_string(object, "disk", p->disk);
                json_add_string(object, "part_uuid", p->part_uuid);
                json_add_string(object, "fs_type", p->fs_type);
                json_add_u64(object, "size_bytes", p->size_bytes);
                json_add_u64(object, "free_bytes", p->free_bytes);
                json_add_string(object, "in_use", p->in_use);
                json_add_boolean(object, "registered", p->registered);
        }
        json_print(array);
}

static void print_table(const PartitionInfos *infos) {
        _cleanup_table_ Table *table = table_new("DEVICE", "SIZE", "FSTYPE", "IN USE", NULL);
        size_t n = 0;

        for (size_t i = 0; i < infos->n; i++) {
                const PartitionInfo *p = &infos->partitions[i];
                _cleanup_free_ char *size = format_bytes(p->size_bytes);

                if (!is_candidate(p))
                        continue;
                table_add(table, p->device);
                table_add(table, size);
                table_add(table, p->fs_type);
                table_add(table, p->in_use);
                n++;
        }
        if (n > 0)
                table_print(table);
        else
                say("No partition looks as if it could become an ESP.");
}

ExitStatus verb_esp_candidates(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_partition_infos_ PartitionInfos infos = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = partitions_probe(&c);
        if (status == STATUS_DONE)
                status = partition_infos_get(&c, &infos);
        if (status != STATUS_DONE)
                return status;
        if (option_given(options, OPTION_JSON))
                print_json(&infos);
        else
                print_table(&infos);
        return STATUS_DONE;
}
