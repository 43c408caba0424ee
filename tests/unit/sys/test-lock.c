/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock files: one holder at a time, for as long as any process has the file open. */

#include "sys/lock.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define LOCK_FILE "run/bootsync/esp-AAAA-0001.lock"

/* There is no block to be had: an empty file stays empty, any other has the one that it needs. */
static bool full;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
        struct stat st;

        if (full && (fstat(fd, &st) < 0 || st.st_size == 0)) {
                errno = ENOSPC;
                return -1;
        }
        return syscall(SYS_pwrite64, fd, data, size, offset);
}

static int try_esp(const TempRoot *t, pid_t *ret_holder) {
        return lock_try(t->root, "esp-AAAA-0001", ret_holder);
}

/* The holder of the lock, as one who finds it held is told. */
static pid_t holder(const TempRoot *t) {
        pid_t pid = -1;

        ck_assert_int_eq(try_esp(t, &pid), -EBUSY);
        return pid;
}

START_TEST(lock_is_taken_and_excludes_others) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert(temp_exists(&t, LOCK_FILE));
        ck_assert_int_eq(try_esp(&t, NULL), -EBUSY);
}
END_TEST

START_TEST(nobody_else_may_open_the_lock_file) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        mode_t old = umask(0);
        _cleanup_close_ int fd = try_esp(&t, NULL);

        (void) umask(old);
        ck_assert_uint_eq(temp_stat(&t, LOCK_FILE).st_mode, S_IFREG | 0600);
        ck_assert_uint_eq(temp_stat(&t, "run/bootsync").st_mode, S_IFDIR | 0755);
}
END_TEST

START_TEST(locks_of_other_names_are_free) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);
        _cleanup_close_ int other = lock_try(t.root, "esp-BBBB-0002", NULL);
        _cleanup_close_ int root = lock_try(t.root, "root", NULL);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(other, 0);
        ck_assert_int_ge(root, 0);
}
END_TEST

START_TEST(locks_of_other_roots_are_free) {
        _cleanup_temp_root_ TempRoot t = temp_root_new(), u = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL), other = try_esp(&u, NULL);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(other, 0);
}
END_TEST

START_TEST(holder_is_the_pid_last_written) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);

        ck_assert_int_eq(holder(&t), 0);
        ck_assert_int_eq(lock_set_holder(fd, 4194304), 0);
        ck_assert_int_eq(holder(&t), 4194304);
        ck_assert_int_eq(lock_set_holder(fd, 12), 0);
        ck_assert_int_eq(holder(&t), 12);
        temp_assert_text(&t, LOCK_FILE, "12\n");
}
END_TEST

START_TEST(holder_is_unchanged_where_the_lock_is_free) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        pid_t pid = 77;
        _cleanup_close_ int fd = try_esp(&t, &pid);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pid, 77);
}
END_TEST

START_TEST(closing_frees_the_lock_and_forgets_the_holder) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);

        ck_assert_int_eq(lock_set_holder(fd, 12), 0);
        fd = safe_close(fd);
        ck_assert_msg(temp_exists(&t, LOCK_FILE), "a removed lock file can be held twice");
        fd = try_esp(&t, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(holder(&t), 0);
}
END_TEST

START_TEST(lock_lives_as_long_as_the_process_that_inherited_it) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);
        pid_t pid = fork();

        if (pid == 0) {
                /* Not for ever, should this test fail. */
                (void) alarm(60);
                for (;;)
                        pause();
        }
        ck_assert_int_gt(pid, 0);
        ck_assert_int_eq(lock_set_holder(fd, pid), 0);
        fd = safe_close(fd);
        ck_assert_int_eq(holder(&t), pid);

        ck_assert_int_ge(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        fd = try_esp(&t, NULL);
        ck_assert_int_ge(fd, 0);
}
END_TEST

START_TEST(garbage_in_the_lock_file_is_no_holder) {
        static const char *const garbage[] = { "\n",
                                               "x\n",
                                               "-1\n",
                                               "12",
                                               "12 \n",
                                               "12\n13\n",
                                               "2147483648\n",
                                               "99999999999999999999\n",
                                               "00000000000000000000000000000000000012\n" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);

        for (size_t i = 0; i < ELEMENTSOF(garbage); i++) {
                temp_puts(&t, LOCK_FILE, garbage[i]);
                ck_assert_int_eq(holder(&t), 0);
        }
        temp_puts(&t, LOCK_FILE, "2147483647\n");
        ck_assert_int_eq(holder(&t), INT_MAX);
}
END_TEST

