/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON values from what the client holds. Each function that makes one ends the program when out of
 * memory; a value that is given to an object or array belongs to it. */

#include <json-c/json.h>
#include <systemd/sd-bus.h>

#include "client/terminal/options.h"

DEFINE_CLEANUP(json_object *, json_object_put)
#define _cleanup_json_ _cleanup_(json_object_putp)

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

/* @data on stdout in the format that the options ask for, @kind being what it is called there:
 * {"schema": 2, "kind": …, "data": …}. Bare data are indented for people. Even the control
 * characters that JSON lets pass (DEL and U+0080 to U+009F) are escaped; and all that is not ASCII,
 * where the character set is not UTF-8. */
void json_print(const Options *options, const char *kind, json_object *data);
/* The same for one of many: bare data are on one line. */
void json_print_line(const Options *options, const char *kind, json_object *data);
