/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A FAT volume: what is named lies on it, and cut off it shares no more. The input is the volume as
 * far as it goes; beyond it there is nothing but zeros or, if the lowest bit of the first byte
 * (which nobody reads) is set, errors. */

#include "core/esp/fat.h"
#include "tests/fuzz/fuzz.h"

#define N_CLUSTERS_MAX (1u << 20)
#define SHARERS_MAX    1024

typedef struct Volume {
        uint8_t *data;
        size_t size;
        uint64_t n_reads;
} Volume;

static int volume_read(uint64_t offset, void *buffer, size_t size, void *userdata) {
        Volume *v = userdata;
        size_t n = offset < v->size ? MIN(size, v->size - offset) : 0;

        v->n_reads++;
        FUZZ_ASSERT(size > 0 && size <= 2 * 1024 * 1024);
        if (n < size && v->data[0] & 1)
                return -EIO;
        memset(buffer, 0, size);
        if (n > 0)
                memcpy(buffer, v->data + offset, n);
        return 0;
}

/* 1 if a directory is among them: what is below it was not looked at. */
static int check_sharers(const Fat *fat, const FatReport *report) {
        uint64_t end = fat->data_offset + fat->n_clusters * fat->cluster_bytes;
        bool directory = false;

        FUZZ_ASSERT(report->n_sharers <= SHARERS_MAX);
        for (size_t i = 0; i < report->n_sharers; i++) {
                const FatSharer *sharer = &report->sharers[i];

                FUZZ_ASSERT(sharer->offset % 32 == 0 && sharer->offset <= end - 32);
                FUZZ_ASSERT(sharer->offset >=
                            (fat->bits == 32 ? fat->data_offset : fat->root_offset));
                FUZZ_ASSERT(text_is_clean(sharer->path, strlen(sharer->path)));
                FUZZ_ASSERT(utf8_is_valid(sharer->path, strlen(sharer->path)));
                for (size_t k = 0; k < i; k++)
                        FUZZ_ASSERT(report->sharers[k].offset != sharer->offset);
                directory |= sharer->directory;
        }
        return directory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ uint8_t *copy = malloc(MAX(size, 1u));
        Volume volume = { .data = copy, .size = size };
        FatReport report = {}, again = {};
        Fat fat;
        int r;

        FUZZ_ASSERT(copy);
        if (size < FAT_BOOT_SECTOR_SIZE)
                return 0;
        memcpy(copy, data, size);
        r = fat_parse(copy, &fat);
        FUZZ_ASSERT(r == 0 || r == -EINVAL);
        if (r < 0 || fat.n_clusters > N_CLUSTERS_MAX)
                return 0;

        r = fat_check(&fat, volume_read, &volume, &report);
        FUZZ_ASSERT(r == 0 || r == -EUCLEAN || r == -EIO);
        FUZZ_ASSERT(r == 0 || !report.sharers);
        /* Twice each cluster, and twice each directory, which the input bounds. */
        FUZZ_ASSERT(volume.n_reads <= 8 * ((uint64_t) fat.n_clusters + size + 2));
        if (r == 0 && check_sharers(&fat, &report) == 0 && report.n_sharers > 0) {
                for (size_t i = 0; i < report.n_sharers; i++)
                        if (report.sharers[i].offset + 32 <= size)
                                fat_entry_cut(copy + report.sharers[i].offset, false);
                        else
                                size = 0; /* the slot is only half there */
                if (size > 0) {
                        FUZZ_ASSERT(fat_check(&fat, volume_read, &volume, &again) == 0);
                        FUZZ_ASSERT(again.n_sharers == 0);
                }
        }
        fat_report_done(&again);
        fat_report_done(&report);
        return 0;
}
