/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replacing and removing on FAT, which has no journal. A rename drops the replaced file, whose
 * chain is freed in the FAT at once, while the directory that still points at it may reach the disk
 * later, or never: so the old file is held open until a barrier has put the directory on the disk,
 * and nothing new is written before the freed clusters are on the disk as free. syncfs(2) writes
 * all that is dirty on vfat but sends no flush to the disk, fsync(2) of a directory writes only
 * some of it and then flushes: neither is a barrier without the other. */

#include "blocking/esp/esp-commit.h"

#include <fcntl.h>
#include <stdio.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "core/grub/grub-loader.h"
#include "core/loader/esp-path.h"

void esp_commit_done(EspCommit *c) {
        for (size_t i = 0; i < c->n_holds; i++)
                safe_close(c->holds[i]);
        free(c->holds);
        strv_free(c->keeps);
        *c = (EspCommit){};
}

/* Open the regular file at @path and keep it. *@ret_fd is borrowed. */
static int hold(EspCommit *c, const char *path, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (!ARRAY_RESERVE(c->holds, c->n_allocated, c->n_holds + 1))
                return -ENOMEM;
        fd = esp_openat(c->volume, path, O_RDONLY, 0);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;

        *ret_fd = fd;
        c->holds[c->n_holds++] = TAKE_FD(fd);
        return 0;
}

int esp_commit_hold(EspCommit *c, const char *path, Error *error) {
        int fd, r;

        r = hold(c, path, &fd);
        return r < 0 && r != -ENOENT ? esp_fail(c->volume, error, r, "replace", path) : 0;
}

int esp_commit_keep(EspCommit *c, const char *path) {
        return strv_contains(c->keeps, path) ? 0 : strv_extend(&c->keeps, path);
}

/* 1 if @st is of the file @kept, or of the directory that it is in. */
static int is_kept(const EspCommit *c, const char *kept, const struct stat *st) {
        _cleanup_close_ int dir = -EBADF;
        struct stat kept_st, dir_st;
        const char *name;
        int r;

        dir = esp_open_parent(c->volume, kept, &name);
        if (dir < 0)
                return dir == -ENOENT ? 0 : dir;
        if (fstat(dir, &dir_st) < 0)
                return -errno;
        r = esp_stat(c->volume, kept, &kept_st);
        return r > 0 ? same_inode(&kept_st, st) || same_inode(&dir_st, st) : r;
}

/* Refuse to remove the file that is open as @fd, and was called @path, if the plan keeps it by
 * another name: such a plan is wrong, and that must not cost the file. One that has more names
 * loses none by this one. */
static int check_removal(const EspCommit *c, const char *path, int fd, Error *error) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return esp_fail(c->volume, error, errno, "look at", path);
        if (S_ISREG(st.st_mode) && st.st_nlink > 1)
                return 0;
        STRV_FOREACH(kept, c->keeps) {
                int r = is_kept(c, *kept, &st);

                if (r < 0)
                        return esp_fail(c->volume, error, r, "look at", *kept);
                if (r > 0)
                        return error_set(error, ERROR_FAILED,
                                         "'%s' on ESP '%s' is to be removed, but it is where '%s' "
                                         "is, which must stay; please report this error",
                                         path, c->volume->uuid, *kept);
        }
        return 0;
}

int esp_commit_place(EspCommit *c, const char *path, EspFile *ret_file, Error *error) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, path);
        _cleanup_(esp_file_done) EspFile file = { .path = strdup(path) };
        _cleanup_close_ int dir = -EBADF;
        const char *name, *staged_name;
        struct stat st;
        int fd, r;

        if (!staged || !file.path)
                return -ENOMEM;
        dir = esp_open_parent(c->volume, staged, &staged_name);
        if (dir < 0)
                return esp_fail(c->volume, error, dir, "replace", path);
        name = file.path + (staged_name - staged);
        r = hold(c, staged, &fd);
        if (r < 0)
                return esp_fail(c->volume, error, r, "place", staged);

        c->open = true;
        if (renameat(dir, staged_name, dir, name) < 0 || fsync(dir) < 0 || fsync(fd) < 0 ||
            fstat(fd, &st) < 0)
                return esp_fail(c->volume, error, errno, "replace", path);
        r = esp_commit_keep(c, path);
        if (r < 0)
                return r;

        esp_file_set_stat(&file, &st);
        *ret_file = TAKE_STRUCT(file);
        return 0;
}

/* Unlink the file at @path, and hold it as the last one, with *@ret_fd. 1, or 0 if it is not there.
 */
