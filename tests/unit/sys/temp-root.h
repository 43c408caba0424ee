/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A throw-away root directory, filled by plain system calls: what is tested does not prepare its
 * own test. */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "common/fd.h"
#include "sys/root.h"

typedef struct TempRoot {
        char path[PATH_MAX];
        int fd;
        Root *root;
} TempRoot;

static inline TempRoot temp_root_new(void) {
        const char *base = getenv("TMPDIR");
        TempRoot t = {};

        (void) snprintf(t.path, sizeof(t.path), "%s/bootsync-test-XXXXXX",
                        base && base[0] == '/' ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(t.path));
        ck_assert_int_ge(chmod(t.path, 0755), 0);
        t.fd = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(t.fd, 0);
        ck_assert_int_eq(root_open(t.path, &t.root), 0);
        return t;
}

static inline int temp_root_remove_one(const char *path, const struct stat *st, int type,
                                       struct FTW *ftw) {
        return remove(path);
}

static inline void temp_root_done(TempRoot *t) {
        root_free(t->root);
        (void) safe_close(t->fd);
        (void) nftw(t->path, temp_root_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
#define _cleanup_temp_root_ _cleanup_(temp_root_done)

/* Make a directory and those above it. */
static inline void temp_mkdir(const TempRoot *t, const char *path) {
        char prefix[PATH_MAX];

        for (const char *p = path; p; p = strchr(p + 1, '/')) {
                const char *end = strchr(p + 1, '/');

                (void) snprintf(prefix, sizeof(prefix), "%.*s",
                                end ? (int) (end - path) : (int) strlen(path), path);
                ck_assert(mkdirat(t->fd, prefix, 0755) >= 0 || errno == EEXIST);
        }
}

static inline void temp_make_parent(const TempRoot *t, const char *path) {
        const char *slash = strrchr(path, '/');
        char parent[PATH_MAX];

        if (!slash)
                return;
        (void) snprintf(parent, sizeof(parent), "%.*s", (int) (slash - path), path);
        temp_mkdir(t, parent);
}

static inline void temp_write(const TempRoot *t, const char *path, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;

        temp_make_parent(t, path);
        fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, data, size), size);
}

static inline void temp_puts(const TempRoot *t, const char *path, const char *text) {
        temp_write(t, path, text, strlen(text));
}

static inline void temp_symlink(const TempRoot *t, const char *path, const char *target) {
        temp_make_parent(t, path);
        ck_assert_int_ge(symlinkat(target, t->fd, path), 0);
}

static inline void temp_mkfifo(const TempRoot *t, const char *path) {
        temp_make_parent(t, path);
        ck_assert_int_ge(mkfifoat(t->fd, path, 0644), 0);
}

static inline bool temp_exists(const TempRoot *t, const char *path) {
        struct stat st;

        return fstatat(t->fd, path, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

static inline struct stat temp_stat(const TempRoot *t, const char *path) {
        struct stat st;

        ck_assert_int_ge(fstatat(t->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st;
}

/* The file holds this text, and nothing more. */
static inline void temp_assert_text(const TempRoot *t, const char *path, const char *text) {
        _cleanup_close_ int fd = openat(t->fd, path, O_RDONLY | O_CLOEXEC);
        char buffer[4096];
        ssize_t n;

        ck_assert_int_ge(fd, 0);
        n = read(fd, buffer, sizeof(buffer) - 1);
        ck_assert_int_ge(n, 0);
        buffer[n] = '\0';
        ck_assert_str_eq(buffer, text);
}

/* Permissions mean nothing to root; such a test goes on as nobody. */
static inline void temp_drop_privileges(void) {
        if (geteuid() == 0)
                ck_assert_int_ge(seteuid(65534), 0);
}

static inline void temp_regain_privileges(void) {
        if (getuid() == 0)
                ck_assert_int_ge(seteuid(0), 0);
}
