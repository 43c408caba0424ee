/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Units of the service manager that do what the engine is asked to do as well. The engine says what
 * is to become of them; who speaks D-Bus provides how. */

#include "common/error.h"

typedef struct Unit {
        char *name;
        char *load;   /* "loaded", "not-found", "masked" */
        char *active; /* "active", "inactive", "failed" */
        char *file;   /* "enabled", "disabled", "masked"; "" if there is none */
} Unit;

typedef struct Units {
        Unit *items;
        size_t n, n_allocated;
} Units;

void units_done(Units *l);
/* A new one without states; NULL when out of memory. */
Unit *units_add(Units *l, const char *name);
const Unit *units_find(const Units *l, const char *name) _pure_;

/* Installed and not masked: it can be enabled and started. */
bool unit_is_available(const Unit *u) _pure_;
bool unit_is_active(const Unit *u) _pure_;
bool unit_is_enabled(const Unit *u) _pure_;

/* How the units are now; or, with @error set, why they are not as they should be. If they could not
 * even be asked for, @units is empty. Called from the event loop; the call is over, and is freed
 * from within it. */
typedef void (*units_answered_t)(const Units *units, const Error *error, void *userdata);

typedef struct UnitsCall UnitsCall;

/* @names ends with NULL and is copied. All return 0 or -errno. */
typedef struct UnitsOps {
        int (*ask)(void *ops_userdata, const char *const *names, units_answered_t answered,
                   void *userdata, UnitsCall **ret);
        /* @on: enable and start those that are available; else disable them, and stop all that
         * run, in the order of @names. */
        int (*turn)(void *ops_userdata, const char *const *names, bool on,
                    units_answered_t answered, void *userdata, UnitsCall **ret);
        /* Nobody waits any more. */
        UnitsCall *(*free)(UnitsCall *call);
} UnitsOps;
