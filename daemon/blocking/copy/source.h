/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file below the root that is to be copied, and must be the one that was planned, before and
 * after. */

#include "common/error.h"
#include "common/content.h"
#include "sys/root.h"

typedef struct Source {
        int fd;
        char *name; /* for messages */
        FileStamp stamp;
        char *piece; /* read to be compared; NULL until then */
} Source;

#define SOURCE_INIT ((Source){ .fd = -EBADF })

void source_done(Source *s);

/* Open @path below @root. -ESTALE if it is gone, its stamp is not @stamp, or somebody has it open
 * for writing. The caller ignores SIGIO, which the kernel sends if a writer comes in the instant of
 * that check. */
int source_open(const Root *root, const char *path, const FileStamp *stamp, Source *ret,
                Error *error);

/* -ESTALE if the open file's stamp is no longer the one that it was opened with. */
int source_check(const Source *s, Error *error);

/* Compare @size bytes with the source's at @offset: 1 if they are the same, 0 if not, -errno with
 * @error if the source cannot be read, or -ENOMEM. */
int source_equals(Source *s, const void *data, size_t size, uint64_t offset, Error *error);

/* Fill @error for a failed read; returns @error_number as a negative errno. */
int source_fail(const Source *s, Error *error, int error_number);
