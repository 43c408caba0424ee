/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `esp list` shows the ESPs, `esp candidates` the partitions that could become some, `esp remove`
 * forgets an ESP. The candidates are the daemon's suggestion; in JSON all partitions are there, for
 * those who suggest by other rules. */

#include "client/verb/esp.h"

#include "client/daemon/job.h"
#include "client/terminal/table.h"
#include "client/verb/verbs.h"
#include "common/string-util.h"

static ExitStatus esps_look(Connection *c, EspInfos *ret) {
        ExitStatus status = job_first_look(c, false);

        return status == STATUS_DONE ? esp_infos_get(c, NULL, ret) : status;
}

json_object *esps_to_json(const EspInfos *infos) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < infos->n; i++) {
                const EspInfo *esp = &infos->esps[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "uuid", esp->uuid);
                json_add_string(object, "device", esp->device);
                json_add_string(object, "disk", esp->disk);
                json_add_string(object, "part_uuid", esp->part_uuid);
                json_add_boolean(object, "present", esp->present);
                json_add_string(object, "loader", esp->loader);
                json_add_string(object, "one_shot_method", esp->one_shot_method);
                json_add_string(object, "state", esp->state);
                json_add_strings(object, "kernels", esp->kernels);
                json_add_string(object, "default", esp->default_kernel);
                json_add_u64(object, "size_bytes", esp->size_bytes);
                json_add_u64(object, "free_bytes", esp->free_bytes);
                json_add_u64(object, "last_sync_usec", esp->last_sync_usec);
                json_add_u64(object, "last_verify_usec", esp->last_verify_usec);
                json_add_string(object, "last_error", esp->last_error);
                json_add_string(object, "why", esp->why);
                json_add_string(object, "action", esp->action);
        }
        return array;
}

Colour esp_state_colour(const EspInfo *esp) {
        if (esp->in_sync)
                return COLOUR_GOOD;
        if (esp->unusable)
                return COLOUR_BAD;
        return COLOUR_WARNING;
}

/* "400.0 MiB of 511.0 MiB"; empty if not known. Never NULL. */
static char *format_space(const EspInfo *esp) {
        _cleanup_free_ char *size = format_bytes(esp->size_bytes);
        _cleanup_free_ char *left = format_bytes(esp->free_bytes);

        return must(esp->size_bytes == 0 ? strdup("") : strprintf("%s of %s", left, size));
}

static char *format_loader(const EspInfo *esp) {
        if (isempty(esp->loader_version))
                return must(strdup(strempty(esp->loader)));
        return must(strprintf("%s %s", strempty(esp->loader), esp->loader_version));
}

static const Column list_columns[] = {
        { "UUID", "uuid" },
        { "PARTUUID", "part_uuid", .leaves = 1 },
        { "DEVICE", "device" },
        { "DISK", "disk", .leaves = 3 },
        { "LOADER", "loader" },
        { "STATE", "state" },
        { "FREE", "free_bytes", .leaves = 5 },
        { "LAST SYNC", "last_sync_usec", .leaves = 4 },
        { "LAST VERIFY", "last_verify_usec", .leaves = 2 },
        { "PRESENT", "present", .only_if_chosen = true },
        { "ONE-SHOT", "one_shot_method", .only_if_chosen = true },
        { "KERNELS", "kernels", .only_if_chosen = true },
        { "DEFAULT", "default", .only_if_chosen = true },
        { "SIZE", "size_bytes", .only_if_chosen = true },
        { "LAST ERROR", "last_error", .only_if_chosen = true },
        { "WHY", "why", .only_if_chosen = true },
        { "ACTION", "action", .only_if_chosen = true },
};

static void print_esp_list(const Options *options, const EspInfos *infos, Table *table) {
        for (size_t i = 0; i < infos->n; i++) {
                const EspInfo *esp = &infos->esps[i];
                _cleanup_free_ char *loader = format_loader(esp);
                _cleanup_free_ char *space = format_space(esp),
                                    *size = format_bytes(esp->size_bytes);
                _cleanup_free_ char *kernels = must(strv_join(esp->kernels, ", "));
                _cleanup_free_ char *sync = format_time(esp->last_sync_usec);
                _cleanup_free_ char *verify = format_time(esp->last_verify_usec);

                table_add(table, esp->uuid);
                table_add(table, esp->part_uuid);
                table_add(table, esp->device);
                table_add(table, esp->disk);
                table_add(table, loader);
                table_add_coloured(table, esp->state, esp_state_colour(esp));
                table_add(table, space);
                table_add(table, sync);
                table_add(table, verify);
                table_add(table, esp->present ? "yes" : "no");
                table_add(table, esp->one_shot_method);
                table_add(table, kernels);
                table_add(table, esp->default_kernel);
                table_add(table, esp->size_bytes > 0 ? size : NULL);
                table_add(table, esp->last_error);
                table_add(table, esp->why);
                table_add(table, esp->action);
        }
        table_print(table, options, "No ESP is configured.");
}

