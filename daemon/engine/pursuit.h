/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's own wish: that each ESP is compared with what was read last and, with AutoSync, made
 * so. */

#include "engine/queue/queue.h"
#include "engine/state.h"

typedef struct Pursuit Pursuit;

int pursuit_new(sd_event *event, const Root *root, State *state, Queue *queue, bool private,
                Pursuit **ret);
Pursuit *pursuit_free(Pursuit *p);
DEFINE_CLEANUP(Pursuit *, pursuit_free)

/* Begin; @must_sync: once, whatever AutoSync says. */
void pursuit_start(Pursuit *p, bool must_sync);
/* No job is made any more, but for one that syncs what has changed until now. */
void pursuit_stop(Pursuit *p);
/* See to it, by a job now, at the end of one that runs, or later by a timer. Call it whenever
 * something may be left to do. */
void pursuit_go_on(Pursuit *p);
/* Something has changed, so that trying again at once is worth it, also where it failed. */
void pursuit_go_on_anew(Pursuit *p);

/* A job that begins has read the files, and works with the facts as they are now. */
void pursuit_begin_job(Pursuit *p, const Job *job);
/* It is over, and may have been in vain. @ran: it was running. */
void pursuit_end_job(Pursuit *p, const Job *job, bool ran);

/* Why changes are not synced unasked, and how to have it so: half a sentence; "" if they are. */
const char *pursuit_auto_sync_reason(const Pursuit *p) _pure_;
/* True if a job is about to bring the ESP into sync: one runs or waits, or is made in the same turn
 * of the event loop. */
bool pursuit_is_about_to_sync(const Pursuit *p, const Esp *esp) _pure_;
/* True while a sync that is wanted, or without AutoSync a look, waits for the end of a package run.
 */
bool pursuit_waits_for_packages(const Pursuit *p) _pure_;
