/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A waiter is a message that is still owed a reply, and the number of the job that it waits for.
 * Jobs know nothing of it: they end in their own time, whether or not somebody waits, so a caller
 * who goes away takes only the waiter along. */

#include "bus/bus-waiter.h"

#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/caller.h"
#include "common/log.h"

struct BusWaiter {
        BusWaiter *next;
        Bus *bus;
        sd_bus_message *message;
        uint64_t job_id;
        BusWaiterReply reply;
};

static BusWaiter *waiter_free(BusWaiter *w) {
        if (!w)
                return NULL;
        caller_leave_place(w->bus, w->message, CALLER_WAITS_FOR_JOB);
        sd_bus_message_unref(w->message);
        return mfree(w);
}
DEFINE_CLEANUP(BusWaiter *, waiter_free)

static void forget_sender(Bus *b, const char *sender) {
        BusWaiter **i = &b->waiters;

        while (*i) {
                BusWaiter *w = *i;

                if (!message_is_of(w->message, sender)) {
                        i = &w->next;
                        continue;
                }
                *i = w->next;
                waiter_free(w);
        }
}

int bus_wait_for_job(Bus *b, sd_bus_message *m, const Job *job, BusWaiterReply reply) {
        BusWaiter *w;

        assert(b);
        assert(m);
        assert(job);

        w = malloc(sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (BusWaiter){
                .next = b->waiters,
                .bus = b,
                .message = sd_bus_message_ref(m),
                .job_id = job_info(job)->id,
                .reply = reply,
        };
        caller_take_place(b, m, CALLER_WAITS_FOR_JOB);
        b->waiters = w;
        return 1;
}

int bus_reply_job_error(sd_bus_message *m, const Job *job) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const Error *reason = &job_info(job)->status.error;

        if (error_is_set(reason))
                (void) bus_error(&error, error_code_to_errno(reason->code), reason);
        else if (job_info(job)->status.result == JOB_RESULT_CANCELED)
                (void) bus_errorf(&error, ERROR_CANCELED, "The job was canceled.");
        else
                (void) bus_errorf(&error, ERROR_FAILED, "The job failed.");
        return sd_bus_reply_method_error(m, &error);
}

static int reply_path(sd_bus_message *m, const Job *job) {
        _cleanup_free_ char *path = NULL;

        path = job ? bus_job_path(job) : strdup("/");
        if (!path)
                return -ENOMEM;
        return sd_bus_reply_method_return(m, "o", path);
}

static int reply_ended(Bus *b, sd_bus_message *m, Job *job) {
        if (job_info(job)->status.result != JOB_RESULT_DONE)
                return bus_reply_job_error(m, job);
        return reply_path(m, job);
}

int bus_reply_job(Bus *b, sd_bus_message *m, Job *job, bool wait) {
        if (job && wait)
                return bus_wait_for_job(b, m, job, reply_ended);
        return reply_path(m, job);
}

static void reply_to_all(Bus *b, Job *job) {
        BusWaiter **i = &b->waiters;

        while (*i) {
                _cleanup_(waiter_freep) BusWaiter *w = NULL;
                int r;

                if ((*i)->job_id != job_info(job)->id) {
                        i = &(*i)->next;
                        continue;
                }
                w = *i;
                *i = w->next;
                r = w->reply(b, w->message, job);
                if (r < 0)
                        log_debug("Cannot reply to a caller who waits for job %llu: %s",
                                  (unsigned long long) w->job_id, strerror(-r));
        }
}

static void forget_all(Bus *b) {
        while (b->waiters) {
                BusWaiter *next = b->waiters->next;

                waiter_free(b->waiters);
                b->waiters = next;
        }
}

const BusPart bus_waiters = {
        .job_removed = reply_to_all,
        .sender_left = forget_sender,
        .all_left = forget_all,
};
