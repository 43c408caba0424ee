/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs of the command line, as the files that carry them out tell of them. */

#include "client/terminal/options.h"

#define ANY_NUMBER SIZE_MAX

/* Is given its arguments, of which the number has been checked and which end with NULL, and returns
 * what the program ends with. */
typedef ExitStatus (*verb_t)(const Options *options, char **arguments);

typedef struct Verb {
        const char *group; /* NULL: the verb is one word */
        const char *name;
        const char *arguments;       /* for the help */
        size_t n_needed, n_optional; /* of them; ANY_NUMBER: no limit */
        unsigned options;            /* besides the global ones */
        verb_t run;
        const char *help;
        /* On several hosts at once: nothing keeps it from that; without --yes it would ask; it is
         * for one host. */
        enum { FLEET_FREE, FLEET_ASKS, FLEET_NEVER } fleet;
        ExitStatus bad_usage; /* what it ends with then; 0: STATUS_USAGE */
} Verb;

/* Each ends with one that has no name. */
extern const Verb alert_verbs[], boot_verbs[], check_verbs[], convert_verbs[], doctor_verbs[],
                esp_verbs[], history_verbs[], job_verbs[], kernel_verbs[], ksm_verbs[],
                metrics_verbs[], monitor_verbs[], partition_verbs[], refresh_verbs[],
                secure_boot_verbs[], status_verbs[];

/* Find the verb in the words, check its options and arguments, and run it, or show its help. */
ExitStatus verbs_run(const Options *options);
/* The exit status if the command line, which ends with NULL, is none: that of the verb in it. */
ExitStatus verbs_bad_usage(char *const *words);
