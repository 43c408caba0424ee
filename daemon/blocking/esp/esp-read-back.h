/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Is on the disk what was written? A file that is being staged is read again and compared with what
 * it was made of, in a thread of its own: reading, comparing and the copying of what follows take
 * as long as the longest of them, and not as long as all of them. */

#include <pthread.h>

#include "blocking/copy/copy.h"
#include "blocking/copy/source.h"
#include "blocking/esp/esp-open.h"

typedef struct ReadBack {
        /* For the caller to fill. */
        const EspVolume *volume;
        const char *path; /* on the ESP */
        Source *source;   /* of what was written, which nobody else compares; NULL: the text */
        const char *text;
        CopyMeter meter;
        Error *error;

        /* Private. */
        int fd;
        char *block;
        uint64_t told; /* to the meter */

        pthread_t thread;
        bool running;
        pthread_mutex_t lock; /* for what follows, once there is a thread */
        pthread_cond_t changed;
        uint64_t offered, verified; /* the disk was given all up to there, and gave it back */
        bool stop;
        int result; /* the first failure */
        Error failure;
} ReadBack;

#define READ_BACK_INIT \
        .fd = -EBADF, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER

/* Ends the thread, after the block that it is at. */
void read_back_done(ReadBack *b);

/* Open the file, which exists. */
int read_back_open(ReadBack *b);

/* The disk was given all of the file up to @end: the thread may read that. Where none can be
 * started, read_back_wait() reads. */
void read_back_offer(ReadBack *b, uint64_t end);

/* Until all up to @end, which the disk was given, was read back and is as it was written; the meter
 * is asked and told meanwhile. VerifyFailed if it is not; -ESTALE if the source is another one now;
 * -ECANCELED if the watch stopped it. */
int read_back_wait(ReadBack *b, uint64_t end);
