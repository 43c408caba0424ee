/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Knows the files that the host has to boot from, and how they are called. The names are exact:
 * whatever else is called memtest, say, is somebody else's. Nothing is said of what is kept. */

#include "core/kernel/boot-dir.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

static const char *const kernel_file_table[_KERNEL_FILE_MAX] = {
        [KERNEL_FILE_IMAGE] = "vmlinuz",
        [KERNEL_FILE_INITRD] = "initrd.img",
};

const char *kernel_file_stem(KernelFile file) {
        assert(file >= 0 && file < _KERNEL_FILE_MAX);
        return kernel_file_table[file];
}

char *boot_source_path(const char *version, KernelFile file) {
        return strprintf(PATH_BOOT "/%s-%s", kernel_file_stem(file), version);
}

static const struct {
        const char *name, *source;
} memtest_table[_MEMTEST_FILE_MAX] = {
        [MEMTEST_EFI] = { MEMTEST_EFI_NAME, PATH_BOOT "/" MEMTEST_EFI_NAME },
        [MEMTEST_BIN] = { MEMTEST_BIN_NAME, PATH_BOOT "/" MEMTEST_BIN_NAME },
};

const char *memtest_file_name(MemtestFile file) {
        assert(file >= 0 && file < _MEMTEST_FILE_MAX);
        return memtest_table[file].name;
}

const char *memtest_source_path(MemtestFile file) {
        assert(file >= 0 && file < _MEMTEST_FILE_MAX);
        return memtest_table[file].source;
}

void boot_dir_done(BootDir *dir) {
        for (size_t i = 0; i < dir->n_kernels; i++)
                free(dir->kernels[i].version);
        free(dir->kernels);
        *dir = (BootDir){};
}

const BootKernel *boot_dir_find(const BootDir *dir, const char *version) {
        for (size_t i = 0; i < dir->n_kernels; i++)
                if (streq(dir->kernels[i].version, version))
                        return dir->kernels + i;
        return NULL;
}

BootKernel *boot_dir_get(BootDir *dir, const char *version) {
        BootKernel *k = (BootKernel *) boot_dir_find(dir, version);
        size_t i = 0;
        char *copy;

        if (k)
                return k;
        if (!ARRAY_RESERVE(dir->kernels, dir->n_allocated, dir->n_kernels + 1))
                return NULL;
        copy = strdup(version);
        if (!copy)
                return NULL;

        while (i < dir->n_kernels && kernel_version_compare(dir->kernels[i].version, version) > 0)
                i++;
        k = dir->kernels + i;
        memmove(k + 1, k, (dir->n_kernels - i) * sizeof(*k));
        dir->n_kernels++;
        *k = (BootKernel){ .version = copy };
        return k;
}

static bool boot_kernel_equal(const BootKernel *a, const BootKernel *b) {
        return streq(a->version, b->version) && a->has_image == b->has_image &&
               a->has_initrd == b->has_initrd && a->accepted == b->accepted &&
               a->refused == b->refused &&
               (!a->has_image || file_stamp_equal(&a->image, &b->image)) &&
               (!a->has_initrd || file_stamp_equal(&a->initrd, &b->initrd));
}

bool memtest_equal(const FileStamp a[static _MEMTEST_FILE_MAX],
                   const FileStamp b[static _MEMTEST_FILE_MAX]) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (!file_stamp_equal(&a[f], &b[f]))
                        return false;
        return true;
}

bool boot_dir_equal(const BootDir *a, const BootDir *b) {
        if (a->n_kernels != b->n_kernels || !memtest_equal(a->memtest, b->memtest))
                return false;
        for (size_t i = 0; i < a->n_kernels; i++)
                if (!boot_kernel_equal(a->kernels + i, b->kernels + i))
                        return false;
        return true;
}
