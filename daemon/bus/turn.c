/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order in which calls are handled. The bus delivers in the order of arrival: behind whoever
 * calls as fast as he can, everybody would wait for all of his calls. So what arrives is taken in
 * at once, which is cheap, and then the user whose last turn is longest ago has one of his calls
 * handled. A user is no better off with many connections than with one. Whoever has not called for
 * a while need not wait at all. Nobody can fill this, since the sender who has most waiting makes
 * room.
 *
 * Answers leave in one queue, whomever they are for, and the bus takes them a few KiB at a time. So
 * there is never more than one turn's answer in it, and refusals are counted. */

#include "bus/turn.h"

#include <sys/ioctl.h>

#include "bus/shared.h"
#include "common/string-util.h"

/* The bus lets one connection wait for no more replies. */
#define CALLS_OF_ONE_MAX 128U

/* All calls that wait may weigh so much, in bytes; and each weighs so much besides its arguments.
 */
#define WEIGHT_MAX  (2U * 1024U * 1024U)
#define CALL_WEIGHT 1024U

/* To take a call in costs some µs, to handle it up to a hundred times as much. While calls arrive
 * without end, one is handled for so many that are taken in, faster than the bus delivers them, and
 * after some turns all else that the daemon does has its own. */
#define ARRIVALS_A_TURN 256U
#define TURNS_MAX       8U

/* A user who had no turn during so many arrivals and turns has one as he calls. There are few users
 * who flood at once, so that these turns hold up the others no more than the arrivals do. */
#define AHEAD_MIN 32U

/* While the bus has not taken an answer, nobody has a turn; it is looked again so much later. So
 * many calls are refused with an answer until then. */
#define UNSENT_USEC  UINT64_C(200)
#define REFUSALS_MAX 16U

struct Call {
        sd_bus_message *message;
        size_t weight;
};

void calls_init(Calls *calls, Bus *b, Caller *caller, void (*idle)(Caller *caller)) {
        *calls = (Calls){ .bus = b, .caller = caller, .idle = idle, .last_turn = b->turn_clock };
}

/* The message of the call is the caller's now. */
static sd_bus_message *take_call(Calls *calls, size_t index) {
        Bus *b = calls->bus;
        Call call = calls->items[index];

        calls->n--;
        memmove(&calls->items[index], &calls->items[index + 1], (calls->n - index) * sizeof(Call));
        calls->weight -= call.weight;
        b->calls_weight -= call.weight;
        if (calls->n == 0)
                for (Calls **i = &b->calls; *i; i = &(*i)->next)
                        if (*i == calls) {
                                *i = calls->next;
                                break;
                        }
        return call.message;
}

static int put_call(Calls *calls, size_t index, sd_bus_message *m, size_t weight) {
        Bus *b = calls->bus;

        if (!ARRAY_RESERVE(calls->items, calls->n_allocated, calls->n + 1))
                return -ENOMEM;
        if (calls->n == 0) {
                calls->next = b->calls;
                b->calls = calls;
        }
        memmove(&calls->items[index + 1], &calls->items[index], (calls->n - index) * sizeof(Call));
        calls->items[index] = (Call){ sd_bus_message_ref(m), weight };
        calls->n++;
        calls->weight += weight;
        b->calls_weight += weight;
        return 0;
}

void calls_drop(Calls *calls) {
        while (calls->n > 0)
                sd_bus_message_unref(take_call(calls, calls->n - 1));
        free(calls->items);
        calls->items = NULL;
        calls->n_allocated = 0;
}

/* The record of the user's last turn. Only the users of late are remembered: with more of them the
 * one whose turn is longest ago makes room, and is taken for somebody new. */
static BusTurn *turn_of_user(Bus *b, uid_t uid) {
        BusTurn *oldest = b->turns;

        for (BusTurn *t = b->turns; t < b->turns + ELEMENTSOF(b->turns); t++) {
                if (t->at > 0 && t->uid == uid)
                        return t;
                if (t->at < oldest->at)
                        oldest = t;
        }
        *oldest = (BusTurn){ .uid = uid };
        return oldest;
}

/* A sender of whom the bus has not told whose he is counts as a user of his own. */
static uint64_t last_turn_of_user(const Calls *calls) {
        const Bus *b = calls->bus;

        if (!calls->known)
                return calls->last_turn;
        for (size_t i = 0; i < ELEMENTSOF(b->turns); i++)
                if (b->turns[i].at > 0 && b->turns[i].uid == calls->uid)
                        return b->turns[i].at;
        return 0;
}

static void note_turn(Calls *calls) {
        Bus *b = calls->bus;

        calls->last_turn = ++b->turn_clock;
        if (calls->known)
                turn_of_user(b, calls->uid)->at = b->turn_clock;
}

static Calls *find_next(const Bus *b) {
        Calls *next = NULL;
        uint64_t next_user = 0;

        for (Calls *i = b->calls; i; i = i->next) {
                uint64_t user = last_turn_of_user(i);

                if (i->needs_uid)
                        continue;
                if (!next || user < next_user ||
                    (user == next_user && i->last_turn < next->last_turn)) {
                        next = i;
                        next_user = user;
                }
        }
        return next;
}

int turn_admit(Bus *b, sd_bus_message *m) {
        BusMessages *l = &b->admitted;
        int r;

        if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                return -ENOMEM;
        r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;
        r = sd_bus_enqueue_for_read(b->bus, m);
        if (r < 0)
                return r;
        l->items[l->n++] = sd_bus_message_ref(m);
        return 0;
}

bool turn_was_admitted(Bus *b, sd_bus_message *m) {
        BusMessages *l = &b->admitted;

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i] == m) {
                        l->items[i] = l->items[--l->n];
                        sd_bus_message_unref(m);
                        return true;
                }
        return false;
}

