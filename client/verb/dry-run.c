/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `refresh --dry-run`. All of it is the daemon's: the steps, and what is different afterwards,
 * which people are shown, once for all ESPs of which it is the same. The client only puts old and
 * new texts beside each other. */

#include "client/verb/dry-run.h"

#include "client/daemon/call.h"
#include "client/daemon/objects.h"
#include "client/terminal/diff.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/string-util.h"

typedef struct Step {
        const char *esp, *action, *path;
        uint64_t bytes;
} Step;

static int next_step(sd_bus_message *m, Step *ret) {
        return sd_bus_message_read(m, "(ssst)", &ret->esp, &ret->action, &ret->path, &ret->bytes);
}

static bool is_problem(const Step *step) {
        return streq(step->action, "problem");
}

static int print_steps_json(sd_bus_message *m, const Options *options, bool *problem) {
        _cleanup_json_ json_object *array = json_array_new();
        Step step;
        int r;

        while ((r = next_step(m, &step)) > 0) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "esp", step.esp);
                json_add_string(object, "action", step.action);
                json_add_string(object, "path", step.path);
                json_add_u64(object, "bytes", step.bytes);
                json_add_string(object, "problem", is_problem(&step) ? step.path : NULL);
                *problem |= is_problem(&step);
        }
        if (r >= 0)
                json_print(options, "plan", array);
        return r;
}

static int print_steps(sd_bus_message *m, const Options *options, bool *any, bool *problem) {
        _cleanup_table_ Table *table = table_new("ESP", "ACTION", "SIZE", "PATH", NULL);
        Step step;
        int r;

        while ((r = next_step(m, &step)) > 0) {
                _cleanup_free_ char *size = format_bytes(step.bytes);

                table_add(table, step.esp);
                table_add(table, step.action);
                table_add(table, step.bytes > 0 ? size : NULL);
                table_add(table, step.path);
                *any = true;
                *problem |= is_problem(&step);
        }
        if (r >= 0 && *any)
                table_print(table, options, NULL);
        return r;
}

/* Strings are part of the reply. */
typedef struct Change {
        const char *kind, *name, *detail;
        uint64_t bytes;
} Change;

typedef struct Text {
        const char *state, *path, *old, *new;
} Text;

/* The differences of one ESP, or of the host. */
typedef struct Planned {
        const char *esp;
        Change *changes;
        size_t n_changes, n_changes_allocated;
        Text *texts;
        size_t n_texts, n_texts_allocated;
        uint64_t write_bytes, free_bytes;
        char **notes, **problems;
        bool shown;
} Planned;

typedef struct Plans {
        Planned *items;
        size_t n, n_allocated;
} Plans;

static void plans_done(Plans *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->items[i].changes);
                free(l->items[i].texts);
                strv_free(l->items[i].notes);
                strv_free(l->items[i].problems);
        }
        free(l->items);
}

static int read_changes(sd_bus_message *m, Planned *p) {
        Change c;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssst)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ssst)", &c.kind, &c.name, &c.detail, &c.bytes)) > 0) {
                if (!ARRAY_RESERVE(p->changes, p->n_changes_allocated, p->n_changes + 1))
                        out_of_memory();
                p->changes[p->n_changes++] = c;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_texts(sd_bus_message *m, Planned *p) {
        Text t;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ssss)", &t.state, &t.path, &t.old, &t.new)) > 0) {
                if (!ARRAY_RESERVE(p->texts, p->n_texts_allocated, p->n_texts + 1))
                        out_of_memory();
                p->texts[p->n_texts++] = t;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_planned(sd_bus_message *m, Planned *p) {
        int r;

        r = sd_bus_message_read(m, "s", &p->esp);
        if (r >= 0)
                r = read_changes(m, p);
        if (r >= 0)
                r = read_texts(m, p);
        if (r >= 0)
                r = sd_bus_message_read(m, "tt", &p->write_bytes, &p->free_bytes);
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &p->notes);
        return r < 0 ? r : sd_bus_message_read_strv(m, &p->problems);
}

static int read_plans(sd_bus_message *m, Plans *l) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sa(ssst)a(ssss)ttasas)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'r', "sa(ssst)a(ssss)ttasas")) > 0) {
                if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                        out_of_memory();
                l->items[l->n] = (Planned){};
                r = read_planned(m, &l->items[l->n++]);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static bool is_empty(const Planned *p) {
        return p->n_changes == 0 && p->n_texts == 0 && strv_isempty(p->notes) &&
               strv_isempty(p->problems);
}

static bool is_the_same(const Planned *a, const Planned *b) {
        if (a->n_changes != b->n_changes || a->n_texts != b->n_texts ||
            isempty(a->esp) != isempty(b->esp) || !strv_equal(a->notes, b->notes) ||
            !strv_equal(a->problems, b->problems))
                return false;
        for (size_t i = 0; i < a->n_changes; i++) {
                const Change *x = &a->changes[i], *y = &b->changes[i];

                if (!streq(x->kind, y->kind) || !streq(x->name, y->name) ||
                    !streq(x->detail, y->detail) || x->bytes != y->bytes)
                        return false;
        }
        for (size_t i = 0; i < a->n_texts; i++) {
                const Text *x = &a->texts[i], *y = &b->texts[i];

                if (!streq(x->state, y->state) || !streq(x->path, y->path) ||
                    !streq(x->old, y->old) || !streq(x->new, y->new))
                        return false;
        }
        return true;
}

/* A kind that a newer daemon has is told by its word. */
static void print_change(const Change *c) {
        static const struct {
                const char *kind, *before, *after;
        } words[] = {
                { "copy-kernel", "copies kernel ", "" },
                { "remove-kernel", "removes kernel ", "" },
                { "copy-file", "copies ", "" },
                { "remove-file", "removes ", "" },
                { "default", "the default becomes ", "" },
                { "loader", "puts the boot loader ", " there anew" },
                { "arm", "boots kernel ", " once, at the next boot" },
                { "disarm", "boots no other kernel at the next boot any more", "" },
                { "repair", "repairs the file system first", "" },
        };
        _cleanup_free_ char *size = format_bytes(c->bytes), *detail = NULL;
        const char *before = NULL, *after = "";

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].kind, c->kind)) {
                        before = words[i].before;
                        after = words[i].after;
                }
        detail = must(c->bytes > 0          ? strprintf(" (%s)", size)
                      : !isempty(c->detail) ? strprintf(" (now %s)", c->detail)
                                            : strdup(""));
        say("  %s%s%s%s%s", before ?: c->kind, before ? "" : " ",
            streq(c->kind, "disarm") ? "" : c->name, after, detail);
}

