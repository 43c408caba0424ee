/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `refresh`, and with --dry-run the plan that it would carry out. The plan is the daemon's; the
 * client only adds up its bytes. */

#include "client/verbs.h"

#include "client/call.h"
#include "client/json.h"
#include "client/objects.h"
#include "client/refresh.h"
#include "client/table.h"
#include "common/string-util.h"

typedef struct Step {
        const char *esp, *action, *path;
        uint64_t bytes;
} Step;

static int next_step(sd_bus_message *m, Step *ret) {
        return sd_bus_message_read(m, "(ssst)", &ret->esp, &ret->action, &ret->path, &ret->bytes);
}

static int print_plan_json(sd_bus_message *m) {
        _cleanup_json_ json_object *array = json_array_new();
        Step step;
        int r;

        while ((r = next_step(m, &step)) > 0) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "esp", step.esp);
                json_add_string(object, "action", step.action);
                json_add_string(object, "path", step.path);
                json_add_u64(object, "bytes", step.bytes);
        }
        if (r >= 0)
                json_print(array);
        return r;
}

static int print_plan_table(sd_bus_message *m, size_t n_esps) {
        _cleanup_table_ Table *table = table_new("ESP", "ACTION", "SIZE", "PATH", NULL);
        size_t n = 0;
        Step step;
        int r;

        while ((r = next_step(m, &step)) > 0) {
                _cleanup_free_ char *size = format_bytes(step.bytes);

                table_add(table, step.esp);
                table_add(table, step.action);
                table_add(table, step.bytes > 0 ? size : NULL);
                table_add(table, step.path);
                n++;
        }
        if (r < 0)
                return r;
        if (n > 0)
                table_print(table);
        else if (n_esps == 0)
                say("No ESP is configured, and there is nothing else to do.");
        else
                say("Every file is in place; there is nothing to do.");
        return 0;
}

static ExitStatus dry_run(Connection *c, const Options *options) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;
        int r;

        status = call_method(c, CALL_CHANGE, METHOD_MANAGER("Plan"),
                             &(CallOptions){ .esps = options->esps }, &reply);
        if (status != STATUS_DONE)
                return status;
        status = esp_infos_get(c, options->esps, &infos);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_enter_container(reply, 'a', "(ssst)");
        if (r >= 0)
                r = option_given(options, OPTION_JSON) ? print_plan_json(reply)
                                                       : print_plan_table(reply, infos.n);
        return r < 0 ? call_bad_reply(r) : STATUS_DONE;
}

ExitStatus verb_refresh(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        ExitStatus status;

        if (option_given(options, OPTION_DRY_RUN) && options->new_kernel)
                return fail(STATUS_USAGE, "--dry-run and --new-kernel cannot be combined.");
        if (refresh_is_pointless(options))
                return STATUS_DONE;
        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        return option_given(options, OPTION_DRY_RUN) ? dry_run(&c, options)
                                                     : refresh_run(&c, options);
}
