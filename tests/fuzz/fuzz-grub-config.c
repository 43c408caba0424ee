/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grub.cfg: what a summary says is what the file says, a summary is read back to the byte, and the
 * line with the inputs is found again. The bytes are tried as a summary, too. */

#include "core/grub/grub-config.h"
#include "core/grub/host-menu.h"

#include "tests/fuzz/fuzz.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_equal(const GrubMenu *menu, const GrubConfig *summary) {
        const GrubMenuItem *boots;
        size_t k = 0;

        FUZZ_ASSERT(grub_menu_default(menu, NULL, &boots) == 0);
        FUZZ_ASSERT(streq_ptr(menu->default_value, summary->default_value));
        FUZZ_ASSERT(streq_ptr(boots ? boots->entry.version : NULL, summary->default_version));
        for (size_t i = 0; i < menu->n_items && k < summary->n_entries; i++)
                if (!menu->items[i].is_submenu &&
                    streq(menu->items[i].entry.id, summary->entries[k].id) &&
                    streq_ptr(menu->items[i].entry.version, summary->entries[k].version))
                        k++;
        FUZZ_ASSERT(k == summary->n_entries);
}

static void check_root_id(const GrubConfig *c) {
        _cleanup_free_ char *id = NULL;
        int r = grub_config_root_id(c, &id);

        FUZZ_ASSERT(r == -ENOENT || (r == 0 && !isempty(id)));
}

static void check_inputs(const char *text) {
        _cleanup_free_ char *new = NULL, *again = NULL;
        char hex[DIGEST_HEX_SIZE];

        FUZZ_ASSERT(grub_config_append_inputs(text, HEX, &new) == 0);
        FUZZ_ASSERT(grub_config_append_inputs(new, HEX, &again) == 0);
        FUZZ_ASSERT(streq(new, again));
        FUZZ_ASSERT(grub_config_inputs(new, strlen(new), hex) == 0);
        FUZZ_ASSERT(streq(hex, HEX));
}

static void check_host_menu(const char *text, size_t size) {
        _cleanup_(host_menu_done) HostMenu menu = {};
        int r = host_menu_read(text, size, NULL, &menu);

        FUZZ_ASSERT(r == -EBADMSG || r == 0);
        FUZZ_ASSERT(!menu.default_version || strv_contains(menu.versions, menu.default_version));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(grub_config_done) GrubConfig summary = {}, odd = {};
        _cleanup_(grub_menu_done) GrubMenu menu = {};
        char hex[DIGEST_HEX_SIZE] = "";
        _cleanup_free_ char *text = strndup((const char *) data, size), *short_text = NULL;
        int r;

        FUZZ_ASSERT(text);
        check_inputs(text);
        check_host_menu((const char *) data, size);
        (void) grub_config_parse_summary(text, &odd);

        r = grub_menu_read((const char *) data, size, &menu);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        FUZZ_ASSERT(grub_config_summarise((const char *) data, size, &short_text) == r ||
                    (r == 0 && !short_text));
        if (!short_text)
                return 0;
        FUZZ_ASSERT(grub_config_parse_summary(short_text, &summary) == 0);
        check_root_id(&summary);
        check_equal(&menu, &summary);
        (void) grub_config_inputs((const char *) data, size, hex);
        FUZZ_ASSERT(streq(hex, summary.inputs));
        return 0;
}
