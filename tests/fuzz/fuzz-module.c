/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a module, before which stands in four bytes how many more there are: a signature lies
 * within the file, right before the trailer. And the same bytes as a configuration of DKMS, of
 * which absolute paths without anything for a shell are taken, and as one of dpkg's lists. */

#include "core/firmware/load-option.h"
#include "core/secure-boot/module.h"
#include "tests/fuzz/fuzz.h"

static void check_end(const uint8_t *data, size_t size, uint64_t file_size) {
        uint64_t offset;
        size_t length;
        int r = module_find_signature(data, size, file_size, &offset, &length);

        FUZZ_ASSERT(r == 1 || r == 0 || r == -EBADMSG);
        if (r > 0)
                FUZZ_ASSERT(length > 0 && length <= MODULE_SIGNATURE_MAX && offset > 0 &&
                            offset + length + MODULE_TRAILER_SIZE == file_size);
}

static void check_conf(const char *text, size_t size) {
        _cleanup_strv_ char **paths = NULL;

        FUZZ_ASSERT(dkms_conf_certificates(text, size, &paths) == 0);
        STRV_FOREACH(path, paths)
                FUZZ_ASSERT(**path == '/' && !strpbrk(*path, " \t$`\"'\\;&|<>(){}*?[]~#!\n"));
}

static void note(size_t tag, void *userdata) {
        FUZZ_ASSERT(tag == 7);
        ++*(size_t *) userdata;
}

/* The first line of the text is found, unless it is none. */
static void check_list(const char *text, size_t size) {
        _cleanup_free_ char *line = NULL;
        size_t pos = 0, n, found = 0;
        const char *first;
        WantedPath wanted;

        if (!line_next(text, size, &pos, &first, &n) || memchr(first, '\0', n))
                return;
        line = strndup(first, n);
        FUZZ_ASSERT(line);
        wanted = (WantedPath){ .path = line, .tag = 7 };
        package_list_find(text, size, &wanted, 1, note, &found);
        FUZZ_ASSERT(found > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 4)
                return 0;
        check_end(data + 4, size - 4, size - 4 + (uint64_t) efi_u32(data));
        check_conf((const char *) data + 4, size - 4);
        check_list((const char *) data + 4, size - 4);
        return 0;
}
