/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the command line. One table names every option, for the parser and for the help; which verb
 * takes which is the verbs' business. getopt's own messages are off: they print arguments as they
 * come, control characters and all. The formats of --json are here, as the one value that an option
 * may have or not. */

#include "client/terminal/options.h"

#include <getopt.h>
#include <stdio.h>

#include "client/terminal/pager.h"
#include "client/terminal/suggest.h"
#include "common/string-util.h"

#define LONG_BASE 256 /* getopt values from here on are LONG_BASE + OptionId */

typedef struct OptionInfo {
        const char *name;
        const char *argument; /* NULL: takes none; in brackets: one may be left out */
        char letter;          /* 0: none */
        const char *help;
} OptionInfo;

static const OptionInfo option_table[_OPTION_MAX] = {
        [OPTION_JSON] = { "json", "[short|pretty]", 0, "Print JSON" },
        [OPTION_ROOT] = { "root", "DIR", 0, "Work on the system below DIR" },
        [OPTION_HOST] = { "host", "HOST[,HOST...]", 'H', "Work on HOST, over ssh" },
        [OPTION_YES] = { "yes", NULL, 'y', "Do not ask; refresh after a change" },
        [OPTION_NO_REFRESH] = { "no-refresh", NULL, 0, "Do not refresh after a change" },
        [OPTION_FULL] = { "full", NULL, 0, "Cut nothing and leave nothing out" },
        [OPTION_NO_LEGEND] = { "no-legend", NULL, 0, "Print no column titles and no summary" },
        [OPTION_NO_PAGER] = { "no-pager", NULL, 0, "Do not start a pager" },
        [OPTION_HELP] = { "help", NULL, 'h', "Show this help" },
        [OPTION_VERSION] = { "version", NULL, 0, "Show the version" },
        [OPTION_QUIET] = { "quiet", NULL, 'q', "Tell of no progress and no success" },
        [OPTION_DRY_RUN] = { "dry-run", NULL, 0, "Show what would be done" },
        [OPTION_ESP] = { "esp", "ESP", 0,
                         "Only this ESP (UUID, its beginning, device); repeatable" },
        [OPTION_NEW_KERNEL] = { "new-kernel", "VERSION", 0,
                                "Also sync this kernel, which is being installed" },
        [OPTION_NEXT_BOOT] = { "next-boot", NULL, 0, "Only for the next boot" },
        [OPTION_FORCE] = { "force", NULL, 0,
                           "Even if data is lost, no ESP is left, or memory may run out" },
        [OPTION_LINES] = { "lines", "N", 'n', "Show only the last N" },
        [OPTION_UNMERGE] = { "unmerge", NULL, 0, "Also give up what is merged" },
        [OPTION_FOLLOW] = { "follow", NULL, 'f', "Also show what is written from now on" },
        [OPTION_OUTPUT] = { "output", "COLUMN[,COLUMN...]", 0, "Show these columns" },
        [OPTION_NO_BLOCK] = { "no-block", NULL, 0, "Do not wait for the job" },
        [OPTION_VERBOSE] = { "verbose", NULL, 0, "Show each step of a dry run" },
        [OPTION_REPORT] = { "report", "FILE", 0, "Write what a bug report wants to a new file" },
};

void options_done(Options *o) {
        o->esps = strv_free(o->esps);
}

static ExitStatus usage(const char *what, const char *argument) {
        return fail(STATUS_USAGE, "%s '%s'. See 'bootctl-pve --help'.", what, argument);
}

/* "--new-kernel, --next-boot" of those that begin with @word; empty if none does. */
static char *list_options(const char *word) {
        _cleanup_strv_ char **names = NULL;

        for (int i = 0; i < _OPTION_MAX; i++)
                if (startswith(option_table[i].name, word) &&
                    strv_extendf(&names, "--%s", option_table[i].name) < 0)
                        out_of_memory();
        return must(strv_join(names, ", "));
}

