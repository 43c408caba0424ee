/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole files, read and replaced. What is read may be anything: a pipe that nobody writes to, a
 * device that does something when it is opened, a file without end; so the type is looked at before
 * the file is opened, and what is read is bounded. What is written is on the disk when the call
 * returns. Nothing is ever written into an existing file. */

#include "sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define READ_SIZE_MIN  4096
#define LINKS_MAX      8
#define NAME_TRIES_MAX 16
#define MARK           ".bootsync-"
#define RANDOM_SIZE    6

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static int check_regular(const struct stat *st) {
        return S_ISREG(st->st_mode) ? 0 : S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_(buffer_done) Buffer b = {};
        struct stat st;
        int r;

        assert(max <= FILE_SIZE_MAX);

        if (fstat(fd, &st) < 0)
                return -errno;
        r = check_regular(&st);
        if (r < 0)
                return r;
        if ((uint64_t) st.st_size > max)
                return -EFBIG;

        /* Room for one more read, which shows the end; files in proc say that they are empty. */
        if (!ARRAY_RESERVE(b.data, b.allocated, (size_t) st.st_size + READ_SIZE_MIN + 1))
                return -ENOMEM;
        for (;;) {
                ssize_t n;

                if (!ARRAY_RESERVE(b.data, b.allocated, b.size + READ_SIZE_MIN + 1))
                        return -ENOMEM;
                n = pread(fd, b.data + b.size, b.allocated - b.size - 1, (off_t) b.size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return buffer_take(&b, ret, ret_size);
                b.size += (size_t) n;
                if (b.size > max)
                        return -EFBIG;
        }
}

int file_read(const Root *root, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = root_stat(root, path, &st);
        if (r < 0)
                return r;
        r = check_regular(&st);
        if (r < 0)
                return r;
        fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
                return fd;
        return file_read_fd(fd, max, ret, ret_size);
}

/* The end of the symlinks at @path, if that is a regular file; else @path itself. An administrator
 * who keeps a file elsewhere wants the link to stay a link. */
static int follow_links(const Root *root, const char *path, char **ret) {
        _cleanup_free_ char *at = strdup(path);
        char target[PATH_MAX];
        struct stat st;

        if (!at)
                return -ENOMEM;
        if (root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode)) {
                *ret = TAKE_PTR(at);
                return 0;
        }
        for (unsigned i = 0; i < LINKS_MAX; i++) {
                _cleanup_close_ int directory = -EBADF;
                const char *name;
                char *next;
                ssize_t n;

                directory = root_open_parent(root, at, false, &name);
                if (directory < 0)
                        return directory;
                n = readlinkat(directory, name, target, sizeof(target) - 1);
                if (n < 0) {
                        if (errno != EINVAL)
                                return -errno;
                        *ret = TAKE_PTR(at);
                        return 0;
                }
                target[n] = '\0';
                next = strprintf("%.*s%s", target[0] == '/' ? 0 : (int) (name - at), at, target);
                if (!next)
                        return -ENOMEM;
                free(at);
                at = next;
        }
        return -ELOOP;
}

static bool has_content(int directory, const char *name, const char *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *old = NULL;
        size_t old_size;

        fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || file_read_fd(fd, size, &old, &old_size) < 0)
                return false;
        return old_size == size && (size == 0 || memcmp(old, data, size) == 0);
}

/* ".NAME.bootsync-XXXXXX" */
static bool is_leftover(const char *name) {
        size_t size = strlen(name);
        const char *suffix;

        if (name[0] != '.' || size < strlen("."
                                            "x" MARK) + RANDOM_SIZE)
                return false;
        suffix = name + size - RANDOM_SIZE;
        return strspn(suffix, letters) == RANDOM_SIZE &&
               memcmp(suffix - strlen(MARK), MARK, strlen(MARK)) == 0;
}

/* The lock says that the writer lives. False if somebody took the file for a leftover before it was
 * locked, and has removed it or is about to. */
static bool mark_alive(int fd) {
        struct stat st;

        if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
                return false;
        return fstat(fd, &st) >= 0 && st.st_nlink > 0;
}

