/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one way to the terminal. Text from the bus or the command line is never trusted: a whole
 * sentence is formatted first and then cleaned, so that no caller can forget an argument. It also
 * owns the end without memory: a client that lives for one call has nothing to put back. */

#include "client/output.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "common/string-util.h"

#define TEXT_MAX 8192

_Noreturn void out_of_memory(void) {
        (void) fputs("bootctl-pve: Out of memory.\n", stderr);
        exit(STATUS_FAILED);
}

char *shown(const char *s) {
        return must(string_for_humans(strempty(s), strlen(strempty(s)), TEXT_MAX));
}

static char *shown_format(const char *format, va_list ap) {
        _cleanup_free_ char *raw = NULL;

        if (vasprintf(&raw, format, ap) < 0)
                out_of_memory();
        return shown(raw);
}

ExitStatus fail(ExitStatus status, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = shown_format(format, ap);
        va_end(ap);
        (void) fprintf(stderr, "bootctl-pve: %s\n", text);
        return status;
}

void say(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = shown_format(format, ap);
        va_end(ap);
        (void) puts(text);
}

void say_field(const char *name, const char *value, Colour colour, const char *detail) {
        _cleanup_free_ char *clean_value = shown(value), *clean_detail = shown(detail);

        if (isempty(value))
                return;
        printf("%-16s %s%s%s", name, colour_on(colour), clean_value, colour_off(colour));
        if (!isempty(detail))
                printf(" (%s)", clean_detail);
        (void) putchar('\n');
}

bool is_interactive(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool ask_yes_no(const char *format, ...) {
        _cleanup_free_ char *question = NULL, *line = NULL;
        size_t allocated = 0;
        va_list ap;
        ssize_t n;

        va_start(ap, format);
        question = shown_format(format, ap);
        va_end(ap);
        (void) fprintf(stderr, "%s [y/N] ", question);
        n = getline(&line, &allocated, stdin);
        if (n <= 0) {
                (void) fputc('\n', stderr);
                return false;
        }
        if (line[n - 1] == '\n')
                line[n - 1] = '\0';
        return parse_boolean(line) > 0;
}

static bool colours_wanted(void) {
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && isempty(getenv("NO_COLOR")) && !isempty(term) &&
               !streq(term, "dumb");
}

const char *colour_on(Colour colour) {
        static const char *const sequences[_COLOUR_MAX] = {
                [COLOUR_NONE] = "",         [COLOUR_BOLD] = "\033[1m",
                [COLOUR_GOOD] = "\033[32m", [COLOUR_WARNING] = "\033[33m",
                [COLOUR_BAD] = "\033[31m",
        };

        return colours_wanted() ? sequences[colour] : "";
}

const char *colour_off(Colour colour) {
        return colour != COLOUR_NONE && colours_wanted() ? "\033[0m" : "";
}

char *format_bytes(uint64_t bytes) {
        return must(bytes_for_humans(bytes));
}

char *format_time(uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[64];
        struct tm tm;

        if (usec == 0)
                return must(strdup("not since the daemon started"));
        if (!localtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%F %T %Z", &tm) == 0)
                return must(strdup("unknown"));
        return must(strdup(text));
}
