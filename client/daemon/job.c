/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a job-starting call to its end. It listens before it calls: a short job is over before the
 * reply is read. Signals that come in during the call stay queued in sd-bus, so that they are
 * looked at only when the job's path is known, and whose it is: only who has sent the reply is
 * believed. It never cancels: half-synced ESPs would be the price of an impatient Ctrl-C. `cancel`
 * is for those who mean it. */

#include "client/daemon/job.h"

#include <inttypes.h>
#include <signal.h>
#include <systemd/sd-event.h>

#include "client/daemon/objects.h"
#include "client/daemon/progress.h"
#include "common/names.h"
#include "common/string-util.h"

/* Nobody can read the line of a job that is over in a moment. In a log it is worth it for one that
 * takes long. */
#define ASK_USEC        (250 * UINT64_C(1000))
#define FIRST_LINE_USEC (3 * UINT64_C(1000000))
#define NEXT_LINE_USEC  (5 * UINT64_C(1000000))

typedef struct JobWait {
        Connection *connection;
        sd_event *event;
        sd_event_source *timer; /* of the next line */
        sd_bus_slot *removed, *changed, *owner_changed, *disconnected, *asked;
        const Method *method;
        const char *path, *owner; /* the job, and the unique name of the daemon that has it */
        JobInfo view;             /* without an id: not known yet */
        char *printed;            /* the last line */
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
        sd_bus_slot_unref(w->asked);
        sd_event_source_disable_unref(w->timer);
        sd_event_unref(w->event);
        job_info_done(&w->view);
        free(w->printed);
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

static void draw(const JobWait *w) {
        _cleanup_free_ char *line = NULL;

        if (w->view.id == 0 || w->connection->quiet)
                return;
        line = progress_line(&w->view);
        (void) progress_draw(line);
}

static int on_job_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobWait *w = userdata;

        if (!connection_is_from(w->connection, m, w->owner) ||
            !streq_ptr(sd_bus_message_get_path(m), w->path) || sd_bus_message_skip(m, "s") < 0)
                return 0;
        /* A line that cannot be drawn is no reason to leave the job. */
        (void) job_info_read(m, &w->view);
        draw(w);
        return 0;
}

/* One that has ended is not there any more. */
static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobWait *w = userdata;

        if (sd_bus_message_is_method_error(m, NULL) ||
            !connection_is_from(w->connection, m, w->owner))
                return 0;
        (void) job_info_read(m, &w->view);
        draw(w);
        return 0;
}

/* How the job is already; from now on it is drawn. */
static int ask(JobWait *w) {
        return sd_bus_call_method_async(w->connection->bus, &w->asked, w->connection->destination,
                                        w->path, "org.freedesktop.DBus.Properties", "GetAll",
                                        on_asked, w, "s", BUS_IFACE_JOB);
}