static ExitStatus verb_esp_list(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        _cleanup_table_ Table *table = NULL;
        ExitStatus status;

        status = table_new_chosen(options, list_columns, ELEMENTSOF(list_columns), &table);
        if (status == STATUS_DONE)
                status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = esps_look(&c, &infos);
        if (status != STATUS_DONE)
                return status;
        options_page(options);
        if (options->json) {
                _cleanup_json_ json_object *array = esps_to_json(&infos);

                json_print(options, "esps", array);
        } else
                print_esp_list(options, &infos, table);
        return STATUS_DONE;
}

/* Strings are part of the reply, but for the commands. */
typedef struct Candidate {
        const char *device, *disk, *part_uuid, *model, *serial, *fs_type, *label, *in_use;
        uint64_t size_bytes, free_bytes;
        int registered, usable; /* as D-Bus has them */
        const char *why;
        char **commands;
} Candidate;

typedef struct Candidates {
        Candidate *items;
        size_t n, n_allocated;
} Candidates;

static void candidates_done(Candidates *l) {
        for (size_t i = 0; i < l->n; i++)
                strv_free(l->items[i].commands);
        free(l->items);
}

static int read_candidate(sd_bus_message *m, Candidate *c) {
        int r;

        r = sd_bus_message_read(m, "ssssssssttbbs", &c->device, &c->disk, &c->part_uuid, &c->model,
                                &c->serial, &c->fs_type, &c->label, &c->in_use, &c->size_bytes,
                                &c->free_bytes, &c->registered, &c->usable, &c->why);
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &c->commands);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_candidates(sd_bus_message *m, Candidates *l) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssssssttbbsas)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'r', "ssssssssttbbsas")) > 0) {
                if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                        out_of_memory();
                l->items[l->n] = (Candidate){};
                r = read_candidate(m, &l->items[l->n++]);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void print_candidates_json(const Options *options, const Candidates *l) {
        _cleanup_json_ json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                const Candidate *c = &l->items[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "device", c->device);
                json_add_string(object, "disk", c->disk);
                json_add_string(object, "part_uuid", c->part_uuid);
                json_add_string(object, "fs_type", c->fs_type);
                json_add_u64(object, "size_bytes", c->size_bytes);
                json_add_u64(object, "free_bytes", c->free_bytes);
                json_add_string(object, "in_use", c->in_use);
                json_add_boolean(object, "registered", c->registered);
                json_add_string(object, "model", c->model);
                json_add_string(object, "serial", c->serial);
                json_add_string(object, "label", c->label);
                json_add_boolean(object, "usable", c->usable);
                json_add_string(object, "why", c->why);
                json_add_strings(object, "commands", c->commands);
        }
        json_print(options, "candidates", array);
}

static const Column candidate_columns[] = {
        { "DEVICE", "device" },
        { "SIZE", "size_bytes" },
        { "USABLE", "usable" },
        { "HOLDS", "fs_type" },
        { "IN USE", "in_use" },
        { "MODEL", "model", .leaves = 2 },
        { "SERIAL", "serial", .leaves = 1 },
        { "DISK", "disk", .only_if_chosen = true },
        { "PARTUUID", "part_uuid", .only_if_chosen = true },
        { "LABEL", "label", .only_if_chosen = true },
        { "FREE", "free_bytes", .only_if_chosen = true },
        { "WHY", "why", .only_if_chosen = true },
        { "NEXT", "commands", .only_if_chosen = true },
};

/* "vfat 'DATA'"; the label is what its owner calls it. Never NULL. */
static char *format_content(const Candidate *c) {
        if (isempty(c->fs_type))
                return must(strdup(""));
        return must(isempty(c->label) ? strdup(c->fs_type)
                                      : strprintf("%s '%s'", c->fs_type, c->label));
}

/* With chosen columns there is nothing below the row: that can be chosen, too. */
static void add_candidate(const Options *options, Table *table, const Candidate *c) {
        _cleanup_free_ char *size = format_bytes(c->size_bytes),
                            *left = format_bytes(c->free_bytes);
        _cleanup_free_ char *content = format_content(c);
        _cleanup_free_ char *next = must(strv_join(c->commands, "; then "));

        table_add(table, c->device);
        table_add(table, size);
        table_add_coloured(table, c->usable ? "yes" : "no", c->usable ? COLOUR_GOOD : COLOUR_NONE);
        table_add(table, content);
        table_add(table, c->in_use);
        table_add(table, c->model);
        table_add(table, c->serial);
        table_add(table, c->disk);
        table_add(table, c->part_uuid);
        table_add(table, c->label);
        table_add(table, c->free_bytes > 0 ? left : NULL);
        table_add(table, c->why);
        table_add(table, next);
        table_add_note(table, "why", options->columns ? NULL : c->why);
        table_add_note(table, "next", options->columns ? NULL : next);
}

