/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PropertiesChanged with what has changed, and nothing else. */

#include <systemd/sd-bus.h>

#include "common/macros.h"

/* The values that were told last, of each object. NULL: of none. */
typedef struct Told Told;

Told *told_free(Told *l);
DEFINE_CLEANUP(Told *, told_free)

/* One interface of an object. */
typedef struct ToldObject {
        const char *path, *interface;
        const sd_bus_vtable *vtable;
        void *userdata; /* of its getters */
} ToldObject;

/* The object is there, and all that reads it now: what changes from here on is to be told. 0 or
 * -ENOMEM; what could not be noted is told with the next change. */
int told_note(Told **l, sd_bus *bus, const ToldObject *o);

/* Send PropertiesChanged with those of @names (NULL: of all that may change) that are not as they
 * were told or noted last; none: no signal. 0, or what sd-bus returned. */
int told_emit(Told **l, sd_bus *bus, const ToldObject *o, const char *const *names);

/* The object is gone. */
void told_forget(Told **l, const char *path);
