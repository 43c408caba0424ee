/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table-driven reader of property dictionaries. It knows no object: what a property means and
 * what to do when it is missing is for those who own the tables. */

#include "client/daemon/properties.h"

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

/* Object paths, too. */
static int read_strings(sd_bus_message *m, char ***field) {
        _cleanup_strv_ char **value = NULL;
        const char *contents, *s;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        if (!streq_ptr(contents, "as") && !streq_ptr(contents, "ao"))
                return -ENXIO;
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', contents + 1);
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, contents[1], &s)) > 0)
                if (strv_extend(&value, s) < 0)
                        out_of_memory();
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        strv_free(*field);
        *field = TAKE_PTR(value) ?: must((char **) calloc(1, sizeof(char *)));
        return sd_bus_message_exit_container(m);
}

void notices_add(Notices *l, const Notice *notice) {
        if (!ARRAY_RESERVE(l->items, l->allocated, l->n + 1))
                out_of_memory();
        l->items[l->n++] = (Notice){
                .id = must(strdup(strempty(notice->id))),
                .severity = must(strdup(strempty(notice->severity))),
                .subject = must(strdup(strempty(notice->subject))),
                .sentence = must(strdup(strempty(notice->sentence))),
                .action = must(strdup(strempty(notice->action))),
        };
}

static void notices_done(Notices *l) {
        for (size_t i = 0; i < l->n; i++) {
                free((char *) l->items[i].id);
                free((char *) l->items[i].severity);
                free((char *) l->items[i].subject);
                free((char *) l->items[i].sentence);
                free((char *) l->items[i].action);
        }
        free(l->items);
        *l = (Notices){};
}

static int read_notices(sd_bus_message *m, Notices *field) {
        Notice notice = {};
        int r;

        notices_done(field);
        r = sd_bus_message_enter_container(m, 'v', "a(sssss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sssss)");
        while (r >= 0 &&
               (r = sd_bus_message_read(m, "(sssss)", &notice.id, &notice.severity, &notice.subject,
                                        &notice.sentence, &notice.action)) > 0)
                notices_add(field, &notice);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void shares_done(JobShares *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i].uuid);
        free(l->items);
        *l = (JobShares){};
}

static int read_shares(sd_bus_message *m, JobShares *field) {
        uint64_t done, total;
        const char *uuid;
        int r;

        shares_done(field);
        r = sd_bus_message_enter_container(m, 'v', "a(stt)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(stt)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(stt)", &uuid, &done, &total)) > 0) {
                if (!ARRAY_RESERVE(field->items, field->allocated, field->n + 1))
                        out_of_memory();
                field->items[field->n++] = (JobShare){ must(strdup(uuid)), done, total };
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_numbers(sd_bus_message *m, Numbers *field) {
        const void *items;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "aq");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'q', &items, &size);
        if (r < 0)
                return r;
        free(field->items);
        field->items = must((uint16_t *) malloc(MAX(size, (size_t) 1)));
        field->n = size / sizeof(*field->items);
        if (size > 0)
                memcpy(field->items, items, size);
        return sd_bus_message_exit_container(m);
}

static void entries_done(FirmwareEntries *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->items[i].title);
                free(l->items[i].part_uuid);
                free(l->items[i].disk);
                free(l->items[i].path);
                free(l->items[i].whose);
        }
        free(l->items);
        *l = (FirmwareEntries){};
}

static int read_entry(sd_bus_message *m, FirmwareEntries *l) {
        const char *title, *part_uuid, *disk, *path, *whose;
        int active, present, r;
        uint16_t number;

        r = sd_bus_message_read(m, "(qsssssbb)", &number, &title, &part_uuid, &disk, &path, &whose,
                                &active, &present);
        if (r <= 0)
                return r;
        if (!ARRAY_RESERVE(l->items, l->allocated, l->n + 1))
                out_of_memory();
        l->items[l->n++] = (FirmwareEntry){
                .number = number,
                .title = must(strdup(title)),
                .part_uuid = must(strdup(part_uuid)),
                .disk = must(strdup(disk)),
                .path = must(strdup(path)),
                .whose = must(strdup(whose)),
                .active = active,
                .present = present,
        };
        return 1;
}

