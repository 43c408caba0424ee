/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* JSON for scripts: whole, of the right types, and without a raw control character. */

#include "client/terminal/json.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

static ExitStatus print_line(void *userdata) {
        json_print_line(&(Options){ .json = JSON_BARE }, "line", userdata);
        return STATUS_DONE;
}

static void assert_text(json_object *value, const char *expect) {
        _cleanup_outcome_ Outcome o = bench_call(print_line, value);
        _cleanup_free_ char *line = strprintf("%s\n", expect);

        ck_assert_str_eq(o.out, line);
}

START_TEST(each_type_is_written_as_json_has_it) {
        static char *strings[] = { "a", "b", NULL };
        _cleanup_json_ json_object *o = json_new();

        json_add_string(o, "s", "x/y");
        json_add_string(o, "null", NULL);
        json_add_boolean(o, "b", true);
        json_add_u64(o, "t", UINT64_MAX);
        json_add_i64(o, "x", INT64_MIN);
        json_add_double(o, "d", 0.12345678);
        json_add_strings(o, "as", strings);
        json_add_strings(o, "none", NULL);
        assert_text(o,
                    "{\"s\":\"x/y\",\"null\":\"\",\"b\":true,\"t\":18446744073709551615,"
                    "\"x\":-9223372036854775808,\"d\":0.123457,\"as\":[\"a\",\"b\"],\"none\":[]}");
}
END_TEST

START_TEST(control_characters_that_json_lets_pass_are_escaped) {
        _cleanup_json_ json_object *o = json_new();

        json_add_string(o, "s", "\033[1m\x7f \xc2\x9b \xc2\xa0 é");
        assert_text(o, "{\"s\":\"\\u001b[1m\\u007f \\u009b \xc2\xa0 é\"}");
}
END_TEST

/* The value that @types describes, as D-Bus carries it. */
static int value_from_bus(json_object **ret, const char *types, ...) {
        Connection c = bench_connect(0);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;
        int r;

        ck_assert_int_ge(sd_bus_message_new_method_call(c.bus, &m, NULL, "/x", "x.y", "Z"), 0);
        va_start(ap, types);
        ck_assert_int_ge(sd_bus_message_appendv(m, types, ap), 0);
        va_end(ap);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        r = json_from_message(m, ret);
        if (r == -EOPNOTSUPP) /* then it still stands before the value, so that it can be skipped */
                ck_assert_int_gt(sd_bus_message_skip(m, types), 0);
        m = sd_bus_message_unref(m);
        connection_close(&c);
        return r;
}

#define ASSERT_FROM_BUS(expect, ...)                                  \
        do {                                                          \
                _cleanup_json_ json_object *o = NULL;                 \
                                                                      \
                ck_assert_int_eq(value_from_bus(&o, __VA_ARGS__), 0); \
                assert_text(o, (expect));                             \
        } while (false)

START_TEST(basic_types_of_the_bus_keep_sign_and_size) {
        ASSERT_FROM_BUS("\"a\"", "s", "a");
        ASSERT_FROM_BUS("\"/a\"", "o", "/a");
        ASSERT_FROM_BUS("true", "b", 1);
        ASSERT_FROM_BUS("200", "y", 200);
        ASSERT_FROM_BUS("-3", "n", -3);
        ASSERT_FROM_BUS("65535", "q", 65535);
        ASSERT_FROM_BUS("-4", "i", -4);
        ASSERT_FROM_BUS("4294967295", "u", UINT32_MAX);
        ASSERT_FROM_BUS("-5", "x", INT64_C(-5));
        ASSERT_FROM_BUS("18446744073709551615", "t", UINT64_MAX);
        ASSERT_FROM_BUS("0.5", "d", 0.5);
}
END_TEST

START_TEST(arrays_of_basic_types_are_arrays) {
        ASSERT_FROM_BUS("[\"a\",\"b\"]", "as", 2, "a", "b");
        ASSERT_FROM_BUS("[]", "at", 0);
}
END_TEST

START_TEST(other_types_are_not_supported_and_give_nothing) {
        json_object *untouched = NULL;

        ck_assert_int_eq(value_from_bus(&untouched, "(ss)", "a", "b"), -EOPNOTSUPP);
        ck_assert_int_eq(value_from_bus(&untouched, "a(s)", 1, "a"), -EOPNOTSUPP);
        ck_assert_ptr_null(untouched);
}
END_TEST

static ExitStatus print_both(void *userdata) {
        _cleanup_json_ json_object *o = json_new();

        const Options options = { .json = *(JsonFormat *) userdata };

        json_add_u64(o, "n", 1);
        json_print_line(&options, "line", o);
        json_print(&options, "whole", o);
        return STATUS_DONE;
}

START_TEST(bare_json_is_on_a_line_or_indented) {
        _cleanup_outcome_ Outcome o = bench_call(print_both, &(JsonFormat){ JSON_BARE });

        ck_assert_str_eq(o.out, "{\"n\":1}\n{\n  \"n\": 1\n}\n");
}
END_TEST

START_TEST(envelope_names_schema_and_kind_and_is_as_long_as_was_asked_for) {
        _cleanup_outcome_ Outcome o = bench_call(print_both, &(JsonFormat){ JSON_SHORT });
        _cleanup_outcome_ Outcome pretty = bench_call(print_both, &(JsonFormat){ JSON_PRETTY });

        ck_assert_str_eq(o.out, "{\"schema\":2,\"kind\":\"line\",\"data\":{\"n\":1}}\n"
                                "{\"schema\":2,\"kind\":\"whole\",\"data\":{\"n\":1}}\n");
        assert_contains(pretty.out, "{\n  \"schema\": 2,\n  \"kind\": \"line\",\n");
}
END_TEST

/* A character of two, three and four bytes. */
START_TEST(what_is_not_ascii_is_escaped_where_the_character_set_is_not_utf8) {
        _cleanup_json_ json_object *o = json_new();

        ck_assert_int_eq(setenv("LC_ALL", "C", true), 0);
        json_add_string(o, "s", "é€😀\xc2\x9b.");
        assert_text(o, "{\"s\":\"\\u00e9\\u20ac\\ud83d\\ude00\\u009b.\"}");
}
END_TEST

CHECK_MAIN("client-json", each_type_is_written_as_json_has_it,
           control_characters_that_json_lets_pass_are_escaped,
           basic_types_of_the_bus_keep_sign_and_size, arrays_of_basic_types_are_arrays,
           other_types_are_not_supported_and_give_nothing, bare_json_is_on_a_line_or_indented,
           envelope_names_schema_and_kind_and_is_as_long_as_was_asked_for,
           what_is_not_ascii_is_escaped_where_the_character_set_is_not_utf8)
