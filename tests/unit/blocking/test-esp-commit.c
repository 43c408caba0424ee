/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Placing and removing: what is held, until when, and what is left alone. The order of the system
 * calls is a test of the worker, which can be traced. */

#include "../check-main.h"
#include "blocking/esp/esp-commit.h"
#include "throwaway-esp.h"

#define VERSION "1.2-pve"
#define DIR     "EFI/proxmox/" VERSION
#define IMAGE   DIR "/vmlinuz-" VERSION
#define INITRD  DIR "/initrd.img-" VERSION
#define ENTRY   "loader/entries/proxmox-" VERSION ".conf"

typedef struct Case {
        Throwaway t;
        EspCommit commit;
        EspFile file;
        Error error;
} Case;

static void case_done(Case *c) {
        esp_commit_done(&c->commit);
        esp_file_done(&c->file);
        error_done(&c->error);
        throwaway_done(&c->t);
}

#define _cleanup_case_ _cleanup_(case_done)

static void case_init(Case *c) {
        *c = (Case){};
        throwaway_init(&c->t);
        c->commit.volume = &c->t.volume;
}

START_TEST(replaced_file_is_held_until_the_barrier) {
        char data[8] = {};
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "old");
        throwaway_put_text(&c.t, ESP(IMAGE ".new"), "newer");
        ck_assert_int_eq(esp_commit_hold(&c.commit, IMAGE, &c.error), 0);
        ck_assert(!c.commit.open);
        ck_assert_int_eq(esp_commit_place(&c.commit, IMAGE, &c.file, &c.error), 0);
        ck_assert(c.commit.open);
        throwaway_assert_text(&c.t, ESP(IMAGE), "newer");
        ck_assert(!throwaway_has(&c.t, ESP(IMAGE ".new")));
        ck_assert_str_eq(c.file.path, IMAGE);
        ck_assert_int_eq(c.file.type, FILE_REGULAR);
        ck_assert_uint_eq(c.file.size, 5);

        ck_assert_uint_eq(c.commit.n_holds, 2);
        ck_assert_int_eq(pread(c.commit.holds[0], data, sizeof(data), 0), 3);
        ck_assert_str_eq(data, "old");
        ck_assert_int_eq(esp_commit_barrier(&c.commit, &c.error), 0);
        ck_assert_uint_eq(c.commit.n_holds, 0);
        ck_assert(!c.commit.open);
}
END_TEST

START_TEST(file_is_placed_where_there_was_none) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP("vmlinuz.new"), "new");
        ck_assert_int_eq(esp_commit_hold(&c.commit, "vmlinuz", &c.error), 0);
        ck_assert_uint_eq(c.commit.n_holds, 0);
        ck_assert_int_eq(esp_commit_place(&c.commit, "vmlinuz", &c.file, &c.error), 0);
        throwaway_assert_text(&c.t, ESP("vmlinuz"), "new");
}
END_TEST

START_TEST(only_a_regular_file_is_replaced) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_mkdir(&c.t, ESP("directory"));
        ck_assert_int_eq(symlink("directory", throwaway_path(&c.t, ESP("symlink"))), 0);
        ck_assert_int_eq(esp_commit_hold(&c.commit, "directory", &c.error), -EISDIR);
        ck_assert_ptr_nonnull(strstr(c.error.message, "'directory'"));
        ck_assert_int_eq(esp_commit_hold(&c.commit, "symlink", NULL), -ELOOP);
        ck_assert_uint_eq(c.commit.n_holds, 0);
}
END_TEST

START_TEST(what_is_not_staged_cannot_be_placed) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "old");
        ck_assert_int_eq(esp_commit_place(&c.commit, IMAGE, &c.file, &c.error), -ENOENT);
        ck_assert(!c.commit.open);
        ck_assert_ptr_null(c.file.path);
        throwaway_assert_text(&c.t, ESP(IMAGE), "old");
}
END_TEST

START_TEST(entry_is_removed_and_let_go_at_once) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(ENTRY), "title x\n");
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_ENTRY, ENTRY, &c.error), 0);
        ck_assert(!throwaway_has(&c.t, ESP(ENTRY)));
        ck_assert_uint_eq(c.commit.n_holds, 0);
        ck_assert(c.commit.open);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_ENTRY, ENTRY, &c.error), 0);
}
END_TEST

