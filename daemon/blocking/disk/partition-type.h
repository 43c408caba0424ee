/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The type of a partition in its table. */

#include "core/disk/partition.h"

/* Make @p of the type of an ESP in the table (GPT or MBR) of its disk, which is open for reading
 * and writing as @fd. All else in the table stays; of GPT both copies are written, and repaired if
 * one is damaged. Nothing is written if it is of that type already, or if the table has @p with
 * another start or size. The kernel is told nothing, since it keeps no types; udev looks again when
 * @fd is closed. 1 if it was changed, 0 if not, or -errno: NotAPartition, NotSupported. */
int partition_type_set_esp(int fd, const Partition *p, Error *error);
