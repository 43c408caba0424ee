/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Only a partition or a directory is an ESP, one process at a time has it, and no path leads out of
 * it. */

#include <linux/fs.h>
#include <sys/ioctl.h>

#include "../check-main.h"
#include "fat-image.h"
#include "throwaway-esp.h"

static void assert_refused(const Throwaway *t, const char *uuid, int r, ErrorCode code) {
        _cleanup_(esp_volume_done) EspVolume volume = ESP_VOLUME_INIT;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(esp_volume_open(t->root, uuid, &(DeviceId){}, true, &volume, &error), r);
        ck_assert_int_eq(error.code, code);
        ck_assert_ptr_nonnull(strstr(error.message, uuid));
        ck_assert_int_lt(volume.fd, 0);
}

START_TEST(absent_esp_is_missing) {
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        assert_refused(&t, "0000-0000", error_code_to_errno(ERROR_ESP_MISSING), ERROR_ESP_MISSING);
        ck_assert_int_eq(symlink("../../nowhere", throwaway_path(&t, "dev/disk/by-uuid/1111-1111")),
                         0);
        assert_refused(&t, "1111-1111", error_code_to_errno(ERROR_ESP_MISSING), ERROR_ESP_MISSING);
}
END_TEST

START_TEST(what_is_neither_partition_nor_directory_is_no_esp) {
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, "dev/sda2", "");
        ck_assert_int_eq(symlink("../../sda2", throwaway_path(&t, "dev/disk/by-uuid/2222-2222")),
                         0);
        assert_refused(&t, "2222-2222", error_code_to_errno(ERROR_NOT_AN_ESP), ERROR_NOT_AN_ESP);
}
END_TEST

START_TEST(esp_is_locked_while_it_is_open) {
        _cleanup_(esp_volume_done) EspVolume again = ESP_VOLUME_INIT;
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        assert_refused(&t, UUID, error_code_to_errno(ERROR_BUSY), ERROR_BUSY);
        esp_volume_done(&t.volume);
        ck_assert_int_eq(esp_volume_open(t.root, UUID, &(DeviceId){}, true, &again, NULL), 0);
        ck_assert_str_eq(again.uuid, UUID);
}
END_TEST

START_TEST(symlink_to_a_directory_within_the_root_is_an_esp) {
        _cleanup_(esp_volume_done) EspVolume volume = ESP_VOLUME_INIT;
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_mkdir(&t, "dev/esp/EFI");
        ck_assert_int_eq(symlink("/dev/esp", throwaway_path(&t, "dev/disk/by-uuid/3333-3333")), 0);
        ck_assert_int_eq(esp_volume_open(t.root, "3333-3333", &(DeviceId){}, true, &volume, NULL),
                         0);
        ck_assert_int_eq(faccessat(volume.fd, "EFI", F_OK, 0), 0);
}
END_TEST

START_TEST(no_path_leads_out_of_the_esp) {
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, "boot/x", "x");
        ck_assert_int_eq(symlink("../../../../boot", throwaway_path(&t, ESP("out"))), 0);
        ck_assert_int_eq(symlink("loader", throwaway_path(&t, ESP("in"))), 0);
        ck_assert_int_eq(esp_openat(&t.volume, "../../../../boot/x", O_RDONLY, 0), -EXDEV);
        ck_assert_int_eq(esp_openat(&t.volume, "/etc/passwd", O_RDONLY, 0), -EXDEV);
        ck_assert_int_eq(esp_openat(&t.volume, "out/x", O_RDONLY, 0), -ELOOP);
        ck_assert_int_eq(esp_openat(&t.volume, "in", O_RDONLY, 0), -ELOOP);
        ck_assert_int_eq(esp_openat(&t.volume, "in/entries", O_RDONLY, 0), -ELOOP);
}
END_TEST

START_TEST(stat_describes_a_symlink_and_does_not_follow_it) {
        _cleanup_throwaway_ Throwaway t;
        EspFile file = {};
        struct stat st;

        throwaway_init(&t);
        ck_assert_int_eq(symlink("entries", throwaway_path(&t, ESP("loader/link"))), 0);
        ck_assert_int_eq(esp_stat(&t.volume, "loader/link", &st), 1);
        esp_file_set_stat(&file, &st);
        ck_assert_int_eq(file.type, FILE_OTHER);
        ck_assert_int_eq(esp_stat(&t.volume, "loader/entries", &st), 1);
        esp_file_set_stat(&file, &st);
        ck_assert_int_eq(file.type, FILE_DIRECTORY);
}
END_TEST

START_TEST(stat_of_nothing_is_no_error) {
        _cleanup_throwaway_ Throwaway t;
        struct stat st;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("file"), "x");
        ck_assert_int_eq(esp_stat(&t.volume, "absent", &st), 0);
        ck_assert_int_eq(esp_stat(&t.volume, "absent/below", &st), 0);
        ck_assert_int_eq(esp_stat(&t.volume, "file/below", &st), 0);
}
END_TEST

