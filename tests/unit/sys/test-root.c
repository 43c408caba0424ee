/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Paths below a root: nothing leads out of it. */

#include "sys/root.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

static void assert_reads(const TempRoot *t, const char *path, const char *text) {
        _cleanup_close_ int fd = root_openat(t->root, path, O_RDONLY, 0);
        char buffer[64] = "";

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(read(fd, buffer, sizeof(buffer) - 1), 0);
        ck_assert_str_eq(buffer, text);
}

static int open_result(const TempRoot *t, const char *path, int flags) {
        _cleanup_close_ int fd = root_openat(t->root, path, flags, 0);

        return MIN(fd, 0);
}

START_TEST(root_must_be_a_directory) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *file = strprintf("%s/file", t.path);
        _cleanup_free_ char *absent = strprintf("%s/absent", t.path);
        Root *root = NULL;

        temp_puts(&t, "file", "");
        ck_assert_int_eq(root_open(file, &root), -ENOTDIR);
        ck_assert_int_eq(root_open(absent, &root), -ENOENT);
        ck_assert_int_eq(root_open("", &root), -ENOENT);
        ck_assert_ptr_null(root);
        ck_assert_ptr_null(root_free(NULL));
}
END_TEST

START_TEST(path_of_a_root_is_absolute_and_without_trailing_slashes) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(root_freep) Root *relative = NULL, *dot = NULL, *slashes = NULL, *host = NULL;
        _cleanup_free_ char *with_slashes = strprintf("%s///", t.path);
        _cleanup_free_ char *expected = NULL;

        temp_mkdir(&t, "host");
        ck_assert_int_ge(chdir(t.path), 0);
        expected = strprintf("%s/host", t.path);
        ck_assert_int_eq(root_open("host/", &relative), 0);
        ck_assert_str_eq(root_path(relative), expected);
        ck_assert_int_eq(root_open(".", &dot), 0);
        ck_assert_str_eq(root_path(dot), t.path);
        ck_assert_int_eq(root_open(with_slashes, &slashes), 0);
        ck_assert_str_eq(root_path(slashes), t.path);

        ck_assert_int_ge(chdir("/"), 0);
        ck_assert_int_eq(root_open("///", &host), 0);
        ck_assert_str_eq(root_path(host), "/");
        relative = root_free(relative);
        ck_assert_int_eq(root_open("proc", &relative), 0);
        ck_assert_str_eq(root_path(relative), "/proc");
}
END_TEST

START_TEST(root_in_another_namespace_keeps_its_path) {
        _cleanup_(root_freep) Root *root = NULL;

        ck_assert_int_eq(root_open("/proc/self/root", &root), 0);
        ck_assert_str_eq(root_path(root), "/proc/self/root");
}
END_TEST

START_TEST(only_the_real_root_is_the_host) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *link = strprintf("%s/link", t.path);
        _cleanup_(root_freep) Root *host = NULL, *linked = NULL;

        temp_symlink(&t, "link", "/");
        ck_assert(!root_is_host(t.root));
        ck_assert_int_eq(root_open("/", &host), 0);
        ck_assert(root_is_host(host));
        ck_assert_int_eq(root_open(link, &linked), 0);
        ck_assert(root_is_host(linked));
}
END_TEST

START_TEST(root_stays_the_same_directory_when_it_is_renamed) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *old = strprintf("%s/old", t.path);
        _cleanup_close_ int fd = -EBADF;
        _cleanup_(root_freep) Root *root = NULL;

        temp_puts(&t, "old/file", "content");
        ck_assert_int_eq(root_open(old, &root), 0);
        ck_assert_int_ge(renameat(t.fd, "old", t.fd, "new"), 0);
        fd = root_openat(root, "file", O_RDONLY, 0);
        ck_assert_int_ge(fd, 0);
}
END_TEST

START_TEST(files_are_opened_below_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "etc/kernel/cmdline", "root=/dev/sda1");
        assert_reads(&t, "etc/kernel/cmdline", "root=/dev/sda1");
        assert_reads(&t, "/etc/kernel/cmdline", "root=/dev/sda1");
        ck_assert_int_eq(open_result(&t, "etc/absent", O_RDONLY), -ENOENT);
        ck_assert_int_eq(open_result(&t, "", O_RDONLY), -ENOENT);
        ck_assert_int_eq(open_result(&t, ".", O_RDONLY | O_DIRECTORY), 0);
}
END_TEST

