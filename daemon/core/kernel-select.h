/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which kernels belong on every ESP, and why: the keep set. */

#include "common/enum.h"
#include "core/memtest.h"
#include "core/package-db.h"

/* What identifies the content of a file without reading it. Times in ns since the epoch. */
typedef struct FileStamp {
        uint64_t inode;
        uint64_t size;
        uint64_t mtime;
        uint64_t ctime;
} FileStamp;

static inline bool file_stamp_equal(const FileStamp *a, const FileStamp *b) {
        return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
               a->ctime == b->ctime;
}

/* One version found in boot/. An empty file counts as absent. */
typedef struct BootKernel {
        char *version;
        bool has_image, has_initrd;
        FileStamp image, initrd;
} BootKernel;

typedef struct BootDir {
        BootKernel *kernels; /* newest first, unique */
        size_t n_kernels, n_allocated;
        FileStamp memtest[_MEMTEST_FILE_MAX]; /* all zero: not there */
} BootDir;

void boot_dir_done(BootDir *dir);
/* The entry for @version, added (in order) if it is not there; NULL when out of memory. */
BootKernel *boot_dir_get(BootDir *dir, const char *version);
const BootKernel *boot_dir_find(const BootDir *dir, const char *version);
bool boot_dir_equal(const BootDir *a, const BootDir *b);

typedef enum KernelReason {
        KERNEL_RUNNING,
        KERNEL_INSTALLING,
        KERNEL_MANUAL,
        KERNEL_NEWEST,
        KERNEL_SERIES,
        KERNEL_PIN,
        KERNEL_NEXT_BOOT,
        _KERNEL_REASON_MAX,
        _KERNEL_REASON_INVALID = -EINVAL,
} KernelReason;

/* "running", "installing", "manual", "newest", "series", "pin", "next-boot" */
DECLARE_STRING_TABLE(kernel_reason, KernelReason);

typedef enum KernelState {
        KERNEL_STATE_COMPLETE,       /* image and initrd are in boot/ */
        KERNEL_STATE_INITRD_MISSING, /* only the image is */
        KERNEL_STATE_IMAGE_MISSING,  /* only the initrd is, or neither */
        _KERNEL_STATE_MAX,
        _KERNEL_STATE_INVALID = -EINVAL,
} KernelState;

/* "complete", "initrd-missing", "image-missing" */
DECLARE_STRING_TABLE(kernel_state, KernelState);

typedef struct Kernel {
        char *version;
        unsigned reasons; /* bits 1 << KernelReason; 0: not kept */
        bool packaged;    /* dpkg has it installed, so its image should be in boot/ */
        KernelState state;
        FileStamp image, initrd; /* all zero as far as state says that the file is missing; both are
                                  * for KERNEL_STATE_IMAGE_MISSING */
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
 * installed + the newest of the older of the two newest series + pin + next-boot pin. With one
 * series only, that one counts as the older. Where dpkg knows no kernel package of Proxmox's (plain
 * Debian, or an unreadable database) Debian's own and the images in boot/, together, take the place
 * of the installed ones; where it knows no series meta-package, the series seen in the versions do.
 * A kernel without its initrd counts like any other: it will have one soon, and what was kept in
 * its place would push a good one off the ESPs. 0 or -ENOMEM. */
int kernel_select(const KernelSelectInput *in, KernelSet *ret);

const Kernel *kernel_set_find(const KernelSet *set, const char *version);
bool kernel_set_equal(const KernelSet *a, const KernelSet *b);
/* What boots by default when everything is in sync: with @next_boot (no loader can take it once)
 * the next-boot pin if it is bootable; else the pin, else the newest kept bootable kernel. NULL if
 * there is none. */
const Kernel *kernel_set_default(const KernelSet *set, bool next_boot);

/* Strv views, newest first. Selected: every kept version. Automatic: those not in the manual list.
 * Protected: selected, then the series, sorted together newest first. 0 or -ENOMEM. */
int kernel_set_selected(const KernelSet *set, char ***ret);
int kernel_set_automatic(const KernelSet *set, char ***ret);
int kernel_set_manual(const KernelSet *set, char ***ret);
int kernel_set_protected(const KernelSet *set, char ***ret);
