/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `ksm status`: what merging equal pages saves, what it costs, who starts it, who gains. All
 * figures are the daemon's. Merging lets one guest learn what another one has in its memory, which
 * is why this verb warns as soon as there are two. `ksm enable`, `disable`, `unmerge` and `set` are
 * jobs of the daemon; here is only the sentence for one that is done: what holds from now on, and
 * what the user may not expect. */

#include "client/verb/verbs.h"

#include <inttypes.h>

#include "client/daemon/job-report.h"
#include "client/daemon/job.h"
#include "client/daemon/ksm-view.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/names.h"
#include "common/string-util.h"

static json_object *units_json(const KsmView *v) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < v->units.n; i++) {
                const KsmUnit *unit = &v->units.items[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "name", unit->name);
                json_add_string(object, "load", unit->load);
                json_add_string(object, "active", unit->active);
                json_add_string(object, "file", unit->file);
        }
        return array;
}

static json_object *processes_json(const KsmView *v) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < v->processes.n; i++) {
                const KsmProcess *p = &v->processes.items[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_u64(object, "pid", p->pid);
                json_add_string(object, "name", p->name);
                if (p->vmid > 0)
                        json_add_u64(object, "vmid", p->vmid);
                if (p->has_merged)
                        json_add_u64(object, "merged_bytes", p->merged_bytes);
                if (p->has_profit)
                        json_add_i64(object, "profit_bytes", p->profit_bytes);
        }
        return array;
}

static void print_json(const Options *options, const KsmView *v, bool processes_known) {
        _cleanup_json_ json_object *object = json_new();
        json_object *counters = json_new(), *tunables = json_new();

        json_add_boolean(object, "supported", v->supported);
        json_add_string(object, "run_state", v->run_state);
        json_add_boolean(object, "at_boot", v->at_boot);
        if (v->supported) {
                json_add_u64(object, "saved_bytes", v->saved_bytes);
                json_add_u64(object, "metadata_bytes", v->metadata_bytes);
                json_add_i64(object, "profit_bytes", v->profit_bytes);
                json_add_u64(object, "cpu_usec", v->cpu_usec);
                json_add_double(object, "cpu_share", v->cpu_share);
        }
        json_add(object, "counters", counters);
        for (size_t i = 0; i < v->counters.n; i++)
                json_add_i64(counters, v->counters.items[i].name, v->counters.items[i].value);
        json_add(object, "tunables", tunables);
        for (size_t i = 0; i < v->tunables.n; i++)
                json_add_string(tunables, v->tunables.items[i].name, v->tunables.items[i].value);
        json_add(object, "units", units_json(v));
        if (processes_known)
                json_add(object, "processes", processes_json(v));
        json_print(options, "ksm", object);
}

static char *state_in_words(const KsmView *v) {
        _cleanup_free_ char *merged = format_bytes(v->saved_bytes);

        if (streq_ptr(v->run_state, "stopped") && v->saved_bytes > 0)
                return must(strprintf("stopped, %s stay merged", merged));
        if (streq_ptr(v->run_state, "stopped"))
                return must(strdup("stopped, nothing is merged"));
        if (streq_ptr(v->run_state, "unmerging"))
                return must(strprintf("unmerging, %s to go", merged));
        if (streq_ptr(v->run_state, "unmerged"))
                return must(strdup("off, nothing is merged"));
        if (streq_ptr(v->run_state, "unknown"))
                return must(strdup("unknown, as the kernel tells none that bootsyncd knows"));
        return must(strdup(strempty(v->run_state)));
}

static char *format_signed_bytes(int64_t bytes) {
        _cleanup_free_ char *magnitude =
                        format_bytes(bytes < 0 ? -(uint64_t) bytes : (uint64_t) bytes);

        return must(strprintf("%s%s", bytes < 0 ? "-" : "", magnitude));
}

