/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `refresh`, and `verify`, which reads every file on the ESPs again. */

#include "client/verb/refresh.h"

#include <unistd.h>

#include "client/daemon/job-report.h"
#include "client/daemon/job.h"
#include "client/daemon/objects.h"
#include "client/verb/dry-run.h"
#include "client/verb/verbs.h"
#include "common/string-util.h"

/* Written by container managers and by systemd as PID 1 of a container. */
#define CONTAINER_MARK "/run/systemd/container"

bool refresh_is_pointless(const Options *options) {
        if (options->root || options->host || access(CONTAINER_MARK, F_OK) < 0)
                return false;
        job_report_none(options, "done",
                        "This is a container, which has no ESPs of its own; nothing to do.");
        return true;
}

ExitStatus refresh_run(Connection *c, const Options *options, const char *change) {
        CallOptions call = { .new_kernel = options->new_kernel,
                             .no_block = option_given(options, OPTION_NO_BLOCK) };
        _cleanup_strv_ char **esps = NULL;
        _cleanup_job_result_ JobResult result = {};
        Options found = *options;
        ExitStatus status;

        status = esp_uuids_find(c, options, options->esps, &esps);
        if (status != STATUS_DONE)
                return status;
        call.esps = found.esps = esps;
        status = job_run(c, METHOD_MANAGER("Refresh"), NULL, &call, &result);
        if (status != STATUS_DONE)
                return status;
        if (change) {
                char *both = must(strprintf("%s%s%s", change, isempty(result.message) ? "" : " ",
                                            strempty(result.message)));

                free(result.message);
                result.message = both;
        }
        return job_report(c, &found, &result, "In sync");
}

static ExitStatus verb_refresh(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        ExitStatus status;

        if (option_given(options, OPTION_DRY_RUN) && option_given(options, OPTION_NO_BLOCK))
                return fail(STATUS_USAGE, "--dry-run and --no-block cannot be combined.");
        if (option_given(options, OPTION_DRY_RUN) && options->new_kernel)
                return fail(STATUS_USAGE, "--dry-run and --new-kernel cannot be combined.");
        if (option_given(options, OPTION_VERBOSE) && !option_given(options, OPTION_DRY_RUN))
                return fail(STATUS_USAGE, "--verbose is for --dry-run alone.");
        if (refresh_is_pointless(options))
                return STATUS_DONE;
        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        return option_given(options, OPTION_DRY_RUN) ? dry_run(&c, options)
                                                     : refresh_run(&c, options, NULL);
}

/* It trusts no earlier comparison, so it is slow, and for those who doubt a disk. */
static ExitStatus verb_verify(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_strv_ char **esps = NULL;
        _cleanup_job_result_ JobResult result = {};
        Options found = *options;
        ExitStatus status;

        status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = esp_uuids_find(&c, options, options->esps, &esps);
        if (status != STATUS_DONE)
                return status;
        found.esps = esps;
        status = job_run(&c, METHOD_MANAGER("Verify"), NULL,
                         &(CallOptions){ .esps = esps,
                                         .no_block = option_given(options, OPTION_NO_BLOCK) },
                         &result);
        return status == STATUS_DONE ? job_report(&c, &found, &result, "Verified") : status;
}

const Verb refresh_verbs[] = {
        { NULL, "refresh", "", 0, 0,
          OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_ESP) | OPTION_BIT(OPTION_NEW_KERNEL) |
                          OPTION_BIT(OPTION_VERBOSE) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_refresh, "Bring the ESPs into sync" },
        { NULL, "verify", "", 0, 0, OPTION_BIT(OPTION_ESP) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_verify, "Read every file on the ESPs again and compare" },
        {},
};
