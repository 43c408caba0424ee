/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which kernels lie in boot/. Names and stats only: whether two files have the same content is the
 * manifest's and the worker's business. A name that is no version ("vmlinuz-x.dpkg-new",
 * "vmlinuz.old") is somebody's work in progress and not seen at all. */

#include "sys/boot-dir.h"

#include <dirent.h>
#include <fcntl.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/kernel-version.h"

void file_stamp_from_stat(const struct stat *st, FileStamp *ret) {
        *ret = (FileStamp){
                .inode = st->st_ino,
                .size = (uint64_t) st->st_size,
                .mtime = (uint64_t) st->st_mtim.tv_sec * 1000000000u +
                         (uint64_t) st->st_mtim.tv_nsec,
                .ctime = (uint64_t) st->st_ctim.tv_sec * 1000000000u +
                         (uint64_t) st->st_ctim.tv_nsec,
        };
}

static void close_dir(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

/* "vmlinuz-6.8.12-4-pve": the kind of file and the version; -EINVAL for any other name. */
static int parse_name(const char *name, KernelFile *ret_file, const char **ret_version) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const char *rest = startswith(name, kernel_file_stem(f));

                if (!rest || rest[0] != '-' || !kernel_version_is_valid(rest + 1))
                        continue;
                *ret_file = f;
                *ret_version = rest + 1;
                return 0;
        }
        return -EINVAL;
}

static int add_file(const Root *root, const char *name, BootDir *dir) {
        _cleanup_free_ char *path = NULL;
        BootKernel *kernel;
        const char *version;
        struct stat st;
        KernelFile f;

        if (parse_name(name, &f, &version) < 0)
                return 0;
        path = strprintf(PATH_BOOT "/%s", name);
        if (!path)
                return -ENOMEM;
        if (root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
                return 0;
        kernel = boot_dir_get(dir, version);
        if (!kernel)
                return -ENOMEM;
        if (f == KERNEL_FILE_IMAGE) {
                kernel->has_image = true;
                file_stamp_from_stat(&st, &kernel->image);
        } else {
                kernel->has_initrd = true;
                file_stamp_from_stat(&st, &kernel->initrd);
        }
        return 0;
}

int boot_dir_scan(const Root *root, BootDir *ret) {
        _cleanup_(boot_dir_done) BootDir boot = {};
        _cleanup_(close_dir) DIR *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        const struct dirent *entry;

        fd = root_openat(root, PATH_BOOT, O_RDONLY | O_DIRECTORY, 0);
        if (fd == -ENOENT) {
                *ret = (BootDir){};
                return 0;
        }
        if (fd < 0)
                return fd;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);

        while (errno = 0, (entry = readdir(dir))) {
                int r = add_file(root, entry->d_name, &boot);

                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return -errno;
        *ret = TAKE_STRUCT(boot);
        return 0;
}
