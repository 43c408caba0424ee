/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Suggestions: which partitions could become ESPs, and which disks of the root should have one. */

#include "common/warning.h"
#include "core/disk/partition.h"

/* A suggestion: could it become an ESP as it is, and by what? */
typedef struct PartitionAdvice {
        bool usable;
        char *why;       /* not; one sentence, "" if it is usable */
        char **commands; /* one after the other: "bootctl-pve format /dev/sdb2", then init; NULL if
                          * it is not */
} PartitionAdvice;

void partition_advice_done(PartitionAdvice *a);
/* By the rules of partition_check_format() without force and partition_check_init(). @listed: it is
 * an ESP on the list. 0 or -ENOMEM. */
int partition_advise(const Partition *p, const Partitions *all, bool listed, PartitionAdvice *ret);

/* The part of the root file system that is on the disk "/dev/sda", as Partition.carries says; NULL:
 * none, or it is not known. */
const char *disk_carries(const Partitions *all, const char *disk) _pure_;

/* A sentence on the whole disk @disk among @all: it carries the root; no ESP is on it, or one that
 * is not on the list, or it has no room for any, being part of something as a whole. @listed: one
 * of its partitions is on the list. *@ret is NULL if there is nothing to be said. 0 or -ENOMEM. */
int disk_advise(const Partition *disk, const Partitions *all, bool listed, char **ret);

/* The sentences of root_disks_advise() begin so. */
#define ROOT_DISK_SENTENCE "Disk "

/* Add a warning to @ret for each disk that carries the root and has no ESP on the list, with the
 * command that makes one. @esp_disks: the whole disk of each ESP that is on the list and present,
 * "" if it is not known. Nothing is said without an ESP, nor if one is made of other devices, which
 * may be on any of the disks; nor, where there are ESPs on two disks, of a disk without room for
 * one. 0 or -ENOMEM. */
int root_disks_advise(const Partitions *all, char *const *esp_disks, Warnings *ret);
