/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernels in boot/ below a root, and Memtest86+. */

#include "core/kernel-select.h"
#include "sys/root.h"

/* Stat vmlinuz-VER and initrd.img-VER for every valid VER, and Memtest86+; no content is read.
 * Symlinks are followed inside the root; what is not a regular file or is empty counts as absent. A
 * missing boot/ is an empty result. */
int boot_dir_scan(const Root *root, BootDir *ret);

/* The stamp of an open file. */
struct stat;
void file_stamp_from_stat(const struct stat *st, FileStamp *ret);