START_TEST(descriptors_close_on_exec) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;

        temp_puts(&t, "file", "");
        fd = root_openat(t.root, "file", O_RDONLY, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(mode_counts_only_for_a_file_that_is_created) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int created = -EBADF, opened = -EBADF;

        created = root_openat(t.root, "file", O_WRONLY | O_CREAT, 0600);
        ck_assert_int_ge(created, 0);
        ck_assert_uint_eq(temp_stat(&t, "file").st_mode, S_IFREG | 0600);
        opened = root_openat(t.root, "file", O_RDONLY, 0644);
        ck_assert_int_ge(opened, 0);
        ck_assert_uint_eq(temp_stat(&t, "file").st_mode, S_IFREG | 0600);
}
END_TEST

START_TEST(dots_do_not_lead_out_of_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *inner = strprintf("%s/inner", t.path);
        _cleanup_(root_freep) Root *root = NULL;
        struct stat st;

        temp_puts(&t, "secret", "out");
        temp_puts(&t, "inner/dir/file", "in");
        ck_assert_int_eq(root_open(inner, &root), 0);
        ck_assert_int_eq(root_stat(root, "../secret", &st), -ENOENT);
        ck_assert_int_eq(root_stat(root, "dir/../../secret", &st), -ENOENT);
        ck_assert_int_eq(root_stat(root, "../../../dir/file", &st), 0);
        ck_assert_uint_eq(st.st_ino, temp_stat(&t, "inner/dir/file").st_ino);
}
END_TEST

START_TEST(symlinks_are_followed_inside_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "etc/passwd", "ours");
        temp_symlink(&t, "absolute", "/etc/passwd");
        temp_symlink(&t, "etc/relative", "../../../../../../../etc/passwd");
        temp_symlink(&t, "directory", "/etc");
        assert_reads(&t, "absolute", "ours");
        assert_reads(&t, "etc/relative", "ours");
        assert_reads(&t, "directory/passwd", "ours");

        temp_symlink(&t, "outside", "/bin/sh");
        ck_assert_int_eq(open_result(&t, "outside", O_RDONLY), -ENOENT);
        temp_symlink(&t, "loop", "loop");
        ck_assert_int_eq(open_result(&t, "loop", O_RDONLY), -ELOOP);
}
END_TEST

START_TEST(magic_links_are_refused) {
        _cleanup_(root_freep) Root *root = NULL;
        struct stat st;

        ck_assert_int_eq(root_open("/", &root), 0);
        ck_assert_int_eq(root_stat(root, "proc/self/status", &st), 0);
        ck_assert_int_eq(root_stat(root, "proc/self/root", &st), -ELOOP);
        ck_assert_int_eq(root_stat(root, "proc/self/cwd/.", &st), -ELOOP);
}
END_TEST

START_TEST(stat_tells_of_what_the_link_leads_to) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        struct stat st = {};

        temp_puts(&t, "file", "12345");
        temp_symlink(&t, "link", "/file");
        temp_symlink(&t, "dangling", "/absent");
        temp_mkfifo(&t, "fifo");
        ck_assert_int_eq(root_stat(t.root, "dangling", &st), -ENOENT);
        ck_assert_uint_eq(st.st_ino, 0);
        ck_assert_int_eq(root_stat(t.root, "link", &st), 0);
        ck_assert(S_ISREG(st.st_mode));
        ck_assert_int_eq(st.st_size, 5);
        ck_assert_int_eq(root_stat(t.root, "fifo", &st), 0);
        ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

START_TEST(directories_are_made_with_their_mode_whatever_the_umask) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        mode_t old = umask(0077);

        ck_assert_int_eq(root_mkdir_p(t.root, "a/b//c/", 0755), 0);
        (void) umask(old);
        ck_assert_uint_eq(temp_stat(&t, "a").st_mode, S_IFDIR | 0755);
        ck_assert_uint_eq(temp_stat(&t, "a/b").st_mode, S_IFDIR | 0755);
        ck_assert_uint_eq(temp_stat(&t, "a/b/c").st_mode, S_IFDIR | 0755);
}
END_TEST

START_TEST(directories_that_exist_are_left_alone) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "a/file", "content");
        ck_assert_int_ge(fchmodat(t.fd, "a", 0711, 0), 0);
        ck_assert_int_eq(root_mkdir_p(t.root, "a", 0700), 0);
        ck_assert_int_eq(root_mkdir_p(t.root, "a/b", 0700), 0);
        ck_assert_int_eq(root_mkdir_p(t.root, "a/b", 0700), 0);
        ck_assert_int_eq(root_mkdir_p(t.root, ".", 0700), 0);
        ck_assert_uint_eq(temp_stat(&t, "a").st_mode, S_IFDIR | 0711);
        ck_assert_uint_eq(temp_stat(&t, ".").st_mode, S_IFDIR | 0755);
        temp_assert_text(&t, "a/file", "content");
}
END_TEST

