/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Speaks and listens for the worker. Signals are read from a descriptor beside the socket, so that
 * one poll(2) sees both, none is lost between a look and a wait, and no system call that writes to
 * the ESP is ever interrupted. The interpreter knows what a stop means for the plan. */

#include "worker/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/string-util.h"

#define MESSAGE_SIZE_MAX 64

struct Channel {
        int fd, signal_fd;
        bool is_socket;
        bool stop;  /* told to, by message or signal */
        bool gone;  /* nobody is at the other end */
        bool token; /* granted */
};

Channel *channel_free(Channel *c) {
        if (!c)
                return NULL;
        safe_close(c->fd);
        safe_close(c->signal_fd);
        return mfree(c);
}

int channel_new(int fd, Channel **ret) {
        _cleanup_(channel_freep) Channel *c = NULL;
        socklen_t size = sizeof(int);
        sigset_t signals;
        int type, flags;

        assert(ret);

        /* A descriptor that was handed over has come across exec(). Under the same number a library
         * may have opened something of its own before main(), as libefivar 38 does with /dev/null.
         */
        flags = fcntl(fd, F_GETFD);
        if (flags < 0)
                return -errno;
        if (flags & FD_CLOEXEC)
                return -EBADF;
        c = malloc(sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Channel){ .fd = fd, .signal_fd = -EBADF };
        c->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) >= 0 &&
                       type == SOCK_SEQPACKET;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        c->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (c->signal_fd < 0)
                return -errno;

        *ret = TAKE_PTR(c);
        return 0;
}

static int send_message(const Channel *c, const char *text, size_t size) {
        while (send(c->fd, text, size, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

static int write_line(const Channel *c, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(c->fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                size -= (size_t) n;
        }
        return 0;
}

int channel_send(Channel *c, const Report *report) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (c->gone)
                return 0;
        r = report_format(report, &text, &size);
        if (r < 0)
                return r;
        r = c->is_socket ? send_message(c, text, size) : write_line(c, text, size);
        if (r < 0)
                c->gone = true;
        return 0;
}

static void receive_messages(Channel *c) {
        char text[MESSAGE_SIZE_MAX];
        ssize_t n;

        while (c->is_socket && !c->gone) {
                n = recv(c->fd, text, sizeof(text) - 1, MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        c->gone = true;
                        return;
                }
                text[n] = '\0';
                /* Other words are of a later version; not knowing one is no reason to end. */
                if (streq(text, WORKER_MESSAGE_STOP))
                        c->stop = true;
                else if (streq(text, WORKER_MESSAGE_COMMIT))
                        c->token = true;
        }
}

static void receive_signals(Channel *c) {
        struct signalfd_siginfo info;

        while (read(c->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info))
                c->stop = true;
}

bool channel_wants_stop(Channel *c) {
        receive_messages(c);
        receive_signals(c);
        return c->stop || (c->gone && !c->token);
}

int channel_wait_token(Channel *c) {
        struct pollfd fds[] = {
                { .fd = c->fd, .events = POLLIN },
                { .fd = c->signal_fd, .events = POLLIN },
        };

        if (!c->is_socket)
                c->token = true;
        while (!channel_wants_stop(c)) {
                if (c->token)
                        return 0;
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        return -errno;
        }
        return -ECANCELED;
}
