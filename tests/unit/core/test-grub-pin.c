/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a kernel is named to GRUB. */

#include "core/grub-pin.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static void assert_version(const char *value, const char *expect) {
        _cleanup_free_ char *version = NULL;

        ck_assert_msg(grub_entry_id_version(value, &version) == (expect ? 0 : -EINVAL), "%s",
                      value);
        ck_assert(streq_ptr(version, expect));
}

static void assert_pin(const char *text, const char *expect) {
        _cleanup_free_ char *version = NULL;

        ck_assert_int_eq(grub_pin_parse(text, strlen(text), &version), 0);
        ck_assert_msg(streq_ptr(version, expect), "'%s' gave '%s'", text, strempty(version));
}

START_TEST(name_is_made_of_submenu_and_entry) {
        _cleanup_free_ char *id = grub_entry_id("6.8.12-4-pve", "0e4a-5d2c");

        ck_assert_str_eq(id,
                         "gnulinux-advanced-0e4a-5d2c>gnulinux-6.8.12-4-pve-advanced-0e4a-5d2c");
        assert_version(id, "6.8.12-4-pve");
}
END_TEST

START_TEST(only_names_of_ours_have_a_version) {
        assert_version("gnulinux-advanced-/dev/sda2>gnulinux-6.8-advanced-/dev/sda2", "6.8");
        assert_version("gnulinux-advanced-a-advanced-b>gnulinux-6.8-advanced-a-advanced-b", "6.8");
        assert_version("", NULL);
        assert_version("0", NULL);
        assert_version("1>2", NULL);
        assert_version("gnulinux-advanced-x", NULL);
        assert_version("gnulinux-advanced->gnulinux-6.8-advanced-", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-6.8-advanced-y", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-6.8-recovery-x", NULL);
        assert_version("gnulinux-advanced-x>gnulinux--advanced-x", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-../y-advanced-x", NULL);
}
END_TEST

START_TEST(pin_is_one_line_and_says_where_it_comes_from) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(grub_pin_render("6.8.12-4-pve", "X", &text), 0);
        ck_assert_str_eq(text,
                         "# Written by bootsync; 'bootctl-pve kernel unpin' takes it back.\n"
                         "GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8.12-4-pve-advanced-X\"\n");
        assert_pin(text, "6.8.12-4-pve");
}
END_TEST

START_TEST(pins_of_other_tools_are_understood) {
        assert_pin("GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8-advanced-X\"\n", "6.8");
        assert_pin(" GRUB_DEFAULT='gnulinux-advanced-X>gnulinux-6.8-advanced-X' \r\n", "6.8");
        assert_pin("GRUB_DEFAULT=gnulinux-advanced-X>gnulinux-6.8-advanced-X", "6.8");
        assert_pin("GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8-advanced-X\"\n"
                   "GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.5-advanced-X\"\n",
                   "6.5");
}
END_TEST

START_TEST(what_pins_no_kernel_is_no_pin) {
        assert_pin("", NULL);
        assert_pin("GRUB_DEFAULT=0\n", NULL);
        assert_pin("GRUB_DEFAULT=\n", NULL);
        assert_pin("GRUB_DEFAULT=\"\n", NULL);
        assert_pin("#GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8-advanced-X\"\n", NULL);
        assert_pin("GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8-advanced-X\"\n"
                   "GRUB_DEFAULT=saved\n",
                   NULL);
}
END_TEST

CHECK_MAIN("grub-pin", name_is_made_of_submenu_and_entry, only_names_of_ours_have_a_version,
           pin_is_one_line_and_says_where_it_comes_from, pins_of_other_tools_are_understood,
           what_pins_no_kernel_is_no_pin)
