/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs by their words. Everything about the shape of a command line is checked here, so that a
 * verb starts with valid input; nothing here knows what a verb does: its file says which words,
 * arguments and options it has, beside the code that counts on them. */

#include "client/verb/verbs.h"

#include <stdio.h>

#include "client/daemon/fleet.h"
#include "client/terminal/suggest.h"
#include "common/string-util.h"

static ExitStatus verb_help(const Options *options, char **arguments);

static const Verb help_verbs[] = {
        { NULL, "help", "[VERB...]", 0, ANY_NUMBER, 0, verb_help,
          "Show a summary, or what a verb takes" },
        {},
};

/* In the order of the help. */
static const Verb *const tables[] = { status_verbs,  doctor_verbs, refresh_verbs, partition_verbs,
                                      kernel_verbs,  esp_verbs,    boot_verbs,    secure_boot_verbs,
                                      convert_verbs, ksm_verbs,    history_verbs, job_verbs,
                                      monitor_verbs, check_verbs,  metrics_verbs, alert_verbs,
                                      help_verbs };

/* NULL: there are no more. */
static const Verb *verb_at(size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Verb *v = tables[i]; v->name; v++)
                        if (n-- == 0)
                                return v;
        return NULL;
}

static char *verb_words(const Verb *v) {
        return must(strprintf("%s%s%s", strempty(v->group), v->group ? " " : "", v->name));
}

static bool verb_matches(const Verb *v, char *const *words) {
        if (!v->group)
                return streq_ptr(words[0], v->name);
        return streq_ptr(words[0], v->group) && streq_ptr(words[1], v->name);
}

static const Verb *verb_find(char *const *words) {
        const Verb *v;

        for (size_t i = 0; (v = verb_at(i)); i++)
                if (words[0] && verb_matches(v, words))
                        return v;
        return NULL;
}

static bool is_group(const char *word) {
        const Verb *v;

        for (size_t i = 0; (v = verb_at(i)); i++)
                if (streq_ptr(v->group, word))
                        return true;
        return false;
}

/* The overview; with @group only its verbs. */
static void help_overview(const char *group) {
        const Verb *v;

        printf("bootctl-pve [OPTION...] %s%s\n\n", group ?: "VERB", group ? " VERB" : "");
        printf("Keep kernels and boot entries on all EFI System Partitions (ESPs) in sync.\n\n");
        printf("Verbs:\n");
        for (size_t i = 0; (v = verb_at(i)); i++) {
                _cleanup_free_ char *words = verb_words(v);
                int width;

                if (group && !streq_ptr(v->group, group))
                        continue;
                width = printf("  %s %s", words, v->arguments);
                printf("%*s%s\n", MAX(30 - width, 2), "", v->help);
        }
        printf("\nOptions:\n");
        options_help(OPTIONS_GLOBAL);
        printf("\nSee 'bootctl-pve VERB --help' and bootctl-pve(8).\n");
}

static void help_verb(const Verb *v) {
        _cleanup_free_ char *words = verb_words(v);

        printf("bootctl-pve %s [OPTION...]%s%s\n\n%s.\n\nOptions:\n", words,
               isempty(v->arguments) ? "" : " ", v->arguments, v->help);
        options_help(v->options | OPTIONS_GLOBAL);
        printf("\nSee bootctl-pve(8).\n");
}

/* The words that can be first, or with @group second. */
static char **list_words(const char *group) {
        char **words = NULL;
        const Verb *v;

        for (size_t i = 0; (v = verb_at(i)); i++) {
                const char *word = group || !v->group ? v->name : v->group;

                if ((group && !streq_ptr(v->group, group)) || strv_contains(words, word))
                        continue;
                if (strv_extend(&words, word) < 0)
                        out_of_memory();
        }
        return words;
}

/* The only verb of a group that is called so; NULL: there is none, or several. */
static const Verb *find_in_groups(const char *name) {
        const Verb *found = NULL, *v;

        for (size_t i = 0; (v = verb_at(i)); i++) {
                if (!v->group || !streq(v->name, name))
                        continue;
                if (found)
                        return NULL;
                found = v;
        }
        return found;
}

