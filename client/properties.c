/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table-driven reader of property dictionaries. It knows no object: what a property means and
 * what to do when it is missing is for those who own the tables. */

#include "client/properties.h"

#include "client/output.h"
#include "common/string-util.h"

static int read_string(sd_bus_message *m, char **field) {
        const char *value;
        int r;

        r = sd_bus_message_read(m, "v", "s", &value);
        if (r < 0)
                return r;
        free(*field);
        *field = must(strdup(value));
        return 0;
}

static int read_strings(sd_bus_message *m, char ***field) {
        _cleanup_strv_ char **value = NULL;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(m, &value);
        if (r < 0)
                return r;
        strv_free(*field);
        *field = TAKE_PTR(value);
        return sd_bus_message_exit_container(m);
}

static int read_boolean(sd_bus_message *m, bool *field) {
        int r, value;

        r = sd_bus_message_read(m, "v", "b", &value);
        if (r >= 0)
                *field = value;
        return r;
}

static int read_value(sd_bus_message *m, const Property *p, void *object) {
        void *field = (char *) object + p->offset;

        switch (p->type) {
        case PROPERTY_STRING:
                return read_string(m, field);
        case PROPERTY_STRINGS:
                return read_strings(m, field);
        case PROPERTY_BOOLEAN:
                return read_boolean(m, field);
        case PROPERTY_U32:
                return sd_bus_message_read(m, "v", "u", field);
        case PROPERTY_U64:
                return sd_bus_message_read(m, "v", "t", field);
        case PROPERTY_I64:
                return sd_bus_message_read(m, "v", "x", field);
        case PROPERTY_DOUBLE:
                return sd_bus_message_read(m, "v", "d", field);
        }
        return -EINVAL;
}

static const Property *find(const Property *table, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(table[i].name, name))
                        return &table[i];
        return NULL;
}

int properties_read(sd_bus_message *m, const Property *table, size_t n, void *object) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const Property *p;
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                p = find(table, n, name);
                r = p ? read_value(m, p, object) : sd_bus_message_skip(m, "v");
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

void properties_done(const Property *table, size_t n, void *object) {
        for (size_t i = 0; i < n; i++) {
                void *field = (char *) object + table[i].offset;

                if (table[i].type == PROPERTY_STRING)
                        *(char **) field = mfree(*(char **) field);
                else if (table[i].type == PROPERTY_STRINGS)
                        *(char ***) field = strv_free(*(char ***) field);
        }
}
