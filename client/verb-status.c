/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `status`: would this host boot, and from which ESPs? Everything shown is the daemon's, the
 * verdict on redundancy too; only the exit status is made here, from the states of the ESPs. */

#include "client/verbs.h"

#include "client/esp-view.h"
#include "client/table.h"
#include "common/string-util.h"

/* What is amiss is no trouble while a job mends it. */
static ExitStatus verdict(const ManagerInfo *info, const EspInfos *infos) {
        size_t in_sync = 0, unusable = 0;

        for (size_t i = 0; i < infos->n; i++) {
                in_sync += esp_info_in_sync(&infos->esps[i]);
                unusable += esp_info_unusable(&infos->esps[i]);
        }
        if (infos->n == 0)
                return streq_ptr(info->redundancy, "unknown") ? STATUS_FAILED : STATUS_USAGE;
        if (info->in_sync || in_sync == infos->n || streq_ptr(info->redundancy, "syncing"))
                return STATUS_DONE;
        return unusable == infos->n ? STATUS_FAILED : STATUS_PARTIAL;
}

static void print_json(const ManagerInfo *info, const EspInfos *infos) {
        _cleanup_json_ json_object *object = json_new();

        json_add_string(object, "version", info->version);
        json_add_boolean(object, "auto_sync", info->auto_sync);
        json_add_string(object, "watching", info->watching);
        json_add_string(object, "watching_reason", info->watching_reason);
        json_add_boolean(object, "in_sync", info->in_sync);
        json_add_string(object, "in_sync_reason", info->in_sync_reason);
        json_add_string(object, "redundancy", info->redundancy);
        json_add_string(object, "redundancy_reason", info->redundancy_reason);
        json_add_string(object, "running", info->running);
        json_add_string(object, "default", info->default_kernel);
        json_add_string(object, "wanted", info->wanted);
        json_add_string(object, "pinned", info->pinned);
        json_add_string(object, "next_boot", info->next_boot);
        json_add_string(object, "cmdline", info->cmdline);
        json_add_string(object, "cmdline_source", info->cmdline_source);
        json_add_u64(object, "last_refresh_usec", info->last_refresh_usec);
        json_add_string(object, "last_refresh_result", info->last_refresh_result);
        json_add(object, "esps", esp_view_json(infos));
        json_print(object);
}

static Colour redundancy_colour(const char *redundancy) {
        if (streq_ptr(redundancy, "redundant"))
                return COLOUR_GOOD;
        if (streq_ptr(redundancy, "unbootable"))
                return COLOUR_BAD;
        return COLOUR_WARNING;
}

/* What boots, and beside it what should while that is another. */
static void print_default(const ManagerInfo *info) {
        _cleanup_free_ char *wish = NULL;

        if (isempty(info->default_kernel) && isempty(info->wanted))
                return;
        if (streq_ptr(info->default_kernel, info->wanted)) {
                say_field("Default kernel:", info->default_kernel, COLOUR_NONE, NULL);
                return;
        }
        wish = must(strprintf("wanted: %s", isempty(info->wanted) ? "none" : info->wanted));
        say_field("Default kernel:",
                  isempty(info->default_kernel) ? "not known" : info->default_kernel,
                  COLOUR_WARNING, wish);
}

static void print_manager(const ManagerInfo *info) {
        _cleanup_free_ char *last = format_time(info->last_refresh_usec);

        say_field("Redundancy:", info->redundancy, redundancy_colour(info->redundancy),
                  info->redundancy_reason);
        if (!isempty(info->in_sync_reason) &&
            !streq_ptr(info->in_sync_reason, info->redundancy_reason))
                say_field("Not in sync:", info->in_sync_reason, COLOUR_WARNING, NULL);
        say_field("Running kernel:", info->running, COLOUR_NONE, NULL);
        print_default(info);
        say_field("Pinned kernel:", info->pinned, COLOUR_NONE, NULL);
        say_field("Next boot only:", info->next_boot, COLOUR_NONE, NULL);
        say_field("Command line:", info->cmdline, COLOUR_NONE, info->cmdline_source);
        say_field("Automatic sync:", info->auto_sync ? "on" : "off", COLOUR_NONE, NULL);
        if (streq_ptr(info->watching, "timer"))
                say_field("Watching files:", info->watching, COLOUR_WARNING, info->watching_reason);
        say_field("Last refresh:", last, COLOUR_NONE, info->last_refresh_result);
}

static void print_esps(const EspInfos *infos) {
        _cleanup_table_ Table *table = table_new("ESP", "DEVICE", "LOADER", "STATE", "BOOTS",
                                                 "FREE", "KERNELS", NULL);

        for (size_t i = 0; i < infos->n; i++) {
                const EspInfo *esp = &infos->esps[i];
                _cleanup_free_ char *kernels = must(strv_join(esp->kernels, ", "));
                _cleanup_free_ char *space = esp_view_space(esp);

                table_add_coloured(table, esp->uuid, COLOUR_BOLD);
                table_add(table, esp->device);
                table_add(table, esp->loader);
                table_add_coloured(table, esp->state, esp_view_colour(esp));
                table_add_coloured(table, esp->default_kernel,
                                   strv_contains(esp->kernels, strempty(esp->default_kernel))
                                                   ? COLOUR_NONE
                                                   : COLOUR_BAD);
                table_add(table, space);
                table_add(table, kernels);
        }
        (void) putchar('\n');
        table_print(table);
        for (size_t i = 0; i < infos->n; i++) {
                _cleanup_free_ char *complaint = esp_info_complaint(&infos->esps[i]);

                if (!isempty(infos->esps[i].last_error))
                        say("%s", complaint);
        }
}

ExitStatus verb_status(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* The ESPs first: for a private daemon it is the look at them that fills the Manager. */
        status = esp_view_get(&c, &infos);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;

        status = verdict(&info, &infos);
        if (option_given(options, OPTION_QUIET))
                return status;
        if (option_given(options, OPTION_JSON)) {
                print_json(&info, &infos);
                return status;
        }
        print_manager(&info);
        if (infos.n == 0 && status == STATUS_USAGE)
                say("No ESP is configured.");
        else if (infos.n == 0)
                return status;
        else
                print_esps(&infos);
        return status;
}
