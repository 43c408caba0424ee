/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One job runs, the others wait, and calls that want the same join the one that waits. A
 * job holds the lock of its root from before it reads the files until it ends, so that two daemons
 * on one root take turns; waiting for the lock is a timer, never a sleep. What a job does is in a
 * table of kinds, and none of the queue's business. */

#include "engine/queue/queue.h"

#include <inttypes.h>
#include <malloc.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "engine/work/patience.h"
#include "sys/lock.h"

#define JOBS_MAX            16
#define LOCK_RETRY_USEC     (200 * UINT64_C(1000))
#define LOCK_PATIENCE_USEC  (60 * UINT64_C(1000000))
#define AGAIN_RETRY_USEC    (1 * UINT64_C(1000000))
#define AGAIN_PATIENCE_USEC (45 * UINT64_C(1000000)) /* others wait 60 s for the lock */

struct Queue {
        sd_event *event;
        const Root *root;
        const JobKind *kinds;
        void *kinds_userdata;
        const QueueListener *listener;
        void *userdata;
        Job **jobs; /* in order; the first one that is not beside runs, if any does */
        size_t n_jobs, n_allocated;
        uint64_t last_id;
        Job *running;
        int lock_fd; /* of the root, while a job runs */
        Patience lock_patience;
        Patience again_patience; /* between two starts of the running job */
        sd_event_source *next_source, *rest_source;
};

Queue *queue_free(Queue *q) {
        if (!q)
                return NULL;
        for (size_t i = 0; i < q->n_jobs; i++)
                job_free(q->jobs[i]);
        free(q->jobs);
        patience_end(&q->lock_patience);
        patience_end(&q->again_patience);
        sd_event_source_disable_unref(q->next_source);
        sd_event_source_disable_unref(q->rest_source);
        safe_close(q->lock_fd);
        sd_event_unref(q->event);
        return mfree(q);
}

int queue_new(const Workers *workers, const JobKind *kinds, void *kinds_userdata,
              const QueueListener *listener, void *userdata, Queue **ret) {
        const WorkerConfig *config = workers_config(workers);
        Queue *q = malloc(sizeof(*q));

        if (!q)
                return -ENOMEM;
        *q = (Queue){
                .event = sd_event_ref(config->event),
                .root = config->root,
                .kinds = kinds,
                .kinds_userdata = kinds_userdata,
                .listener = listener,
                .userdata = userdata,
                .lock_fd = -EBADF,
        };
        *ret = q;
        return 0;
}

static const JobKind *kind_of(const Queue *q, const Job *job) {
        return &q->kinds[job_info(job)->request.type];
}

Job *queue_at(const Queue *q, size_t i) {
        return i < q->n_jobs ? q->jobs[i] : NULL;
}

Job *queue_running(const Queue *q) {
        return q->running;
}

/* How many wait or run, but for those beside. */
static size_t length(const Queue *q) {
        size_t n = 0;

        for (size_t i = 0; i < q->n_jobs; i++)
                n += !kind_of(q, q->jobs[i])->beside;
        return n;
}

void queue_job_changed(Queue *q, Job *job) {
        if (job_info(job)->status.changes == 0)
                return;
        q->listener->changed(job, q->userdata);
        job_told(job);
}

/* The next one to run. */
static Job *first(const Queue *q) {
        for (size_t i = 0; i < q->n_jobs; i++)
                if (!kind_of(q, q->jobs[i])->beside)
                        return q->jobs[i];
        return NULL;
}

/* Each waits for the one before it. For what the first one waits, who works on it knows. */
static void set_waits(Queue *q) {
        const Job *before = NULL;

        for (size_t i = 0; i < q->n_jobs; i++) {
                char words[sizeof("job ") + 20] = "";

                if (kind_of(q, q->jobs[i])->beside)
                        continue;
                if (before)
                        (void) snprintf(words, sizeof(words), "job %" PRIu64, job_info(before)->id);
                before = q->jobs[i];
                if (before != q->running && !(words[0] == '\0' && q->lock_patience.timer))
                        (void) job_set_waiting(q->jobs[i], words);
        }
}

static void tell_waits(Queue *q) {
        set_waits(q);
        for (size_t i = 0; i < q->n_jobs; i++)
                if (q->jobs[i] != q->running)
                        queue_job_changed(q, q->jobs[i]);
}

