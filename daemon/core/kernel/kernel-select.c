/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules that say which kernels every ESP holds, and which one boots. They see only values, so
 * each rule is tested by itself. Versions are compared whole: 6.8.1-1-pve says nothing about
 * 6.8.1-11-pve. A kernel that is kept but cannot boot stays in the set with its reasons, because
 * what the ESPs already have of it must not be removed. One that boot/ lacks a part of stays on the
 * ESPs as it is, so nothing looks wrong there until it has to be copied anew: sentences tell of it
 * before. They judge the set alone, so that the plan, the verdict and the journal say the same. */

#include "core/kernel/kernel-select.h"

#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

#define NEWEST_KEPT 2
#define SERIES_KEPT 2

static const char *const kernel_reason_table[_KERNEL_REASON_MAX] = {
        [KERNEL_RUNNING] = "running",     [KERNEL_INSTALLING] = "installing",
        [KERNEL_MANUAL] = "manual",       [KERNEL_NEWEST] = "newest",
        [KERNEL_SERIES] = "series",       [KERNEL_PIN] = "pin",
        [KERNEL_NEXT_BOOT] = "next-boot", [KERNEL_SECURE_BOOT] = "secure-boot",
};
DEFINE_TO_STRING(kernel_reason, KernelReason)

static const char *const kernel_state_table[_KERNEL_STATE_MAX] = {
        [KERNEL_STATE_COMPLETE] = "complete",
        [KERNEL_STATE_INITRD_MISSING] = "initrd-missing",
        [KERNEL_STATE_IMAGE_MISSING] = "image-missing",
};
DEFINE_TO_STRING(kernel_state, KernelState)

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
                k->accepted = from->accepted;
                k->refused = from->refused;
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

/* Whatever is newer: without it nothing would boot while Secure Boot is enabled. */
static void keep_accepted(KernelSet *set, unsigned checkers) {
        for (size_t i = 0; i < set->n_kernels && checkers != 0; i++) {
                Kernel *k = set->kernels + i;

                if (!kernel_is_bootable(k) || !(k->accepted & checkers))
                        continue;
                k->reasons |= 1u << KERNEL_SECURE_BOOT;
                checkers &= ~k->accepted;
        }
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
        keep_accepted(&set, in->checkers);
        memcpy(set.memtest, in->boot->memtest, sizeof(set.memtest));

        *ret = TAKE_STRUCT(set);
        return 0;
}

static bool kernel_equal(const Kernel *a, const Kernel *b) {
        return streq(a->version, b->version) && a->reasons == b->reasons &&
               a->packaged == b->packaged && a->state == b->state && a->accepted == b->accepted &&
               a->refused == b->refused && file_stamp_equal(&a->image, &b->image) &&
               file_stamp_equal(&a->initrd, &b->initrd);
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

static const struct {
        unsigned with, without; /* bits of KernelReason */
        bool series;
} views[_KERNEL_VIEW_MAX] = {
        [KERNELS_SELECTED] = { .with = ~0u },
        [KERNELS_AUTOMATIC] = { .with = ~0u, .without = 1u << KERNEL_MANUAL },
        [KERNELS_MANUAL] = { .with = 1u << KERNEL_MANUAL },
        [KERNELS_PROTECTED] = { .with = ~0u, .series = true },
};

int kernel_set_list(const KernelSet *set, KernelView view, char ***ret) {
        _cleanup_strv_ char **versions = NULL;
        int r;

        assert(view >= 0 && view < _KERNEL_VIEW_MAX);

        r = list_versions(set, views[view].with, views[view].without, &versions);
        if (r < 0)
                return r;
        if (views[view].series) {
                r = strv_extend_uniq(&versions, set->series);
                if (r < 0)
                        return r;
                strv_sort_uniq(versions, kernel_version_compare_newest_first);
        }
        *ret = TAKE_PTR(versions);
        return 0;
}

/* The image of a kernel that a hook hands over may be yet to come. */
static bool lacks_its_image(const Kernel *k) {
        return k->reasons != 0 && k->packaged && k->state == KERNEL_STATE_IMAGE_MISSING &&
               !kernel_has_reason(k, KERNEL_INSTALLING);
}

static const Kernel *find_gap(const KernelSet *set) {
        for (size_t i = 0; i < set->n_kernels; i++)
                if (lacks_its_image(&set->kernels[i]))
                        return &set->kernels[i];
        return NULL;
}

int kernel_source_gap(const KernelSet *set, char **ret) {
        const Kernel *k = find_gap(set);
        char *gap = NULL;

        assert(ret);

        if (set->boot_is_empty)
                gap = strdup("'/boot' holds no kernel (is it mounted?)");
        else if (k)
                gap = strprintf("'/boot/vmlinuz-%s' is missing, though its package is installed "
                                "(is "
                                "'/boot' mounted?)",
                                k->version);
        if (!gap && (set->boot_is_empty || k))
                return -ENOMEM;

        *ret = gap;
        return 0;
}

static int warn_of_gap(const KernelSet *set, Warnings *l) {
        _cleanup_free_ char *gap = NULL;
        const Kernel *k = find_gap(set);
        char *sentence;
        int r;

        r = kernel_source_gap(set, &gap);
        if (r < 0 || !gap)
                return r;
        sentence = strprintf("%s, so no ESP can be compared with it", gap);
        if (set->boot_is_empty)
                return warnings_add(l, WARNING_BOOT_EMPTY, "/boot", sentence,
                                    strdup("mount /boot"));
        return warnings_add(l, WARNING_KERNEL_WITHOUT_IMAGE, k->version, sentence,
                            strprintf("apt-get install --reinstall '~i~n-%s'", k->version));
}

/* No package has it, so a list or a pin names it. */
static int warn_of_image(const Kernel *k, Warnings *l) {
        char *sentence = strprintf("'/boot/vmlinuz-%s' is missing, though that kernel is selected",
                                   k->version);

        return warnings_add(l, WARNING_KERNEL_WITHOUT_IMAGE, k->version, sentence,
                            kernel_has_reason(k, KERNEL_MANUAL)
                                            ? strprintf("bootctl-pve kernel remove %s", k->version)
                                            : strdup("bootctl-pve kernel unpin"));
}

static int warn_of_initrd(const Kernel *k, Warnings *l) {
        return warnings_add(l, WARNING_KERNEL_WITHOUT_INITRD, k->version,
                            strprintf("'/boot/initrd.img-%s' is missing or empty, so the ESPs keep "
                                      "what they hold of that kernel",
                                      k->version),
                            strprintf("update-initramfs -c -k %s", k->version));
}

static int warn_of_kernel(const Kernel *k, Warnings *l) {
        switch (k->state) {
        case KERNEL_STATE_COMPLETE:
                return 0;
        case KERNEL_STATE_INITRD_MISSING:
                return warn_of_initrd(k, l);
        case KERNEL_STATE_IMAGE_MISSING:
                return lacks_its_image(k) ? 0 : warn_of_image(k, l);
        case _KERNEL_STATE_MAX:
        case _KERNEL_STATE_INVALID:
                break;
        }
        assert(false);
        return 0;
}

int kernel_source_warnings(const KernelSet *set, Warnings *ret) {
        _cleanup_warnings_ Warnings l = {};
        int r;

        assert(ret);

        r = warn_of_gap(set, &l);
        for (size_t i = 0; r >= 0 && !set->boot_is_empty && i < set->n_kernels; i++)
                if (set->kernels[i].reasons != 0)
                        r = warn_of_kernel(&set->kernels[i], &l);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(l);
        return 0;
}
