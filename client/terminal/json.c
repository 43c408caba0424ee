/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thin helpers around json-c, so that a verb reads as a list of keys. They add what json-c leaves
 * out: an end when memory runs out, and no raw control character on a terminal. */

#include "client/terminal/json.h"

#include "common/string-util.h"

#define SCHEMA_VERSION                                                            \
        2 /* docs/bootctl-pve.schema.json; 1 is what --json prints without a word \
           */
#define FLAGS_INDENTED (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED)
#define FLAGS_LINE     JSON_C_TO_STRING_PLAIN

json_object *json_new(void) {
        return must(json_object_new_object());
}

json_object *json_array_new(void) {
        return must(json_object_new_array());
}

void json_add(json_object *object, const char *key, json_object *value) {
        if (json_object_object_add(object, key, value) < 0)
                out_of_memory();
}

void json_append(json_object *array, json_object *value) {
        if (json_object_array_add(array, value) < 0)
                out_of_memory();
}

void json_add_string(json_object *object, const char *key, const char *value) {
        json_add(object, key, must(json_object_new_string(strempty(value))));
}

void json_add_boolean(json_object *object, const char *key, bool value) {
        json_add(object, key, must(json_object_new_boolean(value)));
}

void json_add_u64(json_object *object, const char *key, uint64_t value) {
        json_add(object, key, must(json_object_new_uint64(value)));
}

void json_add_i64(json_object *object, const char *key, int64_t value) {
        json_add(object, key, must(json_object_new_int64(value)));
}

void json_add_double(json_object *object, const char *key, double value) {
        _cleanup_free_ char *text = must(strprintf("%.6g", value));

        json_add(object, key, must(json_object_new_double_s(value, text)));
}

void json_add_strings(json_object *object, const char *key, char *const *value) {
        json_object *array = json_array_new();

        for (; value && *value; value++)
                json_append(array, must(json_object_new_string(*value)));
        json_add(object, key, array);
}

static int basic_from_message(sd_bus_message *m, char type, json_object **ret) {
        union {
                const char *s;
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v;
        json_object *value;
        int r;

        if (!strchr("sogybnqiuxtd", type))
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        if (strchr("sog", type))
                value = json_object_new_string(v.s);
        else if (type == 'b')
                value = json_object_new_boolean(v.b);
        else if (type == 'd')
                value = json_object_new_double(v.d);
        else if (type == 't')
                value = json_object_new_uint64(v.t);
        else
                value = json_object_new_int64(type == 'y'   ? v.y
                                              : type == 'n' ? v.n
                                              : type == 'q' ? v.q
                                              : type == 'i' ? v.i
                                              : type == 'u' ? v.u
                                                            : v.x);
        *ret = must(value);
        return 0;
}

int json_from_message(sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *array = NULL;
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (type != 'a')
                return basic_from_message(m, type, ret);
        if (strlen(contents) != 1)
                return -EOPNOTSUPP;

        array = json_array_new();
        type = contents[0];
        r = sd_bus_message_enter_container(m, 'a', contents);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_object *value;

                r = basic_from_message(m, type, &value);
                if (r < 0)
                        return r;
                json_append(array, value);
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

/* The code point of the @n bytes at @s, which are valid UTF-8 and more than one. */
static uint32_t code_point(const char *s, size_t n) {
        uint32_t c = (unsigned char) s[0] & (0x7fu >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | ((unsigned char) s[i] & 0x3fu);
        return c;
}

/* As JSON has it: what needs more than 16 bits is two of UTF-16. */
static void append_escaped(Buffer *b, uint32_t c) {
        if (c > 0xffff) {
                buffer_printf(b, "\\u%04x", 0xd800 + ((c - 0x10000) >> 10));
                c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        buffer_printf(b, "\\u%04x", c);
}

/* @flags as for json_object_to_json_string_ext(). Never NULL. */
static char *to_text(json_object *value, int flags) {
        const char *text = must(json_object_to_json_string_ext(
                        value, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
        bool utf8 = speaks_utf8();
        Buffer b = {};
        char *ret;

        for (const char *p = text, *next; *p; p = next) {
                size_t n = (size_t) ((next = skip_characters(p, 1)) - p);
                uint32_t c = n > 1 ? code_point(p, n) : (unsigned char) *p;

                if (c == 0x7f || (n > 1 && (!utf8 || c < 0xa0)))
                        append_escaped(&b, c);
                else
                        buffer_append(&b, p, n);
        }
        if (buffer_take(&b, &ret, NULL) < 0)
                out_of_memory();
        return ret;
}

static void print(const Options *options, const char *kind, json_object *data, int bare_flags) {
        _cleanup_json_ json_object *value = json_object_get(data);
        _cleanup_free_ char *text = NULL;
        int flags = bare_flags;

        if (options->json != JSON_BARE) {
                json_object *envelope = json_new();

                json_add_u64(envelope, "schema", SCHEMA_VERSION);
                json_add_string(envelope, "kind", kind);
                json_add(envelope, "data", value);
                value = envelope;
                flags = options->json == JSON_SHORT ? FLAGS_LINE : FLAGS_INDENTED;
        }
        text = to_text(value, flags);
        (void) puts(text);
}

void json_print(const Options *options, const char *kind, json_object *data) {
        print(options, kind, data, FLAGS_INDENTED);
}

void json_print_line(const Options *options, const char *kind, json_object *data) {
        print(options, kind, data, FLAGS_LINE);
}
