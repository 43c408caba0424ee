/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon never sleeps: what is held by somebody else is tried again by a timer, until it is
 * free or has been held for too long. */

#include "engine/work/patience.h"

#include <errno.h>

void patience_end(Patience *p) {
        p->timer = sd_event_source_disable_unref(p->timer);
        p->deadline = 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Patience *p = userdata;

        p->timer = sd_event_source_disable_unref(p->timer);
        p->again(p->userdata);
        return 0;
}

int patience_wait(Patience *p, sd_event *event, uint64_t retry_usec, uint64_t limit_usec,
                  void (*again)(void *userdata), void *userdata) {
        uint64_t now;
        int r;

        r = sd_event_now(event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (p->deadline == 0)
                p->deadline = now + limit_usec;
        if (now >= p->deadline) {
                patience_end(p);
                return -ETIME;
        }
        p->again = again;
        p->userdata = userdata;
        p->timer = sd_event_source_disable_unref(p->timer);
        return sd_event_add_time_relative(event, &p->timer, CLOCK_MONOTONIC, retry_usec, 0,
                                          on_timer, p);
}
