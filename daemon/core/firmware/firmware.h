/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The boot as the UEFI firmware's variables tell of it: the value that the worker hands to the
 * daemon. */

#include "common/enum.h"
#include "core/firmware/load-option.h"

#define FIRMWARE_SIZE_MAX    (32 * 1024) /* of the wire format: it fits into one report */
#define FIRMWARE_ENTRIES_MAX 128
#define FIRMWARE_ORDER_MAX   256
#define FIRMWARE_TEXT_MAX    256 /* bytes of each text, before "..." */

typedef enum SecureBoot {
        SECURE_BOOT_UNSUPPORTED,
        SECURE_BOOT_DISABLED,
        SECURE_BOOT_ENABLED,
        SECURE_BOOT_SETUP, /* no platform key is enrolled; nothing is enforced */
        _SECURE_BOOT_MAX,
        _SECURE_BOOT_INVALID = -EINVAL,
} SecureBoot;

const char *secure_boot_to_string(SecureBoot secure_boot);

/* Texts are NULL where the firmware has none. */
typedef struct Firmware Firmware;

struct Firmware {
        bool uefi;                /* false: legacy BIOS, and nothing else is set */
        char *loader_info;        /* "systemd-boot 252.39-1~deb12u1": who started this kernel */
        uint64_t loader_features; /* EFI_LOADER_FEATURE_* of the Boot Loader Interface */
        char *entry_selected;     /* the entry that this boot took */
        char *entry_one_shot;     /* the entry that the next boot will take, once */
        char *loader_partuuid;    /* lower case: the ESP that the loader came from */
        int boot_current;         /* the number of the Boot#### that this boot took, -1: unknown */
        uint16_t *boot_order;
        size_t n_boot_order;
        LoadOption *entries; /* sorted by number */
        size_t n_entries, n_allocated;
        SecureBoot secure_boot;
};

#define FIRMWARE_INIT ((Firmware){ .boot_current = -1 })

void firmware_done(Firmware *f);
#define TAKE_FIRMWARE(f) TAKE_GENERIC(f, Firmware, FIRMWARE_INIT)

/* Add an entry, which is taken over on success; the numbers may come in any order. -E2BIG beyond
 * FIRMWARE_ENTRIES_MAX, -EEXIST for a number that is there, -ENOMEM. */
int firmware_add_entry(Firmware *f, LoadOption *entry);
/* Decode BootOrder; what is beyond FIRMWARE_ORDER_MAX is left out. 0 or -ENOMEM. */
int firmware_set_boot_order(Firmware *f, const uint8_t *data, size_t size);
/* BootOrder as text, "0003,001A", "" if it is empty; @n is at most FIRMWARE_ORDER_MAX. */
#define BOOT_ORDER_TEXT_SIZE (FIRMWARE_ORDER_MAX * 5 + 1)
void boot_order_format(const uint16_t *order, size_t n, char ret[static BOOT_ORDER_TEXT_SIZE]);
/* The value of the variable from that. -EBADMSG for any other text. */
int boot_order_parse(const char *text, uint8_t ret[static 2 * FIRMWARE_ORDER_MAX],
                     size_t *ret_size);
/* Decode SecureBoot and SetupMode, each NULL if there is none: SetupMode wins. */
SecureBoot secure_boot_decode(const uint8_t *secure_boot, size_t secure_boot_size,
                              const uint8_t *setup_mode, size_t setup_mode_size) _pure_;

/* NULL if there is none. */
const LoadOption *firmware_entry(const Firmware *f, uint16_t number) _pure_;
bool firmware_orders(const Firmware *f, uint16_t number) _pure_;
/* The entry that starts @path from the partition @partuuid (both of any case): of several the one
 * that BootOrder has, else the lowest. NULL if there is none. */
const LoadOption *firmware_find(const Firmware *f, const char *partuuid, const char *path) _pure_;

/* The lower, the earlier this firmware boots from the partition @partuuid (of any case): by the
 * place in BootOrder of the first active entry that names it, then if this boot came from it;
 * SIZE_MAX if neither. */
size_t firmware_rank(const Firmware *f, const char *partuuid) _pure_;

/* The meaning of an entry for the ESPs of this host. */
typedef enum BootEntryKind {
        BOOT_ENTRY_OURS,    /* starts a loader that we install, from a listed ESP */
        BOOT_ENTRY_DOUBLE,  /* does the same as another one of ours */
        BOOT_ENTRY_STALE,   /* would be one of ours, but its partition is not there */
        BOOT_ENTRY_FOREIGN, /* all others */
        _BOOT_ENTRY_KIND_MAX,
        _BOOT_ENTRY_KIND_INVALID = -EINVAL,
} BootEntryKind;

/* "ours", "double", "stale", "foreign". */
const char *boot_entry_kind_to_string(BootEntryKind kind);

/* @entry is one of @f's; @listed: its partition is an ESP on the list, @present: it is there. */
BootEntryKind firmware_entry_kind(const Firmware *f, const LoadOption *entry, bool listed,
                                  bool present) _pure_;

/* The boot loader that started the running kernel, as far as anybody can tell. */
typedef struct LoaderInUse {
        const char *name; /* "systemd-boot", "grub", "other"; "unknown" */
        bool certain;     /* the loader itself says so; else it follows from what it left */
        char *evidence;   /* half a sentence */
} LoaderInUse;

/* By LoaderInfo, which a loader writes for the kernel that it starts (Boot Loader Interface); else
 * by what GRUB and systemd-boot add to @cmdline, that of the running kernel (NULL: not known); else
 * by the entry that the firmware took. 0 or -ENOMEM. */
int firmware_tell_loader(const Firmware *f, const char *cmdline, LoaderInUse *ret);

/* True if the loader takes LoaderEntryOneShot: the entry that is booted once, and forgotten before
 * its kernel runs. */
bool firmware_offers_one_shot(const Firmware *f) _pure_;

/* A record "firmware …" and a record "boot-entry …" for each entry. Entries that would make it
 * larger than FIRMWARE_SIZE_MAX are left out, the last ones first. 0 or -ENOMEM. */
int firmware_format(const Firmware *f, char **ret, size_t *ret_size);
/* -EBADMSG for anything that firmware_format() would not write, but for the order of the fields. */
int firmware_parse(const char *text, size_t size, Firmware *ret);