START_TEST(kernel_is_removed_with_its_leftovers_and_held_until_the_barrier) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "image");
        throwaway_put_text(&c.t, ESP(INITRD), "initrd");
        throwaway_put_text(&c.t, ESP(INITRD ".new"), "half");
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), 0);
        ck_assert(!throwaway_has(&c.t, ESP(DIR)));
        ck_assert(throwaway_has(&c.t, ESP("EFI/proxmox")));
        ck_assert_uint_eq(c.commit.n_holds, 4);
        ck_assert(c.commit.open);
        ck_assert_int_eq(esp_commit_barrier(&c.commit, &c.error), 0);
        ck_assert_uint_eq(c.commit.n_holds, 0);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), 0);
}
END_TEST

START_TEST(foreign_files_keep_their_directory) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "image");
        throwaway_put_text(&c.t, ESP(DIR "/notes.txt"), "mine");
        throwaway_put_text(&c.t, ESP(DIR "/vmlinuz-9.9-pve"), "another");
        throwaway_mkdir(&c.t, ESP(INITRD));
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), 0);
        ck_assert(!throwaway_has(&c.t, ESP(IMAGE)));
        ck_assert(throwaway_has(&c.t, ESP(DIR "/notes.txt")));
        ck_assert(throwaway_has(&c.t, ESP(DIR "/vmlinuz-9.9-pve")));
        ck_assert(throwaway_has(&c.t, ESP(INITRD)));
}
END_TEST

START_TEST(symlink_among_kernel_files_is_not_followed) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, "boot/precious", "precious");
        throwaway_mkdir(&c.t, ESP(DIR));
        ck_assert_int_eq(symlink("/boot/precious", throwaway_path(&c.t, ESP(IMAGE))), 0);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), 0);
        ck_assert(throwaway_has(&c.t, ESP(IMAGE)));
        throwaway_assert_text(&c.t, "boot/precious", "precious");
}
END_TEST

START_TEST(kernel_directory_that_is_a_file_is_an_error) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(DIR), "x");
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), -ENOTDIR);
        ck_assert(throwaway_has(&c.t, ESP(DIR)));
}
END_TEST

START_TEST(kernel_file_in_the_root_is_held_until_the_barrier) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP("vmlinuz-" VERSION), "image");
        throwaway_put_text(&c.t, ESP("initrd.img-" VERSION), "initrd");
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "vmlinuz-" VERSION,
                                           &c.error),
                         0);
        ck_assert(!throwaway_has(&c.t, ESP("vmlinuz-" VERSION)));
        ck_assert(throwaway_has(&c.t, ESP("initrd.img-" VERSION)));
        ck_assert_uint_eq(c.commit.n_holds, 1);
        ck_assert(c.commit.open);
        ck_assert_int_eq(esp_commit_barrier(&c.commit, &c.error), 0);
        ck_assert_uint_eq(c.commit.n_holds, 0);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "vmlinuz-" VERSION,
                                           &c.error),
                         0);
}
END_TEST

START_TEST(memtest_is_removed_likewise_from_wherever_it_is) {
        static const char *const paths[] = { "memtest86+x64.efi", "memtest86+x64.bin",
                                             "EFI/proxmox/memtest86+x64.efi" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *path = strprintf(ESP("%s"), paths[i]);
                _cleanup_case_ Case c;

                case_init(&c);
                ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, paths[i], &c.error),
                                 0);
                throwaway_put_text(&c.t, path, "memtest");
                ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, paths[i], &c.error),
                                 0);
                ck_assert(!throwaway_has(&c.t, path));
                ck_assert_uint_eq(c.commit.n_holds, 1);
                ck_assert_int_eq(esp_commit_barrier(&c.commit, &c.error), 0);
        }
}
END_TEST

START_TEST(only_kernel_files_in_the_root_are_removed_so) {
        static const char *const names[] = {
                "vmlinuz",
                "vmlinuz-" VERSION ".new",
                "vmlinuz-x",
                "initrd.img-1.old",
                "grubenv",
                "memtest86+ia32.efi",
                "memtest86+x64.efi.new",
        };
        _cleanup_case_ Case c;

        case_init(&c);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = strprintf(ESP("%s"), names[i]);

                throwaway_put_text(&c.t, path, "mine");
                ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, names[i], &c.error),
                                 -EINVAL);
                ck_assert(throwaway_has(&c.t, path));
        }
        throwaway_put_text(&c.t, ESP(IMAGE), "image");
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, IMAGE, &c.error), -EINVAL);
        ck_assert(throwaway_has(&c.t, ESP(IMAGE)));
}
END_TEST

