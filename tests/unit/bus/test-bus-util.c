/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options, errors and strings on their way through D-Bus. The messages are real ones, of a
 * connection whose other end never speaks. */

#include "../check-main.h"

#include <sys/socket.h>

#include "bus/bus-util.h"
#include "common/string-util.h"

/* Made once; the other end of its socket stays open and silent. */
static sd_bus *test_bus(void) {
        static sd_bus *bus;
        int fds[2];

        if (!bus) {
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
                ck_assert_int_ge(sd_bus_new(&bus), 0);
                ck_assert_int_ge(sd_bus_set_fd(bus, fds[0], fds[0]), 0);
                ck_assert_int_ge(sd_bus_start(bus), 0);
        }
        return bus;
}

static sd_bus_message *call_new(void) {
        sd_bus_message *m = NULL;

        ck_assert_int_ge(sd_bus_message_new_method_call(test_bus(), &m, NULL, "/org/bootsync1",
                                                        "org.bootsync1.Manager", "Refresh"),
                         0);
        return m;
}

/* From now on everything that was appended can be read. */
static void call_seal(sd_bus_message *m) {
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert_int_ge(sd_bus_message_rewind(m, true), 0);
}

typedef struct Values {
        bool wait;
        const char *version;
        char **esps;
} Values;

/* Read the options of @m, which is used up. */
static int read_all(sd_bus_message *m, Values *v, sd_bus_error *error) {
        const BusOption options[] = {
                { "wait", BUS_OPTION_BOOLEAN, &v->wait },
                { "new-kernel", BUS_OPTION_STRING, &v->version },
                { "esps", BUS_OPTION_STRV, &v->esps },
        };

        call_seal(m);
        return bus_read_options(m, options, ELEMENTSOF(options), error);
}

/* The options of @m are refused as InvalidOption, with @sentence. */
static void assert_refused(sd_bus_message *m, const char *sentence) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Values v = {};

        ck_assert_int_lt(read_all(m, &v, &error), 0);
        ck_assert_str_eq(error.name, "org.bootsync1.Error.InvalidOption");
        ck_assert_str_eq(error.message, sentence);
        strv_free(v.esps);
        sd_bus_message_unref(m);
}

START_TEST(absent_options_stay_untouched) {
        sd_bus_message *m = call_new();
        Values v = { .wait = true, .version = "before" };

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 0), 0);
        ck_assert_int_ge(read_all(m, &v, NULL), 0);
        ck_assert(v.wait);
        ck_assert_str_eq(v.version, "before");
        ck_assert_ptr_null(v.esps);
        sd_bus_message_unref(m);
}
END_TEST

START_TEST(every_type_of_option_is_read) {
        sd_bus_message *m = call_new();
        Values v = {};

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 3, "esps", "as", 2, "AAAA-0001",
                                               "AAAA-0002", "wait", "b", 1, "new-kernel", "s",
                                               "6.8.12-4-pve"),
                         0);
        ck_assert_int_ge(read_all(m, &v, NULL), 0);
        ck_assert(v.wait);
        ck_assert_str_eq(v.version, "6.8.12-4-pve");
        ck_assert_uint_eq(strv_length(v.esps), 2);
        ck_assert_str_eq(v.esps[1], "AAAA-0002");
        strv_free(v.esps);
        sd_bus_message_unref(m);
}
END_TEST

START_TEST(an_empty_list_is_an_empty_list) {
        sd_bus_message *m = call_new();
        Values v = {};

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, "esps", "as", 0), 0);
        ck_assert_int_ge(read_all(m, &v, NULL), 0);
        ck_assert(strv_isempty(v.esps));
        strv_free(v.esps);
        sd_bus_message_unref(m);
}
END_TEST

START_TEST(an_unknown_option_is_refused_by_name) {
        sd_bus_message *m = call_new();

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 2, "wait", "b", 1, "wiat", "b", 1), 0);
        assert_refused(m, "Refresh has no option 'wiat'.");
}
END_TEST

START_TEST(any_option_of_a_call_that_has_none_is_refused) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = call_new();

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, "wait", "b", 1), 0);
        call_seal(m);
        ck_assert_int_lt(bus_read_options(m, NULL, 0, &error), 0);
        ck_assert_str_eq(error.name, "org.bootsync1.Error.InvalidOption");
        sd_bus_message_unref(m);
}
END_TEST

START_TEST(a_value_of_another_type_is_refused) {
        sd_bus_message *m = call_new();

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, "wait", "s", "yes"), 0);
        assert_refused(m, "Option 'wait' of Refresh must be a boolean.");

        m = call_new();
        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, "esps", "s", "AAAA-0001"), 0);
        assert_refused(m, "Option 'esps' of Refresh must be an array of strings.");

        m = call_new();
        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, "new-kernel", "v", "s", "6.8"), 0);
        assert_refused(m, "Option 'new-kernel' of Refresh must be a string.");
}
END_TEST

