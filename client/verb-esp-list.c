/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `esp list`: the configured ESPs with the details of their partitions. It only lists; whether all
 * is well is the question of `status`. */

#include "client/verbs.h"

#include "client/esp-view.h"
#include "client/table.h"
#include "common/string-util.h"

static char *format_loader(const EspInfo *esp) {
        if (isempty(esp->loader_version))
                return must(strdup(strempty(esp->loader)));
        return must(strprintf("%s %s", strempty(esp->loader), esp->loader_version));
}

static void print_table(const EspInfos *infos) {
        _cleanup_table_ Table *table = table_new("UUID", "PARTUUID", "DEVICE", "DISK", "LOADER",
                                                 "STATE", "FREE", "LAST SYNC", "LAST VERIFY", NULL);

        for (size_t i = 0; i < infos->n; i++) {
                const EspInfo *esp = &infos->esps[i];
                _cleanup_free_ char *loader = format_loader(esp);
                _cleanup_free_ char *space = esp_view_space(esp);
                _cleanup_free_ char *sync = format_time(esp->last_sync_usec);
                _cleanup_free_ char *verify = format_time(esp->last_verify_usec);

                table_add(table, esp->uuid);
                table_add(table, esp->part_uuid);
                table_add(table, esp->device);
                table_add(table, esp->disk);
                table_add(table, loader);
                table_add_coloured(table, esp->state, esp_view_colour(esp));
                table_add(table, space);
                table_add(table, sync);
                table_add(table, verify);
        }
        table_print(table);
}

ExitStatus verb_esp_list(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = esp_view_get(&c, &infos);
        if (status != STATUS_DONE)
                return status;
        if (option_given(options, OPTION_JSON)) {
                _cleanup_json_ json_object *array = esp_view_json(&infos);

                json_print(array);
        } else if (infos.n == 0)
                say("No ESP is configured.");
        else
                print_table(&infos);
        return STATUS_DONE;
}
