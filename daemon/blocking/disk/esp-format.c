/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order: lock, look, decide, claim, and only then write, through descriptors that are known to
 * be those of the device that was asked for: the type, nothing where something was, and the file
 * system by mkfs.fat. The disk's lock is the one that udev asks for: it does not touch the disk
 * until we are done. Each descriptor that was written through is closed before that, so that udev,
 * which notices the closing, finds the disk locked: it then looks at every partition again, and
 * does not ask the kernel to read the table anew, which would make them vanish for a moment.
 *
 * mkfs.fat is given the disk's sector size, on which the FAT's own must not be smaller, and chooses
 * the clusters: one sector of a 4Kn disk, so that a small partition still has the 65525 of FAT32.
 */

#include "blocking/disk/esp-format.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "blocking/disk/block-fd.h"
#include "blocking/disk/disk-content.h"
#include "blocking/disk/disk-probe.h"
#include "blocking/disk/partition-type.h"
#include "blocking/program/program.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/esp/fat.h"

#define MKFS               "/sbin/mkfs.fat"
#define MKFS_TIMEOUT_SEC   600
#define FAT32_CLUSTERS_MIN 65525

/* udev has a disk locked while it looks at it, which it does after each change of it. */
#define LOCK_TRIES_MAX  100
#define LOCK_PAUSE_NSEC (100 * 1000 * 1000)

typedef struct Target {
        BlockDevice device;
        BlockDevice disk;
        int fd, disk_fd; /* O_RDONLY and locked */
        Partition partition;
} Target;

static void target_done(Target *t) {
        safe_close(t->fd);
        safe_close(t->disk_fd);
        block_device_done(&t->device);
        block_device_done(&t->disk);
        partition_done(&t->partition);
}

static int fail_changed(const char *name, Error *error) {
        return error_set(error, ERROR_DEVICE_CHANGED,
                         "'/dev/%s' is another device now than when it was asked for, and nothing "
                         "was written to it; look at it with 'lsblk', and ask again",
                         name);
}

/* @action: "look at", "open", "write to". */
static int fail_open(const char *action, const char *name, int error_number, Error *error) {
        switch (error_number) {
        case -ENOENT:
        case -ENODEV:
                return error_set(error, ERROR_NOT_A_PARTITION,
                                 "'/dev/%s' is not there; see 'lsblk' for the partitions of this "
                                 "host",
                                 name);
        case -ESTALE:
                return fail_changed(name, error);
        default: /* errno is not our enum */
                return error_set_errno(error, error_number, "Cannot %s '/dev/%s'", action, name);
        }
}

static int lock(int fd) {
        for (unsigned i = 0; i < LOCK_TRIES_MAX; i++) {
                if (i > 0)
                        (void) nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NSEC }, NULL);
                if (flock(fd, LOCK_EX | LOCK_NB) >= 0)
                        return 0;
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return -errno;
        }
        return -EWOULDBLOCK;
}

static int open_locked(const Root *root, const BlockDevice *d, Error *error) {
        _cleanup_close_ int fd = partition_use_open(root, d, O_RDONLY);
        int r;

        if (fd < 0)
                return fail_open("open", d->name, fd, error);
        r = lock(fd);
        if (r == -EWOULDBLOCK)
                return error_set(error, ERROR_BUSY,
                                 "'/dev/%s' is being worked on by another process; try again when "
                                 "that has ended",
                                 d->name);
        if (r < 0)
                return error_set_errno(error, r, "Cannot lock '/dev/%s'", d->name);
        return TAKE_FD(fd);
}

/* Read the disk's table and the partition itself anew. */
static int look(const Root *root, const Target *t, Partition *ret, Error *error) {
        _cleanup_(partitions_done) Partitions all = {};
        int r;

        r = disk_probe(root, t->disk.name, &all, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < all.n; i++)
                if (all.items[i].number == t->device.number) {
                        *ret = TAKE_STRUCT(all.items[i]);
                        return 0;
                }
        return error_set(error, ERROR_NOT_A_PARTITION,
                         "'/dev/%s' is not in the partition table of '/dev/%s'; name one of the "
                         "partitions that 'lsblk' shows",
                         t->device.name, t->disk.name);
}

static int open_target(const Root *root, const EspFormatRequest *request, Target *t, Error *error) {
        int r;

        r = block_device_get(root, request->name, &t->device);
        if (r >= 0)
                r = block_device_get(root, t->device.disk, &t->disk);
        if (r < 0)
                return fail_open("look at", request->name, r, error);
        if (!device_id_equal(&t->device.id, &request->id))
                return fail_changed(request->name, error);
        r = t->disk_fd = open_locked(root, &t->disk, error);
        if (r >= 0 && t->device.number != 0)
                r = t->fd = open_locked(root, &t->device, error);
        return r < 0 ? r : look(root, t, &t->partition, error);
}