static int remove_and_hold(EspCommit *c, const char *path, int *ret_fd, Error *error) {
        _cleanup_close_ int dir = -EBADF;
        const char *name;
        int r;

        r = hold(c, path, ret_fd);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return esp_fail(c->volume, error, r, "remove", path);
        r = check_removal(c, path, *ret_fd, error);
        if (r < 0)
                return r;
        dir = esp_open_parent(c->volume, path, &name);
        if (dir < 0)
                return esp_fail(c->volume, error, dir, "remove", path);

        c->open = true;
        if (unlinkat(dir, name, 0) < 0 || fsync(dir) < 0)
                return esp_fail(c->volume, error, errno, "remove", path);
        return 1;
}

static int remove_entry(EspCommit *c, const char *path, Error *error) {
        int fd, r;

        r = remove_and_hold(c, path, &fd, error);
        if (r <= 0)
                return r;
        /* Nothing leads to its clusters any more; kernel files must not be let go as early, because
         * their entry does. */
        c->holds[--c->n_holds] = safe_close(fd);
        return 0;
}

/* Unlink @name in the directory @dir, which is at @path. What is no regular file is not ours. */
static int remove_kernel_file(EspCommit *c, int dir, const char *path, const char *name,
                              Error *error) {
        _cleanup_free_ char *file_path = strprintf("%s/%s", path, name);
        int fd, r;

        if (!file_path)
                return -ENOMEM;
        r = hold(c, file_path, &fd);
        if (r == -ENOENT || r == -ELOOP || r == -EISDIR || r == -EINVAL)
                return 0;
        if (r < 0)
                return esp_fail(c->volume, error, r, "remove", file_path);
        r = check_removal(c, file_path, fd, error);
        if (r < 0)
                return r;
        return unlinkat(dir, name, 0) < 0 ? esp_fail(c->volume, error, errno, "remove", file_path)
                                          : 0;
}

static int remove_kernel_files(EspCommit *c, int dir, const char *path, const char *version,
                               Error *error) {
        int r;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *name = strprintf("%s-%s", kernel_file_stem(f), version);
                _cleanup_free_ char *staged = name ? strprintf("%s" STAGED_SUFFIX, name) : NULL;

                if (!staged)
                        return -ENOMEM;
                r = remove_kernel_file(c, dir, path, name, error);
                if (r < 0)
                        return r;
                r = remove_kernel_file(c, dir, path, staged, error);
                if (r < 0)
                        return r;
        }
        return fsync(dir) < 0 ? esp_fail(c->volume, error, errno, "remove", path) : 0;
}

static int remove_kernel(EspCommit *c, const char *path, Error *error) {
        _cleanup_close_ int parent = -EBADF;
        const char *version;
        int dir, r;

        if (!ARRAY_RESERVE(c->holds, c->n_allocated, c->n_holds + 1))
                return -ENOMEM;
        dir = esp_openat(c->volume, path, O_RDONLY | O_DIRECTORY, 0);
        if (dir == -ENOENT)
                return 0;
        if (dir < 0)
                return esp_fail(c->volume, error, dir, "remove", path);
        c->holds[c->n_holds++] = dir;
        r = check_removal(c, path, dir, error);
        if (r < 0)
                return r;
        parent = esp_open_parent(c->volume, path, &version);
        if (parent < 0)
                return esp_fail(c->volume, error, parent, "remove", path);

        c->open = true;
        r = remove_kernel_files(c, dir, path, version, error);
        if (r < 0)
                return r;
        if (unlinkat(parent, version, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST)
                return esp_fail(c->volume, error, errno, "remove", path);
        return fsync(parent) < 0 ? esp_fail(c->volume, error, errno, "remove", path) : 0;
}

static int remove_file(EspCommit *c, const char *path, Error *error) {
        int fd, r;

        if (!grub_path_version(path) && !esp_path_is_memtest(path))
                return esp_fail(c->volume, error, -EINVAL, "remove", path);
        r = remove_and_hold(c, path, &fd, error);
        return MIN(r, 0);
}

int esp_commit_remove(EspCommit *c, PlanAction action, const char *path, Error *error) {
        if (action == PLAN_REMOVE_ENTRY)
                return remove_entry(c, path, error);
        if (action == PLAN_REMOVE_FILE)
                return remove_file(c, path, error);
        assert(action == PLAN_REMOVE_KERNEL);
        return remove_kernel(c, path, error);
}

static int flush(const EspCommit *c, Error *error) {
        if (syncfs(c->volume->fd) < 0 || fsync(c->volume->fd) < 0)
                return esp_fail(c->volume, error, errno, "sync", "/");
        return 0;
}

int esp_commit_barrier(EspCommit *c, Error *error) {
        bool held = c->n_holds > 0;
        int r;

        r = flush(c, error);
        if (r < 0)
                return r;
        while (c->n_holds > 0)
                safe_close(c->holds[--c->n_holds]);
        if (held) {
                r = flush(c, error);
                if (r < 0)
                        return r;
        }
        c->open = false;
        return 0;
}
