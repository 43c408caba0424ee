/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a job-starting call to its end. It listens before it calls: a short job is over before the
 * reply is read. Signals that come in during the call stay queued in sd-bus, so that they are
 * looked at only when the job's path is known, and whose it is: only who has sent the reply is
 * believed. It never cancels: half-synced ESPs would be the
 * price of an impatient Ctrl-C. Who means it is told of `cancel`. */

#include "client/job-wait.h"

#include <signal.h>
#include <systemd/sd-event.h>

#include "client/call.h"
#include "client/output.h"
#include "client/progress.h"
#include "client/properties.h"
#include "common/names.h"
#include "common/string-util.h"

typedef struct JobView {
        char *message;
        uint32_t percent;
} JobView;

static const Property job_properties[] = {
        { "Message", PROPERTY_STRING, offsetof(JobView, message) },
        { "Progress", PROPERTY_U32, offsetof(JobView, percent) },
};

typedef struct JobWait {
        Connection *connection;
        sd_event *event;
        sd_bus_slot *removed, *changed, *owner_changed, *disconnected;
        const Method *method;
        const char *path, *owner; /* the job, and the unique name of the daemon that has it */
        JobView view;
        JobResult result;
        bool finished, interrupted, abandoned;
} JobWait;

void job_result_done(JobResult *j) {
        free(j->result);
        free(j->error);
        free(j->message);
        *j = (JobResult){};
}

static void job_wait_done(JobWait *w) {
        (void) sd_bus_detach_event(w->connection->bus);
        sd_bus_slot_unref(w->removed);
        sd_bus_slot_unref(w->changed);
        sd_bus_slot_unref(w->owner_changed);
        sd_bus_slot_unref(w->disconnected);
        sd_event_unref(w->event);
        properties_done(job_properties, ELEMENTSOF(job_properties), &w->view);
        job_result_done(&w->result);
}

ExitStatus job_result_status(const JobResult *j) {
        if (!j->ran || streq_ptr(j->result, "done"))
                return STATUS_DONE;
        return streq_ptr(j->result, "partial") ? STATUS_PARTIAL : STATUS_FAILED;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *type, *result, *error_name, *message;
        JobWait *w = userdata;
        uint64_t id;
        int r;

        if (!connection_is_from(w->connection, m, w->owner))
                return 0;
        r = sd_bus_message_read(m, "tossss", &id, &path, &type, &result, &error_name, &message);
        if (r < 0)
                return r;
        if (!streq_ptr(path, w->path))
                return 0;
        w->result = (JobResult){
                .ran = true,
                .result = must(strdup(result)),
                .error = must(strdup(error_name)),
                .message = must(strdup(message)),
        };
        w->finished = true;
        return 0;
}

static int on_job_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobWait *w = userdata;

        if (!connection_is_from(w->connection, m, w->owner) ||
            !streq_ptr(sd_bus_message_get_path(m), w->path) || sd_bus_message_skip(m, "s") < 0)
                return 0;
        /* A bar that cannot be drawn is no reason to leave the job. */
        (void) properties_read(m, job_properties, ELEMENTSOF(job_properties), &w->view);
        progress_draw(w->view.percent, w->view.message);
        return 0;
}

/* A daemon that is restarted knows nothing of our job any more. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *old_owner, *new_owner;
        JobWait *w = userdata;
        int r;

        if (!streq_ptr(sd_bus_message_get_sender(m), BUS_DRIVER))
                return 0;
        r = sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner);
        if (r < 0)
                return r;
        /* Without an old owner it has just been started, for us. */
        if (streq(name, BUS_NAME) && streq_ptr(old_owner, w->owner))
                w->finished = w->abandoned = true;
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobWait *w = userdata;

        w->finished = true;
        return 0;
}

static int on_interrupt(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        JobWait *w = userdata;

        w->finished = w->interrupted = true;
        return 0;
}

static int subscribe(JobWait *w) {
        Connection *c = w->connection;
        int r;

        r = sd_bus_match_signal(c->bus, &w->removed, c->destination, BUS_PATH, BUS_IFACE_MANAGER,
                                "JobRemoved", on_job_removed, w);
        if (r < 0)
                return r;
        r = sd_bus_add_match(c->bus, &w->changed,
                             "type='signal',interface='org.freedesktop.DBus.Properties',"
                             "member='PropertiesChanged',path_namespace='" BUS_PATH_JOB "',"
                             "arg0='" BUS_IFACE_JOB "'",
                             on_job_changed, w);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(c->bus, &w->disconnected, NULL, "/org/freedesktop/DBus/Local",
                                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, w);
        if (r < 0 || !c->destination)
                return r;
        return sd_bus_add_match(c->bus, &w->owner_changed,
                                "type='signal',sender='" BUS_DRIVER "',interface='" BUS_DRIVER "',"
                                "member='NameOwnerChanged',arg0='" BUS_NAME "'",
                                on_owner_changed, w);
}

