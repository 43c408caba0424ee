/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs about kernels: they refuse what would not boot, and store what would. */

#include "engine/facts/kernel-lists.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Lists {
        Lab lab;
        Files *files;
        Error error;
} Lists;

static void open_lists(Lists *l) {
        lab_open(&l->lab);
        ck_assert_int_ge(files_new(l->lab.t.root, &l->files), 0);
        ck_assert_int_ge(files_read(l->files), 0);
}

static void close_lists(Lists *l) {
        error_done(&l->error);
        files_free(l->files);
        lab_close(&l->lab);
}

static const Facts *read_again(Lists *l) {
        ck_assert_int_ge(files_read(l->files), 0);
        return files_facts(l->files);
}

static void assert_refused(Lists *l, int r, ErrorCode code) {
        ck_assert_int_lt(r, 0);
        ck_assert_int_eq(l->error.code, code);
        error_done(&l->error);
}

START_TEST(text_that_is_no_version_is_refused) {
        _cleanup_(close_lists) Lists l = {};
        const Root *root;

        open_lists(&l);
        root = l.lab.t.root;
        assert_refused(&l, kernel_list_check(&(KernelChange){ KERNEL_VERB_ADD, "../x" }, &l.error),
                       ERROR_INVALID_VERSION);
        assert_refused(&l,
                       kernel_list_change(root, files_facts(l.files),
                                          &(KernelChange){ KERNEL_VERB_ADD, "a b" }, &l.error),
                       ERROR_INVALID_VERSION);
        assert_refused(&l,
                       kernel_list_change(root, files_facts(l.files),
                                          &(KernelChange){ KERNEL_VERB_REMOVE, "" }, &l.error),
                       ERROR_INVALID_VERSION);
        assert_refused(&l, kernel_list_check_new(root, "/", &l.error), ERROR_INVALID_VERSION);
}
END_TEST

START_TEST(kernel_is_added_once_and_removed_once) {
        _cleanup_(close_lists) Lists l = {};
        const Root *root;

        open_lists(&l);
        root = l.lab.t.root;
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ KERNEL_VERB_ADD, KERNEL_OLD },
                                            &l.error),
                         1);
        ck_assert_int_eq(kernel_list_change(root, read_again(&l),
                                            &(KernelChange){ KERNEL_VERB_ADD, KERNEL_OLD },
                                            &l.error),
                         0);
        ck_assert(kernel_has_reason(kernel_set_find(&files_facts(l.files)->kernels, KERNEL_OLD),
                                    KERNEL_MANUAL));
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ KERNEL_VERB_REMOVE, KERNEL_OLD },
                                            &l.error),
                         1);
        assert_refused(&l,
                       kernel_list_change(root, read_again(&l),
                                          &(KernelChange){ KERNEL_VERB_REMOVE, KERNEL_OLD },
                                          &l.error),
                       ERROR_NO_SUCH_KERNEL);
        assert_refused(&l,
                       kernel_list_change(root, files_facts(l.files),
                                          &(KernelChange){ KERNEL_VERB_ADD, KERNEL_NEXT },
                                          &l.error),
                       ERROR_NO_SUCH_KERNEL);
}
END_TEST

START_TEST(last_kernel_that_boots_stays_listed) {
        _cleanup_(close_lists) Lists l = {};

        open_lists(&l);
        temp_puts(&l.lab.t, "proc/sys/kernel/osrelease", "5.15.0-1-pve\n");
        for (size_t i = 0; i < 2; i++) {
                const char *const gone[] = { "boot/initrd.img-" KERNEL_NEW,
                                             "boot/vmlinuz-" KERNEL_NEW };

                ck_assert_int_ge(unlinkat(l.lab.t.fd, gone[i], 0), 0);
        }
        lab_add_kernel(&l.lab, "6.8.1-1-foo");
        temp_puts(&l.lab.t, "etc/kernel/proxmox-boot-manual-kernels", KERNEL_OLD "\n");
        (void) read_again(&l);
        if (kernel_set_find(&files_facts(l.files)->kernels, KERNEL_OLD)->reasons ==
            1u << KERNEL_MANUAL)
                assert_refused(&l,
                               kernel_list_change(l.lab.t.root, files_facts(l.files),
                                                  &(KernelChange){ KERNEL_VERB_REMOVE, KERNEL_OLD },
                                                  &l.error),
                               ERROR_LAST_KERNEL);
}
END_TEST

