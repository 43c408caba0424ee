/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One pass over a file: read, hand on. copy_file_range(2) does not work from one file system to
 * vfat. Memory is one block, however large the file; what becomes of a block is up to the sink.
 * Nothing is hashed: whoever wants to know that a copy is right has both at hand, and compares. */

#include "blocking/copy/copy.h"

#include <fcntl.h>
#include <unistd.h>

#define BLOCK_ALIGNMENT 4096 /* O_DIRECT on any disk, 4Kn ones too */

/* True if @fd was in direct mode and is not any more. */
static bool leave_direct(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || !(flags & O_DIRECT) || fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0)
                return false;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        return true;
}

void copy_bypass_cache(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

char *copy_block_new(void) {
        return aligned_alloc(BLOCK_ALIGNMENT, COPY_BLOCK_SIZE);
}

/* A file system may accept O_DIRECT and refuse a read, at the latest the one behind an end of file
 * that is not aligned. */
ssize_t copy_read_block(int fd, char *block, size_t size, uint64_t offset) {
        size_t have = 0;

        assert(size <= COPY_BLOCK_SIZE);

        while (have < size) {
                ssize_t n = pread(fd, block + have, size - have, (off_t) (offset + have));

                if (n == 0)
                        break;
                if (n > 0)
                        have += (size_t) n;
                else if (errno != EINTR && (errno != EINVAL || !leave_direct(fd)))
                        return -errno;
        }
        return (ssize_t) have;
}

int copy_read(int fd, copy_sink_t sink, void *userdata, uint64_t *ret_size) {
        _cleanup_free_ char *block = copy_block_new();
        uint64_t size = 0;
        ssize_t n;
        int r;

        assert(fd >= 0);
        assert(ret_size);

        if (!block)
                return -ENOMEM;
        do {
                n = copy_read_block(fd, block, COPY_BLOCK_SIZE, size);
                if (n < 0)
                        return (int) n;
                r = n > 0 ? sink(block, (size_t) n, userdata) : 0;
                if (r < 0)
                        return r;
                size += (uint64_t) n;
        } while (n == COPY_BLOCK_SIZE);

        *ret_size = size;
        return 0;
}

int copy_meter_ask(const CopyMeter *m) {
        return m->watch->stop(m->watch->userdata) ? -ECANCELED : 0;
}

void copy_meter_add(CopyMeter *m, uint64_t bytes) {
        m->pending += bytes;
        if (m->pending >= COPY_STRIDE)
                copy_meter_tell(m);
}

void copy_meter_tell(CopyMeter *m) {
        if (m->pending > 0)
                m->watch->moved(m->move, m->pending, m->watch->userdata);
        m->pending = 0;
}
