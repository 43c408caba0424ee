/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hosts in a few words, for the tests of the keep set. */

#include <check.h>

#include "common/string-util.h"
#include "core/kernel/kernel-select.h"
#include "core/kernel/kernel-version.h"

/* Lists are written as words; in boot/ "VER" is complete, "VER=image" and "VER=initrd" is not. Of
 * Secure Boot, checker 0 accepts the images of "accepted" and refuses those of "refused". */
typedef struct Host {
        const char *accepted, *refused;
        const char *boot, *kernels, *linux_images, *series, *running, *installing, *manual, *pin,
                        *next_boot;
        bool unreadable; /* the package database */
} Host;

static inline char **words(const char *s) {
        char **l = NULL;

        for (size_t n; *strempty(s); s += n) {
                s += strspn(s, " ");
                n = strcspn(s, " ");
                if (n > 0)
                        ck_assert_int_eq(strv_consume(&l, strndup(s, n)), 0);
        }
        return l;
}

/* A stamp that no two files share. */
static inline FileStamp stamp(void) {
        static uint64_t n;

        n++;
        return (FileStamp){ .inode = n, .size = n, .mtime = n, .ctime = n };
}

static inline void boot_add(BootDir *dir, const char *word) {
        const char *missing = strchr(word, '=');
        _cleanup_free_ char *version = strndup(word, strcspn(word, "="));
        BootKernel *k = boot_dir_get(dir, version);

        ck_assert_ptr_nonnull(k);
        k->has_image = !missing || streq(missing, "=image");
        k->has_initrd = !missing || streq(missing, "=initrd");
        k->image = stamp();
        k->initrd = stamp();
}

static inline BootDir boot_dir(const char *list) {
        _cleanup_strv_ char **l = words(list);
        BootDir dir = {};

        STRV_FOREACH(i, l)
                boot_add(&dir, *i);
        return dir;
}

static inline void judge_boot(BootDir *dir, const Host *h) {
        _cleanup_strv_ char **accepted = words(h->accepted), **refused = words(h->refused);

        for (size_t i = 0; i < dir->n_kernels; i++) {
                dir->kernels[i].accepted = strv_contains(accepted, dir->kernels[i].version);
                dir->kernels[i].refused = strv_contains(refused, dir->kernels[i].version);
        }
}

static inline KernelSet select_on(const Host *h) {
        _cleanup_strv_ char **installing = words(h->installing), **manual = words(h->manual);
        _cleanup_(boot_dir_done) BootDir boot = boot_dir(h->boot);
        _cleanup_(package_db_done) PackageDb packages = { .kernels = words(h->kernels),
                                                          .linux_images = words(h->linux_images),
                                                          .series = words(h->series) };
        KernelSet set;

        judge_boot(&boot, h);
        strv_sort_uniq(packages.kernels, kernel_version_compare_newest_first);
        strv_sort_uniq(packages.linux_images, kernel_version_compare_newest_first);
        strv_sort_uniq(packages.series, kernel_version_compare_newest_first);
        ck_assert_int_eq(kernel_select(&(KernelSelectInput){ .boot = &boot,
                                                             .packages = h->unreadable ? NULL
                                                                                       : &packages,
                                                             .running = h->running,
                                                             .installing = installing,
                                                             .manual = manual,
                                                             .pin = h->pin,
                                                             .next_boot = h->next_boot,
                                                             .checkers = 1 },
                                       &set),
                         0);
        return set;
}
