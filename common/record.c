/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one line format of plans, reports and manifests. Reading is as strict as writing is uniform:
 * each value has exactly one spelling, so a line either is what record_add() writes or is refused.
 * What verbs and keys mean is not known here. */

#include "common/record.h"

#include <inttypes.h>

static bool name_is_valid(const char *s, size_t size) {
        if (size == 0)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
                        return false;
        return true;
}

static bool must_be_escaped(unsigned char c) {
        return c <= ' ' || c == '%' || c >= 0x7f;
}

static const char hex_digits[] = "0123456789ABCDEF";

/* The byte that the two digits at @s stand for, or -EBADMSG. */
static int unescape_byte(const char *s) {
        const char *high = memchr(hex_digits, s[0], 16), *low = memchr(hex_digits, s[1], 16);
        int c;

        if (!high || !low)
                return -EBADMSG;
        c = (int) (high - hex_digits) << 4 | (int) (low - hex_digits);
        if (c == 0 || !must_be_escaped((unsigned char) c))
                return -EBADMSG;
        return c;
}

static int value_unescape(const char *s, size_t size, char **ret) {
        _cleanup_free_ char *value = malloc(size + 1);
        size_t n = 0;

        if (!value)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                int c = (unsigned char) s[i];

                if (c == '%') {
                        if (size - i < 3)
                                return -EBADMSG;
                        c = unescape_byte(s + i + 1);
                        if (c < 0)
                                return c;
                        i += 2;
                } else if (must_be_escaped((unsigned char) c))
                        return -EBADMSG;
                value[n++] = (char) c;
        }
        value[n] = '\0';

        *ret = TAKE_PTR(value);
        return 0;
}

void record_done(Record *r) {
        for (size_t i = 0; i < r->n_fields; i++) {
                free(r->fields[i].key);
                free(r->fields[i].value);
        }
        free(r->verb);
        *r = (Record){};
}

static int record_parse_field(Record *r, const char *s, size_t size) {
        _cleanup_free_ char *key = NULL, *value = NULL;
        const char *equals = memchr(s, '=', size);
        int error;

        if (!equals || !name_is_valid(s, (size_t) (equals - s)))
                return -EBADMSG;
        if (r->n_fields == RECORD_FIELDS_MAX)
                return -EBADMSG;

        key = strndup(s, (size_t) (equals - s));
        if (!key)
                return -ENOMEM;
        if (record_get(r, key))
                return -EBADMSG;
        error = value_unescape(equals + 1, size - (size_t) (equals + 1 - s), &value);
        if (error < 0)
                return error;

        r->fields[r->n_fields++] = (RecordField){ .key = TAKE_PTR(key), .value = TAKE_PTR(value) };
        return 0;
}

/* The length of the word at the start of @s, which a blank or the end of the line ends. */
static size_t word_length(const char *s, size_t size) {
        const char *blank = memchr(s, ' ', size);

        return blank ? (size_t) (blank - s) : size;
}

int record_parse(const char *line, size_t size, Record *ret) {
        _cleanup_(record_done) Record record = {};
        size_t n = word_length(line, size);

        assert(ret);

        if (!name_is_valid(line, n))
                return -EBADMSG;
        record.verb = strndup(line, n);
        if (!record.verb)
                return -ENOMEM;

        /* A blank stands before every field, so one at the end begins an empty field, which fails.
         */
        for (size_t pos = n; pos < size; pos += n) {
                int r;

                pos++;
                n = word_length(line + pos, size - pos);
                r = record_parse_field(&record, line + pos, n);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(record);
        return 0;
}

const char *record_get(const Record *r, const char *key) {
        for (size_t i = 0; i < r->n_fields; i++)
                if (streq(r->fields[i].key, key))
                        return r->fields[i].value;
        return NULL;
}

int record_get_u64(const Record *r, const char *key, uint64_t *ret) {
        const char *value = record_get(r, key);

        if (!value)
                return -ENOENT;
        return parse_u64(value, ret) < 0 ? -EBADMSG : 0;
}

void record_begin(Buffer *b, const char *verb) {
        assert(name_is_valid(verb, strlen(verb)));
        buffer_puts(b, verb);
}

void record_add(Buffer *b, const char *key, const char *value) {
        assert(name_is_valid(key, strlen(key)));

        if (!value)
                return;

        buffer_puts(b, " ");
        buffer_puts(b, key);
        buffer_puts(b, "=");
        while (*value) {
                size_t plain = 0;

                while (value[plain] && !must_be_escaped((unsigned char) value[plain]))
                        plain++;
                buffer_append(b, value, plain);
                value += plain;
                if (*value) {
                        unsigned char c = (unsigned char) *value++;

                        buffer_append(b, (char[]){ '%', hex_digits[c >> 4], hex_digits[c & 15] },
                                      3);
                }
        }
}

void record_add_u64(Buffer *b, const char *key, uint64_t value) {
        assert(name_is_valid(key, strlen(key)));
        buffer_printf(b, " %s=%" PRIu64, key, value);
}

void record_end(Buffer *b) {
        buffer_puts(b, "\n");
}
