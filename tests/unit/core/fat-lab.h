/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A small FAT volume in memory, made entry by entry, so that it can be as wrong as a test wants.
 * Sectors and clusters are 512 bytes. A directory is named by its first cluster, 0 is the root. */

#include <check.h>

#include "common/string-util.h"
#include "core/esp/fat.h"

#define LAB_SECTOR    512
#define LAB_RESERVED  1
#define LAB_ROOT      32 /* entries; 12 and 16 bits */
#define LAB_DIRECTORY 0x10
#define LAB_LONG_NAME 0x0f

typedef struct FatLab {
        uint8_t *image;
        size_t size;
        unsigned bits, n_clusters, table_sectors;
        unsigned n_names, n_reads;
} FatLab;

static inline void lab_done(FatLab *lab) {
        free(lab->image);
}
#define _cleanup_lab_ _cleanup_(lab_done)

static inline void lab_put(uint8_t *p, uint32_t value, size_t n) {
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t) (value >> 8 * i);
}

static inline uint64_t lab_root_offset(const FatLab *lab) {
        return (uint64_t) LAB_SECTOR * (LAB_RESERVED + 2 * lab->table_sectors);
}

static inline uint64_t lab_cluster_offset(const FatLab *lab, uint32_t cluster) {
        return lab_root_offset(lab) + (lab->bits == 32 ? 0 : LAB_ROOT * 32) +
               (uint64_t) LAB_SECTOR * (cluster - 2);
}

/* Set the entry of @cluster in the table. */
static inline void lab_set(FatLab *lab, uint32_t cluster, uint32_t value) {
        uint8_t *table = lab->image + LAB_RESERVED * LAB_SECTOR, *p = table + cluster * 3 / 2;

        if (lab->bits == 32)
                lab_put(table + cluster * 4, value, 4);
        else if (lab->bits == 16)
                lab_put(table + cluster * 2, value, 2);
        else if (cluster % 2) {
                p[0] = (uint8_t) ((p[0] & 0x0f) | value << 4);
                p[1] = (uint8_t) (value >> 4);
        } else {
                p[0] = (uint8_t) value;
                p[1] = (uint8_t) ((p[1] & 0xf0) | (value >> 8 & 0x0f));
        }
}

