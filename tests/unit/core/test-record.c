/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The line format: what is written can be read back, and nothing else can be read. */

#include "common/record.h"

#include "tests/unit/check-main.h"

static int parse(const char *line, Record *ret) {
        return record_parse(line, strlen(line), ret);
}

START_TEST(verb_and_fields_are_read) {
        _cleanup_(record_done) Record r = {};

        ck_assert_int_eq(parse("stage path=EFI/proxmox/a size=8191999 empty=", &r), 0);
        ck_assert_str_eq(r.verb, "stage");
        ck_assert_uint_eq(r.n_fields, 3);
        ck_assert_str_eq(record_get(&r, "path"), "EFI/proxmox/a");
        ck_assert_str_eq(record_get(&r, "size"), "8191999");
        ck_assert_str_eq(record_get(&r, "empty"), "");
        ck_assert_ptr_null(record_get(&r, "absent"));
}
END_TEST

START_TEST(verb_alone_is_a_record) {
        _cleanup_(record_done) Record r = {};

        ck_assert_int_eq(parse("end", &r), 0);
        ck_assert_str_eq(r.verb, "end");
        ck_assert_uint_eq(r.n_fields, 0);
}
END_TEST

START_TEST(value_may_hold_equals_signs) {
        _cleanup_(record_done) Record r = {};

        ck_assert_int_eq(parse("x text=root=ZFS=rpool/ROOT", &r), 0);
        ck_assert_str_eq(record_get(&r, "text"), "root=ZFS=rpool/ROOT");
}
END_TEST

START_TEST(every_byte_survives_the_round_trip) {
        _cleanup_(record_done) Record r = {};
        _cleanup_free_ char *line = NULL;
        char all[256];
        Buffer b = {};
        size_t size;

        for (size_t i = 0; i < 255; i++)
                all[i] = (char) (i + 1);
        all[255] = '\0';

        record_begin(&b, "x");
        record_add(&b, "all", all);
        record_end(&b);
        ck_assert_int_eq(buffer_take(&b, &line, &size), 0);
        ck_assert_int_eq(line[size - 1], '\n');
        for (size_t i = 0; i + 1 < size; i++)
                ck_assert(line[i] >= ' ' && line[i] < 0x7f);

        ck_assert_int_eq(record_parse(line, size - 1, &r), 0);
        ck_assert_str_eq(record_get(&r, "all"), all);
}
END_TEST

START_TEST(writing_escapes_what_the_header_names) {
        _cleanup_free_ char *line = NULL;
        Buffer b = {};

        record_begin(&b, "x");
        record_add(&b, "a", "1 %\n\x7f\xc3\xa4~");
        record_add(&b, "left-out", NULL);
        record_add_u64(&b, "n", UINT64_MAX);
        record_end(&b);
        ck_assert_int_eq(buffer_take(&b, &line, NULL), 0);
        ck_assert_str_eq(line, "x a=1%20%25%0A%7F%C3%A4~ n=18446744073709551615\n");
}
END_TEST

START_TEST(malformed_lines_are_refused) {
        static const char *const bad[] = {
                "",       " ",          " x",       "X",         "x ",       "x  a=1",
                "x a=1 ", "x a",        "x =1",     "x A=1",     "x a_b=1",  "x a=%",
                "x a=%4", "x a=%G1",    "x a=%1G",  "x a=%00",   "x a=%0a",  "x a=%41",
                "x a=\t", "x a=\x7f",   "x a=\xc3", "x a=1\r",   "x a=1\n",  "x a=1 a=2",
                "x\ta=1", "x a=1 b a=", "x\n",      "x a%20b=1", "x a=% 20", "\xc3\xa4 a=1",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Record r = { .n_fields = 7 };

                ck_assert_msg(parse(bad[i], &r) == -EBADMSG, "'%s' was accepted", bad[i]);
                ck_assert_uint_eq(r.n_fields, 7); /* ret is untouched */
        }
}
END_TEST

START_TEST(nul_bytes_are_refused) {
        Record r;

        ck_assert_int_eq(record_parse("x\0y", 3, &r), -EBADMSG);
        ck_assert_int_eq(record_parse("x a=1\0", 6, &r), -EBADMSG);
        ck_assert_int_eq(record_parse("x a\0b=1", 7, &r), -EBADMSG);
}
END_TEST

START_TEST(line_need_not_be_terminated) {
        _cleanup_(record_done) Record r = {};

        ck_assert_int_eq(record_parse("x a=%20zzz", 7, &r), 0);
        ck_assert_str_eq(record_get(&r, "a"), " ");
        ck_assert_int_eq(record_parse("x a=%20", 6, &(Record){}), -EBADMSG);
}
END_TEST

START_TEST(field_count_is_limited) {
        _cleanup_(record_done) Record r = {};
        _cleanup_free_ char *line = NULL;
        Buffer b = {};
        size_t size;

        buffer_puts(&b, "x");
        for (size_t i = 0; i <= RECORD_FIELDS_MAX; i++)
                buffer_printf(&b, " k%02zu=%zu", i, i);
        ck_assert_int_eq(buffer_take(&b, &line, &size), 0);
        ck_assert_int_eq(record_parse(line, size, &r), -EBADMSG);
        ck_assert_int_eq(record_parse(line, size - strlen(" k24=24"), &r), 0);
        ck_assert_uint_eq(r.n_fields, RECORD_FIELDS_MAX);
}
END_TEST

START_TEST(value_of_a_megabyte_survives) {
        _cleanup_(record_done) Record r = {};
        _cleanup_free_ char *line = NULL, *value = malloc(1024 * 1024 + 1);
        Buffer b = {};
        size_t size;

        memset(value, '\n', 1024 * 1024);
        value[1024 * 1024] = '\0';
        record_begin(&b, "x");
        record_add(&b, "v", value);
        ck_assert_int_eq(buffer_take(&b, &line, &size), 0);
        ck_assert_uint_eq(size, strlen("x v=") + 3 * 1024 * 1024);
        ck_assert_int_eq(record_parse(line, size, &r), 0);
        ck_assert(streq(record_get(&r, "v"), value));
}
END_TEST

START_TEST(numbers_are_decimal_and_in_range) {
        _cleanup_(record_done) Record r = {};
        uint64_t n = 5;

        ck_assert_int_eq(parse("x a=0 b=18446744073709551615 c=18446744073709551616 d=-1 e= f=1k "
                               "g=0x1",
                               &r),
                         0);
        ck_assert_int_eq(record_get_u64(&r, "absent", &n), -ENOENT);
        for (const char *const *bad = (const char *[]){ "c", "d", "e", "f", "g", NULL }; *bad;
             bad++)
                ck_assert_int_eq(record_get_u64(&r, *bad, &n), -EBADMSG);
        ck_assert_uint_eq(n, 5);
        ck_assert_int_eq(record_get_u64(&r, "a", &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(record_get_u64(&r, "b", &n), 0);
        ck_assert_uint_eq(n, UINT64_MAX);
}
END_TEST

CHECK_MAIN("record", verb_and_fields_are_read, verb_alone_is_a_record, value_may_hold_equals_signs,
           every_byte_survives_the_round_trip, writing_escapes_what_the_header_names,
           malformed_lines_are_refused, nul_bytes_are_refused, line_need_not_be_terminated,
           field_count_is_limited, value_of_a_megabyte_survives, numbers_are_decimal_and_in_range)
