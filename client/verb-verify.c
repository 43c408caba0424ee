/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `verify`: every file on the ESPs is read again and compared. It trusts no earlier comparison, so
 * it is slow, and it is for those who doubt a disk. */

#include "client/verbs.h"

#include "client/job-report.h"

ExitStatus verb_verify(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("Verify"), NULL,
                         &(CallOptions){ .esps = options->esps }, &result);
        return status == STATUS_DONE ? job_report(&c, options, &result, "Verified") : status;
}
