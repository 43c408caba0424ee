/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The queue of jobs: one at a time runs, the others wait for it; and there are those that run
 * beside it. The work itself is done by others. */

#include "engine/queue/job.h"
#include "engine/work/workers.h"

typedef struct Queue Queue;

/* The way of all jobs of one type. */
typedef struct JobKind {
        /* It waits for no other and takes no lock, but begins at once. */
        bool beside;
        /* Why such a job cannot be had now; NULL: it always can. */
        int (*check)(const JobRequest *request, Error *error, void *userdata);
        /* True if a call for @request is served by @job, which waits; NULL: never. */
        bool (*joins)(const Job *job, const JobRequest *request);
        /* No other runs: begin, and end it by queue_end(). A failure ends it, and may be without
         * an error. */
        int (*start)(Job *job, Error *error, void *userdata);
        /* It is to end as soon as it can. */
        void (*cancel)(Job *job, void *userdata);
} JobKind;

typedef struct QueueListener {
        void (*added)(Job *job, void *userdata);
        void (*changed)(Job *job, void *userdata);
        /* It has its result; the lock of the root is still held, if it had that. */
        void (*ending)(Job *job, void *userdata);
        /* It has its result, and is not among the jobs any more; @ran: it was running. Others may
         * be submitted from here. It is gone when that returns. */
        void (*ended)(Job *job, bool ran, void *userdata);
} QueueListener;

/* @kinds has one for each type, which are called with @kinds_userdata. */
int queue_new(const Workers *workers, const JobKind *kinds, void *kinds_userdata,
              const QueueListener *listener, void *userdata, Queue **ret);
/* Whoever works for the running job must be gone. */
Queue *queue_free(Queue *q);
DEFINE_CLEANUP(Queue *, queue_free)

/* Queue a job, or join the waiting one that serves the request. *@ret may be NULL. Errors: Busy,
 * and those of the kind's check. */
int queue_submit(Queue *q, const JobRequest *request, Job **ret, Error *error);
/* 0 if the request would be accepted now, else Busy. */
int queue_check_room(const Queue *q, const JobRequest *request, Error *error);
/* 0 if no job works on the ESP with this FAT UUID, nor waits to work on it by name, else Busy. */
int queue_check_idle(const Queue *q, const char *uuid, Error *error);
/* One that waits ends at once. */
void queue_cancel(Queue *q, Job *job);

/* In order; NULL if there are no more. Those beside the queue are among them. */
Job *queue_at(const Queue *q, size_t i) _pure_;
/* The one that runs, of those that are not beside; NULL: none. */
Job *queue_running(const Queue *q) _pure_;

/* For who does the work: */
void queue_job_changed(Queue *q, Job *job);
/* The files that the running @job was made for are not complete yet: forget its plans and start it
 * once more, in a second. False if that has gone on for 45 s, and the job is to end. */
bool queue_start_again(Queue *q, Job *job);
/* The job has its result. */
void queue_end(Queue *q, Job *job);