/* The same line twice is no news. */
static void print_line(JobWait *w) {
        _cleanup_free_ char *line = NULL;

        if (w->view.id == 0)
                return;
        line = progress_line(&w->view);
        if (progress_draw(line) || streq_ptr(line, w->printed))
                return;
        progress_print(line);
        free(w->printed);
        w->printed = TAKE_PTR(line);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        JobWait *w = userdata;
        bool asked = w->asked;
        int r = 0;

        if (asked)
                print_line(w);
        else
                r = ask(w);
        if (r >= 0)
                r = sd_event_source_set_time_relative(source, asked ? NEXT_LINE_USEC
                                                                    : FIRST_LINE_USEC - ASK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* A daemon that is restarted knows nothing of our job any more. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *old_owner, *new_owner;
        JobWait *w = userdata;
        int r;

        r = connection_read_owner(m, &old_owner, &new_owner);
        /* Without an old owner it has just been started, for us. */
        if (r > 0 && streq_ptr(old_owner, w->owner))
                w->finished = w->abandoned = true;
        return MIN(r, 0);
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
        return connection_match_owner(c, &w->owner_changed, on_owner_changed, w);
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
        if (r >= 0 && !w->connection->quiet)
                r = sd_event_add_time_relative(w->event, &w->timer, CLOCK_MONOTONIC, ASK_USEC, 0,
                                               on_timer, w);
        while (r >= 0 && !w->finished)
                r = sd_event_run(w->event, UINT64_MAX);
        if (!w->connection->quiet)
                progress_clear();
        return r;
}

/* Never NULL. */
static char *how_to_look(const JobWait *w) {
        _cleanup_free_ char *command = connection_command(w->connection);

        return must(strprintf("%s %s", command,
                              streq(w->method->interface, BUS_IFACE_KSM) ? "ksm status"
                                                                         : "status"));
}

/* A private daemon, too, leaves only when its job has ended, but nobody else reaches it. Another
 * one on its root waits for the lock. Never NULL. */
static char *how_it_goes_on(const JobWait *w) {
        _cleanup_free_ char *command = connection_command(w->connection), *id = NULL;
        _cleanup_free_ char *look = how_to_look(w);

        if (connection_is_private(w->connection))
                return must(strprintf("The job goes on without you, and can be stopped by nobody; "
                                      "'%s' waits a minute for its end, and tells how it ended.",
                                      look));
        if (sd_bus_path_decode(w->path, BUS_PATH_JOB, &id) <= 0)
                return must(strprintf("The job goes on without you; '%s' tells how it ended.",
                                      look));
        return must(strprintf(
                        "The job goes on without you; '%s' tells how it ended, and '%s cancel "
                        "%s' stops it.",
                        look, command, id));
}

/* End as any interrupted program does, so that a shell's loop stops too. */
_Noreturn static void end_by_interrupt(const JobWait *w) {
        _cleanup_free_ char *advice = how_it_goes_on(w);
        sigset_t interrupt;

        (void) fail(STATUS_FAILED, "%s", advice);
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
                return connection_bad_reply(r);
        if (!w->result.ran && w->abandoned) {
                _cleanup_free_ char *look = how_to_look(w);

                return fail(STATUS_FAILED,
                            "bootsyncd ended before its job did; '%s' tells how far it came, and "
                            "'journalctl -u bootsyncd' may tell why.",
                            look);
        }
        if (!w->result.ran)
                return connection_failed(w->connection, NULL, -ENOTCONN);
        return STATUS_DONE;
}

/* As if a job had failed for that reason. */
static void take_refusal(const sd_bus_error *refusal, JobResult *ret) {
        *ret = (JobResult){
                .ran = true,
                .refused = true,
                .result = must(strdup("failed")),
                .error = must(strdup(refusal->name)),
                .message = must(strdup(strempty(refusal->message))),
        };
}

/* The job that nobody waits for, by its number. */
static ExitStatus take_started(const char *path, JobResult *ret) {
        _cleanup_free_ char *id = NULL;
        JobResult result = {};
        int r;

        r = sd_bus_path_decode(path, BUS_PATH_JOB, &id);
        if (r >= 0)
                r = r > 0 ? parse_u64(id, &result.started) : -EBADMSG;
        if (r < 0)
                return connection_bad_reply(r);
        *ret = result;
        return STATUS_DONE;
}

ExitStatus job_run(Connection *c, const Method *method, char *const *strings,
                   const CallOptions *options, JobResult *ret) {
        _cleanup_(job_wait_done) JobWait w = { .connection = c, .method = method };
        _cleanup_(sd_bus_error_free) sd_bus_error refusal = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        CallOptions with_refusal = options ? *options : (CallOptions){};
        ExitStatus status;
        int r;

        if (options && options->no_block && connection_is_private(c))
                return fail(STATUS_FAILED, "There is no bootsyncd on the system bus that could go "
                                           "on by itself; wait for the job, without --no-block.");
        r = subscribe(&w);
        if (r < 0)
                return connection_failed(c, NULL, r);
        with_refusal.refusal = with_refusal.refusal_is_result ? &refusal : NULL;
        status = call_method(c, CALL_CHANGE, method, strings, &with_refusal, &reply);
        if (sd_bus_error_is_set(&refusal)) {
                take_refusal(&refusal, ret);
                return STATUS_DONE;
        }
        if (status != STATUS_DONE)
                return status;
        w.owner = sd_bus_message_get_sender(reply);
        r = sd_bus_message_read(reply, "o", &w.path);
        if (r < 0)
                return connection_bad_reply(r);
        if (!streq(w.path, "/") && options && options->no_block)
                return take_started(w.path, ret);
        if (!streq(w.path, "/")) {
                status = wait_for_end(&w);
                if (status != STATUS_DONE)
                        return status;
        }
        *ret = TAKE_STRUCT(w.result);
        return STATUS_DONE;
}

ExitStatus job_first_look(Connection *c, bool keys) {
        const CallOptions options = { .keys = keys };
        _cleanup_job_result_ JobResult result = {};

        if (!connection_is_private(c))
                return STATUS_DONE;
        return job_run(c, METHOD_MANAGER("ProbePartitions"), NULL, &options, &result);
}

ExitStatus job_look(Connection *c) {
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        /* The job is about the ESPs, too; that one of them cannot be looked at does not matter. */
        status = job_run(c, METHOD_MANAGER("ProbePartitions"), NULL, NULL, &result);
        if (status != STATUS_NOT_AUTHORISED)
                return status;
        (void) fail(status, "Going by what bootsyncd remembers of its last look.");
        return STATUS_DONE;
}
