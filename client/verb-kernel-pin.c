/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel pin` and `kernel unpin`. Without --next-boot a pin is permanent, and unpin removes both
 * kinds. */

#include "client/verbs.h"

#include "client/change.h"

ExitStatus verb_kernel_pin(const Options *options, char **arguments) {
        const char *scope = option_given(options, OPTION_NEXT_BOOT) ? "next-boot" : "permanent";

        return change_run(options, "PinKernel", (char *[]){ arguments[0], (char *) scope, NULL });
}

ExitStatus verb_kernel_unpin(const Options *options, char **arguments) {
        const char *scope = option_given(options, OPTION_NEXT_BOOT) ? "next-boot" : "all";

        return change_run(options, "UnpinKernel", (char *[]){ (char *) scope, NULL });
}
