/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The right to do something. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

typedef struct Bus Bus;

/* May the sender of @m do @action (ACTION_… of names.h)? @details are pairs of key and value that
 * name the things the action is about, and end with NULL; NULL: none. If he may, @ret_uid is who he
 * is; NULL: never mind.
 *
 * To be called by a handler once the arguments are read and found valid, and before anything is
 * done. Returns 1: yes. 0: the answer is not there yet; the handler returns 1 and is called again,
 * with the same message, when it is. Negative: no, and @error is set. */
int bus_authorise(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  uid_t *ret_uid, sd_bus_error *error);