START_TEST(pin_takes_a_complete_kernel_and_unpin_removes_it) {
        _cleanup_(close_lists) Lists l = {};
        const Root *root;

        open_lists(&l);
        root = l.lab.t.root;
        ck_assert_int_ge(unlinkat(l.lab.t.fd, "boot/initrd.img-" KERNEL_OLD, 0), 0);
        assert_refused(&l,
                       kernel_list_change(root, read_again(&l),
                                          &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                           PIN_PERMANENT },
                                          &l.error),
                       ERROR_NOT_BOOTABLE);
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ KERNEL_VERB_PIN, KERNEL_NEW,
                                                             PIN_PERMANENT },
                                            &l.error),
                         1);
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ KERNEL_VERB_PIN, KERNEL_NEW,
                                                             PIN_NEXT_BOOT },
                                            &l.error),
                         1);
        ck_assert_str_eq(read_again(&l)->conf.next_boot, KERNEL_NEW);
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ .verb = KERNEL_VERB_UNPIN,
                                                             .scope = PIN_NEXT_BOOT },
                                            &l.error),
                         1);
        ck_assert_ptr_null(read_again(&l)->conf.next_boot);
        ck_assert_str_eq(files_facts(l.files)->conf.pin, KERNEL_NEW);
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ .verb = KERNEL_VERB_UNPIN,
                                                             .scope = PIN_PERMANENT },
                                            &l.error),
                         1);
        ck_assert_int_eq(kernel_list_change(root, files_facts(l.files),
                                            &(KernelChange){ .verb = KERNEL_VERB_UNPIN,
                                                             .scope = PIN_PERMANENT },
                                            &l.error),
                         0);
        ck_assert_ptr_null(read_again(&l)->conf.pin);
}
END_TEST

START_TEST(file_that_cannot_be_stored_is_an_error_that_names_it) {
        _cleanup_(close_lists) Lists l = {};

        open_lists(&l);
        temp_mkdir(&l.lab.t, "etc/kernel/proxmox-boot-pin");
        ck_assert_int_lt(kernel_list_change(l.lab.t.root, files_facts(l.files),
                                            &(KernelChange){ KERNEL_VERB_PIN, KERNEL_NEW,
                                                             PIN_PERMANENT },
                                            &l.error),
                         0);
        ck_assert_ptr_nonnull(strstr(l.error.message, "Cannot change the files in /etc/kernel"));
}
END_TEST

START_TEST(package_hook_may_hand_over_a_kernel_that_is_known) {
        _cleanup_(close_lists) Lists l = {};

        open_lists(&l);
        ck_assert_int_eq(kernel_list_check_new(l.lab.t.root, KERNEL_NEW, &l.error), 0);
        assert_refused(&l, kernel_list_check_new(l.lab.t.root, KERNEL_NEXT, &l.error),
                       ERROR_NO_SUCH_KERNEL);
}
END_TEST

