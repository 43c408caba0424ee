/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A partition as the worker's probe saw it, and whether it may be formatted or become an ESP. */

#include "common/error.h"
#include "common/record.h"
#include "core/disk/device-id.h"

#define PARTITION_TYPE_ESP_GPT "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define PARTITION_TYPE_ESP_MBR "0xef"

/* fs_type of a partition with the signatures of more than one file system. */
#define PARTITION_SEVERAL "several"

/* No standard has longer ones: ATA and NVMe have 40 bytes for a model, 20 for a number. */
#define PARTITION_LABEL_MAX 40
#define PARTITION_TEXT_MAX  4096 /* bytes of one of its strings on the wire, before escaping */

typedef enum PartitionUse {
        PARTITION_FREE,
        PARTITION_MOUNTED,
        PARTITION_USED, /* by something else, or it cannot be told */
} PartitionUse;

/* The phrase for a mount begins so, also on the wire, where the phrase alone tells the use. */
#define PARTITION_MOUNTED_ON "mounted on "

typedef struct Partition {
        char *device;    /* "/dev/sda2" */
        char *disk;      /* "/dev/sda": the whole disk */
        char *part_uuid; /* of its entry in the partition table, lower case; NULL: none */
        char *part_type; /* lower case GUID of GPT, "0xef" of MBR; NULL: none */
        char *fs_type; /* libblkid's TYPE ("vfat", "LVM2_member"), or PTTYPE ("gpt") of a partition
                        * table in it, or PARTITION_SEVERAL; NULL: nothing was found */
        char *fs_uuid; /* "ABCD-1234"; NULL: none */
        char *label;   /* of the file system, by partition_label(); NULL: none */
        char *model, *serial; /* what the disk says of itself, by partition_label(); NULL: nothing
                               */
        PartitionUse use;
        char *in_use;  /* the same as a phrase: "mounted on /mnt", "used by md0"; NULL: by nobody */
        char *carries; /* what of the root file system is on it, by partition_label(): "pool rpool",
                        * "array md0", "partition sda2"; NULL: nothing, or it is not known */
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

/* "a ZFS pool", "the swap space" and so on: what it is a part of, so that its file system is none
 * by itself; NULL: it is none. */
const char *partition_member_of(const Partition *p) _pure_;

/* 0 if it may be formatted, else one reason: NotAPartition; EspMounted, EspInUse, TooSmall whether
 * @force is set or not; without @force also EspInUse for a member of an array, pool or volume group
 * that is not active, and AlreadyFormatted for whatever else it holds. */
int partition_check_format(const Partition *p, bool force, Error *error);

/* 0 if it may be made an ESP that is synced: NotAPartition; NotAnEsp if type or file system are
 * others; DuplicateUuid if another one in @all has the same FAT UUID, so that it cannot be told
 * which is meant. */
int partition_check_init(const Partition *p, const Partitions *all, Error *error);
