/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole files: reading what may be anything, and replacing so that a crash cannot hurt. The calls
 * that make it durable are watched on their way to the kernel. */

#include "sys/file.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

/* The calls in their order: F and D for the fsync of a file or directory, R for a rename, U for an
 * unlink. */
static char trace[32];
static size_t n_traced;
static char fails; /* the letter that shall fail, with EIO */

static bool traced(char letter) {
        if (n_traced < sizeof(trace) - 1)
                trace[n_traced++] = letter;
        errno = EIO;
        return letter != fails;
}

static void start_trace(void) {
        memset(trace, 0, sizeof(trace));
        n_traced = 0;
}

int fsync(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -1;
        return traced(S_ISDIR(st.st_mode) ? 'D' : 'F') ? (int) syscall(SYS_fsync, fd) : -1;
}

static void sweep(void);
static bool sweep_at_lock;

/* The first lock that is asked for comes after somebody else has looked for leftovers. */
int flock(int fd, int operation) {
        if (sweep_at_lock) {
                sweep_at_lock = false;
                sweep();
        }
        return (int) syscall(SYS_flock, fd, operation);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        sweep();
        return traced('R') ? (int) syscall(SYS_renameat2, from_fd, from, to_fd, to, 0) : -1;
}

int unlinkat(int fd, const char *path, int flags) {
        return traced('U') ? (int) syscall(SYS_unlinkat, fd, path, flags) : -1;
}

static int replace(const TempRoot *t, const char *path, const char *text) {
        return file_replace(t->root, path, text, strlen(text), 0644);
}

static int read_result(const Root *root, const char *path, size_t max) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = file_read(root, path, max, &text, &size);
        ck_assert((r < 0) == !text);
        return r;
}

static bool any_name(const char *name) {
        return name[0] != '.' || strlen(name) > 2;
}

static size_t count_names(const TempRoot *t, const char *path) {
        _cleanup_strv_ char **names = NULL;

        ck_assert_int_eq(directory_list(t->root, path, any_name, &names), 0);
        return strv_length(names);
}

START_TEST(file_is_read_whole_and_terminated) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char data[] = "a\0b\r\nc";
        _cleanup_free_ char *text = NULL;
        size_t size;

        temp_write(&t, "etc/file", data, sizeof(data) - 1);
        ck_assert_int_eq(file_read(t.root, "etc/file", 100, &text, &size), 0);
        ck_assert_uint_eq(size, sizeof(data) - 1);
        ck_assert_mem_eq(text, data, sizeof(data));
}
END_TEST

START_TEST(empty_file_is_an_empty_text) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *text = NULL;
        size_t size;

        temp_puts(&t, "file", "");
        ck_assert_int_eq(file_read(t.root, "file", 0, &text, &size), 0);
        ck_assert_uint_eq(size, 0);
        ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(line_of_a_megabyte_is_read) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        const size_t large = 1024 * 1024 + 1;
        _cleanup_free_ char *data = malloc(large), *text = NULL;
        size_t size;

        memset(data, 'x', large);
        temp_write(&t, "file", data, large);
        ck_assert_int_eq(file_read(t.root, "file", FILE_SIZE_MAX, &text, &size), 0);
        ck_assert_uint_eq(size, large);
        ck_assert_mem_eq(text, data, large);
        ck_assert_int_eq(text[size], '\0');
}
END_TEST

START_TEST(file_may_be_as_large_as_the_limit_and_no_larger) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "12345");
        ck_assert_int_eq(read_result(t.root, "file", 5), 0);
        ck_assert_int_eq(read_result(t.root, "file", 4), -EFBIG);
        ck_assert_int_eq(read_result(t.root, "file", 0), -EFBIG);
}
END_TEST

START_TEST(huge_file_is_refused_without_being_read) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;

        temp_puts(&t, "file", "");
        fd = openat(t.fd, "file", O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(ftruncate(fd, (off_t) 1 << 40), 0);
        ck_assert_int_eq(read_result(t.root, "file", FILE_SIZE_MAX), -EFBIG);
}
END_TEST

