/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One pass over a file: read, hash, hand on. copy_file_range(2) does not work from one file system
 * to vfat, and a second pass for the digest would read everything twice. Memory is one block,
 * however large the file; what becomes of a block is up to the sink. */

#include "blocking/digest-copy.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#define BLOCK_ALIGNMENT 4096 /* O_DIRECT on any disk, 4Kn ones too */

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static int digest_begin(EVP_MD_CTX **ret) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();

        if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        *ret = TAKE_PTR(context);
        return 0;
}

static int digest_end(EVP_MD_CTX *context, char *ret_sha256) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        static const char hex[] = "0123456789abcdef";
        unsigned size;

        if (EVP_DigestFinal_ex(context, digest, &size) != 1)
                return -ENOMEM;
        assert(size * 2 + 1 == DIGEST_HEX_SIZE);

        for (unsigned i = 0; i < size; i++) {
                ret_sha256[2 * i] = hex[digest[i] >> 4];
                ret_sha256[2 * i + 1] = hex[digest[i] & 0xf];
        }
        ret_sha256[2 * size] = '\0';
        return 0;
}

/* True if @fd was in direct mode and is not any more. */
static bool leave_direct(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || !(flags & O_DIRECT) || fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0)
                return false;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        return true;
}

void digest_bypass_cache(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Fill a block as far as the file goes. A file system may accept O_DIRECT and refuse a read, at the
 * latest the one behind an end of file that is not aligned. */
static ssize_t read_block(int fd, char *block, uint64_t offset) {
        size_t size = 0;

        while (size < COPY_BLOCK_SIZE) {
                ssize_t n = pread(fd, block + size, COPY_BLOCK_SIZE - size,
                                  (off_t) (offset + size));

                if (n == 0)
                        break;
                if (n > 0)
                        size += (size_t) n;
                else if (errno != EINTR && (errno != EINVAL || !leave_direct(fd)))
                        return -errno;
        }
        return (ssize_t) size;
}

int digest_read(int fd, digest_sink_t sink, void *userdata, uint64_t *ret_size,
                char ret_sha256[static DIGEST_HEX_SIZE]) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = NULL;
        _cleanup_free_ char *block = aligned_alloc(BLOCK_ALIGNMENT, COPY_BLOCK_SIZE);
        uint64_t size = 0;
        ssize_t n;
        int r;

        assert(fd >= 0);
        assert(ret_size);

        if (!block)
                return -ENOMEM;
        r = digest_begin(&context);
        if (r < 0)
                return r;

        do {
                n = read_block(fd, block, size);
                if (n < 0)
                        return (int) n;
                if (EVP_DigestUpdate(context, block, (size_t) n) != 1)
                        return -ENOMEM;
                r = sink && n > 0 ? sink(block, (size_t) n, userdata) : 0;
                if (r < 0)
                        return r;
                size += (uint64_t) n;
        } while (n == COPY_BLOCK_SIZE);

        r = digest_end(context, ret_sha256);
        if (r < 0)
                return r;
        *ret_size = size;
        return 0;
}

int digest_memory(const void *data, size_t size, char ret_sha256[static DIGEST_HEX_SIZE]) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = NULL;
        int r;

        r = digest_begin(&context);
        if (r < 0)
                return r;
        if (EVP_DigestUpdate(context, data, size) != 1)
                return -ENOMEM;
        return digest_end(context, ret_sha256);
}

int copy_meter_ask(const CopyMeter *m) {
        return m->watch->stop(m->watch->userdata) ? -ECANCELED : 0;
}

bool copy_meter_add(CopyMeter *m, uint64_t bytes) {
        m->pending += bytes;
        return m->pending >= COPY_STRIDE;
}

void copy_meter_tell(CopyMeter *m) {
        if (m->pending > 0)
                m->watch->moved(m->move, m->pending, m->watch->userdata);
        m->pending = 0;
}
