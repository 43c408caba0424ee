/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table is read from the disk and not from the kernel, which keeps neither type nor label of a
 * partition, and may know of an older table. A partition that holds a partition table, as a raw
 * disk of a virtual machine does, is not empty. */

#include "blocking/disk/disk-content.h"

#include <blkid/blkid.h>
#include <ctype.h>

#include "common/string-util.h"
#include "core/wire/report.h"

#define SECTOR    512  /* in which libblkid counts, whatever the disk's sectors are */
#define WIPES_MAX 4096 /* a ZFS pool has some hundred signatures */

DEFINE_CLEANUP(blkid_probe, blkid_free_probe)

static int new_probe(int fd, uint64_t offset, uint64_t size, blkid_probe *ret) {
        _cleanup_(blkid_free_probep) blkid_probe probe = blkid_new_probe();

        if (!probe)
                return -ENOMEM;
        errno = 0;
        if (blkid_probe_set_device(probe, fd, (blkid_loff_t) offset, (blkid_loff_t) size) < 0)
                return -(errno ?: EIO);
        *ret = TAKE_PTR(probe);
        return 0;
}

/* A lower-case copy; NULL stays NULL. */
static int copy_lower(const char *value, char **ret) {
        if (isempty(value))
                return 0;
        *ret = strdup(value);
        if (!*ret)
                return -ENOMEM;
        for (char *c = *ret; *c != '\0'; c++)
                *c = (char) tolower((unsigned char) *c);
        return 0;
}

static int copy_value(blkid_probe probe, const char *name, char **ret) {
        const char *value;

        if (blkid_probe_lookup_value(probe, name, &value, NULL) < 0)
                return 0;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

/* Tell several signatures from a read that failed after blkid_do_safeprobe() has said one of both:
 * -2 or -errno up to util-linux 2.38, -1 of either since 2.39, whatever its documentation says. One
 * by one the signatures are found again, or the read fails again. */
static int find_several(blkid_probe probe, Partition *p) {
        unsigned found = 0;
        int r;

        blkid_reset_probe(probe);
        (void) blkid_probe_enable_partitions(probe, false);
        do {
                errno = 0;
                r = blkid_do_probe(probe);
                found += r == 0;
        } while (r == 0);
        if (r < 0 || found < 2)
                return -(errno ?: EIO);
        p->fs_type = strdup(PARTITION_SEVERAL);
        return p->fs_type ? 0 : -ENOMEM;
}

int disk_content_probe(int fd, uint64_t offset, uint64_t size, Partition *p) {
        _cleanup_(blkid_free_probep) blkid_probe probe = NULL;
        int r;

        r = new_probe(fd, offset, size, &probe);
        if (r < 0)
                return r;
        (void) blkid_probe_enable_superblocks(probe, true);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID |
                                                                        BLKID_SUBLKS_LABEL);
        (void) blkid_probe_enable_partitions(probe, true);

        r = blkid_do_safeprobe(probe);
        if (r < 0)
                return find_several(probe, p);
        if (r == 1)
                return 0;
        r = copy_value(probe, "TYPE", &p->fs_type);
        if (r >= 0)
                r = copy_value(probe, "UUID", &p->fs_uuid);
        if (r >= 0)
                r = copy_value(probe, "LABEL", &p->label);
        if (r >= 0 && !p->fs_type)
                r = copy_value(probe, "PTTYPE", &p->fs_type);
        return r;
}

/* sda2, but nvme0n1p2: a "p" stands between two digits. */
static char *partition_name(const char *disk, uint32_t number) {
        bool digit = isdigit((unsigned char) disk[strlen(disk) - 1]);

        return strprintf("%s%s%u", disk, digit ? "p" : "", number);
}

static int add_disk(blkid_probe probe, const char *disk, Partitions *l) {
        _cleanup_(partition_done) Partition p = {
                .device = strdup(disk),
                .disk = strdup(disk),
                .size_bytes = (uint64_t) blkid_probe_get_size(probe),
                .sector_bytes = blkid_probe_get_sectorsize(probe),
        };

        return p.device && p.disk ? partitions_take(l, &p) : -ENOMEM;
}