START_TEST(directory_cannot_be_made_where_something_else_is) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "");
        temp_symlink(&t, "dangling", "absent");
        temp_symlink(&t, "loop", "loop");
        ck_assert_int_eq(root_mkdir_p(t.root, "file", 0755), -ENOTDIR);
        ck_assert_int_eq(root_mkdir_p(t.root, "file/below", 0755), -ENOTDIR);
        ck_assert_int_eq(root_mkdir_p(t.root, "dangling", 0755), -ENOTDIR);
        ck_assert_int_eq(root_mkdir_p(t.root, "dangling/below", 0755), -ENOTDIR);
        ck_assert_int_eq(root_mkdir_p(t.root, "loop/below", 0755), -ELOOP);
        ck_assert(!temp_exists(&t, "absent"));
}
END_TEST

START_TEST(directories_are_made_inside_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *inner = strprintf("%s/inner", t.path);
        _cleanup_(root_freep) Root *root = NULL;

        temp_mkdir(&t, "inner/var");
        temp_symlink(&t, "inner/lib", "/var");
        ck_assert_int_eq(root_open(inner, &root), 0);
        ck_assert_int_eq(root_mkdir_p(root, "lib/bootsync", 0700), 0);
        ck_assert(temp_exists(&t, "inner/var/bootsync"));
        ck_assert_int_eq(root_mkdir_p(root, "../../up", 0700), 0);
        ck_assert(temp_exists(&t, "inner/up"));
        ck_assert(!temp_exists(&t, "up"));
        ck_assert_int_eq(root_mkdir_p(root, "new/../newer", 0700), 0);
        ck_assert(temp_exists(&t, "inner/new"));
        ck_assert(temp_exists(&t, "inner/newer"));
}
END_TEST

START_TEST(parent_is_opened_and_the_name_points_into_the_path) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char path[] = "etc/kernel/cmdline", top[] = "file", absolute[] = "/file";
        _cleanup_close_ int fd = -EBADF, top_fd = -EBADF, absolute_fd = -EBADF;
        const char *name = NULL;
        struct stat st;

        temp_mkdir(&t, "etc/kernel");
        fd = root_open_parent(t.root, path, false, &name);
        ck_assert_int_ge(fd, 0);
        ck_assert_ptr_eq(name, path + strlen("etc/kernel/"));
        ck_assert_int_ge(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_ino, temp_stat(&t, "etc/kernel").st_ino);
        ck_assert_msg(fsync(fd) >= 0, "it must be open for reading, to be synced");

        top_fd = root_open_parent(t.root, top, false, &name);
        ck_assert_ptr_eq(name, top);
        ck_assert_int_ge(fstat(top_fd, &st), 0);
        ck_assert_uint_eq(st.st_ino, temp_stat(&t, ".").st_ino);

        absolute_fd = root_open_parent(t.root, absolute, false, &name);
        ck_assert_ptr_eq(name, absolute + 1);
        ck_assert_int_ge(fstat(absolute_fd, &st), 0);
        ck_assert_uint_eq(st.st_ino, temp_stat(&t, ".").st_ino);
}
END_TEST

START_TEST(path_without_a_last_component_has_no_parent) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char *const paths[] = { "", "/", ".", "..", "etc/", "etc/.", "etc/.." };
        const char *name = NULL;

        temp_mkdir(&t, "etc");
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                ck_assert_int_eq(root_open_parent(t.root, paths[i], false, &name), -EINVAL);
        ck_assert_ptr_null(name);
}
END_TEST

START_TEST(parent_is_made_only_on_demand) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;
        const char *name = NULL;

        ck_assert_int_eq(root_open_parent(t.root, "a/b/c", false, &name), -ENOENT);
        ck_assert(!temp_exists(&t, "a"));
        ck_assert_ptr_null(name);
        fd = root_open_parent(t.root, "a/b/c", true, &name);
        ck_assert_int_ge(fd, 0);
        ck_assert_str_eq(name, "c");
        ck_assert_uint_eq(temp_stat(&t, "a/b").st_mode, S_IFDIR | 0755);
}
END_TEST

CHECK_MAIN("root", root_must_be_a_directory,
           path_of_a_root_is_absolute_and_without_trailing_slashes,
           root_in_another_namespace_keeps_its_path, only_the_real_root_is_the_host,
           root_stays_the_same_directory_when_it_is_renamed, files_are_opened_below_the_root,
           descriptors_close_on_exec, mode_counts_only_for_a_file_that_is_created,
           dots_do_not_lead_out_of_the_root, symlinks_are_followed_inside_the_root,
           magic_links_are_refused, stat_tells_of_what_the_link_leads_to,
           directories_are_made_with_their_mode_whatever_the_umask,
           directories_that_exist_are_left_alone, directory_cannot_be_made_where_something_else_is,
           directories_are_made_inside_the_root, parent_is_opened_and_the_name_points_into_the_path,
           path_without_a_last_component_has_no_parent, parent_is_made_only_on_demand)