static char *format_cpu_time(uint64_t usec) {
        uint64_t seconds = usec / 1000000;

        if (seconds < 60)
                return must(strprintf("%.1f s", (double) usec / 1e6));
        return must(strprintf("%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60));
}

/* ksmtuned.service is active, and decides when ksmd runs. */
static bool is_tuned(const KsmView *v) {
        for (size_t i = 0; i < v->units.n; i++)
                if (streq(v->units.items[i].name, KSM_TUNER_UNIT))
                        return streq(v->units.items[i].active, "active");
        return false;
}

/* "ksm.service, bootsyncd": who starts KSM at each boot; empty: nobody. Never NULL. */
static char *starters_of(const KsmView *v) {
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < v->units.n; i++)
                if (streq(v->units.items[i].file, "enabled") &&
                    strv_extend(&names, v->units.items[i].name) < 0)
                        out_of_memory();
        if (v->at_boot && strv_extend(&names, "bootsyncd") < 0)
                out_of_memory();
        return must(strv_join(names, ", "));
}

static bool units_are_known(const KsmView *v) {
        for (size_t i = 0; i < v->units.n; i++)
                if (streq(v->units.items[i].load, "unknown"))
                        return false;
        return v->units.n > 0;
}

static void print_summary(const KsmView *v) {
        _cleanup_free_ char *state = state_in_words(v), *starters = starters_of(v);
        _cleanup_free_ char *saved = format_bytes(v->saved_bytes);
        _cleanup_free_ char *metadata = format_bytes(v->metadata_bytes);
        _cleanup_free_ char *profit = format_signed_bytes(v->profit_bytes);
        _cleanup_free_ char *cpu = format_cpu_time(v->cpu_usec);
        _cleanup_free_ char *share = must(
                        strprintf("%.1f %% of one CPU since the last look", 100 * v->cpu_share));
        bool loss = v->profit_bytes < 0;

        say_field("State:", state, COLOUR_BOLD,
                  is_tuned(v) ? KSM_TUNER_UNIT " decides when ksmd runs" : NULL);
        say_field("Saved:", saved, COLOUR_NONE, NULL);
        say_field("Metadata:", metadata, COLOUR_NONE, NULL);
        say_field("Profit:", profit, loss ? COLOUR_WARNING : COLOUR_NONE,
                  loss ? "a loss: KSM costs more than it saves" : NULL);
        say_field("CPU of ksmd:", cpu, COLOUR_NONE, share);
        if (!isempty(starters))
                say_field("Started at boot:", "yes", COLOUR_NONE, starters);
        else if (units_are_known(v))
                say_field("Started at boot:", "no", COLOUR_NONE, NULL);
        else
                say_field("Started at boot:", "unknown", COLOUR_NONE, "systemd cannot be asked");
}

static void print_units(const Options *options, const KsmView *v) {
        _cleanup_table_ Table *table = table_new("UNIT", "LOADED", "ACTIVE", "AT BOOT", NULL);

        for (size_t i = 0; i < v->units.n; i++) {
                const KsmUnit *unit = &v->units.items[i];

                table_add(table, unit->name);
                table_add(table, unit->load);
                table_add_coloured(table, unit->active,
                                   streq(unit->active, "failed") ? COLOUR_BAD : COLOUR_NONE);
                table_add(table, unit->file);
        }
        (void) putchar('\n');
        table_print(table, options, NULL);
}

static void print_processes(const Options *options, const KsmView *v) {
        _cleanup_table_ Table *table = table_new("PID", "VM", "NAME", "MERGED", "PROFIT", NULL);

        (void) putchar('\n');
        if (v->processes.n == 0) {
                say("No guest runs, and no other process has merged pages.");
                return;
        }
        for (size_t i = 0; i < v->processes.n; i++) {
                const KsmProcess *p = &v->processes.items[i];
                _cleanup_free_ char *pid = must(strprintf("%" PRIu32, p->pid));
                _cleanup_free_ char *vmid = must(strprintf("%" PRIu32, p->vmid));
                _cleanup_free_ char *merged = format_bytes(p->merged_bytes);
                _cleanup_free_ char *profit = format_signed_bytes(p->profit_bytes);

                table_add(table, pid);
                table_add(table, p->vmid > 0 ? vmid : NULL);
                table_add(table, p->name);
                table_add(table, p->has_merged ? merged : NULL);
                table_add_coloured(table, p->has_profit ? profit : NULL,
                                   p->profit_bytes < 0 ? COLOUR_WARNING : COLOUR_NONE);
        }
        table_print(table, options, NULL);
}

static void print_refusal(void) {
        (void) putchar('\n');
        say("The processes are not shown: who shares memory is for root to see, and for those whom "
            "polkit allows '" ACTION_KSM_PROCESSES "'; try it as root.");
}

static void add_counter(Table *table, const KsmCounter *counter) {
        _cleanup_free_ char *value = must(strprintf("%" PRIi64, counter->value));

        table_add(table, counter->name);
        table_add(table, value);
}

static void add_tunable(Table *table, const KsmTunable *tunable) {
        table_add(table, tunable->name);
        table_add(table, tunable->value);
}

/* An empty cell would be "-", which is for what is there and not known. */
static void add_blanks(Table *table) {
        table_add(table, " ");
        table_add(table, " ");
}

/* Side by side, as there are about as many of one as of the other. */
static void print_kernel(const Options *options, const KsmView *v) {
        _cleanup_table_ Table *table = table_new("COUNTER", "VALUE", "SETTING", "VALUE", NULL);

        for (size_t i = 0; i < MAX(v->counters.n, v->tunables.n); i++) {
                if (i < v->counters.n)
                        add_counter(table, &v->counters.items[i]);
                else
                        add_blanks(table);
                if (i < v->tunables.n)
                        add_tunable(table, &v->tunables.items[i]);
                else
                        add_blanks(table);
        }
        (void) putchar('\n');
        table_print(table, options, NULL);
}

/* One guest may have several processes. */
static bool is_another_guest(const KsmView *v, size_t n) {
        uint32_t vmid = v->processes.items[n].vmid;

        if (vmid == 0)
                return false;
        for (size_t i = 0; i < n; i++)
                if (v->processes.items[i].vmid == vmid)
                        return false;
        return true;
}

/* Virtual machines that run. */
static size_t count_guests(const KsmView *v) {
        size_t n = 0;

        for (size_t i = 0; i < v->processes.n; i++)
                n += is_another_guest(v, i);
        return n;
}

/* A user who may not see the processes is warned all the same: there may well be two guests. */
static void warn_of_other_tenants(const KsmView *v, bool processes_known) {
        size_t n_guests = count_guests(v);
        _cleanup_free_ char *guests =
                        processes_known ? must(strprintf("%zu guests run, and", n_guests))
                                        : must(strdup("where several guests run,"));

        if ((processes_known && n_guests < 2) ||
            (!streq_ptr(v->run_state, "running") && v->saved_bytes == 0))
                return;
        (void) putchar('\n');
        say("Warning: %s each can tell from the time that its writes take what another one has in "
            "memory; where tenants do not trust each other, use 'bootctl-pve ksm disable "
            "--unmerge'.",
            guests);
}

static ExitStatus verb_ksm_status(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_ksm_view_ KsmView v = {};
        ExitStatus status;
        bool known, refused;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = ksm_view_get(&c, &v);
        if (status != STATUS_DONE)
                return status;
        /* The rest is worth to be seen without them. */
        if (v.supported)
                status = ksm_view_get_processes(&c, &v);
        known = v.supported && status == STATUS_DONE;
        refused = status == STATUS_NOT_AUTHORISED;
        if (refused)
                status = STATUS_DONE;

        options_page(options);
        if (options->json) {
                print_json(options, &v, known);
                return status;
        }
        if (!v.supported) {
                say("This kernel has no KSM; it takes one that is built with CONFIG_KSM.");
                return status;
        }
        print_summary(&v);
        print_units(options, &v);
        if (known)
                print_processes(options, &v);
        else if (refused)
                print_refusal();
        print_kernel(options, &v);
        warn_of_other_tenants(&v, known);
        return status;
}

/* The sentence for a job that is done, from how KSM is then. Never NULL. */
typedef char *(*describe_t)(const KsmView *v, char *const *arguments);

static ExitStatus run_job(const Options *options, const Method *method, char *const *arguments,
                          describe_t describe) {
        const CallOptions call = {
                .force = option_given(options, OPTION_FORCE),
                .unmerge = option_given(options, OPTION_UNMERGE),
                .no_block = option_given(options, OPTION_NO_BLOCK),
        };
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        _cleanup_ksm_view_ KsmView view = {};
        _cleanup_free_ char *done = NULL;
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, method, arguments, &call, &result);
        if (status != STATUS_DONE)
                return status;
        if (job_result_status(&result) == STATUS_DONE && result.started == 0) {
                status = ksm_view_get(&c, &view);
                if (status != STATUS_DONE)
                        return status;
                done = describe(&view, arguments);
        }
        return job_report_alone(options, &result, done);
}