START_TEST(files_in_proc_that_claim_to_be_empty_are_read_and_bounded) {
        _cleanup_(root_freep) Root *root = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(root_open("/", &root), 0);
        ck_assert_int_eq(file_read(root, "proc/self/status", 65536, &text, &size), 0);
        ck_assert_ptr_nonnull(strstr(text, "Pid:"));
        ck_assert_uint_eq(strlen(text), size);
        ck_assert_int_eq(read_result(root, "proc/self/status", size - 1), -EFBIG);
        ck_assert_int_eq(read_result(root, "proc/self/status", 10), -EFBIG);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_at_once) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_(root_freep) Root *host = NULL;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/socket", t.path);
        ck_assert_int_ge(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        temp_mkfifo(&t, "fifo");
        temp_mkdir(&t, "directory");
        temp_symlink(&t, "link", "fifo");
        ck_assert_int_eq(read_result(t.root, "directory", 100), -EISDIR);
        ck_assert_int_eq(read_result(t.root, "fifo", 100), -EINVAL);
        ck_assert_int_eq(read_result(t.root, "link", 100), -EINVAL);
        ck_assert_int_eq(read_result(t.root, "socket", 100), -EINVAL);

        ck_assert_int_eq(root_open("/", &host), 0);
        ck_assert_int_eq(read_result(host, "dev/null", 100), -EINVAL);
        ck_assert_int_eq(read_result(host, "dev/zero", 100), -EINVAL);
}
END_TEST

START_TEST(absent_and_outside_files_are_absent) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "");
        temp_symlink(&t, "out", "/bin/sh");
        temp_symlink(&t, "loop", "loop");
        ck_assert_int_eq(read_result(t.root, "absent", 100), -ENOENT);
        ck_assert_int_eq(read_result(t.root, "absent/file", 100), -ENOENT);
        ck_assert_int_eq(read_result(t.root, "out", FILE_SIZE_MAX), -ENOENT);
        ck_assert_int_eq(read_result(t.root, "file/below", 100), -ENOTDIR);
        ck_assert_int_eq(read_result(t.root, "loop", 100), -ELOOP);
}
END_TEST

START_TEST(unreadable_file_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "secret");
        ck_assert_int_ge(fchmodat(t.fd, "file", 0, 0), 0);
        temp_drop_privileges();
        ck_assert_int_eq(read_result(t.root, "file", 100), -EACCES);
        temp_regain_privileges();
}
END_TEST

START_TEST(descriptor_is_read_from_the_beginning) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF, directory = -EBADF;
        size_t size;

        temp_puts(&t, "file", "12345");
        fd = root_openat(t.root, "file", O_RDONLY, 0);
        ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
        ck_assert_int_eq(file_read_fd(fd, 5, &text, &size), 0);
        ck_assert_str_eq(text, "12345");
        directory = root_openat(t.root, ".", O_RDONLY, 0);
        ck_assert_int_eq(file_read_fd(directory, 5, &text, &size), -EISDIR);
        ck_assert_int_eq(file_read_fd(-EBADF, 5, &text, &size), -EBADF);
}
END_TEST

START_TEST(new_file_gets_the_mode_whatever_the_umask) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        mode_t old = umask(0077);

        ck_assert_int_eq(file_replace(t.root, "etc/kernel/pin", "6.8\n", 4, 0644), 1);
        ck_assert_int_eq(file_replace(t.root, "secret", "6.8\n", 4, 0600), 1);
        (void) umask(old);
        temp_assert_text(&t, "etc/kernel/pin", "6.8\n");
        ck_assert_uint_eq(temp_stat(&t, "etc/kernel/pin").st_mode, S_IFREG | 0644);
        ck_assert_uint_eq(temp_stat(&t, "secret").st_mode, S_IFREG | 0600);
        ck_assert_uint_eq(temp_stat(&t, "etc/kernel").st_mode, S_IFDIR | 0755);
        ck_assert_uint_eq(count_names(&t, "etc/kernel"), 1);
}
END_TEST

START_TEST(existing_file_keeps_mode_and_owner) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        const bool root = geteuid() == 0;
        struct stat st;

        temp_puts(&t, "file", "old");
        if (root)
                ck_assert_int_ge(fchownat(t.fd, "file", 1234, 5678, 0), 0);
        ck_assert_int_ge(fchmodat(t.fd, "file", 02750, 0), 0);
        ck_assert_int_eq(replace(&t, "file", "new content"), 1);
        temp_assert_text(&t, "file", "new content");
        st = temp_stat(&t, "file");
        ck_assert_uint_eq(st.st_mode, S_IFREG | 02750);
        ck_assert_uint_eq(st.st_uid, root ? 1234 : geteuid());
        ck_assert(!root || st.st_gid == 5678);
}
END_TEST

