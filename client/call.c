/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes calls and turns what fails into one sentence and an exit status. The daemon's errors are
 * sentences already and pass as they are; only what the daemon cannot say is worded here: that it
 * is not there any more, or that somebody may not. */

#include "client/call.h"

#include <unistd.h>

#include "client/agent.h"
#include "client/output.h"
#include "common/names.h"
#include "common/string-util.h"

/* An administrator types a password, or a dry run looks at every disk. */
#define CHANGE_TIMEOUT_USEC (5 * 60 * 1000000ULL)

ExitStatus call_bad_reply(int r) {
        return fail(STATUS_FAILED, "The reply of bootsyncd cannot be understood: %s.",
                    strerror(-r));
}

static bool is_gone(const sd_bus_error *error, int r) {
        return r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY);
}

bool call_is_refused(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

ExitStatus call_failed(Connection *c, const sd_bus_error *error, int r) {
        const char *message = error && error->message ? error->message : strerror(-r);

        if (call_is_refused(error))
                return fail(STATUS_NOT_AUTHORISED, "Not authorised; try it as root. (%s)", message);
        if (!is_gone(error, r))
                return fail(STATUS_FAILED, "%s", message);
        if (c->host)
                return fail(STATUS_FAILED, "The connection to '%s' was lost.", c->host);
        if (connection_is_private(c))
                return fail(STATUS_FAILED, "The private bootsyncd ended too early.");
        return fail(STATUS_FAILED, "bootsyncd went away; 'journalctl -u bootsyncd' may tell why.");
}

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
                return call_failed(c, NULL, r);
        *ret = TAKE_PTR(m);
        return STATUS_DONE;
}

/* Root is not asked, a private daemon trusts its peer, and an agent of this host is none for
 * another. */
static bool needs_agent(const Connection *c) {
        return c->agent == 0 && geteuid() != 0 && !connection_is_private(c) && !c->host &&
               is_interactive();
}

ExitStatus call_send(Connection *c, CallType type, sd_bus_message *call, sd_bus_error *ret_refusal,
                     sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (type == CALL_CHANGE && needs_agent(c))
                c->agent = agent_start();
        r = sd_bus_call(c->bus, call, type == CALL_CHANGE ? CHANGE_TIMEOUT_USEC : 0, &error, ret);
        if (r >= 0)
                return STATUS_DONE;
        if (!ret_refusal || !startswith(strempty(error.name), BUS_ERROR_PREFIX))
                return call_failed(c, &error, r);
        (void) sd_bus_error_move(ret_refusal, &error);
        return STATUS_FAILED;
}

ExitStatus call_method(Connection *c, CallType type, const Method *method,
                       const CallOptions *options, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        ExitStatus status;

        status = call_new(c, type, method, NULL, options, &call);
        return status == STATUS_DONE ? call_send(c, type, call, NULL, ret) : status;
}
