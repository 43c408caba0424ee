/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What people read: sentences, colours, sizes and times, none of which carries a control character
 * to the terminal. */

#include <stdarg.h>
#include <stdio.h>

#include "client/exit-status.h"
#include "common/macros.h"

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

/* A copy of @s (NULL: empty) that is safe to print. Never NULL. */
char *shown(const char *s);

/* "bootctl-pve: SENTENCE" on stderr. Returns @status, so that callers can `return fail(…)`. */
ExitStatus fail(ExitStatus status, const char *format, ...) _printf_(2, 3);

/* A line on stdout. */
void say(const char *format, ...) _printf_(1, 2);

/* "NAME   VALUE (DETAIL)"; without a value nothing, without a detail no brackets. */
void say_field(const char *name, const char *value, Colour colour, const char *detail);

/* True if someone can be asked: stdin and stderr are a terminal. */
bool is_interactive(void);
/* Ask on stderr; anything but a clear yes, also the end of input, is a no. */
bool ask_yes_no(const char *format, ...) _printf_(1, 2);

/* Escape sequences around coloured text on stdout; empty where it is no terminal or $NO_COLOR is
 * set. */
const char *colour_on(Colour colour);
const char *colour_off(Colour colour);

/* "1.5 MiB". Never NULL. */
char *format_bytes(uint64_t bytes);
/* Local date and time of @usec (µs since the epoch); "not since the daemon started" for 0. Never
 * NULL. */
char *format_time(uint64_t usec);
