/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `status`: would this host boot, and from which ESPs? Everything shown is the daemon's, the
 * verdict on redundancy too; only the exit status is made here, from the states of the ESPs. */

#include "client/verb/esp.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client/daemon/job.h"
#include "client/daemon/progress.h"
#include "client/daemon/service.h"
#include "client/terminal/table.h"
#include "client/verb/verbs.h"
#include "common/string-util.h"

/* Of ESPs, with the lines below them: a screen of 24 lines has as much room. */
#define ESP_LINES_MAX 12
#define JOBS_SHOWN    3

/* An ESP that a job is mending is no trouble. */
static ExitStatus verdict(const ManagerInfo *info, const EspInfos *infos) {
        size_t in_sync = 0, unusable = 0;

        for (size_t i = 0; i < infos->n; i++) {
                in_sync += infos->esps[i].in_sync;
                unusable += infos->esps[i].unusable;
        }
        if (infos->n == 0)
                return streq_ptr(info->redundancy, "unknown") ? STATUS_FAILED : STATUS_USAGE;
        if (info->in_sync || in_sync == infos->n || streq_ptr(info->redundancy, "syncing"))
                return STATUS_DONE;
        return unusable == infos->n ? STATUS_FAILED : STATUS_PARTIAL;
}

static json_object *warnings_to_json(const Notices *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "id", l->items[i].id);
                json_add_string(object, "severity", l->items[i].severity);
                json_add_string(object, "subject", l->items[i].subject);
                json_add_string(object, "sentence", l->items[i].sentence);
                json_add_string(object, "action", l->items[i].action);
        }
        return array;
}

static json_object *shares_to_json(const JobShares *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "uuid", l->items[i].uuid);
                json_add_u64(object, "bytes_done", l->items[i].done);
                json_add_u64(object, "bytes_total", l->items[i].total);
        }
        return array;
}

static json_object *jobs_to_json(const JobInfos *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                const JobInfo *job = &l->jobs[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_u64(object, "id", job->id);
                json_add_string(object, "type", job->type);
                json_add_string(object, "state", job->state);
                json_add_string(object, "message", job->message);
                json_add_string(object, "waiting_for", job->waiting_for);
                json_add_u64(object, "progress", job->percent);
                json_add_u64(object, "bytes_done", job->bytes_done);
                json_add_u64(object, "bytes_total", job->bytes_total);
                json_add_u64(object, "rate", job->rate);
                json_add(object, "esps", shares_to_json(&job->shares));
        }
        return array;
}

static void print_status_json(const Options *options, const ManagerInfo *info,
                              const EspInfos *infos, const JobInfos *jobs,
                              const BootSummary *boot) {
        _cleanup_json_ json_object *object = json_new();

        json_add_string(object, "version", info->version);
        json_add_boolean(object, "auto_sync", info->auto_sync);
        json_add_string(object, "auto_sync_reason", info->auto_sync_reason);
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
        json_add_u64(object, "pinned_since_usec", info->pinned_since_usec);
        json_add_string(object, "pinned_by", info->pinned_by);
        json_add_string(object, "next_boot", info->next_boot);
        json_add_string(object, "cmdline", info->cmdline);
        json_add_string(object, "cmdline_source", info->cmdline_source);
        json_add_u64(object, "last_refresh_usec", info->last_refresh_usec);
        json_add_string(object, "last_refresh_result", info->last_refresh_result);
        json_add_string(object, "firmware", boot->firmware);
        json_add_string(object, "secure_boot", boot->secure_boot);
        json_add_string(object, "loader", boot->loader);
        json_add_strings(object, "pending", info->pending);
        json_add(object, "jobs", jobs_to_json(jobs));
        json_add(object, "warnings", warnings_to_json(&info->warnings));
        json_add(object, "esps", esps_to_json(infos));
        json_print(options, "status", object);
}

static Colour redundancy_colour(const char *redundancy) {
        if (streq_ptr(redundancy, "redundant"))
                return COLOUR_GOOD;
        if (streq_ptr(redundancy, "unbootable"))
                return COLOUR_BAD;
        return COLOUR_WARNING;
}

/* "18:00 by root", with the day unless it is today; "" without a pin. */
static char *describe_pin(const Options *options, const ManagerInfo *info) {
        _cleanup_free_ char *user = format_user(info->pinned_by, !options->host);
        time_t then = (time_t) (info->pinned_since_usec / 1000000), now = time(NULL);
        char clock[32] = "", today[16] = "", day[16] = "";
        struct tm tm;

        if (info->pinned_since_usec == 0 || !localtime_r(&now, &tm) ||
            strftime(today, sizeof(today), "%F", &tm) == 0 || !localtime_r(&then, &tm) ||
            strftime(day, sizeof(day), "%F", &tm) == 0 ||
            strftime(clock, sizeof(clock), streq(day, today) ? "%R" : "%F %R", &tm) == 0)
                return must(strdup(""));
        return must(strprintf("%s%s%s", clock, isempty(user) ? "" : " by ", user));
}

