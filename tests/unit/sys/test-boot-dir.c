/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images and initrds in boot/ are found as kernels; work in progress, other names and other kinds
 * of files are not. */

#include "sys/boot-dir.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

static BootDir scan(const TempRoot *t) {
        BootDir boot = {};

        ck_assert_int_eq(boot_dir_scan(t->root, &boot), 0);
        return boot;
}

/* The versions found, as one string. */
static char *versions(const BootDir *boot) {
        _cleanup_strv_ char **l = NULL;

        for (size_t i = 0; i < boot->n_kernels; i++)
                ck_assert_int_eq(strv_extend(&l, boot->kernels[i].version), 0);
        return strv_join(l, " ");
}

static void assert_versions(const TempRoot *t, const char *expected) {
        _cleanup_(boot_dir_done) BootDir boot = scan(t);
        _cleanup_free_ char *found = versions(&boot);

        ck_assert_str_eq(found, expected);
}

START_TEST(missing_boot_is_empty) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        assert_versions(&t, "");
        temp_mkdir(&t, "boot");
        assert_versions(&t, "");
}
END_TEST

START_TEST(boot_that_is_no_directory_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        BootDir boot = {};

        temp_puts(&t, "boot", "");
        ck_assert_int_eq(boot_dir_scan(t.root, &boot), -ENOTDIR);
        ck_assert_ptr_null(boot.kernels);
}
END_TEST

START_TEST(kernels_are_found_newest_first_with_their_stamps) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(boot_dir_done) BootDir boot = {};
        const struct timespec times[2] = { { .tv_sec = 1, .tv_nsec = 2 },
                                           { .tv_sec = 1700000000, .tv_nsec = 123456789 } };
        const BootKernel *kernel;
        struct stat st;

        temp_puts(&t, "boot/vmlinuz-6.5.13-5-pve", "image");
        temp_puts(&t, "boot/vmlinuz-6.8.12-10-pve", "image");
        temp_puts(&t, "boot/initrd.img-6.8.12-10-pve", "longer initrd");
        temp_puts(&t, "boot/initrd.img-6.8.12-9-pve", "initrd");
        ck_assert_int_ge(utimensat(t.fd, "boot/initrd.img-6.8.12-10-pve", times, 0), 0);
        assert_versions(&t, "6.8.12-10-pve 6.8.12-9-pve 6.5.13-5-pve");

        boot = scan(&t);
        kernel = boot_dir_find(&boot, "6.8.12-10-pve");
        ck_assert(kernel->has_image && kernel->has_initrd);
        st = temp_stat(&t, "boot/initrd.img-6.8.12-10-pve");
        ck_assert_uint_eq(kernel->initrd.inode, st.st_ino);
        ck_assert_uint_eq(kernel->initrd.size, strlen("longer initrd"));
        ck_assert_uint_eq(kernel->initrd.mtime, UINT64_C(1700000000123456789));
        ck_assert_uint_eq(kernel->initrd.ctime / 1000000000, (uint64_t) st.st_ctim.tv_sec);
        ck_assert_uint_eq(kernel->initrd.ctime % 1000000000, (uint64_t) st.st_ctim.tv_nsec);
        ck_assert_uint_eq(kernel->image.inode, temp_stat(&t, "boot/vmlinuz-6.8.12-10-pve").st_ino);

        kernel = boot_dir_find(&boot, "6.8.12-9-pve");
        ck_assert(!kernel->has_image && kernel->has_initrd);
        kernel = boot_dir_find(&boot, "6.5.13-5-pve");
        ck_assert(kernel->has_image && !kernel->has_initrd);
}
END_TEST

/* Debian's image for arm64 is not compressed, and called vmlinuz as everywhere; beside it lie what
 * the kernel's own build calls it, and device trees. */
START_TEST(kernel_of_arm64_is_a_vmlinuz_with_its_initrd) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "boot/vmlinuz-6.12.48+deb13-arm64", "MZ");
        temp_puts(&t, "boot/initrd.img-6.12.48+deb13-arm64", "initrd");
        temp_puts(&t, "boot/vmlinuz-6.12.48+deb13-arm64-16k", "MZ");
        temp_puts(&t, "boot/Image", "MZ");
        temp_puts(&t, "boot/Image-6.12.57+deb13-arm64", "MZ");
        temp_puts(&t, "boot/vmlinux-6.12.57+deb13-arm64", "MZ");
        temp_puts(&t, "boot/dtb-6.12.57+deb13-arm64", "tree");
        assert_versions(&t, "6.12.48+deb13-arm64-16k 6.12.48+deb13-arm64");
}
END_TEST

