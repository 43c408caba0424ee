/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs of the command line. Each is given its arguments, of which the number has been checked
 * and which end with NULL, and returns what the program ends with. */

#include "client/options.h"

typedef ExitStatus (*verb_t)(const Options *options, char **arguments);

ExitStatus verb_cancel(const Options *options, char **arguments);
ExitStatus verb_clean(const Options *options, char **arguments);
ExitStatus verb_esp_candidates(const Options *options, char **arguments);
ExitStatus verb_esp_list(const Options *options, char **arguments);
ExitStatus verb_format(const Options *options, char **arguments);
ExitStatus verb_init(const Options *options, char **arguments);
ExitStatus verb_kernel_add(const Options *options, char **arguments);
ExitStatus verb_kernel_list(const Options *options, char **arguments);
ExitStatus verb_kernel_pin(const Options *options, char **arguments);
ExitStatus verb_kernel_remove(const Options *options, char **arguments);
ExitStatus verb_kernel_unpin(const Options *options, char **arguments);
ExitStatus verb_ksm_disable(const Options *options, char **arguments);
ExitStatus verb_ksm_enable(const Options *options, char **arguments);
ExitStatus verb_ksm_set(const Options *options, char **arguments);
ExitStatus verb_ksm_status(const Options *options, char **arguments);
ExitStatus verb_ksm_unmerge(const Options *options, char **arguments);
ExitStatus verb_monitor(const Options *options, char **arguments);
ExitStatus verb_refresh(const Options *options, char **arguments);
ExitStatus verb_reinit(const Options *options, char **arguments);
ExitStatus verb_status(const Options *options, char **arguments);
ExitStatus verb_verify(const Options *options, char **arguments);

/* Find the verb in the words, check its options and arguments, and run it, or show its help. */
ExitStatus verbs_run(const Options *options);
