/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one way to a file. The kernel itself keeps every path below the root (openat2(2),
 * RESOLVE_IN_ROOT), so that no symlink in a foreign tree makes a process with all privileges write
 * to the host. There is no fallback for kernels before 5.6: one that walks the path by hand would
 * have to be as good. */

#include "sys/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"

/* RESOLVE_IN_ROOT gives EAGAIN when any rename or mount anywhere on the system races with the
 * lookup of a "..", as the kernel cannot tell then whether it stays inside. */
#define OPEN_TRIES_MAX 64

struct Root {
        int fd;
        char *path;
        bool is_host;
};

/* The path as it was given, not as it resolves: /proc/PID/root is a way into another mount
 * namespace, and reads as "/" once it is resolved. */
static char *make_absolute(const char *path) {
        _cleanup_free_ char *cwd = NULL, *absolute = NULL;
        size_t n;

        if (path[0] == '/')
                absolute = strdup(path);
        else {
                cwd = get_current_dir_name();
                if (!cwd)
                        return NULL;
                absolute = streq(path, ".") ? strdup(cwd)
                                            : strprintf("%s/%s", streq(cwd, "/") ? "" : cwd, path);
        }
        if (!absolute)
                return NULL;
        for (n = strlen(absolute); n > 1 && absolute[n - 1] == '/'; n--)
                absolute[n - 1] = '\0';
        return TAKE_PTR(absolute);
}

/* A bind mount of "/" shows the same inode, but not what is mounted below the real one. */
static int is_own_root(int fd, bool *ret) {
        const unsigned mask = STATX_INO | STATX_MNT_ID;
        struct statx a, b;

        if (statx(fd, "", AT_EMPTY_PATH, mask, &a) < 0 || statx(AT_FDCWD, "/", 0, mask, &b) < 0)
                return -errno;
        *ret = a.stx_ino == b.stx_ino && a.stx_mnt_id == b.stx_mnt_id &&
               a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor;
        return 0;
}

int root_open(const char *path, Root **ret) {
        _cleanup_(root_freep) Root *root = NULL;
        int r;

        assert(path);
        assert(ret);

        root = malloc(sizeof(*root));
        if (!root)
                return -ENOMEM;
        *root = (Root){ .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) };
        if (root->fd < 0)
                return -errno;
        r = is_own_root(root->fd, &root->is_host);
        if (r < 0)
                return r;
        root->path = make_absolute(path);
        if (!root->path)
                return -errno;
        *ret = TAKE_PTR(root);
        return 0;
}

Root *root_free(Root *root) {
        if (!root)
                return NULL;
        safe_close(root->fd);
        free(root->path);
        return mfree(root);
}

const char *root_path(const Root *root) {
        return root->path;
}

bool root_is_host(const Root *root) {
        return root->is_host;
}

int root_openat(const Root *root, const char *path, int flags, mode_t mode) {
        /* openat2() refuses a mode where openat() ignores it. */
        const bool creates = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
        const struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
                .mode = creates ? mode : 0,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        long fd = -1;

        assert(root);
        assert(path);

        for (unsigned i = 0; i < OPEN_TRIES_MAX; i++) {
                fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
                if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
                        break;
        }
        return fd < 0 ? -errno : (int) fd;
}

int root_stat(const Root *root, const char *path, struct stat *ret) {
        _cleanup_close_ int fd = root_openat(root, path, O_PATH, 0);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = st;
        return 0;
}

/* The length of the path to the last component's directory, and where that component begins. */
static int split_path(const char *path, size_t *ret_parent, const char **ret_name) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        if (isempty(name) || streq(name, ".") || streq(name, ".."))
                return -EINVAL;
        *ret_parent = (size_t) (name - path);
        *ret_name = name;
        return 0;
}

/* Make sure that @path is a directory; all but its last component are. */
static int make_directory(const Root *root, const char *path, mode_t mode) {
        _cleanup_close_ int old = -EBADF, parent = -EBADF, fd = -EBADF;
        const char *name;

        old = root_openat(root, path, O_PATH | O_DIRECTORY, 0);
        if (old != -ENOENT)
                return MIN(old, 0);
        parent = root_open_parent(root, path, false, &name);
        if (parent < 0)
                return parent;
        if (mkdirat(parent, name, mode) < 0) {
                if (errno != EEXIST)
                        return -errno;
                /* Somebody else was faster, or it is a link to nowhere. */
                old = root_openat(root, path, O_PATH | O_DIRECTORY, 0);
                return old == -ENOENT ? -ENOTDIR : MIN(old, 0);
        }

        /* The same mode whatever umask we were started with. */
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchmod(fd, mode) < 0)
                return -errno;
        return 0;
}

int root_mkdir_p(const Root *root, const char *path, mode_t mode) {
        _cleanup_free_ char *prefix = strdup(path);

        if (!prefix)
                return -ENOMEM;
        for (char *p = prefix; *p;) {
                char after;
                int r;

                p += strspn(p, "/");
                p += strcspn(p, "/");
                after = *p;
                *p = '\0';
                r = make_directory(root, prefix, mode);
                if (r < 0)
                        return r;
                *p = after;
        }
        return 0;
}

int root_open_parent(const Root *root, const char *path, bool create, const char **ret_name) {
        _cleanup_free_ char *parent = NULL;
        const char *name;
        size_t n;
        int r;

        assert(path);
        assert(ret_name);

        r = split_path(path, &n, &name);
        if (r < 0)
                return r;
        parent = n > 0 ? strndup(path, n) : strdup(".");
        if (!parent)
                return -ENOMEM;
        if (create) {
                r = root_mkdir_p(root, parent, 0755);
                if (r < 0)
                        return r;
        }
        r = root_openat(root, parent, O_RDONLY | O_DIRECTORY, 0);
        if (r >= 0)
                *ret_name = name;
        return r;
}
