/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `secure-boot plan` and `secure-boot convert`: the way to Secure Boot, step by step, and those
 * steps that the daemon takes. Which step is next, and whether it is the daemon's, is known there
 * alone; here it is told, and asked for. */

#include "client/verb/verbs.h"

#include "client/daemon/job-report.h"
#include "client/daemon/job.h"
#include "client/terminal/json.h"
#include "client/terminal/output.h"
#include "common/names.h"
#include "common/string-util.h"

#define METHOD_BOOT(method) (&(Method){ BUS_PATH_BOOT, BUS_IFACE_BOOT, (method) })

/* Strings are part of the reply. */
typedef struct Step {
        const char *step, *why, *command;
        int done; /* as D-Bus has it */
} Step;

typedef struct Steps {
        sd_bus_message *reply;
        Step *items;
        size_t n, n_allocated;
} Steps;

static void steps_done(Steps *l) {
        sd_bus_message_unref(l->reply);
        free(l->items);
        *l = (Steps){};
}

static int read_steps(Steps *l) {
        Step s;
        int r;

        r = sd_bus_message_enter_container(l->reply, 'a', "(sssb)");
        while (r >= 0 && (r = sd_bus_message_read(l->reply, "(sssb)", &s.step, &s.why, &s.command,
                                                  &s.done)) > 0) {
                if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                        out_of_memory();
                l->items[l->n++] = s;
        }
        return r;
}

static ExitStatus get_steps(Connection *c, Steps *ret) {
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_BOOT("SecureBootPlan"), NULL, NULL, &ret->reply);
        if (status != STATUS_DONE)
                return status;
        r = read_steps(ret);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

/* The first one that is open; NULL: all are done. */
static const Step *next_step(const Steps *l) {
        for (size_t i = 0; i < l->n; i++)
                if (!l->items[i].done)
                        return &l->items[i];
        return NULL;
}

static void print_json(const Options *options, const Steps *l) {
        _cleanup_json_ json_object *object = json_new();
        json_object *array = json_array_new();

        json_add_boolean(object, "done", !next_step(l));
        json_add(object, "steps", array);
        for (size_t i = 0; i < l->n; i++) {
                const Step *s = &l->items[i];
                json_object *step = json_new();

                json_append(array, step);
                json_add_string(step, "step", s->step);
                json_add_string(step, "why", s->why);
                json_add_string(step, "command", s->command);
                json_add_boolean(step, "done", s->done);
        }
        json_print(options, "secure-boot-plan", object);
}

#define INDENT "          "

static void print_steps(const Steps *l) {
        for (size_t i = 0; i < l->n; i++) {
                const Step *s = &l->items[i];
                _cleanup_free_ char *head =
                                must(strprintf("%2zu. %s  ", i + 1, s->done ? "done" : "open"));
                _cleanup_free_ char *why = must(strprintf("%s.", s->why));
                _cleanup_free_ char *command = must(strprintf("$ %s", s->command));

                say_below(head, s->done ? COLOUR_GOOD : COLOUR_BOLD, s->step);
                say_below(INDENT, COLOUR_NONE, why);
                if (!isempty(s->command))
                        say_below(INDENT, COLOUR_NONE, command);
        }
        if (!next_step(l))
                say("This host boots with Secure Boot.");
}

static ExitStatus open_and_plan(const Options *options, Connection *c, Steps *ret) {
        ExitStatus status;

        status = connection_open(options, c);
        if (status == STATUS_DONE)
                status = job_first_look(c, true);
        return status == STATUS_DONE ? get_steps(c, ret) : status;
}

static ExitStatus verb_secure_boot_plan(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_(steps_done) Steps steps = {};
        ExitStatus status;

        status = open_and_plan(options, &c, &steps);
        if (status != STATUS_DONE)
                return status;
        options_page(options);
        if (options->json)
                print_json(options, &steps);
        else
                print_steps(&steps);
        return STATUS_DONE;
}

/* Another boot loader is nothing that a script should get by mistake. */
static ExitStatus confirm(const Options *options, const Step *next) {
        if (option_given(options, OPTION_YES))
                return STATUS_DONE;
        if (!is_interactive())
                return fail(STATUS_USAGE,
                            "The boot loaders of this host would be changed; give --yes if that is "
                            "wanted.");
        if (!ask_yes_no("%s, as the next step to Secure Boot? What boots now stays.", next->step))
                return fail(STATUS_FAILED, "Everything was left as it was.");
        return STATUS_DONE;
}

/* The sentence of a job that is done, and what comes then. Never NULL. */
static char *describe_done(Connection *c, const JobResult *result) {
        _cleanup_(steps_done) Steps steps = {};
        const Step *next;
        const char *message =
                        isempty(result->message) ? "Nothing was left to convert." : result->message;

        if (get_steps(c, &steps) != STATUS_DONE)
                return must(strdup(message));
        next = next_step(&steps);
        if (!next)
                return must(strprintf("%s This host boots with Secure Boot.", message));
        return must(strprintf("%s Next: %s%s%s", message, next->step,
                              isempty(next->command) ? "." : ": ", next->command));
}

static ExitStatus verb_secure_boot_convert(const Options *options, char **arguments) {
        const CallOptions call = { .no_block = option_given(options, OPTION_NO_BLOCK),
                                   .refusal_is_result = true };
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        _cleanup_(steps_done) Steps steps = {};
        _cleanup_free_ char *done = NULL;
        ExitStatus status;

        status = open_and_plan(options, &c, &steps);
        if (status != STATUS_DONE)
                return status;
        if (!next_step(&steps)) {
                job_report_none(options, "done", "This host boots with Secure Boot.");
                return STATUS_DONE;
        }
        status = confirm(options, next_step(&steps));
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_BOOT("SecureBootConvert"), NULL, &call, &result);
        if (status != STATUS_DONE)
                return status;
        if (job_result_status(&result) == STATUS_DONE && result.started == 0)
                done = describe_done(&c, &result);
        return job_report_alone(options, &result, done);
}

const Verb convert_verbs[] = {
        { "secure-boot", "plan", "", 0, 0, 0, verb_secure_boot_plan,
          "Show the steps from here to a host that boots with Secure Boot" },
        { "secure-boot", "convert", "", 0, 0, OPTION_BIT(OPTION_NO_BLOCK), verb_secure_boot_convert,
          "Take the next steps: put shim and GRUB on ESPs, one by one", FLEET_ASKS },
        {},
};
