/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of boot entries: what is read is written back to the same text, and every entry is one
 * that could be put back. */

#include "core/firmware/boot-memory.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(boot_memory_done) BootMemory memory = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = boot_memory_parse((const char *) data, size, &memory);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;

        FUZZ_ASSERT(memory.boot_id && memory.n_order <= FIRMWARE_ORDER_MAX);
        FUZZ_ASSERT(memory.n_entries <= BOOT_MEMORY_ENTRIES_MAX);
        for (size_t i = 0; i < memory.n_entries; i++) {
                const KeptEntry *e = &memory.entries[i];

                FUZZ_ASSERT(load_option_is_ours(&e->option) && e->option.partuuid[0] != '\0');
                FUZZ_ASSERT(boot_memory_find(&memory, &e->option) == e);
        }
        FUZZ_ASSERT(boot_memory_format(&memory, &first, &first_size) == 0);
        FUZZ_ASSERT(boot_memory_parse(first, first_size, &again) == 0);
        FUZZ_ASSERT(boot_memory_format(&again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