static int read_entries(sd_bus_message *m, FirmwareEntries *field) {
        int r;

        entries_done(field);
        r = sd_bus_message_enter_container(m, 'v', "a(qsssssbb)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(qsssssbb)");
        while (r >= 0 && (r = read_entry(m, field)) > 0)
                ;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

const Cell *rows_cell(const Rows *l, size_t row, size_t column) {
        return &l->cells[row * strlen(l->types) + column];
}

static void rows_done(Rows *l) {
        for (size_t i = 0; i < l->n * strlen(l->types); i++)
                free(l->cells[i].text);
        l->cells = mfree(l->cells);
        l->n = l->allocated = 0;
}

static int read_cell(sd_bus_message *m, char type, Cell *cell) {
        const char *text;
        int flag, r;

        if (type == 't')
                return sd_bus_message_read_basic(m, type, &cell->number);
        r = sd_bus_message_read_basic(m, type, type == 'b' ? (void *) &flag : (void *) &text);
        if (r < 0)
                return r;
        if (type == 'b')
                cell->number = flag;
        else
                cell->text = must(strdup(text));
        return 0;
}

static int read_row(sd_bus_message *m, Rows *l) {
        size_t n = strlen(l->types);
        Cell *row;
        int r;

        r = sd_bus_message_enter_container(m, 'r', l->types);
        if (r <= 0)
                return r;
        if (!ARRAY_RESERVE(l->cells, l->allocated, (l->n + 1) * n))
                out_of_memory();
        row = &l->cells[l->n * n];
        memset(row, 0, n * sizeof(*row));
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = read_cell(m, l->types[i], &row[i]);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        l->n++;
        return r < 0 ? r : 1;
}

static int read_rows(sd_bus_message *m, Rows *l) {
        _cleanup_free_ char *row = must(strprintf("(%s)", l->types));
        _cleanup_free_ char *array = must(strprintf("a%s", row));
        int r;

        rows_done(l);
        r = sd_bus_message_enter_container(m, 'v', array);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', row);
        while (r >= 0 && (r = read_row(m, l)) > 0)
                ;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
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
        case PROPERTY_NOTICES:
                return read_notices(m, field);
        case PROPERTY_SHARES:
                return read_shares(m, field);
        case PROPERTY_I32:
                return sd_bus_message_read(m, "v", "i", field);
        case PROPERTY_NUMBERS:
                return read_numbers(m, field);
        case PROPERTY_ENTRIES:
                return read_entries(m, field);
        case PROPERTY_ROWS:
                return read_rows(m, field);
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

ExitStatus properties_get(Connection *c, const char *path, const char *interface,
                          const Property *table, size_t n, void *object) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(c->bus, c->destination, path, "org.freedesktop.DBus.Properties",
                               "GetAll", &error, &reply, "s", interface);
        if (r < 0)
                return connection_failed(c, &error, r);
        r = properties_read(reply, table, n, object);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

void properties_done(const Property *table, size_t n, void *object) {
        for (size_t i = 0; i < n; i++) {
                void *field = (char *) object + table[i].offset;

                if (table[i].type == PROPERTY_STRING)
                        *(char **) field = mfree(*(char **) field);
                else if (table[i].type == PROPERTY_STRINGS)
                        *(char ***) field = strv_free(*(char ***) field);
                else if (table[i].type == PROPERTY_NOTICES)
                        notices_done(field);
                else if (table[i].type == PROPERTY_SHARES)
                        shares_done(field);
                else if (table[i].type == PROPERTY_ENTRIES)
                        entries_done(field);
                else if (table[i].type == PROPERTY_ROWS)
                        rows_done(field);
                else if (table[i].type == PROPERTY_NUMBERS)
                        ((Numbers *) field)->items = mfree(((Numbers *) field)->items);
        }
}
