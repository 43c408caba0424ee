/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bootsyncd: puts the process in order, connects the floors and runs the event loop. It holds no
 * state and takes no decision. A daemon that has nothing to do never wakes up, but for the
 * watchdog. */

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "bus/bus.h"
#include "common/fd.h"
#include "common/log.h"
#include "engine/manager.h"
#include "options.h"
#include "sys/root.h"

#define EXIT_USAGE 2

/* A worker that reads ends after its step, once nobody listens to it any more. */
#define WORKERS_PATIENCE_MSEC 3000
#define WORKERS_POLL_MSEC     10

static bool is_private(const Options *o) {
        return o->peer_fd >= 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
                        void *userdata) {
        (void) sd_notify(false, "STOPPING=1\nSTATUS=Finishing the sync.");
        manager_stop(userdata);
        return 0;
}

static void prepare_process(const Options *o) {
        log_setup("bootsyncd", o->debug ? LOG_DEBUG : is_private(o) ? LOG_WARNING : LOG_INFO);
        (void) umask(0077);

        /* glibc raises this threshold whenever a large block is freed, and would then keep the
         * megabytes that the package database took while it was read. Setting it stops that. */
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);

        /* libefivar obeys these; they are for tests of its own and no business of a daemon. */
        (void) unsetenv("EFIVARFS_PATH");
        (void) unsetenv("LIBEFIVAR_OPS");

        /* A reader of stderr that went away must not end a sync, nor must a closed terminal. */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);

        if (is_private(o)) {
                /* The one who presses Ctrl-C ends the client, not the sync. Nobody's service
                 * manager waits for news from here. */
                (void) signal(SIGINT, SIG_IGN);
                (void) setsid();
                (void) unsetenv("NOTIFY_SOCKET");
                (void) unsetenv("WATCHDOG_USEC");
        }
}

static int watch_signals(sd_event *event, const Options *o, Manager *m) {
        int r;

        r = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_terminate, m);
        if (r < 0 || is_private(o))
                return r;
        return sd_event_add_signal(event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_terminate, m);
}

/* The files are opened before anything is started, so that the worker cannot be replaced by another
 * version while the daemon runs. */
static int open_files(const Options *o, Root **ret_root, int *ret_worker_fd) {
        _cleanup_(root_freep) Root *root = NULL;
        int fd, r;

        r = root_open(o->root, &root);
        if (r < 0) {
                log_error("Cannot open the root directory '%s': %s", o->root, strerror(-r));
                return r;
        }
        fd = open(o->worker, O_PATH | O_CLOEXEC);
        if (fd < 0) {
                r = -errno;
                log_error("Cannot open the worker program '%s': %s", o->worker, strerror(-r));
                return r;
        }
        *ret_root = TAKE_PTR(root);
        *ret_worker_fd = fd;
        return 0;
}

static int start_engine(sd_event *event, const Options *o, const Root *root, int worker_fd,
                        Manager **ret) {
        const ManagerOptions options = {
                .root = root,
                .private = is_private(o),
                .worker = {
                        .exec_fd = worker_fd,
                        .root = root,
                        .deadline_percent = o->deadline_percent,
                        .no_kill = o->no_kill,
                        .hook = o->hook,
                },
        };
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        r = manager_new(event, &options, &m);
        if (r >= 0)
                r = watch_signals(event, o, m);
        if (r < 0) {
                log_error("Cannot start: %s", strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(m);
        return 0;
}

/* Returns the exit status of the program, or a negative errno that was logged. */
static int run(const Options *o) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(root_freep) Root *root = NULL;
        _cleanup_close_ int worker_fd = -EBADF;
        _cleanup_(manager_freep) Manager *m = NULL;
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        r = open_files(o, &root, &worker_fd);
        if (r < 0)
                return r;
        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0) {
                log_error("Cannot set up the event loop: %s", strerror(-r));
                return r;
        }
        r = start_engine(event, o, root, worker_fd, &m);
        if (r < 0)
                return r;

        /* The bus comes before the first job, so that it is seen there. */
        r = is_private(o) ? bus_new_peer(event, m, o->peer_fd, &bus)
                          : bus_new_system(event, m, &bus);
        if (r < 0)
                return r;
        r = manager_start(m);
        if (r < 0) {
                log_error("Cannot start: %s", strerror(-r));
                return r;
        }

        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(event);
        if (r < 0)
                log_error("The event loop failed: %s", strerror(-r));
        return r;
}

/* Whoever stops the service wants the ESPs for himself: where a worker still looks at one,
 * mount(8) would fail. One that hangs in the kernel does not hold up a stop; its lock tells the
 * next daemon of it. */
static void wait_for_workers(void) {
        const struct timespec pause = { .tv_nsec = WORKERS_POLL_MSEC * 1000000L };
        unsigned waited = 0;

        for (;;) {
                siginfo_t info = {};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 && errno != EINTR)
                        return; /* none is left */
                if (info.si_pid > 0)
                        continue;
                if (waited >= WORKERS_PATIENCE_MSEC)
                        return;
                (void) nanosleep(&pause, NULL);
                waited += WORKERS_POLL_MSEC;
        }
}

int main(int argc, char *argv[]) {
        _cleanup_(options_done) Options o = {};
        int r;

        r = options_parse(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;

        prepare_process(&o);
        r = run(&o);
        wait_for_workers();
        return r < 0 ? EXIT_FAILURE : r;
}
