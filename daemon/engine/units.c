/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/units.h"

#include "common/string-util.h"

static void unit_done(Unit *u) {
        free(u->name);
        free(u->load);
        free(u->active);
        free(u->file);
}

void units_done(Units *l) {
        for (size_t i = 0; i < l->n; i++)
                unit_done(&l->items[i]);
        free(l->items);
        *l = (Units){};
}

Unit *units_add(Units *l, const char *name) {
        Unit unit = { .name = strdup(name) };

        if (!unit.name || !ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1)) {
                free(unit.name);
                return NULL;
        }
        l->items[l->n] = unit;
        return &l->items[l->n++];
}

const Unit *units_find(const Units *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->items[i].name, name))
                        return &l->items[i];
        return NULL;
}

bool unit_is_available(const Unit *u) {
        return streq_ptr(u->load, "loaded") && !isempty(u->file) && !startswith(u->file, "masked");
}

/* What is on its way there, or on its way out, has not stopped. */
bool unit_is_active(const Unit *u) {
        return !isempty(u->active) && !streq(u->active, "inactive") && !streq(u->active, "failed");
}

bool unit_is_enabled(const Unit *u) {
        return u->file && startswith(u->file, "enabled");
}
