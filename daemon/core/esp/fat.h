/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A FAT file system (12, 16 or 32 bits) as it lies on the disk, read without mounting it: what
 * mounting hides is whether two files share clusters. After Microsoft's "FAT: General Overview of
 * On-Disk Format" 1.03. */

#include "common/macros.h"

#define FAT_BOOT_SECTOR_SIZE 512

typedef struct Fat {
        unsigned bits; /* of an entry of the table: 12, 16 or 32 */
        uint64_t cluster_bytes;
        uint32_t n_clusters;   /* numbered from 2 */
        uint64_t table_offset; /* of the first copy; offsets are in bytes from the volume's start */
        uint64_t root_offset;  /* 12 and 16 bits */
        uint32_t root_bytes;
        uint32_t root_cluster; /* 32 bits */
        uint64_t data_offset;  /* of cluster 2 */
        uint64_t info_offset;  /* 32 bits: of the sector FSInfo; 0 if there is none */
        bool dirty;            /* it is mounted writable, or was when the power failed */
} Fat;

/* Read a boot sector. -EINVAL if it is not that of a FAT file system. */
int fat_parse(const uint8_t sector[static FAT_BOOT_SECTOR_SIZE], Fat *ret);

/* How many clusters are free by the sector at @fat->info_offset, where whoever writes to the volume
 * keeps account of it, so that it need not be counted in the table. The specification calls it a
 * hint: it may be wrong. -ENODATA if it is no such sector, tells nothing, or cannot be right. */
int fat_parse_info(const Fat *fat, const uint8_t sector[static FAT_BOOT_SECTOR_SIZE],
                   uint32_t *ret_free);

/* Read exactly @size bytes at @offset. 0 or -errno. */
typedef int (*fat_read_t)(uint64_t offset, void *buffer, size_t size, void *userdata);

/* A file or directory that owns a cluster which something else owns, too: another one, itself in a
 * loop, or the root directory. And a directory that was never written, in whose cluster there is
 * still what was there before; it owns none, and what seems to be in it is not looked at. */
typedef struct FatSharer {
        char *path;      /* relative to the root; what is not printable ASCII in it is '?' */
        uint64_t offset; /* of its 32-byte directory entry */
        bool directory;
        bool unwritten;
} FatSharer;

typedef struct FatReport {
        FatSharer *sharers;
        size_t n_sharers, n_allocated;
        uint64_t n_broken; /* chains that end in a free cluster, or before the file does */
} FatReport;

void fat_report_done(FatReport *report);

/* Follow the chain of every file. Only the first copy of the table counts, as for the kernel. What
 * is below a directory that shares is not looked at. 0, -EUCLEAN if the tree is so damaged that it
 * cannot be followed (a directory without a cluster, too deep, more than a thousand sharers),
 * -ENOMEM, or what @read returned. */
int fat_check(const Fat *fat, fat_read_t read, void *userdata, FatReport *ret);

/* Make the 32-byte directory entry @entry one of an empty file or, if it is that of a @directory, a
 * free one: whatever its chain was, nothing leads to it any more. */
void fat_entry_cut(uint8_t entry[static 32], bool directory);