START_TEST(equal_content_is_not_written_again) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char binary[] = "a\0b";
        struct stat before, after;

        ck_assert_int_eq(file_replace(t.root, "file", binary, 3, 0644), 1);
        before = temp_stat(&t, "file");
        start_trace();
        ck_assert_int_eq(file_replace(t.root, "file", binary, 3, 0600), 0);
        after = temp_stat(&t, "file");
        ck_assert_str_eq(trace, "");
        ck_assert_uint_eq(before.st_ino, after.st_ino);
        ck_assert_mem_eq(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));

        ck_assert_int_eq(file_replace(t.root, "file", "a\0c", 3, 0644), 1);
        ck_assert_int_eq(file_replace(t.root, "file", "a", 1, 0644), 1);
        ck_assert_int_eq(file_replace(t.root, "file", "a\0", 2, 0644), 1);
        ck_assert_int_eq(file_replace(t.root, "file", NULL, 0, 0644), 1);
        ck_assert_int_eq(file_replace(t.root, "file", NULL, 0, 0644), 0);
        temp_assert_text(&t, "file", "");
}
END_TEST

START_TEST(content_is_on_the_disk_before_the_name_and_the_name_before_the_return) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "old");
        start_trace();
        ck_assert_int_eq(replace(&t, "file", "new"), 1);
        ck_assert_str_eq(trace, "FRD");
}
END_TEST

START_TEST(old_content_is_never_overwritten) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;
        char buffer[8] = "";

        temp_puts(&t, "file", "old");
        fd = root_openat(t.root, "file", O_RDONLY, 0);
        ck_assert_int_eq(replace(&t, "file", "new"), 1);
        ck_assert_int_eq(read(fd, buffer, sizeof(buffer) - 1), 3);
        ck_assert_str_eq(buffer, "old");
}
END_TEST

START_TEST(failed_sync_or_rename_leaves_the_old_file_and_nothing_else) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "dir/file", "old");
        start_trace();
        fails = 'F';
        ck_assert_int_eq(replace(&t, "dir/file", "new"), -EIO);
        ck_assert_str_eq(trace, "FU");
        temp_assert_text(&t, "dir/file", "old");
        ck_assert_uint_eq(count_names(&t, "dir"), 1);

        fails = 'R';
        ck_assert_int_eq(replace(&t, "dir/file", "new"), -EIO);
        temp_assert_text(&t, "dir/file", "old");
        ck_assert_uint_eq(count_names(&t, "dir"), 1);

        fails = 'D';
        ck_assert_int_eq(replace(&t, "dir/file", "new"), -EIO);
        temp_assert_text(&t, "dir/file", "new");
        ck_assert_uint_eq(count_names(&t, "dir"), 1);
        fails = 0;
}
END_TEST

START_TEST(full_disk_leaves_the_old_file_and_nothing_else) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        const size_t large = 1024 * 1024;
        _cleanup_free_ char *data = calloc(1, large);
        struct rlimit old, small;

        temp_puts(&t, "dir/file", "old");
        ck_assert_int_ge(getrlimit(RLIMIT_FSIZE, &old), 0);
        small = (struct rlimit){ .rlim_cur = 4096, .rlim_max = old.rlim_max };
        (void) signal(SIGXFSZ, SIG_IGN);
        ck_assert_int_ge(setrlimit(RLIMIT_FSIZE, &small), 0);
        ck_assert_int_eq(file_replace(t.root, "dir/file", data, large, 0644), -EFBIG);
        ck_assert_int_ge(setrlimit(RLIMIT_FSIZE, &old), 0);
        temp_assert_text(&t, "dir/file", "old");
        ck_assert_uint_eq(count_names(&t, "dir"), 1);
}
END_TEST

