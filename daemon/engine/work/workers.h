/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's workers: how they are started, and the stragglers among them, which outlive their
 * errand. */

#include "engine/work/task.h"

typedef struct Workers Workers;

/* A straggler has ended; @esp_uuid is NULL if it was at work on no ESP. Called from the event loop.
 */
typedef void (*straggler_ended_t)(const char *esp_uuid, void *userdata);

/* @config is copied; what it points at outlives the workers. */
int workers_new(const WorkerConfig *config, straggler_ended_t ended, void *userdata, Workers **ret);
/* Running workers go on by themselves. */
Workers *workers_free(Workers *w);
DEFINE_CLEANUP(Workers *, workers_free)

const WorkerConfig *workers_config(const Workers *w) _pure_;

/* Follow a worker that does not die until it does: @task, which is taken over in any case, or
 * (NULL) process @pid that an earlier daemon left behind. -ESRCH if that is gone already. */
int workers_follow(Workers *w, Task *task, pid_t pid, const char *esp_uuid);
/* From now on a worker looks at that ESP beside all jobs (NULL: at none): whoever wants its lock
 * waits until it has ended. */
void workers_set_look(Workers *w, const char *esp_uuid);
bool workers_look_at(const Workers *w, const char *esp_uuid) _pure_;
/* True if a straggler is at work on that ESP. */
bool workers_have_straggler(const Workers *w, const char *esp_uuid) _pure_;
