/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strings and string vectors. Nothing here knows what the strings mean. Vectors grow one element at
 * a time: they hold kernels and ESPs, of which there are a few dozen. */

#include "common/string-util.h"

#include <stdarg.h>
#include <strings.h>

const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        if (n < m || memcmp(s + n - m, suffix, m) != 0)
                return NULL;
        return s + n - m;
}

char *strprintf(const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        return n < 0 ? NULL : s;
}

int parse_u64(const char *s, uint64_t *ret) {
        uint64_t v = 0;

        if (isempty(s))
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(v, (uint64_t) 10, &v) ||
                    __builtin_add_overflow(v, (uint64_t) (*s - '0'), &v))
                        return -ERANGE;
        }
        *ret = v;
        return 0;
}

int parse_i64(const char *s, int64_t *ret) {
        const bool negative = s && s[0] == '-';
        uint64_t v;
        int r;

        r = parse_u64(negative ? s + 1 : s, &v);
        if (r < 0)
                return r;
        if (v > (uint64_t) INT64_MAX + negative)
                return -ERANGE;
        *ret = (int64_t) (negative ? -v : v);
        return 0;
}

int parse_boolean(const char *s) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(s, yes[i]) == 0)
                        return 1;
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (strcasecmp(s, no[i]) == 0)
                        return 0;
        return -EINVAL;
}

int line_next(const char *text, size_t size, size_t *pos, const char **ret, size_t *ret_size) {
        const char *line, *end;
        size_t n;

        if (*pos >= size)
                return 0;

        line = text + *pos;
        end = memchr(line, '\n', size - *pos);
        n = end ? (size_t) (end - line) : size - *pos;
        *pos += n + (end ? 1 : 0);
        if (n > 0 && line[n - 1] == '\r')
                n--;

        *ret = line;
        *ret_size = n;
        return 1;
}

bool text_is_clean(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];

                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