START_TEST(symlinked_file_stays_a_symlink) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "srv/config/cmdline", "old");
        ck_assert_int_ge(fchmodat(t.fd, "srv/config/cmdline", 0640, 0), 0);
        temp_symlink(&t, "srv/middle", "config/cmdline");
        temp_symlink(&t, "etc/kernel/cmdline", "/srv/middle");
        temp_symlink(&t, "etc/relative", "../srv/config/cmdline");

        ck_assert_int_eq(replace(&t, "etc/kernel/cmdline", "old"), 0);
        ck_assert_int_eq(replace(&t, "etc/kernel/cmdline", "new"), 1);
        ck_assert(S_ISLNK(temp_stat(&t, "etc/kernel/cmdline").st_mode));
        ck_assert(S_ISLNK(temp_stat(&t, "srv/middle").st_mode));
        ck_assert_uint_eq(temp_stat(&t, "srv/config/cmdline").st_mode, S_IFREG | 0640);
        temp_assert_text(&t, "srv/config/cmdline", "new");
        ck_assert_uint_eq(count_names(&t, "srv/config"), 1);
        ck_assert_uint_eq(count_names(&t, "etc/kernel"), 1);

        ck_assert_int_eq(replace(&t, "etc/relative", "newer"), 1);
        ck_assert(S_ISLNK(temp_stat(&t, "etc/relative").st_mode));
        temp_assert_text(&t, "srv/config/cmdline", "newer");
}
END_TEST

START_TEST(symlink_out_of_the_root_is_replaced_itself) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *inner = strprintf("%s/inner", t.path);
        _cleanup_free_ char *secret = strprintf("%s/secret", t.path);
        _cleanup_(root_freep) Root *root = NULL;

        temp_puts(&t, "secret", "host");
        temp_symlink(&t, "inner/absolute", secret);
        temp_symlink(&t, "inner/relative", "../secret");
        ck_assert_int_eq(root_open(inner, &root), 0);
        ck_assert_int_eq(file_replace(root, "absolute", "new", 3, 0644), 1);
        ck_assert_int_eq(file_replace(root, "relative", "new", 3, 0644), 1);
        temp_assert_text(&t, "secret", "host");
        ck_assert(S_ISREG(temp_stat(&t, "inner/absolute").st_mode));
        ck_assert(S_ISREG(temp_stat(&t, "inner/relative").st_mode));
        temp_assert_text(&t, "inner/relative", "new");
}
END_TEST

START_TEST(symlink_to_no_regular_file_is_replaced_itself) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "directory");
        temp_symlink(&t, "dangling", "absent");
        temp_symlink(&t, "to-directory", "directory");
        temp_symlink(&t, "loop", "loop");
        ck_assert_int_eq(replace(&t, "dangling", "new"), 1);
        ck_assert_int_eq(replace(&t, "to-directory", "new"), 1);
        ck_assert_int_eq(replace(&t, "loop", "new"), 1);
        ck_assert(S_ISREG(temp_stat(&t, "dangling").st_mode));
        ck_assert(S_ISREG(temp_stat(&t, "to-directory").st_mode));
        ck_assert(S_ISREG(temp_stat(&t, "loop").st_mode));
        ck_assert(!temp_exists(&t, "absent"));
        ck_assert_uint_eq(count_names(&t, "directory"), 0);
}
END_TEST

START_TEST(fifo_is_replaced_and_a_directory_is_not) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkfifo(&t, "fifo");
        temp_puts(&t, "directory/file", "");
        ck_assert_int_eq(replace(&t, "fifo", "new"), 1);
        temp_assert_text(&t, "fifo", "new");
        ck_assert_uint_eq(temp_stat(&t, "fifo").st_mode, S_IFREG | 0644);
        ck_assert_int_eq(replace(&t, "directory", "new"), -EISDIR);
        ck_assert_uint_eq(count_names(&t, "."), 2);
        ck_assert_int_eq(replace(&t, "fifo/below", "new"), -ENOTDIR);
}
END_TEST

START_TEST(unreadable_file_is_replaced_with_its_mode) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        if (geteuid() == 0)
                ck_assert_int_ge(fchownat(t.fd, ".", 65534, 65534, AT_SYMLINK_NOFOLLOW), 0);
        temp_drop_privileges();
        ck_assert_int_eq(file_replace(t.root, "file", "old", 3, 0200), 1);
        ck_assert_int_eq(file_replace(t.root, "file", "old", 3, 0200), 1);
        temp_regain_privileges();
        ck_assert_uint_eq(temp_stat(&t, "file").st_mode, S_IFREG | 0200);
}
END_TEST

