/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Both kinds of lists: rewriting keeps every item and every line that is none, and rewriting again
 * changes nothing. */

#include "core/conf/conf-file.h"
#include "core/kernel/kernel-version.h"
#include "tests/fuzz/fuzz.h"

static void check_items(const ListFile *l, ListKind kind) {
        STRV_FOREACH(item, l->items)
                FUZZ_ASSERT(kind == LIST_ESPS ? fat_uuid_is_valid(*item)
                                              : kernel_version_is_valid(*item));
}

static void check_other(const ListFile *a, const ListFile *b) {
        FUZZ_ASSERT(a->n_other == b->n_other);
        for (size_t i = 0; i < a->n_other; i++)
                FUZZ_ASSERT(a->other[i].size == b->other[i].size &&
                            memcmp(a->other[i].text, b->other[i].text, a->other[i].size) == 0);
}

static void rewrite(const char *text, size_t size, ListKind kind) {
        _cleanup_(list_file_done) ListFile list = {}, again = {};
        _cleanup_strv_ char **warnings = NULL, **warnings_again = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;

        FUZZ_ASSERT(list_file_parse(text, size, kind, &list, &warnings) == 0);
        FUZZ_ASSERT(strv_length(warnings) <= LINE_WARNINGS_MAX + 1);
        fuzz_check_warnings(warnings);
        check_items(&list, kind);

        FUZZ_ASSERT(list_file_format(&list, kind, &first, &first_size) == 0);
        FUZZ_ASSERT(list_file_parse(first, first_size, kind, &again, &warnings_again) == 0);
        FUZZ_ASSERT(strv_length(list.items) == strv_length(again.items));
        check_other(&list, &again);

        FUZZ_ASSERT(list_file_format(&again, kind, &second, &second_size) == 0);
        FUZZ_ASSERT(second_size == first_size && memcmp(first, second, first_size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        rewrite((const char *) data, size, LIST_ESPS);
        rewrite((const char *) data, size, LIST_KERNELS);
        return 0;
}