START_TEST(kernel_that_secure_boot_refuses_is_not_pinned) {
        _cleanup_(close_lists) Lists l = {};
        const KernelChange once = { KERNEL_VERB_PIN, KERNEL_NEW, PIN_NEXT_BOOT };
        const KernelChange pin = { KERNEL_VERB_PIN, KERNEL_NEW };
        SignedFile file = { .path = (char *) "/boot/vmlinuz-" KERNEL_NEW };
        SecureBootFacts secure_boot = { .files = { .items = &file, .n = 1 } };
        const Root *root;

        open_lists(&l);
        root = l.lab.t.root;
        file.stamp = boot_dir_find(&files_facts(l.files)->boot, KERNEL_NEW)->image;
        file.by[CHECKER_FIRMWARE].reason = (char *) "it is not signed";
        file.by[CHECKER_SHIM] = (Judgement){ .accepted = true, .reason = (char *) "fine" };
        files_set_secure_boot(l.files, &secure_boot, 1u << CHECKER_FIRMWARE);
        ck_assert_int_lt(kernel_list_change(root, read_again(&l), &pin, &l.error), 0);
        ck_assert_msg(strstr(l.error.message, "it is not signed"), "%s", l.error.message);
        assert_refused(&l, -1, ERROR_NOT_BOOTABLE);
        assert_refused(&l, kernel_list_change(root, read_again(&l), &once, &l.error),
                       ERROR_NOT_BOOTABLE);
        ck_assert_ptr_null(read_again(&l)->conf.pin);

        /* Somebody starts it, or nobody knows, or it is another file by now. */
        files_set_secure_boot(l.files, &secure_boot, ~0u);
        ck_assert_int_eq(kernel_list_change(root, read_again(&l), &pin, NULL), 1);
        files_set_secure_boot(l.files, NULL, 0);
        ck_assert_int_eq(kernel_list_change(root, read_again(&l), &once, NULL), 1);
        file.stamp.inode++;
        files_set_secure_boot(l.files, &secure_boot, 1u << CHECKER_FIRMWARE);
        ck_assert_int_eq(kernel_list_change(root, read_again(&l), &pin, NULL), 0);
}
END_TEST

START_TEST(refused_kernel_that_is_pinned_by_its_file_is_not_armed_and_taken_back) {
        _cleanup_free_ char *arm = NULL, *disarm = NULL, *none = NULL, *taken = NULL;
        const KernelChange once = { KERNEL_VERB_PIN, KERNEL_NEW, PIN_NEXT_BOOT };
        SignedFile file = { .path = (char *) "/boot/vmlinuz-" KERNEL_NEW };
        SecureBootFacts secure_boot = { .files = { .items = &file, .n = 1 } };
        _cleanup_(close_lists) Lists l = {};
        const Root *root;

        open_lists(&l);
        root = l.lab.t.root;
        ck_assert_int_eq(kernel_list_change(root, read_again(&l), &once, NULL), 1);
        ck_assert_int_eq(boot_pin_plan_one_shot(root, read_again(&l), &arm, &disarm), 0);
        ck_assert_str_eq(arm, "proxmox-" KERNEL_NEW ".conf");
        boot_pin_record_one_shot(root, files_facts(l.files), KERNEL_NEW);
        file.stamp = boot_dir_find(&files_facts(l.files)->boot, KERNEL_NEW)->image;
        file.by[CHECKER_FIRMWARE].reason = file.by[CHECKER_SHIM].reason = (char *) "unsigned";
        files_set_secure_boot(l.files, &secure_boot, 1u << CHECKER_FIRMWARE);
        ck_assert_int_eq(boot_pin_plan_one_shot(root, read_again(&l), &none, &taken), 0);
        ck_assert_ptr_null(none);
        ck_assert_str_eq(taken, "proxmox-" KERNEL_NEW ".conf");
}
END_TEST

CHECK_MAIN("kernel-lists", text_that_is_no_version_is_refused,
           kernel_is_added_once_and_removed_once, last_kernel_that_boots_stays_listed,
           pin_takes_a_complete_kernel_and_unpin_removes_it,
           file_that_cannot_be_stored_is_an_error_that_names_it,
           package_hook_may_hand_over_a_kernel_that_is_known,
           kernel_that_secure_boot_refuses_is_not_pinned,
           refused_kernel_that_is_pinned_by_its_file_is_not_armed_and_taken_back)
