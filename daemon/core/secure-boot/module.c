/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A module's signature is found from its end: the words, before them a fixed structure, before that
 * the PKCS #7 message. Only what the kernel reads itself is taken (mod_check_sig()). Texts of DKMS
 * and dpkg are searched, not understood. */

#include "core/secure-boot/module.h"

#include "common/string-util.h"

#define WORDS      "~Module signature appended~\n"
#define WORDS_SIZE (sizeof(WORDS) - 1)
#define INFO_SIZE  12
#define ID_PKCS7   2
#define KEY        "mok_certificate="

int module_find_signature(const uint8_t *end, size_t size, uint64_t file_size, uint64_t *ret_offset,
                          size_t *ret_size) {
        const uint8_t *info;
        uint64_t length, before;

        if (size > file_size || size < WORDS_SIZE ||
            memcmp(end + size - WORDS_SIZE, WORDS, WORDS_SIZE) != 0)
                return 0;
        if (size < MODULE_TRAILER_SIZE)
                return -EBADMSG;
        info = end + size - MODULE_TRAILER_SIZE;
        before = file_size - MODULE_TRAILER_SIZE;
        /* Algorithm, digest, type, lengths of signer and key, padding; all but the type are 0. */
        for (size_t i = 0; i < INFO_SIZE - 4; i++)
                if (info[i] != (i == 2 ? ID_PKCS7 : 0))
                        return -EBADMSG;
        length = (uint64_t) info[8] << 24 | (uint64_t) info[9] << 16 | (uint64_t) info[10] << 8 |
                 info[11];
        if (length == 0 || length > MODULE_SIGNATURE_MAX || length >= before)
                return -EBADMSG;
        *ret_offset = before - length;
        *ret_size = length;
        return 1;
}

ModuleName module_name_kind(const char *name) {
        static const char *const suffixes[_MODULE_NAME_MAX] = {
                [MODULE_NAME_PLAIN] = ".ko",
                [MODULE_NAME_XZ] = ".ko.xz",
                [MODULE_NAME_ZSTD] = ".ko.zst",
                [MODULE_NAME_GZIP] = ".ko.gz",
        };

        for (ModuleName kind = MODULE_NAME_PLAIN; kind < _MODULE_NAME_MAX; kind++)
                if (endswith(name, suffixes[kind]))
                        return kind;
        return MODULE_NAME_NONE;
}

/* Cut a comment and quotes off; false if it is no plain absolute path then. */
static bool trim_value(const char **value, size_t *size) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "/._+-:@,%";
        const char *p = *value, *end;
        size_t n = *size;

        if (n >= 2 && (p[0] == '"' || p[0] == '\'')) {
                end = memchr(p + 1, p[0], n - 1);
                if (!end)
                        return false;
                p++;
                n = (size_t) (end - p);
        } else
                for (size_t i = 0; i < n; i++)
                        if (p[i] == ' ' || p[i] == '\t')
                                n = i;
        for (size_t i = 0; i < n; i++)
                if (p[i] == '\0' || !strchr(plain, p[i]))
                        return false;
        *value = p;
        *size = n;
        return n > 1 && p[0] == '/';
}

int dkms_conf_certificates(const char *text, size_t size, char ***ret) {
        _cleanup_strv_ char **paths = NULL;
        size_t pos = 0, n;
        const char *line;

        while (line_next(text, size, &pos, &line, &n)) {
                const size_t key = strlen(KEY);
                char *path;
                int r;

                text_trim(&line, &n);
                if (n <= key || memcmp(line, KEY, key) != 0)
                        continue;
                line += key;
                n -= key;
                if (!trim_value(&line, &n))
                        continue;
                path = strndup(line, n);
                r = strv_consume(&paths, path);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(((const WantedPath *) a)->path, ((const WantedPath *) b)->path);
}

void package_list_sort(WantedPath *wanted, size_t n) {
        if (n > 0)
                qsort(wanted, n, sizeof(*wanted), compare_paths);
}

static int compare_line(const char *line, size_t size, const char *path) {
        int c = strncmp(line, path, size);

        return c != 0 ? c : path[size] == '\0' ? 0 : -1;
}

void package_list_find(const char *text, size_t size, const WantedPath *wanted, size_t n,
                       void (*found)(size_t tag, void *userdata), void *userdata) {
        size_t pos = 0, line_size;
        const char *line;

        while (line_next(text, size, &pos, &line, &line_size)) {
                size_t low = 0, high = n;

                if (memchr(line, '\0', line_size))
                        continue;
                /* The first that is not before the line; there may be several that are equal. */
                while (low < high) {
                        size_t middle = low + (high - low) / 2;

                        if (compare_line(line, line_size, wanted[middle].path) > 0)
                                low = middle + 1;
                        else
                                high = middle;
                }
                for (; low < n && compare_line(line, line_size, wanted[low].path) == 0; low++)
                        found(wanted[low].tag, userdata);
        }
}

int package_list_name(const char *name, char **ret) {
        const char *end = endswith(name, ".list");
        size_t n;

        if (!end || end == name)
                return -EINVAL;
        n = strcspn(name, ":");
        *ret = strndup(name, MIN(n, (size_t) (end - name)));
        return *ret ? 0 : -ENOMEM;
}
