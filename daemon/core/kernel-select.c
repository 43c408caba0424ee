/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules that say which kernels every ESP holds, and which one boots. They see only values, so
 * each rule is tested by itself. Versions are compared whole: 6.8.1-1-pve says nothing about
 * 6.8.1-11-pve. A kernel that is kept but cannot boot stays in the set with its reasons, because
 * what the ESPs already have of it must not be removed. */

#include "core/kernel-select.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

#define NEWEST_KEPT 2
#define SERIES_KEPT 2

static const char *const kernel_reason_table[_KERNEL_REASON_MAX] = {
        [KERNEL_RUNNING] = "running",     [KERNEL_INSTALLING] = "installing",
        [KERNEL_MANUAL] = "manual",       [KERNEL_NEWEST] = "newest",
        [KERNEL_SERIES] = "series",       [KERNEL_PIN] = "pin",
        [KERNEL_NEXT_BOOT] = "next-boot",
};
DEFINE_STRING_TABLE(kernel_reason, KernelReason)

static const char *const kernel_state_table[_KERNEL_STATE_MAX] = {
        [KERNEL_STATE_COMPLETE] = "complete",
        [KERNEL_STATE_INITRD_MISSING] = "initrd-missing",
        [KERNEL_STATE_IMAGE_MISSING] = "image-missing",
};
DEFINE_STRING_TABLE(kernel_state, KernelState)

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
               a->has_initrd == b->has_initrd &&
               (!a->has_image || file_stamp_equal(&a->image, &b->image)) &&
               (!a->has_initrd || file_stamp_equal(&a->initrd, &b->initrd));
}

