/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loader entries and the names of a kernel's files: which path on the ESP belongs to which version,
 * and an entry's text. The layout is the one that hosts already have, so that they can move between
 * tools. Whether the files named are there is not asked. */

#include "core/boot-entry.h"

#include <limits.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel-version.h"
#include "core/loader-line.h"

static const char *const kernel_file_table[_KERNEL_FILE_MAX] = {
        [KERNEL_FILE_IMAGE] = "vmlinuz",
        [KERNEL_FILE_INITRD] = "initrd.img",
};

const char *kernel_file_stem(KernelFile file) {
        assert(file >= 0 && file < _KERNEL_FILE_MAX);
        return kernel_file_table[file];
}

char *esp_kernel_dir(const char *version) {
        return strprintf(ESP_KERNEL_DIR "/%s", version);
}

char *esp_kernel_path(const char *version, KernelFile file) {
        return strprintf(ESP_KERNEL_DIR "/%s/%s-%s", version, kernel_file_stem(file), version);
}

char *esp_entry_path(const char *version) {
        return strprintf(ESP_ENTRY_DIR "/" ENTRY_PREFIX "%s" ENTRY_SUFFIX, version);
}

char *grub_kernel_path(const char *version, KernelFile file) {
        return strprintf("%s-%s", kernel_file_stem(file), version);
}

char *boot_source_path(const char *version, KernelFile file) {
        return strprintf(PATH_BOOT "/%s-%s", kernel_file_stem(file), version);
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

const char *grub_path_version(const char *path) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const char *rest = startswith(path, kernel_file_stem(f));

                if (rest && rest[0] == '-' && kernel_version_is_valid(rest + 1))
                        return rest + 1;
        }
        return NULL;
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

void boot_entry_done(BootEntry *e) {
        free(e->title);
        free(e->version);
        free(e->options);
        free(e->sort_key);
        free(e->machine_id);
        free(e->image);
        free(e->initrd);
        *e = (BootEntry){};
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* A reader cuts blanks and one pair of double quotes around a value. */
static bool needs_quotes(const char *value) {
        char first = value[0], last = value[strlen(value) - 1];

        return is_blank(first) || is_blank(last) || (first == '"' && last == '"');
}

int boot_entry_render(const char *title, const char *version, const char *options, char **ret) {
        _cleanup_free_ char *image = NULL, *initrd = NULL;
        Buffer b = {};

        assert(title);
        assert(version);
        assert(ret);

        image = esp_kernel_path(version, KERNEL_FILE_IMAGE);
        initrd = esp_kernel_path(version, KERNEL_FILE_INITRD);
        if (!image || !initrd)
                return -ENOMEM;

        buffer_printf(&b, "title    %s\n", title);
        buffer_printf(&b, "version  %s\n", version);
        if (!isempty(options))
                buffer_printf(&b, needs_quotes(options) ? "options  \"%s\"\n" : "options  %s\n",
                              options);
        buffer_printf(&b, "linux    /%s\n", image);
        buffer_printf(&b, "initrd   /%s\n", initrd);
        return buffer_take(&b, ret, NULL);
}

static const struct {
        const char *key;
        size_t offset; /* of a char * in BootEntry */
        bool joined;   /* repetitions are joined with a blank */
} entry_keys[] = {
        { "title", offsetof(BootEntry, title), false },
        { "version", offsetof(BootEntry, version), false },
        { "options", offsetof(BootEntry, options), true },
        { "sort-key", offsetof(BootEntry, sort_key), false },
        { "machine-id", offsetof(BootEntry, machine_id), false },
        { "linux", offsetof(BootEntry, image), false },
        { "initrd", offsetof(BootEntry, initrd), false },
};

static int boot_entry_take(BootEntry *e, const LoaderLine *line) {
        for (size_t i = 0; i < ELEMENTSOF(entry_keys); i++) {
                char **target = (char **) ((char *) e + entry_keys[i].offset);
                bool join = entry_keys[i].joined && *target;
                char *value;

                if (!loader_line_has_key(line, entry_keys[i].key))
                        continue;
                value = strprintf("%s%s%.*s", join ? *target : "", join ? " " : "",
                                  (int) line->value_size, line->value);
                if (!value)
                        return -ENOMEM;
                free(*target);
                *target = value;
        }
        return 0;
}

int boot_entry_parse(const char *text, size_t size, BootEntry *ret) {
        _cleanup_(boot_entry_done) BootEntry entry = {};
        LoaderLine line;
        size_t pos = 0;

        assert(ret);

        if (memchr(text, '\0', size))
                return -EBADMSG;
        while (loader_line_next(text, size, &pos, &line) > 0) {
                int r = boot_entry_take(&entry, &line);

                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(entry);
        return 0;
}
