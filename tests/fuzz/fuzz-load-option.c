/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot#### values, which any system or firmware may have written: whatever is read can be sent to
 * the daemon, and is read there as it was. */

#include "core/firmware/firmware.h"
#include "tests/fuzz/fuzz.h"

static void check_travels(LoadOption *o) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT, back = FIRMWARE_INIT;
        _cleanup_free_ char *text = NULL;
        const LoadOption *here, *there;
        size_t size;

        f.uefi = true;
        FUZZ_ASSERT(firmware_add_entry(&f, o) == 0);
        FUZZ_ASSERT(firmware_format(&f, &text, &size) == 0);
        FUZZ_ASSERT(firmware_parse(text, size, &back) == 0);
        here = firmware_entry(&f, 0);
        there = firmware_entry(&back, 0);
        FUZZ_ASSERT(here && there && here->active == there->active);
        FUZZ_ASSERT(streq(here->title, there->title) && streq(here->path, there->path));
        FUZZ_ASSERT(streq(here->partuuid, there->partuuid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(load_option_done) LoadOption o = {};
        _cleanup_free_ uint8_t *copy = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        /* LoaderInfo and the like are such a text, and nothing else. */
        FUZZ_ASSERT(efi_text_decode(data, size, FIRMWARE_TEXT_MAX, &text) == 0);
        FUZZ_ASSERT(text_is_clean(text, strlen(text)) && utf8_is_valid(text, strlen(text)));

        r = load_option_parse(data, size, &o);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        copy = malloc(size);
        FUZZ_ASSERT(copy);
        memcpy(copy, data, size);
        FUZZ_ASSERT(load_option_activate(copy, size) == !o.active);
        check_travels(&o);
        return 0;
}
