/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The small change of the bus floor. Options are checked against a table, so that a typo is an
 * error and not ignored. D-Bus disconnects who sends a string that is not UTF-8, and our strings
 * come from files that anybody may have written: every string leaves through bus_append_string() or
 * bus_error(), which mend it. */

#include "bus/bus-util.h"

#include <stdarg.h>

#include "common/names.h"
#include "common/string-util.h"

static const struct {
        const char *signature;
        const char *in_words;
} option_types[_BUS_OPTION_TYPE_MAX] = {
        [BUS_OPTION_BOOLEAN] = { "b", "a boolean" },
        [BUS_OPTION_STRING] = { "s", "a string" },
        [BUS_OPTION_STRV] = { "as", "an array of strings" },
        [BUS_OPTION_U32] = { "u", "an unsigned number of 32 bits" },
};

static int refuse_unknown(sd_bus_message *m, const char *name, sd_bus_error *error) {
        _cleanup_free_ char *shown = NULL;

        shown = string_for_humans(name, strlen(name), BUS_ECHO_MAX);
        if (!shown)
                return -ENOMEM;
        return bus_errorf(error, ERROR_INVALID_OPTION, "%s has no option '%s'.",
                          sd_bus_message_get_member(m), shown);
}

/* Not sd_bus_message_read_strv(), which takes as many as come. */
static int read_strv(sd_bus_message *m, const BusOption *option, sd_bus_error *error) {
        char ***l = option->ret;
        const char *s;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &s)) > 0) {
                if (n++ >= BUS_STRV_MAX)
                        return bus_errorf(error, ERROR_INVALID_OPTION,
                                          "Option '%s' of %s has more than %u strings.",
                                          option->name, sd_bus_message_get_member(m), BUS_STRV_MAX);
                r = strv_extend(l, s);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_value(sd_bus_message *m, const BusOption *option, sd_bus_error *error) {
        const char *signature = option_types[option->type].signature, *found;
        int r, b;

        r = sd_bus_message_peek_type(m, NULL, &found);
        if (r < 0)
                return r;
        if (!streq(found, signature))
                return bus_errorf(error, ERROR_INVALID_OPTION, "Option '%s' of %s must be %s.",
                                  option->name, sd_bus_message_get_member(m),
                                  option_types[option->type].in_words);

        switch (option->type) {
        case BUS_OPTION_BOOLEAN:
                r = sd_bus_message_read(m, "v", signature, &b);
                if (r >= 0)
                        *(bool *) option->ret = b;
                return r;
        case BUS_OPTION_STRING:
        case BUS_OPTION_U32:
                return sd_bus_message_read(m, "v", signature, option->ret);
        case BUS_OPTION_STRV:
                r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, signature);
                if (r < 0)
                        return r;
                r = read_strv(m, option, error);
                if (r < 0)
                        return r;
                return sd_bus_message_exit_container(m);
        case _BUS_OPTION_TYPE_MAX:
        case _BUS_OPTION_TYPE_INVALID:
                break;
        }
        return -EINVAL;
}

int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n_options,
                     sd_bus_error *error) {
        uint64_t seen = 0;
        int r;

        assert(m);
        assert(n_options <= 64);

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                const char *name;
                size_t i = 0;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                while (i < n_options && !streq(options[i].name, name))
                        i++;
                if (i >= n_options)
                        return refuse_unknown(m, name, error);
                if (seen & (UINT64_C(1) << i))
                        return bus_errorf(error, ERROR_INVALID_OPTION,
                                          "Option '%s' of %s is given twice.", options[i].name,
                                          sd_bus_message_get_member(m));
                seen |= UINT64_C(1) << i;

                r = read_value(m, &options[i], error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

char *bus_error_name(ErrorCode code) {
        if (code == ERROR_NONE)
                return strdup("");
        return strprintf(BUS_ERROR_PREFIX "%s", error_code_to_string(code));
}

int bus_error(sd_bus_error *ret, int r, const Error *error) {
        _cleanup_free_ char *name = NULL, *message = NULL;
        _cleanup_error_ Error local = {};

        if (!error_is_set(error)) {
                if (r == -ENOMEM)
                        return r;
                (void) error_set_errno(&local, r, "The request failed");
                error = &local;
        }

        name = bus_error_name(error->code);
        message = string_for_humans(strempty(error->message), strlen(strempty(error->message)),
                                    SIZE_MAX);
        if (!name || !message)
                return -ENOMEM;
        return sd_bus_error_set(ret, name, message);
}

int bus_errorf(sd_bus_error *ret, ErrorCode code, const char *format, ...) {
        _cleanup_error_ Error error = { .code = code };
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&error.message, format, ap) < 0)
                error.message = NULL;
        va_end(ap);
        return bus_error(ret, error_code_to_errno(code), &error);
}

bool message_is_of(sd_bus_message *m, const char *name) {
        return streq(strempty(sd_bus_message_get_sender(m)), name);
}

int bus_append_string(sd_bus_message *m, const char *s) {
        _cleanup_free_ char *mended = NULL;

        s = strempty(s);
        if (!utf8_is_valid(s, strlen(s))) {
                s = mended = string_for_humans(s, strlen(s), SIZE_MAX);
                if (!mended)
                        return -ENOMEM;
        }
        return sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, s);
}

int bus_append_strv(sd_bus_message *m, char *const *l) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        if (r < 0)
                return r;
        for (; l && *l; l++) {
                r = bus_append_string(m, *l);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

int bus_append_boolean(sd_bus_message *m, bool value) {
        return sd_bus_message_append(m, "b", (int) value);
}

int bus_append_u64(sd_bus_message *m, uint64_t value) {
        return sd_bus_message_append(m, "t", value);
}
