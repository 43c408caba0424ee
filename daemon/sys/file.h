/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whole files below a root: bounded reading, durable replacement. For journalling file systems; the
 * orders that FAT needs are on the blocking floor. */

#include "sys/root.h"

#define FILE_SIZE_MAX (64u * 1024 * 1024)

/* Read a regular file, NUL-terminated in addition to its @ret_size bytes. @max in bytes: a larger
 * file is -EFBIG. Not a regular file: -EISDIR for a directory, else -EINVAL (a FIFO does not block: it is opened O_NONBLOCK). proc files, whose
 * st_size is 0, work. */
int file_read(const Root *root, const char *path, size_t max, char **ret, size_t *ret_size);

/* The same from an open descriptor. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Replace @path so that a crash leaves the old or the new content: temporary file in the same directory
 * (".NAME.bootsync-XXXXXX"), write, fsync, rename, fsync of the directory. Mode and owner of an existing regular file are
 * kept, else @mode. Missing parent directories are made. If the file has this content already,
 * nothing is written. Returns 1 if it was replaced, 0 if it was equal, -errno otherwise (the old
 * file is as it was). */
int file_replace(const Root *root, const char *path, const char *data, size_t size, mode_t mode);

/* Unlink @path and fsync its directory. 1 if it was there, 0 if not. */
int file_remove(const Root *root, const char *path);
