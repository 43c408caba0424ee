/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker as the daemon sees it: a pidfd, a socket, and one timer.
 *
 * The daemon never waits for a worker, because a process in D state would take the daemon with it.
 * It watches the pidfd; silence is answered by the table in task-state, step by step, until the
 * worker is declared stuck and left alone. Why a worker ended is told by its last report; if there
 * was none, by how it died. A worker that says what its plan cannot lead to is heard no more, and
 * ended by the same table. */

#include "engine/work/task.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/wire/plan-wire.h"
#include "core/wire/report.h"
#include "sys/lock.h"
#include "sys/process.h"

#define REPORTS_AT_ONCE 8

struct Task {
        const WorkerConfig *config;
        const TaskListener *listener;
        void *userdata;
        char *esp_uuid; /* for the journal; NULL: not about an ESP */
        char *subject;  /* as a part of a sentence */
        TaskState state;
        int pidfd, socket;
        sd_event_source *exit_source, *report_source, *deadline_source;
        ReportQuota quota;
        bool done;     /* the worker reported "done" */
        bool stopping; /* it was told to stop: no report gives it more time */
        Error error;
};

Task *task_free(Task *task) {
        if (!task)
                return NULL;

        /* None of these sources owns the process: nothing blocks here. */
        sd_event_source_disable_unref(task->deadline_source);
        sd_event_source_disable_unref(task->report_source);
        sd_event_source_disable_unref(task->exit_source);
        safe_close(task->socket);
        safe_close(task->pidfd);
        error_done(&task->error);
        free(task->subject);
        free(task->esp_uuid);
        return mfree(task);
}

void task_set_listener(Task *task, const TaskListener *listener, void *userdata) {
        task->listener = listener;
        task->userdata = userdata;
}