static char *describe_enabled(const KsmView *v, char *const *arguments) {
        _cleanup_free_ char *starters = starters_of(v);

        if (is_tuned(v))
                return must(strdup("KSM is on, also at later boots; " KSM_TUNER_UNIT
                                   " decides when ksmd runs."));
        if (isempty(starters))
                return must(strdup("KSM is on."));
        return must(strprintf("KSM is on; %s starts it at each boot.", starters));
}

static char *describe_disabled(const KsmView *v, char *const *arguments) {
        _cleanup_free_ char *merged = format_bytes(v->saved_bytes);

        if (v->saved_bytes == 0)
                return must(strdup("KSM is off, also at later boots, and nothing is merged."));
        return must(strprintf("KSM is off, also at later boots; %s stay merged until the next one, "
                              "or until 'bootctl-pve ksm unmerge'.",
                              merged));
}

static char *describe_unmerged(const KsmView *v, char *const *arguments) {
        return must(strdup("Nothing is merged any more; ksmd rests until KSM is switched on again "
                           "or the host boots."));
}

/* ksmtuned writes these two each time that it lets ksmd run. */
static bool tuner_sets(char *const *settings) {
        for (; *settings; settings++)
                if (startswith(*settings, "pages_to_scan=") ||
                    startswith(*settings, "sleep_millisecs="))
                        return true;
        return false;
}

