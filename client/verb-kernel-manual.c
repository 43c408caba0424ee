/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel add` and `kernel remove`: the list of kernels kept by hand. */

#include "client/verbs.h"

#include "client/change.h"

ExitStatus verb_kernel_add(const Options *options, char **arguments) {
        return change_run(options, "AddKernel", arguments);
}

ExitStatus verb_kernel_remove(const Options *options, char **arguments) {
        return change_run(options, "RemoveKernel", arguments);
}
