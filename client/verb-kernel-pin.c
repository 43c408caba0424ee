/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel pin` and `kernel unpin`. Without --next-boot a pin is permanent, and unpin removes both
 * kinds. */

#include "client/verbs.h"

#include "client/change.h"
#include "client/output.h"

ExitStatus verb_kernel_pin(const Options *options, char **arguments) {
        bool next_boot = option_given(options, OPTION_NEXT_BOOT);
        const char *scope = next_boot ? "next-boot" : "permanent";
        ExitStatus status;

        status = change_run(options, "PinKernel", (char *[]){ arguments[0], (char *) scope, NULL });
        /* OneShotMethod is "default-entry" on every ESP in this version. */
        if (status == STATUS_DONE && next_boot && !option_given(options, OPTION_JSON))
                say("The pin is the default entry, not the boot loader's own one-shot: kernel '%s' "
                    "boots until a boot comes up with bootsyncd, which then removes the pin.",
                    arguments[0]);
        return status;
}

ExitStatus verb_kernel_unpin(const Options *options, char **arguments) {
        const char *scope = option_given(options, OPTION_NEXT_BOOT) ? "next-boot" : "all";

        return change_run(options, "UnpinKernel", (char *[]){ (char *) scope, NULL });
}
