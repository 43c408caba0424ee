/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which kernels belong on every ESP, and why: the keep set. */

#include "common/enum.h"
#include "common/warning.h"
#include "core/kernel/boot-dir.h"
#include "core/kernel/package-db.h"

typedef enum KernelReason {
        KERNEL_RUNNING,
        KERNEL_INSTALLING,
        KERNEL_MANUAL,
        KERNEL_NEWEST,
        KERNEL_SERIES,
        KERNEL_PIN,
        KERNEL_NEXT_BOOT,
        KERNEL_SECURE_BOOT, /* the newest complete one that Secure Boot accepts while it is enabled
                             */
        _KERNEL_REASON_MAX,
        _KERNEL_REASON_INVALID = -EINVAL,
} KernelReason;

/* "running", "installing", "manual", "newest", "series", "pin", "next-boot", "secure-boot" */
const char *kernel_reason_to_string(KernelReason reason);

typedef enum KernelState {
        KERNEL_STATE_COMPLETE,       /* image and initrd are in boot/ */
        KERNEL_STATE_INITRD_MISSING, /* only the image is */
        KERNEL_STATE_IMAGE_MISSING,  /* only the initrd is, or neither */
        _KERNEL_STATE_MAX,
        _KERNEL_STATE_INVALID = -EINVAL,
} KernelState;

/* "complete", "initrd-missing", "image-missing" */
const char *kernel_state_to_string(KernelState state);

typedef struct Kernel {
        char *version;
        unsigned reasons; /* bits 1 << KernelReason; 0: not kept */
        bool packaged;    /* dpkg has it installed, so its image should be in boot/ */
        KernelState state;
        FileStamp image, initrd; /* all zero as far as state says that the file is missing; both are
                                  * for KERNEL_STATE_IMAGE_MISSING */
        unsigned accepted, refused; /* see BootKernel */
} Kernel;

static inline bool kernel_is_bootable(const Kernel *k) {
        return k->state == KERNEL_STATE_COMPLETE;
}
static inline bool kernel_has_reason(const Kernel *k, KernelReason reason) {
        return k->reasons & (1u << reason);
}

/* Everything the rules look at. Borrowed pointers. */
typedef struct KernelSelectInput {
        const BootDir *boot;
        const PackageDb *packages; /* NULL: the database could not be read */
        const char *running;       /* may be NULL */
        char *const *installing;   /* versions a package hook handed over */
        char *const *manual;
        const char *pin;       /* NULL: none */
        const char *next_boot; /* NULL: none */
        unsigned checkers;     /* who checks kernels on this host: bits, see BootKernel */
} KernelSelectInput;

/* All kernels known: in boot/, installed by dpkg, or named by a list or a pin. Newest first. And
 * what goes beside them. */
typedef struct KernelSet {
        Kernel *kernels;
        size_t n_kernels, n_allocated;
        char **series;          /* the two newest series, newest first: kept by apt, not synced */
        bool database_readable; /* false: nothing may be removed from any ESP */
        bool boot_is_empty;     /* there is no image in boot/: likewise */
        FileStamp memtest[_MEMTEST_FILE_MAX]; /* all zero: not there */
} KernelSet;

void kernel_set_done(KernelSet *set);

/* Apply the rules: running (if its image is in boot/) + installing + manual + the two newest
 * installed + the newest of the older of the two newest series + pin + next-boot pin + for each
 * checker the newest complete one that it accepts, so that the last one stays. With one series
 * only, that one counts as the older. Where dpkg knows no kernel package of Proxmox's (plain
 * Debian, or an unreadable database) Debian's own and the images in boot/, together, take the place
 * of the installed ones; where it knows no series meta-package, the series seen in the versions do.
 * A kernel without its initrd counts like any other: it will have one soon, and what was kept in
 * its place would push a good one off the ESPs. 0 or -ENOMEM. */
int kernel_select(const KernelSelectInput *in, KernelSet *ret);

const Kernel *kernel_set_find(const KernelSet *set, const char *version);
bool kernel_set_equal(const KernelSet *a, const KernelSet *b);

typedef enum KernelView {
        KERNELS_SELECTED,  /* every kept version */
        KERNELS_AUTOMATIC, /* those not in the manual list */
        KERNELS_MANUAL,
        KERNELS_PROTECTED, /* selected, and the series */
        _KERNEL_VIEW_MAX,
        _KERNEL_VIEW_INVALID = -EINVAL,
} KernelView;

/* The versions of a view, newest first. 0 or -ENOMEM. */
int kernel_set_list(const KernelSet *set, KernelView view, char ***ret);

/* Why boot/ cannot be what the ESPs are compared with: it holds no kernel at all, or lacks the
 * image of a kept kernel that dpkg has installed and no hook is about to; both are what a boot/
 * that is not mounted looks like. The beginning of a sentence without its period; *@ret is NULL if
 * nothing is wrong. 0 or -ENOMEM.
 */
int kernel_source_gap(const KernelSet *set, char **ret);

/* Everything that keeps kept kernels from the ESPs, the gap first: sentences without their period
 * that may follow a "but". *@ret is NULL if there is nothing. 0 or -ENOMEM. */
int kernel_source_warnings(const KernelSet *set, Warnings *ret);
