/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Read a file to its end in large blocks; copying and comparing are what the sink does with the
 * blocks. */

#include "common/content.h"

#define COPY_BLOCK_SIZE (1024 * 1024)
#define COPY_STRIDE     (8 * 1024 * 1024) /* between two reports */

/* Takes one block: COPY_BLOCK_SIZE bytes, the last one of a file less. A negative errno ends the
 * reading with it. */
typedef int (*copy_sink_t)(const void *data, size_t size, void *userdata);

/* Read the regular file @fd from offset 0 and hand each block to @sink. The file offset of @fd is
 * neither used nor moved. -errno of reading or of @sink. */
int copy_read(int fd, copy_sink_t sink, void *userdata, uint64_t *ret_size);

/* Read up to COPY_BLOCK_SIZE bytes at @offset, less only where the file ends, into a block of
 * copy_block_new(). How many, or -errno. */
ssize_t copy_read_block(int fd, char *block, size_t size, uint64_t offset);
/* COPY_BLOCK_SIZE bytes that O_DIRECT takes, to be freed; NULL when out of memory. */
char *copy_block_new(void);

/* From now on reading @fd asks the disk and not the page cache: by O_DIRECT, or where the file
 * system refuses that by dropping what is cached and was written out. */
void copy_bypass_cache(int fd);

typedef enum CopyMove {
        COPY_WRITTEN, /* written out to the disk */
        COPY_READ,    /* read back or compared */
} CopyMove;

/* Follows a long copy. */
typedef struct CopyWatch {
        /* Asked before each block: true ends the copy with -ECANCELED. */
        bool (*stop)(void *userdata);
        /* @bytes more were moved: at each COPY_STRIDE, and the rest at the end. */
        void (*moved)(CopyMove move, uint64_t bytes, void *userdata);
        /* Something that is to be known, and no reason to stop: a sentence without its full stop.
         * NULL: nobody cares. */
        void (*noted)(const char *sentence, void *userdata);
        void *userdata;
} CopyWatch;

/* Adds up blocks for a watch, which is not to be woken for each of them. */
typedef struct CopyMeter {
        const CopyWatch *watch;
        CopyMove move;
        uint64_t pending;
} CopyMeter;

/* -ECANCELED if the watch wants to stop, else 0. */
int copy_meter_ask(const CopyMeter *m);
/* Count @bytes, and tell of them at each COPY_STRIDE. */
void copy_meter_add(CopyMeter *m, uint64_t bytes);
/* Tell what was counted and not told yet, if anything: at the end. */
void copy_meter_tell(CopyMeter *m);