static void print_text(const Text *t) {
        bool new = streq(t->state, "new"), removed = streq(t->state, "removed");
        _cleanup_strv_ char **lines = NULL;

        if (!streq(t->state, "made") && !streq(t->state, "large"))
                lines = diff_unified(new ? "/dev/null" : t->path, removed ? "/dev/null" : t->path,
                                     t->old, t->new);
        if (strv_isempty(lines))
                say("  %s %s",
                    removed                   ? "removes"
                    : streq(t->state, "made") ? "makes anew"
                                              : "changes",
                    t->path);
        STRV_FOREACH(line, lines)
                say("    %s", *line);
}

static void print_room(const Plans *l, const Planned *first) {
        _cleanup_free_ char *size = format_bytes(first->write_bytes), *list = NULL;
        _cleanup_strv_ char **rooms = NULL;

        for (size_t i = 0; i < l->n; i++) {
                const Planned *p = &l->items[i];
                _cleanup_free_ char *room = format_bytes(p->free_bytes);

                if (p->free_bytes > 0 && is_the_same(first, p) &&
                    strv_extendf(&rooms, "%s on %s", room, p->esp) < 0)
                        out_of_memory();
        }
        list = must(strv_join(rooms, ", "));
        if (!strv_isempty(rooms))
                say("  writes %s; free afterwards: %s", size, list);
}

/* All ESPs of which the same is to be told. */
static char *list_esps(const Plans *l, const Planned *first) {
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < l->n; i++)
                if (is_the_same(first, &l->items[i])) {
                        l->items[i].shown = true;
                        if (strv_extend(&names, l->items[i].esp) < 0)
                                out_of_memory();
                }
        return must(strv_join(names, ", "));
}

static void print_planned(const Plans *l, const Planned *p) {
        _cleanup_free_ char *esps = list_esps(l, p);

        if (isempty(p->esp))
                say("This host:");
        else
                say("ESP %s:%s", esps, is_empty(p) ? " every file is in place" : "");
        for (size_t i = 0; i < p->n_changes; i++)
                print_change(&p->changes[i]);
        for (size_t i = 0; i < p->n_texts; i++)
                print_text(&p->texts[i]);
        STRV_FOREACH(note, p->notes)
                say_below("  ", COLOUR_NONE, *note);
        STRV_FOREACH(problem, p->problems)
                say_below("  problem: ", COLOUR_BAD, *problem);
        if (p->n_changes + p->n_texts > 0 && !isempty(p->esp))
                print_room(l, p);
}

static int print_plans(sd_bus_message *m, bool *any, bool *problem) {
        _cleanup_(plans_done) Plans l = {};
        int r;

        r = read_plans(m, &l);
        if (r < 0)
                return r;
        for (size_t i = 0; i < l.n; i++) {
                *any |= !is_empty(&l.items[i]);
                *problem |= !strv_isempty(l.items[i].problems);
        }
        for (size_t i = 0; *any && i < l.n; i++)
                if (!l.items[i].shown && !(is_empty(&l.items[i]) && isempty(l.items[i].esp)))
                        print_planned(&l, &l.items[i]);
        return 0;
}

static ExitStatus say_nothing_to_do(Connection *c, char *const *esps) {
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;

        status = esp_infos_get(c, esps, &infos);
        if (status == STATUS_DONE)
                say("%s", infos.n == 0 ? "No ESP is configured, and there is nothing else to do."
                                       : "Every file is in place; there is nothing to do.");
        return status;
}

ExitStatus dry_run(Connection *c, const Options *options) {
        const bool json = options->json;
        const bool steps = json || option_given(options, OPTION_VERBOSE);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **esps = NULL;
        bool any = json, problem = false;
        ExitStatus status;
        int r = 0;

        status = esp_uuids_find(c, options, options->esps, &esps);
        if (status == STATUS_DONE)
                status = call_method(c, CALL_CHANGE,
                                     METHOD_MANAGER(steps ? "Plan" : "DescribePlan"), NULL,
                                     &(CallOptions){ .esps = esps }, &reply);
        if (status != STATUS_DONE)
                return status;
        if (steps)
                r = sd_bus_message_enter_container(reply, 'a', "(ssst)");
        if (r >= 0)
                r = json    ? print_steps_json(reply, options, &problem)
                    : steps ? print_steps(reply, options, &any, &problem)
                            : print_plans(reply, &any, &problem);
        if (r < 0)
                return connection_bad_reply(r);
        if (!any)
                return say_nothing_to_do(c, esps);
        return problem ? STATUS_PARTIAL : STATUS_DONE;
}
