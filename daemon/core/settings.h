/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* etc/bootsync/bootsyncd.conf and its drop-ins. */

#include "common/macros.h"

typedef enum AutoSync {
        AUTO_SYNC_UNSET, /* yes, or no while proxmox-kernel-helper is installed beside us */
        AUTO_SYNC_NO,
        AUTO_SYNC_YES,
} AutoSync;

#define SETTLE_SEC_DEFAULT 2
#define SETTLE_SEC_MAX     60

typedef struct Settings {
        AutoSync auto_sync;
        uint64_t settle_sec; /* 0 to SETTLE_SEC_MAX */
} Settings;

#define SETTINGS_INIT ((Settings){ .settle_sec = SETTLE_SEC_DEFAULT })

/* Read one file's text into @s, over what earlier files said. Ini: [Sync] AutoSync=, SettleSec=;
 * '#' and ';' begin comment lines. Unknown sections and keys and bad values give a sentence ("line
 * 4: 'Foo' is not a key of section [Sync], ignoring") in @warnings and change nothing; there are as
 * many of them as core/line-warnings.h allows, and the keys in an unknown section give none of
 * their own. 0 or -ENOMEM. */
int settings_parse(Settings *s, const char *text, size_t size, char ***warnings);
