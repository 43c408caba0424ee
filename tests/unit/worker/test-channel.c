/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker's line to the daemon: reports go out whole, and the token, a stop and a daemon that is
 * gone are heard. */

#include "worker/channel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"

typedef struct Line {
        Channel *channel;
        int daemon; /* the other end; -EBADF: it is gone */
} Line;

static Line line_new(int type) {
        Line l;
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, type, 0, fds), 0);
        ck_assert_int_eq(channel_new(fds[0], &l.channel), 0);
        l.daemon = fds[1];
        return l;
}

static void line_done(Line *l) {
        l->daemon = safe_close(l->daemon);
        l->channel = channel_free(l->channel);
}
#define _cleanup_line_ _cleanup_(line_done)

static void tell(const Line *l, const char *word) {
        ck_assert_int_eq(send(l->daemon, word, strlen(word), 0), (ssize_t) strlen(word));
}

static void assert_heard(const Line *l, const char *expect) {
        char text[256];
        ssize_t n = recv(l->daemon, text, sizeof(text) - 1, MSG_DONTWAIT);

        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        ck_assert_str_eq(text, expect);
}

START_TEST(descriptor_that_was_not_handed_over_is_refused) {
        _cleanup_close_ int own = open("/dev/null", O_WRONLY | O_CLOEXEC);
        Channel *channel = NULL;

        ck_assert_int_eq(channel_new(own, &channel), -EBADF);
        ck_assert_int_eq(channel_new(1000, &channel), -EBADF);
        ck_assert_ptr_null(channel);
}
END_TEST

START_TEST(each_report_is_one_message_on_a_socket) {
        _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

        ck_assert_int_eq(channel_send(l.channel, &(Report){ .type = REPORT_STARTED }), 0);
        ck_assert_int_eq(channel_send(l.channel, &(Report){ .type = REPORT_STEP, .index = 3 }), 0);
        assert_heard(&l, "started\n");
        assert_heard(&l, "step index=3\n");
}
END_TEST

START_TEST(token_is_granted_by_the_daemon_and_nobody_else) {
        _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

        tell(&l, "a word of a later version");
        tell(&l, WORKER_MESSAGE_COMMIT);
        ck_assert_int_eq(channel_wait_token(l.channel), 0);
        ck_assert(!channel_wants_stop(l.channel));
}
END_TEST

START_TEST(unknown_word_is_neither_token_nor_stop) {
        _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

        tell(&l, "commit ");
        ck_assert(!channel_wants_stop(l.channel));
        tell(&l, WORKER_MESSAGE_STOP);
        ck_assert_int_eq(channel_wait_token(l.channel), -ECANCELED);
}
END_TEST

START_TEST(stop_counts_even_behind_the_token) {
        _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

        tell(&l, WORKER_MESSAGE_COMMIT);
        ck_assert_int_eq(channel_wait_token(l.channel), 0);
        tell(&l, WORKER_MESSAGE_STOP);
        ck_assert(channel_wants_stop(l.channel));
        ck_assert(channel_wants_stop(l.channel)); /* and stays so */
}
END_TEST

START_TEST(daemon_that_is_gone_stops_a_worker_without_the_token_only) {
        _cleanup_line_ Line without = line_new(SOCK_SEQPACKET), with = line_new(SOCK_SEQPACKET);

        without.daemon = safe_close(without.daemon);
        ck_assert(channel_wants_stop(without.channel));
        ck_assert_int_eq(channel_wait_token(without.channel), -ECANCELED);

        tell(&with, WORKER_MESSAGE_COMMIT);
        ck_assert_int_eq(channel_wait_token(with.channel), 0);
        with.daemon = safe_close(with.daemon);
        ck_assert(!channel_wants_stop(with.channel));
}
END_TEST

START_TEST(report_to_nobody_is_no_error) {
        _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

        l.daemon = safe_close(l.daemon);
        ck_assert_int_eq(channel_send(l.channel, &(Report){ .type = REPORT_STARTED }), 0);
        ck_assert_int_eq(channel_send(l.channel, &(Report){ .type = REPORT_DONE }), 0);
        ck_assert(channel_wants_stop(l.channel));
}
END_TEST

START_TEST(either_signal_means_stop) {
        static const int signals[] = { SIGTERM, SIGINT };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                _cleanup_line_ Line l = line_new(SOCK_SEQPACKET);

                ck_assert(!channel_wants_stop(l.channel));
                ck_assert_int_eq(raise(signals[i]), 0);
                ck_assert_int_eq(channel_wait_token(l.channel), -ECANCELED);
        }
}
END_TEST

START_TEST(without_a_socket_reports_are_lines_and_the_token_is_granted_at_once) {
        _cleanup_close_ int in = -EBADF;
        Channel *channel;
        char text[64];
        ssize_t n;
        int fds[2];

        ck_assert_int_eq(pipe(fds), 0);
        in = fds[0];
        ck_assert_int_eq(channel_new(fds[1], &channel), 0);
        ck_assert_int_eq(channel_send(channel, &(Report){ .type = REPORT_STARTED }), 0);
        ck_assert_int_eq(channel_send(channel, &(Report){ .type = REPORT_DONE }), 0);
        ck_assert_int_eq(channel_wait_token(channel), 0);
        ck_assert(!channel_wants_stop(channel));
        channel_free(channel);
        n = read(in, text, sizeof(text) - 1);
        ck_assert_int_gt(n, 0);
        text[n] = '\0';
        ck_assert_str_eq(text, "started\ndone\n");
}
END_TEST

START_TEST(file_that_takes_nothing_more_is_as_good_as_a_daemon_that_is_gone) {
        Channel *channel;
        int fd = open("/dev/full", O_WRONLY);

        ck_assert_int_eq(channel_new(fd, &channel), 0);
        ck_assert_int_eq(channel_send(channel, &(Report){ .type = REPORT_STARTED }), 0);
        ck_assert(channel_wants_stop(channel));
        channel_free(channel);
}
END_TEST

CHECK_MAIN("worker-channel", descriptor_that_was_not_handed_over_is_refused,
           each_report_is_one_message_on_a_socket, token_is_granted_by_the_daemon_and_nobody_else,
           unknown_word_is_neither_token_nor_stop, stop_counts_even_behind_the_token,
           daemon_that_is_gone_stops_a_worker_without_the_token_only, report_to_nobody_is_no_error,
           either_signal_means_stop,
           without_a_socket_reports_are_lines_and_the_token_is_granted_at_once,
           file_that_takes_nothing_more_is_as_good_as_a_daemon_that_is_gone)
