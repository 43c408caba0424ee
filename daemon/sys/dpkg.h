/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernels that dpkg has installed, from its database below the root. */

#include "core/kernel/package-db.h"
#include "sys/root.h"

/* dpkg's database: status, then updates/NNNN (names of digits only) in numeric order. -ENOENT
 * without a status file, -EBADMSG when it cannot be understood, -EAGAIN if dpkg writes to it faster
 * than it can be read; @ret_reason then says which file and why (but is NULL for -ENOMEM). Whatever
 * the error, the kernels on the ESPs must then stay. */
int package_db_load(const Root *root, PackageDb *ret, char **ret_reason);

/* 1 if @version's image is in boot/, or dpkg has its package, be it only half installed as it is
 * while the package's hooks run; 0 if neither. -errno if there is no image and the database cannot
 * be read, so that it is unknown. */
int kernel_is_known(const Root *root, const char *version);
