/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Strings and NULL-terminated string vectors ("strv"). A NULL strv is an empty one everywhere. */

#include <stdio.h>

#include "common/macros.h"

#define streq(a, b) (strcmp((a), (b)) == 0)

static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static inline bool isempty(const char *s) {
        return !s || s[0] == '\0';
}

static inline const char *strempty(const char *s) {
        return s ?: "";
}

/* The rest of @s after @prefix, or NULL. */
const char *startswith(const char *s, const char *prefix);
/* The end of @s that is @suffix, or NULL. */
const char *endswith(const char *s, const char *suffix);

/* printf into fresh memory; NULL when out of memory. */
char *strprintf(const char *format, ...) _printf_(1, 2);

/* Decimal digits only, no sign, no blanks. 0, -EINVAL or -ERANGE. */
int parse_u64(const char *s, uint64_t *ret);
/* The same with an optional "-" before the digits. */
int parse_i64(const char *s, int64_t *ret);

/* "yes/no", "true/false", "on/off", "1/0" of any case, as systemd reads them. 1, 0 or -EINVAL. */
int parse_boolean(const char *s);

/* One logical line at a time out of a buffer that may hold NUL bytes and CRLF. *@pos starts at 0.
 * Gives the line without its "\n" or "\r\n" in @ret/@ret_size (pointing into @text, not
 * terminated). Returns 1, or 0 at the end. A "\r" in mid-line stays. */
int line_next(const char *text, size_t size, size_t *pos, const char **ret, size_t *ret_size);

/* True if the bytes are printable, without NUL or control characters (tab is allowed). Bytes from
 * 0x80 on are allowed; D-Bus strings need utf8_is_valid() in addition. */
bool text_is_clean(const char *s, size_t size);

/* Valid UTF-8 without NUL, so that it may travel as a D-Bus string. */
bool utf8_is_valid(const char *s, size_t size) _pure_;

/* Cut blanks and tabs off both ends of the *@size bytes at *@s. */
void text_trim(const char **s, size_t *size);
/* True if the @size bytes at @s are just @word. */
bool text_is(const char *s, size_t size, const char *word) _pure_;

/* A copy of @s fit to be shown and sent: control characters other than the tab (those of U+0080 to
 * U+009F, which terminals obey, too) and invalid UTF-8 become '?'. What would be longer than @max
 * bytes is cut before a character, and "..." follows. NULL when out of memory. */
char *string_for_humans(const char *s, size_t size, size_t max);

/* @s as one word for a shell, in quotes where it needs them. NULL when out of memory. */
char *shell_word(const char *s);

/* "512 B", "1.5 MiB". NULL when out of memory. */
char *bytes_for_humans(uint64_t bytes);

/* A growing string; FILE-less, never fails half-way: an out-of-memory is sticky and reported by
 * buffer_take(). */
typedef struct Buffer {
        char *data;
        size_t size;
        size_t allocated;
        bool failed;
} Buffer;

void buffer_done(Buffer *b);
void buffer_append(Buffer *b, const void *data, size_t size);
void buffer_puts(Buffer *b, const char *s);
void buffer_printf(Buffer *b, const char *format, ...) _printf_(2, 3);
/* Hand the text over, NUL-terminated; @ret_size may be NULL. -ENOMEM if any append failed. */
int buffer_take(Buffer *b, char **ret, size_t *ret_size);

char **strv_free(char **l);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)

#define STRV_FOREACH(i, l) for (char **i = (l); i && *i; i++)

size_t strv_length(char *const *l) _pure_;
bool strv_contains(char *const *l, const char *s) _pure_;
bool strv_equal(char *const *a, char *const *b) _pure_;
static inline bool strv_isempty(char *const *l) {
        return !l || !*l;
}
/* Append a copy of @s. 0 or -ENOMEM. */
int strv_extend(char ***l, const char *s);
/* Append @s itself, which is freed on failure. 0 or -ENOMEM; @s == NULL is -ENOMEM. */
int strv_consume(char ***l, char *s);
int strv_extendf(char ***l, const char *format, ...) _printf_(2, 3);
/* Append copies of all of @from that are not in *@l yet. */
int strv_extend_uniq(char ***l, char *const *from);
/* Remove every @s; true if there was one. */
bool strv_remove(char **l, const char *s);
int strv_copy(char *const *l, char ***ret);
/* "a, b, c"; "" for an empty one. NULL when out of memory. */
char *strv_join(char *const *l, const char *separator);
/* "'a', 'b' and 7 more": @max of them are named. NULL when out of memory. */
char *strv_quote(char *const *l, size_t max);
typedef int (*string_compare_t)(const char *a, const char *b);
/* Sort by @compare, which is 0 for equal strings only, and drop repetitions. @l may be NULL. */
void strv_sort_uniq(char **l, string_compare_t compare);