/* Show the kernel that boots, and beside it the one that should, if that is another. */
static void print_default(const ManagerInfo *info, const char *pin) {
        bool pinned = !isempty(pin) && streq_ptr(info->wanted, info->pinned);
        _cleanup_free_ char *wish = NULL;

        if (isempty(info->default_kernel) && isempty(info->wanted))
                return;
        if (streq_ptr(info->default_kernel, info->wanted)) {
                say_field("Default kernel:", info->default_kernel, COLOUR_NONE, NULL);
                return;
        }
        wish = must(strprintf("wanted: %s%s%s", isempty(info->wanted) ? "none" : info->wanted,
                              pinned ? ", pinned " : "", pinned ? pin : ""));
        say_field("Default kernel:",
                  isempty(info->default_kernel) ? "not known" : info->default_kernel,
                  COLOUR_WARNING, wish);
}

static char *upper(const char *word) {
        char *copy = must(strdup(strempty(word)));

        for (char *p = copy; *p; p++)
                if (*p >= 'a' && *p <= 'z')
                        *p = (char) (*p - 'a' + 'A');
        return copy;
}

/* "● pve1: DEGRADED - ESP 'AAAA-0001' is not in sync." */
static void print_headline(const Options *options, const ManagerInfo *info) {
        _cleanup_free_ char *word = upper(info->redundancy), *text = NULL;
        const char *reason = info->redundancy_reason;
        char name[HOST_NAME_MAX + 1] = "this host";

        (void) gethostname(name, HOST_NAME_MAX);
        text = must(strprintf("%s: %s%s%s", options->host ?: options->root ?: name, word,
                              isempty(reason) ? "" : " - ", strempty(reason)));
        say_below(bullet(), redundancy_colour(info->redundancy), text);
}

static void print_jobs(const JobInfos *jobs) {
        for (size_t i = 0; i < MIN(jobs->n, (size_t) JOBS_SHOWN); i++) {
                _cleanup_free_ char *name = must(strprintf("Job %" PRIu64 ":", jobs->jobs[i].id));
                _cleanup_free_ char *summary = progress_summary(&jobs->jobs[i]);

                say_field(name, summary, COLOUR_NONE, NULL);
        }
        if (jobs->n > JOBS_SHOWN)
                say("There are %zu more jobs.", jobs->n - JOBS_SHOWN);
}

static void print_boot(const BootSummary *boot) {
        _cleanup_free_ char *firmware = boot_summary_firmware(boot);
        _cleanup_free_ char *loader = must(strprintf("started by %s", strempty(boot->loader)));
        bool known = !isempty(boot->loader) && !streq(boot->loader, "unknown");

        say_field("Firmware:", firmware, COLOUR_NONE, known ? loader : NULL);
}

static void print_manager(const Options *options, const ManagerInfo *info) {
        _cleanup_free_ char *pin = describe_pin(options, info);
        _cleanup_free_ char *last = format_time(info->last_refresh_usec);
        _cleanup_free_ char *pending = must(strv_join(info->pending, ", "));

        if (!isempty(info->in_sync_reason) &&
            !streq_ptr(info->in_sync_reason, info->redundancy_reason))
                say_field("Not in sync:", info->in_sync_reason, COLOUR_WARNING, NULL);
        say_field("To be synced:", pending, COLOUR_WARNING, NULL);
        print_default(info, pin);
        say_field("Running kernel:", info->running, COLOUR_NONE, NULL);
        say_field("Pinned kernel:", info->pinned, COLOUR_NONE, pin);
        say_field("Next boot only:", info->next_boot, COLOUR_NONE, NULL);
        say_field("Command line:", info->cmdline, COLOUR_NONE, info->cmdline_source);
        say_field("Automatic sync:", info->auto_sync ? "on" : "off", COLOUR_NONE,
                  info->auto_sync_reason);
        if (streq_ptr(info->watching, "timer"))
                say_field("Watching files:", info->watching, COLOUR_WARNING, info->watching_reason);
        say_field("Last refresh:", last, COLOUR_NONE, info->last_refresh_result);
}

/* "38 % of 511.0 MiB"; empty if not known. Never NULL. */
static char *format_used(const EspInfo *esp) {
        _cleanup_free_ char *size = format_bytes(esp->size_bytes);

        return must(esp->size_bytes == 0 ? strdup("")
                                         : strprintf("%u %% of %s",
                                                     percent_used(esp->size_bytes, esp->free_bytes),
                                                     size));
}

/* It is not good, or is to be told of for another reason. */
static const char *esp_why(const EspInfo *esp) {
        return isempty(esp->why) ? esp->last_error : esp->why;
}