START_TEST(times_are_nanoseconds) {
        const struct timespec times[2] = { { .tv_sec = 1 },
                                           { .tv_sec = 1700000000, .tv_nsec = 5 } };
        _cleanup_throwaway_ Throwaway t;
        EspFile file = {};
        struct stat st;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("file"), "four");
        ck_assert_int_eq(utimensat(AT_FDCWD, throwaway_path(&t, ESP("file")), times, 0), 0);
        ck_assert_int_eq(esp_stat(&t.volume, "file", &st), 1);
        esp_file_set_stat(&file, &st);
        ck_assert_int_eq(file.type, FILE_REGULAR);
        ck_assert_uint_eq(file.size, 4);
        ck_assert_uint_eq(file.mtime, 1700000000000000005u);
}
END_TEST

START_TEST(parent_of_a_plain_name_is_the_root_of_the_esp) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_close_ int root = -EBADF, loader = -EBADF;
        const char *name;

        throwaway_init(&t);
        root = esp_open_parent(&t.volume, "vmlinuz", &name);
        ck_assert_int_ge(root, 0);
        ck_assert_str_eq(name, "vmlinuz");
        ck_assert_int_eq(faccessat(root, "loader/entries", F_OK, 0), 0);
        loader = esp_open_parent(&t.volume, "loader/loader.conf", &name);
        ck_assert_int_ge(loader, 0);
        ck_assert_str_eq(name, "loader.conf");
        ck_assert_int_eq(faccessat(loader, "entries", F_OK, 0), 0);
        ck_assert_int_eq(esp_open_parent(&t.volume, "absent/x", &name), -ENOENT);
}
END_TEST

START_TEST(failure_names_file_and_esp_and_says_what_to_do) {
        const EspVolume volume = { .fd = -EBADF, .uuid = (char *) UUID };
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(esp_fail(&volume, &error, -ENOSPC, "write", "EFI/x"), -ENOSPC);
        ck_assert_int_eq(error.code, ERROR_NO_SPACE);
        ck_assert_ptr_nonnull(strstr(error.message, "'EFI/x' on ESP '" UUID "'"));
        ck_assert_ptr_nonnull(strstr(error.message, "remove a kernel"));
        ck_assert_ptr_nonnull(strstr(error.message, "No space left"));
}
END_TEST

/* No vfat is mounted: not every kernel has it. */
START_TEST(write_protected_partition_is_not_opened_for_writing_and_called_that) {
        _cleanup_throwaway_ Throwaway t;
        const int on = 1, off = 0;
        char loop_path[64];
        FatImage image;
        struct stat st;
        int loop;

        throwaway_init(&t);
        fat_image_init(&image, 32);
        loop = loop_attach(image.fd, loop_path);
        ck_assert_int_eq(fstat(loop, &st), 0);
        ck_assert_int_eq(mknod(throwaway_path(&t, "dev/sda2"), S_IFBLK | 0600, st.st_rdev), 0);
        ck_assert_int_eq(symlink("../../sda2", throwaway_path(&t, "dev/disk/by-uuid/abcd-0123")),
                         0);
        ck_assert_int_eq(ioctl(loop, BLKROSET, &on), 0);
        assert_refused(&t, "abcd-0123", -EROFS, ERROR_READ_ONLY);
        ck_assert_int_eq(ioctl(loop, BLKROSET, &off), 0);
        safe_close(loop);
        fat_image_done(&image);
}
END_TEST

START_TEST(directory_whose_names_have_another_in_the_other_case_tells_case) {
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        ck_assert(!t.volume.folds_case);
        throwaway_mkdir(&t, ESP("efi"));
        throwaway_mkdir(&t, ESP("LOADER"));
        ck_assert_int_eq(symlink("EFI", throwaway_path(&t, ESP("GRUB"))), 0);
        throwaway_mkdir(&t, ESP("grub"));
        esp_volume_done(&t.volume);
        ck_assert_int_eq(esp_volume_open(t.root, UUID, &(DeviceId){}, true, &t.volume, NULL), 0);
        ck_assert(!t.volume.folds_case);
}
END_TEST

CHECK_MAIN("esp-open", absent_esp_is_missing, what_is_neither_partition_nor_directory_is_no_esp,
           esp_is_locked_while_it_is_open, symlink_to_a_directory_within_the_root_is_an_esp,
           no_path_leads_out_of_the_esp, stat_describes_a_symlink_and_does_not_follow_it,
           stat_of_nothing_is_no_error, times_are_nanoseconds,
           parent_of_a_plain_name_is_the_root_of_the_esp,
           failure_names_file_and_esp_and_says_what_to_do,
           write_protected_partition_is_not_opened_for_writing_and_called_that,
           directory_whose_names_have_another_in_the_other_case_tells_case)
