/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between D-Bus messages and our values: options, errors, strings, properties. */

#include <systemd/sd-bus.h>

#include "common/error.h"

/* How much of what a stranger sent is repeated in an error sentence, in bytes. */
#define BUS_ECHO_MAX 64

/* No host has more ESPs. */
#define BUS_STRV_MAX 256U

typedef enum BusOptionType {
        BUS_OPTION_BOOLEAN, /* bool * */
        BUS_OPTION_STRING,  /* const char **, valid as long as the message */
        BUS_OPTION_STRV,    /* char ***, to be freed; at most BUS_STRV_MAX strings */
        BUS_OPTION_U32,     /* uint32_t * */
        _BUS_OPTION_TYPE_MAX,
        _BUS_OPTION_TYPE_INVALID = -EINVAL,
} BusOptionType;

typedef struct BusOption {
        const char *name;
        BusOptionType type;
        void *ret; /* not touched if the option is absent */
} BusOption;

/* Read the a{sv} that ends every call. A key that is not among the @n_options, one that comes
 * twice, and a value of another type are InvalidOption. What was read before the mistake is stored
 * nevertheless, so strings vectors are the caller's to free in any case. */
int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n_options,
                     sd_bus_error *error);

/* "org.bootsync1.Error.NoSpace", "" for ERROR_NONE; NULL when out of memory. */
char *bus_error_name(ErrorCode code);

/* Turn what the engine said into a D-Bus error; @r is what it returned. Both return what a handler
 * has to return: a negative errno, with @ret set. */
int bus_error(sd_bus_error *ret, int r, const Error *error);
int bus_errorf(sd_bus_error *ret, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* True if @name, a unique name, sent @m. */
bool message_is_of(sd_bus_message *m, const char *name);

/* Append to @m. Strings are made fit for D-Bus first; NULL counts as empty. */
int bus_append_string(sd_bus_message *m, const char *s);
int bus_append_strv(sd_bus_message *m, char *const *l);
int bus_append_boolean(sd_bus_message *m, bool value);
int bus_append_u64(sd_bus_message *m, uint64_t value);

/* Define a property getter that calls APPEND(reply, …); in the arguments, o is the object. */
#define BUS_DEFINE_PROPERTY(name, type, append, ...)                                 \
        static int name(sd_bus *bus, const char *path, const char *interface,        \
                        const char *property, sd_bus_message *reply, void *userdata, \
                        sd_bus_error *error) {                                       \
                const type *o = userdata;                                            \
                return append(reply, __VA_ARGS__);                                   \
        }

/* A method that everybody may call, in a vtable; its handler authorises. @args and @result are
 * lists of type and name in parentheses. */
#define BUS_METHOD(name, args, result, handler)                                        \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS args, SD_BUS_RESULT result, handler, \
                                SD_BUS_VTABLE_UNPRIVILEGED)
