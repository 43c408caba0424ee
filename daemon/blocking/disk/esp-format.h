/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Make an ESP of a partition: its type, and an empty FAT32 on it. */

#include "blocking/copy/copy.h"
#include "core/disk/partition.h"
#include "sys/root.h"

typedef struct EspFormatRequest {
        const char *name; /* the kernel's: "sda2" */
        DeviceId id;      /* of the device that it must still be */
        bool force;       /* see partition_check_format() */
} EspFormatRequest;

/* Nothing is written before every check of partition_check_format() has passed on what lies on the
 * disk now, with disk and partition locked, and each descriptor that is written through is known to
 * be that of the device @request->id. What fails later leaves a partition without a file system, to
 * be formatted again. @watch is asked whether to stop until the first write. *@ret is what is there
 * now. Errors: those of partition_check_format(), DeviceChanged if the name leads to another
 * device, ReadOnly if it is write-protected, Busy if disk or partition is locked by another
 * process, NotSupported without mkfs.fat or for other tables than GPT and MBR, Canceled,
 * VerifyFailed. */
int esp_format(const Root *root, const EspFormatRequest *request, const CopyWatch *watch,
               Partition *ret, Error *error);
