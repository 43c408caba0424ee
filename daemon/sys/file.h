/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whole files below a root: bounded reading, durable replacement. For journalling file systems; the
 * orders that FAT needs are on the blocking floor. */

#include "sys/root.h"

#define FILE_SIZE_MAX (64u * 1024 * 1024)

/* Read a regular file, NUL-terminated in addition to its @ret_size bytes. @max in bytes, at most
 * FILE_SIZE_MAX: a larger file is -EFBIG. Not a regular file: -EISDIR for a directory, else -EINVAL
 * (it is not opened at all, so a FIFO does not block and a device does nothing). proc files, whose
 * st_size is 0, work. */
int file_read(const Root *root, const char *path, size_t max, char **ret, size_t *ret_size);

/* The same from an open descriptor, from the beginning wherever its offset stands. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Replace @path so that a crash leaves the old or the new content: temporary file in the same
 * directory (".NAME.bootsync-XXXXXX"), write, fsync, rename, fsync of the directory. Mode and owner
 * of an existing regular file are kept, else @mode, whatever the umask. Missing parent directories
 * are made. A symlink that leads to a regular file stays, and what it leads to is replaced. @size
 * is at most FILE_SIZE_MAX. If the file has this content already, nothing is written. Returns 1 if
 * it was replaced, 0 if it was equal, -errno otherwise (the old file is as it was, unless only the
 * fsync of the directory failed). */
int file_replace(const Root *root, const char *path, const char *data, size_t size, mode_t mode);

/* The same for a file in var/lib/bootsync, which root alone may read; the directory, too. */
int file_store_state(const Root *root, const char *path, const char *data, size_t size);

/* Remove from the directory @path what a file_replace() that was killed has left there: regular
 * files named ".NAME.bootsync-XXXXXX", with exactly its letters, that no writer has locked
 * (flock(2); so a writer that lives is never disturbed, whatever the clock says). Returns how many
 * there were, or -errno. */
int file_remove_leftovers(const Root *root, const char *path);

/* Give the file @path another name in its directory, whatever has that now; a link is not
 * followed. 0 or -errno. */
int file_rename(const Root *root, const char *path, const char *new_name);

/* Unlink @path, the link itself if it is one, and fsync its directory. 1 if it was there, 0 if
 * not, also on a read-only file system. */
int file_remove(const Root *root, const char *path);

/* The names in the directory @path that @wanted says yes to (NULL: all that do not begin with a
 * dot), in no order. Returns 0 or -errno, -ENOENT if there is no such directory. */
typedef bool (*name_filter_t)(const char *name);
int directory_list(const Root *root, const char *path, name_filter_t wanted, char ***ret);

/* "/etc/kernel/…" for messages: @path with a slash in front and in @root if that is not "/", made
 * fit for humans. NULL when out of memory. */
char *path_for_humans(const Root *root, const char *path);
/* Pass @r on, and say in *@ret_reason (which is freed) what is wrong with @path: "/etc/…: " and
 * @what, or the errno where that is NULL. -ENOMEM if there is no memory to say it. */
int file_explain(const Root *root, const char *path, int r, const char *what, char **ret_reason);
