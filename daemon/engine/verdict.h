/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The sum of all that is known: are the ESPs in sync, how many may fail, what boots. */

#include "core/firmware/firmware.h"
#include "core/disk/partition.h"
#include "engine/boot-keeper.h"
#include "engine/esp/esp.h"
#include "engine/facts/files.h"

/* Strings may be NULL where nothing is known, or when out of memory. */
typedef struct Verdict {
        /* True if every ESP was compared with what was read last, and is as it should be. The
         * reason why it is not so is one sentence, "" if it is. */
        bool in_sync;
        char *in_sync_reason;
        /* "redundant", "single", "syncing" (all that is amiss is being mended by a job),
         * "degraded", "unbootable", "unmanaged"; "unknown" before every ESP was seen, or while the
         * files cannot be read. The reason is one sentence. */
        const char *redundancy;
        char *redundancy_reason;
        /* The kernel that boots this host when no one-shot is armed, and the one that should. */
        char *default_kernel, *wanted_kernel;
        /* Of new entries: the file; else that of the first ESP's default entry; else the adopted
         * one. */
        char *cmdline;
        CmdlineSource cmdline_source;
} Verdict;

void verdict_done(Verdict *v);

/* All that it follows from. Borrowed. */
typedef struct VerdictInput {
        const Root *root;
        const Facts *facts;
        const Esps *esps;
        const Partitions *partitions;
        const Firmware *firmware;           /* NULL: not known */
        const SecureBootFacts *secure_boot; /* NULL: likewise */
        const BootKeeper *keeper;           /* NULL: nobody keeps the firmware's entries */
        /* True if a job is about to bring the ESP into sync: one runs or waits, or is made in the
         * same turn of the event loop. */
        bool (*is_about_to_sync)(const Esp *esp, void *userdata);
        bool waits_for_packages; /* that sync waits for the end of a package run */
        void *userdata;
} VerdictInput;

/* While Secure Boot is enabled: why it lets @esp not boot this host, as a part of a sentence ("its
 * boot loader '/EFI/BOOT/BOOTX64.EFI' is refused: it is not signed"). *@ret is NULL if nobody knows
 * that. 0 or -ENOMEM. */
int verdict_tell_refusal(const Facts *facts, const Esp *esp, char **ret);

/* A warning for each disk that carries the root and has no ESP on the list, see
 * root_disks_advise(). 0 or -ENOMEM. */
int verdict_root_disks(const VerdictInput *in, Warnings *ret);

/* It is unknown what was not looked at yet; nothing is guessed. */
Verdict verdict_make(const VerdictInput *in);