START_TEST(names_of_work_in_progress_and_other_files_are_not_seen) {
        static const char *const names[] = { "vmlinuz",
                                             "vmlinuz-",
                                             "vmlinuz.old",
                                             "vmlinuz-6.8.12-4-pve.dpkg-new",
                                             "vmlinuz-6.8.12-4-pve.new",
                                             "vmlinuz-6.8.12-4-pve~",
                                             "vmlinuz-rescue",
                                             "vmlinuz-6.8 12",
                                             "vmlinuz-6.8\n12",
                                             "xvmlinuz-6.8.12-4-pve",
                                             "initrd.img",
                                             "initrd-6.8.12-4-pve",
                                             "initrdximg-6.8.12-4-pve",
                                             "initrd.img-6.8.12-4-pve.tmp",
                                             "System.map-6.8.12-4-pve",
                                             "config-6.8.12-4-pve",
                                             "memtest86+x64.efi",
                                             ".vmlinuz-6.8.12-4-pve" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = strprintf("boot/%s", names[i]);

                temp_puts(&t, path, "content");
        }
        assert_versions(&t, "");
}
END_TEST

START_TEST(memtest_is_found_with_its_stamps) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(boot_dir_done) BootDir none = {}, boot = {};

        temp_puts(&t, "boot/memtest86+ia32.efi", "another machine's");
        temp_puts(&t, "boot/memtest86+x64.bin", "");
        none = scan(&t);
        ck_assert_uint_eq(none.memtest[MEMTEST_EFI].size, 0);
        ck_assert_uint_eq(none.memtest[MEMTEST_BIN].inode, 0);
        temp_puts(&t, "boot/memtest86+x64.efi", "program");
        boot = scan(&t);
        ck_assert_uint_eq(boot.memtest[MEMTEST_EFI].size, strlen("program"));
        ck_assert_uint_eq(boot.memtest[MEMTEST_EFI].inode,
                          temp_stat(&t, "boot/memtest86+x64.efi").st_ino);
        ck_assert_uint_eq(boot.memtest[MEMTEST_BIN].size, 0);
        ck_assert(!boot_dir_equal(&none, &boot));
}
END_TEST

START_TEST(what_is_empty_or_no_regular_file_is_absent) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "boot/vmlinuz-6.1.0-1", "");
        temp_mkfifo(&t, "boot/vmlinuz-6.1.0-2");
        temp_mkdir(&t, "boot/vmlinuz-6.1.0-3");
        temp_symlink(&t, "boot/vmlinuz-6.1.0-4", "absent");
        temp_symlink(&t, "boot/vmlinuz-6.1.0-5", "vmlinuz-6.1.0-5");
        temp_symlink(&t, "boot/vmlinuz-6.1.0-6", "/bin/sh");
        temp_symlink(&t, "boot/vmlinuz-6.1.0-7", "../../../../../../bin/sh");
        temp_puts(&t, "boot/initrd.img-6.1.0-7", "content");
        assert_versions(&t, "6.1.0-7");
        temp_puts(&t, "boot/vmlinuz-6.1.0-1", "content");
        assert_versions(&t, "6.1.0-7 6.1.0-1");
}
END_TEST

START_TEST(symlinks_are_followed_inside_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(boot_dir_done) BootDir boot = {};

        temp_puts(&t, "usr/lib/kernel/image", "12345");
        temp_symlink(&t, "srv/vmlinuz-6.1.0-1", "/usr/lib/kernel/image");
        temp_symlink(&t, "boot", "/srv");
        boot = scan(&t);
        ck_assert_uint_eq(boot.n_kernels, 1);
        ck_assert_uint_eq(boot.kernels[0].image.size, 5);
        ck_assert_uint_eq(boot.kernels[0].image.inode,
                          temp_stat(&t, "usr/lib/kernel/image").st_ino);
}
END_TEST

START_TEST(every_change_of_a_file_changes_its_stamp) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(boot_dir_done) BootDir before = {}, same = {}, after = {};

        temp_puts(&t, "boot/vmlinuz-6.1.0-1", "one");
        before = scan(&t);
        same = scan(&t);
        ck_assert(boot_dir_equal(&before, &same));
        temp_puts(&t, "boot/new", "two");
        ck_assert_int_ge(renameat(t.fd, "boot/new", t.fd, "boot/vmlinuz-6.1.0-1"), 0);
        after = scan(&t);
        ck_assert(!boot_dir_equal(&before, &after));
}
END_TEST

CHECK_MAIN("boot-dir", missing_boot_is_empty, boot_that_is_no_directory_is_an_error,
           kernels_are_found_newest_first_with_their_stamps,
           kernel_of_arm64_is_a_vmlinuz_with_its_initrd,
           names_of_work_in_progress_and_other_files_are_not_seen, memtest_is_found_with_its_stamps,
           what_is_empty_or_no_regular_file_is_absent, symlinks_are_followed_inside_the_root,
           every_change_of_a_file_changes_its_stamp)
