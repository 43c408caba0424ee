/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Partitions as the daemon hears of them from a worker that has read somebody's disk. */

#include "core/disk/partition.h"
#include "tests/fuzz/fuzz.h"

static void check_decisions(const Partition *p) {
        const Partitions all = { .items = (Partition *) p, .n = 1 };
        _cleanup_error_ Error plain = {}, forced = {}, init = {};

        FUZZ_ASSERT((partition_check_format(p, false, &plain) < 0) == error_is_set(&plain));
        FUZZ_ASSERT((partition_check_format(p, true, &forced) < 0) == error_is_set(&forced));
        /* A partition that is refused in spite of force is refused without it. */
        FUZZ_ASSERT(!error_is_set(&forced) || plain.code == forced.code);
        FUZZ_ASSERT((partition_check_init(p, &all, &init) < 0) == error_is_set(&init));
        FUZZ_ASSERT((p->use == PARTITION_FREE) == !p->in_use);
}

/* It stands in a question that somebody answers in good faith. */
static void check_label(const char *label) {
        for (; label && *label; label++)
                FUZZ_ASSERT(*label >= ' ' && *label < 0x7f && !strchr("'\"`$()<>&\\", *label));
}

static int parse(const char *text, size_t size, Partition *ret) {
        _cleanup_(record_done) Record record = {};
        int r;

        if (size == 0 || text[size - 1] != '\n')
                return -EBADMSG;
        r = record_parse(text, size - 1, &record);
        return r < 0 ? r : partition_parse(&record, ret);
}

static void format(const Partition *p, char **ret, size_t *ret_size) {
        Buffer b = {};

        record_begin(&b, "partition");
        partition_format(p, &b);
        record_end(&b);
        FUZZ_ASSERT(buffer_take(&b, ret, ret_size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(partition_done) Partition partition = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = parse((const char *) data, size, &partition);
        FUZZ_ASSERT(r >= 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        FUZZ_ASSERT(r >= 7);
        FUZZ_ASSERT(!isempty(partition.device) && !isempty(partition.disk));
        FUZZ_ASSERT(partition.sector_bytes > 0);
        check_label(partition.model);
        check_label(partition.serial);
        check_decisions(&partition);
        format(&partition, &first, &first_size);
        FUZZ_ASSERT(parse(first, first_size, &again) == r);
        format(&again, &second, &second_size);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
