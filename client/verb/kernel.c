/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel list`: every kernel the daemon knows, what it lacks to boot, and why it is kept. `kernel
 * add`, `remove`, `pin` and `unpin` store a change through the daemon and see to it that the user
 * knows whether the ESPs have it yet. --no-refresh is refused before anything is changed if it
 * could not be kept: a daemon with AutoSync on will refresh. Who names no kernel to pin, or one
 * that there is not, is told which there are: the daemon refuses, and here its list is added. */

#include "client/verb/verbs.h"

#include "client/daemon/job-report.h"
#include "client/daemon/job.h"
#include "client/daemon/objects.h"
#include "client/terminal/json.h"
#include "client/terminal/suggest.h"
#include "client/terminal/table.h"
#include "client/verb/refresh.h"
#include "common/change-words.h"
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

static int print_kernels_json(sd_bus_message *m, const Options *options, const ManagerInfo *info) {
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
                json_print(options, "kernels", object);
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

static const Column kernel_columns[] = {
        { "VERSION", "version" },
        { "STATE", NULL },
        { "BOOTS", NULL },
        { "KEPT AS", "reasons" },
        { "BOOTABLE", "bootable", .only_if_chosen = true },
};

/* The rows of @table. */
static int add_kernels(sd_bus_message *m, const ManagerInfo *info, Table *table) {
        KernelInfo k = {};
        int r;

        while ((r = next_kernel(m, &k)) > 0) {
                _cleanup_free_ char *marks = format_marks(&k, info);
                _cleanup_free_ char *reasons = must(strv_join(k.reasons, ", "));

                table_add_coloured(table, k.version, isempty(marks) ? COLOUR_NONE : COLOUR_BOLD);
                table_add_coloured(table, k.state, k.bootable ? COLOUR_NONE : COLOUR_WARNING);
                table_add(table, marks);
                table_add(table, reasons);
                table_add(table, k.bootable ? "yes" : "no");
        }
        strv_free(k.reasons);
        return r;
}

/* The reply to ListKernels, at its first kernel. */
static ExitStatus list_kernels(Connection *c, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_MANAGER("ListKernels"), NULL, NULL, &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_enter_container(reply, 'a', "(ssasb)");
        if (r < 0)
                return connection_bad_reply(r);
        *ret = TAKE_PTR(reply);
        return STATUS_DONE;
}

static ExitStatus verb_kernel_list(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_table_ Table *table = NULL;
        ExitStatus status;
        int r;

        status = table_new_chosen(options, kernel_columns, ELEMENTSOF(kernel_columns), &table);
        if (status == STATUS_DONE)
                status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* The ESPs tell which kernel boots. */
        status = job_first_look(&c, false);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        status = list_kernels(&c, &reply);
        if (status != STATUS_DONE)
                return status;
        r = options->json ? 0 : add_kernels(reply, &info, table);
        if (r < 0)
                return connection_bad_reply(r);
        options_page(options);
        if (options->json)
                r = print_kernels_json(reply, options, &info);
        else
                table_print(table, options, "No kernel was found.");
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

/* An ESP that was not compared is no news. Never NULL. */
static char *join_pending(const ManagerInfo *info) {
        _cleanup_strv_ char **items = NULL;

        STRV_FOREACH(item, info->pending)
                if (!startswith(*item, "esp ") && strv_extend(&items, *item) < 0)
                        out_of_memory();
        return must(strv_join(items, ", "));
}

/* The question begins with it. */
static char *describe_stored(const char *pending) {
        return must(isempty(pending) ? strdup("The change is stored.")
                                     : strprintf("The change is stored, but not on the ESPs yet "
                                                 "(%s).",
                                                 pending));
}

static bool wants_refresh(const Options *options, const char *stored) {
        if (option_given(options, OPTION_YES))
                return true;
        if (option_given(options, OPTION_NO_REFRESH) || options->json || !is_interactive())
                return false;
        return ask_yes_no("%s Refresh the ESPs now?", stored);
}

/* A host whose boot loaders take no one-shot has such a pin as its default entry, until a boot
 * comes up. */
static void tell_how_it_lasts(Connection *c, const Options *options) {
        _cleanup_manager_info_ ManagerInfo info = {};

        if (!option_given(options, OPTION_NEXT_BOOT) || options->json || c->quiet ||
            option_given(options, OPTION_NO_BLOCK) || manager_info_get(c, &info) != STATUS_DONE ||
            isempty(info.next_boot) || !streq(info.next_boot, info.default_kernel))
                return;
        say("The pin is the default entry, not the boot loader's own one-shot: kernel '%s' boots "
            "until a boot comes up with bootsyncd, which then removes the pin.",
            info.next_boot);
}

/* For the same daemon. */
static void tell_undo(const Connection *c, const Options *options, const ChangeWords *words) {
        _cleanup_free_ char *command = connection_command(c), *undo = NULL;

        if (options->json || c->quiet || !change_is_needed(words))
                return;
        undo = must(change_undo(words));
        say("Undo: %s %s", command, undo);
}

/* The change is in the file, and no job follows by itself. */
static ExitStatus after_storing(Connection *c, const Options *options, const ManagerInfo *after,
                                ChangeWords *words) {
        _cleanup_free_ char *pending = join_pending(after), *sentence = NULL, *stored = NULL;
        bool needed = change_is_needed(words), none = after->pending && !after->pending[0];
        ExitStatus status = STATUS_DONE;

        words->unfinished = !isempty(pending);
        sentence = must(change_describe(words));
        if (!needed && (option_given(options, OPTION_YES) ? none : isempty(pending))) {
                job_report_none(options, "done", sentence);
                return STATUS_DONE;
        }
        stored = describe_stored(pending);
        if (!wants_refresh(options, stored)) {
                _cleanup_free_ char *command = connection_command(c);
                _cleanup_free_ char *text =
                                must(strprintf("%s %s Run '%s refresh' to bring it to the ESPs.",
                                               sentence, stored, command));

                job_report_none(options, "stored", text);
        } else if (!refresh_is_pointless(options))
                status = refresh_run(c, options, needed ? sentence : NULL);
        if (status == STATUS_DONE)
                tell_undo(c, options, words);
        return status;
}

/* @info was so before; a daemon that syncs by itself saw nothing to do. */
static ExitStatus after_no_job(Connection *c, const Options *options, const ManagerInfo *info,
                               ChangeWords *words) {
        _cleanup_manager_info_ ManagerInfo after = {};
        _cleanup_free_ char *sentence = NULL;
        ExitStatus status;

        status = manager_info_get(c, &after);
        if (status != STATUS_DONE)
                return status;
        words->default_kernel = after.wanted;
        if (!info->auto_sync)
                return after_storing(c, options, &after, words);
        sentence = must(change_describe(words));
        job_report_none(options, "done", sentence);
        return STATUS_DONE;
}

/* Those that can boot. */
static ExitStatus list_bootable(Connection *c, char ***ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **versions = NULL;
        KernelInfo k = {};
        ExitStatus status;
        int r;

        status = list_kernels(c, &reply);
        if (status != STATUS_DONE)
                return status;
        while ((r = next_kernel(reply, &k)) > 0)
                if (k.bootable && strv_extend(&versions, k.version) < 0)
                        out_of_memory();
        strv_free(k.reasons);
        if (r < 0)
                return connection_bad_reply(r);
        *ret = TAKE_PTR(versions);
        return STATUS_DONE;
}

/* `kernel pin` without a kernel: those that it can be, a line each, to be copied from there. */
static ExitStatus offer_pins(const Options *options) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_strv_ char **versions = NULL;
        ExitStatus status;

        status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = manager_info_get(&c, &info);
        if (status == STATUS_DONE)
                status = list_bootable(&c, &versions);
        if (status != STATUS_DONE)
                return status;
        if (strv_isempty(versions))
                return fail(STATUS_USAGE,
                            "'kernel pin' needs the version of a kernel, and there is "
                            "none in /boot that could boot.");
        if (options->json) {
                _cleanup_free_ char *list = must(strv_join(versions, ", "));

                return fail(STATUS_USAGE, "'kernel pin' needs the version of a kernel: %s.", list);
        }
        (void) fail(STATUS_USAGE, "'kernel pin' needs the version of a kernel, one of these:");
        STRV_FOREACH(version, versions)
                say("%s%s%s", *version, streq_ptr(*version, info.pinned) ? " (pinned now)" : "",
                    streq_ptr(*version, info.next_boot) ? " (pinned now, for the next boot)" : "");
        return STATUS_USAGE;
}

/* The daemon's reason, and in the place of its advice the kernel that was meant, or those that
 * there are. */
static ExitStatus no_such_kernel(const char *word, char *const *possible, const char *message) {
        _cleanup_free_ char *list = must(strv_join(possible, ", "));
        const char *closest = closest_word(word, possible);
        const char *advice = strrchr(message, ';');

        if (!advice || isempty(list))
                return fail(STATUS_FAILED, "%s", message);
        return fail(STATUS_FAILED, "%.*s; %s%s%s", (int) (advice - message), message,
                    closest ? "did you mean '" : "there are: ", closest ?: list,
                    closest ? "'?" : ".");
}

/* A call that was refused, with @arguments. */
static ExitStatus explain_refusal(Connection *c, const char *method, char *const *arguments,
                                  const ManagerInfo *info, const JobResult *refusal) {
        _cleanup_strv_ char **bootable = NULL;
        ExitStatus status;

        if (!streq_ptr(refusal->error, BUS_ERROR_PREFIX "NoSuchKernel") &&
            !streq_ptr(refusal->error, BUS_ERROR_PREFIX "InvalidVersion"))
                return fail(STATUS_FAILED, "%s", refusal->message);
        if (streq(method, "RemoveKernel"))
                return no_such_kernel(arguments[0], info->manual, refusal->message);
        status = list_bootable(c, &bootable);
        return status == STATUS_DONE ? no_such_kernel(arguments[0], bootable, refusal->message)
                                     : status;
}

/* Call the Manager's @method with @arguments. A daemon that syncs by itself returns the job of that
 * sync, which is shown; otherwise the user is asked whether to refresh now (--yes: no question,
 * --no-refresh: no refresh). */
static ExitStatus change_run(const Options *options, const char *method, char *const *arguments,
                             ChangeWords *words) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        if (info.auto_sync && option_given(options, OPTION_NO_REFRESH))
                return fail(STATUS_USAGE, "--no-refresh cannot be kept while AutoSync is on: "
                                          "bootsyncd syncs every change by itself.");
        words->pin = info.pinned;
        words->once = info.next_boot;
        words->listed = words->version && strv_contains(info.manual, words->version);

        status = job_run(&c, METHOD_MANAGER(method), arguments,
                         &(CallOptions){ .refusal_is_result = true,
                                         .no_block = option_given(options, OPTION_NO_BLOCK) },
                         &result);
        if (status != STATUS_DONE)
                return status;
        if (result.refused)
                return explain_refusal(&c, method, arguments, &info, &result);
        if (result.ran || result.started > 0) {
                status = job_report(&c, options, &result, "In sync");
                if (status == STATUS_DONE)
                        tell_undo(&c, options, words);
        } else
                status = after_no_job(&c, options, &info, words);
        if (status == STATUS_DONE)
                tell_how_it_lasts(&c, options);
        return status;
}

/* Each takes a kernel, or a scope, or both. */
static const struct {
        const char *word, *method;
        const char *scope; /* but for --next-boot; NULL: it has none */
} changes[] = {
        { "add", "AddKernel", NULL },
        { "remove", "RemoveKernel", NULL },
        { "pin", "PinKernel", "permanent" },
        { "unpin", "UnpinKernel", "all" },
};

static ExitStatus verb_kernel_change(const Options *options, char **arguments) {
        char *all[3] = { arguments[0] };
        size_t n = 0;

        while (!streq(changes[n].word, options->words[1]))
                n++;
        if (streq(changes[n].word, "pin") && !arguments[0])
                return offer_pins(options);
        if (changes[n].scope)
                all[arguments[0] ? 1 : 0] = (char *) (option_given(options, OPTION_NEXT_BOOT)
                                                                      ? "next-boot"
                                                                      : changes[n].scope);
        return change_run(options, changes[n].method, all,
                          &(ChangeWords){ .verb = changes[n].word,
                                          .version = arguments[0],
                                          .next_boot = option_given(options, OPTION_NEXT_BOOT) });
}

const Verb kernel_verbs[] = {
        { "kernel", "add", "VERSION", 1, 0, OPTION_BIT(OPTION_NO_BLOCK), verb_kernel_change,
          "Keep a kernel on the ESPs", FLEET_ASKS },
        { "kernel", "remove", "VERSION", 1, 0, OPTION_BIT(OPTION_NO_BLOCK), verb_kernel_change,
          "Take a kernel off the list of those kept by hand", FLEET_ASKS },
        { "kernel", "list", "", 0, 0, OPTION_BIT(OPTION_OUTPUT), verb_kernel_list,
          "List kernels and why each is kept" },
        { "kernel", "pin", "VERSION", 0, 1,
          OPTION_BIT(OPTION_NEXT_BOOT) | OPTION_BIT(OPTION_NO_BLOCK), verb_kernel_change,
          "Make a kernel the one that boots", FLEET_ASKS },
        { "kernel", "unpin", "", 0, 0, OPTION_BIT(OPTION_NEXT_BOOT) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_kernel_change, "Let the newest kernel boot again", FLEET_ASKS },
        {},
};
