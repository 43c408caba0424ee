/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kept kernel that boot/ lacks a part of stays on the ESPs as it is, so nothing looks wrong there
 * until it has to be copied anew. These sentences tell of it before. They judge the set alone, so
 * that the plan, the verdict and the journal say the same. */

#include "core/kernel-source.h"

#include "common/string-util.h"

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

static int warn_of_gap(const KernelSet *set, char ***warnings) {
        _cleanup_free_ char *gap = NULL;
        int r;

        r = kernel_source_gap(set, &gap);
        if (r < 0 || !gap)
                return r;
        return strv_extendf(warnings,
                            "%s, so no ESP can be compared with it; mount '/boot', or install the "
                            "kernel again",
                            gap);
}

static int warn_of_kernel(const Kernel *k, char ***warnings) {
        switch (k->state) {
        case KERNEL_STATE_COMPLETE:
                return 0;
        case KERNEL_STATE_INITRD_MISSING:
                return strv_extendf(warnings,
                                    "'/boot/initrd.img-%s' is missing or empty, so the ESPs keep "
                                    "what they hold of that kernel; make it with "
                                    "'update-initramfs -c -k %s'",
                                    k->version, k->version);
        case KERNEL_STATE_IMAGE_MISSING:
                return lacks_its_image(k)
                                       ? 0
                                       : strv_extendf(warnings,
                                                      "'/boot/vmlinuz-%s' is missing, though that "
                                                      "kernel is selected; install it, or take it "
                                                      "off "
                                                      "the manual list and unpin it",
                                                      k->version);
        case _KERNEL_STATE_MAX:
        case _KERNEL_STATE_INVALID:
                break;
        }
        assert(false);
        return 0;
}

int kernel_source_warnings(const KernelSet *set, char ***ret) {
        _cleanup_strv_ char **warnings = NULL;
        int r;

        assert(ret);

        r = warn_of_gap(set, &warnings);
        for (size_t i = 0; r >= 0 && !set->boot_is_empty && i < set->n_kernels; i++)
                if (set->kernels[i].reasons != 0)
                        r = warn_of_kernel(&set->kernels[i], &warnings);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(warnings);
        return 0;
}
