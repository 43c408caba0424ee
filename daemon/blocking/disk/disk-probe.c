/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads each partition through the partition's own device: the kernel caches a disk and its
 * partitions apart, so the disk's view of a file system that is being written is an old one. A
 * partition is matched with the kernel's by its number, and believed to be the same one only if
 * start and size are: else something would be written to the place where the kernel thinks it is.
 */

#include "blocking/disk/disk-probe.h"

#include <fcntl.h>

#include "blocking/disk/disk-content.h"
#include "blocking/disk/block-fd.h"
#include "blocking/disk/root-members.h"
#include "common/fd.h"
#include "common/string-util.h"

#define SECTOR 512

/* The phrase for a device that is busy for no reason that the kernel tells. */
static const char *busy_phrase(const Partition *p) {
        if (p->fs_type && streq(p->fs_type, "zfs_member"))
                return "used by a ZFS pool";
        if (p->fs_type && streq(p->fs_type, "btrfs"))
                return "used by a Btrfs file system";
        return "used by the kernel (device busy)";
}

static int set_phrase(Partition *p, const char *phrase) {
        p->use = PARTITION_USED;
        p->in_use = strdup(phrase);
        return p->in_use ? 0 : -ENOMEM;
}

static int set_unreadable(Partition *p, int error_number) {
        if (error_number == -ENOMEM)
                return error_number;
        p->use = PARTITION_USED;
        p->in_use = strprintf("it cannot be read (%s)", strerror(-error_number));
        return p->in_use ? 0 : -ENOMEM;
}

/* @whole is what uses the disk as a whole, or NULL. */
static int look_at_use(const Root *root, const BlockDevice *d, const char *whole, Partition *p) {
        int r;

        r = partition_use_find(root, d, &p->in_use);
        if (r < 0)
                return r;
        p->use = (PartitionUse) r;
        if (p->use != PARTITION_FREE)
                return 0;
        if (whole)
                return set_phrase(p, whole);
        /* The claim on one partition keeps the whole disk busy. */
        if (p->number != 0 && partition_use_claim(root, d) == -EBUSY)
                return set_phrase(p, busy_phrase(p));
        return 0;
}

static bool is_where_the_kernel_thinks(const Root *root, const BlockDevice *d, const Partition *p) {
        uint64_t start, size;

        return block_device_number(root, d->name, "start", &start) >= 0 &&
               block_device_number(root, d->name, "size", &size) >= 0 && start == p->start_sector &&
               size == p->size_bytes / SECTOR;
}

static int probe_partition(const Root *root, const BlockDevice *d, const char *whole,
                           Partition *p) {
        _cleanup_close_ int fd = partition_use_open(root, d, O_RDONLY);
        int r;

        r = fd < 0 ? fd : disk_content_probe(fd, 0, 0, p);
        if (r < 0)
                return set_unreadable(p, r);
        if (!is_where_the_kernel_thinks(root, d, p))
                return set_phrase(p, "the kernel still has another partition of this number (run "
                                     "'partprobe' or reboot)");
        return look_at_use(root, d, whole, p);
}

/* The kernel could not read the table again, or has not been told to. */
static int probe_unknown(int disk_fd, Partition *p) {
        int r = disk_content_probe(disk_fd, p->start_sector * SECTOR, p->size_bytes, p);

        return r < 0 ? set_unreadable(p, r)
                     : set_phrase(p, "the kernel does not know it yet (run 'partprobe' or reboot)");
}

/* 1 if the kernel has a partition @number of the disk, 0 if not. */
static int find_known(const Root *root, char **names, uint32_t number, BlockDevice *ret) {
        STRV_FOREACH(name, names) {
                _cleanup_(block_device_done) BlockDevice d = {};

                if (block_device_get(root, *name, &d) < 0 || d.number != number)
                        continue;
                *ret = TAKE_STRUCT(d);
                return 1;
        }
        return 0;
}

static int probe_all(const Root *root, const BlockDevice *disk, int disk_fd, Partitions *l) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = disk_content_probe(disk_fd, 0, 0, &l->items[0]);
        if (r >= 0)
                r = look_at_use(root, disk, NULL, &l->items[0]);
        if (r >= 0)
                r = block_disk_partitions(root, disk->name, &names);
        for (size_t i = 1; i < l->n && r >= 0; i++) {
                _cleanup_(block_device_done) BlockDevice d = {};
                Partition *p = &l->items[i];

                r = find_known(root, names, p->number, &d);
                if (r > 0)
                        r = probe_partition(root, &d, l->items[0].in_use, p);
                else
                        r = probe_unknown(disk_fd, p);
        }
        return r;
}

/* Each partition tells of its disk, too: it is what one is recognised by. */
static int add_labels(const Root *root, const BlockDevice *disk, Partitions *l) {
        _cleanup_free_ char *model = NULL, *serial = NULL;
        int r;

        r = block_disk_labels(root, disk->name, &model, &serial);
        for (size_t i = 0; i < l->n && r >= 0; i++) {
                Partition *p = &l->items[i];

                p->diskseq = disk->id.diskseq;
                p->model = model ? strdup(model) : NULL;
                p->serial = serial ? strdup(serial) : NULL;
                if ((model && !p->model) || (serial && !p->serial))
                        r = -ENOMEM;
        }
        return r;
}

int disk_probe(const Root *root, const char *name, Partitions *ret, Error *error) {
        _cleanup_free_ char *path = strprintf("/dev/%s", name);
        _cleanup_(block_device_done) BlockDevice disk = {};
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(root);
        assert(ret);

        if (!path)
                return -ENOMEM;
        r = block_device_get(root, name, &disk);
        if (r >= 0)
                r = fd = partition_use_open(root, &disk, O_RDONLY);
        if (r < 0)
                return error_set_errno(error, r, "Cannot open the disk '%s'", path);
        r = disk_content_read_table(fd, path, &l, error);
        if (r < 0)
                return r;
        r = add_labels(root, &disk, &l);
        if (r >= 0)
                r = probe_all(root, &disk, fd, &l);
        if (r >= 0)
                r = root_members_mark(root, &l);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read the disk '%s'", path);
        *ret = TAKE_STRUCT(l);
        return 0;
}
