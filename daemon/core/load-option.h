/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* EFI_LOAD_OPTION, the value of a Boot#### variable (UEFI 2.10, 3.1.3): bytes <-> value. */

#include "core/efi-value.h"

#define LOAD_OPTION_ACTIVE    1u  /* of the attributes */
#define LOAD_OPTION_TITLE_MAX 128 /* bytes as decoded, before "..." */
#define LOAD_OPTION_PATH_MAX  256

typedef struct LoadOption {
        uint16_t number; /* of its variable: 3 is Boot0003 */
        bool active;     /* the firmware tries it */
        char *title;
        char partuuid[GUID_TEXT_SIZE]; /* of the GPT partition that it names, "" if none */
        char *path;                    /* "\EFI\systemd\systemd-bootx64.efi", "" if none */
} LoadOption;

void load_option_done(LoadOption *o);

/* The number in "Boot0003", with upper-case hex digits as the specification has them; -EINVAL for
 * any other name. */
int load_option_number(const char *name);

/* Everything but the number. Of several device paths the first counts. -EBADMSG if it is no load
 * option: no end of the title or of the path, a node of impossible length. Or -ENOMEM. */
int load_option_parse(const uint8_t *data, size_t size, LoadOption *ret);

/* Make the option at @data active, in place. False if it is already, or is too short. */
bool load_option_activate(uint8_t *data, size_t size);

/* True if it starts a loader that is installed by us, or as we do: systemd-boot from
 * \EFI\systemd, shim or GRUB from \EFI\proxmox. */
bool load_option_is_ours(const LoadOption *o) _pure_;
/* True if it starts @path (of any case) from the partition @partuuid (of any case). */
bool load_option_starts(const LoadOption *o, const char *partuuid, const char *path) _pure_;

/* True if @path is a file in @directory ("\EFI\proxmox\") whose name begins with @name and ends in
 * ".efi", all of any case; a NULL @directory is any. */
bool loader_path_is(const char *path, const char *directory, const char *name) _pure_;
