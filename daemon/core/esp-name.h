/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names on an ESP as FAT tells them apart. */

#include "core/kernel-select.h"

/* Order of two paths on a FAT; 0: they name the same file. Letters from A to Z count as small ones,
 * and dots at the end of a name do not count, as Linux's vfat drops them. Other characters are
 * compared byte for byte, though FAT folds more: no name of ours has them. */
int esp_path_compare(const char *a, const char *b) _pure_;

/* True if @path begins with @start, compared likewise. */
bool esp_path_begins(const char *path, const char *start) _pure_;

/* The kernel before @kernel in @set, kept and bootable as that is, whose files have the same names
 * on a FAT; NULL if there is none. Only the first of them can be on an ESP. */
const Kernel *esp_name_rival(const KernelSet *set, const Kernel *kernel);

/* @path as we would write it: where the names in it are ours but for their case, the case is
 * changed. A version is spelled as in @kernels (may be NULL), first of all as one that is kept;
 * what else looks like one is spelled in small letters, so that its directory and its entry agree.
 * Any other name stays. 0 or -ENOMEM. */
int esp_path_respell(const char *path, const KernelSet *kernels, char **ret);
