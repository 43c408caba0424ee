/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one way to the terminal. Text from the bus or the command line is never trusted: a whole
 * sentence is formatted first and then cleaned, so that no caller can forget an argument. Where the
 * character set is not UTF-8, only ASCII leaves the program. A sentence fits a terminal, and is one
 * line when it is piped. Progress is one line that is drawn over and over; it never wraps, or a
 * redraw would leave its first half behind, and it is not drawn if it could end up in a log. The
 * end without memory is here, too: a client that lives for one call has nothing to put back. */

#include "client/terminal/output.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "client/terminal/pager.h"
#include "common/string-util.h"

#define TEXT_MAX    8192
#define COLUMNS_MAX 10000

_Noreturn void out_of_memory(void) {
        (void) fputs("bootctl-pve: Out of memory.\n", stderr);
        exit(STATUS_FAILED);
}

const char *skip_characters(const char *s, size_t n) {
        for (; *s && n > 0; n--)
                do
                        s++;
                while (((unsigned char) *s & 0xc0) == 0x80);
        return s;
}

bool speaks_utf8(void) {
        locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t) 0);
        bool utf8 = locale != (locale_t) 0 && streq(nl_langinfo_l(CODESET, locale), "UTF-8");

        if (locale != (locale_t) 0)
                freelocale(locale);
        return utf8;
}

static bool is_ascii(const char *s) {
        while (*s && (unsigned char) *s < 0x80)
                s++;
        return *s == '\0';
}

/* @text is valid UTF-8. Typographic signs become what a typewriter has, any other character '?'. */
static char *to_ascii(const char *text) {
        static const char *const signs[][2] = {
                { "\xe2\x80\xa6", "..." }, { "\xe2\x80\x93", "-" }, { "\xe2\x80\x94", "-" },
                { "\xe2\x86\x92", "->" },  { "\xe2\x97\x8f", "*" }, { "\xe2\x80\xa2", "*" },
                { "\xe2\x80\x98", "'" },   { "\xe2\x80\x99", "'" }, { "\xe2\x80\x9c", "\"" },
                { "\xe2\x80\x9d", "\"" },  { "\xc2\xa0", " " },
        };
        Buffer b = {};
        char *ret;

        while (*text) {
                const char *next = skip_characters(text, 1), *as = "?";

                if (next == text + 1)
                        buffer_append(&b, text, 1);
                for (size_t i = 0; next > text + 1 && i < ELEMENTSOF(signs); i++)
                        if (startswith(text, signs[i][0]))
                                as = signs[i][1];
                if (next > text + 1)
                        buffer_puts(&b, as);
                text = next;
        }
        if (buffer_take(&b, &ret, NULL) < 0)
                out_of_memory();
        return ret;
}

char *shown(const char *s) {
        _cleanup_free_ char *clean =
                        must(string_for_humans(strempty(s), strlen(strempty(s)), TEXT_MAX));

        return is_ascii(clean) || speaks_utf8() ? TAKE_PTR(clean) : to_ascii(clean);
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

static bool colours_wanted(void) {
        const char *term = getenv("TERM");

        return isatty(pager_screen()) && isempty(getenv("NO_COLOR")) && !isempty(term) &&
               !streq(term, "dumb");
}

void put_coloured(const char *text, Colour colour) {
        static const char *const sequences[_COLOUR_MAX] = {
                [COLOUR_NONE] = "",         [COLOUR_BOLD] = "\033[1m",
                [COLOUR_GOOD] = "\033[32m", [COLOUR_WARNING] = "\033[33m",
                [COLOUR_BAD] = "\033[31m",
        };

        if (colour != COLOUR_NONE && colours_wanted())
                printf("%s%s\033[0m", sequences[colour], text);
        else
                (void) fputs(text, stdout);
}

size_t display_width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                if (((unsigned char) *s & 0xc0) != 0x80)
                        n++;
        return n;
}

/* Of the terminal on @fd; SIZE_MAX: it is none, so nothing has to fit. */
static size_t columns_of(int fd) {
        const char *asked = getenv("COLUMNS");
        struct winsize size;
        uint64_t n;

        if (!isatty(fd))
                return SIZE_MAX;
        if (asked && parse_u64(asked, &n) >= 0 && n > 0 && n <= COLUMNS_MAX)
                return n;
        return ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 ? 80 : size.ws_col;
}

