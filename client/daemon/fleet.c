/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Has each of several hosts run its own bootctl-pve with our command line, and shows beside one
 * another how that went. Nothing is understood here of what they answer, so hosts may have other
 * versions than ours. */

#include "client/daemon/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "client/daemon/hosts.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/string-util.h"

#define HOSTS_MAX  256
#define JSON_DEPTH 32
/* As ssh ends if it is at fault, and a shell that does not find a program. */
#define SSH_FAILED   255
#define NO_SUCH_FILE 127

DEFINE_CLEANUP(json_tokener *, json_tokener_free)

/* A name goes to ssh as a part of an address, and can be no option of it. */
static bool name_is_valid(const char *name) {
        return name[0] != '\0' && !strpbrk(name, "/ \t") && text_is_clean(name, strlen(name));
}

static ExitStatus split_names(const char *list, char ***ret) {
        _cleanup_strv_ char **names = NULL;

        for (const char *p = list;; p++) {
                _cleanup_free_ char *name = must(strndup(p, strcspn(p, ",")));

                if (!name_is_valid(name))
                        return fail(STATUS_USAGE, "'%s' in '%s' is not a valid host.", name, list);
                if (strv_contains(names, name))
                        return fail(STATUS_USAGE, "'%s' is in '%s' more than once.", name, list);
                if (strv_extend(&names, name) < 0)
                        out_of_memory();
                p += strlen(name);
                if (*p == '\0')
                        break;
        }
        if (strv_length(names) > HOSTS_MAX)
                return fail(STATUS_USAGE, "These are %zu hosts, and %d is the most at once.",
                            strv_length(names), HOSTS_MAX);
        *ret = TAKE_PTR(names);
        return STATUS_DONE;
}

/* The same command line without what is for the output here. Of JSON the form is kept, since what
 * surrounds it is to be that of the data. */
static char *make_command(const Options *options) {
        _cleanup_strv_ char **words =
                        options_repeat(options, OPTION_BIT(OPTION_HOST) | OPTION_BIT(OPTION_JSON) |
                                                                OPTION_BIT(OPTION_NO_PAGER));
        Buffer b = {};
        char *ret;

        buffer_puts(&b, "bootctl-pve");
        if (options->json)
                buffer_puts(&b, options->json == JSON_BARE ? " --json" : " --json=short");
        STRV_FOREACH(w, words) {
                _cleanup_free_ char *word = must(shell_word(*w));

                buffer_printf(&b, " %s", word);
        }
        if (buffer_take(&b, &ret, NULL) < 0)
                out_of_memory();
        return ret;
}

/* The last line, without "bootctl-pve: " and a period; "" if there is none. Never NULL. */
static char *last_line(const char *text) {
        _cleanup_free_ char *copy = must(strdup(text));
        size_t n = strlen(copy);
        const char *line;

        while (n > 0 && strchr("\r\n. ", copy[n - 1]))
                copy[--n] = '\0';
        line = strrchr(copy, '\n');
        line = line ? line + 1 : copy;
        return must(strdup(startswith(line, "bootctl-pve: ") ?: line));
}

/* Without the mark of a headline. Never NULL. */
static char *first_line(const char *text) {
        const char *line = text + strspn(text, "\r\n ");

        line = startswith(line, "\xe2\x97\x8f ") ?: startswith(line, "* ") ?: line;
        return must(strndup(line, strcspn(line, "\r\n")));
}

/* Why it was not done there; NULL: that is not known, or nothing to complain of. */
static char *find_problem(const HostRun *h) {
        _cleanup_free_ char *said = last_line(h->complaint);

        if (h->too_much)
                return must(strprintf("'%s' has said more than %zu KiB, and was ended; ask it by "
                                      "itself",
                                      h->name, HOST_SAID_MAX / 1024));
        if (h->exit == SSH_FAILED)
                return must(strprintf("Failed to reach '%s': %s; see that ssh gets there and asks "
                                      "for nothing",
                                      h->name, isempty(said) ? "ssh does not say why" : said));
        if (h->exit == NO_SUCH_FILE)
                return must(strprintf("'%s' has no bootctl-pve (%s); install bootsync there",
                                      h->name, said));
        if (h->exit < 0)
                return must(strprintf("The ssh to '%s' was ended by a signal; run it again",
                                      h->name));
        return h->exit == STATUS_DONE || isempty(said) ? NULL : TAKE_PTR(said);
}

