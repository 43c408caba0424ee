/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files below the root, and what they said when they were read last. */

#include "core/kernel/kernel-select.h"
#include "core/kernel/package-db.h"
#include "core/loader/loader.h"
#include "core/secure-boot/secure-boot.h"
#include "sys/host.h"
#include "sys/kernel-conf.h"

/* Read by everybody, changed by Files alone. */
typedef struct Facts {
        KernelConf conf;
        BootDir boot;
        PackageDb packages;
        bool packages_readable;
        Host host;
        char *grub_stamp;   /* of GRUB's configuration */
        bool grub_host;     /* no ESP is listed, and GRUB boots from the host's own boot/grub */
        bool grub_one_shot; /* and can boot a kernel once */
        bool grub_pinned;   /* its configuration has the file of a pin of ours */
        char *grub_default; /* what it boots by default; NULL: not known */
        char **new_kernels; /* handed over by package hooks since the boot */
        /* NULL: not known, or Secure Boot is not enabled; borrowed, see files_set_secure_boot(). */
        const SecureBootFacts *secure_boot;
        unsigned checkers; /* likewise: bits 1 << Checker, of those that check kernels on this host
                            */
        LoaderSource loaders[_ESP_LOADER_MAX]; /* as their packages have brought them */
        KernelSet kernels;
        Warnings kernel_warnings; /* what keeps kept kernels from the ESPs */

        uint64_t serial;  /* it goes up when they change, or cannot be read */
        char *unreadable; /* why the last reading failed: "FILE: REASON"; NULL: it did not */
} Facts;

typedef struct Files Files;

int files_new(const Root *root, Files **ret);
Files *files_free(Files *files);
DEFINE_CLEANUP(Files *, files_free)

/* Lives as long as @files. */
const Facts *files_facts(const Files *files) _pure_;
/* Another set of the kernels, for who must not see them change. 0 or -ENOMEM. */
int facts_select_kernels(const Facts *facts, KernelSet *ret);

/* From the next reading on this is known of Secure Boot; @facts (NULL: nothing, or it is not
 * enabled) must stay as long as it is not replaced by another. @checkers: see Facts. */
void files_set_secure_boot(Files *files, const SecureBootFacts *facts, unsigned checkers);

/* Read every file again. 1: something has changed; 0: nothing has. If it is something that an ESP
 * is compared with, or the files cannot be read any more, the serial goes up. A failure leaves what
 * is known. */
int files_read(Files *files);

/* We write some files ourselves. */
/* run/bootsync/new-kernels: what hooks hand over is kept until the next boot. Where that cannot be
 * written it is kept as long as the daemon lives, and written at the next job that can. 0 or
 * -ENOMEM. */
int files_keep_new_kernels(Files *files, char *const *versions);
/* 76pveconf from the protected set; not while the package database is unreadable or boot/ empty.
 */
void files_write_apt_conf(const Files *files);
/* Remove what a daemon that was killed had not put in place yet. */
void files_remove_leftovers(const Files *files);
/* GRUB's pin: see grub_conf_store_pin(). 1 if that changed GRUB's configuration, which is then no
 * news, 0 if not, or -errno. */
int files_pin_grub(Files *files, const char *version, const char *root_id, bool keep);
/* A job may have made GRUB's menu of the host anew. */
void files_learn_grub_default(Files *files);