/* False if nobody has a call that could be handled. */
static bool give_turn(Bus *b) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Calls *calls = find_next(b);
        int r;

        if (!calls)
                return false;
        m = take_call(calls, 0);
        note_turn(calls);
        calls->idle(calls->caller);
        r = turn_admit(b, m);
        if (r < 0)
                (void) sd_bus_reply_method_errno(m, r, NULL);
        while (b->admitted.n > 0 && sd_bus_process(b->bus, NULL) > 0)
                ;
        return true;
}

static int wake_turn(Bus *b, uint64_t usec);

static uint64_t n_unsent(const Bus *b) {
        uint64_t n;

        return sd_bus_get_n_queued_write(b->bus, &n) < 0 ? 0 : n;
}

/* An error is for the connection's own event source to find. */
static int on_turn(sd_event_source *source, void *userdata) {
        Bus *b = userdata;

        for (unsigned i = 0; i < TURNS_MAX; i++) {
                for (unsigned n = 0; n < ARRIVALS_A_TURN; n++)
                        if (sd_bus_process(b->bus, NULL) <= 0)
                                break;
                if (n_unsent(b) > 0)
                        return wake_turn(b, UNSENT_USEC);
                b->n_refusals = 0;
                if (!give_turn(b))
                        return 0;
        }
        return wake_turn(b, 0);
}

static int on_turn_later(sd_event_source *source, uint64_t usec, void *userdata) {
        return on_turn(source, userdata);
}

/* A new source each time: one that is deferred again would be older than all that waits, and leave
 * no turn to the others; a timer costs more than to take a call in. */
static int wake_turn(Bus *b, uint64_t usec) {
        if (usec == 0 && b->turn && sd_event_source_get_enabled(b->turn, NULL) > 0)
                return 0;
        b->turn = sd_event_source_disable_unref(b->turn);
        if (usec == 0)
                return sd_event_add_defer(b->event, &b->turn, on_turn, b);
        return sd_event_add_time_relative(b->event, &b->turn, CLOCK_MONOTONIC, usec, 1,
                                          on_turn_later, b);
}

bool turn_may_refuse(Bus *b) {
        if (!b->calls && n_unsent(b) == 0)
                b->n_refusals = 0;
        if (b->n_refusals >= REFUSALS_MAX)
                return false;
        b->n_refusals++;
        return true;
}

int turn_refuse(Bus *b, sd_bus_message *m, sd_bus_error *error) {
        if (!turn_may_refuse(b))
                return 1;
        return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                 "%s cannot wait for its turn, since too many calls do already; "
                                 "try again later.",
                                 sd_bus_message_get_member(m));
}

/* The last call of the sender who has most waiting goes, unless that is @calls: then nothing does.
 */
static int make_room(Bus *b, const Calls *calls) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Calls *most = NULL;

        for (Calls *i = b->calls; i; i = i->next)
                if (!most || i->weight > most->weight)
                        most = i;
        if (!most || most->weight <= calls->weight)
                return -ENOBUFS;
        m = take_call(most, most->n - 1);
        if (turn_refuse(b, m, &error) < 0)
                (void) sd_bus_reply_method_error(m, &error);
        most->idle(most->caller);
        return 0;
}

/* Nothing waits, and nothing has arrived behind this one. */
static bool is_alone(const Bus *b) {
        int pending;

        return !b->calls && n_unsent(b) == 0 &&
               ioctl(sd_bus_get_fd(b->bus), FIONREAD, &pending) >= 0 && pending == 0;
}

/* Nobody's own calls overtake each other, nor does a user with many connections go ahead of them.
 */
static bool may_go_ahead(const Bus *b, const Calls *calls) {
        if (!calls->known || n_unsent(b) > 0 ||
            b->turn_clock - last_turn_of_user(calls) < AHEAD_MIN)
                return false;
        for (const Calls *i = b->calls; i; i = i->next)
                if (i == calls || (i->known && i->uid == calls->uid))
                        return false;
        return true;
}

static int wait_for_turn(Bus *b, Calls *calls, sd_bus_message *m, size_t weight) {
        int r = calls->n < CALLS_OF_ONE_MAX ? 0 : -ENOBUFS;

        while (r >= 0 && b->calls_weight + weight > WEIGHT_MAX)
                r = make_room(b, calls);
        if (r >= 0)
                r = put_call(calls, calls->n, m, weight);
        return r < 0 ? r : wake_turn(b, 0);
}

bool turn_is_free(Bus *b) {
        b->turn_clock++;
        return is_alone(b);
}

int calls_queue(Calls *calls, sd_bus_message *m, size_t weight) {
        int r;

        if (may_go_ahead(calls->bus, calls)) {
                note_turn(calls);
                return 0;
        }
        r = wait_for_turn(calls->bus, calls, m, weight + CALL_WEIGHT);
        return r < 0 ? r : 1;
}

int calls_wait_for_uid(Calls *calls, sd_bus_message *m) {
        int r;

        r = put_call(calls, 0, m, CALL_WEIGHT);
        if (r < 0)
                return r;
        calls->needs_uid = true;
        return 0;
}

int calls_go_on(Calls *calls) {
        if (calls->needs_uid && !calls->known && calls->n > 0) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = take_call(calls, 0);

                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "The bus does not tell who has called %s, so "
                                                  "nothing is done for him.",
                                                  sd_bus_message_get_member(m));
        }
        calls->needs_uid = false;
        return wake_turn(calls->bus, 0);
}

void turns_forget_all(Bus *b) {
        b->turn = sd_event_source_disable_unref(b->turn);
        for (size_t i = 0; i < b->admitted.n; i++)
                sd_bus_message_unref(b->admitted.items[i]);
        free(b->admitted.items);
        b->admitted = (BusMessages){};
}
