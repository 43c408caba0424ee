/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A real FAT volume in a file without a name, made by dosfstools and filled by mtools, so that
 * nothing of ours says what is right. What is gone with the process needs no cleaning up. */

#include <check.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "blocking/copy/copy.h"
#include "common/fd.h"
#include "common/string-util.h"

#define FAT_IMAGE_UUID "ABCD-0123"
#define MIB            (1024 * 1024)

typedef struct FatImage {
        int fd;
        char path[64]; /* for other processes */
        unsigned bits;
} FatImage;

/* A digest of @size bytes. */
static inline void digest_of_memory(const void *data, size_t size,
                                    char ret[static DIGEST_HEX_SIZE]) {
        unsigned char sha256[DIGEST_HEX_SIZE / 2];

        ck_assert_int_eq(EVP_Digest(data, size, sha256, NULL, EVP_sha256(), NULL), 1);
        for (size_t i = 0; i < sizeof(sha256); i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", sha256[i]);
}

/* The same of a whole file or disk. Returns its size. */
static inline uint64_t digest_of(int fd, char ret[static DIGEST_HEX_SIZE]) {
        off_t size = lseek(fd, 0, SEEK_END);
        void *data = size > 0 ? mmap(NULL, (size_t) size, PROT_READ, MAP_SHARED, fd, 0) : NULL;

        ck_assert_int_ge(size, 0);
        ck_assert_ptr_ne(data, MAP_FAILED);
        digest_of_memory(data, (size_t) size, ret);
        if (data)
                ck_assert_int_eq(munmap(data, (size_t) size), 0);
        return (uint64_t) size;
}

static inline void fat_image_done(FatImage *image) {
        safe_close(image->fd);
}
#define _cleanup_fat_image_ _cleanup_(fat_image_done)

/* Run a command of the shell; returns its exit status. What it prints must not get into the TAP. */
static inline int run_tool(const char *command) {
        _cleanup_free_ char *line = strprintf("MTOOLS_SKIP_CHECK=1 LC_ALL=C %s >&2", command);
        int status;

        ck_assert_ptr_nonnull(line);
        status = system(line);
        ck_assert_msg(WIFEXITED(status), "'%s' did not end by itself", command);
        ck_assert_msg(WEXITSTATUS(status) != 127,
                      "'%s' cannot be run; this test needs the packages dosfstools and mtools",
                      command);
        return WEXITSTATUS(status);
}

/* @before IMAGE @after; returns the exit status. */
static inline int fat_image_try(const FatImage *image, const char *before, const char *after) {
        _cleanup_free_ char *command = strprintf("%s %s %s", before, image->path, after);

        ck_assert_ptr_nonnull(command);
        return run_tool(command);
}

static inline void fat_image_tool(const FatImage *image, const char *before, const char *after) {
        ck_assert_msg(fat_image_try(image, before, after) == 0, "'%s IMAGE %s' failed", before,
                      after);
}

static inline int anonymous_file(const char *name, uint64_t size, char ret_path[static 64]) {
        int fd = memfd_create(name, MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, (off_t) size), 0);
        (void) snprintf(ret_path, 64, "/proc/%d/fd/%d", (int) getpid(), fd);
        return fd;
}

static inline void fat_image_init(FatImage *image, unsigned bits) {
        *image = (FatImage){ .bits = bits };
        image->fd = anonymous_file("esp", (bits == 32 ? 64 : 32) * MIB, image->path);
        fat_image_tool(image,
                       bits == 32 ? "mkfs.fat -F 32 -i ABCD0123" : "mkfs.fat -F 16 -i ABCD0123",
                       "");
}

static inline void fat_image_mkdir(const FatImage *image, const char *path) {
        _cleanup_free_ char *after = strprintf("'::%s'", path);

        fat_image_tool(image, "mmd -i", after);
}

/* A file of @size bytes that begin with @seed. */
static inline void fat_image_put(const FatImage *image, const char *path, uint8_t seed,
                                 size_t size) {
        _cleanup_free_ uint8_t *data = malloc(size);
        _cleanup_free_ char *after = NULL;
        _cleanup_close_ int fd = -EBADF;
        char source[64];

        ck_assert_ptr_nonnull(data);
        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t) (seed + i + i / 251);
        fd = anonymous_file("source", 0, source);
        ck_assert_int_eq(write(fd, data, size), (ssize_t) size);
        after = strprintf("%s '::%s'", source, path);
        fat_image_tool(image, "mcopy -i", after);
}

/* SHA-256 of what mtools reads from @path of @image; *@ret_size bytes. */
static inline void fat_image_digest_file(const FatImage *image, const char *path,
                                         uint64_t *ret_size,
                                         char ret_sha256[static DIGEST_HEX_SIZE]) {
        _cleanup_free_ char *after = NULL;
        _cleanup_close_ int fd = -EBADF;
        char target[64];

        fd = anonymous_file("target", 0, target);
        after = strprintf("'::%s' - >%s 2>/dev/null; :", path, target);
        fat_image_tool(image, "mcopy -i", after);
        *ret_size = digest_of(fd, ret_sha256);
}

/* True if all that fat_image_put() wrote with these arguments is still there. */
static inline bool fat_image_has(const FatImage *image, const char *path, uint8_t seed,
                                 size_t size) {
        char found[DIGEST_HEX_SIZE], expect[DIGEST_HEX_SIZE];
        _cleanup_free_ uint8_t *data = malloc(size + 1);
        uint64_t found_size;

        ck_assert_ptr_nonnull(data);
        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t) (seed + i + i / 251);
        digest_of_memory(data, size, expect);
        fat_image_digest_file(image, path, &found_size, found);
        return found_size == size && streq(found, expect);
}

