/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's menu of a host that has its kernels on its own file system. */

#include "core/grub/host-menu.h"

#include "common/string-util.h"
#include "core/grub/grub-config.h"
#include "tests/unit/check-main.h"

#define NEW  "6.8.12-4-pve"
#define OLD  "6.5.13-5-pve"
#define ROOT "1234-abcd"

#define ENTRY(id, image) \
        "menuentry 'x' --class os $menuentry_id_option '" id "' {\n\tlinux\t" image " root=x\n}\n"
#define KERNEL(boot, version) ENTRY("gnulinux-" version "-advanced-" ROOT, boot "/vmlinuz-" version)
#define MENU(value, boot)                                                                       \
        "set default=\"" value                                                                  \
        "\"\n" ENTRY("gnulinux-simple-" ROOT,                                                   \
                     boot "/vmlinuz-" NEW) "submenu 'Advanced' $menuentry_id_option "           \
                                           "'gnulinux-advanced-" ROOT "' {\n" KERNEL(boot, NEW) \
                                                           KERNEL(boot, OLD) "}\n"
#define PIN(version) "gnulinux-advanced-" ROOT ">gnulinux-" version "-advanced-" ROOT

static void load(const char *text, HostMenu *ret) {
        ck_assert_int_eq(host_menu_read(text, strlen(text), NULL, ret), 0);
}

START_TEST(kernels_are_told_wherever_grub_finds_boot) {
        static const char *const menus[] = { MENU("0", ""), MENU("0", "/boot"),
                                             MENU("0", "/ROOT/pve-1@/boot") };

        for (size_t i = 0; i < ELEMENTSOF(menus); i++) {
                _cleanup_(host_menu_done) HostMenu m = {};

                load(menus[i], &m);
                ck_assert_str_eq(m.root_id, ROOT);
                ck_assert_str_eq(m.default_version, NEW);
                ck_assert_uint_eq(strv_length(m.versions), 2);
                ck_assert_str_eq(m.versions[0], NEW);
                ck_assert_str_eq(m.versions[1], OLD);
        }
}
END_TEST

START_TEST(a_pin_is_the_default) {
        _cleanup_(host_menu_done) HostMenu m = {};
        _cleanup_free_ char *id = NULL;

        load(MENU(PIN(OLD), "/boot"), &m);
        ck_assert_str_eq(m.default_version, OLD);
        id = grub_entry_id(OLD, m.root_id);
        ck_assert_str_eq(id, PIN(OLD));
}
END_TEST

START_TEST(a_default_that_grub_remembers_is_not_known) {
        _cleanup_(host_menu_done) HostMenu m = {};

        load(MENU("${saved_entry}", "/boot"), &m);
        ck_assert_ptr_null(m.default_version);
}
END_TEST

static void assert_boots(const char *value, const char *saved, const char *expect) {
        _cleanup_free_ char *text = strprintf("set default=\"%s\"\n%s", value,
                                              strchr(MENU("0", "/boot"), '\n') + 1);
        _cleanup_(host_menu_done) HostMenu m = {};

        ck_assert_int_eq(host_menu_read(text, strlen(text), saved, &m), 0);
        ck_assert_msg(streq_ptr(m.default_version, expect), "'%s', '%s': '%s'", value,
                      strempty(saved), strempty(m.default_version));
}

START_TEST(what_grub_remembers_is_told_by_its_environment) {
        assert_boots("${saved_entry}", NULL, NULL);
        assert_boots("${saved_entry}", "", NEW);
        assert_boots("${saved_entry}", PIN(OLD), OLD);
        assert_boots("${saved_entry}", "Advanced>1", OLD);
        assert_boots("${saved_entry}", "1>1", OLD);
        assert_boots("0", PIN(OLD), NEW);
        assert_boots("${mine}", PIN(OLD), NULL);
}
END_TEST

START_TEST(kernels_of_other_systems_do_not_count) {
        _cleanup_(host_menu_done) HostMenu m = {};

        load(ENTRY("osprober-gnulinux-simple-x", "/boot/vmlinuz-" OLD)
                             ENTRY("gnulinux-x", "/memtest86+.bin") ENTRY("gnulinux-y", "/vmlinuz"),
             &m);
        ck_assert_ptr_null(m.default_version);
        ck_assert(strv_isempty(m.versions));
        ck_assert_ptr_null(m.root_id);
}
END_TEST

START_TEST(a_menu_without_submenus_has_no_id_to_pin_by) {
        _cleanup_(host_menu_done) HostMenu m = {};

        load(KERNEL("/boot", NEW) KERNEL("/boot", OLD), &m);
        ck_assert_ptr_null(m.root_id);
        ck_assert_uint_eq(strv_length(m.versions), 2);
}
END_TEST

START_TEST(what_is_damaged_is_refused) {
        HostMenu m;

        ck_assert_int_eq(host_menu_read("menuentry 'x", 12, NULL, &m), -EBADMSG);
}
END_TEST

START_TEST(only_a_kept_and_bootable_kernel_can_be_lacking) {
        _cleanup_(host_menu_done) HostMenu m = {};
        Kernel kernels[] = {
                { .version = (char *) "6.11.0-1-pve",
                  .reasons = 1u << KERNEL_MANUAL,
                  .state = KERNEL_STATE_INITRD_MISSING },
                { .version = (char *) "6.10.0-1-pve", .state = KERNEL_STATE_COMPLETE },
                { .version = (char *) NEW,
                  .reasons = 1u << KERNEL_NEWEST,
                  .state = KERNEL_STATE_COMPLETE },
        };
        KernelSet set = { .kernels = kernels, .n_kernels = ELEMENTSOF(kernels) };

        load(MENU("0", "/boot"), &m);
        ck_assert_ptr_null(host_menu_lacks(&m, &set));
        kernels[1].reasons = 1u << KERNEL_PIN;
        ck_assert_str_eq(host_menu_lacks(&m, &set), "6.10.0-1-pve");
}
END_TEST

CHECK_MAIN("host-menu", kernels_are_told_wherever_grub_finds_boot, a_pin_is_the_default,
           a_default_that_grub_remembers_is_not_known,
           what_grub_remembers_is_told_by_its_environment, kernels_of_other_systems_do_not_count,
           a_menu_without_submenus_has_no_id_to_pin_by, what_is_damaged_is_refused,
           only_a_kept_and_bootable_kernel_can_be_lacking)
