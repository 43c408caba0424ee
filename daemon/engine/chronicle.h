/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The history on the disk, and in memory: what was done, by whom, and who has set the pin. */

#include "core/history/history.h"
#include "engine/queue/queue.h"
#include "sys/kernel-conf.h"

typedef struct Chronicle Chronicle;

/* A file that cannot be read, or understood, is no failure. 0 or -ENOMEM. */
int chronicle_new(const Root *root, Chronicle **ret);
Chronicle *chronicle_free(Chronicle *c);
DEFINE_CLEANUP(Chronicle *, chronicle_free)

/* Lives as long as @c. */
const History *chronicle_history(const Chronicle *c) _pure_;

/* Complete the deed of @job, which has its result; and remember it, unless the job was only to
 * look, or was the daemon's own wish and found nothing to do. */
void chronicle_end_job(Chronicle *c, const Job *job);

/* The pin of @conf was set by this user. */
void chronicle_note_pin(Chronicle *c, const KernelConf *conf, uid_t uid);
/* As that is remembered, "" if the pin is not the one that was set then. */
const char *chronicle_pinned_by(const Chronicle *c, const KernelConf *conf) _pure_;
