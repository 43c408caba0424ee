/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON values from what the client holds. Each function that makes one ends the program when out of
 * memory; a value that is given to an object or array belongs to it. */

#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "common/macros.h"

static inline void json_putp(json_object **o) {
        (void) json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

json_object *json_new(void);
json_object *json_array_new(void);

void json_add(json_object *object, const char *key, json_object *value);
void json_append(json_object *array, json_object *value);

/* NULL: "". */
void json_add_string(json_object *object, const char *key, const char *value);
void json_add_boolean(json_object *object, const char *key, bool value);
void json_add_u64(json_object *object, const char *key, uint64_t value);
void json_add_i64(json_object *object, const char *key, int64_t value);
/* Six digits of it. */
void json_add_double(json_object *object, const char *key, double value);
/* NULL: []. */
void json_add_strings(json_object *object, const char *key, char *const *value);

/* The value at which @m stands: a basic type or an array of one. -EOPNOTSUPP for any other. */
int json_from_message(sd_bus_message *m, json_object **ret);

/* The text of @value, in which even the control characters that JSON lets pass (DEL and U+0080 to
 * U+009F) are escaped. @flags as for json_object_to_json_string_ext(). Never NULL. */
char *json_to_text(json_object *value, int flags);
/* On stdout, indented for people. */
void json_print(json_object *value);
/* On stdout, on one line. */
void json_print_line(json_object *value);
