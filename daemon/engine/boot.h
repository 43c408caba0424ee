/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that boots this host before its kernels do: firmware, boot loader, the firmware's entries. */

#include "engine/verdict.h"

typedef struct BootOption {
        uint16_t number; /* its Boot#### */
        BootEntryKind kind;
        bool present; /* its partition is there, as far as the last look at the disks tells */
        char *disk;   /* "/dev/sda"; "" if it is not known */
} BootOption;

typedef struct Boot {
        const char *firmware; /* "uefi", "bios"; "unknown": it was not asked yet */
        LoaderInUse loader;
        char *booted_esp; /* FAT UUID of the listed ESP that the loader came from; "": not known */
        char **without_entry; /* FAT UUIDs of the listed ESPs that are there, have a boot loader and
                               * no entry that starts it */
        BootOption *entries;  /* of each of the firmware's entries, in their order */
        size_t n_entries;
        bool shim;         /* this boot came through shim, which leaves its lists of keys */
        bool mok_enrolled; /* shim knows each key of DKMS; true without any */
} Boot;

void boot_done(Boot *boot);

/* Tell who checks @file, one of @files, of @esp or (NULL) of the host when this host boots. */
Checker boot_checker(const Facts *facts, const Esps *esps, const Esp *esp, const SignedFiles *files,
                     const SignedFile *file);

/* Derived anew each time, as the verdict is. 0 or -ENOMEM. */
int boot_make(const VerdictInput *in, Boot *ret);
bool boot_equal(const Boot *a, const Boot *b);