static int check(const Target *t, bool force, const CopyWatch *watch, Error *error) {
        int r;

        r = partition_check_format(&t->partition, force, error);
        if (r < 0)
                return r;
        if (block_fd_is_read_only(t->fd) > 0)
                return error_set(error, ERROR_READ_ONLY,
                                 "'%s' is write-protected, by a switch on its disk or because that "
                                 "is worn out; switch that off, or take another disk",
                                 t->partition.device);
        if (access(MKFS, X_OK) < 0)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "'" MKFS "' is needed to format '%s'; install the package "
                                 "dosfstools",
                                 t->partition.device);
        if (watch->stop(watch->userdata))
                return error_set(error, ERROR_CANCELED, "'%s' was left as it was",
                                 t->partition.device);
        return 0;
}

/* Closing the disk makes udev look at all of its partitions, so it is opened for writing only when
 * there is something to write. */
static int set_type(const Root *root, const Target *t, Error *error) {
        _cleanup_close_ int fd = -EBADF;

        if (partition_is_esp(&t->partition))
                return 0;
        fd = partition_use_open(root, &t->disk, O_RDWR);
        if (fd < 0)
                return fail_open("write to", t->disk.name, fd, error);
        return partition_type_set_esp(fd, &t->partition, error);
}

/* While it is claimed nobody can mount it, nor make an array of it. */
static int clear(const Root *root, const Target *t, const CopyWatch *watch, Error *error) {
        _cleanup_close_ int fd = block_fd_claim(t->fd, O_RDWR, BLOCK_CLAIM_TRIES);
        int r = fd < 0 ? fd : block_fd_check(fd, &t->device.id);

        if (r == -EBUSY)
                return error_set(error, ERROR_ESP_IN_USE,
                                 "'%s' has just been taken into use by somebody else; it is left "
                                 "as it was",
                                 t->partition.device);
        if (r < 0)
                return fail_open("write to", t->device.name, r, error);
        block_fd_forget_errors(t->fd);
        block_fd_forget_errors(t->disk_fd);
        r = set_type(root, t, error);
        if (r >= 0)
                r = disk_content_wipe(fd, &t->partition, watch, error);
        return r;
}

/* It claims the partition by itself. */
static int make_fat(const Target *t, const CopyWatch *watch, Error *error) {
        char sector[sizeof("4294967295")];
        const char *const argv[] = { MKFS, "-F", "32", "-S", sector, "/proc/self/fd/3", NULL };
        int r;

        (void) snprintf(sector, sizeof(sector), "%u", t->partition.sector_bytes);
        r = program_run(argv, t->fd, MKFS_TIMEOUT_SEC, watch, error);
        if (r > 0)
                return error_set(error, ERROR_FAILED,
                                 "mkfs.fat could not format '%s' (exit status %d, see the "
                                 "journal); check its disk, then format it again",
                                 t->partition.device, r);
        if (r >= 0 && (fsync(t->fd) < 0 || fsync(t->disk_fd) < 0))
                return error_set_errno(error, errno, "Cannot write to '%s'", t->partition.device);
        return r;
}

static int verify(const Root *root, const Target *t, Partition *ret, Error *error) {
        _cleanup_(partition_done) Partition p = {};
        uint8_t sector[FAT_BOOT_SECTOR_SIZE];
        Fat fat;
        int r;

        r = look(root, t, &p, error);
        if (r < 0)
                return r;
        if (!partition_is_esp(&p) || !p.fs_type || !streq(p.fs_type, "vfat") || !p.fs_uuid ||
            pread(t->fd, sector, sizeof(sector), 0) != sizeof(sector) ||
            fat_parse(sector, &fat) < 0 || fat.bits != 32 || fat.n_clusters < FAT32_CLUSTERS_MIN)
                return error_set(error, ERROR_VERIFY_FAILED,
                                 "'%s' was formatted, but what is read back from it is no ESP with "
                                 "FAT32; check its disk",
                                 t->partition.device);
        *ret = TAKE_STRUCT(p);
        return 0;
}

int esp_format(const Root *root, const EspFormatRequest *request, const CopyWatch *watch,
               Partition *ret, Error *error) {
        _cleanup_(target_done) Target t = { .fd = -EBADF, .disk_fd = -EBADF };
        int r;

        assert(root);
        assert(request);
        assert(ret);

        r = open_target(root, request, &t, error);
        if (r >= 0)
                r = check(&t, request->force, watch, error);
        if (r >= 0)
                r = clear(root, &t, watch, error);
        if (r >= 0)
                r = make_fat(&t, watch, error);
        return r < 0 ? r : verify(root, &t, ret, error);
}
