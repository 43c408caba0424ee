/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel list`: every kernel the daemon knows, what it lacks to boot, and why it is kept. */

#include "client/verbs.h"

#include "client/call.h"
#include "client/esp-view.h"
#include "client/table.h"
#include "common/string-util.h"

typedef struct KernelInfo {
        const char *version, *state;
        char **reasons;
        int bootable;
} KernelInfo;

/* 1: @k is the next kernel, its strings belong to @m but for the reasons. */
static int next_kernel(sd_bus_message *m, KernelInfo *k) {
        int r;

        k->reasons = strv_free(k->reasons);
        r = sd_bus_message_enter_container(m, 'r', "ssasb");
        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "ss", &k->version, &k->state);
        if (r < 0)
                return r;
        r = sd_bus_message_read_strv(m, &k->reasons);
        if (r < 0)
                return r;
        r = sd_bus_message_read(m, "b", &k->bootable);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 1;
}

static int kernels_to_json(sd_bus_message *m, json_object *array) {
        KernelInfo k = {};
        int r;

        while ((r = next_kernel(m, &k)) > 0) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "version", k.version);
                json_add_boolean(object, "bootable", k.bootable);
                json_add_strings(object, "reasons", k.reasons);
        }
        strv_free(k.reasons);
        return r;
}

static int print_json(sd_bus_message *m, const ManagerInfo *info) {
        _cleanup_json_ json_object *object = json_new();
        json_object *kernels = json_array_new();
        int r;

        json_add_string(object, "running", info->running);
        json_add_string(object, "default", info->default_kernel);
        json_add_string(object, "wanted", info->wanted);
        json_add_strings(object, "manual", info->manual);
        json_add_strings(object, "automatic", info->automatic);
        json_add_strings(object, "selected", info->selected);
        json_add_strings(object, "protected", info->protected);
        json_add_string(object, "pinned", info->pinned);
        json_add_string(object, "next_boot", info->next_boot);
        json_add(object, "kernels", kernels);
        r = kernels_to_json(m, kernels);
        if (r >= 0)
                json_print(object);
        return r;
}

static char *format_marks(const KernelInfo *k, const ManagerInfo *info) {
        _cleanup_strv_ char **marks = NULL;
        bool differs = !streq_ptr(info->default_kernel, info->wanted);

        if ((streq_ptr(k->version, info->default_kernel) && strv_extend(&marks, "default") < 0) ||
            (differs && streq_ptr(k->version, info->wanted) &&
             strv_extend(&marks, "wanted default") < 0) ||
            (streq_ptr(k->version, info->pinned) && strv_extend(&marks, "pinned") < 0) ||
            (streq_ptr(k->version, info->next_boot) && strv_extend(&marks, "next boot") < 0))
                out_of_memory();
        return must(strv_join(marks, ", "));
}

static int print_table(sd_bus_message *m, const ManagerInfo *info) {
        _cleanup_table_ Table *table = table_new("VERSION", "STATE", "BOOTS", "KEPT AS", NULL);
        KernelInfo k = {};
        size_t n = 0;
        int r;

        while ((r = next_kernel(m, &k)) > 0) {
                _cleanup_free_ char *marks = format_marks(&k, info);
                _cleanup_free_ char *reasons = must(strv_join(k.reasons, ", "));

                table_add_coloured(table, k.version, isempty(marks) ? COLOUR_NONE : COLOUR_BOLD);
                table_add_coloured(table, k.state, k.bootable ? COLOUR_NONE : COLOUR_WARNING);
                table_add(table, marks);
                table_add(table, reasons);
                n++;
        }
        strv_free(k.reasons);
        if (r < 0)
                return r;
        if (n == 0)
                say("No kernel was found.");
        else
                table_print(table);
        return 0;
}

ExitStatus verb_kernel_list(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;
        int r;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* What boots is on the ESPs. */
        status = esp_view_get(&c, &infos);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        status = call_method(&c, CALL_READ, METHOD_MANAGER("ListKernels"), NULL, &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_enter_container(reply, 'a', "(ssasb)");
        if (r >= 0)
                r = option_given(options, OPTION_JSON) ? print_json(reply, &info)
                                                       : print_table(reply, &info);
        return r < 0 ? call_bad_reply(r) : STATUS_DONE;
}
