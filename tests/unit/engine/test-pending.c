/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A change that is stored and not on the ESPs has a name; one that is there has none. */

#include "engine/pending.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

static void assert_pending(const Lab *lab, const char *items) {
        _cleanup_free_ char *all = strv_join(manager_info(lab->m).known->pending, ", ");

        ck_assert_str_eq(all, items);
}

static void change(Lab *lab, KernelVerb verb, const char *version, PinScope scope) {
        _cleanup_error_ Error error = {};
        Job *job;

        ck_assert_msg(manager_change_kernels(lab->m, &(KernelChange){ verb, version, scope }, 0,
                                             &job, &error) >= 0,
                      "%s", error.message);
        ck_assert_ptr_null(job);
}

static void refresh(Lab *lab) {
        (void) lab_submit(lab, JOB_REFRESH);
        lab_finish(lab);
        ck_assert_str_eq(lab_last_result(lab), "done");
}

/* In sync, and from now on nothing is synced unasked. */
static void open_without_auto_sync(Lab *lab) {
        lab_open(lab);
        lab_start(lab);
        temp_puts(&lab->t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab_pass(lab, 3 * SEC);
        lab_finish(lab);
        assert_pending(lab, "");
}

START_TEST(stored_pin_is_pending_until_it_is_on_the_esps) {
        _cleanup_lab_ Lab lab;

        open_without_auto_sync(&lab);
        change(&lab, KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT);
        assert_pending(&lab, "default " KERNEL_OLD);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "default " KERNEL_OLD);
        refresh(&lab);
        assert_pending(&lab, "");
        change(&lab, KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT);
        assert_pending(&lab, "");
        change(&lab, KERNEL_VERB_UNPIN, NULL, PIN_PERMANENT);
        assert_pending(&lab, "default " KERNEL_NEW);
}
END_TEST

START_TEST(pin_that_the_default_is_already_is_pending_as_long_as_no_esp_has_it) {
        _cleanup_lab_ Lab lab;

        open_without_auto_sync(&lab);
        change(&lab, KERNEL_VERB_PIN, KERNEL_NEW, PIN_PERMANENT);
        assert_pending(&lab, "esp " ESP_A ", esp " ESP_B);
        refresh(&lab);
        assert_pending(&lab, "");
}
END_TEST

START_TEST(kernels_that_come_and_go_are_named) {
        _cleanup_lab_ Lab lab;

        open_without_auto_sync(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "default " KERNEL_NEXT ", add " KERNEL_NEXT);
        refresh(&lab);
        assert_pending(&lab, "");
        ck_assert_int_eq(unlinkat(lab.t.fd, "boot/vmlinuz-" KERNEL_NEXT, 0), 0);
        ck_assert_int_eq(unlinkat(lab.t.fd, "boot/initrd.img-" KERNEL_NEXT, 0), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "default " KERNEL_NEW ", remove " KERNEL_NEXT);
}
END_TEST

START_TEST(kernel_that_is_another_and_the_command_line_are_named) {
        _cleanup_lab_ Lab lab;

        open_without_auto_sync(&lab);
        temp_puts(&lab.t, "etc/kernel/cmdline", "root=/dev/sda3 noisy\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "cmdline");
        temp_puts(&lab.t, "boot/initrd.img-" KERNEL_OLD, "another");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "update " KERNEL_OLD ", cmdline");
        refresh(&lab);
        assert_pending(&lab, "");
}
END_TEST

START_TEST(only_esps_that_are_there_count_and_one_is_enough) {
        _cleanup_lab_ Lab lab;

        open_without_auto_sync(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(!lab_verdict(&lab)->in_sync);
        assert_pending(&lab, "");
        change(&lab, KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        assert_pending(&lab, "");
        ck_assert_int_ge(renameat(lab.t.fd, "away", lab.t.fd, "dev/disk/by-uuid/" ESP_B), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_pending(&lab, "default " KERNEL_OLD);
}
END_TEST

START_TEST(nothing_is_guessed_of_an_esp_that_was_not_looked_at_or_without_the_files) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_new(&lab);
        assert_pending(&lab, "esp " ESP_A ", esp " ESP_B);
        ck_assert_int_eq(renameat(lab.t.fd, "boot", lab.t.fd, "gone"), 0);
        temp_puts(&lab.t, "boot", "no directory");
        ck_assert_int_ge(manager_start(lab.m), 0);
        lab_pass(&lab, 3 * SEC);
        assert_pending(&lab, "esp " ESP_A ", esp " ESP_B);
}
END_TEST

START_TEST(hosts_own_grub_lacks_a_pin_until_its_menu_has_it) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab.private = true;
        lab_list_esps(&lab, "");
        lab_write_grub_menu(&lab, "0", KERNEL_NEW, KERNEL_OLD);
        lab_new(&lab);
        assert_pending(&lab, "");
        change(&lab, KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT);
        assert_pending(&lab, "default " KERNEL_OLD);
}
END_TEST

CHECK_MAIN("pending", stored_pin_is_pending_until_it_is_on_the_esps,
           pin_that_the_default_is_already_is_pending_as_long_as_no_esp_has_it,
           kernels_that_come_and_go_are_named,
           kernel_that_is_another_and_the_command_line_are_named,
           only_esps_that_are_there_count_and_one_is_enough,
           nothing_is_guessed_of_an_esp_that_was_not_looked_at_or_without_the_files,
           hosts_own_grub_lacks_a_pin_until_its_menu_has_it)
