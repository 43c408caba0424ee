/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of a boot loader's files are ours to write. The others are grub-install's. */

#include "core/loader-files.h"

#include "common/string-util.h"

bool esp_path_is_loader(const char *path) {
        static const char *const paths[] = { ESP_SYSTEMD_BOOT, ESP_REMOVABLE,
                                             ESP_GRUB_REMOVABLE_STUB };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (streq(paths[i], path))
                        return true;
        return false;
}
