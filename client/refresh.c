/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call, one wait, one report. Whether a refresh is wanted is decided by the verbs. */

#include "client/refresh.h"

#include <unistd.h>

#include "client/job-report.h"

/* Written by container managers and by systemd as PID 1 of a container. */
#define CONTAINER_MARK "/run/systemd/container"

bool refresh_is_pointless(const Options *options) {
        if (options->root || options->host || access(CONTAINER_MARK, F_OK) < 0)
                return false;
        job_report_none(options, "done",
                        "This is a container, which has no ESPs of its own; nothing to do.");
        return true;
}

ExitStatus refresh_run(Connection *c, const Options *options) {
        const CallOptions call = { .esps = options->esps, .new_kernel = options->new_kernel };
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = job_run(c, METHOD_MANAGER("Refresh"), NULL, &call, &result);
        return status == STATUS_DONE ? job_report(c, options, &result, "In sync") : status;
}
