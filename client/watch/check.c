/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `check`: the state of the host in one line and one number, as the plugins of Nagios, Icinga and
 * their like have it ("Monitoring Plugins Development Guidelines"). Its exit status is therefore
 * another one than that of all other verbs. It cannot be OK unless a daemon that runs says so. */

#include <inttypes.h>
#include <stdio.h>

#include "client/terminal/json.h"
#include "client/verb/verbs.h"
#include "client/watch/look.h"
#include "common/string-util.h"

/* The values are the exit status. */
typedef enum CheckState {
        CHECK_OK = 0,
        CHECK_WARNING = 1,
        CHECK_CRITICAL = 2,
        CHECK_UNKNOWN = 3,
        _CHECK_STATE_MAX,
} CheckState;

static const char *const words[_CHECK_STATE_MAX] = {
        [CHECK_OK] = "OK",
        [CHECK_WARNING] = "WARNING",
        [CHECK_CRITICAL] = "CRITICAL",
        [CHECK_UNKNOWN] = "UNKNOWN",
};

/* Any other word, also one of a later daemon, is unknown. */
static const struct {
        const char *redundancy;
        CheckState state;
} table[] = {
        { "redundant", CHECK_OK },        { "syncing", CHECK_OK },
        { "single", CHECK_WARNING },      { "degraded", CHECK_WARNING },
        { "unbootable", CHECK_CRITICAL },
};

/* A host that is as good as can be has a warning for all that is amiss besides. */
static CheckState judge(const Look *look) {
        CheckState state = CHECK_UNKNOWN;

        for (size_t i = 0; !look->why && i < ELEMENTSOF(table); i++)
                if (streq_ptr(look->info.redundancy, table[i].redundancy))
                        state = table[i].state;
        return state == CHECK_OK && look->info.warnings.n > 0 ? CHECK_WARNING : state;
}

/* The first warning, and how many more there are. */
static void put_warnings(Buffer *b, const Notices *l) {
        if (l->n == 0)
                return;
        buffer_printf(b, " [%s: %s", l->items[0].id, l->items[0].sentence);
        if (!isempty(l->items[0].action))
                buffer_printf(b, "; run '%s'", l->items[0].action);
        if (l->n > 1)
                buffer_printf(b, "; and %zu more", l->n - 1);
        buffer_puts(b, "]");
}

static char *describe(const Look *look) {
        const ManagerInfo *info = &look->info;
        Buffer b = {};
        char *text;

        if (look->why)
                return must(strprintf("%s.", look->why));
        buffer_printf(&b, "%s", isempty(info->redundancy) ? "unknown" : info->redundancy);
        if (!isempty(info->redundancy_reason))
                buffer_printf(&b, ": %s", info->redundancy_reason);
        put_warnings(&b, &info->warnings);
        if (buffer_take(&b, &text, NULL) < 0)
                out_of_memory();
        return text;
}

/* 'LABEL'=VALUE[UNIT];WARN;CRIT;MIN;MAX, with blanks between. */
static char *measure(const Look *look) {
        size_t n_in_sync = 0;
        Buffer b = {};
        char *text;

        for (size_t i = 0; i < look->esps.n; i++)
                n_in_sync += look->esps.esps[i].in_sync;
        buffer_printf(&b, "esps=%zu;;;0; in_sync=%zu;;;0;%zu warnings=%zu;;;0;", look->esps.n,
                      n_in_sync, look->esps.n, look->info.warnings.n);
        for (size_t i = 0; i < look->esps.n; i++) {
                const EspInfo *esp = &look->esps.esps[i];

                if (esp->size_bytes >= esp->free_bytes && esp->size_bytes > 0)
                        buffer_printf(&b, " 'used_%s'=%" PRIu64 "B;;;0;%" PRIu64,
                                      strempty(esp->uuid), esp->size_bytes - esp->free_bytes,
                                      esp->size_bytes);
        }
        if (buffer_take(&b, &text, NULL) < 0)
                out_of_memory();
        return text;
}

/* A bar begins the figures; a line's end was taken out by shown(). */
static void print_line(CheckState state, const char *sentence, const Look *look) {
        _cleanup_free_ char *text = shown(sentence), *figures = NULL;

        for (char *bar = text; (bar = strchr(bar, '|'));)
                *bar = '/';
        if (!look->why)
                figures = measure(look);
        say("BOOTSYNC %s - %s%s%s", words[state], text, figures ? "|" : "", strempty(figures));
}

static void print_json(const Options *options, CheckState state, const char *sentence,
                       const Look *look) {
        _cleanup_json_ json_object *object = json_new();

        json_add_string(object, "state", words[state]);
        json_add_string(object, "sentence", sentence);
        json_add_string(object, "redundancy", look->info.redundancy);
        json_print(options, "check", object);
}

static ExitStatus verb_check(const Options *options, char **arguments) {
        _cleanup_look_ Look look = look_take(options, LOOK_AT_SERVICE);
        _cleanup_free_ char *sentence = describe(&look);
        CheckState state = judge(&look);

        if (options->json)
                print_json(options, state, sentence, &look);
        else
                print_line(state, sentence, &look);
        return (ExitStatus) state;
}

const Verb check_verbs[] = {
        { NULL, "check", "", 0, 0, 0, verb_check,
          "Tell a monitoring system in one line (exit status 0 to 3)", FLEET_NEVER,
          (ExitStatus) CHECK_UNKNOWN },
        {},
};
