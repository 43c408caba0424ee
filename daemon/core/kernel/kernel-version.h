/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The version in vmlinuz-VERSION: which strings are one, how they are ordered, their series. */

#include "common/macros.h"

#define KERNEL_VERSION_LENGTH_MAX 128

/* A version is 1 to KERNEL_VERSION_LENGTH_MAX bytes of [A-Za-z0-9._+~-], begins with a digit and
 * does not end in a suffix that dpkg, initramfs-tools or an editor gives to temporary or old files
 * (".dpkg-new", ".dpkg-tmp", ".dpkg-old", ".dpkg-dist", ".dpkg-bak", ".new", ".tmp", ".bak",
 * ".old", "~"). So it is always safe as one path component. Nor does it end in "+3" or "+2-1",
 * which every reader of its loader entry would take for a boot counter. @s may be NULL. */
bool kernel_version_is_valid(const char *s) _pure_;

/* A copy of the version that the @size bytes at @text are. -EINVAL if they are none. */
int kernel_version_parse(const char *text, size_t size, char **ret);

/* Order by the UAPI.10 version format, as systemd-boot orders its entries (strverscmp_improved), so
 * that our idea of "newest" is the loader's. Negative, 0 or positive. Zero only for equal strings:
 * what the format holds equal is ordered by strcmp(). */
int kernel_version_compare(const char *a, const char *b) _pure_;
/* The same, newest first: for strv_sort_uniq(). */
int kernel_version_compare_newest_first(const char *a, const char *b) _pure_;

/* "6.8.12-4-pve" → "6.8". -EINVAL if @version does not begin with NUMBER.NUMBER. */
int kernel_version_series(const char *version, char **ret);
