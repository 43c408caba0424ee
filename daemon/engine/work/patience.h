/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* To try something again every moment, but not for ever. */

#include <systemd/sd-event.h>

#include "common/macros.h"

typedef struct Patience {
        sd_event_source *timer; /* NULL: nothing is waited for */
        uint64_t deadline;      /* µs of CLOCK_MONOTONIC; 0: nothing was in vain yet */
        void (*again)(void *userdata);
        void *userdata;
} Patience;

/* Call @again from the event loop in @retry_usec. -ETIME if the first call of this was @limit_usec
 * ago or more; then, and after patience_end(), the time begins anew. @p does not move. */
int patience_wait(Patience *p, sd_event *event, uint64_t retry_usec, uint64_t limit_usec,
                  void (*again)(void *userdata), void *userdata);
/* Nothing is waited for any more. */
void patience_end(Patience *p);
