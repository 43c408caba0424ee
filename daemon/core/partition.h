/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A partition as the worker's probe saw it, and whether it may be formatted or become an ESP. */

#include "common/error.h"
#include "core/device-id.h"
#include "core/record.h"

#define PARTITION_TYPE_ESP_GPT "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define PARTITION_TYPE_ESP_MBR "0xef"

/* What in_use begins with if it is a mount. */
#define PARTITION_MOUNTED_ON "mounted on "

/* fs_type of a partition with the signatures of more than one file system. */
#define PARTITION_SEVERAL "several"

/* No standard has longer ones: ATA and NVMe have 40 bytes for a model, 20 for a number. */
#define PARTITION_LABEL_MAX 40
#define PARTITION_TEXT_MAX  4096 /* bytes of one of its strings on the wire, before escaping */

typedef struct Partition {
        char *device;    /* "/dev/sda2" */
        char *disk;      /* "/dev/sda": the whole disk */
        char *part_uuid; /* of its entry in the partition table, lower case; NULL: none */
        char *part_type; /* lower case GUID of GPT, "0xef" of MBR; NULL: none */
        char *fs_type; /* libblkid's TYPE ("vfat", "LVM2_member"), or PTTYPE ("gpt") of a partition
                        * table in it, or PARTITION_SEVERAL; NULL: nothing was found */
        char *fs_uuid; /* "ABCD-1234"; NULL: none */
        char *model, *serial; /* what the disk says of itself, by partition_label(); NULL: nothing
                               */
        char *in_use;         /* a phrase: "mounted on /mnt", "used by md0"; NULL: by nobody */
        uint64_t size_bytes;
        uint64_t start_sector; /* of 512 bytes, whatever the disk's are, as in sysfs */
        uint64_t diskseq;      /* of the disk that was seen, see DeviceId; 0: not known */
        uint32_t number;       /* 0: a whole disk */
        uint32_t sector_bytes; /* of the disk's logical sectors; at least 1 */
} Partition;

typedef struct Partitions {
        Partition *items;
        size_t n, n_allocated;
} Partitions;

void partition_done(Partition *p);
void partitions_done(Partitions *l);
/* Append *@p, which is left empty. 0 or -ENOMEM. */
int partitions_take(Partitions *l, Partition *p);

/* A copy of @text, which a disk says of itself, fit to be quoted in a question that somebody
 * answers in good faith: of ASCII letters, digits, single blanks within and "._-+/:#"; anything
 * else, such as quotes, brackets, markup or "$(...)", is '?'. Cut after PARTITION_LABEL_MAX bytes.
 * NULL when out of memory. */
char *partition_label(const char *text);

/* Add its fields to the record that was begun in @b. Strings are made fit for humans and D-Bus, and
 * cut after PARTITION_TEXT_MAX bytes. */
void partition_format(const Partition *p, Buffer *b);

/* Read the fields that partition_format() writes. Returns how many there were, so that the caller
 * can refuse others; -EBADMSG if one is missing or is not what partition_format() would write; or
 * -ENOMEM. */
int partition_parse(const Record *record, Partition *ret);

/* True if its type says that the firmware is to look for boot loaders on it. */
bool partition_is_esp(const Partition *p) _pure_;

/* Worth to be shown as what could become an ESP: of ESP type, with FAT or empty, or any FAT that is
 * large enough. What somebody uses is shown, too: the reason stands beside it. */
bool partition_is_candidate(const Partition *p) _pure_;

/* The smallest partition that is formatted: 256 MiB, or what FAT32 needs on a disk of 4096-byte
 * sectors, which is more: it has at least 65525 clusters, and none is smaller than a sector. */
uint64_t partition_size_min(uint32_t sector_bytes) _const_;

/* 0 if it may be formatted, else one reason: NotAPartition; EspMounted, EspInUse, TooSmall whether
 * @force is set or not; without @force also EspInUse for a member of an array, pool or volume group
 * that is not active, and AlreadyFormatted for whatever else it holds. */
int partition_check_format(const Partition *p, bool force, Error *error);

/* 0 if it may be made an ESP that is synced: NotAPartition; NotAnEsp if type or file system are
 * others; DuplicateUuid if another one in @all has the same FAT UUID, so that it cannot be told
 * which is meant. */
int partition_check_init(const Partition *p, const Partitions *all, Error *error);