START_TEST(an_option_given_twice_is_refused) {
        sd_bus_message *m = call_new();

        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 2, "esps", "as", 1, "AAAA-0001", "esps",
                                               "as", 1, "AAAA-0002"),
                         0);
        assert_refused(m, "Option 'esps' of Refresh is given twice.");
}
END_TEST

START_TEST(a_hostile_name_is_not_repeated_in_full) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = call_new();
        char *name = malloc(1024 * 1024);
        Values v = {};

        ck_assert_ptr_nonnull(name);
        memset(name, '\033', 1024 * 1024 - 1);
        name[1024 * 1024 - 1] = '\0';
        ck_assert_int_ge(sd_bus_message_append(m, "a{sv}", 1, name, "b", 1), 0);
        ck_assert_int_lt(read_all(m, &v, &error), 0);
        ck_assert_uint_lt(strlen(error.message), 2 * BUS_ECHO_MAX);
        ck_assert_ptr_null(strchr(error.message, '\033'));
        sd_bus_message_unref(m);
        free(name);
}
END_TEST

START_TEST(an_error_carries_its_name_and_its_sentence) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Error reason = { ERROR_NO_SPACE, (char *) "ESP '1A2B-3C4D' is full." };

        ck_assert_int_lt(bus_error(&error, -ENOSPC, &reason), 0);
        ck_assert_str_eq(error.name, "org.bootsync1.Error.NoSpace");
        ck_assert_str_eq(error.message, "ESP '1A2B-3C4D' is full.");
}
END_TEST

START_TEST(an_error_sentence_is_made_valid_utf8) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Error reason = { ERROR_FAILED, (char *) "Bad line '\xff\xfe'." };

        ck_assert_int_lt(bus_error(&error, -EIO, &reason), 0);
        ck_assert(utf8_is_valid(error.message, strlen(error.message)));
}
END_TEST

START_TEST(an_error_without_a_sentence_is_an_error_all_the_same) {
        _cleanup_(sd_bus_error_free) sd_bus_error typed = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error untyped = SD_BUS_ERROR_NULL;
        Error reason = { .code = ERROR_BUSY };

        ck_assert_int_lt(bus_error(&typed, -EBUSY, &reason), 0);
        ck_assert_str_eq(typed.name, "org.bootsync1.Error.Busy");
        ck_assert_int_lt(bus_error(&untyped, -EROFS, NULL), 0);
        ck_assert_str_eq(untyped.name, "org.bootsync1.Error.ReadOnly");
}
END_TEST

START_TEST(no_error_has_an_empty_name) {
        _cleanup_free_ char *none = bus_error_name(ERROR_NONE);
        _cleanup_free_ char *some = bus_error_name(ERROR_CANCELED);

        ck_assert_str_eq(none, "");
        ck_assert_str_eq(some, "org.bootsync1.Error.Canceled");
}
END_TEST

START_TEST(strings_are_mended_and_null_is_empty) {
        sd_bus_message *m = call_new();
        char *list[] = { (char *) "plain", (char *) "caf\xe9", NULL };
        const char *a, *b, *c;

        ck_assert_int_ge(bus_append_string(m, "root=ZFS=\x80pool"), 0);
        ck_assert_int_ge(bus_append_string(m, NULL), 0);
        ck_assert_int_ge(bus_append_strv(m, list), 0);
        ck_assert_int_ge(bus_append_strv(m, NULL), 0);
        call_seal(m);
        ck_assert_int_gt(sd_bus_message_read(m, "ss", &a, &b), 0);
        ck_assert_str_eq(a, "root=ZFS=?pool");
        ck_assert_str_eq(b, "");
        ck_assert_int_gt(sd_bus_message_read(m, "as", 2, &a, &c), 0);
        ck_assert_str_eq(a, "plain");
        ck_assert_str_eq(c, "caf?");
        ck_assert_int_gt(sd_bus_message_read(m, "as", 0), 0);
        sd_bus_message_unref(m);
}
END_TEST

CHECK_MAIN("bus-util", absent_options_stay_untouched, every_type_of_option_is_read,
           an_empty_list_is_an_empty_list, an_unknown_option_is_refused_by_name,
           any_option_of_a_call_that_has_none_is_refused, a_value_of_another_type_is_refused,
           an_option_given_twice_is_refused, a_hostile_name_is_not_repeated_in_full,
           an_error_carries_its_name_and_its_sentence, an_error_sentence_is_made_valid_utf8,
           an_error_without_a_sentence_is_an_error_all_the_same, no_error_has_an_empty_name,
           strings_are_mended_and_null_is_empty)