/* Length of the valid UTF-8 sequence at @s, or 0 (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_sequence(const unsigned char *s, size_t size) {
        unsigned char c = s[0], low = 0x80, high = 0xbf;
        size_t n;

        if (c >= 0x01 && c < 0x80)
                return 1;
        if (c >= 0xc2 && c <= 0xdf)
                n = 2;
        else if (c >= 0xe0 && c <= 0xef)
                n = 3;
        else if (c >= 0xf0 && c <= 0xf4)
                n = 4;
        else
                return 0;
        if (n > size)
                return 0;
        if (c == 0xe0)
                low = 0xa0;
        else if (c == 0xed)
                high = 0x9f;
        else if (c == 0xf0)
                low = 0x90;
        else if (c == 0xf4)
                high = 0x8f;
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

bool utf8_is_valid(const char *s, size_t size) {
        for (size_t i = 0; i < size;) {
                size_t n = utf8_sequence((const unsigned char *) s + i, size - i);

                if (n == 0)
                        return false;
                i += n;
        }
        return true;
}

/* U+0080 to U+009F in UTF-8: terminals obey them too, U+009B as the start of an escape sequence. */
static bool is_c1(const char *s) {
        return (unsigned char) s[0] == 0xc2 && (unsigned char) s[1] < 0xa0;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

void text_trim(const char **s, size_t *size) {
        while (*size > 0 && is_blank((*s)[0])) {
                (*s)++;
                (*size)--;
        }
        while (*size > 0 && is_blank((*s)[*size - 1]))
                (*size)--;
}

bool text_is(const char *s, size_t size, const char *word) {
        return size == strlen(word) && memcmp(s, word, size) == 0;
}

char *string_for_humans(const char *s, size_t size, size_t max) {
        Buffer b = {};
        char *ret;

        for (size_t i = 0; i < size;) {
                size_t n = utf8_sequence((const unsigned char *) s + i, size - i);

                if (b.size + MAX(n, (size_t) 1) > max) {
                        buffer_puts(&b, "...");
                        break;
                }
                if (n == 0 || (n == 1 && !text_is_clean(s + i, 1)) || (n == 2 && is_c1(s + i)))
                        buffer_puts(&b, "?");
                else
                        buffer_append(&b, s + i, n);
                i += MAX(n, (size_t) 1);
        }
        if (buffer_take(&b, &ret, NULL) < 0)
                return NULL;
        return ret;
}

char *shell_word(const char *s) {
        static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "/._:@%+=,-";
        _cleanup_(buffer_done) Buffer b = {};
        char *word = NULL;

        if (s[strspn(s, safe)] == '\0')
                return strdup(s);
        buffer_puts(&b, "'");
        for (const char *p = s; *p; p++)
                buffer_append(&b, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
        buffer_puts(&b, "'");
        return buffer_take(&b, &word, NULL) < 0 ? NULL : word;
}

char *bytes_for_humans(uint64_t bytes) {
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double value = (double) bytes / 1024;
        size_t i = 0;

        if (bytes < 1024)
                return strprintf("%llu B", (unsigned long long) bytes);
        while (value >= 1023.95 && i + 1 < ELEMENTSOF(units)) {
                value /= 1024;
                i++;
        }
        return strprintf("%.1f %s", value, units[i]);
}

void buffer_done(Buffer *b) {
        b->data = mfree(b->data);
        *b = (Buffer){};
}

void buffer_append(Buffer *b, const void *data, size_t size) {
        if (b->failed || size == 0)
                return;
        if (!ARRAY_RESERVE(b->data, b->allocated, b->size + size + 1)) {
                b->failed = true;
                return;
        }
        memcpy(b->data + b->size, data, size);
        b->size += size;
}

void buffer_puts(Buffer *b, const char *s) {
        buffer_append(b, s, strlen(s));
}

void buffer_printf(Buffer *b, const char *format, ...) {
        _cleanup_free_ char *s = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        if (n < 0) {
                s = NULL;
                b->failed = true;
                return;
        }
        buffer_append(b, s, (size_t) n);
}

int buffer_take(Buffer *b, char **ret, size_t *ret_size) {
        if (!b->failed && !ARRAY_RESERVE(b->data, b->allocated, b->size + 1))
                b->failed = true;
        if (b->failed) {
                buffer_done(b);
                return -ENOMEM;
        }
        b->data[b->size] = '\0';
        if (ret_size)
                *ret_size = b->size;
        *ret = b->data;
        *b = (Buffer){};
        return 0;
}

char **strv_free(char **l) {
        STRV_FOREACH(i, l)
                free(*i);
        free(l);
        return NULL;
}

size_t strv_length(char *const *l) {
        size_t n = 0;

        while (l && l[n])
                n++;
        return n;
}

bool strv_contains(char *const *l, const char *s) {
        for (; l && *l; l++)
                if (streq(*l, s))
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

int strv_consume(char ***l, char *s) {
        size_t n = strv_length(*l);
        char **m;

        if (!s)
                return -ENOMEM;
        m = reallocarray(*l, n + 2, sizeof(char *));
        if (!m) {
                free(s);
                return -ENOMEM;
        }
        m[n] = s;
        m[n + 1] = NULL;
        *l = m;
        return 0;
}

int strv_extend(char ***l, const char *s) {
        return strv_consume(l, strdup(s));
}

int strv_extendf(char ***l, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        return strv_consume(l, n < 0 ? NULL : s);
}

int strv_extend_uniq(char ***l, char *const *from) {
        for (; from && *from; from++) {
                int r;

                if (strv_contains(*l, *from))
                        continue;
                r = strv_extend(l, *from);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool strv_remove(char **l, const char *s) {
        char **to = l;
        bool found = false;

        if (!l)
                return false;
        for (char **from = l; *from; from++) {
                if (streq(*from, s)) {
                        free(*from);
                        found = true;
                } else
                        *to++ = *from;
        }
        *to = NULL;
        return found;
}

int strv_copy(char *const *l, char ***ret) {
        _cleanup_strv_ char **copy = NULL;

        for (; l && *l; l++) {
                int r = strv_extend(&copy, *l);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

char *strv_join(char *const *l, const char *separator) {
        Buffer b = {};
        char *s;

        for (size_t i = 0; l && l[i]; i++) {
                if (i > 0)
                        buffer_puts(&b, separator);
                buffer_puts(&b, l[i]);
        }
        return buffer_take(&b, &s, NULL) < 0 ? NULL : s;
}

char *strv_quote(char *const *l, size_t max) {
        size_t n = strv_length(l);
        Buffer b = {};
        char *s;

        for (size_t i = 0; i < MIN(n, max); i++)
                buffer_printf(&b, "%s'%s'", i > 0 ? ", " : "", l[i]);
        if (n > max)
                buffer_printf(&b, " and %zu more", n - max);
        return buffer_take(&b, &s, NULL) < 0 ? NULL : s;
}

static int compare_by(const void *a, const void *b, void *userdata) {
        const string_compare_t *compare = userdata;

        return (*compare)(*(char *const *) a, *(char *const *) b);
}

void strv_sort_uniq(char **l, string_compare_t compare) {
        size_t n = strv_length(l), to = 0;

        if (n > 0)
                qsort_r(l, n, sizeof(*l), compare_by, &compare);
        for (size_t i = 0; i < n; i++) {
                if (to > 0 && streq(l[to - 1], l[i]))
                        free(l[i]);
                else
                        l[to++] = l[i];
        }
        if (l)
                l[to] = NULL;
}
