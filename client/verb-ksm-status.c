/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `ksm status`: what merging equal pages saves, what it costs, who starts it, who gains. All
 * figures are the daemon's. Merging lets one guest learn what another one has in its memory, which
 * is why this verb warns as soon as there are two. */

#include "client/verbs.h"

#include <inttypes.h>

#include "client/json.h"
#include "client/ksm-view.h"
#include "client/output.h"
#include "client/table.h"
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

static void print_json(const KsmView *v, bool processes_known) {
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
        json_print(object);
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

static void print_summary(const KsmView *v) {
        _cleanup_free_ char *state = state_in_words(v), *starters = ksm_view_starters(v);
        _cleanup_free_ char *saved = format_bytes(v->saved_bytes);
        _cleanup_free_ char *metadata = format_bytes(v->metadata_bytes);
        _cleanup_free_ char *profit = format_signed_bytes(v->profit_bytes);
        _cleanup_free_ char *cpu = format_cpu_time(v->cpu_usec);
        _cleanup_free_ char *share = must(
                        strprintf("%.1f %% of one CPU since the last look", 100 * v->cpu_share));
        bool loss = v->profit_bytes < 0;

        say_field("State:", state, COLOUR_BOLD,
                  ksm_view_is_tuned(v) ? KSM_TUNER_UNIT " decides when ksmd runs" : NULL);
        say_field("Saved:", saved, COLOUR_NONE, NULL);
        say_field("Metadata:", metadata, COLOUR_NONE, NULL);
        say_field("Profit:", profit, loss ? COLOUR_WARNING : COLOUR_NONE,
                  loss ? "a loss: KSM costs more than it saves" : NULL);
        say_field("CPU of ksmd:", cpu, COLOUR_NONE, share);
        if (!isempty(starters))
                say_field("Started at boot:", "yes", COLOUR_NONE, starters);
        else if (ksm_view_units_known(v))
                say_field("Started at boot:", "no", COLOUR_NONE, NULL);
        else
                say_field("Started at boot:", "unknown", COLOUR_NONE, "systemd cannot be asked");
}

static void print_units(const KsmView *v) {
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
        table_print(table);
}

static void print_processes(const KsmView *v) {
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
        table_print(table);
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
static void print_kernel(const KsmView *v) {
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
        table_print(table);
}

/* Who may not see the processes is warned all the same: there may well be two guests. */
static void warn_of_other_tenants(const KsmView *v, bool processes_known) {
        size_t n_guests = ksm_view_n_guests(v);
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

ExitStatus verb_ksm_status(const Options *options, char **arguments) {
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

        if (option_given(options, OPTION_JSON)) {
                print_json(&v, known);
                return status;
        }
        if (!v.supported) {
                say("This kernel has no KSM; it takes one that is built with CONFIG_KSM.");
                return status;
        }
        print_summary(&v);
        print_units(&v);
        if (known)
                print_processes(&v);
        else if (refused)
                print_refusal();
        print_kernel(&v);
        warn_of_other_tenants(&v, known);
        return status;
}
