/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of Memtest86+. They are exact: whatever else is called memtest is somebody else's. */

#include "core/memtest.h"

#include "common/names.h"
#include "common/string-util.h"

#define EFI_NAME "memtest86+x64.efi"
#define BIN_NAME "memtest86+x64.bin"

static const struct {
        const char *name, *source, *systemd_boot;
} memtest_table[_MEMTEST_FILE_MAX] = {
        [MEMTEST_EFI] = { EFI_NAME, PATH_BOOT "/" EFI_NAME, ESP_KERNEL_DIR "/" EFI_NAME },
        [MEMTEST_BIN] = { BIN_NAME, PATH_BOOT "/" BIN_NAME, NULL },
};

const char *memtest_file_name(MemtestFile file) {
        assert(file >= 0 && file < _MEMTEST_FILE_MAX);
        return memtest_table[file].name;
}

const char *memtest_source_path(MemtestFile file) {
        assert(file >= 0 && file < _MEMTEST_FILE_MAX);
        return memtest_table[file].source;
}

const char *memtest_systemd_boot_path(MemtestFile file) {
        assert(file >= 0 && file < _MEMTEST_FILE_MAX);
        return memtest_table[file].systemd_boot;
}

bool esp_path_is_memtest(const char *path) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (streq(path, memtest_table[f].name) ||
                    streq_ptr(path, memtest_table[f].systemd_boot))
                        return true;
        return false;
}
