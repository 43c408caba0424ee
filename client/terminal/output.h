/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Output for people: sentences, colours, sizes and times, none of which carries a control character
 * to the terminal. */

#include <stdarg.h>
#include <stdio.h>

#include "common/macros.h"

/* The program's exit status; scripts rely on the numbers. A client function of this type has
 * already told the user why when it returns anything but STATUS_DONE. */
typedef enum ExitStatus {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,  /* failed or refused */
        STATUS_USAGE = 2,   /* bad usage; `status` without a configured ESP */
        STATUS_PARTIAL = 3, /* some ESP is not in sync */
        STATUS_NOT_AUTHORISED = 4,
} ExitStatus;

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_BOLD,
        COLOUR_GOOD,
        COLOUR_WARNING,
        COLOUR_BAD,
        _COLOUR_MAX,
} Colour;

/* Say so and end: the client has nothing to put back. */
_Noreturn void out_of_memory(void);

/* @s, or the end of the program if it is NULL. */
#define must(s)                          \
        ({                               \
                typeof(s) _s = (s);      \
                if (!_s)                 \
                        out_of_memory(); \
                _s;                      \
        })

/* A copy of @s (NULL: empty) that is safe to print: without control characters and, where the
 * character set is not UTF-8, in ASCII, with '?' for a character that has no likeness there. Never
 * NULL. */
char *shown(const char *s);
/* The character set of the locale is UTF-8. */
bool speaks_utf8(void);

/* "bootctl-pve: SENTENCE" on stderr. Returns @status, so that callers can `return fail(…)`. */
ExitStatus fail(ExitStatus status, const char *format, ...) _printf_(2, 3);

/* A line on stdout. */
void say(const char *format, ...) _printf_(1, 2);

/* @head and the text, whose lines begin below one another and end with the terminal's. */
void say_below(const char *head, Colour colour, const char *text);
/* "● ", with which a headline begins; "* " where the character set has no circle. */
const char *bullet(void);

/* "NAME   VALUE (DETAIL)", wrapped as by say_below(); without a value nothing, without a detail no
 * brackets. */
void say_field(const char *name, const char *value, Colour colour, const char *detail);

/* @text, which is safe to print, on stdout; in colour where that is a terminal that has some. */
void put_coloured(const char *text, Colour colour);

/* Of the terminal that shows stdout: $COLUMNS, or as it says. SIZE_MAX: it is none, and so nothing
 * has to fit. */
size_t stdout_columns(void);
/* Code points, which is right for all that occurs here. */
size_t display_width(const char *s);
/* The first @n characters of @s end there. */
const char *skip_characters(const char *s, size_t n);

/* True if someone can be asked: stdin and stderr are a terminal. */
bool is_interactive(void);
/* Ask on stderr; anything but a clear yes, also the end of input, is a no. */
bool ask_yes_no(const char *format, ...) _printf_(1, 2);

/* "1.5 MiB". Never NULL. */
char *format_bytes(uint64_t bytes);
/* Local date and time of @usec (µs since the epoch); "not recorded" for 0. Never
 * NULL. */
char *format_time(uint64_t usec);

/* The user with this @uid in digits by his name, if he is one of this host (@here); "bootsyncd" for
 * "daemon". Never NULL. */
char *format_user(const char *uid, bool here);

/* Draw the line of progress again on stderr, cut to its width, and true; false, and nothing, where
 * that is no terminal that can. */
bool progress_draw(const char *line);
/* A line of its own on stderr. */
void progress_print(const char *line);
/* Leave an empty line for what comes next. */
void progress_clear(void);