static int on_next(sd_event_source *source, void *userdata);

/* Start the next job, from the event loop, if none runs. */
static void run_next(Queue *q) {
        if (q->running || !first(q))
                return;
        q->next_source = sd_event_source_disable_unref(q->next_source);
        (void) sd_event_add_defer(q->event, &q->next_source, on_next, q);
}

/* The plans for all ESPs and what was seen there were in memory at the same time, and are gone. By
 * itself glibc gives back no more than what happens to lie at the end of the heap. */
static int on_rest(sd_event_source *source, void *userdata) {
        (void) malloc_trim(0);
        return 0;
}

/* When everybody has been told of the job's end, and nothing else is to be done. */
static void give_memory_back(Queue *q) {
        q->rest_source = sd_event_source_disable_unref(q->rest_source);
        if (sd_event_add_defer(q->event, &q->rest_source, on_rest, q) >= 0)
                (void) sd_event_source_set_priority(q->rest_source, SD_EVENT_PRIORITY_IDLE);
}

void queue_end(Queue *q, Job *ended) {
        _cleanup_(job_freep) Job *job = ended;
        bool ran = job == q->running;
        size_t i = 0;

        q->listener->ending(job, q->userdata);
        queue_job_changed(q, job); /* how far it came */
        if (ran || job == first(q))
                patience_end(&q->lock_patience);
        while (q->jobs[i] != job)
                i++;
        memmove(&q->jobs[i], &q->jobs[i + 1], (q->n_jobs - i - 1) * sizeof(Job *));
        q->n_jobs--;
        if (ran) {
                q->running = NULL;
                q->lock_fd = safe_close(q->lock_fd);
                patience_end(&q->again_patience);
        }
        q->listener->ended(job, ran, q->userdata);
        tell_waits(q);
        run_next(q);
        give_memory_back(q);
}

/* @error may be set already, which is a better reason than @r. */
static void fail_job(Queue *q, Job *job, int r, const char *what, Error *error) {
        if (!error_is_set(error))
                (void) error_set_errno(error, r, "Cannot %s below '%s'", what, root_path(q->root));
        job_end(job, JOB_RESULT_FAILED, error);
        queue_end(q, job);
}

static void start(Queue *q, Job *job) {
        _cleanup_error_ Error error = {};
        int r = kind_of(q, job)->start(job, &error, q->kinds_userdata);

        if (r < 0)
                fail_job(q, job, r, "start the job", &error);
}

static void on_lock_retry(void *userdata) {
        run_next(userdata);
}

/* 1: the lock is held; 0: a timer tries again; -errno: given up. */
static int take_lock(Queue *q) {
        int r;

        q->lock_fd = lock_try(q->root, "root", NULL);
        if (q->lock_fd >= 0) {
                patience_end(&q->lock_patience);
                return 1;
        }
        r = q->lock_fd;
        q->lock_fd = -EBADF;
        if (r != -EBUSY)
                return r;
        r = patience_wait(&q->lock_patience, q->event, LOCK_RETRY_USEC, LOCK_PATIENCE_USEC,
                          on_lock_retry, q);
        return r == -ETIME ? -EBUSY : r;
}

static int on_next(sd_event_source *source, void *userdata) {
        _cleanup_error_ Error error = {};
        Queue *q = userdata;
        Job *job = first(q);
        int r;

        if (q->running || !job)
                return 0;
        r = take_lock(q);
        (void) job_set_waiting(job, r == 0 ? "the lock of another bootsync" : "");
        queue_job_changed(q, job);
        if (r == 0)
                return 0;
        if (r < 0) {
                fail_job(q, job, r,
                         r == -EBUSY ? "work while another bootsync is at work"
                                     : "take the lock /" PATH_RUN "/root.lock, without which "
                                       "nothing is changed,",
                         &error);
                return 0;
        }
        q->running = job;
        job_set_state(job, JOB_RUNNING);
        queue_job_changed(q, job);
        start(q, job);
        return 0;
}

static void on_again(void *userdata) {
        Queue *q = userdata;

        (void) job_set_waiting(q->running, "");
        queue_job_changed(q, q->running);
        start(q, q->running);
}

bool queue_start_again(Queue *q, Job *job) {
        assert(job == q->running);
        if (patience_wait(&q->again_patience, q->event, AGAIN_RETRY_USEC, AGAIN_PATIENCE_USEC,
                          on_again, q) < 0)
                return false;
        job_set_state(job, JOB_RUNNING);
        (void) job_set_waiting(job, "files in /" PATH_BOOT " that still change");
        return true;
}

