/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus properties into the fields of a struct, by a table. */

#include "client/daemon/connection.h"

typedef enum PropertyType {
        PROPERTY_STRING,  /* char * */
        PROPERTY_STRINGS, /* char **, which is not NULL any more, and may be empty */
        PROPERTY_BOOLEAN, /* bool */
        PROPERTY_U32,     /* uint32_t */
        PROPERTY_U64,     /* uint64_t */
        PROPERTY_I64,     /* int64_t */
        PROPERTY_DOUBLE,  /* double */
        PROPERTY_NOTICES, /* Notices, from a(sssss) */
        PROPERTY_SHARES,  /* JobShares, from a(stt) */
        PROPERTY_I32,     /* int32_t */
        PROPERTY_NUMBERS, /* Numbers, from aq */
        PROPERTY_ENTRIES, /* FirmwareEntries, from a(qsssssbb) */
        PROPERTY_ROWS,    /* Rows, whose types are set before */
} PropertyType;

/* A warning of the daemon's, or of the client's own. */
typedef struct Notice {
        const char *id, *severity, *subject, *sentence, *action;
} Notice;

typedef struct Notices {
        Notice *items;
        size_t n, allocated;
} Notices;

/* Adds a copy, which owns its strings; NULL: "". */
void notices_add(Notices *l, const Notice *notice);

/* The share of an ESP in a job. */
typedef struct JobShare {
        char *uuid;
        uint64_t done, total; /* bytes */
} JobShare;

typedef struct JobShares {
        JobShare *items;
        size_t n, allocated;
} JobShares;

typedef struct Numbers {
        uint16_t *items;
        size_t n;
} Numbers;

/* An entry of the firmware, as org.bootsync1.Boot tells of it. */
typedef struct FirmwareEntry {
        char *title, *part_uuid, *disk, *path, *whose;
        uint16_t number;
        bool active, present;
} FirmwareEntry;

typedef struct FirmwareEntries {
        FirmwareEntry *items;
        size_t n, allocated;
} FirmwareEntries;

typedef struct Cell {
        char *text;      /* of "s" */
        uint64_t number; /* of "t" and "b" */
} Cell;

/* An array of structures of strings, numbers and booleans. */
typedef struct Rows {
        const char *types; /* of a structure: "ssb" */
        Cell *cells;       /* row by row */
        size_t n, allocated;
} Rows;

/* The cell of row @row and column @column, each from 0. */
const Cell *rows_cell(const Rows *l, size_t row, size_t column);

typedef struct Property {
        const char *name;
        PropertyType type;
        size_t offset;
} Property;

/* Read a{sv} from @m into @object, whose strings are replaced. Names that are not in the table are
 * skipped: a newer daemon may have more. A negative errno if the message is not as expected; what
 * has been read by then stays in @object. */
int properties_read(sd_bus_message *m, const Property *table, size_t n, void *object);

/* The same with all properties that @interface has at @path. */
ExitStatus properties_get(Connection *c, const char *path, const char *interface,
                          const Property *table, size_t n, void *object);

/* Free the strings that these two put there. */
void properties_done(const Property *table, size_t n, void *object);
