/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One table of all verbs: their words, how many arguments they take, which options, what the help
 * says. Everything about the shape of a command line is checked here, so that a verb starts with
 * valid input; nothing here knows what a verb does. */

#include "client/verbs.h"

#include <stdio.h>

#include "client/output.h"
#include "common/string-util.h"

#define ANY_NUMBER SIZE_MAX

typedef struct Verb {
        const char *group; /* NULL: the verb is one word */
        const char *name;
        const char *arguments;       /* for the help */
        size_t n_needed, n_optional; /* of them; ANY_NUMBER: no limit */
        unsigned options;            /* besides the global ones */
        verb_t run;
        const char *help;
} Verb;

static const Verb verbs[] = {
        { NULL, "status", "", 0, 0, OPTION_BIT(OPTION_QUIET), verb_status,
          "Show the ESPs and whether the host would boot from each" },
        { NULL, "refresh", "", 0, 0,
          OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_ESP) | OPTION_BIT(OPTION_NEW_KERNEL),
          verb_refresh, "Bring the ESPs into sync" },
        { NULL, "verify", "", 0, 0, OPTION_BIT(OPTION_ESP), verb_verify,
          "Read every file on the ESPs again and compare" },
        { NULL, "format", "PART", 1, 0, OPTION_BIT(OPTION_FORCE), verb_format,
          "Make a partition an empty ESP" },
        { NULL, "init", "PART [grub|systemd-boot]", 1, 1, 0, verb_init,
          "Put a boot loader on an ESP and keep it in sync from now on" },
        { NULL, "reinit", "", 0, 0, 0, verb_reinit, "Put the boot loader of each ESP on it anew" },
        { NULL, "clean", "", 0, 0, OPTION_BIT(OPTION_DRY_RUN), verb_clean,
          "Forget ESPs whose partition is gone" },
        { "kernel", "add", "VERSION", 1, 0, 0, verb_kernel_add, "Keep a kernel on the ESPs" },
        { "kernel", "remove", "VERSION", 1, 0, 0, verb_kernel_remove,
          "Take a kernel off the list of those kept by hand" },
        { "kernel", "list", "", 0, 0, 0, verb_kernel_list, "List kernels and why each is kept" },
        { "kernel", "pin", "VERSION", 1, 0, OPTION_BIT(OPTION_NEXT_BOOT), verb_kernel_pin,
          "Make a kernel the one that boots" },
        { "kernel", "unpin", "", 0, 0, OPTION_BIT(OPTION_NEXT_BOOT), verb_kernel_unpin,
          "Let the newest kernel boot again" },
        { "esp", "list", "", 0, 0, 0, verb_esp_list, "List the configured ESPs" },
        { "esp", "candidates", "", 0, 0, 0, verb_esp_candidates,
          "List partitions that could become ESPs" },
        { "ksm", "status", "", 0, 0, 0, verb_ksm_status,
          "Show what merging equal memory pages saves, and whom" },
        { "ksm", "enable", "", 0, 0, 0, verb_ksm_enable,
          "Merge equal memory pages, from now on and at each boot" },
        { "ksm", "disable", "", 0, 0, OPTION_BIT(OPTION_UNMERGE) | OPTION_BIT(OPTION_FORCE),
          verb_ksm_disable, "Merge no more pages, now and at each boot" },
        { "ksm", "unmerge", "", 0, 0, OPTION_BIT(OPTION_FORCE), verb_ksm_unmerge,
          "Give every process its own copy of merged pages" },
        { "ksm", "set", "KEY=VALUE...", 1, ANY_NUMBER, 0, verb_ksm_set,
          "Change settings of KSM, now and at each boot" },
        { NULL, "cancel", "[JOB]", 0, 1, 0, verb_cancel, "Stop a job that runs or waits" },
        { NULL, "monitor", "", 0, 0, 0, verb_monitor, "Show events as they come" },
};

static char *verb_words(const Verb *v) {
        return must(strprintf("%s%s%s", strempty(v->group), v->group ? " " : "", v->name));
}

