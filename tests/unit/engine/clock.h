/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Clocks that a test moves. The test's program is linked so that what the engine asks
 * sd-event for goes through here first (ld(1), --wrap); libsystemd itself keeps the real clock. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

/* Let @usec pass: every timer that is due until then fires, each at its time and in order. */
void clock_pass(sd_event *event, uint64_t usec);
/* Handle what is there to be handled, and wait for nothing. */
void clock_stand(sd_event *event);
/* True if any timer of the engine is armed. */
bool clock_is_armed(void);
/* Forget every timer, and start anew. */
void clock_done(void);