/* Not sd_event_loop(): its end closes the bus, which is still needed. */
static int loop(JobWait *w) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *source = NULL;
        int r;

        r = sd_event_new(&w->event);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(w->connection->bus, w->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_event_add_signal(w->event, &source, SIGINT, on_interrupt, w);
        if (r < 0)
                return r;
        progress_draw(0, NULL);
        while (r >= 0 && !w->finished)
                r = sd_event_run(w->event, UINT64_MAX);
        progress_clear();
        return r;
}

static const char *how_to_look(const JobWait *w) {
        return streq(w->method->interface, BUS_IFACE_KSM) ? "ksm status" : "status";
}

/* Nobody else reaches the job of a private daemon. Never NULL. */
static char *how_to_stop(const JobWait *w) {
        _cleanup_free_ char *id = NULL;

        if (connection_is_private(w->connection) ||
            sd_bus_path_decode(w->path, BUS_PATH_JOB, &id) <= 0)
                return must(strdup(""));
        return must(strprintf(", and 'bootctl-pve cancel %s' stops it", id));
}

/* End as any interrupted program does, so that a shell's loop stops too. */
_Noreturn static void end_by_interrupt(const JobWait *w) {
        _cleanup_free_ char *stop = how_to_stop(w);
        sigset_t interrupt;

        (void) fail(STATUS_FAILED,
                    "The job goes on without you; 'bootctl-pve %s' tells how it ended%s.",
                    how_to_look(w), stop);
        (void) fflush(stdout);
        (void) signal(SIGINT, SIG_DFL);
        (void) sigemptyset(&interrupt);
        (void) sigaddset(&interrupt, SIGINT);
        (void) raise(SIGINT);
        (void) sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
        _exit(128 + SIGINT);
}

static ExitStatus wait_for_end(JobWait *w) {
        sigset_t interrupt, before;
        int r;

        (void) sigemptyset(&interrupt);
        (void) sigaddset(&interrupt, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &interrupt, &before);
        r = loop(w);
        if (w->interrupted && !w->result.ran)
                end_by_interrupt(w);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return call_bad_reply(r);
        if (!w->result.ran && w->abandoned)
                return fail(STATUS_FAILED,
                            "bootsyncd ended before its job did; 'bootctl-pve %s' tells how far it "
                            "came, and 'journalctl -u bootsyncd' may tell why.",
                            how_to_look(w));
        if (!w->result.ran)
                return call_failed(w->connection, NULL, -ENOTCONN);
        return STATUS_DONE;
}

/* As if a job had failed for that reason. */
static void take_refusal(const sd_bus_error *refusal, JobResult *ret) {
        *ret = (JobResult){
                .ran = true,
                .result = must(strdup("failed")),
                .error = must(strdup(refusal->name)),
                .message = must(strdup(strempty(refusal->message))),
        };
}

ExitStatus job_run(Connection *c, const Method *method, char *const *strings,
                   const CallOptions *options, JobResult *ret) {
        _cleanup_(job_wait_done) JobWait w = { .connection = c, .method = method };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error refusal = SD_BUS_ERROR_NULL;
        ExitStatus status;
        int r;

        r = subscribe(&w);
        if (r < 0)
                return call_failed(c, NULL, r);
        status = call_new(c, CALL_CHANGE, method, strings, options, &call);
        if (status != STATUS_DONE)
                return status;
        status = call_send(c, CALL_CHANGE, call,
                           options && options->refusal_is_result ? &refusal : NULL, &reply);
        if (sd_bus_error_is_set(&refusal)) {
                take_refusal(&refusal, ret);
                return STATUS_DONE;
        }
        if (status != STATUS_DONE)
                return status;
        w.owner = sd_bus_message_get_sender(reply);
        r = sd_bus_message_read(reply, "o", &w.path);
        if (r < 0)
                return call_bad_reply(r);
        if (!streq(w.path, "/")) {
                status = wait_for_end(&w);
                if (status != STATUS_DONE)
                        return status;
        }
        *ret = TAKE_STRUCT(w.result);
        return STATUS_DONE;
}