START_TEST(content_left_by_a_crash_is_no_obstacle) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;

        temp_puts(&t, LOCK_FILE, "a stale and rather long line that is no pid\n");
        fd = try_esp(&t, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(lock_set_holder(fd, 5), 0);
        temp_assert_text(&t, LOCK_FILE, "5\n");
}
END_TEST

START_TEST(holder_is_told_on_a_full_file_system_once_the_file_has_held_one) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = try_esp(&t, NULL);

        ck_assert_int_eq(lock_set_holder(fd, 12), 0);
        fd = safe_close(fd);
        full = true;
        fd = try_esp(&t, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(holder(&t), 0);
        ck_assert_int_eq(lock_set_holder(fd, 13), 0);
        ck_assert_int_eq(holder(&t), 13);
        full = false;
}
END_TEST

START_TEST(new_lock_is_taken_on_a_full_file_system) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int fd = -EBADF;

        full = true;
        fd = try_esp(&t, NULL);
        full = false;
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(holder(&t), 0);
}
END_TEST

START_TEST(what_is_no_regular_file_cannot_be_locked) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "target", "content");
        temp_symlink(&t, "run/bootsync/link.lock", "/target");
        temp_mkfifo(&t, "run/bootsync/fifo.lock");
        temp_mkdir(&t, "run/bootsync/directory.lock");
        ck_assert_int_eq(lock_try(t.root, "link", NULL), -ELOOP);
        ck_assert_int_eq(lock_try(t.root, "fifo", NULL), -EINVAL);
        ck_assert_int_eq(lock_try(t.root, "directory", NULL), -EISDIR);
        temp_assert_text(&t, "target", "content");
}
END_TEST

START_TEST(run_that_is_no_directory_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, "run", "");
        ck_assert_int_eq(try_esp(&t, NULL), -ENOTDIR);
}
END_TEST

static void take_record_lock(int fd) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        ck_assert_int_ge(fcntl(fd, F_SETLK, &lock), 0);
}

/* Another process that holds a record lock on the file until it is told to end. */
static pid_t fork_holder(const TempRoot *t, const char *path, int *ret_leash) {
        int ready[2], leash[2];
        char byte;
        pid_t pid;

        ck_assert_int_ge(pipe2(ready, O_CLOEXEC), 0);
        ck_assert_int_ge(pipe2(leash, O_CLOEXEC), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) safe_close(leash[1]);
                take_record_lock(openat(t->fd, path, O_RDWR | O_CLOEXEC));
                (void) safe_close(ready[1]);
                (void) !read(leash[0], &byte, 1);
                _exit(EXIT_SUCCESS);
        }
        (void) safe_close(ready[1]);
        (void) safe_close(leash[0]);
        ck_assert_int_eq(read(ready[0], &byte, 1), 0);
        (void) safe_close(ready[0]);
        *ret_leash = leash[1];
        return pid;
}

START_TEST(record_lock_is_seen_as_long_as_its_holder_lives) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        int leash;
        pid_t pid;

        temp_puts(&t, "lock", "");
        ck_assert(!lock_is_held(t.root, "lock"));
        pid = fork_holder(&t, "lock", &leash);
        ck_assert(lock_is_held(t.root, "lock"));
        (void) safe_close(leash);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert(!lock_is_held(t.root, "lock"));
}
END_TEST

START_TEST(file_that_is_not_there_is_not_locked) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkfifo(&t, "fifo");
        ck_assert(!lock_is_held(t.root, "lock"));
        ck_assert(!lock_is_held(t.root, "fifo"));
        ck_assert(!temp_exists(&t, "lock"));
}
END_TEST

START_TEST(holder_cannot_be_written_to_a_closed_descriptor) {
        ck_assert_int_eq(lock_set_holder(-EBADF, 1), -EBADF);
}
END_TEST

CHECK_MAIN("lock", lock_is_taken_and_excludes_others, nobody_else_may_open_the_lock_file,
           locks_of_other_names_are_free, locks_of_other_roots_are_free,
           holder_is_the_pid_last_written, holder_is_unchanged_where_the_lock_is_free,
           closing_frees_the_lock_and_forgets_the_holder,
           lock_lives_as_long_as_the_process_that_inherited_it,
           garbage_in_the_lock_file_is_no_holder, content_left_by_a_crash_is_no_obstacle,
           holder_is_told_on_a_full_file_system_once_the_file_has_held_one,
           new_lock_is_taken_on_a_full_file_system, what_is_no_regular_file_cannot_be_locked,
           run_that_is_no_directory_is_an_error, record_lock_is_seen_as_long_as_its_holder_lives,
           file_that_is_not_there_is_not_locked, holder_cannot_be_written_to_a_closed_descriptor)