/* GPT's types are GUIDs, those of MBR numbers. */
static int copy_type(blkid_partition entry, char **ret) {
        const char *type = blkid_partition_get_type_string(entry);

        if (!isempty(type))
                return copy_lower(type, ret);
        *ret = strprintf("0x%x", (unsigned) blkid_partition_get_type(entry));
        return *ret ? 0 : -ENOMEM;
}

static int add_entry(blkid_partition entry, const char *disk, Partitions *l) {
        _cleanup_(partition_done) Partition p = {
                .size_bytes = SECTOR * (uint64_t) blkid_partition_get_size(entry),
                .start_sector = (uint64_t) blkid_partition_get_start(entry),
                .number = (uint32_t) blkid_partition_get_partno(entry),
                .sector_bytes = l->items[0].sector_bytes,
        };
        int r;

        p.device = partition_name(disk, p.number);
        p.disk = strdup(disk);
        if (!p.device || !p.disk)
                return -ENOMEM;
        r = copy_lower(blkid_partition_get_uuid(entry), &p.part_uuid);
        if (r >= 0)
                r = copy_type(entry, &p.part_type);
        return r < 0 ? r : partitions_take(l, &p);
}

/* An entry of a table that lies in a partition has no number of the kernel's kind. */
static bool is_partition(blkid_partition entry) {
        return blkid_partition_get_partno(entry) > 0 && !blkid_partition_is_extended(entry) &&
               !blkid_parttable_get_parent(blkid_partition_get_table(entry));
}

static int read_entries(blkid_probe probe, const char *disk, Partitions *l) {
        blkid_partlist entries;
        int r;

        (void) blkid_probe_enable_superblocks(probe, false);
        (void) blkid_probe_enable_partitions(probe, true);
        errno = 0;
        r = blkid_do_safeprobe(probe);
        if (r < 0)
                return -(errno ?: EIO);
        entries = r == 0 ? blkid_probe_get_partitions(probe) : NULL;
        r = 0;
        for (int i = 0; entries && r >= 0 && i < blkid_partlist_numof_partitions(entries); i++) {
                blkid_partition entry = blkid_partlist_get_partition(entries, i);

                if (is_partition(entry))
                        r = l->n < DISK_PARTITIONS_MAX ? add_entry(entry, disk, l) : -E2BIG;
        }
        return r;
}

int disk_content_read_table(int fd, const char *disk, Partitions *ret, Error *error) {
        _cleanup_(blkid_free_probep) blkid_probe probe = NULL;
        _cleanup_(partitions_done) Partitions l = {};
        int r;

        r = new_probe(fd, 0, 0, &probe);
        if (r >= 0)
                r = add_disk(probe, disk, &l);
        if (r >= 0)
                r = read_entries(probe, disk, &l);
        if (r == -E2BIG)
                return error_set(error, ERROR_FAILED,
                                 "The partition table of '%s' has more than %u partitions; look at "
                                 "it with 'fdisk -l %s'",
                                 disk, DISK_PARTITIONS_MAX - 1, disk);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read the partition table of '%s'", disk);
        *ret = TAKE_STRUCT(l);
        return 0;
}

int disk_content_wipe(int fd, const Partition *p, const CopyWatch *watch, Error *error) {
        _cleanup_(blkid_free_probep) blkid_probe probe = NULL;
        int r;

        r = new_probe(fd, 0, 0, &probe);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read '%s'", p->device);
        (void) blkid_probe_enable_superblocks(probe, true);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE |
                                                                        BLKID_SUBLKS_BADCSUM);
        (void) blkid_probe_enable_partitions(probe, true);
        (void) blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);

        for (unsigned n = 0;; n++) {
                errno = 0;
                r = blkid_do_probe(probe);
                if (r == 1)
                        return 0;
                if (r == 0 && n < WIPES_MAX)
                        r = blkid_do_wipe(probe, false);
                else if (r == 0)
                        errno = EIO;
                if (r < 0 || n == WIPES_MAX)
                        return error_set_errno(error, errno ?: EIO,
                                               "Cannot remove what is on '%s' (check its disk)",
                                               p->device);
                watch->moved(COPY_READ, 0, watch->userdata);
        }
}
