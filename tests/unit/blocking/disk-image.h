/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A disk in a file without a name, partitioned by sfdisk; as a loop device with partitions that the
 * kernel knows, it is gone with the process. */

#include <linux/blkpg.h>
#include <sys/sysmacros.h>

#include "core/disk/partition.h"
#include "fat-image.h"
#include "sys/root.h"

#define TYPE_LINUX_GPT "0fc63daf-8483-4772-8e79-3d69d8477de4"

typedef struct DiskImage {
        int fd;
        char path[64];
        unsigned sector_bytes;
        int loop;
        char loop_path[64];
        Root *root;
        Error error;
} DiskImage;

static inline void disk_image_done(DiskImage *d) {
        safe_close(d->loop);
        safe_close(d->fd);
        root_free(d->root);
        error_done(&d->error);
}
#define _cleanup_disk_image_ _cleanup_(disk_image_done)

/* @command IMAGE; it must succeed. */
static inline void disk_image_run(const DiskImage *d, const char *command) {
        _cleanup_free_ char *line = strprintf("%s %s", command, d->path);

        ck_assert_msg(run_tool(line) == 0, "'%s' failed", line);
}

/* @script is sfdisk's, with '\n' between its lines; NULL: no table. Sizes in it are in sectors or
 * with a unit. */
static inline void disk_image_init(DiskImage *d, uint64_t mib, const char *script) {
        *d = (DiskImage){ .loop = -EBADF, .sector_bytes = 512 };
        d->fd = anonymous_file("disk", mib * MIB, d->path);
        if (script) {
                _cleanup_free_ char *command = strprintf("printf '%s\\n' | sfdisk -q", script);

                disk_image_run(d, command);
        }
}

/* The name below /dev of partition @number, or of the disk. */
static inline const char *disk_image_name(const DiskImage *d, unsigned number) {
        static char buffer[4][80];
        static unsigned n;
        char *name = buffer[n++ % ELEMENTSOF(buffer)];

        (void) snprintf(name, sizeof(buffer[0]), number ? "%sp%u" : "%s", d->loop_path, number);
        return name;
}

/* Make a loop device of it, without partitions yet. */
static inline void disk_image_attach(DiskImage *d, unsigned sector_bytes) {
        const struct loop_config config = {
                .fd = (uint32_t) d->fd,
                .block_size = sector_bytes,
                .info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN },
        };

        ck_assert_int_eq(root_open("/", &d->root), 0);
        for (unsigned i = 0; i < 50; i++) {
                _cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
                int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

                (void) snprintf(d->loop_path, sizeof(d->loop_path), "/dev/loop%d", n);
                d->loop = n < 0 ? -1 : open(d->loop_path, O_RDWR | O_CLOEXEC);
                if (d->loop >= 0 && ioctl(d->loop, LOOP_CONFIGURE, &config) == 0) {
                        d->sector_bytes = sector_bytes;
                        /* A test that failed may have left it on. */
                        ck_assert_int_eq(ioctl(d->loop, BLKROSET, &(int){ 0 }), 0);
                        return;
                }
                d->loop = safe_close(d->loop);
        }
        ck_abort_msg("no loop device can be had (%s); this test needs root and the loop driver",
                     strerror(errno));
}

/* Tell the kernel of a partition; not every kernel reads tables by itself. */
static inline void disk_image_add(DiskImage *d, int number, uint64_t start_mib, uint64_t size_mib) {
        struct blkpg_partition partition = {
                .start = (long long) (start_mib * MIB),
                .length = (long long) (size_mib * MIB),
                .pno = number,
        };
        struct blkpg_ioctl_arg arg = {
                .op = BLKPG_ADD_PARTITION,
                .datalen = sizeof(partition),
                .data = &partition,
        };

        ck_assert_msg(ioctl(d->loop, BLKPG, &arg) == 0 || errno == EBUSY,
                      "partition %d cannot be added: %s", number, strerror(errno));
        ck_assert_msg(access(disk_image_name(d, (unsigned) number), F_OK) == 0,
                      "'%s' is not there; this test needs devtmpfs or udev",
                      disk_image_name(d, (unsigned) number));
}

/* The one with this number; the test fails if there is none. */
static inline const Partition *partition_of(const Partitions *l, unsigned number) {
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].number == number)
                        return &l->items[i];
        ck_abort_msg("no partition %u", number);
        return NULL;
}
