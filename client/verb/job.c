/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cancel`: stop a job that somebody has started, here or elsewhere. It does not guess: of several
 * jobs one has to be named. How the job ends is told to whoever waits for it. */

#include "client/verb/verbs.h"

#include <inttypes.h>
#include <unistd.h>

#include "client/daemon/job-report.h"
#include "client/daemon/objects.h"
#include "common/string-util.h"

static char *list_jobs(const JobInfos *infos) {
        _cleanup_strv_ char **jobs = NULL;

        for (size_t i = 0; i < infos->n; i++)
                if (strv_extendf(&jobs, "%" PRIu64 " (%s, %s)", infos->jobs[i].id,
                                 strempty(infos->jobs[i].type), strempty(infos->jobs[i].state)) < 0)
                        out_of_memory();
        return must(strv_join(jobs, ", "));
}

/* NULL: there is none, and none was named. */
static ExitStatus choose(const JobInfos *infos, const char *number, const JobInfo **ret) {
        _cleanup_free_ char *list = list_jobs(infos);

        for (size_t i = 0; i < infos->n; i++) {
                _cleanup_free_ char *id = must(strprintf("%" PRIu64, infos->jobs[i].id));

                if (number ? streq(number, id) : infos->n == 1) {
                        *ret = &infos->jobs[i];
                        return STATUS_DONE;
                }
        }
        if (number)
                return fail(STATUS_FAILED, "There is no job %s; it may have ended.", number);
        if (infos->n > 1)
                return fail(STATUS_FAILED,
                            "There are several jobs: %s; name one, as in 'bootctl-pve cancel "
                            "%" PRIu64 "'.",
                            list, infos->jobs[0].id);
        *ret = NULL;
        return STATUS_DONE;
}

static ExitStatus cancel(Connection *c, const Options *options, const JobInfo *job) {
        _cleanup_free_ char *path = must(strprintf(BUS_PATH_JOB "/%" PRIu64, job->id));
        _cleanup_free_ char *done = must(strprintf("Job %" PRIu64 " (%s) was told to stop.",
                                                   job->id, strempty(job->type)));
        const Method method = { .path = path, .interface = BUS_IFACE_JOB, .name = "Cancel" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ExitStatus status;

        status = call_method(c, CALL_CHANGE, &method, NULL, NULL, &reply);
        if (status == STATUS_DONE)
                job_report_none(options, "done", done);
        return status;
}

static ExitStatus verb_cancel(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_job_infos_ JobInfos infos = {};
        const JobInfo *job = NULL;
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        if (connection_is_private(&c))
                return fail(STATUS_FAILED, "There is no bootsyncd on the system bus, and so no job "
                                           "to cancel.");
        status = job_infos_get(&c, &infos);
        if (status == STATUS_DONE)
                status = choose(&infos, arguments[0], &job);
        if (status != STATUS_DONE)
                return status;
        if (!job) {
                job_report_none(options, "done", "There is no job; nothing to cancel.");
                return STATUS_DONE;
        }
        return cancel(&c, options, job);
}

/* As the daemon calls them. */
static const char *const job_types[] = {
        "refresh", "verify",     "probe",       "plan",    "format",      "init",        "reinit",
        "convert", "ksm-enable", "ksm-disable", "ksm-set", "ksm-unmerge", "ksm-restore",
};

/* The journal's field that selects @job, a number or a type. NULL: it is neither. */
static char *job_field(const char *job) {
        uint64_t id;

        if (parse_u64(job, &id) >= 0)
                return must(strprintf(FIELD_JOB_ID "=%" PRIu64, id));
        for (size_t i = 0; i < ELEMENTSOF(job_types); i++)
                if (streq(job_types[i], job))
                        return must(strprintf(FIELD_JOB_TYPE "=%s", job));
        return NULL;
}

static ExitStatus unknown_job(const char *job) {
        _cleanup_strv_ char **types = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < ELEMENTSOF(job_types); i++)
                if (strv_extend(&types, job_types[i]) < 0)
                        out_of_memory();
        list = must(strv_join(types, ", "));
        return fail(STATUS_USAGE, "'%s' is neither the number nor a type of a job: %s.", job, list);
}

/* The journal is of the host and of its service. */
static ExitStatus check_journal(const Options *options) {
        if (options->host)
                return fail(STATUS_USAGE,
                            "'logs' reads the journal of this host; 'ssh %s bootctl-pve logs' "
                            "reads "
                            "that one.",
                            options->host);
        if (options->root)
                return fail(STATUS_USAGE, "A private bootsyncd, which --root starts, writes to the "
                                          "terminal and to no journal; call 'logs' without it.");
        if (connection_in_chroot())
                return fail(STATUS_FAILED, "In a chroot there is no journal; call 'logs' outside.");
        return STATUS_DONE;
}

static ExitStatus verb_logs(const Options *options, char **arguments) {
        const char *command[8] = { "journalctl", "--unit=bootsyncd.service" };
        _cleanup_free_ char *field = NULL;
        ExitStatus status;
        size_t n = 2;

        if (arguments[0]) {
                field = job_field(arguments[0]);
                if (!field)
                        return unknown_job(arguments[0]);
        }
        status = check_journal(options);
        if (status != STATUS_DONE)
                return status;
        if (option_given(options, OPTION_FOLLOW))
                command[n++] = "--follow";
        if (option_given(options, OPTION_JSON))
                command[n++] = "--output=json";
        /* Numbers begin anew with each start of the daemon. */
        if (field && startswith(field, FIELD_JOB_ID))
                command[n++] = "--boot";
        command[n++] = field;
        (void) execvp(command[0], (char **) command);
        return fail(STATUS_FAILED,
                    "Failed to start journalctl: %s; 'logs' needs it, and the journal of systemd.",
                    strerror(errno));
}

const Verb job_verbs[] = {
        { NULL, "cancel", "[JOB]", 0, 1, 0, verb_cancel, "Stop a job that runs or waits" },
        { NULL, "logs", "[JOB|TYPE]", 0, 1, OPTION_BIT(OPTION_FOLLOW), verb_logs,
          "Show what bootsyncd has written about a job, or all of a type", FLEET_NEVER },
        {},
};
