/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Recordings of real firmware and programs lie in the corpora of the fuzzers. */

#include <stdio.h>

#include "common/string-util.h"

/* A file of the fuzzers' corpus: @ret_size bytes, to be freed. */
static inline uint8_t *read_corpus(const char *name, size_t *ret_size) {
        _cleanup_free_ char *path = strprintf("%s/%s", CORPUS, name);
        uint8_t *data = calloc(1, 16 * 1024);
        FILE *f = fopen(path, "re");

        ck_assert_ptr_nonnull(f);
        *ret_size = fread(data, 1, 16 * 1024, f);
        (void) fclose(f);
        return data;
}