size_t stdout_columns(void) {
        return columns_of(pager_screen());
}

const char *bullet(void) {
        return speaks_utf8() ? "\xe2\x97\x8f " : "* ";
}

/* @text, whose lines begin at the column @indent; the cursor is at the column @at. A word that is
 * too long has its line. */
static void print_wrapped(const char *text, size_t indent, size_t at) {
        size_t width_max = stdout_columns();
        const char *word = text;

        while (*word) {
                _cleanup_free_ char *copy = must(strndup(word, strcspn(word, " ")));
                size_t width = display_width(copy);

                if (at > indent && at + 1 + width >= width_max) {
                        printf("\n%*s", (int) indent, "");
                        at = indent;
                } else if (at > indent) {
                        (void) putchar(' ');
                        at++;
                }
                (void) fputs(copy, stdout);
                at += width;
                word += strlen(copy);
                word += strspn(word, " ");
        }
        (void) putchar('\n');
}

void say_below(const char *head, Colour colour, const char *text) {
        _cleanup_free_ char *clean = shown(text), *clean_head = shown(head);

        put_coloured(clean_head, colour);
        print_wrapped(clean, display_width(clean_head), display_width(clean_head));
}

void say_field(const char *name, const char *value, Colour colour, const char *detail) {
        _cleanup_free_ char *head = must(strprintf("%-16s ", name)), *clean = shown(value);
        _cleanup_free_ char *more = must(isempty(detail) ? strdup("") : strprintf("(%s)", detail));
        _cleanup_free_ char *text =
                        must(strprintf("%s%s%s", strempty(value), isempty(more) ? "" : " ", more));
        _cleanup_free_ char *clean_more = shown(more);

        if (isempty(value))
                return;
        if (colour == COLOUR_NONE) {
                say_below(head, COLOUR_NONE, text);
                return;
        }
        /* Such a value is a word or two. */
        (void) fputs(head, stdout);
        put_coloured(clean, colour);
        print_wrapped(clean_more, display_width(head), display_width(head) + display_width(clean));
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

char *format_bytes(uint64_t bytes) {
        return must(bytes_for_humans(bytes));
}

char *format_time(uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[64];
        struct tm tm;

        if (usec == 0)
                return must(strdup("not recorded"));
        if (!localtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%F %T %Z", &tm) == 0)
                return must(strdup("unknown"));
        return must(strdup(text));
}

char *format_user(const char *uid, bool here) {
        const struct passwd *user = NULL;
        uint64_t number;

        if (streq(strempty(uid), "daemon"))
                return must(strdup("bootsyncd"));
        if (streq(strempty(uid), "0"))
                return must(strdup("root"));
        if (here && parse_u64(strempty(uid), &number) >= 0 && number < UINT32_MAX)
                user = getpwuid((uid_t) number);
        return must(strdup(user ? user->pw_name : strempty(uid)));
}

static bool can_redraw(void) {
        const char *term = getenv("TERM");

        return isatty(STDERR_FILENO) && !isempty(term) && !streq(term, "dumb");
}

bool progress_draw(const char *line) {
        _cleanup_free_ char *clean = NULL;
        size_t columns = columns_of(STDERR_FILENO), width;
        const char *more = "";

        if (!can_redraw())
                return false;
        clean = shown(line);
        width = display_width(clean);
        /* The last column stays free, or some terminals wrap. */
        if (width >= columns) {
                more = columns > 4 ? "..." : "";
                width = columns > 4 ? columns - 4 : columns - 1;
        }
        (void) fprintf(stderr, "\r\033[K%.*s%s", (int) (skip_characters(clean, width) - clean),
                       clean, more);
        (void) fflush(stderr);
        return true;
}

void progress_print(const char *line) {
        _cleanup_free_ char *clean = shown(line);

        (void) fprintf(stderr, "%s\n", clean);
}

void progress_clear(void) {
        if (can_redraw())
                (void) fputs("\r\033[K", stderr);
}