static void print_candidates(const Options *options, const Candidates *l, Table *table) {
        static const char none[] = "No partition looks as if it could become an ESP.";
        size_t n = 0, usable = 0;

        for (size_t i = 0; i < l->n; i++)
                if (!l->items[i].registered) {
                        add_candidate(options, table, &l->items[i]);
                        n++;
                        usable += l->items[i].usable;
                }
        table_print(table, options, none);
        if (n > 0 && usable == 0 && !option_given(options, OPTION_NO_LEGEND))
                say("%s", none);
}

static int print_disks(sd_bus_message *m) {
        const char *disk, *sentence;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &disk, &sentence)) > 0)
                say("%s.", sentence);
        return r;
}

static ExitStatus verb_esp_candidates(const Options *options, char **arguments) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_connection_ Connection c = {};
        _cleanup_(candidates_done) Candidates l = {};
        _cleanup_table_ Table *table = NULL;
        ExitStatus status;
        int r;

        status = table_new_chosen(options, candidate_columns, ELEMENTSOF(candidate_columns),
                                  &table);
        if (status == STATUS_DONE)
                status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = job_look(&c);
        if (status == STATUS_DONE)
                status = call_method(&c, CALL_READ, METHOD_MANAGER("ListCandidates"), NULL, NULL,
                                     &reply);
        if (status != STATUS_DONE)
                return status;
        r = read_candidates(reply, &l);
        if (r < 0)
                return connection_bad_reply(r);
        options_page(options);
        if (options->json) {
                print_candidates_json(options, &l);
                return STATUS_DONE;
        }
        print_candidates(options, &l, table);
        r = option_given(options, OPTION_NO_LEGEND) ? 0 : print_disks(reply);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

static void print_removed(const char *uuid, char *const *entries) {
        _cleanup_free_ char *names = must(strv_quote(entries, SIZE_MAX));

        say("ESP '%s' is off the list; nothing on it was changed.", uuid);
        if (strv_isempty(entries))
                return;
        say("It can still be booted: the firmware's list has %s for it.", names);
        for (; *entries; entries++)
                say("To remove that: efibootmgr --bootnum %s --delete-bootnum",
                    startswith(*entries, "Boot") ?: *entries);
}

static ExitStatus read_removed(const Options *options, sd_bus_message *reply) {
        _cleanup_strv_ char **entries = NULL;
        const char *uuid;
        int r;

        r = sd_bus_message_read(reply, "s", &uuid);
        if (r >= 0)
                r = sd_bus_message_read_strv(reply, &entries);
        if (r < 0)
                return connection_bad_reply(r);
        if (options->json) {
                _cleanup_json_ json_object *object = json_new();

                json_add_strings(object, "removed", (char *[]){ (char *) uuid, NULL });
                json_add_strings(object, "entries", entries);
                json_print(options, "remove", object);
        } else if (!option_given(options, OPTION_QUIET))
                print_removed(uuid, entries);
        return STATUS_DONE;
}

static ExitStatus verb_esp_remove(const Options *options, char **arguments) {
        const CallOptions call = { .force = option_given(options, OPTION_FORCE) };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_connection_ Connection c = {};
        _cleanup_strv_ char **uuids = NULL;
        ExitStatus status;

        status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = esp_uuids_find(&c, options, arguments, &uuids);
        /* Only who has looked knows what boots. */
        if (status == STATUS_DONE && !call.force)
                status = job_first_look(&c, false);
        if (status == STATUS_DONE)
                status = call_method(&c, CALL_CHANGE, METHOD_MANAGER("RemoveEsp"), uuids, &call,
                                     &reply);
        return status == STATUS_DONE ? read_removed(options, reply) : status;
}

const Verb esp_verbs[] = {
        { "esp", "list", "", 0, 0, OPTION_BIT(OPTION_OUTPUT), verb_esp_list,
          "List the configured ESPs" },
        { "esp", "candidates", "", 0, 0, OPTION_BIT(OPTION_OUTPUT), verb_esp_candidates,
          "List partitions that could become ESPs" },
        { "esp", "remove", "ESP", 1, 0, OPTION_BIT(OPTION_FORCE), verb_esp_remove,
          "Keep an ESP in sync no longer; what is on it stays" },
        {},
};
