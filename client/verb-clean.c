/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `clean`: forget ESPs whose partition is gone. Which ones these are is the daemon's judgement. */

#include "client/verbs.h"

#include "client/call.h"
#include "client/json.h"
#include "client/output.h"
#include "common/string-util.h"

ExitStatus verb_clean(const Options *options, char **arguments) {
        const CallOptions call = { .dry_run = option_given(options, OPTION_DRY_RUN) };
        _cleanup_connection_ Connection c = {};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **removed = NULL;
        _cleanup_free_ char *names = NULL;
        ExitStatus status;
        int r;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = call_method(&c, CALL_CHANGE, METHOD_MANAGER("CleanEsps"), &call, &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read_strv(reply, &removed);
        if (r < 0)
                return call_bad_reply(r);

        names = must(strv_join(removed, ", "));
        if (option_given(options, OPTION_JSON)) {
                _cleanup_json_ json_object *object = json_new();

                json_add_boolean(object, "dry_run", call.dry_run);
                json_add_strings(object, "removed", removed);
                json_print(object);
        } else if (strv_isempty(removed))
                say("No ESP is missing; nothing to do.");
        else
                say("%s off the list: %s.", call.dry_run ? "Would be taken" : "Taken", names);
        return STATUS_DONE;
}
