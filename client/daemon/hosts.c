/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the ssh processes of a command that several hosts run. Nobody can be asked: ssh runs in
 * batch mode, without a terminal and with nothing to read, and, to be ended with all that it has
 * started, in a process group of its own. A host that hangs or talks without end keeps no other
 * from its turn. How long one may take is for ssh to judge, which gives up who is not there. */

#include "client/daemon/hosts.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "client/terminal/output.h"
#include "common/fd.h"
#include "common/string-util.h"

#define AT_ONCE 8

extern char **environ;

typedef struct Hosts Hosts;
typedef struct Host Host;

/* One of the two on which a host speaks. */
typedef struct Stream {
        Host *host;
        sd_event_source *source; /* NULL: nothing more is to come */
        Buffer text;
} Stream;

struct Host {
        Hosts *hosts;
        HostRun *run;
        pid_t pid; /* 0: not started, or gone */
        sd_event_source *child;
        Stream out, complaints;
};

struct Hosts {
        const char *command;
        bool quiet;
        sd_event *event;
        Host *items;
        size_t n, n_started, n_ended;
        int interrupted; /* by this signal; 0: it was not */
};

static const int interrupts[] = { SIGINT, SIGTERM, SIGHUP };

static void stream_done(Stream *s) {
        sd_event_source_disable_unref(s->source);
        buffer_done(&s->text);
}

static void hosts_done(Hosts *l) {
        for (size_t i = 0; i < l->n; i++) {
                stream_done(&l->items[i].out);
                stream_done(&l->items[i].complaints);
                sd_event_source_unref(l->items[i].child);
        }
        sd_event_unref(l->event);
        free(l->items);
}

HostRun *host_runs_free(HostRun *runs) {
        for (HostRun *r = runs; r && r->name; r++) {
                free(r->output);
                free(r->complaint);
        }
        return mfree(runs);
}

static void end_host(const Host *h) {
        if (h->pid > 0)
                (void) kill(-h->pid, SIGTERM);
}

/* Of it what is there now, or a part. -EAGAIN: nothing is; 0: that was the end. One that talks
 * without end is ended. */
static ssize_t take_in(Stream *s, int fd) {
        char data[16 * 1024];
        ssize_t n = read(fd, data, sizeof(data));

        if (n <= 0)
                return n < 0 ? -errno : 0;
        if ((size_t) n > HOST_SAID_MAX - s->text.size) {
                s->host->run->too_much = true;
                end_host(s->host);
                return 0;
        }
        buffer_append(&s->text, data, (size_t) n);
        return n;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Stream *s = userdata;
        ssize_t n = take_in(s, fd);

        if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
                s->source = sd_event_source_disable_unref(s->source);
        return 0;
}

/* All that it has said. What ssh leaves behind, such as the master of later connections, may keep
 * the stream open for hours, and says nothing more. */
static char *finish_stream(Stream *s) {
        char *ret;

        while (s->source && take_in(s, sd_event_source_get_io_fd(s->source)) > 0)
                ;
        s->source = sd_event_source_disable_unref(s->source);
        if (buffer_take(&s->text, &ret, NULL) < 0)
                out_of_memory();
        return ret;
}

static void draw_progress(const Hosts *l) {
        _cleanup_strv_ char **waiting = NULL;
        _cleanup_free_ char *list = NULL, *line = NULL;

        if (l->quiet)
                return;
        for (size_t i = 0; i < l->n_started; i++)
                if (l->items[i].pid > 0 && strv_extend(&waiting, l->items[i].run->name) < 0)
                        out_of_memory();
        list = must(strv_join(waiting, ", "));
        line = must(strprintf("%zu of %zu hosts have answered; waiting for %s", l->n_ended, l->n,
                              list));
        (void) progress_draw(line);
}

static int start_more(Hosts *l);

static int on_end(sd_event_source *source, const siginfo_t *si, void *userdata) {
        Host *h = userdata;

        h->pid = 0;
        h->run->exit = si->si_code == CLD_EXITED ? si->si_status : -1;
        h->run->output = finish_stream(&h->out);
        h->run->complaint = finish_stream(&h->complaints);
        h->hosts->n_ended++;
        return start_more(h->hosts);
}

