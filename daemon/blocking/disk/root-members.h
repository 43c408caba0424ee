/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The partitions that the root file system is made of. No device is opened. */

#include "core/disk/partition.h"
#include "sys/root.h"

/* Set "carries" of those partitions in @l that the file system which is mounted as / lies on, by
 * itself or below a ZFS pool, a Btrfs of several devices, or what the kernel makes of other devices
 * (md, LVM, encryption, in any depth). Their content and use must be known, see disk_probe(). For a
 * pool these are the partitions with its name that are in use: what was taken out of it keeps the
 * name, and is used by nobody. None is set where it cannot be told: a root on the network, in
 * memory, on multipath, on a ZFS pool of encrypted devices, or below a root directory whose proc is
 * that of the system which runs. 0 or -ENOMEM. */
int root_members_mark(const Root *root, Partitions *l);
