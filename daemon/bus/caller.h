/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The callers, and how much of us each takes up. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "common/enum.h"

typedef struct Bus Bus;
typedef struct Caller Caller;

/* A call waits for its answer in one of these. Each has so many places for all and for one sender;
 * and a user gets at most half of what the others leave free, so that there is a place for another
 * one. */
typedef enum CallerPlace {
        CALLER_ASKS_POLKIT,    /* 64, 4 of them for a sender */
        CALLER_WAITS_FOR_JOB,  /* 512, 64 */
        CALLER_WAITS_FOR_NEWS, /* of units and processes: 64, 4 */
        _CALLER_PLACE_MAX,
        _CALLER_PLACE_INVALID = -EINVAL,
} CallerPlace;

/* A call has arrived, whose arguments weigh @weight bytes. 1: it is handled when it is the turn of
 * its sender, or it is dropped as turn_may_refuse() has it. 0: it can be handled now. Negative: too
 * many wait already, and @error is set (LimitsExceeded). */
int caller_queue(Bus *b, sd_bus_message *m, size_t weight, sd_bus_error *error);

/* Look up the sender of @m, in what is remembered or by asking the bus; nothing waits for that. 1:
 * *@ret is valid until the event loop goes on. 0: the answer is not
 * there yet; the handler returns 1 and is called again, with the same message, when it is.
 * Negative: there is no answer, or too many wait for theirs, and @error is set. */
int caller_of(Bus *b, sd_bus_message *m, Caller **ret, sd_bus_error *error);

/* The peer of a private connection, who has @uid: he started us, and may do everything. */
int caller_add_peer(Bus *b, uid_t uid);

typedef struct CallerInfo {
        uid_t uid;
        bool is_privileged; /* root, whoever runs us, or the peer */
} CallerInfo;

CallerInfo caller_info(const Caller *c) _pure_;

/* 0 if there is a place for a call of @c, else @error is set (LimitsExceeded); @what he wants is
 * its first word. */
int caller_find_place(const Caller *c, CallerPlace place, const char *what, sd_bus_error *error);
/* The sender of @m, who is known, takes a place; or gives it back, if he is still there. */
void caller_take_place(Bus *b, sd_bus_message *m, CallerPlace place);
void caller_leave_place(Bus *b, sd_bus_message *m, CallerPlace place);
