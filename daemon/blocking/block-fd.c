/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A name tells nothing for sure once it was looked up; a descriptor stays with its device. The
 * kernel numbers disks anew when one is plugged in where another one was, but it never uses a
 * diskseq twice (BLKGETDISKSEQ and the file in sysfs have come together, with Linux 5.15). */

#include "blocking/block-fd.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

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
