/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Partitions as they could be found, for tests to spoil. */

#include "core/disk/partition.h"

#define MIB (1024 * 1024ull)

/* An ESP as it should be; each test spoils one thing. */
static inline Partition esp(void) {
        return (Partition){
                .device = (char *) "/dev/sda2",
                .disk = (char *) "/dev/sda",
                .part_uuid = (char *) "5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52",
                .part_type = (char *) PARTITION_TYPE_ESP_GPT,
                .fs_type = (char *) "vfat",
                .fs_uuid = (char *) "ABCD-1234",
                .size_bytes = 512 * MIB,
                .start_sector = 4096,
                .number = 2,
                .sector_bytes = 512,
        };
}

static inline Partition empty(void) {
        Partition p = esp();

        p.fs_type = p.fs_uuid = NULL;
        return p;
}
