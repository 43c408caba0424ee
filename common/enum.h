/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An enum and the words it goes by, from one table:
 *
 *     static const char *const esp_state_table[_ESP_STATE_MAX] = { [ESP_MISSING] = "missing", … };
 *     DEFINE_STRING_TABLE(esp_state, EspState)
 *
 * defines esp_state_to_string() (NULL out of range) and esp_state_from_string() (-EINVAL). */

#include "common/macros.h"

#define DECLARE_STRING_TABLE(name, type)          \
        const char *name##_to_string(type value); \
        type name##_from_string(const char *s)

#define DEFINE_STRING_TABLE(name, type)                                            \
        const char *name##_to_string(type value) {                                 \
                if ((int) value < 0 || (size_t) value >= ELEMENTSOF(name##_table)) \
                        return NULL;                                               \
                return name##_table[value];                                        \
        }                                                                          \
        type name##_from_string(const char *s) {                                   \
                for (size_t i = 0; s && i < ELEMENTSOF(name##_table); i++)         \
                        if (name##_table[i] && strcmp(name##_table[i], s) == 0)    \
                                return (type) i;                                   \
                return (type) -EINVAL;                                             \
        }
