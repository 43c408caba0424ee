/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Anybody may send us what the bus lets through: messages of 32 MiB, paths of 64 KiB. This filter
 * sees each call before sd-bus looks for its object, since that alone takes a second for such a
 * path: each of its 32,000 prefixes is hashed. sd-bus does not tell how large a message is, so the
 * arguments are read as far as they may weigh. What comes by here may be kept in memory, and read
 * with loops that are not made for a million items. */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "bus/caller.h"
#include "bus/shared.h"
#include "bus/turn.h"
#include "common/macros.h"

/* The arguments of a call may weigh so much, in bytes. The longest that is of any use, a list of
 * all ESPs or all settings of KSM, is half as long. */
#define GATE_WEIGHT_MAX (16U * 1024U)

/* No object of ours has a longer path, in bytes. */
#define GATE_PATH_MAX 256U

/* An item of an array costs us more than it takes in the message. */
#define ITEM_WEIGHT 16U

static int weigh_basic(sd_bus_message *m, char type, size_t *ret) {
        union {
                const char *string;
                uint64_t number;
                int fd;
        } value;
        bool is_string = type == SD_BUS_TYPE_STRING || type == SD_BUS_TYPE_OBJECT_PATH ||
                         type == SD_BUS_TYPE_SIGNATURE;
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        *ret = is_string ? strlen(value.string) : 0;
        return 0;
}

static int weigh_all(sd_bus_message *m, size_t *left);

static int weigh_container(sd_bus_message *m, char type, const char *contents, size_t *left) {
        int r;

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        r = weigh_all(m, left);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Read what is left of the container that @m is in, and take what it weighs from @left; -E2BIG if
 * it is too much. D-Bus allows containers to be 64 deep. */
static int weigh_all(sd_bus_message *m, size_t *left) {
        const char *contents;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                size_t weight = 0;

                if (*left < ITEM_WEIGHT)
                        return -E2BIG;
                *left -= ITEM_WEIGHT;
                r = contents ? weigh_container(m, type, contents, left)
                             : weigh_basic(m, type, &weight);
                if (r < 0)
                        return r;
                if (*left < weight)
                        return -E2BIG;
                *left -= weight;
        }
        return r;
}

/* 1, which drops the call, if there is no use in one more answer. */
_printf_(4, 5) static int refuse(Bus *b, sd_bus_error *error, const char *name, const char *format,
                                 ...) {
        va_list ap;
        int r;

        if (!turn_may_refuse(b))
                return 1;
        va_start(ap, format);
        r = sd_bus_error_setfv(error, name, format, ap);
        va_end(ap);
        return r;
}

/* A call that is too big (LimitsExceeded) or names an object that cannot be (UnknownObject) ends
 * here, the others wait for the turn of their sender (turn.h). */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        size_t left = GATE_WEIGHT_MAX;
        int r;

        if (!sd_bus_message_is_method_call(m, NULL, NULL) || turn_was_admitted(userdata, m))
                return 0;
        if (strlen(sd_bus_message_get_path(m)) > GATE_PATH_MAX)
                return refuse(userdata, error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                              "No object has a path of more than %u bytes.", GATE_PATH_MAX);
        r = weigh_all(m, &left);
        if (r == -E2BIG)
                return refuse(userdata, error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                              "%s was called with more than %u KiB of arguments; none needs so "
                              "many.",
                              sd_bus_message_get_member(m), GATE_WEIGHT_MAX / 1024U);
        return r < 0 ? r : caller_queue(userdata, m, GATE_WEIGHT_MAX - left, error);
}

/* The peer of a private daemon may do everything, this, too. */
static int add_gate(Bus *b) {
        return b->peer ? 0 : sd_bus_add_filter(b->bus, NULL, on_message, b);
}

const BusPart bus_gate = { .add = add_gate };
