/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which kernels lie in boot/. Names and stats only: whether two files have the same content is the
 * manifest's and the worker's business. A name that is no version ("vmlinuz-x.dpkg-new",
 * "vmlinuz.old") is somebody's work in progress and not seen at all. */

#include "sys/boot-dir.h"

#include <sys/stat.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "core/loader/esp-path.h"
#include "sys/file.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

static uint64_t timespec_nsec(const struct timespec *ts) {
        return (uint64_t) ts->tv_sec * NSEC_PER_SEC + (uint64_t) ts->tv_nsec;
}

void file_stamp_from_stat(const struct stat *st, FileStamp *ret) {
        *ret = (FileStamp){
                .inode = st->st_ino,
                .size = (uint64_t) st->st_size,
                .mtime = timespec_nsec(&st->st_mtim),
                .ctime = timespec_nsec(&st->st_ctim),
        };
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

static bool is_kernel_file(const char *name) {
        const char *version;
        KernelFile file;

        return parse_name(name, &file, &version) >= 0;
}

/* A file that cannot be looked at counts as absent: then the ESPs keep what they hold of it. */
static int add_file(BootDir *boot, const Root *root, const char *name) {
        _cleanup_free_ char *path = strprintf(PATH_BOOT "/%s", name);
        BootKernel *kernel;
        const char *version;
        struct stat st;
        KernelFile file;
        int r;

        if (!path)
                return -ENOMEM;
        r = parse_name(name, &file, &version);
        if (r < 0)
                return r;
        if (root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
                return 0;
        kernel = boot_dir_get(boot, version);
        if (!kernel)
                return -ENOMEM;
        if (file == KERNEL_FILE_IMAGE) {
                kernel->has_image = true;
                file_stamp_from_stat(&st, &kernel->image);
        } else {
                kernel->has_initrd = true;
                file_stamp_from_stat(&st, &kernel->initrd);
        }
        return 0;
}

static void look_for_memtest(BootDir *boot, const Root *root) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                struct stat st;

                if (root_stat(root, memtest_source_path(f), &st) >= 0 && S_ISREG(st.st_mode) &&
                    st.st_size > 0)
                        file_stamp_from_stat(&st, &boot->memtest[f]);
        }
}

int boot_dir_scan(const Root *root, BootDir *ret) {
        _cleanup_(boot_dir_done) BootDir boot = {};
        _cleanup_strv_ char **names = NULL;
        int r;

        r = directory_list(root, PATH_BOOT, is_kernel_file, &names);
        if (r < 0 && r != -ENOENT)
                return r;
        STRV_FOREACH(name, names) {
                r = add_file(&boot, root, *name);
                if (r < 0)
                        return r;
        }
        look_for_memtest(&boot, root);
        *ret = TAKE_STRUCT(boot);
        return 0;
}

/* Names and stats only: whether an ESP has the same program is the manifest's and the worker's
 * business. */
void loader_source_find(const Root *root, const Loader *loader, LoaderSource *ret) {
        const char *const paths[] = { loader->signed_source, loader->source };

        *ret = (LoaderSource){};
        for (size_t i = 0; !ret->path && i < ELEMENTSOF(paths); i++) {
                struct stat st;

                if (!paths[i] || root_stat(root, paths[i], &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                ret->path = paths[i];
                ret->is_signed = paths[i] == loader->signed_source;
                file_stamp_from_stat(&st, &ret->stamp);
        }
}