static ExitStatus no_such_verb(char *const *words) {
        const char *group = is_group(words[0]) ? words[0] : NULL, *closest;
        const char *word = group ? words[1] : words[0];
        _cleanup_strv_ char **possible = list_words(group);
        _cleanup_free_ char *list = must(strv_join(possible, ", "));
        const Verb *other = word && !group ? find_in_groups(word) : NULL;

        if (!word)
                return group ? fail(STATUS_USAGE, "'%s' needs another word: %s.", group, list)
                             : fail(STATUS_USAGE, "A verb is missing; there are: %s.", list);
        closest = other ? other->name : closest_word(word, possible);
        if (closest)
                return fail(STATUS_USAGE, "Unknown verb '%s%s%s'; did you mean '%s%s%s'?",
                            strempty(group), group ? " " : "", word,
                            other ? other->group : strempty(group), other || group ? " " : "",
                            closest);
        if (group)
                return fail(STATUS_USAGE, "Unknown verb '%s %s'; '%s' has: %s.", group, word, group,
                            list);
        return fail(STATUS_USAGE, "Unknown verb '%s'; there are: %s.", word, list);
}

/* Of the verb or group that @words name, none: the overview. */
static ExitStatus show_help(const Options *options, char *const *words) {
        const Verb *verb = verb_find(words);
        bool overview = !words[0] || (is_group(words[0]) && !words[1]);

        if (!verb && !overview)
                return no_such_verb(words);
        options_page(options);
        if (verb)
                help_verb(verb);
        else
                help_overview(words[0]);
        return STATUS_DONE;
}

static ExitStatus verb_help(const Options *options, char **arguments) {
        return show_help(options, arguments);
}

static const char *words_for_number(const Verb *v) {
        if (v->n_optional == ANY_NUMBER)
                return "one or more arguments";
        if (v->n_optional > 0)
                return v->n_needed > 0 ? "one or two arguments" : "at most one argument";
        return v->n_needed > 0 ? "exactly one argument" : "no argument";
}

static ExitStatus bad_usage_of(const Verb *verb) {
        return verb && verb->bad_usage != STATUS_DONE ? verb->bad_usage : STATUS_USAGE;
}

static ExitStatus run_on_hosts(const Options *options, const Verb *verb, const char *words) {
        if (verb->fleet == FLEET_NEVER)
                return fail(bad_usage_of(verb), "'%s' is for one host at a time.", words);
        if (verb->fleet == FLEET_ASKS && !option_given(options, OPTION_YES))
                return fail(STATUS_USAGE,
                            "'%s' would ask first, which it cannot on several hosts; give --yes.",
                            words);
        return fleet_run(options);
}

ExitStatus verbs_bad_usage(char *const *words) {
        const Verb *verb = NULL;

        for (; *words && !verb; words++)
                verb = verb_find(words);
        return bad_usage_of(verb);
}

ExitStatus verbs_run(const Options *options) {
        const Verb *verb = verb_find(options->words);
        _cleanup_free_ char *words = NULL;
        size_t n_words, n_arguments;
        ExitStatus status;

        if (option_given(options, OPTION_HELP))
                return show_help(options, options->words);
        if (!verb)
                return no_such_verb(options->words);

        words = verb_words(verb);
        status = options_check(options, verb->options | OPTIONS_GLOBAL, words);
        if (status != STATUS_DONE)
                return bad_usage_of(verb);
        n_words = verb->group ? 2 : 1;
        n_arguments = options->n_words - n_words;
        if (n_arguments < verb->n_needed || n_arguments - verb->n_needed > verb->n_optional)
                return fail(bad_usage_of(verb), "'%s' takes %s. See 'bootctl-pve %s --help'.",
                            words, words_for_number(verb), words);
        if (options->host && strchr(options->host, ','))
                return run_on_hosts(options, verb, words);
        return verb->run(options, options->words + n_words);
}
