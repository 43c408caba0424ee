/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An enum and the words it goes by, from one table:
 *
 *     static const char *const file_type_table[_FILE_TYPE_MAX] = { [FILE_REGULAR] = "file", … };
 *     DEFINE_STRING_TABLE(file_type, FileType)
 *
 * defines file_type_to_string() (NULL out of range) and file_type_from_string() (-EINVAL). Where
 * only one way is gone, DEFINE_TO_STRING() or DEFINE_FROM_STRING() defines that one alone; what one
 * file uses is private to it by a DEFINE_STATIC_…(). */

#include "common/macros.h"

#define DECLARE_STRING_TABLE(name, type)          \
        const char *name##_to_string(type value); \
        type name##_from_string(const char *s)

/* Only the first of them, for words that are told and never taken. */
#define DEFINE_TO_STRING(name, type)                                               \
        const char *name##_to_string(type value) {                                 \
                if ((int) value < 0 || (size_t) value >= ELEMENTSOF(name##_table)) \
                        return NULL;                                               \
                return name##_table[value];                                        \
        }

#define DEFINE_FROM_STRING(name, type)                                          \
        type name##_from_string(const char *s) {                                \
                for (size_t i = 0; s && i < ELEMENTSOF(name##_table); i++)      \
                        if (name##_table[i] && strcmp(name##_table[i], s) == 0) \
                                return (type) i;                                \
                return (type) -EINVAL;                                          \
        }

#define DEFINE_STRING_TABLE(name, type) \
        DEFINE_TO_STRING(name, type)    \
        DEFINE_FROM_STRING(name, type)

#define DEFINE_STATIC_FROM_STRING(name, type) static DEFINE_FROM_STRING(name, type)

#define DEFINE_STATIC_TO_STRING(name, type) static DEFINE_TO_STRING(name, type)

#define DEFINE_STATIC_STRING_TABLE(name, type) \
        DEFINE_STATIC_TO_STRING(name, type)    \
        DEFINE_STATIC_FROM_STRING(name, type)
