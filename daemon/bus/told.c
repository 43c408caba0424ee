/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine says which object or which group of properties may have changed; clients, above all
 * one that puts changes into sentences, want to hear what has. So the text of each value is kept as
 * it was sent last, and compared. The getters of the vtable make it, the same as for a caller, and
 * so nothing has to be kept in step. */

#include "bus/told.h"

#include <stdio.h>

#include "common/string-util.h"

#define PROPERTIES_MAX 32 /* of one interface */

struct Told {
        Told *next;
        char *path;
        char *values[PROPERTIES_MAX]; /* by the place in the vtable; NULL: not known */
};

static Told *told_free_one(Told *t) {
        for (size_t i = 0; i < PROPERTIES_MAX; i++)
                free(t->values[i]);
        free(t->path);
        return mfree(t);
}

Told *told_free(Told *l) {
        while (l) {
                Told *next = l->next;

                told_free_one(l);
                l = next;
        }
        return NULL;
}

static Told **find(Told **l, const char *path) {
        while (*l && !streq((*l)->path, path))
                l = &(*l)->next;
        return l;
}

static Told *find_or_add(Told **l, const char *path) {
        Told **place = find(l, path), *t = *place;

        if (t)
                return t;
        t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        t->path = strdup(path);
        if (!t->path)
                return told_free_one(t);
        *place = t;
        return t;
}

void told_forget(Told **l, const char *path) {
        Told **place = find(l, path), *t = *place;

        if (!t)
                return;
        *place = t->next;
        told_free_one(t);
}

static int append_value(sd_bus_message *m, sd_bus *bus, const ToldObject *o,
                        const sd_bus_vtable *v) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = v->x.property.get(bus, o->path, o->interface, v->x.property.member, m, o->userdata,
                                  &error);

        if (r >= 0)
                r = sd_bus_message_seal(m, 1, 0);
        return r < 0 ? r : sd_bus_message_rewind(m, true);
}

/* As sd-bus prints it. NULL: it cannot be had now, and counts as another one. */
static char *value_text(sd_bus *bus, const ToldObject *o, const sd_bus_vtable *v) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char *text = NULL;
        size_t size;
        FILE *f;
        int r;

        if (sd_bus_message_new_signal(bus, &m, o->path, o->interface, "Value") < 0 ||
            append_value(m, bus, o, v) < 0)
                return NULL;
        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        r = sd_bus_message_dump(m, f, SD_BUS_MESSAGE_DUMP_SUBTREE_ONLY);
        if (fclose(f) != 0 || r < 0)
                return mfree(text);
        return text;
}

/* True if the property @i has another value than before, which is kept. */
static bool renew(Told *t, sd_bus *bus, const ToldObject *o, size_t i) {
        char *text = value_text(bus, o, &o->vtable[i]);
        bool same = text && streq_ptr(text, t->values[i]);

        /* The old text stays where it is: one that is made anew at each change would be scattered
         * among what is there for a moment. */
        free(same ? text : t->values[i]);
        if (!same)
                t->values[i] = text;
        return !same;
}

static bool is_one_of(const char *name, const char *const *names) {
        for (; names && *names; names++)
                if (streq(name, *names))
                        return true;
        return false;
}

/* The names of those that have changed, up to a NULL, in @ret. */
static int review(Told **l, sd_bus *bus, const ToldObject *o, const char *const *names,
                  const char **ret) {
        Told *t = find_or_add(l, o->path);
        size_t n = 0;

        if (!t)
                return -ENOMEM;
        for (size_t i = 0; o->vtable[i].type != _SD_BUS_VTABLE_END; i++) {
                const sd_bus_vtable *v = &o->vtable[i];

                assert(i < PROPERTIES_MAX);
                if (v->type == _SD_BUS_VTABLE_PROPERTY &&
                    (v->flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE) &&
                    (!names || is_one_of(v->x.property.member, names)) && renew(t, bus, o, i))
                        ret[n++] = v->x.property.member;
        }
        return 0;
}

int told_note(Told **l, sd_bus *bus, const ToldObject *o) {
        const char *changed[PROPERTIES_MAX] = {};

        return review(l, bus, o, NULL, changed);
}

int told_emit(Told **l, sd_bus *bus, const ToldObject *o, const char *const *names) {
        const char *changed[PROPERTIES_MAX] = {};
        int r;

        r = review(l, bus, o, names, changed);
        if (r < 0 || !changed[0])
                return r;
        return sd_bus_emit_properties_changed_strv(bus, o->path, o->interface, (char **) changed);
}
