/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that is not as it should be, on this host and on an ESP, with the command that mends it. */

#include "common/warning.h"
#include "engine/verdict.h"

/* All that a warning may follow from. Borrowed. */
typedef struct WarningsInput {
        const VerdictInput *verdict;
        bool private;                /* a client's own daemon: nobody expects it to sync unasked */
        const char *watching_reason; /* why files are not watched by inotify; "" if they are */
        const char *watching_remedy; /* and the command that changes that */
        uint64_t now_usec;           /* since the epoch */
} WarningsInput;

#define WARNINGS_FULL_PERCENT 85 /* an ESP with less free space than the rest is nearly full */
#define WARNINGS_PIN_DAYS     30 /* a pin that is older may have been forgotten */

/* The worst first, as far as one hides another. Nothing is said of what was not looked at yet. 0 or
 * -ENOMEM. */
int warnings_make(const WarningsInput *in, Warnings *ret);

/* Let the ESP tell why it is not good and what to do, as it is now. Out of memory it tells nothing.
 */
void advise_esp(const Root *root, const KernelSet *kernels, Esp *esp);
/* Log each once when it appears, and once when it goes. */
void warnings_log(const Warnings *old, const Warnings *new, bool private);