/* NULL: none, as of a verb that fails and says why, or @ret_problem says why. */
static json_object *find_answer(const HostRun *h, char **ret_problem) {
        _cleanup_(json_tokener_freep) json_tokener *tokener = must(json_tokener_new_ex(JSON_DEPTH));
        _cleanup_json_ json_object *answer = NULL;
        size_t size = strlen(h->output);

        if (h->exit == SSH_FAILED || h->too_much || h->output[strspn(h->output, "\r\n ")] == '\0')
                return NULL;
        answer = json_tokener_parse_ex(tokener, h->output, (int) size);
        if (answer && json_tokener_get_parse_end(tokener) + 1 >= size)
                return TAKE_PTR(answer);
        *ret_problem = must(strprintf("'%s' has answered what is not JSON; see that its login "
                                      "shell prints nothing by itself",
                                      h->name));
        return NULL;
}

static bool is_done(const HostRun *h) {
        return h->exit == STATUS_DONE && !h->too_much;
}

/* STATUS_FAILED if an answer cannot be shown. */
static ExitStatus print_json(const Options *options, const HostRun *runs) {
        _cleanup_json_ json_object *object = json_new();
        ExitStatus status = STATUS_DONE;

        for (const HostRun *h = runs; h->name; h++) {
                _cleanup_free_ char *problem = find_problem(h), *unread = NULL;
                json_object *answer = find_answer(h, &unread), *host = json_new();

                if (unread)
                        status = STATUS_FAILED;
                json_add(object, h->name, host);
                json_add_i64(host, "exit", h->exit);
                json_add_string(host, "problem", problem ?: unread);
                if (answer)
                        json_add(host, "answer", answer);
        }
        json_print(options, "hosts", object);
        return status;
}

/* Each line as it was said there, but for what a terminal would obey. */
static void say_lines(const char *text) {
        while (*text) {
                size_t size = strcspn(text, "\n");

                say("%.*s", (int) size, text);
                text += size + (text[size] == '\n');
        }
}

static void print_all_said(const HostRun *runs) {
        for (const HostRun *h = runs; h->name; h++) {
                say("%s%s", bullet(), h->name);
                say_lines(h->output);
                say_lines(h->complaint);
                say("%s", "");
        }
}

static Colour colour_of(const HostRun *h) {
        if (is_done(h))
                return COLOUR_GOOD;
        return h->exit == STATUS_PARTIAL ? COLOUR_WARNING : COLOUR_BAD;
}

/* Of a host with an answer that is its first line, also where it ends with another status than 0
 * for what it tells. */
static char *result_of(const HostRun *h) {
        _cleanup_free_ char *line = first_line(h->output), *problem = find_problem(h);
        bool told = !isempty(line) && (h->exit == STATUS_DONE || h->exit == STATUS_PARTIAL);

        if (problem && !told)
                return TAKE_PTR(problem);
        return TAKE_PTR(line);
}

static void print_table(const Options *options, const HostRun *runs) {
        _cleanup_table_ Table *table = table_new("HOST", "EXIT", "RESULT", NULL);

        for (const HostRun *h = runs; h->name; h++) {
                _cleanup_free_ char *result = result_of(h);
                _cleanup_free_ char *status = must(strprintf("%d", h->exit));

                table_add(table, h->name);
                table_add_coloured(table, h->exit < 0 ? NULL : status, colour_of(h));
                table_add(table, result);
        }
        table_print(table, options, NULL);
}

static void say_problems(const HostRun *runs) {
        for (const HostRun *h = runs; h->name; h++) {
                _cleanup_free_ char *problem = find_problem(h);

                if (problem)
                        (void) fail(STATUS_FAILED, "%s: %s.", h->name, problem);
        }
}

static ExitStatus status_of(const HostRun *runs) {
        ExitStatus status = STATUS_DONE;

        for (const HostRun *h = runs; h->name; h++) {
                if (is_done(h))
                        continue;
                if (h->exit <= STATUS_DONE || h->exit > STATUS_NOT_AUTHORISED ||
                    (status != STATUS_DONE && (int) status != h->exit))
                        return STATUS_FAILED;
                status = (ExitStatus) h->exit;
        }
        return status;
}

/* How it went, and STATUS_FAILED if that cannot all be shown. */
static ExitStatus show(const Options *options, const HostRun *runs) {
        if (options->json)
                return print_json(options, runs);
        if (option_given(options, OPTION_QUIET)) {
                say_problems(runs);
                return STATUS_DONE;
        }
        if (option_given(options, OPTION_FULL))
                print_all_said(runs);
        print_table(options, runs);
        return STATUS_DONE;
}

ExitStatus fleet_run(const Options *options) {
        _cleanup_(host_runs_freep) HostRun *runs = NULL;
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *command = NULL;
        ExitStatus status;
        int r;

        status = split_names(options->host, &names);
        if (status != STATUS_DONE)
                return status;
        command = make_command(options);
        r = hosts_run(names, command, option_given(options, OPTION_QUIET), &runs);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to start ssh: %s; see that it is installed.",
                            strerror(-r));
        status = show(options, runs);
        return status == STATUS_DONE ? status_of(runs) : status;
}
