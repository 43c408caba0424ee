/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a job went, for the user. */

#include "client/daemon/job.h"

/* Tell how @result came out and how the ESPs named by @options (none: all) are now, as sentences or
 * as the JSON object that refresh, verify and the changes share. @done goes before the list of
 * ESPs in sync: "In sync". */
ExitStatus job_report(Connection *c, const Options *options, const JobResult *result,
                      const char *done);

/* The same for a job about one partition, without the other ESPs; @done is the whole sentence, and
 * may be NULL if the job is not done. */
ExitStatus job_report_alone(const Options *options, const JobResult *result, const char *done);

/* The same where there is no job to report: @message is the sentence. */
void job_report_none(const Options *options, const char *result, const char *message);