static void arm_deadline(Task *task) {
        uint64_t usec = task_state_deadline_usec(task->state);

        if (usec == UINT64_MAX) {
                (void) sd_event_source_set_enabled(task->deadline_source, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time_relative(task->deadline_source,
                                                 usec / 100 * task->config->deadline_percent);
        (void) sd_event_source_set_enabled(task->deadline_source, SD_EVENT_ONESHOT);
}

static void send_signal(Task *task, int signal) {
        if (task->config->no_kill)
                return;
        (void) pidfd_send_signal(task->pidfd, signal, NULL, 0);
}

/* Act on the state that is entered; the order of the states is core's business. */
static void enter(Task *task, TaskEvent event) {
        TaskState old = task->state;

        task->state = task_state_next(old, event);
        /* Only who works as it should gets more time by a report. */
        if (task->state != old || task->state == TASK_RUNNING)
                arm_deadline(task);
        if (task->state == old)
                return;

        switch (task->state) {
        case TASK_WARNED:
                log_event(LOG_WARNING, NULL, FIELD_ESP_UUID, task->esp_uuid, NULL,
                          "There is no answer from %s for a while; still waiting.", task->subject);
                break;
        case TASK_TERMINATING:
                (void) error_set(&task->error, ERROR_TIMEOUT,
                                 "There was no answer from %s in time; check the disk",
                                 task->subject);
                send_signal(task, SIGTERM);
                break;
        case TASK_KILLING:
                send_signal(task, SIGKILL);
                break;
        case TASK_STUCK:
                log_event(LOG_ERR, MSG_ESP_STUCK, FIELD_ESP_UUID, task->esp_uuid, NULL,
                          "There is no answer from %s and its worker cannot be ended; leaving it "
                          "aside until it does.",
                          task->subject);
                task->listener->on_stuck(task, &task->error, task->userdata);
                break;
        case TASK_RUNNING:
        case TASK_WAITING:
        case TASK_EXITED:
                break;
        case _TASK_STATE_MAX:
        case _TASK_STATE_INVALID:
                assert(false);
        }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        enter(userdata, TASK_EVENT_DEADLINE);
        return 0;
}

static void handle_report(Task *task, Report *report) {
        log_debug("%s: %s %" PRIu64 " %s", task->subject, report_type_to_string(report->type),
                  report->type == REPORT_PROGRESS ? report->bytes : report->index,
                  strempty(report->file.path));

        if (!task->stopping)
                enter(task,
                      report->type == REPORT_WAITING ? TASK_EVENT_WAITING : TASK_EVENT_REPORT);
        if (report->type == REPORT_DONE)
                task->done = true;
        else if (report->type == REPORT_FAILED && !error_is_set(&task->error))
                error_move(&task->error, &report->error);
        task->listener->on_report(task, report, task->userdata);
}

static int refuse_report(Task *task) {
        return error_set(&task->error, ERROR_FAILED,
                         "The worker of %s said something that is no report; is it from another "
                         "version of bootsync?",
                         task->subject);
}

static int take_report(Task *task, const char *text, size_t size) {
        _cleanup_(report_done) Report report = {};
        uint64_t now;
        int r;

        r = report_parse(text, size, &report);
        if (r < 0)
                return refuse_report(task);
        r = sd_event_now(sd_event_source_get_event(task->report_source), CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (!report_quota_take(&task->quota, &report, now))
                return error_set(&task->error, ERROR_FAILED,
                                 "The worker of %s reported more than its work can lead to, and is "
                                 "ended; please report this error",
                                 task->subject);
        handle_report(task, &report);
        return 1;
}

/* A worker that has ended without having read all that it was told is told of by the kernel, with
 * ECONNRESET, before what it said; which is still there. */
static ssize_t receive(const Task *task, void *buffer, size_t size, int flags) {
        ssize_t n = recv(task->socket, buffer, size, flags | MSG_DONTWAIT);

        return n < 0 && errno == ECONNRESET ? recv(task->socket, buffer, size, flags | MSG_DONTWAIT)
                                            : n;
}

/* Take in what is on the socket. 1: a report was handled, 0: nothing there, -EPIPE: it is closed,
 * else -errno: what is there cannot be taken. */
static int receive_one(Task *task) {
        _cleanup_free_ char *text = NULL;
        ssize_t n;

        n = receive(task, NULL, 0, MSG_PEEK | MSG_TRUNC);
        if (n < 0)
                return errno == EAGAIN ? 0 : -EPIPE;
        if (n == 0)
                return -EPIPE;
        if (n > REPORT_SIZE_MAX)
                return refuse_report(task);
        text = malloc((size_t) n);
        if (!text)
                return -ENOMEM;
        n = receive(task, text, (size_t) n, 0);
        return n <= 0 ? -EPIPE : take_report(task, text, (size_t) n);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Task *task = userdata;
        int r = 1;

        /* A few at a time keep the bus answering while several workers talk. With one at a time the
         * kernel would look at the sockets of all workers for each report of any. */
        for (unsigned i = 0; i < REPORTS_AT_ONCE && r > 0; i++)
                r = receive_one(task);
        if (r >= 0)
                return 0;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (r == -EPIPE)
                return 0;
        (void) error_set_errno(&task->error, r, "Cannot hear the worker of %s", task->subject);
        /* So that it does not wait for us before it ends. */
        (void) shutdown(task->socket, SHUT_RDWR);
        enter(task, TASK_EVENT_BABBLE);
        return 0;
}

static void explain_exit(Task *task, const siginfo_t *si) {
        if (si->si_code != CLD_EXITED)
                (void) error_set(&task->error, ERROR_FAILED,
                                 "The worker of %s was ended by signal %s; what it had not put in "
                                 "place is as it was, and the next refresh repairs the rest",
                                 task->subject, strsignal(si->si_status));
        else if (process_exec_errno(si->si_status) > 0)
                (void) error_set(&task->error, ERROR_FAILED,
                                 "The worker of %s cannot be started: %s; see that the file of "
                                 "bootsync-worker is whole and executable, then restart bootsyncd",
                                 task->subject, strerror(process_exec_errno(si->si_status)));
        else if (!task->done || si->si_status != 0)
                (void) error_set(&task->error, ERROR_FAILED,
                                 "The worker of %s ended with status %d without saying why; see "
                                 "the journal",
                                 task->subject, si->si_status);
}

static int on_exit_event(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Task *task = userdata;
        siginfo_t si = {};

        if (waitid(P_PIDFD, (id_t) task->pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid == 0)
                return 0;

        /* Its last words are still in the socket. */
        while (receive_one(task) > 0)
                ;
        explain_exit(task, &si);
        task->state = task_state_next(task->state, TASK_EVENT_EXIT);
        (void) sd_event_source_set_enabled(task->deadline_source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(task->report_source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(task->exit_source, SD_EVENT_OFF);
        task->listener->on_exit(task, &task->error, task->userdata);
        return 0;
}

static int spawn(Task *task, const Plan *plan, int lock_fd) {
        /* libefivar looks for the firmware's variables before the worker's main() begins. Those of
         * the host it finds by itself; of another root it must have its own, never the host's. */
        const bool host = root_is_host(task->config->root);
        const char *path = root_path(task->config->root);
        _cleanup_free_ char *variables =
                        host ? NULL : strprintf("EFIVARFS_PATH=%s/" PATH_EFI_VARIABLES "/", path);
        char *environment[] = { variables, host ? NULL : (char *) "LIBEFIVAR_OPS=efivarfs", NULL };
        _cleanup_free_ char *root = strprintf("--root=%s", path);
        _cleanup_free_ char *hook =
                        task->config->hook ? strprintf("--hook=%s", task->config->hook) : NULL;
        _cleanup_close_ int plan_fd = -EBADF, theirs = -EBADF;
        _cleanup_free_ char *text = NULL;
        char *argv[] = { (char *) "bootsync-worker", root, hook, NULL };
        int pair[2], r;
        size_t size;
        pid_t pid;

        if (!root || (task->config->hook && !hook) || (!host && !variables))
                return -ENOMEM;
        r = plan_format(plan, &text, &size);
        if (r < 0)
                return r;
        plan_fd = process_sealed_memfd("bootsync-plan", text, size);
        if (plan_fd < 0)
                return plan_fd;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        task->socket = pair[0];
        theirs = pair[1];

        r = process_spawn(
                        &(ProcessStart){
                                        .exec_fd = task->config->exec_fd,
                                        .argv = argv,
                                        .extra = environment,
                                        .fds = (int[]){ plan_fd, theirs, lock_fd },
                                        .n_fds = 3,
                        },
                        &pid, &task->pidfd);
        if (r < 0)
                return r;
        (void) lock_set_holder(lock_fd, pid);
        return 0;
}

static int watch(Task *task) {
        sd_event *event = task->config->event;
        int r;

        /* Plain IO on the pidfd: a child source that owns the process would kill it and block. */
        r = sd_event_add_io(event, &task->exit_source, task->pidfd, EPOLLIN, on_exit_event, task);
        if (r < 0)
                return r;
        /* Before any call from the bus that came after it: who saw the worker go expects us to
         * know. */
        r = sd_event_source_set_priority(task->exit_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &task->report_source, task->socket, EPOLLIN, on_socket, task);
        if (r < 0)
                return r;
        return sd_event_add_time_relative(event, &task->deadline_source, CLOCK_MONOTONIC, 0, 0,
                                          on_deadline, task);
}

int task_start(const WorkerConfig *config, const Plan *plan, int lock_fd,
               const TaskListener *listener, void *userdata, Task **ret) {
        _cleanup_(task_freep) Task *task = NULL;
        int r;

        assert(config);
        assert(plan);
        assert(listener);

        task = malloc(sizeof(*task));
        if (!task)
                return -ENOMEM;
        *task = (Task){
                .config = config,
                .listener = listener,
                .userdata = userdata,
                .pidfd = -EBADF,
                .socket = -EBADF,
                .state = TASK_RUNNING,
                .esp_uuid = plan->esp_uuid ? strdup(plan->esp_uuid) : NULL,
        };
        if (plan->esp_uuid && !task->esp_uuid)
                return -ENOMEM;

        report_quota_init(&task->quota, plan);
        r = plan_subject(plan, &task->subject);
        if (r >= 0)
                r = spawn(task, plan, lock_fd);
        if (r >= 0)
                r = watch(task);
        if (r < 0) {
                (void) pidfd_send_signal(task->pidfd, SIGTERM, NULL, 0);
                return r;
        }
        arm_deadline(task);
        *ret = TAKE_PTR(task);
        return 0;
}

static void tell(Task *task, const char *message) {
        /* A worker that is gone says so by its pidfd. */
        (void) send(task->socket, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void task_commit(Task *task) {
        enter(task, TASK_EVENT_COMMIT);
        tell(task, WORKER_MESSAGE_COMMIT);
}

void task_stop(Task *task) {
        if (!task->stopping)
                enter(task, TASK_EVENT_STOP);
        task->stopping = true;
        tell(task, WORKER_MESSAGE_STOP);
}
