/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loader entries, by text and by name. Options that were read from one entry and are written into
 * another must mean the same to the loader: an administrator's root= travels this way. */

#include "core/kernel/kernel-version.h"
#include "core/loader/esp-path.h"
#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, size_t size) {
        _cleanup_(boot_entry_done) BootEntry entry = {}, again = {};
        _cleanup_free_ char *rendered = NULL;
        int r;

        r = boot_entry_parse(text, size, &entry);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        FUZZ_ASSERT((r < 0) == (memchr(text, '\0', size) != NULL));
        if (r < 0)
                return;

        FUZZ_ASSERT(boot_entry_render("Title", "6.8.12-4-pve", entry.options, &rendered) == 0);
        FUZZ_ASSERT(boot_entry_parse(rendered, strlen(rendered), &again) == 0);
        FUZZ_ASSERT(streq(strempty(entry.options), strempty(again.options)));
        FUZZ_ASSERT(streq_ptr(again.title, "Title"));
        FUZZ_ASSERT(streq_ptr(again.version, "6.8.12-4-pve"));
        FUZZ_ASSERT(streq_ptr(again.image, "/EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve"));
        FUZZ_ASSERT(streq_ptr(again.initrd, "/EFI/proxmox/6.8.12-4-pve/initrd.img-6.8.12-4-pve"));
}

static void check_name(const char *name) {
        _cleanup_free_ char *path = strprintf(ESP_ENTRY_DIR "/%s", name), *version = NULL;
        _cleanup_free_ char *plain = NULL;
        bool counted;

        FUZZ_ASSERT(path);
        if (esp_entry_version(path, &version, &counted) < 0)
                return;
        FUZZ_ASSERT(kernel_version_is_valid(version));
        FUZZ_ASSERT(counted == (boot_entry_counter(name, NULL) != NULL));
        plain = esp_entry_path(version);
        FUZZ_ASSERT(plain);
        FUZZ_ASSERT(streq(path, plain) == !counted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *name = strndup((const char *) data, size);

        FUZZ_ASSERT(name);
        check_text((const char *) data, size);
        check_name(name);
        return 0;
}
