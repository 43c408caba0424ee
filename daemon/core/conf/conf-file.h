/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of the administrator: those with one item a line, which are the ESP list and the manual
 * kernel list, and etc/bootsync/bootsyncd.conf with its drop-ins. */

#include "common/enum.h"
#include "common/string-util.h"

/* Sentences about lines that cannot be used, for one file, and bytes of such a line in one. */
#define LINE_WARNINGS_MAX     20
#define LINE_WARNING_TEXT_MAX 64

/* A line that is no item, kept byte for byte: a comment, or something we do not understand. */
typedef struct ListLine {
        char *text; /* without its "\n", but with the "\r" before it if there is one */
        size_t size;
} ListLine;

/* A host has a few dozen ESPs and kernels; further lines are kept, but not read. */
#define LIST_ITEMS_MAX 256

typedef struct ListFile {
        char **items;    /* valid items, normalised, in file order without repetitions */
        ListLine *other; /* comments and bad lines, in file order; blank lines are dropped */
        size_t n_other, n_other_allocated;
} ListFile;

typedef enum ListKind {
        LIST_ESPS,    /* FAT UUIDs, XXXX-XXXX, upper case (lower case is read and normalised) */
        LIST_KERNELS, /* kernel versions */
} ListKind;

void list_file_done(ListFile *l);

/* True for XXXX-XXXX in hex digits of either case. */
bool fat_uuid_is_valid(const char *s) _pure_;

/* Never fails on content: each line that is neither blank, a comment ('#') nor an item, or is an
 * item too many, gives a sentence "line 3: 'foo?bar' is not a FAT UUID, ignoring" in @warnings
 * (text made fit for humans, at most LINE_WARNING_TEXT_MAX bytes of it) and is kept in other. After
 * LINE_WARNINGS_MAX such sentences one says how many more there are. CRLF, missing last newline,
 * NUL bytes and lines of any length are fine; leading and trailing blanks are cut from items. 0 or
 * -ENOMEM. */
int list_file_parse(const char *text, size_t size, ListKind kind, ListFile *ret, char ***warnings);

/* The file's new text: other lines first, in order, then the items sorted and unique (kernels by
 * version, UUIDs by strcmp). Every line ends in "\n". */
int list_file_format(const ListFile *l, ListKind kind, char **ret, size_t *ret_size);

typedef enum AutoSync {
        AUTO_SYNC_UNSET, /* yes, or no while proxmox-kernel-helper is installed beside us */
        AUTO_SYNC_NO,
        AUTO_SYNC_YES,
} AutoSync;

/* By whom the firmware's boot entries are written. */
typedef enum EntriesMode {
        ENTRIES_UNSET, /* keep; init while AutoSync is off */
        ENTRIES_OFF,   /* nobody: init and reinit leave them alone, too */
        ENTRIES_INIT,  /* init and reinit */
        ENTRIES_KEEP,  /* these, and the daemon puts back what the firmware has lost */
        _ENTRIES_MODE_MAX,
        _ENTRIES_MODE_INVALID = -EINVAL,
} EntriesMode;

/* "off", "init", "keep"; NULL for ENTRIES_UNSET. */
DECLARE_STRING_TABLE(entries_mode, EntriesMode);

#define SETTLE_SEC_DEFAULT      2
#define SETTLE_SEC_MAX          60
#define ALERT_AFTER_SEC_DEFAULT 600
#define ALERT_AFTER_SEC_MAX     86400

typedef struct Settings {
        AutoSync auto_sync;
        uint64_t settle_sec; /* 0 to SETTLE_SEC_MAX */
        EntriesMode entries;
        bool no_alerts;           /* nobody is told of a state that is bad for long */
        uint64_t alert_after_sec; /* 1 to ALERT_AFTER_SEC_MAX */
} Settings;

#define SETTINGS_INIT \
        ((Settings){ .settle_sec = SETTLE_SEC_DEFAULT, .alert_after_sec = ALERT_AFTER_SEC_DEFAULT })

/* Read one file's text into @s, over what earlier files said. Ini: [Sync] AutoSync=, SettleSec=,
 * [Firmware] Entries=, [Alerts] Mail=, AfterSec=; '#' and ';' begin comment lines. Unknown sections
 * and keys and bad values give a sentence ("line 4: 'Foo' is not a key of section [Sync],
 * ignoring") in @warnings and change nothing; there are as many of them as list_file_parse() gives,
 * and the keys in an unknown section give none of their own. 0 or -ENOMEM. */
int settings_parse(Settings *s, const char *text, size_t size, char ***warnings);