static bool memtest_equal(const FileStamp *a, const FileStamp *b) {
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

void kernel_set_done(KernelSet *set) {
        for (size_t i = 0; i < set->n_kernels; i++)
                free(set->kernels[i].version);
        free(set->kernels);
        strv_free(set->series);
        *set = (KernelSet){};
}

const Kernel *kernel_set_find(const KernelSet *set, const char *version) {
        for (size_t i = 0; i < set->n_kernels; i++)
                if (streq(set->kernels[i].version, version))
                        return set->kernels + i;
        return NULL;
}

/* The record of @version, added in order if it is not there. What is not in boot/ has no image, and
 * whatever is in boot/ is added first. */
static Kernel *kernel_set_get(KernelSet *set, const char *version) {
        Kernel *k = (Kernel *) kernel_set_find(set, version);
        size_t i = 0;
        char *copy;

        if (k)
                return k;
        if (!ARRAY_RESERVE(set->kernels, set->n_allocated, set->n_kernels + 1))
                return NULL;
        copy = strdup(version);
        if (!copy)
                return NULL;

        while (i < set->n_kernels && kernel_version_compare(set->kernels[i].version, version) > 0)
                i++;
        k = set->kernels + i;
        memmove(k + 1, k, (set->n_kernels - i) * sizeof(*k));
        set->n_kernels++;
        *k = (Kernel){ .version = copy, .state = KERNEL_STATE_IMAGE_MISSING };
        return k;
}

static int add_boot_kernels(KernelSet *set, const BootDir *boot) {
        for (size_t i = 0; i < boot->n_kernels; i++) {
                const BootKernel *from = boot->kernels + i;
                Kernel *k = kernel_set_get(set, from->version);

                if (!k)
                        return -ENOMEM;
                if (!from->has_image)
                        continue;
                k->state = KERNEL_STATE_INITRD_MISSING;
                k->image = from->image;
                if (!from->has_initrd)
                        continue;
                k->state = KERNEL_STATE_COMPLETE;
                k->initrd = from->initrd;
        }
        return 0;
}

/* Make @version known, and kept if there are @reasons (bits). NULL is no version. */
static int keep(KernelSet *set, const char *version, unsigned reasons) {
        Kernel *k;

        if (!version)
                return 0;
        k = kernel_set_get(set, version);
        if (!k)
                return -ENOMEM;
        k->reasons |= reasons;
        return 0;
}

static int keep_all(KernelSet *set, char *const *versions, unsigned reasons) {
        int r = 0;

        for (; r >= 0 && versions && *versions; versions++)
                r = keep(set, *versions, reasons);
        return r;
}

/* Newest first: what dpkg has installed; NULL where it is not known. */
static char **packaged_kernels(const KernelSelectInput *in) {
        if (!in->packages)
                return NULL;
        return strv_isempty(in->packages->kernels) ? in->packages->linux_images
                                                   : in->packages->kernels;
}

/* Newest first: Proxmox's packages alone where there are some, else Debian's and the images in
 * boot/, which may be of the administrator's own make. */
static int collect_installed(const KernelSelectInput *in, char ***ret) {
        _cleanup_strv_ char **installed = NULL;
        int r;

        r = strv_copy(packaged_kernels(in), &installed);
        if (r < 0)
                return r;
        if (!in->packages || strv_isempty(in->packages->kernels))
                for (size_t i = 0; i < in->boot->n_kernels; i++) {
                        const BootKernel *k = in->boot->kernels + i;

                        r = k->has_image ? strv_extend(&installed, k->version) : 0;
                        if (r < 0)
                                return r;
                }
        strv_sort_uniq(installed, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(installed);
        return 0;
}

static int mark_packaged(KernelSet *set, char *const *versions) {
        for (; versions && *versions; versions++) {
                Kernel *k = kernel_set_get(set, *versions);

                if (!k)
                        return -ENOMEM;
                k->packaged = true;
        }
        return 0;
}

static int series_of(char *const *versions, char ***ret) {
        _cleanup_strv_ char **series = NULL;

        for (; versions && *versions; versions++) {
                char *s;
                int r;

                r = kernel_version_series(*versions, &s);
                if (r == -EINVAL)
                        continue;
                if (r >= 0)
                        r = strv_consume(&series, s);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(series);
        return 0;
}

/* The newest series, newest first: those with a meta-package, or else those of @installed. */
static int collect_series(const KernelSelectInput *in, char *const *installed, char ***ret) {
        char **series;
        int r;

        if (in->packages && !strv_isempty(in->packages->series))
                r = strv_copy(in->packages->series, &series);
        else
                r = series_of(installed, &series);
        if (r < 0)
                return r;

        strv_sort_uniq(series, kernel_version_compare_newest_first);
        for (size_t n = strv_length(series); n > SERIES_KEPT; n--)
                series[n - 1] = mfree(series[n - 1]);
        *ret = series;
        return 0;
}

/* 6.1.0-18-amd64 is of series 6.1, 6.11.0-1-pve is not. */
static bool is_of_series(const char *version, const char *series) {
        const char *rest = startswith(version, series);

        return rest && (*rest < '0' || *rest > '9');
}

static int keep_newest(KernelSet *set, char *const *installed) {
        size_t n = strv_length(installed);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < MIN(n, (size_t) NEWEST_KEPT); i++)
                r = keep(set, installed[i], 1u << KERNEL_NEWEST);
        return r;
}

/* The newest of the oldest series that is kept: when the current series fails on this hardware, the
 * one before it is still there. */
static int keep_series(KernelSet *set, char *const *installed) {
        size_t n = strv_length(set->series);

        if (n == 0)
                return 0;
        for (; installed && *installed; installed++)
                if (is_of_series(*installed, set->series[n - 1]))
                        return keep(set, *installed, 1u << KERNEL_SERIES);
        return 0;
}

/* A kernel whose image was removed while it runs cannot be kept. */
static int keep_running(KernelSet *set, const KernelSelectInput *in) {
        const BootKernel *k = in->running ? boot_dir_find(in->boot, in->running) : NULL;

        return k && k->has_image ? keep(set, in->running, 1u << KERNEL_RUNNING) : 0;
}

static bool holds_an_image(const BootDir *boot) {
        for (size_t i = 0; i < boot->n_kernels; i++)
                if (boot->kernels[i].has_image)
                        return true;
        return false;
}

int kernel_select(const KernelSelectInput *in, KernelSet *ret) {
        _cleanup_(kernel_set_done) KernelSet set = {
                .database_readable = in->packages,
                .boot_is_empty = !holds_an_image(in->boot),
        };
        _cleanup_strv_ char **installed = NULL;
        int r;

        r = collect_installed(in, &installed);
        if (r < 0)
                return r;
        r = collect_series(in, installed, &set.series);
        if (r < 0)
                return r;

        if ((r = add_boot_kernels(&set, in->boot)) < 0 ||
            (r = mark_packaged(&set, packaged_kernels(in))) < 0 ||
            (r = keep_running(&set, in)) < 0 ||
            (r = keep_all(&set, in->installing, 1u << KERNEL_INSTALLING)) < 0 ||
            (r = keep_all(&set, in->manual, 1u << KERNEL_MANUAL)) < 0 ||
            (r = keep_newest(&set, installed)) < 0 || (r = keep_series(&set, installed)) < 0 ||
            (r = keep(&set, in->pin, 1u << KERNEL_PIN)) < 0 ||
            (r = keep(&set, in->next_boot, 1u << KERNEL_NEXT_BOOT)) < 0)
                return r;
        memcpy(set.memtest, in->boot->memtest, sizeof(set.memtest));

        *ret = TAKE_STRUCT(set);
        return 0;
}

static bool kernel_equal(const Kernel *a, const Kernel *b) {
        return streq(a->version, b->version) && a->reasons == b->reasons &&
               a->packaged == b->packaged && a->state == b->state &&
               file_stamp_equal(&a->image, &b->image) && file_stamp_equal(&a->initrd, &b->initrd);
}

bool kernel_set_equal(const KernelSet *a, const KernelSet *b) {
        if (a->n_kernels != b->n_kernels || a->database_readable != b->database_readable ||
            a->boot_is_empty != b->boot_is_empty || !strv_equal(a->series, b->series) ||
            !memtest_equal(a->memtest, b->memtest))
                return false;
        for (size_t i = 0; i < a->n_kernels; i++)
                if (!kernel_equal(a->kernels + i, b->kernels + i))
                        return false;
        return true;
}

/* The newest bootable kernel that is kept for one of @reasons (bits). */
static const Kernel *newest_bootable(const KernelSet *set, unsigned reasons) {
        for (size_t i = 0; i < set->n_kernels; i++)
                if (kernel_is_bootable(set->kernels + i) && (set->kernels[i].reasons & reasons))
                        return set->kernels + i;
        return NULL;
}

const Kernel *kernel_set_default(const KernelSet *set, bool next_boot) {
        const Kernel *kernel = next_boot ? newest_bootable(set, 1u << KERNEL_NEXT_BOOT) : NULL;
        /* What is kept for its one boot alone is no default, though it may be the newest. */
        unsigned others = ~(1u << KERNEL_NEXT_BOOT);

        return kernel ?: newest_bootable(set, 1u << KERNEL_PIN) ?: newest_bootable(set, others)
                      ?: newest_bootable(set, ~0u);
}

/* The versions that have one of @with and none of @without (bits). */
static int list_versions(const KernelSet *set, unsigned with, unsigned without, char ***ret) {
        _cleanup_strv_ char **versions = NULL;

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *k = set->kernels + i;
                int r;

                if (!(k->reasons & with) || (k->reasons & without))
                        continue;
                r = strv_extend(&versions, k->version);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(versions);
        return 0;
}

int kernel_set_selected(const KernelSet *set, char ***ret) {
        return list_versions(set, ~0u, 0, ret);
}

int kernel_set_automatic(const KernelSet *set, char ***ret) {
        return list_versions(set, ~0u, 1u << KERNEL_MANUAL, ret);
}

int kernel_set_manual(const KernelSet *set, char ***ret) {
        return list_versions(set, 1u << KERNEL_MANUAL, 0, ret);
}

int kernel_set_protected(const KernelSet *set, char ***ret) {
        _cleanup_strv_ char **versions = NULL;
        int r;

        r = kernel_set_selected(set, &versions);
        if (r < 0)
                return r;
        r = strv_extend_uniq(&versions, set->series);
        if (r < 0)
                return r;
        strv_sort_uniq(versions, kernel_version_compare_newest_first);
        *ret = TAKE_PTR(versions);
        return 0;
}
