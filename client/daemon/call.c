/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builds calls and sends them. One that changes something may ask for a password and take minutes;
 * one that only reads is answered from the daemon's memory. */

#include "client/daemon/call.h"

#include "common/string-util.h"

/* An administrator types a password, or a dry run looks at every disk. */
#define CHANGE_TIMEOUT_USEC (5 * 60 * 1000000ULL)

static int append_strv_option(sd_bus_message *m, const char *key, char *const *value) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", key);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(m, (char **) value);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_options(sd_bus_message *m, const CallOptions *options) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && !strv_isempty(options->esps))
                r = append_strv_option(m, "esps", options->esps);
        if (r >= 0 && options->new_kernel)
                r = sd_bus_message_append(m, "{sv}", "new-kernel", "s", options->new_kernel);
        if (r >= 0 && options->dry_run)
                r = sd_bus_message_append(m, "{sv}", "dry-run", "b", true);
        if (r >= 0 && options->force)
                r = sd_bus_message_append(m, "{sv}", "force", "b", true);
        if (r >= 0 && options->unmerge)
                r = sd_bus_message_append(m, "{sv}", "unmerge", "b", true);
        if (r >= 0 && options->keys)
                r = sd_bus_message_append(m, "{sv}", "keys", "b", true);
        if (r >= 0 && options->limit > 0)
                r = sd_bus_message_append(m, "{sv}", "limit", "u", options->limit);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_dictionary(sd_bus_message *m, char *const *strings) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{ss}");
        for (; r >= 0 && strings && *strings; strings++) {
                const char *equals = strchrnul(*strings, '=');
                _cleanup_free_ char *key = must(strndup(*strings, (size_t) (equals - *strings)));

                r = sd_bus_message_append(m, "{ss}", key, *equals == '=' ? equals + 1 : "");
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_strings(sd_bus_message *m, char *const *strings) {
        int r = 0;

        for (; r >= 0 && strings && *strings; strings++)
                r = sd_bus_message_append(m, "s", *strings);
        return r;
}

ExitStatus call_new(Connection *c, CallType type, const Method *method, char *const *strings,
                    const CallOptions *options, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(c->bus, &m, c->destination, method->path,
                                           method->interface, method->name);
        if (r >= 0 && type == CALL_CHANGE)
                r = sd_bus_message_set_allow_interactive_authorization(m, is_interactive());
        if (r >= 0)
                r = method->dictionary ? append_dictionary(m, strings) : append_strings(m, strings);
        if (r >= 0)
                r = append_options(m, options ?: &(CallOptions){});
        if (r < 0)
                return connection_failed(c, NULL, r);
        *ret = TAKE_PTR(m);
        return STATUS_DONE;
}

static ExitStatus send_call(Connection *c, CallType type, sd_bus_message *call,
                            sd_bus_error *refusal, sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (type == CALL_CHANGE)
                connection_start_agent(c);
        r = sd_bus_call(c->bus, call, type == CALL_CHANGE ? CHANGE_TIMEOUT_USEC : 0, &error, ret);
        if (r >= 0)
                return STATUS_DONE;
        if (!refusal || !startswith(strempty(error.name), BUS_ERROR_PREFIX))
                return connection_failed(c, &error, r);
        (void) sd_bus_error_move(refusal, &error);
        return STATUS_FAILED;
}

ExitStatus call_method(Connection *c, CallType type, const Method *method, char *const *strings,
                       const CallOptions *options, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        ExitStatus status;

        status = call_new(c, type, method, strings, options, &call);
        return status == STATUS_DONE
                               ? send_call(c, type, call, options ? options->refusal : NULL, ret)
                               : status;
}