static char *describe_set(const KsmView *v, char *const *settings) {
        _cleanup_free_ char *list = must(strv_join(settings, ", "));

        return must(strprintf("Set now and at each boot: %s%s.", list,
                              is_tuned(v) && tuner_sets(settings)
                                              ? "; but " KSM_TUNER_UNIT " is active, and sets "
                                                "pages_to_scan and sleep_millisecs as its "
                                                "/etc/ksmtuned.conf says"
                                              : ""));
}

static bool same_key(const char *a, const char *b) {
        size_t size = (size_t) (strchrnul(a, '=') - a) + 1;

        return strncmp(a, b, size) == 0;
}

static ExitStatus check_settings(const Options *options, char *const *settings) {
        for (size_t i = 0; settings[i]; i++) {
                if (settings[i][0] == '=' || !strchr(settings[i], '='))
                        return fail(STATUS_USAGE,
                                    "'%s' is no setting; give one as in 'sleep_millisecs=20'.",
                                    settings[i]);
                for (size_t k = 0; k < i; k++)
                        if (same_key(settings[k], settings[i]))
                                return fail(STATUS_USAGE,
                                            "'%s' and '%s' are for the same setting; give one.",
                                            settings[k], settings[i]);
        }
        return STATUS_DONE;
}

static ExitStatus check_force(const Options *options, char *const *arguments) {
        if (option_given(options, OPTION_FORCE) && !option_given(options, OPTION_UNMERGE))
                return fail(STATUS_USAGE, "--force is about unmerging; it needs --unmerge.");
        return STATUS_DONE;
}

#define METHOD(name) \
        { BUS_PATH_KSM, BUS_IFACE_KSM, (name), false }

static const struct {
        const char *word;
        Method method;
        describe_t describe;
        ExitStatus (*check)(const Options *options, char *const *arguments); /* NULL: no need */
} changes[] = {
        { "enable", METHOD("Enable"), describe_enabled, NULL },
        { "disable", METHOD("Disable"), describe_disabled, check_force },
        { "unmerge", METHOD("Unmerge"), describe_unmerged, NULL },
        { "set",
          { BUS_PATH_KSM, BUS_IFACE_KSM, "SetTunables", true },
          describe_set,
          check_settings },
};

static ExitStatus verb_ksm_change(const Options *options, char **arguments) {
        ExitStatus status = STATUS_DONE;
        size_t n = 0;

        while (!streq(changes[n].word, options->words[1]))
                n++;
        if (changes[n].check)
                status = changes[n].check(options, arguments);
        return status == STATUS_DONE ? run_job(options, &changes[n].method,
                                               arguments[0] ? arguments : NULL, changes[n].describe)
                                     : status;
}

const Verb ksm_verbs[] = {
        { "ksm", "status", "", 0, 0, 0, verb_ksm_status,
          "Show what merging equal memory pages saves, and whom" },
        { "ksm", "enable", "", 0, 0, OPTION_BIT(OPTION_NO_BLOCK), verb_ksm_change,
          "Merge equal memory pages, from now on and at each boot" },
        { "ksm", "disable", "", 0, 0,
          OPTION_BIT(OPTION_UNMERGE) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_ksm_change, "Merge no more pages, now and at each boot" },
        { "ksm", "unmerge", "", 0, 0, OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_ksm_change, "Give every process its own copy of merged pages" },
        { "ksm", "set", "KEY=VALUE...", 1, ANY_NUMBER, OPTION_BIT(OPTION_NO_BLOCK), verb_ksm_change,
          "Change settings of KSM, now and at each boot" },
        {},
};