static Job *find_joinable(const Queue *q, const JobRequest *request) {
        const JobKind *kind = &q->kinds[request->type];

        for (size_t i = 0; kind->joins && i < q->n_jobs; i++)
                if (job_info(q->jobs[i])->status.state == JOB_QUEUED &&
                    job_info(q->jobs[i])->request.type == request->type &&
                    kind->joins(q->jobs[i], request))
                        return q->jobs[i];
        return NULL;
}

int queue_check_room(const Queue *q, const JobRequest *request, Error *error) {
        size_t n = length(q);

        if (q->kinds[request->type].beside || n < JOBS_MAX || find_joinable(q, request))
                return 0;
        return error_set(error, ERROR_BUSY,
                         "There are %zu jobs waiting already; try again when they are done", n);
}

static const Job *find_job_of(const Queue *q, const char *uuid) {
        for (size_t i = 0; i < q->n_jobs; i++) {
                const JobInfo *info = job_info(q->jobs[i]);

                if (info->is_ksm || info->request.type == JOB_FORMAT ||
                    !job_wants_esp(q->jobs[i], uuid))
                        continue;
                if (info->status.state != JOB_QUEUED || !strv_isempty(info->request.esps))
                        return q->jobs[i];
        }
        return NULL;
}

int queue_check_idle(const Queue *q, const char *uuid, Error *error) {
        const Job *job = find_job_of(q, uuid);

        if (!job)
                return 0;
        return error_set(error, ERROR_BUSY,
                         "Job %" PRIu64 " (%s) works on ESP '%s'; try again when it is done, or "
                         "stop it with 'bootctl-pve cancel %" PRIu64 "'",
                         job_info(job)->id, job_type_to_string(job_info(job)->request.type), uuid,
                         job_info(job)->id);
}

/* One beside the queue begins before anybody is told of it, so that it can fail to. */
static int add_job(Queue *q, const JobRequest *request, Job **ret, Error *error) {
        _cleanup_(job_freep) Job *job = NULL;
        const JobKind *kind = &q->kinds[request->type];
        int r = -ENOMEM;

        if (ARRAY_RESERVE(q->jobs, q->n_allocated, q->n_jobs + 1))
                r = job_new(q->last_id + 1, request, &job);
        if (r >= 0 && kind->beside)
                r = kind->start(job, error, q->kinds_userdata);
        if (r < 0)
                return error_is_set(error) ? r : error_set_errno(error, r, "Cannot queue the job");
        if (kind->beside)
                job_set_state(job, JOB_RUNNING);
        q->last_id++;
        *ret = q->jobs[q->n_jobs++] = TAKE_PTR(job);
        return 0;
}

int queue_submit(Queue *q, const JobRequest *request, Job **ret, Error *error) {
        const JobKind *kind = &q->kinds[request->type];
        Job *job;
        int r = 0;

        if (kind->check)
                r = kind->check(request, error, q->kinds_userdata);
        if (r < 0)
                return r;
        job = find_joinable(q, request);
        if (job) {
                r = job_join(job, request);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot join the waiting job");
                queue_job_changed(q, job);
        } else {
                r = queue_check_room(q, request, error);
                if (r >= 0)
                        r = add_job(q, request, &job, error);
                if (r < 0)
                        return r;
                set_waits(q);
                q->listener->added(job, q->userdata);
                job_told(job);
                run_next(q);
        }
        if (ret)
                *ret = job;
        return 0;
}

/* One at which nobody works. */
static void cancel_now(Queue *q, Job *job) {
        _cleanup_error_ Error error = {};

        (void) error_set(&error, ERROR_CANCELED,
                         job == q->running ? "The job was canceled"
                                           : "The job was canceled before it began");
        job_end(job, JOB_RESULT_CANCELED, &error);
        queue_end(q, job);
}

void queue_cancel(Queue *q, Job *job) {
        bool works = job == q->running ? !q->again_patience.timer : kind_of(q, job)->beside;

        if (!works) {
                cancel_now(q, job);
                return;
        }
        job_set_state(job, JOB_CANCELING);
        queue_job_changed(q, job);
        kind_of(q, job)->cancel(job, q->kinds_userdata);
}
