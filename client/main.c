/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bootctl-pve: a thin client of org.bootsync1. It holds no policy and touches no boot file: it
 * reads the command line, makes calls, and shows what comes back. A result that could not be
 * written out is a failure, or a full disk would turn into an empty file and an exit status of 0.
 */

#include <stdio.h>

#include "client/terminal/pager.h"
#include "client/verb/compat.h"
#include "client/verb/verbs.h"

static ExitStatus run(int argc, char **argv) {
        _cleanup_options_ Options options = {};
        ExitStatus status;

        status = options_parse(argc, argv, &options);
        if (status != STATUS_DONE)
                return verbs_bad_usage(argv + 1);
        if (option_given(&options, OPTION_VERSION)) {
                printf("bootctl-pve %s\n", BOOTSYNC_VERSION);
                return STATUS_DONE;
        }
        return verbs_run(&options);
}

int main(int argc, char **argv) {
        int status = compat_is_called(argv[0]) ? compat_run(argc, argv) : (int) run(argc, argv);

        pager_close();
        if (fflush(stdout) != 0 || ferror(stdout))
                return fail(STATUS_FAILED, "Failed to write the output: %s.", strerror(errno));
        return status;
}
