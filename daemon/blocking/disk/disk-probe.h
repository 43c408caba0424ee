/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One disk and its partitions: what is in its table, on them, and who uses them. Nothing is
 * written. */

#include "core/disk/partition.h"
#include "sys/root.h"

/* Of the disk that the kernel calls @name ("sda"): the disk itself as number 0, then the partitions
 * in the order of its table. One that cannot be read is listed with the reason as its in_use, and
 * so is one that the kernel does not know, or knows with another start or size. */
int disk_probe(const Root *root, const char *name, Partitions *ret, Error *error);