START_TEST(read_only_directory_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "file", "old");
        ck_assert_int_ge(fchmodat(t.fd, ".", 0555, 0), 0);
        temp_drop_privileges();
        ck_assert_int_eq(replace(&t, "file", "new"), -EACCES);
        ck_assert_int_eq(file_remove(t.root, "file"), -EACCES);
        temp_regain_privileges();
        ck_assert_int_ge(fchmodat(t.fd, ".", 0755, 0), 0);
        temp_assert_text(&t, "file", "old");
}
END_TEST

START_TEST(removal_is_durable_and_happens_once) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "dir/file", "content");
        start_trace();
        ck_assert_int_eq(file_remove(t.root, "dir/file"), 1);
        ck_assert_str_eq(trace, "UD");
        ck_assert(!temp_exists(&t, "dir/file"));
        ck_assert_int_eq(file_remove(t.root, "dir/file"), 0);
        ck_assert_int_eq(file_remove(t.root, "absent/file"), 0);
}
END_TEST

/* A read-only file system refuses to unlink even what is not there. */
START_TEST(removal_of_what_is_not_there_needs_no_right_to_remove) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dir");
        start_trace();
        fails = 'U';
        ck_assert_int_eq(file_remove(t.root, "dir/absent"), 0);
        fails = 0;
        ck_assert_str_eq(trace, "");
}
END_TEST

START_TEST(removal_takes_the_link_and_not_what_it_leads_to) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "target", "content");
        temp_mkdir(&t, "directory");
        temp_symlink(&t, "link", "target");
        ck_assert_int_eq(file_remove(t.root, "link"), 1);
        temp_assert_text(&t, "target", "content");
        ck_assert_int_eq(file_remove(t.root, "directory"), -EISDIR);
        ck_assert_int_eq(file_remove(t.root, "target/below"), -ENOTDIR);
}
END_TEST

START_TEST(leftovers_of_a_killed_replacement_are_removed_and_nothing_else) {
        static const char *const kept[] = {
                "dir/.file.bootsync-abcde",      "dir/.file.bootsync-abcde1",
                "dir/.file.bootsync-abcdefg",    "dir/.file.bootsync-ABCDEF",
                "dir/file.bootsync-abcdef",      "dir/.bootsync-abcdef",
                "dir/.file.bootsync-abcdef.new", "dir/.file.bootsync_abcdef",
                "dir/.file.other-abcdef",        "dir/file",
        };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                temp_puts(&t, kept[i], "theirs");
        temp_puts(&t, "dir/.file.bootsync-abcdef", "ours");
        temp_puts(&t, "dir/.a.b.bootsync-z2y7a4", "ours");
        temp_symlink(&t, "dir/.link.bootsync-abcdef", "file");
        temp_mkdir(&t, "dir/.dir.bootsync-abcdef");
        temp_mkfifo(&t, "dir/.fifo.bootsync-abcdef");

        ck_assert_int_eq(file_remove_leftovers(t.root, "dir"), 2);
        ck_assert(!temp_exists(&t, "dir/.file.bootsync-abcdef"));
        ck_assert(!temp_exists(&t, "dir/.a.b.bootsync-z2y7a4"));
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                ck_assert_msg(temp_exists(&t, kept[i]), "%s", kept[i]);
        ck_assert(temp_exists(&t, "dir/.link.bootsync-abcdef"));
        ck_assert(temp_exists(&t, "dir/.dir.bootsync-abcdef"));
        ck_assert(temp_exists(&t, "dir/.fifo.bootsync-abcdef"));
        ck_assert_int_eq(file_remove_leftovers(t.root, "dir"), 0);
        ck_assert_int_eq(file_remove_leftovers(t.root, "absent"), 0);
}
END_TEST

/* Another daemon looks for leftovers in the midst of a replacement. */
static const TempRoot *swept;
static int n_swept;

static void sweep(void) {
        if (swept)
                n_swept += file_remove_leftovers(swept->root, "dir");
}

