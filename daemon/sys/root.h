/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The root directory below which everything is found: "/" in service, any directory with --root. */

#include <sys/stat.h>
#include <sys/types.h>

#include "common/macros.h"

typedef struct Root Root;

/* -errno of opening @path as a directory. */
int root_open(const char *path, Root **ret);
Root *root_free(Root *root);
DEFINE_CLEANUP(Root *, root_free)

/* The path it was opened by, made absolute but not resolved; for the worker's command line and for
 * messages. */
const char *root_path(const Root *root) _pure_;
/* True if it is the real "/" of this process. */
bool root_is_host(const Root *root) _pure_;

/* Open @path (relative, "boot/vmlinuz-1") below the root with openat2(RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS): no symlink and no ".." leads out; an absolute symlink is taken relative
 * to the root. O_CLOEXEC is added; @mode counts only where a file is created. Returns the
 * descriptor or -errno. */
int root_openat(const Root *root, const char *path, int flags, mode_t mode);

/* fstat of what @path leads to (through symlinks, inside the root). */
int root_stat(const Root *root, const char *path, struct stat *ret);

/* mkdir -p with @mode for new directories, whatever the umask; -ENOTDIR if something else is in the
 * way, a dangling symlink included. */
int root_mkdir_p(const Root *root, const char *path, mode_t mode);

/* Split @path into its parent, opened as O_DIRECTORY (O_RDONLY), and its last component (pointing
 * into @path; -EINVAL if there is none, or "." or ".."). With @create the parent is made first
 * (0755). Returns the descriptor or -errno. */
int root_open_parent(const Root *root, const char *path, bool create, const char **ret_name);
