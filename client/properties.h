/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus properties into the fields of a struct, by a table. */

#include <systemd/sd-bus.h>

#include "common/macros.h"

typedef enum PropertyType {
        PROPERTY_STRING,  /* char * */
        PROPERTY_STRINGS, /* char ** */
        PROPERTY_BOOLEAN, /* bool */
        PROPERTY_U32,     /* uint32_t */
        PROPERTY_U64,     /* uint64_t */
        PROPERTY_I64,     /* int64_t */
        PROPERTY_DOUBLE,  /* double */
} PropertyType;

typedef struct Property {
        const char *name;
        PropertyType type;
        size_t offset;
} Property;

/* Read a{sv} from @m into @object, whose strings are replaced. Names that are not in the table are
 * skipped: a newer daemon may have more. A negative errno if the message is not as expected; what
 * has been read by then stays in @object. */
int properties_read(sd_bus_message *m, const Property *table, size_t n, void *object);

/* Free the strings that properties_read() put there. */
void properties_done(const Property *table, size_t n, void *object);
