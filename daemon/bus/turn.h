/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The calls that wait for their turn: first the users take turns, then the senders of one user. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

typedef struct Bus Bus;
typedef struct Call Call;
typedef struct Caller Caller;

/* The calls of one sender that wait. A part of his Caller, who says whose they are; only bus/turn
 * looks at the rest. */
typedef struct Calls {
        bool known; /* the bus has told his uid */
        uid_t uid;
        Bus *bus;
        Caller *caller;
        void (*idle)(Caller *caller); /* he has one call less that waits */
        struct Calls *next;           /* of another sender who waits */
        Call *items;                  /* the next one first */
        size_t n, n_allocated, weight;
        uint64_t last_turn;
        bool needs_uid; /* no turn before the bus has told who he is */
} Calls;

void calls_init(Calls *calls, Bus *b, Caller *caller, void (*idle)(Caller *caller));
/* Drop them all, without an answer. */
void calls_drop(Calls *calls);

/* A call has arrived. True if it can be handled now, as nothing else waits. */
bool turn_is_free(Bus *b);
/* Take in @m, whose arguments weigh @weight bytes. 1: it is handled when it is the turn of its
 * sender. 0: it can be handled now. -ENOBUFS: too many wait already, see turn_refuse(). */
int calls_queue(Calls *calls, sd_bus_message *m, size_t weight);
/* Refuse @m: @error is set (LimitsExceeded), and returned what the filter has to return. If the bus
 * does not take so many answers it is dropped, and that is 1. */
int turn_refuse(Bus *b, sd_bus_message *m, sd_bus_error *error);
/* True if a call that cannot be let in may be answered, which counts. If the bus does not take so
 * many answers, one more would only stand in the way of those who are let in; the call is dropped.
 */
bool turn_may_refuse(Bus *b);

/* Have @m handled, as what comes next on the connection. */
int turn_admit(Bus *b, sd_bus_message *m);
/* True if that is so; it counts once. */
bool turn_was_admitted(Bus *b, sd_bus_message *m);

/* @m, whose turn it was, is the first again, and waits until the bus has told who its sender is. */
int calls_wait_for_uid(Calls *calls, sd_bus_message *m);
/* It has, as @calls->known says; or it has not, and what waits for that is refused. */
int calls_go_on(Calls *calls);

/* Drop what was admitted, too. */
void turns_forget_all(Bus *b);
