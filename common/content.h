/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the content of a file is told: by a stamp, without reading it, or by its digest. */

#include "common/macros.h"

/* Identifies the content of a file without reading it. Times in ns since the epoch. */
typedef struct FileStamp {
        uint64_t inode;
        uint64_t size;
        uint64_t mtime;
        uint64_t ctime;
} FileStamp;

static inline bool file_stamp_equal(const FileStamp *a, const FileStamp *b) {
        return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
               a->ctime == b->ctime;
}

#define DIGEST_HEX_SIZE 65 /* SHA-256 in lower-case hex, with the NUL */

/* True for 64 lower-case hex digits: only the one spelling that we write ourselves is taken, so
 * that two digests are equal where their texts are. @s may be NULL. */
static inline bool digest_is_valid(const char *s) {
        return s && strlen(s) == DIGEST_HEX_SIZE - 1 &&
               strspn(s, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}
