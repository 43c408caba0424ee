/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the command line. One table names every option, for the parser and for the help; which verb
 * takes which is the verbs' business. getopt's own messages are off: they print arguments as they
 * come, control characters and all. */

#include "client/options.h"

#include <getopt.h>
#include <stdio.h>

#include "client/output.h"
#include "common/string-util.h"

#define LONG_BASE 256 /* getopt values from here on are LONG_BASE + OptionId */

typedef struct OptionInfo {
        const char *name;
        const char *argument; /* NULL: takes none */
        char letter;          /* 0: none */
        const char *help;
} OptionInfo;

static const OptionInfo option_table[_OPTION_MAX] = {
        [OPTION_JSON] = { "json", NULL, 0, "Print JSON" },
        [OPTION_ROOT] = { "root", "DIR", 0, "Work on the system below DIR" },
        [OPTION_HOST] = { "host", "HOST", 'H', "Work on HOST, over ssh" },
        [OPTION_YES] = { "yes", NULL, 0, "Do not ask; refresh after a change" },
        [OPTION_NO_REFRESH] = { "no-refresh", NULL, 0, "Do not refresh after a change" },
        [OPTION_HELP] = { "help", NULL, 'h', "Show this help" },
        [OPTION_VERSION] = { "version", NULL, 0, "Show the version" },
        [OPTION_QUIET] = { "quiet", NULL, 0, "Print nothing, only set the exit status" },
        [OPTION_DRY_RUN] = { "dry-run", NULL, 0, "Show what would be done" },
        [OPTION_ESP] = { "esp", "UUID", 0, "Only this ESP; may be repeated" },
        [OPTION_NEW_KERNEL] = { "new-kernel", "VERSION", 0,
                                "Also sync this kernel, which is being installed" },
        [OPTION_NEXT_BOOT] = { "next-boot", NULL, 0, "Only for the next boot" },
        [OPTION_FORCE] = { "force", NULL, 0, "Even if data is lost, or memory may run out" },
        [OPTION_UNMERGE] = { "unmerge", NULL, 0, "Also give up what is merged" },
};

void options_done(Options *o) {
        o->esps = strv_free(o->esps);
}

static ExitStatus usage(const char *what, const char *argument) {
        return fail(STATUS_USAGE, "%s '%s'. See 'bootctl-pve --help'.", what, argument);
}

/* Why getopt refused; @word is the argument it was looking at. */
static ExitStatus refused(const char *word) {
        if (optopt >= LONG_BASE)
                return fail(STATUS_USAGE, "The option '--%s' takes no argument.",
                            option_table[optopt - LONG_BASE].name);
        if (optopt != 0)
                return fail(STATUS_USAGE, "Unknown option '-%c'. See 'bootctl-pve --help'.",
                            optopt);
        return usage("Unknown or ambiguous option", word);
}

static void build_getopt_tables(struct option *ret_long, char *ret_short) {
        size_t n = 0;

        /* ':' tells a missing argument from an unknown option. */
        ret_short[n++] = ':';
        for (int i = 0; i < _OPTION_MAX; i++) {
                const OptionInfo *info = &option_table[i];

                ret_long[i] = (struct option){
                        .name = info->name,
                        .has_arg = info->argument ? required_argument : no_argument,
                        .val = LONG_BASE + i,
                };
                if (info->letter)
                        ret_short[n++] = info->letter;
                if (info->letter && info->argument)
                        ret_short[n++] = ':';
        }
        ret_long[_OPTION_MAX] = (struct option){};
        ret_short[n] = '\0';
}

static OptionId option_from_value(int value) {
        for (int i = 0; i < _OPTION_MAX; i++)
                if (value == LONG_BASE + i || value == option_table[i].letter)
                        return i;
        return _OPTION_MAX;
}

static ExitStatus take_argument(Options *o, OptionId id, const char *argument) {
        const char **slot;

        if (id == OPTION_ESP) {
                if (strv_extend(&o->esps, argument) < 0)
                        out_of_memory();
                return STATUS_DONE;
        }
        slot = id == OPTION_ROOT ? &o->root : id == OPTION_HOST ? &o->host : &o->new_kernel;
        if (*slot)
                return fail(STATUS_USAGE, "The option '--%s' may be given only once.",
                            option_table[id].name);
        if (isempty(argument))
                return fail(STATUS_USAGE, "The option '--%s' needs a value that is not empty.",
                            option_table[id].name);
        *slot = argument;
        return STATUS_DONE;
}

static bool word_is_valid(const char *s) {
        return !s || utf8_is_valid(s, strlen(s));
}

static ExitStatus check_contradictions(const Options *o) {
        if (o->root && o->host)
                return fail(STATUS_USAGE, "--root and --host cannot be combined.");
        if (option_given(o, OPTION_YES) && option_given(o, OPTION_NO_REFRESH))
                return fail(STATUS_USAGE, "--yes and --no-refresh cannot be combined.");
        if (!word_is_valid(o->new_kernel) || !word_is_valid(o->host))
                return fail(STATUS_USAGE, "An option's value is not valid UTF-8.");
        STRV_FOREACH(i, o->esps)
                if (!word_is_valid(*i))
                        return usage("Not valid UTF-8:", *i);
        STRV_FOREACH(i, o->words)
                if (!word_is_valid(*i))
                        return usage("Not valid UTF-8:", *i);
        return STATUS_DONE;
}

ExitStatus options_parse(int argc, char **argv, Options *ret) {
        struct option long_options[_OPTION_MAX + 1];
        char short_options[2 * _OPTION_MAX + 2];
        _cleanup_options_ Options o = {};
        ExitStatus status;

        build_getopt_tables(long_options, short_options);
        opterr = 0;
        for (;;) {
                int value = getopt_long(argc, argv, short_options, long_options, NULL);
                OptionId id;

                if (value < 0)
                        break;
                if (value == '?')
                        return refused(argv[optind - 1]);
                if (value == ':')
                        return usage("A value is missing after", argv[optind - 1]);
                id = option_from_value(value);
                o.given |= OPTION_BIT(id);
                if (!option_table[id].argument)
                        continue;
                status = take_argument(&o, id, optarg);
                if (status != STATUS_DONE)
                        return status;
        }
        o.words = argv + optind;
        o.n_words = (size_t) (argc - optind);

        status = check_contradictions(&o);
        if (status == STATUS_DONE)
                *ret = TAKE_STRUCT(o);
        return status;
}

ExitStatus options_check(const Options *o, unsigned allowed, const char *verb) {
        for (int i = 0; i < _OPTION_MAX; i++)
                if ((o->given & ~allowed) & OPTION_BIT(i))
                        return fail(STATUS_USAGE, "'%s' does not take the option '--%s'.", verb,
                                    option_table[i].name);
        return STATUS_DONE;
}

void options_help(unsigned which) {
        for (int i = 0; i < _OPTION_MAX; i++) {
                const OptionInfo *info = &option_table[i];
                int width;

                if (!(which & OPTION_BIT(i)))
                        continue;
                width = info->letter ? printf("  -%c, --%s", info->letter, info->name)
                                     : printf("      --%s", info->name);
                if (info->argument)
                        width += printf("=%s", info->argument);
                printf("%*s%s\n", MAX(30 - width, 2), "", info->help);
        }
}
