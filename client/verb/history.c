/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `history`: the last jobs, the newest at the end, where one looks first. The sentences are those
 * that the job ended with. A user's name is looked up here, and only for this host. */

#include "client/verb/verbs.h"

#include "client/daemon/call.h"
#include "client/daemon/objects.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/string-util.h"

typedef struct Past {
        uint64_t id, start_usec, end_usec, bytes;
        const char *type, *by, *result, *error, *message;
} Past;

typedef struct EspPast {
        const char *uuid, *error;
        char **copied, **removed;
        uint64_t bytes;
        uint32_t n_kernels;
        int in_sync;
} EspPast;

static void esp_past_done(EspPast *e) {
        strv_free(e->copied);
        strv_free(e->removed);
        *e = (EspPast){};
}

/* 1: the next job, whose ESPs follow in @m; they must be read up to their end. */
static int next_past(sd_bus_message *m, Past *ret) {
        int r = sd_bus_message_enter_container(m, 'r', "tsttssssta(sbuasasts)");

        if (r > 0)
                r = sd_bus_message_read(m, "tsttsssst", &ret->id, &ret->type, &ret->start_usec,
                                        &ret->end_usec, &ret->by, &ret->result, &ret->error,
                                        &ret->message, &ret->bytes);
        return r;
}

static int next_esp(sd_bus_message *m, EspPast *ret) {
        int r;

        esp_past_done(ret);
        r = sd_bus_message_enter_container(m, 'r', "sbuasasts");
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "sbu", &ret->uuid, &ret->in_sync, &ret->n_kernels);
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &ret->copied);
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &ret->removed);
        if (r >= 0)
                r = sd_bus_message_read(m, "ts", &ret->bytes, &ret->error);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 1;
}

static int esps_to_json(sd_bus_message *m, json_object *array) {
        _cleanup_(esp_past_done) EspPast e = {};
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sbuasasts)");
        while (r >= 0 && (r = next_esp(m, &e)) > 0) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "uuid", e.uuid);
                json_add_boolean(object, "in_sync", e.in_sync);
                json_add_u64(object, "n_kernels", e.n_kernels);
                json_add_strings(object, "copied", e.copied);
                json_add_strings(object, "removed", e.removed);
                json_add_u64(object, "bytes", e.bytes);
                json_add_string(object, "error", e.error);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int print_history_json(sd_bus_message *m, const Options *options) {
        _cleanup_json_ json_object *array = json_array_new();
        Past past;
        int r;

        while ((r = next_past(m, &past)) > 0) {
                json_object *object = json_new(), *esps = json_array_new();

                json_append(array, object);
                json_add_u64(object, "id", past.id);
                json_add_string(object, "type", past.type);
                json_add_u64(object, "start_usec", past.start_usec);
                json_add_u64(object, "end_usec", past.end_usec);
                json_add_string(object, "by", past.by);
                json_add_string(object, "result", past.result);
                json_add_string(object, "error", past.error);
                json_add_string(object, "message", past.message);
                json_add_u64(object, "bytes", past.bytes);
                json_add(object, "esps", esps);
                r = esps_to_json(m, esps);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        options_page(options);
        json_print(options, "history", array);
        return 0;
}

static Colour result_colour(const char *result) {
        if (streq(result, "done"))
                return COLOUR_GOOD;
        return streq(result, "failed") ? COLOUR_BAD : COLOUR_WARNING;
}

static void add_past(Table *table, const Options *options, const Past *past) {
        _cleanup_free_ char *when = format_time(past->end_usec);
        _cleanup_free_ char *user = format_user(past->by, !options->host);
        _cleanup_free_ char *bytes = format_bytes(past->bytes);

        table_add(table, when);
        table_add_coloured(table, past->type, COLOUR_BOLD);
        table_add(table, user);
        table_add_coloured(table, past->result, result_colour(past->result));
        table_add(table, past->bytes > 0 ? bytes : NULL);
        table_add_note(table, "what", past->message);
}

static int print_history(sd_bus_message *m, const Options *options) {
        _cleanup_table_ Table *table = table_new("ENDED", "JOB", "BY", "RESULT", "WRITTEN", NULL);
        Past past;
        int r;

        while ((r = next_past(m, &past)) > 0) {
                add_past(table, options, &past);
                r = sd_bus_message_skip(m, "a(sbuasasts)");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        options_page(options);
        table_print(table, options, "Nothing is recorded yet.");
        return 0;
}

static ExitStatus parse_lines(const Options *options, uint32_t *ret) {
        uint64_t lines = 0;

        if (options->lines && (parse_u64(options->lines, &lines) < 0 || lines == 0))
                return fail(STATUS_USAGE, "--lines needs a number from 1 on, not '%s'.",
                            options->lines);
        *ret = (uint32_t) MIN(lines, (uint64_t) UINT32_MAX);
        return STATUS_DONE;
}

static ExitStatus verb_history(const Options *options, char **arguments) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_connection_ Connection c = {};
        CallOptions call = {};
        ExitStatus status;
        int r;

        status = parse_lines(options, &call.limit);
        if (status == STATUS_DONE)
                status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = call_method(&c, CALL_READ, METHOD_MANAGER("ListHistory"), NULL, &call,
                                     &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_enter_container(reply, 'a', "(tsttssssta(sbuasasts))");
        if (r >= 0)
                r = options->json ? print_history_json(reply, options)
                                  : print_history(reply, options);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

const Verb history_verbs[] = {
        { NULL, "history", "", 0, 0, OPTION_BIT(OPTION_LINES), verb_history,
          "Show what was done, when and by whom" },
        {},
};