START_TEST(replacement_that_goes_on_is_no_leftover) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dir");
        swept = &t;
        n_swept = 0;
        ck_assert_int_eq(replace(&t, "dir/file", "content"), 1);
        swept = NULL;
        ck_assert_int_eq(n_swept, 0);
        temp_assert_text(&t, "dir/file", "content");
}
END_TEST

START_TEST(replacement_whose_file_is_taken_before_it_is_locked_takes_another) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dir");
        swept = &t;
        n_swept = 0;
        sweep_at_lock = true;
        ck_assert_int_eq(replace(&t, "dir/file", "content"), 1);
        swept = NULL;
        ck_assert(!sweep_at_lock);
        ck_assert_int_eq(n_swept, 1);
        temp_assert_text(&t, "dir/file", "content");
        ck_assert_int_eq(file_remove_leftovers(t.root, "dir"), 0);
}
END_TEST

static bool is_conf(const char *name) {
        return endswith(name, ".conf");
}

START_TEST(renaming_replaces_another_file_and_follows_no_link) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "dir/a", "new");
        temp_puts(&t, "dir/b", "old");
        ck_assert_int_eq(file_rename(t.root, "dir/a", "b"), 0);
        temp_assert_text(&t, "dir/b", "new");
        ck_assert(!temp_exists(&t, "dir/a"));
        temp_symlink(&t, "dir/link", "b");
        ck_assert_int_eq(file_rename(t.root, "dir/link", "c"), 0);
        temp_assert_text(&t, "dir/b", "new");
        ck_assert(temp_exists(&t, "dir/c"));
        ck_assert_int_eq(file_rename(t.root, "dir/absent", "c"), -ENOENT);
}
END_TEST

START_TEST(directory_lists_the_wanted_names) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_strv_ char **names = NULL, **none = NULL;

        temp_puts(&t, "dir/b.conf", "");
        temp_puts(&t, "dir/a.conf", "");
        temp_puts(&t, "dir/a.conf.bak", "");
        temp_symlink(&t, "link", "/dir");
        ck_assert_int_eq(directory_list(t.root, "link", is_conf, &names), 0);
        ck_assert_uint_eq(strv_length(names), 2);
        ck_assert(strv_contains(names, "a.conf"));
        ck_assert(strv_contains(names, "b.conf"));
        ck_assert_int_eq(directory_list(t.root, ".", is_conf, &none), 0);
        ck_assert(strv_isempty(none));
        ck_assert_int_eq(directory_list(t.root, "absent", is_conf, &none), -ENOENT);
        ck_assert_int_eq(directory_list(t.root, "dir/a.conf", is_conf, &none), -ENOTDIR);
}
END_TEST

CHECK_MAIN("file", file_is_read_whole_and_terminated, empty_file_is_an_empty_text,
           line_of_a_megabyte_is_read, huge_file_is_refused_without_being_read,
           file_may_be_as_large_as_the_limit_and_no_larger,
           files_in_proc_that_claim_to_be_empty_are_read_and_bounded,
           what_is_no_regular_file_is_refused_at_once, absent_and_outside_files_are_absent,
           unreadable_file_is_an_error, descriptor_is_read_from_the_beginning,
           new_file_gets_the_mode_whatever_the_umask, existing_file_keeps_mode_and_owner,
           equal_content_is_not_written_again,
           content_is_on_the_disk_before_the_name_and_the_name_before_the_return,
           old_content_is_never_overwritten,
           failed_sync_or_rename_leaves_the_old_file_and_nothing_else,
           full_disk_leaves_the_old_file_and_nothing_else, symlinked_file_stays_a_symlink,
           symlink_out_of_the_root_is_replaced_itself,
           symlink_to_no_regular_file_is_replaced_itself, fifo_is_replaced_and_a_directory_is_not,
           unreadable_file_is_replaced_with_its_mode, read_only_directory_is_an_error,
           removal_is_durable_and_happens_once,
           removal_of_what_is_not_there_needs_no_right_to_remove,
           removal_takes_the_link_and_not_what_it_leads_to,
           leftovers_of_a_killed_replacement_are_removed_and_nothing_else,
           replacement_that_goes_on_is_no_leftover,
           replacement_whose_file_is_taken_before_it_is_locked_takes_another,
           renaming_replaces_another_file_and_follows_no_link, directory_lists_the_wanted_names)
