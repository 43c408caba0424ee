/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The pin files: the first line is the pinned version. */

#include "common/macros.h"

typedef enum PinScope {
        PIN_PERMANENT,
        PIN_NEXT_BOOT,
        _PIN_SCOPE_MAX,
} PinScope;

/* *@ret is NULL for an empty file or blank first line (no pin). -EINVAL if the first line is no
 * kernel version. Blanks around it and CRLF are fine; further lines are not read. */
int pin_parse(const char *text, size_t size, char **ret);
