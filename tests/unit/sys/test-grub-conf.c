/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's configuration: what has changed in it, and the one file of it that is ours. */

#include "sys/grub.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/grub/grub-config.h"
#include "sys/file.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define VERSION "6.8.12-4-pve"
#define ID      "1234-abcd"

static char *stamp(const TempRoot *t) {
        char *s = NULL;

        ck_assert_int_eq(grub_conf_stamp(t->root, &s), 0);
        return s;
}

START_TEST(a_host_without_grub_has_an_empty_stamp) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *s = stamp(&t);

        ck_assert_str_eq(s, "");
}
END_TEST

START_TEST(what_grub_reads_changes_the_stamp_and_nothing_else) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *first = NULL, *other = NULL, *more = NULL;

        temp_mkdir(&t, PATH_GRUB_CONF_DIR);
        temp_puts(&t, PATH_GRUB_CONF, "GRUB_TIMEOUT=5\n");
        first = stamp(&t);
        temp_puts(&t, PATH_GRUB_CONF_DIR "/a.cfg.dpkg-new", "x");
        temp_puts(&t, PATH_GRUB_CONF_DIR "/.a.cfg", "x");
        other = stamp(&t);
        ck_assert_str_eq(other, first);
        temp_puts(&t, PATH_GRUB_CONF_DIR "/a.cfg", "x");
        more = stamp(&t);
        ck_assert_str_ne(more, first);
}
END_TEST

START_TEST(a_pin_is_stored_and_removed_once) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        ck_assert_int_eq(grub_conf_store_pin(t.root, VERSION, ID, false), 1);
        ck_assert_int_eq(grub_conf_store_pin(t.root, VERSION, ID, false), 0);
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, ID, false), 1);
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, false), 0);
}
END_TEST

START_TEST(a_pin_waits_until_the_menu_is_known) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        ck_assert_int_eq(grub_conf_store_pin(t.root, VERSION, NULL, false), 0);
        ck_assert(!temp_exists(&t, PATH_GRUB_PIN));
}
END_TEST

START_TEST(whether_a_pin_would_be_stored_is_told_without_storing_it) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        ck_assert_int_eq(grub_conf_pin_differs(t.root, NULL, ID), 0);
        ck_assert_int_eq(grub_conf_pin_differs(t.root, VERSION, NULL), 0);
        ck_assert_int_eq(grub_conf_pin_differs(t.root, VERSION, ID), 1);
        ck_assert(!temp_exists(&t, PATH_GRUB_PIN));
        ck_assert_int_eq(grub_conf_store_pin(t.root, VERSION, ID, false), 1);
        ck_assert_int_eq(grub_conf_pin_differs(t.root, VERSION, ID), 0);
        ck_assert_int_eq(grub_conf_pin_differs(t.root, VERSION, "other"), 1);
        ck_assert_int_eq(grub_conf_pin_differs(t.root, NULL, NULL), 1);
        ck_assert(temp_exists(&t, PATH_GRUB_PIN));
}
END_TEST

START_TEST(a_pin_that_is_not_wanted_says_nothing_until_it_is_removed) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, true), 0);
        ck_assert_int_eq(grub_conf_store_pin(t.root, VERSION, ID, false), 1);
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, true), 1);
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, true), 1);
        ck_assert_int_eq(file_read(t.root, PATH_GRUB_PIN, 4096, &text, &size), 0);
        ck_assert_ptr_null(strstr(text, "GRUB_DEFAULT"));
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, false), 1);
        ck_assert_int_eq(grub_conf_store_pin(t.root, NULL, NULL, true), 0);
}
END_TEST

CHECK_MAIN("grub-conf", a_host_without_grub_has_an_empty_stamp,
           what_grub_reads_changes_the_stamp_and_nothing_else, a_pin_is_stored_and_removed_once,
           a_pin_waits_until_the_menu_is_known,
           whether_a_pin_would_be_stored_is_told_without_storing_it,
           a_pin_that_is_not_wanted_says_nothing_until_it_is_removed)