static void add_esp_state(Table *table, const EspInfo *esp) {
        _cleanup_free_ char *kernels = must(strv_join(esp->kernels, ", "));
        _cleanup_free_ char *used = format_used(esp);

        table_add_coloured(table, esp->uuid, COLOUR_BOLD);
        table_add(table, esp->device);
        table_add_coloured(table, esp->state, esp_state_colour(esp));
        table_add_coloured(table, esp->default_kernel,
                           strv_contains(esp->kernels, strempty(esp->default_kernel)) ? COLOUR_NONE
                                                                                      : COLOUR_BAD);
        table_add(table, used);
        table_add(table, esp->loader);
        table_add(table, kernels);
        table_add_note(table, "why", esp_why(esp));
        table_add_note(table, "action", esp->action);
}

static size_t count_lines(const EspInfo *esp) {
        return (size_t) 1 + !isempty(esp_why(esp)) + !isempty(esp->action);
}

static bool is_good(const EspInfo *esp) {
        return esp->in_sync && isempty(esp_why(esp));
}

typedef struct EspList {
        const EspInfo **esps; /* those that are not good come first */
        size_t n, n_shown;
} EspList;

static void take_esps(const EspInfos *infos, bool good, EspList *list) {
        for (size_t i = 0; i < infos->n; i++)
                if (is_good(&infos->esps[i]) == good)
                        list->esps[list->n++] = &infos->esps[i];
}

/* As many are shown as leave room for a line about the rest. */
static void limit_esps(EspList *list) {
        size_t n_lines = 0, n = 0;

        for (size_t i = 0; i < list->n; i++)
                n_lines += count_lines(list->esps[i]);
        if (n_lines <= ESP_LINES_MAX)
                return;
        for (n_lines = 1; n < list->n; n++) {
                n_lines += count_lines(list->esps[n]);
                if (n > 0 && n_lines > ESP_LINES_MAX)
                        break;
        }
        list->n_shown = n;
}

static void say_rest(const EspList *list) {
        size_t n = list->n - list->n_shown, n_in_sync = 0;

        for (size_t i = list->n_shown; i < list->n; i++)
                n_in_sync += list->esps[i]->in_sync;
        if (n == 0)
                return;
        if (n_in_sync == n)
                say("%zu more ESP%s in sync; 'bootctl-pve esp list' shows all.", n,
                    n == 1 ? " is" : "s are");
        else
                say("%zu more ESP%s (%zu in sync); 'bootctl-pve status --full' shows all.", n,
                    n == 1 ? "" : "s", n_in_sync);
}

/* All of them where somebody reads who has no screen, or has asked for it. */
static void print_esp_states(const Options *options, const EspInfos *infos) {
        _cleanup_free_ const EspInfo **esps =
                        must((const EspInfo **) calloc(infos->n, sizeof(*esps)));
        _cleanup_table_ Table *table = table_new("ESP", "DEVICE", "STATE", "BOOTS", "USED",
                                                 "LOADER", "KERNELS", NULL);
        EspList list = { .esps = esps, .n_shown = infos->n };

        take_esps(infos, false, &list);
        take_esps(infos, true, &list);
        if (stdout_columns() != SIZE_MAX && !option_given(options, OPTION_FULL) &&
            !option_given(options, OPTION_NO_LEGEND))
                limit_esps(&list);
        for (size_t i = 0; i < list.n_shown; i++)
                add_esp_state(table, list.esps[i]);
        (void) putchar('\n');
        table_set_optional(table, 2);
        table_print(table, options, NULL);
        say_rest(&list);
}

static void print_warnings(const Notices *l) {
        if (l->n > 0)
                (void) puts("\nWarnings:");
        for (size_t i = 0; i < l->n; i++) {
                const Notice *w = &l->items[i];

                say_below(streq(w->severity, "fault") ? "  ! " : "  - ",
                          streq(w->severity, "fault")  ? COLOUR_BAD
                          : streq(w->severity, "note") ? COLOUR_NONE
                                                       : COLOUR_WARNING,
                          w->sentence);
                if (!isempty(w->action))
                        say_below("    action: ", COLOUR_NONE, w->action);
        }
}

static ExitStatus verb_status(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        _cleanup_job_infos_ JobInfos jobs = {};
        _cleanup_boot_summary_ BootSummary boot = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* The ESPs first: for a private daemon it is the look at them that fills the Manager. */
        status = job_first_look(&c, false);
        if (status == STATUS_DONE)
                status = all_infos_get(&c, &infos, &jobs, &boot);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        if (option_given(options, OPTION_QUIET))
                return verdict(&info, &infos);
        service_warn(&c, &info.warnings);

        status = verdict(&info, &infos);
        options_page(options);
        if (options->json) {
                print_status_json(options, &info, &infos, &jobs, &boot);
                return status;
        }
        print_headline(options, &info);
        print_jobs(&jobs);
        print_manager(options, &info);
        print_boot(&boot);
        if (infos.n > 0)
                print_esp_states(options, &infos);
        else if (status == STATUS_USAGE)
                say("No ESP is configured.");
        print_warnings(&info.warnings);
        return status;
}

const Verb status_verbs[] = {
        { NULL, "status", "", 0, 0, 0, verb_status,
          "Show the ESPs and whether the host would boot from each" },
        {},
};
