/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `init` and `reinit`: boot loaders on ESPs. Which loader suits the host is for the daemon to
 * choose unless the user names one. */

#include "client/verbs.h"

#include "client/job-report.h"
#include "client/output.h"
#include "client/partitions.h"
#include "common/string-util.h"

static ExitStatus set_up(const Options *options, const char *path, const char *loader) {
        _cleanup_free_ char *done = must(strprintf("%s is set up and in sync.", path));
        char *const strings[] = { (char *) path, (char *) loader, NULL };
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("InitEsp"), strings,
                         &(CallOptions){ .refusal_is_result = true }, &result);
        return status == STATUS_DONE ? job_report_alone(options, &result, done) : status;
}

ExitStatus verb_init(const Options *options, char **arguments) {
        _cleanup_free_ char *path = partition_path(options, arguments[0]);
        const char *loader = arguments[1];

        if (loader && !streq(loader, "grub") && !streq(loader, "systemd-boot"))
                return fail(STATUS_USAGE,
                            "The boot loader is 'grub' or 'systemd-boot', not '%s'; without one "
                            "bootsyncd chooses.",
                            loader);
        return set_up(options, path, loader ?: "auto");
}

ExitStatus verb_reinit(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("ReinitEsps"), NULL, NULL, &result);
        return status == STATUS_DONE ? job_report(&c, options, &result, "In sync") : status;
}