/* Not only exclusive but unpredictable, in case the directory is writable by others. */
static int create_temporary(int directory, const char *name, char **ret_name) {
        for (unsigned i = 0; i < NAME_TRIES_MAX; i++) {
                _cleanup_free_ char *temporary = NULL;
                _cleanup_close_ int fd = -EBADF;
                unsigned char random[RANDOM_SIZE];
                char suffix[sizeof(random) + 1] = "";

                if (getrandom(random, sizeof(random), 0) != sizeof(random))
                        return -EIO;
                for (size_t j = 0; j < sizeof(random); j++)
                        suffix[j] = letters[random[j] % 32];
                temporary = strprintf(".%s" MARK "%s", name, suffix);
                if (!temporary)
                        return -ENOMEM;
                fd = openat(directory, temporary,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                if (fd < 0 && errno != EEXIST)
                        return -errno;
                if (fd >= 0 && mark_alive(fd)) {
                        *ret_name = TAKE_PTR(temporary);
                        return TAKE_FD(fd);
                }
        }
        return -EEXIST;
}

static int fill(int fd, const char *data, size_t size, const struct stat *old, mode_t mode) {
        int r;

        r = fd_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (old && fchown(fd, old->st_uid, old->st_gid) < 0)
                return -errno;
        /* After the owner, which clears bits; not left to the umask that we were started with. */
        if (fchmod(fd, old ? old->st_mode & 07777 : mode) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int file_replace(const Root *root, const char *path, const char *data, size_t size, mode_t mode) {
        _cleanup_close_ int directory = -EBADF, fd = -EBADF;
        _cleanup_free_ char *target = NULL, *temporary = NULL;
        const char *name;
        struct stat st;
        bool regular;
        int r;

        assert(data || size == 0);
        assert(size <= FILE_SIZE_MAX);

        r = follow_links(root, path, &target);
        if (r < 0)
                return r;
        directory = root_open_parent(root, target, true, &name);
        if (directory < 0)
                return directory;
        regular = fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode);
        if (regular && has_content(directory, name, data, size))
                return 0;

        fd = create_temporary(directory, name, &temporary);
        if (fd < 0)
                return fd;
        r = fill(fd, data, size, regular ? &st : NULL, mode);
        if (r >= 0 && renameat(directory, temporary, directory, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(directory, temporary, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 1;
}

int file_store_state(const Root *root, const char *path, const char *data, size_t size) {
        int r = root_mkdir_p(root, PATH_STATE, 0700);

        return r < 0 ? r : file_replace(root, path, data, size, 0600);
}

int file_remove(const Root *root, const char *path) {
        _cleanup_close_ int directory = -EBADF;
        const char *name;
        struct stat st;

        directory = root_open_parent(root, path, false, &name);
        if (directory < 0)
                return directory == -ENOENT ? 0 : directory;
        /* On a read-only file system unlinkat() fails without a look at whether there is anything.
         */
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (unlinkat(directory, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(directory) < 0 ? -errno : 1;
}

int file_rename(const Root *root, const char *path, const char *new_name) {
        _cleanup_close_ int directory = -EBADF;
        const char *name;

        directory = root_open_parent(root, path, false, &name);
        if (directory < 0)
                return directory;
        return renameat(directory, name, directory, new_name) < 0 ? -errno : 0;
}

int directory_list(const Root *root, const char *path, name_filter_t wanted, char ***ret) {
        _cleanup_closedir_ DIR *directory = NULL;
        _cleanup_strv_ char **names = NULL;
        int fd;

        fd = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                safe_close(fd);
                return -errno;
        }
        for (;;) {
                const struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(directory);
                if (!entry && errno != 0)
                        return -errno;
                if (!entry)
                        break;
                if (wanted ? !wanted(entry->d_name) : entry->d_name[0] == '.')
                        continue;
                r = strv_extend(&names, entry->d_name);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

/* 1 if it is gone now; 0 if it is not ours or its writer lives. */
static int remove_leftover(int directory, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return 0;
        fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return 0;
        if (unlinkat(directory, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return 1;
}

int file_remove_leftovers(const Root *root, const char *path) {
        _cleanup_close_ int directory = -EBADF;
        _cleanup_strv_ char **names = NULL;
        int n = 0, r;

        r = directory_list(root, path, is_leftover, &names);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (strv_isempty(names))
                return 0;
        directory = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        STRV_FOREACH(name, names) {
                r = remove_leftover(directory, *name);
                if (r < 0)
                        return r;
                n += r;
        }
        return n;
}

char *path_for_humans(const Root *root, const char *path) {
        const char *base = root_path(root);
        _cleanup_free_ char *whole = strprintf("%s/%s", streq(base, "/") ? "" : base, path);

        return whole ? string_for_humans(whole, strlen(whole), PATH_MAX) : NULL;
}

int file_explain(const Root *root, const char *path, int r, const char *what, char **ret_reason) {
        _cleanup_free_ char *shown = path_for_humans(root, path);
        char *reason;

        if (r == -ENOMEM || !shown)
                return -ENOMEM;
        reason = strprintf("%s: %s", shown, what ?: strerror(-r));
        if (!reason)
                return -ENOMEM;
        free(*ret_reason);
        *ret_reason = reason;
        return r;
}
