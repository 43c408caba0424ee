/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dictionary of properties fills the fields of a struct, by a table. */

#include "client/daemon/properties.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

typedef struct Thing {
        char *s;
        char **as;
        bool b;
        uint32_t u;
        uint64_t t;
        int64_t x;
        double d;
        JobShares shares;
} Thing;

static const Property table[] = {
        { "S", PROPERTY_STRING, offsetof(Thing, s) },
        { "As", PROPERTY_STRINGS, offsetof(Thing, as) },
        { "B", PROPERTY_BOOLEAN, offsetof(Thing, b) },
        { "U", PROPERTY_U32, offsetof(Thing, u) },
        { "T", PROPERTY_U64, offsetof(Thing, t) },
        { "X", PROPERTY_I64, offsetof(Thing, x) },
        { "D", PROPERTY_DOUBLE, offsetof(Thing, d) },
        { "P", PROPERTY_SHARES, offsetof(Thing, shares) },
};

static const Value all[] = {
        { "S", "s", "new" },
        { "As", "as", "one" },
        { "B", "b", "yes" },
        { "U", "u", "7" },
        { "T", "t", "8" },
        { "X", "x", "-9" },
        { "D", "d", "0.5" },
        { "P", "a(stt)", "1111-AAAA 5 10" },
        {},
};
static const Value wrong[] = { { "S", "s", "new" }, { "As", "s", "no list" }, {} };

enum { ALL, WRONG };
const Scene scenes[] = { [ALL] = { .ksm = all }, [WRONG] = { .ksm = wrong } };

START_TEST(each_type_fills_its_field_and_replaces_what_was_there) {
        _cleanup_connection_ Connection c = bench_connect(ALL);
        Thing thing = { .s = strdup("old") };

        ck_assert_int_eq(strv_extend(&thing.as, "old"), 0);
        ck_assert_int_eq(properties_get(&c, "/x", "a.b", table, ELEMENTSOF(table), &thing),
                         STATUS_DONE);
        ck_assert_str_eq(thing.s, "new");
        ck_assert_uint_eq(strv_length(thing.as), 1);
        ck_assert_str_eq(thing.as[0], "one");
        ck_assert(thing.b);
        ck_assert_uint_eq(thing.u, 7);
        ck_assert_uint_eq(thing.t, 8);
        ck_assert_int_eq(thing.x, -9);
        ck_assert(thing.d == 0.5);
        ck_assert_uint_eq(thing.shares.n, 1);
        ck_assert_str_eq(thing.shares.items[0].uuid, "1111-AAAA");
        ck_assert_uint_eq(thing.shares.items[0].done, 5);
        ck_assert_uint_eq(thing.shares.items[0].total, 10);
        properties_done(table, ELEMENTSOF(table), &thing);
        ck_assert_ptr_null(thing.s);
        ck_assert_ptr_null(thing.as);
        ck_assert_uint_eq(thing.shares.n, 0);
}
END_TEST

START_TEST(value_of_another_type_is_an_error_and_leaks_nothing) {
        _cleanup_connection_ Connection c = bench_connect(WRONG);
        Thing thing = {};

        ck_assert_int_eq(properties_get(&c, "/x", "a.b", table, ELEMENTSOF(table), &thing),
                         STATUS_FAILED);
        ck_assert_str_eq(thing.s, "new");
        properties_done(table, ELEMENTSOF(table), &thing);
}
END_TEST

CHECK_MAIN("client-properties", each_type_fills_its_field_and_replaces_what_was_there,
           value_of_another_type_is_an_error_and_leaks_nothing)
