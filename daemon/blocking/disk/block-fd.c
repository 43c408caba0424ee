/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A name tells nothing for sure once it was looked up; a descriptor stays with its device. The
 * kernel numbers disks anew when one is plugged in where another one was, but it never uses a
 * diskseq twice (BLKGETDISKSEQ and the file in sysfs have come together, with Linux 5.15).
 *
 * The kernel knows that a device is claimed, but not by whom: the users that it does tell of are
 * asked for first, since a user can do something about a name. */

#include "blocking/disk/block-fd.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "core/disk/partition.h"
#include "sys/file.h"

#define PATH_SWAPS "proc/swaps"
#define SWAPS_MAX  (64 * 1024)

int block_fd_check(int fd, const DeviceId *id) {
        uint64_t diskseq;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;
        if (st.st_rdev != id->number)
                return -ESTALE;
        if (id->diskseq == 0)
                return 0;
        if (ioctl(fd, BLKGETDISKSEQ, &diskseq) < 0)
                return -errno;
        return diskseq == id->diskseq ? 0 : -ESTALE;
}

int block_fd_is_read_only(int fd) {
        int read_only;

        return ioctl(fd, BLKROGET, &read_only) < 0 ? -errno : read_only != 0;
}

/* The kernel keeps an error of writing back until somebody is told, and tells the next one who
 * asks, though he has opened the device later: a worker of today would fail for what another one
 * wrote while the disk did not answer. Nothing of that is believed anyway: content is compared. */
void block_fd_forget_errors(int fd) {
        (void) fsync(fd);
}

int block_fd_claim(int fd, int flags, unsigned tries) {
        int claim = -EBUSY;

        for (unsigned i = 0; i < tries && claim == -EBUSY; i++) {
                if (i > 0)
                        block_claim_pause();
                claim = fd_reopen(fd, flags | O_EXCL | O_NONBLOCK);
        }
        return claim;
}

void block_claim_pause(void) {
        (void) nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
}

DEFINE_CLEANUP(struct libmnt_table *, mnt_unref_table)

int partition_use_open(const Root *root, const BlockDevice *d, int flags) {
        _cleanup_free_ char *path = strprintf("dev/%s", d->name);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!path)
                return -ENOMEM;
        fd = root_openat(root, path, flags | O_CLOEXEC | O_NONBLOCK, 0);
        if (fd < 0)
                return fd;
        r = block_fd_check(fd, &d->id);
        return r < 0 ? r : TAKE_FD(fd);
}

int partition_use_claim(const Root *root, const BlockDevice *d) {
        _cleanup_close_ int fd = partition_use_open(root, d, O_RDONLY | O_EXCL);

        return MIN(fd, 0);
}

static int find_mount(const char *mountinfo, dev_t device, char **ret) {
        _cleanup_(mnt_unref_tablep) struct libmnt_table *table = NULL;
        struct libmnt_fs *fs;

        errno = 0;
        table = mnt_new_table_from_file(mountinfo);
        if (!table)
                return -(errno ?: EIO);
        fs = mnt_table_find_devno(table, device, MNT_ITER_BACKWARD);
        if (!fs)
                return 0;
        *ret = strprintf(PARTITION_MOUNTED_ON "%s", strempty(mnt_fs_get_target(fs)));
        return *ret ? PARTITION_MOUNTED : -ENOMEM;
}

/* The first word of each line but the head is a path; a blank in it is "\040", which no device
 * that counts here has. */
static int find_swap(const Root *root, dev_t device, char **ret) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        size_t size, n, pos = 0;
        int r;

        r = file_read(root, PATH_SWAPS, SWAPS_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        while (line_next(text, size, &pos, &line, &n) > 0) {
                _cleanup_free_ char *path = NULL;
                struct stat st;

                if (n == 0 || line[0] != '/')
                        continue;
                path = strndup(line + 1, strcspn(line + 1, " \t\n"));
                if (!path)
                        return -ENOMEM;
                if (root_stat(root, path, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != device)
                        continue;
                *ret = strdup("used as swap");
                return *ret ? PARTITION_USED : -ENOMEM;
        }
        return 0;
}

static int find_holder(const Root *root, const char *name, char **ret) {
        _cleanup_strv_ char **holders = NULL;
        _cleanup_free_ char *names = NULL;
        int r;

        r = block_device_holders(root, name, &holders);
        if (r < 0 || strv_isempty(holders))
                return r;
        names = strv_join(holders, ", ");
        if (names)
                *ret = strprintf("used by %s", names);
        return names && *ret ? PARTITION_USED : -ENOMEM;
}

int partition_use_find(const Root *root, const BlockDevice *d, char **ret) {
        int r;

        r = find_mount("/proc/self/mountinfo", d->id.number, ret);
        if (r != 0)
                return r;
        r = find_mount("/proc/1/mountinfo", d->id.number, ret);
        if (r > 0 || r == -ENOMEM) /* not everybody may read it */
                return r;
        r = find_swap(root, d->id.number, ret);
        return r != 0 ? r : find_holder(root, d->name, ret);
}