static inline void fat_image_digest(const FatImage *image,
                                    char ret_sha256[static DIGEST_HEX_SIZE]) {
        (void) digest_of(image->fd, ret_sha256);
}

static inline void fat_image_read(const FatImage *image, uint64_t offset, void *data, size_t size) {
        ck_assert_int_eq(pread(image->fd, data, size, (off_t) offset), (ssize_t) size);
}

static inline void fat_image_write(const FatImage *image, uint64_t offset, const void *data,
                                   size_t size) {
        ck_assert_int_eq(pwrite(image->fd, data, size, (off_t) offset), (ssize_t) size);
}

static inline uint32_t fat_image_number(const FatImage *image, uint64_t offset, size_t size) {
        uint8_t bytes[4] = {};

        fat_image_read(image, offset, bytes, size);
        return (uint32_t) (bytes[0] | bytes[1] << 8 | bytes[2] << 16) | (uint32_t) bytes[3] << 24;
}

static inline void fat_image_set_number(const FatImage *image, uint64_t offset, uint32_t value,
                                        size_t size) {
        const uint8_t bytes[4] = { (uint8_t) value, (uint8_t) (value >> 8), (uint8_t) (value >> 16),
                                   (uint8_t) (value >> 24) };

        fat_image_write(image, offset, bytes, size);
}

/* The slot of the one file that is @size bytes long. */
static inline uint64_t fat_image_slot(const FatImage *image, uint32_t size) {
        uint64_t found = 0;
        uint8_t *data;
        struct stat st;

        ck_assert_int_eq(fstat(image->fd, &st), 0);
        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, image->fd, 0);
        ck_assert(data != MAP_FAILED);
        /* Holes are skipped; reading them would fill the memory. */
        for (off_t at = 0; (at = lseek(image->fd, at, SEEK_DATA)) >= 0;) {
                off_t end = lseek(image->fd, at, SEEK_HOLE);

                for (; at + 32 <= end; at += 32)
                        if (memcmp(data + at + 28, &size, 4) == 0 && (data[at + 11] & ~0x20) == 0 &&
                            data[at + 21] == 0) {
                                ck_assert_uint_eq(found, 0);
                                found = (uint64_t) at;
                        }
                at = end;
        }
        (void) munmap(data, (size_t) st.st_size);
        ck_assert_uint_ne(found, 0);
        return found;
}

static inline uint32_t fat_image_first_cluster(const FatImage *image, uint64_t slot) {
        return fat_image_number(image, slot + 26, 2) | fat_image_number(image, slot + 20, 2) << 16;
}

/* Tear a rename in half: the file in the slot @to gets chain and size of that in @from. */
static inline void fat_image_share(const FatImage *image, uint64_t from, uint64_t to) {
        uint8_t entry[32];

        fat_image_read(image, from, entry, sizeof(entry));
        fat_image_write(image, to + 20, entry + 20, 2);
        fat_image_write(image, to + 26, entry + 26, 6);
}

/* Offset of @cluster in the copy @n of the table. */
static inline uint64_t fat_image_table(const FatImage *image, unsigned n, uint32_t cluster) {
        uint32_t reserved = fat_image_number(image, 14, 2);
        uint32_t length = image->bits == 32 ? fat_image_number(image, 36, 4)
                                            : fat_image_number(image, 22, 2);

        return 512ull * (reserved + n * length) + (uint64_t) cluster * image->bits / 8;
}

/* Offset of @cluster; only for 32 bits. */
static inline uint64_t fat_image_cluster(const FatImage *image, uint32_t cluster) {
        return fat_image_table(image, 2, 0) +
               512ull * fat_image_number(image, 13, 1) * (cluster - 2);
}

static inline uint32_t fat_image_next(const FatImage *image, uint32_t cluster) {
        return fat_image_number(image, fat_image_table(image, 0, cluster), image->bits / 8);
}

static inline void fat_image_set_next(const FatImage *image, uint32_t cluster, uint32_t value) {
        for (unsigned n = 0; n < 2; n++)
                fat_image_set_number(image, fat_image_table(image, n, cluster), value,
                                     image->bits / 8);
}

static inline uint64_t fat_image_dirty_at(const FatImage *image) {
        return image->bits == 32 ? 0x41 : 0x25;
}

/* A loop device that goes when the last descriptor of it is closed, and so with the process.
 * Returns its descriptor. */
static inline int loop_attach(int image_fd, char ret_path[static 64]) {
        const struct loop_config config = {
                .fd = (uint32_t) image_fd,
                .info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
        };

        for (unsigned i = 0; i < 50; i++) {
                _cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
                _cleanup_close_ int fd = -EBADF;
                int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

                if (n < 0)
                        break;
                (void) snprintf(ret_path, 64, "/dev/loop%d", n);
                fd = open(ret_path, O_RDWR | O_CLOEXEC);
                if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
                        /* A test that failed may have left it on. */
                        ck_assert_int_eq(ioctl(fd, BLKROSET, &(int){ 0 }), 0);
                        return TAKE_FD(fd);
                }
                if (fd < 0 || errno != EBUSY) /* somebody else was faster */
                        break;
        }
        ck_abort_msg("no loop device can be had (%s); this test needs root and the loop driver",
                     strerror(errno));
        return -1;
}
