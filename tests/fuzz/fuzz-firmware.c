/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware's view as the daemon reads it from a worker. */

#include "core/firmware/firmware.h"
#include "tests/fuzz/fuzz.h"

static void check_firmware(const Firmware *f) {
        FUZZ_ASSERT(f->n_entries <= FIRMWARE_ENTRIES_MAX);
        FUZZ_ASSERT(f->n_boot_order <= FIRMWARE_ORDER_MAX);
        FUZZ_ASSERT(f->boot_current >= -1 && f->boot_current <= UINT16_MAX);
        FUZZ_ASSERT(f->secure_boot >= 0 && f->secure_boot < _SECURE_BOOT_MAX);
        for (size_t i = 0; i < f->n_entries; i++) {
                const LoadOption *entry = &f->entries[i];

                FUZZ_ASSERT(i == 0 || f->entries[i - 1].number < entry->number);
                FUZZ_ASSERT(entry->path[0] == '\0' || entry->path[0] == '\\');
                FUZZ_ASSERT(firmware_entry(f, entry->number) == entry);
                FUZZ_ASSERT(firmware_find(f, entry->partuuid, entry->path));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT, again = FIRMWARE_INIT;
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = firmware_parse((const char *) data, size, &f);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        check_firmware(&f);
        FUZZ_ASSERT(firmware_format(&f, &first, &first_size) == 0);
        FUZZ_ASSERT(firmware_parse(first, first_size, &again) == 0);
        FUZZ_ASSERT(f.n_entries == again.n_entries);
        FUZZ_ASSERT(firmware_format(&again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
