/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that packages bring to be booted: the kernels in boot/ below a root, Memtest86+, and boot
 * loaders, to be copied to ESPs. */

#include "core/kernel/boot-dir.h"
#include "core/loader/loader.h"
#include "sys/root.h"

/* Stat vmlinuz-VER and initrd.img-VER for every valid VER, and Memtest86+; no content is read.
 * Symlinks are followed inside the root; what is not a regular file or is empty counts as absent. A
 * missing boot/ is an empty result. */
int boot_dir_scan(const Root *root, BootDir *ret);

/* The stamp of an open file. */
struct stat;
void file_stamp_from_stat(const struct stat *st, FileStamp *ret);

/* The program of @loader: the signed one first, as bootctl takes it. A path of NULL if it is not
 * there, or if @loader is not one file. */
void loader_source_find(const Root *root, const Loader *loader, LoaderSource *ret);
