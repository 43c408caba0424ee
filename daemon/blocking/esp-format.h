/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Make an ESP of a partition: its type, and an empty FAT32 on it. */

#include "blocking/digest-copy.h"
#include "core/partition.h"
#include "sys/root.h"

/* Format what @device (absolute, "/dev/disk/by-id/x" as well) leads to. Nothing is written before
 * every check of partition_check_format() has passed on what lies on the disk now, with disk and
 * partition locked. What fails later leaves a partition without a file system, to be formatted
 * again. @watch is asked whether to stop until the first write. *@ret is what is there now. Errors:
 * those of partition_check_format(), Busy if disk or partition is locked by another process,
 * NotSupported without mkfs.fat or for other tables than GPT and MBR, Canceled, VerifyFailed. */
int esp_format(const Root *root, const char *device, bool force, const CopyWatch *watch,
               Partition *ret, Error *error);