START_TEST(kernel_file_in_the_root_that_is_none_is_an_error) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_mkdir(&c.t, ESP("vmlinuz-" VERSION));
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "vmlinuz-" VERSION,
                                           &c.error),
                         -EISDIR);
        throwaway_put_text(&c.t, "boot/precious", "precious");
        ck_assert_int_eq(
                        symlink("/boot/precious", throwaway_path(&c.t, ESP("initrd.img-" VERSION))),
                        0);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "initrd.img-" VERSION,
                                           &c.error),
                         -ELOOP);
        throwaway_assert_text(&c.t, "boot/precious", "precious");
}
END_TEST

/* That a FAT has them by another name, too, is shown in tests/vm. */
START_TEST(what_must_stay_is_not_removed_by_any_name) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "image");
        throwaway_put_text(&c.t, ESP(INITRD), "initrd");
        throwaway_put_text(&c.t, ESP(ENTRY), "entry");
        throwaway_put_text(&c.t, ESP("vmlinuz-" VERSION), "in the root");
        ck_assert_int_eq(esp_commit_keep(&c.commit, IMAGE), 0);
        ck_assert_int_eq(esp_commit_keep(&c.commit, ENTRY), 0);
        ck_assert_int_eq(esp_commit_keep(&c.commit, "vmlinuz-" VERSION), 0);

        ck_assert_int_lt(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL, DIR, &c.error), 0);
        ck_assert_ptr_nonnull(strstr(c.error.message, IMAGE));
        ck_assert_int_lt(esp_commit_remove(&c.commit, PLAN_REMOVE_KERNEL,
                                           "EFI/../EFI/proxmox/" VERSION, NULL),
                         0);
        ck_assert_int_lt(esp_commit_remove(&c.commit, PLAN_REMOVE_ENTRY, ENTRY, NULL), 0);
        ck_assert_int_lt(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "vmlinuz-" VERSION, NULL),
                         0);
        throwaway_assert_text(&c.t, ESP(IMAGE), "image");
        throwaway_assert_text(&c.t, ESP(INITRD), "initrd");
        throwaway_assert_text(&c.t, ESP(ENTRY), "entry");
        throwaway_assert_text(&c.t, ESP("vmlinuz-" VERSION), "in the root");
        ck_assert(!c.commit.open);
}
END_TEST

START_TEST(what_was_placed_must_stay) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(ENTRY ".new"), "entry");
        ck_assert_int_eq(esp_commit_place(&c.commit, ENTRY, &c.file, &c.error), 0);
        ck_assert_int_lt(esp_commit_remove(&c.commit, PLAN_REMOVE_ENTRY, ENTRY, &c.error), 0);
        throwaway_assert_text(&c.t, ESP(ENTRY), "entry");
}
END_TEST

START_TEST(file_with_two_names_loses_none_by_one_of_them) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(IMAGE), "image");
        ck_assert_int_eq(link(throwaway_path(&c.t, ESP(IMAGE)),
                              throwaway_path(&c.t, ESP("vmlinuz-" VERSION))),
                         0);
        ck_assert_int_eq(esp_commit_keep(&c.commit, IMAGE), 0);
        ck_assert_int_eq(esp_commit_remove(&c.commit, PLAN_REMOVE_FILE, "vmlinuz-" VERSION,
                                           &c.error),
                         0);
        throwaway_assert_text(&c.t, ESP(IMAGE), "image");
}
END_TEST

START_TEST(barrier_without_changes_is_fine) {
        _cleanup_case_ Case c;

        case_init(&c);
        ck_assert_int_eq(esp_commit_barrier(&c.commit, &c.error), 0);
        ck_assert(!c.commit.open);
}
END_TEST

CHECK_MAIN("esp-commit", replaced_file_is_held_until_the_barrier,
           file_is_placed_where_there_was_none, only_a_regular_file_is_replaced,
           what_is_not_staged_cannot_be_placed, entry_is_removed_and_let_go_at_once,
           kernel_is_removed_with_its_leftovers_and_held_until_the_barrier,
           foreign_files_keep_their_directory, symlink_among_kernel_files_is_not_followed,
           kernel_directory_that_is_a_file_is_an_error,
           kernel_file_in_the_root_is_held_until_the_barrier,
           memtest_is_removed_likewise_from_wherever_it_is,
           only_kernel_files_in_the_root_are_removed_so,
           kernel_file_in_the_root_that_is_none_is_an_error,
           what_must_stay_is_not_removed_by_any_name, what_was_placed_must_stay,
           file_with_two_names_loses_none_by_one_of_them, barrier_without_changes_is_fine)
