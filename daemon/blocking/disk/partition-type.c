/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libfdisk reads the whole table, one number in it is changed, and it writes the table with its
 * checksums. The table is not handed to the kernel anew (BLKRRPART), which would fail as long as
 * any partition of the disk is mounted, and otherwise make all of them vanish for a moment. */

#include "blocking/disk/partition-type.h"

#include <libfdisk/libfdisk.h>
#include <unistd.h>

#include "common/string-util.h"

#define SECTOR 512

DEFINE_CLEANUP(struct fdisk_context *, fdisk_unref_context)
DEFINE_CLEANUP(struct fdisk_partition *, fdisk_unref_partition)
DEFINE_CLEANUP(struct fdisk_parttype *, fdisk_unref_parttype)

/* libfdisk counts partitions from 0, and in the disk's sectors. */
static int check_entry(struct fdisk_context *context, const Partition *p, Error *error) {
        _cleanup_(fdisk_unref_partitionp) struct fdisk_partition *entry = NULL;
        uint64_t sector = fdisk_get_sector_size(context);

        if (p->number > 0 && fdisk_get_partition(context, p->number - 1, &entry) >= 0 &&
            fdisk_partition_has_start(entry) && fdisk_partition_has_size(entry) &&
            fdisk_partition_get_start(entry) * sector == p->start_sector * SECTOR &&
            fdisk_partition_get_size(entry) * sector == p->size_bytes)
                return 0;
        return error_set(error, ERROR_NOT_A_PARTITION,
                         "'%s' is not in the partition table of '%s' as it was a moment ago; look "
                         "at the table with 'fdisk -l', and try again",
                         p->device, p->disk);
}

static int find_type(struct fdisk_context *context, const Partition *p, Error *error,
                     struct fdisk_parttype **ret) {
        struct fdisk_label *label = fdisk_get_label(context, NULL);
        struct fdisk_parttype *type = NULL;

        if (fdisk_is_labeltype(context, FDISK_DISKLABEL_GPT))
                type = fdisk_label_get_parttype_from_string(label, "C12A7328-F81F-11D2-BA4B-"
                                                                   "00A0C93EC93B");
        else if (fdisk_is_labeltype(context, FDISK_DISKLABEL_DOS))
                type = fdisk_label_get_parttype_from_code(label, 0xef);
        if (!type)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The partition table of '%s' is neither GPT nor MBR, so '%s' "
                                 "cannot be made an ESP; partition the disk anew",
                                 p->disk, p->device);
        *ret = type;
        return 0;
}

int partition_type_set_esp(int fd, const Partition *p, Error *error) {
        _cleanup_(fdisk_unref_contextp) struct fdisk_context *context = fdisk_new_context();
        _cleanup_(fdisk_unref_parttypep) struct fdisk_parttype *type = NULL;
        int r;

        if (!context)
                return -ENOMEM;
        if (partition_is_esp(p))
                return 0;
        r = fdisk_assign_device_by_fd(context, fd, p->disk, false);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read the partition table of '%s'",
                                       p->disk);
        r = find_type(context, p, error, &type);
        if (r >= 0)
                r = check_entry(context, p, error);
        if (r < 0)
                return r;
        r = fdisk_set_partition_type(context, p->number - 1, type);
        if (r == 0)
                r = fdisk_write_disklabel(context);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot write the type of '%s' into the partition table of "
                                       "'%s'",
                                       p->device, p->disk);
        if (fsync(fd) < 0)
                return error_set_errno(error, errno, "Cannot write the partition table of '%s'",
                                       p->disk);
        return 1;
}
