/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cancel`: stop a job that somebody has started, here or elsewhere. It does not guess: where
 * several jobs are there, one has to be named. How the job ends is told to whoever waits for it. */

#include "client/verbs.h"

#include <inttypes.h>

#include "client/call.h"
#include "client/job-report.h"
#include "client/objects.h"
#include "client/output.h"
#include "common/names.h"
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

        status = call_method(c, CALL_CHANGE, &method, NULL, &reply);
        if (status == STATUS_DONE)
                job_report_none(options, "done", done);
        return status;
}

ExitStatus verb_cancel(const Options *options, char **arguments) {
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
