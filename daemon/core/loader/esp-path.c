/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of files on an ESP: which path belongs to which version. The layout is the one that
 * hosts already have, so that they can move between tools. Whether the files named are there is not
 * asked. */

#include "core/loader/esp-path.h"

#include <limits.h>

#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

char *esp_kernel_dir(const char *version) {
        return strprintf(ESP_KERNEL_DIR "/%s", version);
}

char *esp_kernel_path(const char *version, KernelFile file) {
        return strprintf(ESP_KERNEL_DIR "/%s/%s-%s", version, kernel_file_stem(file), version);
}

char *esp_entry_path(const char *version) {
        return strprintf(ESP_ENTRY_DIR "/" ENTRY_PREFIX "%s" ENTRY_SUFFIX, version);
}

bool esp_path_is_kernel(const char *path) {
        const char *rest = startswith(path, ESP_KERNEL_DIR "/");
        const char *slash = rest ? strchr(rest, '/') : NULL;
        _cleanup_free_ char *version = NULL;

        if (!slash)
                return false;
        version = strndup(rest, (size_t) (slash - rest));
        if (!version || !kernel_version_is_valid(version))
                return false;
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *kernel_path = esp_kernel_path(version, f);

                if (kernel_path && streq(kernel_path, path))
                        return true;
        }
        return false;
}

/* systemd-boot takes a counter beyond INT_MAX for a part of the name. */
static bool take_counter(const char **p, uint64_t *ret) {
        const char *s = *p;
        uint64_t n = 0;

        for (; *s >= '0' && *s <= '9'; s++) {
                n = n * 10 + (uint64_t) (*s - '0');
                if (n > INT_MAX)
                        return false;
        }
        if (s == *p)
                return false;

        *p = s;
        *ret = n;
        return true;
}

const char *boot_entry_counter(const char *name, uint64_t *ret_left) {
        const char *plus = strrchr(name, '+'), *p;
        uint64_t left, done;

        if (!plus)
                return NULL;
        p = plus + 1;
        if (!take_counter(&p, &left))
                return NULL;
        if (*p == '-') {
                p++;
                if (!take_counter(&p, &done))
                        return NULL;
        }
        if (!streq(p, ENTRY_SUFFIX))
                return NULL;

        if (ret_left)
                *ret_left = left;
        return plus;
}

int esp_entry_version(const char *path, char **ret_version, bool *ret_counted) {
        _cleanup_free_ char *version = NULL;
        const char *begin, *end, *counter;

        assert(path);
        assert(ret_version);

        begin = startswith(path, ESP_ENTRY_DIR "/" ENTRY_PREFIX);
        if (!begin)
                return -EINVAL;
        counter = boot_entry_counter(begin, NULL);
        end = counter ?: endswith(begin, ENTRY_SUFFIX);
        if (!end)
                return -EINVAL;

        version = strndup(begin, (size_t) (end - begin));
        if (!version)
                return -ENOMEM;
        if (!kernel_version_is_valid(version))
                return -EINVAL;

        *ret_version = TAKE_PTR(version);
        if (ret_counted)
                *ret_counted = counter;
        return 0;
}

bool esp_path_is_memtest(const char *path) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (streq(path, memtest_file_name(f)))
                        return true;
        return streq(path, ESP_MEMTEST);
}
