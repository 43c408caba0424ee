/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line as a value. */

#include "client/terminal/output.h"

typedef enum OptionId {
        OPTION_JSON,
        OPTION_ROOT,
        OPTION_HOST,
        OPTION_YES,
        OPTION_NO_REFRESH,
        OPTION_FULL,
        OPTION_NO_LEGEND,
        OPTION_NO_PAGER,
        OPTION_HELP,
        OPTION_VERSION,
        OPTION_QUIET,
        OPTION_DRY_RUN,
        OPTION_ESP,
        OPTION_NEW_KERNEL,
        OPTION_NEXT_BOOT,
        OPTION_FORCE,
        OPTION_UNMERGE,
        OPTION_LINES,
        OPTION_FOLLOW,
        OPTION_OUTPUT,
        OPTION_NO_BLOCK,
        OPTION_VERBOSE,
        OPTION_REPORT,
        _OPTION_MAX,
} OptionId;

#define OPTION_BIT(id) (1u << (id))

/* Every verb takes these. */
#define OPTIONS_GLOBAL                                                                          \
        (OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_ROOT) | OPTION_BIT(OPTION_HOST) |          \
         OPTION_BIT(OPTION_YES) | OPTION_BIT(OPTION_NO_REFRESH) | OPTION_BIT(OPTION_FULL) |     \
         OPTION_BIT(OPTION_NO_LEGEND) | OPTION_BIT(OPTION_NO_PAGER) | OPTION_BIT(OPTION_HELP) | \
         OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_QUIET))

typedef enum JsonFormat {
        JSON_OFF,
        JSON_BARE,   /* --json: the data alone */
        JSON_SHORT,  /* with their kind, on one line */
        JSON_PRETTY, /* the same, indented */
} JsonFormat;

typedef struct Options {
        unsigned given;         /* bits of OptionId */
        const char *root;       /* NULL: the running system. Borrowed, as all from argv */
        const char *host;       /* NULL: this one; several with commas between them */
        const char *new_kernel; /* NULL: none */
        const char *lines;      /* digits; NULL: not given */
        const char *columns;    /* of --output; NULL: those that are always shown */
        const char *report;     /* a file; NULL: none is written */
        JsonFormat json;
        char **esps;  /* empty: all */
        char **words; /* the verb and its arguments */
        size_t n_words;
} Options;

static inline bool option_given(const Options *o, OptionId id) {
        return o->given & OPTION_BIT(id);
}

void options_done(Options *o);
#define _cleanup_options_ _cleanup_(options_done)

/* Options may stand anywhere; "--" ends them. Refuses unknown ones, contradictions, and text that
 * cannot travel over D-Bus. */
ExitStatus options_parse(int argc, char **argv, Options *ret);

/* Refuse any option that is not in the bits of @allowed. */
ExitStatus options_check(const Options *o, unsigned allowed, const char *verb);

/* The command line once more without the options in the bits of @without, the words at its end.
 * Never NULL. */
char **options_repeat(const Options *o, unsigned without);

/* One help line on stdout for each option in the bits of @which. */
void options_help(unsigned which);

/* Have what follows on stdout, a long answer, shown in a pager, unless there is --no-pager. */
void options_page(const Options *o);
