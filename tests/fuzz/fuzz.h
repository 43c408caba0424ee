/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The base of every fuzz target. A target is one function that must survive any bytes and stops the
 * program if a promise of the parser's header is broken. */

#include <stdio.h>

#include "common/string-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that no build option removes. */
#define FUZZ_ASSERT(condition)                                                          \
        do {                                                                            \
                if (!(condition)) {                                                     \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
                        abort();                                                        \
                }                                                                       \
        } while (false)

/* Sentences for the administrator: printable and fit for D-Bus. */
static inline void fuzz_check_warnings(char *const *warnings) {
        for (; warnings && *warnings; warnings++) {
                FUZZ_ASSERT(text_is_clean(*warnings, strlen(*warnings)));
                FUZZ_ASSERT(utf8_is_valid(*warnings, strlen(*warnings)));
        }
}