/* @word: without its dashes and value. */
static ExitStatus unknown_option(const char *word) {
        _cleanup_free_ char *possible = list_options(word);
        char *names[_OPTION_MAX + 1] = {};
        const char *closest;

        if (!isempty(word) && !isempty(possible))
                return fail(STATUS_USAGE, "The option '--%s' is ambiguous: %s.", word, possible);
        for (int i = 0; i < _OPTION_MAX; i++)
                names[i] = (char *) option_table[i].name;
        closest = closest_word(word, names);
        if (closest)
                return fail(STATUS_USAGE, "Unknown option '--%s'; did you mean '--%s'?", word,
                            closest);
        return fail(STATUS_USAGE, "Unknown option '--%s'. See 'bootctl-pve --help'.", word);
}

/* Why getopt refused; @word is the argument it was looking at. */
static ExitStatus refused(const char *word) {
        _cleanup_free_ char *name = NULL;

        if (optopt >= LONG_BASE)
                return fail(STATUS_USAGE, "The option '--%s' takes no argument.",
                            option_table[optopt - LONG_BASE].name);
        if (optopt != 0)
                return fail(STATUS_USAGE, "Unknown option '-%c'. See 'bootctl-pve --help'.",
                            optopt);
        word += startswith(word, "--") ? 2 : 0;
        name = must(strndup(word, strcspn(word, "=")));
        return unknown_option(name);
}

static void build_getopt_tables(struct option *ret_long, char *ret_short) {
        size_t n = 0;

        /* ':' tells a missing argument from an unknown option. */
        ret_short[n++] = ':';
        for (int i = 0; i < _OPTION_MAX; i++) {
                const OptionInfo *info = &option_table[i];

                ret_long[i] = (struct option){
                        .name = info->name,
                        .has_arg = !info->argument            ? no_argument
                                   : info->argument[0] == '[' ? optional_argument
                                                              : required_argument,
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

/* As systemd's programs call them. */
static ExitStatus take_json(Options *o, const char *format) {
        if (format && !streq(format, "short") && !streq(format, "pretty"))
                return fail(STATUS_USAGE,
                            "'--json' takes 'short' or 'pretty' or nothing, not '%s'.", format);
        o->json = !format ? JSON_BARE : streq(format, "short") ? JSON_SHORT : JSON_PRETTY;
        return STATUS_DONE;
}

static const char **slot_of(Options *o, OptionId id) {
        if (id == OPTION_ROOT)
                return &o->root;
        if (id == OPTION_HOST)
                return &o->host;
        if (id == OPTION_LINES)
                return &o->lines;
        if (id == OPTION_OUTPUT)
                return &o->columns;
        return id == OPTION_REPORT ? &o->report : &o->new_kernel;
}

/* With what it was given. */
static void repeat_option(const Options *o, OptionId id, char ***l) {
        const char *name = option_table[id].name;
        int r = 0;

        if (id == OPTION_ESP)
                STRV_FOREACH(i, o->esps)
                        r = r < 0 ? r : strv_extendf(l, "--%s=%s", name, *i);
        else if (option_table[id].argument && id != OPTION_JSON)
                r = strv_extendf(l, "--%s=%s", name, *slot_of((Options *) o, id));
        else
                r = strv_extendf(l, "--%s", name);
        if (r < 0)
                out_of_memory();
}

char **options_repeat(const Options *o, unsigned without) {
        char **ret = NULL;

        for (int i = 0; i < _OPTION_MAX; i++)
                if ((o->given & ~without) & OPTION_BIT(i))
                        repeat_option(o, i, &ret);
        if (strv_extend(&ret, "--") < 0)
                out_of_memory();
        STRV_FOREACH(i, o->words)
                if (strv_extend(&ret, *i) < 0)
                        out_of_memory();
        return ret;
}

static ExitStatus take_argument(Options *o, OptionId id, const char *argument) {
        const char **slot = slot_of(o, id);

        if (id == OPTION_JSON)
                return take_json(o, argument);
        if (id == OPTION_ESP) {
                if (strv_extend(&o->esps, argument) < 0)
                        out_of_memory();
                return STATUS_DONE;
        }
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
        if (o->json && o->columns)
                return fail(STATUS_USAGE, "--json and --output cannot be combined.");
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
                if (info->argument && info->argument[0] == '[')
                        width += printf("[=%s", info->argument + 1);
                else if (info->argument)
                        width += printf("=%s", info->argument);
                printf("%*s%s\n", MAX(30 - width, 2), "", info->help);
        }
}

void options_page(const Options *o) {
        if (!option_given(o, OPTION_NO_PAGER))
                pager_open();
}
