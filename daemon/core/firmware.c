/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware as a value. Reading the variables is the worker's business, since a read can stall
 * in the firmware; what they mean is said here. */

#include "core/firmware.h"

#include <strings.h>

#include "common/string-util.h"

/* Of LoaderFeatures; see EFI_LOADER_FEATURE_ENTRY_ONESHOT of systemd. */
#define LOADER_FEATURE_ENTRY_ONE_SHOT (UINT64_C(1) << 3)

static const char *const secure_boot_table[_SECURE_BOOT_MAX] = {
        [SECURE_BOOT_UNSUPPORTED] = "unsupported",
        [SECURE_BOOT_DISABLED] = "disabled",
        [SECURE_BOOT_ENABLED] = "enabled",
        [SECURE_BOOT_SETUP] = "setup",
};
DEFINE_STRING_TABLE(secure_boot, SecureBoot)

static const char *const firmware_loader_table[_FIRMWARE_LOADER_MAX] = {
        [FIRMWARE_LOADER_UNKNOWN] = "unknown",
        [FIRMWARE_LOADER_SYSTEMD_BOOT] = "systemd-boot",
        [FIRMWARE_LOADER_GRUB] = "grub",
};
DEFINE_STRING_TABLE(firmware_loader, FirmwareLoader)

void firmware_done(Firmware *f) {
        free(f->loader_info);
        free(f->entry_selected);
        free(f->entry_one_shot);
        free(f->loader_partuuid);
        free(f->boot_order);
        for (size_t i = 0; i < f->n_entries; i++)
                load_option_done(&f->entries[i]);
        free(f->entries);
        *f = FIRMWARE_INIT;
}

int firmware_add_entry(Firmware *f, LoadOption *entry) {
        size_t at = f->n_entries;

        if (f->n_entries == FIRMWARE_ENTRIES_MAX)
                return -E2BIG;
        if (firmware_entry(f, entry->number))
                return -EEXIST;
        if (!ARRAY_RESERVE(f->entries, f->n_allocated, f->n_entries + 1))
                return -ENOMEM;
        for (; at > 0 && f->entries[at - 1].number > entry->number; at--)
                f->entries[at] = f->entries[at - 1];
        f->entries[at] = TAKE_STRUCT(*entry);
        f->n_entries++;
        return 0;
}

int firmware_set_boot_order(Firmware *f, const uint8_t *data, size_t size) {
        size_t n = MIN(size / 2, (size_t) FIRMWARE_ORDER_MAX);
        uint16_t *order = calloc(MAX(n, (size_t) 1), sizeof(*order));

        if (!order)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                order[i] = efi_u16(data + 2 * i);
        free(f->boot_order);
        f->boot_order = order;
        f->n_boot_order = n;
        return 0;
}

SecureBoot secure_boot_decode(const uint8_t *secure_boot, size_t secure_boot_size,
                              const uint8_t *setup_mode, size_t setup_mode_size) {
        if (!secure_boot || secure_boot_size != 1)
                return SECURE_BOOT_UNSUPPORTED;
        if (setup_mode && setup_mode_size == 1 && setup_mode[0] == 1)
                return SECURE_BOOT_SETUP;
        return secure_boot[0] == 1 ? SECURE_BOOT_ENABLED : SECURE_BOOT_DISABLED;
}

const LoadOption *firmware_entry(const Firmware *f, uint16_t number) {
        for (size_t i = 0; i < f->n_entries; i++)
                if (f->entries[i].number == number)
                        return &f->entries[i];
        return NULL;
}

bool firmware_orders(const Firmware *f, uint16_t number) {
        for (size_t i = 0; i < f->n_boot_order; i++)
                if (f->boot_order[i] == number)
                        return true;
        return false;
}

const LoadOption *firmware_find(const Firmware *f, const char *partuuid, const char *path) {
        const LoadOption *found = NULL;

        for (size_t i = 0; i < f->n_entries; i++) {
                const LoadOption *entry = &f->entries[i];

                if (!load_option_starts(entry, partuuid, path))
                        continue;
                if (firmware_orders(f, entry->number))
                        return entry;
                found = found ?: entry;
        }
        return found;
}

size_t firmware_rank(const Firmware *f, const char *partuuid) {
        if (isempty(partuuid))
                return SIZE_MAX;
        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *entry = firmware_entry(f, f->boot_order[i]);

                if (entry && entry->active && strcasecmp(entry->partuuid, partuuid) == 0)
                        return i;
        }
        return f->loader_partuuid && strcasecmp(f->loader_partuuid, partuuid) == 0 ? f->n_boot_order
                                                                                   : SIZE_MAX;
}

bool firmware_offers_one_shot(const Firmware *f) {
        return f->loader_features & LOADER_FEATURE_ENTRY_ONE_SHOT;
}

static FirmwareLoader loader_from_info(const char *info) {
        if (startswith(info, "systemd-boot"))
                return FIRMWARE_LOADER_SYSTEMD_BOOT;
        if (startswith(info, "GRUB")) /* its module bli, from 2.12 on */
                return FIRMWARE_LOADER_GRUB;
        return FIRMWARE_LOADER_UNKNOWN;
}

/* By the name of the file only: in \EFI\BOOT stands a copy of whichever loader, under a name that
 * says nothing. */
static FirmwareLoader loader_from_path(const char *path) {
        if (loader_path_is(path, NULL, "systemd-boot"))
                return FIRMWARE_LOADER_SYSTEMD_BOOT;
        if (loader_path_is(path, NULL, "grub") || loader_path_is(path, NULL, "shim"))
                return FIRMWARE_LOADER_GRUB;
        return FIRMWARE_LOADER_UNKNOWN;
}

int firmware_loader(const Firmware *f, FirmwareLoader *ret, char **ret_evidence) {
        FirmwareLoader loader = FIRMWARE_LOADER_UNKNOWN;
        const LoadOption *entry = NULL;
        char *evidence;

        if (f->boot_current >= 0)
                entry = firmware_entry(f, (uint16_t) f->boot_current);

        if (!f->uefi)
                evidence = strdup("legacy BIOS: there are no EFI variables");
        else if (f->loader_info) {
                loader = loader_from_info(f->loader_info);
                evidence = strprintf("LoaderInfo is '%s'", f->loader_info);
        } else if (entry && entry->path[0] != '\0') {
                loader = loader_from_path(entry->path);
                evidence = strprintf("Boot%04X starts '%s'", (unsigned) entry->number, entry->path);
        } else if (entry)
                evidence = strprintf("Boot%04X, '%s', names no file", (unsigned) entry->number,
                                     entry->title);
        else if (f->boot_current >= 0)
                evidence = strprintf("Boot%04X, which was booted, is gone",
                                     (unsigned) f->boot_current);
        else
                evidence = strdup("neither LoaderInfo nor BootCurrent is set");
        if (!evidence)
                return -ENOMEM;
        *ret = loader;
        *ret_evidence = evidence;
        return 0;
}
