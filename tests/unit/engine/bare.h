/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs by themselves: a queue of which nobody hears, and at whose jobs nobody works. */

#include "engine/queue/queue.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

typedef struct Bare {
        TempRoot t;
        sd_event *event;
        Workers *workers;
        Queue *queue;
} Bare;

static inline bool bare_joins(const Job *job, const JobRequest *request) {
        return true;
}

static inline int bare_start(Job *job, Error *error, void *userdata) {
        return 0;
}

static inline void bare_cancel(Job *job, void *userdata) {
}

static inline void bare_hear(Job *job, void *userdata) {
}

static inline void bare_hear_end(Job *job, bool ran, void *userdata) {
}

/* Also of one that was never made. */
static inline void bare_done(Bare *b) {
        if (!b->queue)
                return;
        queue_free(b->queue);
        workers_free(b->workers);
        sd_event_unref(b->event);
        temp_root_done(&b->t);
        *b = (Bare){};
}

static inline Bare bare_new(void) {
        static const JobKind esps = { .joins = bare_joins,
                                      .start = bare_start,
                                      .cancel = bare_cancel };
        static const QueueListener listener = { .added = bare_hear,
                                                .changed = bare_hear,
                                                .ending = bare_hear,
                                                .ended = bare_hear_end };
        static JobKind kinds[_JOB_TYPE_MAX];
        Bare b = { .t = temp_root_new() };

        for (JobType type = 0; type < _JOB_TYPE_MAX; type++) {
                kinds[type] = esps;
                kinds[type].beside = type >= JOB_KSM_ENABLE;
        }
        ck_assert_int_ge(sd_event_new(&b.event), 0);
        ck_assert_int_eq(workers_new(&(WorkerConfig){ .event = b.event, .root = b.t.root }, NULL,
                                     NULL, &b.workers),
                         0);
        ck_assert_int_eq(queue_new(b.workers, kinds, NULL, &listener, NULL, &b.queue), 0);
        return b;
}

static inline Job *bare_submit(const Bare *b, const JobRequest *request) {
        Job *job = NULL;

        ck_assert_int_eq(queue_submit(b->queue, request, &job, NULL), 0);
        return job;
}

/* It is the first one, and its turn comes. */
static inline void bare_run(const Bare *b, const Job *job) {
        ck_assert_int_gt(sd_event_run(b->event, 0), 0);
        ck_assert_ptr_eq(queue_running(b->queue), job);
}

/* The only job of its queue. */
static inline Job *bare_job(Bare *b, const JobRequest *request) {
        *b = bare_new();
        return bare_submit(b, request);
}