/* LAB_CHAIN(lab, 5, 6, 9): these clusters, and the end. */
static inline void lab_chain(FatLab *lab, const uint32_t *clusters, size_t n) {
        for (size_t i = 0; i < n; i++)
                lab_set(lab, clusters[i], i + 1 < n ? clusters[i + 1] : 0x0fffffff);
}
#define LAB_CHAIN(lab, ...)                               \
        lab_chain(lab, (const uint32_t[]){ __VA_ARGS__ }, \
                  sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* The clusters of a volume are enough for the way that Linux tells 12 from 16 bits. */
static inline void lab_init(FatLab *lab, unsigned bits) {
        *lab = (FatLab){ .bits = bits, .n_clusters = bits == 16 ? 5000 : 200 };
        lab->table_sectors = ((lab->n_clusters + 2) * bits / 8 + LAB_SECTOR) / LAB_SECTOR;
        lab->size = lab_cluster_offset(lab, lab->n_clusters + 2);
        lab->image = calloc(1, lab->size);
        ck_assert_ptr_nonnull(lab->image);

        lab_put(lab->image + 11, LAB_SECTOR, 2);
        lab->image[13] = 1;
        lab_put(lab->image + 14, LAB_RESERVED, 2);
        lab->image[16] = 2;
        lab_put(lab->image + 17, bits == 32 ? 0 : LAB_ROOT, 2);
        lab_put(lab->image + 19, (uint32_t) (lab->size / LAB_SECTOR), 2);
        lab->image[21] = 0xf8;
        lab_put(lab->image + (bits == 32 ? 36 : 22), lab->table_sectors, 2);
        lab->image[510] = 0x55;
        lab->image[511] = 0xaa;
        lab_set(lab, 0, 0x0ffffff8);
        lab_set(lab, 1, 0x0fffffff);
        if (bits == 32) {
                lab_put(lab->image + 44, 2, 4);
                LAB_CHAIN(lab, 2);
        }
}

/* The first slot of @dir that was never used; @dir has one cluster. */
static inline uint8_t *lab_slot(FatLab *lab, uint32_t dir) {
        uint8_t *p = lab->image;

        p += dir != 0         ? lab_cluster_offset(lab, dir)
             : lab->bits < 32 ? lab_root_offset(lab)
                              : lab_cluster_offset(lab, 2);
        for (unsigned i = 0; i < LAB_SECTOR / 32; i++, p += 32)
                if (p[0] == 0)
                        return p;
        ck_abort_msg("the directory is full");
        return NULL;
}

/* An entry by its short name, 11 characters. Its offset is returned. */
static inline uint64_t lab_short(FatLab *lab, uint32_t dir, const char *name, uint8_t attributes,
                                 uint32_t cluster, uint32_t size) {
        uint8_t *p = lab_slot(lab, dir);

        ck_assert_uint_eq(strlen(name), 11);
        memcpy(p, name, 11);
        p[11] = attributes;
        lab_put(p + 20, lab->bits == 32 ? cluster >> 16 : 0, 2);
        lab_put(p + 26, cluster, 2);
        lab_put(p + 28, size, 4);
        return (uint64_t) (p - lab->image);
}

/* The slots of a long name that belongs to the short name @alias. */
static inline void lab_long(FatLab *lab, uint32_t dir, const char *name, const char *alias) {
        static const uint8_t at[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        unsigned n = (unsigned) ((strlen(name) + 12) / 13);
        uint8_t sum = 0;

        for (size_t i = 0; i < 11; i++)
                sum = (uint8_t) ((sum >> 1 | sum << 7) + alias[i]);
        for (unsigned part = n; part > 0; part--) {
                uint8_t *p = lab_slot(lab, dir);

                p[0] = (uint8_t) (part | (part == n ? 0x40 : 0));
                p[11] = LAB_LONG_NAME;
                p[13] = sum;
                for (size_t i = 0; i < 13; i++) {
                        size_t k = (part - 1) * 13 + i;

                        lab_put(p + at[i],
                                k < strlen(name)    ? (uint8_t) name[k]
                                : k == strlen(name) ? 0
                                                    : 0xffff,
                                2);
                }
        }
}

/* An entry with a long name and a short one that nobody else has. */
static inline uint64_t lab_entry(FatLab *lab, uint32_t dir, const char *name, uint8_t attributes,
                                 uint32_t cluster, uint32_t size) {
        char alias[32];

        (void) snprintf(alias, sizeof(alias), "LAB%04u~   ", lab->n_names++);
        lab_long(lab, dir, name, alias);
        return lab_short(lab, dir, alias, attributes, cluster, size);
}

static inline uint64_t lab_file(FatLab *lab, uint32_t dir, const char *name, uint32_t cluster,
                                uint32_t size) {
        return lab_entry(lab, dir, name, 0, cluster, size);
}

/* A directory of the one cluster @cluster. */
static inline uint64_t lab_mkdir(FatLab *lab, uint32_t dir, const char *name, uint32_t cluster) {
        LAB_CHAIN(lab, cluster);
        (void) lab_short(lab, cluster, ".          ", LAB_DIRECTORY, cluster, 0);
        (void) lab_short(lab, cluster, "..         ", LAB_DIRECTORY, dir, 0);
        return lab_entry(lab, dir, name, LAB_DIRECTORY, cluster, 0);
}

static inline int lab_read(uint64_t offset, void *buffer, size_t size, void *userdata) {
        FatLab *lab = userdata;

        lab->n_reads++;
        if (offset > lab->size || size > lab->size - offset)
                return -EIO;
        memcpy(buffer, lab->image + offset, size);
        return 0;
}

static inline int lab_check(FatLab *lab, FatReport *ret) {
        Fat fat;

        ck_assert_int_eq(fat_parse(lab->image, &fat), 0);
        ck_assert_uint_eq(fat.bits, lab->bits);
        ck_assert_uint_eq(fat.n_clusters, lab->n_clusters);
        return fat_check(&fat, lab_read, lab, ret);
}

static inline const FatSharer *lab_sharer(const FatReport *report, const char *path) {
        for (size_t i = 0; i < report->n_sharers; i++)
                if (streq(report->sharers[i].path, path))
                        return &report->sharers[i];
        return NULL;
}
