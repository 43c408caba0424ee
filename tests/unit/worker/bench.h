/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs plans below a throw-away root and hears what is reported, as the daemon would. */

#include <stdio.h>
#include <sys/socket.h>

#include "common/string-util.h"
#include "core/wire/plan-wire.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"
#include "worker/interpreter.h"

typedef struct Bench {
        TempRoot root;
        Channel *channel;
        int daemon; /* the daemon's end */
        Hook hook;
        char *heard; /* all reports, a line each */
} Bench;

static inline Bench bench_new(void) {
        Bench b = { .root = temp_root_new() };
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
        ck_assert_int_eq(channel_new(fds[0], &b.channel), 0);
        b.daemon = fds[1];
        return b;
}

static inline void bench_done(Bench *b) {
        temp_root_done(&b->root);
        b->channel = channel_free(b->channel);
        (void) safe_close(b->daemon);
        free(b->heard);
}
#define _cleanup_bench_ _cleanup_(bench_done)

static inline void bench_grant_token(const Bench *b) {
        ck_assert_int_eq(send(b->daemon, WORKER_MESSAGE_COMMIT, 6, 0), 6);
}

/* Run the plan, of which @text lacks the end, below @root; all that was reported is in b->heard
 * then.
 */
static inline int bench_run_below(Bench *b, const char *root, const char *text) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *whole = strprintf("%send\n", text);
        char report[4096];
        Buffer heard = {};
        ssize_t n;
        int r;

        ck_assert_msg(plan_parse(whole, strlen(whole), &plan) == 0, "no plan: %s", whole);
        r = interpreter_run(root, plan, b->channel, &b->hook);
        while ((n = recv(b->daemon, report, sizeof(report), MSG_DONTWAIT)) > 0)
                buffer_append(&heard, report, (size_t) n);
        free(b->heard);
        ck_assert_int_eq(buffer_take(&heard, &b->heard, NULL), 0);
        return r;
}

static inline int bench_run(Bench *b, const char *text) {
        return bench_run_below(b, b->root.path, text);
}

static inline void bench_assert_heard(const Bench *b, const char *part) {
        ck_assert_msg(strstr(b->heard, part), "no '%s' in:\n%s", part, b->heard);
}

static inline void bench_assert_ends(const Bench *b, const char *end) {
        ck_assert_msg(endswith(b->heard, end), "not '%s' at the end of:\n%s", end, b->heard);
}