static bool verb_matches(const Verb *v, char *const *words) {
        if (!v->group)
                return streq_ptr(words[0], v->name);
        return streq_ptr(words[0], v->group) && streq_ptr(words[1], v->name);
}

static const Verb *verb_find(const Options *options) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (options->n_words > 0 && verb_matches(&verbs[i], options->words))
                        return &verbs[i];
        return NULL;
}

static bool is_group(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq_ptr(verbs[i].group, word))
                        return true;
        return false;
}

/* The overview; with @group only its verbs. */
static void help_verbs(const char *group) {
        printf("bootctl-pve [OPTION…] %s%s\n\n", group ?: "VERB", group ? " VERB" : "");
        printf("Keep kernels and boot entries on all EFI System Partitions (ESPs) in sync.\n\n");
        printf("Verbs:\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                _cleanup_free_ char *words = verb_words(&verbs[i]);
                int width;

                if (group && !streq_ptr(verbs[i].group, group))
                        continue;
                width = printf("  %s %s", words, verbs[i].arguments);
                printf("%*s%s\n", MAX(30 - width, 2), "", verbs[i].help);
        }
        printf("\nOptions:\n");
        options_help(OPTIONS_GLOBAL);
        printf("\nSee 'bootctl-pve VERB --help' and bootctl-pve(8).\n");
}

static void help_verb(const Verb *v) {
        _cleanup_free_ char *words = verb_words(v);

        printf("bootctl-pve %s [OPTION…]%s%s\n\n%s.\n\nOptions:\n", words,
               isempty(v->arguments) ? "" : " ", v->arguments, v->help);
        options_help(v->options | OPTIONS_GLOBAL);
        printf("\nSee bootctl-pve(8).\n");
}

static ExitStatus no_such_verb(const Options *options) {
        const char *first = options->words[0], *second = first ? options->words[1] : NULL;

        if (!first)
                return fail(STATUS_USAGE, "A verb is missing. See 'bootctl-pve --help'.");
        if (!is_group(first))
                return fail(STATUS_USAGE, "Unknown verb '%s'. See 'bootctl-pve --help'.", first);
        if (!second)
                return fail(STATUS_USAGE, "'%s' needs a second word. See 'bootctl-pve %s --help'.",
                            first, first);
        return fail(STATUS_USAGE, "Unknown verb '%s %s'. See 'bootctl-pve %s --help'.", first,
                    second, first);
}

static const char *words_for_number(const Verb *v) {
        if (v->n_optional == ANY_NUMBER)
                return "one or more arguments";
        if (v->n_optional > 0)
                return v->n_needed > 0 ? "one or two arguments" : "at most one argument";
        return v->n_needed > 0 ? "exactly one argument" : "no argument";
}

ExitStatus verbs_run(const Options *options) {
        const Verb *verb = verb_find(options);
        _cleanup_free_ char *words = NULL;
        size_t n_words, n_arguments;
        ExitStatus status;

        if (!verb) {
                bool group = options->n_words == 1 && is_group(options->words[0]);

                if (!option_given(options, OPTION_HELP) || (options->n_words > 0 && !group))
                        return no_such_verb(options);
                help_verbs(options->words[0]);
                return STATUS_DONE;
        }
        if (option_given(options, OPTION_HELP)) {
                help_verb(verb);
                return STATUS_DONE;
        }

        words = verb_words(verb);
        status = options_check(options, verb->options | OPTIONS_GLOBAL, words);
        if (status != STATUS_DONE)
                return status;
        n_words = verb->group ? 2 : 1;
        n_arguments = options->n_words - n_words;
        if (n_arguments < verb->n_needed || n_arguments - verb->n_needed > verb->n_optional)
                return fail(STATUS_USAGE, "'%s' takes %s. See 'bootctl-pve %s --help'.", words,
                            words_for_number(verb), words);
        return verb->run(options, options->words + n_words);
}
