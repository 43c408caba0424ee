/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The thread has the source's piece, the block and the descriptor to itself while it is there; the
 * watch, which talks to the daemon, and the error belong to the one who waits. What is smaller than
 * two strides is never offered early, and so costs no thread. */

#include "blocking/esp/esp-read-back.h"

#include <fcntl.h>

#include "common/fd.h"

/* 1 if the block is what was written at @offset, 0 if not. */
static int is_as_written(const ReadBack *b, size_t size, uint64_t offset, Error *error) {
        int r;

        if (!b->source)
                return memcmp(b->block, b->text + offset, size) == 0;
        r = source_equals(b->source, b->block, size, offset, error);
        /* Of another source nothing can be said. */
        return r != 0 ? r : source_check(b->source, error);
}

/* How many bytes were read at @offset and found right, at most up to @end. */
static ssize_t read_block(const ReadBack *b, uint64_t offset, uint64_t end, Error *error) {
        const size_t size = MIN(end - offset, (uint64_t) COPY_BLOCK_SIZE);
        ssize_t n;
        int r;

        n = copy_read_block(b->fd, b->block, size, offset);
        if (n < 0)
                return esp_fail(b->volume, error, (int) n, "read back", b->path);
        r = (size_t) n == size ? is_as_written(b, size, offset, error) : 0;
        if (r == 0)
                return error_set(error, ERROR_VERIFY_FAILED,
                                 "'%s' on ESP '%s' reads back other than it was written; its disk "
                                 "is failing, replace it",
                                 b->path, b->volume->uuid);
        return r < 0 ? r : (ssize_t) size;
}

/* With the lock, which is given up while the disk reads. */
static void verify_next(ReadBack *b) {
        const uint64_t offset = b->verified, end = b->offered;
        ssize_t n;

        (void) pthread_mutex_unlock(&b->lock);
        n = read_block(b, offset, end, &b->failure);
        (void) pthread_mutex_lock(&b->lock);
        if (n < 0)
                b->result = (int) n;
        else
                b->verified += (uint64_t) n;
        (void) pthread_cond_broadcast(&b->changed);
}

static void *verify(void *userdata) {
        ReadBack *b = userdata;

        (void) pthread_mutex_lock(&b->lock);
        while (!b->stop && b->result >= 0) {
                if (b->verified < b->offered)
                        verify_next(b);
                else
                        (void) pthread_cond_wait(&b->changed, &b->lock);
        }
        (void) pthread_mutex_unlock(&b->lock);
        return NULL;
}

void read_back_done(ReadBack *b) {
        if (b->running) {
                (void) pthread_mutex_lock(&b->lock);
                b->stop = true;
                (void) pthread_cond_broadcast(&b->changed);
                (void) pthread_mutex_unlock(&b->lock);
                (void) pthread_join(b->thread, NULL);
        }
        b->fd = safe_close(b->fd);
        b->block = mfree(b->block);
        error_done(&b->failure);
}

int read_back_open(ReadBack *b) {
        b->block = copy_block_new();
        if (!b->block)
                return -ENOMEM;
        b->fd = esp_openat(b->volume, b->path, O_RDONLY, 0);
        if (b->fd < 0)
                return esp_fail(b->volume, b->error, b->fd, "read back", b->path);
        return 0;
}

static void offer(ReadBack *b, uint64_t end) {
        copy_bypass_cache(b->fd);
        (void) pthread_mutex_lock(&b->lock);
        b->offered = end;
        (void) pthread_cond_broadcast(&b->changed);
        (void) pthread_mutex_unlock(&b->lock);
}

void read_back_offer(ReadBack *b, uint64_t end) {
        if (end <= b->offered)
                return;
        offer(b, end);
        if (!b->running)
                b->running = pthread_create(&b->thread, NULL, verify, b) == 0;
}

/* Until more was verified than the meter was told of. */
static int wait_for_more(ReadBack *b, uint64_t *ret_verified) {
        int r;

        (void) pthread_mutex_lock(&b->lock);
        while (b->result >= 0 && b->verified == b->told) {
                if (b->running)
                        (void) pthread_cond_wait(&b->changed, &b->lock);
                else
                        verify_next(b);
        }
        *ret_verified = b->verified;
        r = b->result;
        (void) pthread_mutex_unlock(&b->lock);
        if (r < 0)
                error_move(b->error, &b->failure);
        return r;
}

int read_back_wait(ReadBack *b, uint64_t end) {
        uint64_t verified;
        int r;

        if (end > b->offered)
                offer(b, end);
        while (b->told < end) {
                r = copy_meter_ask(&b->meter);
                if (r >= 0)
                        r = wait_for_more(b, &verified);
                if (r < 0)
                        return r;
                copy_meter_add(&b->meter, verified - b->told);
                b->told = verified;
        }
        return 0;
}
