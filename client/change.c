/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stores a change through the daemon and sees to it that the user knows whether the ESPs have it
 * yet. --no-refresh is refused before anything is changed where it could not be kept: a daemon with
 * AutoSync on will refresh. */

#include "client/change.h"

#include "client/job-report.h"
#include "client/objects.h"
#include "client/output.h"
#include "client/refresh.h"
#include "common/string-util.h"

static bool wants_refresh(const Options *options) {
        if (option_given(options, OPTION_YES))
                return true;
        if (option_given(options, OPTION_NO_REFRESH) || option_given(options, OPTION_JSON) ||
            !is_interactive())
                return false;
        return ask_yes_no("The change is stored. Refresh the ESPs now?");
}

/* Where no boot loader takes a kernel for one boot, such a pin is the default entry, and lasts
 * until a boot comes up. */
static void tell_how_it_lasts(Connection *c, const Options *options) {
        _cleanup_manager_info_ ManagerInfo info = {};

        if (!option_given(options, OPTION_NEXT_BOOT) || option_given(options, OPTION_JSON) ||
            manager_info_get(c, &info) != STATUS_DONE || isempty(info.next_boot) ||
            !streq(info.next_boot, info.default_kernel))
                return;
        say("The pin is the default entry, not the boot loader's own one-shot: kernel '%s' boots "
            "until a boot comes up with bootsyncd, which then removes the pin.",
            info.next_boot);
}

static ExitStatus after_storing(Connection *c, const Options *options) {
        ExitStatus status;

        if (!wants_refresh(options)) {
                job_report_none(options, "stored",
                                "The change is stored. Run 'bootctl-pve refresh' to bring it to "
                                "the ESPs.");
                return STATUS_DONE;
        }
        if (refresh_is_pointless(options))
                return STATUS_DONE;
        status = refresh_run(c, options);
        if (status == STATUS_DONE)
                tell_how_it_lasts(c, options);
        return status;
}

ExitStatus change_run(const Options *options, const char *method, char *const *arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        if (info.auto_sync && option_given(options, OPTION_NO_REFRESH))
                return fail(STATUS_USAGE, "--no-refresh cannot be kept while AutoSync is on: "
                                          "bootsyncd syncs every change by itself.");

        status = job_run(&c, METHOD_MANAGER(method), arguments, NULL, &result);
        if (status != STATUS_DONE)
                return status;
        if (!result.ran && !info.auto_sync)
                return after_storing(&c, options);
        status = job_report(&c, options, &result, "In sync");
        if (status == STATUS_DONE)
                tell_how_it_lasts(&c, options);
        return status;
}