/* Returns 0 or a positive errno, as posix_spawn() does. */
static int spawn(const Host *h, int out, int complaints, pid_t *ret) {
        _cleanup_free_ char *address = must(strprintf("ssh://%s", h->run->name));
        const char *words[] = { "ssh",
                                "-xT",
                                "-oBatchMode=yes",
                                "-oConnectTimeout=10",
                                "-oServerAliveInterval=15",
                                address,
                                h->hosts->command,
                                NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        (void) sigemptyset(&none);
        if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
                out_of_memory();
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ?:
            posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ?:
            posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO) ?:
            posix_spawnattr_setsigmask(&attributes, &none) ?:
            posix_spawnattr_setpgroup(&attributes, 0) ?:
            posix_spawnattr_setflags(&attributes,
                                     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP) ?:
            posix_spawnp(ret, words[0], &actions, &attributes, (char *const *) words, environ);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

/* Our end is read by the event loop; the other one is for ssh, which wants a pipe that blocks. */
static int stream_open(Host *h, Stream *s, int *ret) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        ours = fds[0];
        theirs = fds[1];
        if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        s->host = h;
        r = sd_event_add_io(h->hosts->event, &s->source, ours, EPOLLIN, on_output, s);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(s->source, true);
        if (r < 0)
                return r;
        TAKE_FD(ours);
        *ret = TAKE_FD(theirs);
        return 0;
}

static int start(Hosts *l, Host *h) {
        _cleanup_close_ int out = -EBADF, complaints = -EBADF;
        int r;

        r = stream_open(h, &h->out, &out);
        if (r >= 0)
                r = stream_open(h, &h->complaints, &complaints);
        if (r >= 0)
                r = -spawn(h, out, complaints, &h->pid);
        if (r < 0)
                return r;
        return sd_event_add_child(l->event, &h->child, h->pid, WEXITED, on_end, h);
}

static int start_more(Hosts *l) {
        int r = 0;

        while (r >= 0 && l->n_started < l->n && l->n_started - l->n_ended < AT_ONCE) {
                r = start(l, &l->items[l->n_started]);
                l->n_started++;
        }
        draw_progress(l);
        return l->n_ended == l->n ? sd_event_exit(l->event, 0) : r;
}

static int on_interrupt(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Hosts *l = userdata;

        l->interrupted = (int) si->ssi_signo;
        return sd_event_exit(l->event, 0);
}

/* End as any interrupted program does, so that a shell's loop stops too. */
_Noreturn static void end_by_interrupt(const Hosts *l) {
        sigset_t set;

        (void) fail(STATUS_FAILED,
                    "%zu of %zu hosts had answered; what the others were told goes "
                    "on there.",
                    l->n_ended, l->n);
        (void) signal(l->interrupted, SIG_DFL);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, l->interrupted);
        (void) raise(l->interrupted);
        (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        _exit(128 + l->interrupted);
}

static int ask_all(Hosts *l) {
        int r;

        r = sd_event_new(&l->event);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(interrupts); i++)
                r = sd_event_add_signal(l->event, NULL, interrupts[i], on_interrupt, l);
        if (r >= 0)
                r = start_more(l);
        if (r >= 0)
                r = sd_event_loop(l->event);
        for (size_t i = 0; i < l->n_started; i++)
                end_host(&l->items[i]);
        if (!l->quiet)
                progress_clear();
        if (l->interrupted != 0)
                end_by_interrupt(l);
        return r;
}

/* The signals of its children and of whoever interrupts it are for the event loop alone. */
static int ask_all_with_signals(Hosts *l) {
        sigset_t set, before;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(interrupts); i++)
                (void) sigaddset(&set, interrupts[i]);
        (void) sigprocmask(SIG_BLOCK, &set, &before);
        r = ask_all(l);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int hosts_run(char *const *names, const char *command, bool quiet, HostRun **ret) {
        _cleanup_(hosts_done) Hosts l = { .command = command, .quiet = quiet };
        _cleanup_(host_runs_freep) HostRun *runs = NULL;
        int r;

        l.n = strv_length(names);
        l.items = must((Host *) calloc(l.n, sizeof(Host)));
        runs = must((HostRun *) calloc(l.n + 1, sizeof(HostRun)));
        for (size_t i = 0; i < l.n; i++) {
                runs[i].name = names[i];
                l.items[i] = (Host){ .hosts = &l, .run = &runs[i] };
        }
        r = ask_all_with_signals(&l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(runs);
        return 0;
}
