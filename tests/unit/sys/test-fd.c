/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening once more what a descriptor is. */

#include "common/fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/file.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

START_TEST(a_file_whose_name_is_gone_is_opened_again_with_other_rights) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
        char c;

        temp_puts(&t, "a", "x");
        path_fd = root_openat(t.root, "a", O_PATH, 0);
        ck_assert_int_eq(file_remove(t.root, "a"), 1);
        fd = fd_reopen(path_fd, O_RDWR);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pread(fd, &c, 1, 0), 1);
        ck_assert_int_eq(pwrite(fd, &c, 1, 0), 1);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(what_is_not_open_is_not_opened) {
        ck_assert_int_eq(fd_reopen(-EBADF, O_RDONLY), -ENOENT);
}
END_TEST

START_TEST(room_is_what_the_limit_leaves) {
        struct rlimit old, few;
        int lowest = open("/", O_PATH | O_CLOEXEC);

        ck_assert_int_ge(lowest, 0);
        (void) safe_close(lowest);
        ck_assert_int_ge(getrlimit(RLIMIT_NOFILE, &old), 0);
        few = old;
        few.rlim_cur = (rlim_t) lowest + 3;
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &few), 0);
        ck_assert(fd_has_room(3));
        ck_assert(!fd_has_room(4));
        ck_assert(fd_has_room(3));
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &old), 0);
}
END_TEST

CHECK_MAIN("fd", a_file_whose_name_is_gone_is_opened_again_with_other_rights,
           what_is_not_open_is_not_opened, room_is_what_the_limit_leaves)
