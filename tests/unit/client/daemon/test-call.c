/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A call carries its strings, and of the options those that were given. */

#include "client/daemon/call.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

enum { DONE, REFUSED };
const Scene scenes[] = {
        [DONE] = {},
        [REFUSED] = { .refused = "Refresh",
                      .refused_name = "org.bootsync1.Error.Busy",
                      .refused_message = "Too much to do." },
};

/* The next string that @m carries as a variant, under @key. */
static void assert_option(sd_bus_message *m, const char *key, const char *type) {
        const char *found, *contents;

        ck_assert_int_gt(sd_bus_message_enter_container(m, 'e', "sv"), 0);
        ck_assert_int_gt(sd_bus_message_read(m, "s", &found), 0);
        ck_assert_str_eq(found, key);
        ck_assert_int_gt(sd_bus_message_peek_type(m, NULL, &contents), 0);
        ck_assert_str_eq(contents, type);
        ck_assert_int_ge(sd_bus_message_skip(m, "v"), 0);
        ck_assert_int_ge(sd_bus_message_exit_container(m), 0);
}

static sd_bus_message *new_call(Connection *c, const Method *method, char *const *strings,
                                const CallOptions *options) {
        sd_bus_message *m = NULL;

        ck_assert_int_eq(call_new(c, CALL_READ, method, strings, options, &m), STATUS_DONE);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert_int_ge(sd_bus_message_rewind(m, true), 0);
        return m;
}

START_TEST(strings_come_first_and_options_that_were_not_given_do_not_travel) {
        _cleanup_connection_ Connection c = bench_connect(DONE);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = new_call(
                        &c, METHOD_MANAGER("PinKernel"), (char *[]){ "6.8", "all", NULL }, NULL);
        const char *a, *b;

        ck_assert_str_eq(sd_bus_message_get_signature(m, true), "ssa{sv}");
        ck_assert_int_gt(sd_bus_message_read(m, "ss", &a, &b), 0);
        ck_assert_str_eq(a, "6.8");
        ck_assert_str_eq(b, "all");
        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        ck_assert_int_gt(sd_bus_message_at_end(m, false), 0);
}
END_TEST

START_TEST(every_option_has_its_key_and_type) {
        _cleanup_connection_ Connection c = bench_connect(DONE);
        const CallOptions options = { .esps = (char *[]){ "1111-AAAA", NULL },
                                      .new_kernel = "6.9",
                                      .dry_run = true,
                                      .force = true,
                                      .unmerge = true };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m =
                        new_call(&c, METHOD_MANAGER("Refresh"), NULL, &options);

        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        assert_option(m, "esps", "as");
        assert_option(m, "new-kernel", "s");
        assert_option(m, "dry-run", "b");
        assert_option(m, "force", "b");
        assert_option(m, "unmerge", "b");
        ck_assert_int_gt(sd_bus_message_at_end(m, false), 0);
}
END_TEST

START_TEST(settings_are_split_at_their_first_equals_sign) {
        static const Method method = { "/x", "a.b", "Set", .dictionary = true };
        _cleanup_connection_ Connection c = bench_connect(DONE);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m =
                        new_call(&c, &method, (char *[]){ "run=1=2", "bare", NULL }, NULL);
        const char *key, *value;

        ck_assert_str_eq(sd_bus_message_get_signature(m, true), "a{ss}a{sv}");
        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{ss}"), 0);
        ck_assert_int_gt(sd_bus_message_read(m, "{ss}", &key, &value), 0);
        ck_assert_str_eq(key, "run");
        ck_assert_str_eq(value, "1=2");
        ck_assert_int_gt(sd_bus_message_read(m, "{ss}", &key, &value), 0);
        ck_assert_str_eq(key, "bare");
        ck_assert_str_eq(value, "");
}
END_TEST

START_TEST(refusal_by_the_daemon_is_handed_over_to_those_who_want_it) {
        _cleanup_connection_ Connection c = bench_connect(REFUSED);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error refusal = SD_BUS_ERROR_NULL;

        ck_assert_int_eq(call_method(&c, CALL_CHANGE, METHOD_MANAGER("Refresh"), NULL,
                                     &(CallOptions){ .refusal = &refusal }, &reply),
                         STATUS_FAILED);
        ck_assert_str_eq(refusal.name, "org.bootsync1.Error.Busy");
        ck_assert_ptr_null(reply);
}
END_TEST

START_TEST(call_without_strings_gets_its_reply) {
        _cleanup_connection_ Connection c = bench_connect(DONE);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;

        ck_assert_int_eq(call_method(&c, CALL_READ, METHOD_MANAGER("Refresh"), NULL, NULL, &reply),
                         STATUS_DONE);
        ck_assert_int_gt(sd_bus_message_read(reply, "o", &path), 0);
        ck_assert_str_eq(path, "/");
}
END_TEST

CHECK_MAIN("client-call", strings_come_first_and_options_that_were_not_given_do_not_travel,
           every_option_has_its_key_and_type, settings_are_split_at_their_first_equals_sign,
           refusal_by_the_daemon_is_handed_over_to_those_who_want_it,
           call_without_strings_gets_its_reply)
