/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `ksm enable`, `disable`, `unmerge` and `set`: jobs of the daemon. Here is only what is said of
 * those that are done: what holds from now on, and what the user may not expect. */

#include "client/verbs.h"

#include "client/job-report.h"
#include "client/ksm-view.h"
#include "client/output.h"
#include "common/names.h"
#include "common/string-util.h"

/* The sentence for a job that is done, from how KSM is then. Never NULL. */
typedef char *(*describe_t)(const KsmView *v, char *const *arguments);

static ExitStatus run(const Options *options, const Method *method, char *const *arguments,
                      describe_t describe) {
        const CallOptions call = {
                .force = option_given(options, OPTION_FORCE),
                .unmerge = option_given(options, OPTION_UNMERGE),
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
        if (job_result_status(&result) == STATUS_DONE) {
                status = ksm_view_get(&c, &view);
                if (status != STATUS_DONE)
                        return status;
                done = describe(&view, arguments);
        }
        return job_report_alone(options, &result, done);
}

static char *describe_enabled(const KsmView *v, char *const *arguments) {
        _cleanup_free_ char *starters = ksm_view_starters(v);

        if (ksm_view_is_tuned(v))
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
                              ksm_view_is_tuned(v) && tuner_sets(settings)
                                              ? "; but " KSM_TUNER_UNIT " is active, and sets "
                                                "pages_to_scan and sleep_millisecs as its "
                                                "/etc/ksmtuned.conf says"
                                              : ""));
}

static bool same_key(const char *a, const char *b) {
        size_t size = (size_t) (strchrnul(a, '=') - a) + 1;

        return strncmp(a, b, size) == 0;
}

static ExitStatus check_settings(char *const *settings) {
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

ExitStatus verb_ksm_enable(const Options *options, char **arguments) {
        return run(options, METHOD_KSM("Enable"), NULL, describe_enabled);
}

ExitStatus verb_ksm_disable(const Options *options, char **arguments) {
        if (option_given(options, OPTION_FORCE) && !option_given(options, OPTION_UNMERGE))
                return fail(STATUS_USAGE, "--force is about unmerging; it needs --unmerge.");
        return run(options, METHOD_KSM("Disable"), NULL, describe_disabled);
}

ExitStatus verb_ksm_unmerge(const Options *options, char **arguments) {
        return run(options, METHOD_KSM("Unmerge"), NULL, describe_unmerged);
}

ExitStatus verb_ksm_set(const Options *options, char **arguments) {
        static const Method method = {
                .path = BUS_PATH_KSM,
                .interface = BUS_IFACE_KSM,
                .name = "SetTunables",
                .dictionary = true,
        };
        ExitStatus status;

        status = check_settings(arguments);
        return status == STATUS_DONE ? run(options, &method, arguments, describe_set) : status;
}
