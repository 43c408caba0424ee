/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The senders of calls, and the calls that wait for their turn. The bus delivers in the order of
 * arrival: behind whoever calls as fast as he can, everybody would wait for all of his calls. So
 * what arrives is taken in at once, which is cheap, and then each sender gets a turn, one call at a
 * time; nobody can fill this, since whoever has most waiting makes room.
 *
 * A sender who asks for more than to read is looked up once, by an ordinary call with a callback:
 * what sd-bus offers for that (sd_bus_query_sender_creds(), and sd_bus_track when a name is added)
 * waits for the answer, and while it does, all that arrives piles up. He is remembered until he
 * leaves, which one match tells for all; the bus never gives a unique name twice. */

#include "bus/caller.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "bus/bus-internal.h"
#include "bus/bus-waiter.h"
#include "bus/polkit.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

/* The bus has no more connections, and lets one caller wait for no more replies. */
#define CALLERS_MAX      2048U
#define CALLS_OF_ONE_MAX 128U

/* What all calls that wait may weigh, in bytes, and what each weighs besides its arguments. */
#define WEIGHT_MAX  (2U * 1024U * 1024U)
#define CALL_WEIGHT 1024U

/* To take a call in costs some µs, to handle it up to a hundred times as much. While calls arrive
 * without end, one is handled for so many that are taken in, faster than the bus delivers them, and
 * after some turns all else that the daemon does has its own. */
#define ARRIVALS_A_TURN 256U
#define TURNS_MAX       8U

/* Answers that the bus has not taken yet stand in one queue, whomever they are for: while there are
 * any, nobody has a turn. If they become so many, the bus does not listen, and calls get no answer
 * any more. */
#define UNSENT_USEC     UINT64_C(200)
#define UNSENT_DROP_MIN 1024U

#define DRIVER_PATH "/org/freedesktop/DBus"

typedef struct Call {
        sd_bus_message *message;
        size_t weight;
} Call;

struct Caller {
        Caller *next; /* in the order of their turns */
        Bus *bus;
        char *name; /* "" for the peer of a private connection */
        bool known;
        uid_t uid;
        sd_bus_slot *lookup; /* his calls wait for its answer */
        Call *calls;         /* the next one first */
        size_t n_calls, n_calls_allocated, weight;
        unsigned places[_CALLER_PLACE_MAX];
};

static const struct {
        unsigned of_all, of_one;
} place_limits[] = {
        [CALLER_ASKS_POLKIT] = { 64, 4 },
        [CALLER_WAITS_FOR_JOB] = { 512, 64 },
        [CALLER_WAITS_FOR_NEWS] = { 64, 4 },
};

static Caller *caller_free(Caller *c) {
        if (!c)
                return NULL;
        sd_bus_slot_unref(c->lookup);
        for (size_t i = 0; i < c->n_calls; i++)
                sd_bus_message_unref(c->calls[i].message);
        free(c->calls);
        free(c->name);
        return mfree(c);
}
DEFINE_CLEANUP(Caller *, caller_free)

static void unlink_caller(Caller *c) {
        Caller **i = &c->bus->callers;

        while (*i != c)
                i = &(*i)->next;
        *i = c->next;
        c->next = NULL;
}

static void append_caller(Caller *c) {
        Caller **i = &c->bus->callers;

        while (*i)
                i = &(*i)->next;
        *i = c;
}

static void forget(Caller *c) {
        Bus *b = c->bus;

        unlink_caller(c);
        b->calls_weight -= c->weight;
        caller_free(c);
        if (!b->callers)
                b->leavers = sd_bus_slot_unref(b->leavers);
}

void callers_forget_all(Bus *b) {
        while (b->callers)
                forget(b->callers);
        b->leavers = sd_bus_slot_unref(b->leavers);
        b->turn = sd_event_source_disable_unref(b->turn);
        for (size_t i = 0; i < b->admitted.n; i++)
                sd_bus_message_unref(b->admitted.items[i]);
        free(b->admitted.items);
        b->admitted = (BusMessages){};
}

static Caller *find(const Bus *b, const char *name) {
        for (Caller *c = b->callers; c; c = c->next)
                if (streq(c->name, name))
                        return c;
        return NULL;
}

static int on_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name;
        Bus *b = userdata;
        Caller *c;

        if (sd_bus_message_read(m, "s", &name) < 0)
                return 0;
        c = find(b, name);
        if (!c)
                return 0;
        polkit_forget_sender(b, name);
        bus_waiters_forget_sender(b, name);
        bus_ksm_forget_sender(b, name);
        forget(c);
        return 0;
}

/* Without a callback sd-bus would end the connection if this failed. Callers are then remembered
 * until others take their place. */
static int on_match_added(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *reason = sd_bus_message_get_error(reply);

        if (reason)
                log_debug("The bus will not tell who leaves: %s", strempty(reason->message));
        return 1;
}

static int watch_leavers(Bus *b) {
        if (b->leavers)
                return 0;
        return sd_bus_add_match_async(b->bus, &b->leavers,
                                      "type='signal',sender='" BUS_DRIVER "',path='" DRIVER_PATH
                                      "',interface='" BUS_DRIVER
                                      "',member='NameOwnerChanged',arg2=''",
                                      on_left, on_match_added, b);
}

static bool is_idle(const Caller *c) {
        bool idle = c->n_calls == 0 && !c->lookup;

        for (CallerPlace i = 0; i < _CALLER_PLACE_MAX; i++)
                idle &= c->places[i] == 0;
        return idle;
}

/* He has only read, and all is answered. */
static void forget_stranger(Caller *c) {
        if (!c->known && is_idle(c))
                forget(c);
}

/* Whoever called longest ago and wants nothing now makes room for another one. */
static int make_room(Bus *b, sd_bus_error *error) {
        Caller *oldest = NULL;
        size_t n = 0;

        for (Caller *c = b->callers; c; c = c->next) {
                n++;
                if (!oldest && is_idle(c))
                        oldest = c;
        }
        if (n < CALLERS_MAX)
                return 0;
        if (!oldest)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "%zu callers wait for answers; try again later.", n);
        forget(oldest);
        return 0;
}

static int add(Bus *b, const char *name, Caller **ret, sd_bus_error *error) {
        _cleanup_(caller_freep) Caller *c = NULL;
        int r;

        r = make_room(b, error);
        if (r < 0)
                return r;
        c = malloc(sizeof(*c));
        if (!c)
                return -ENOMEM;
        *c = (Caller){ .bus = b, .name = strdup(name) };
        if (!c->name)
                return -ENOMEM;
        append_caller(c);
        *ret = TAKE_PTR(c);
        return 0;
}

int caller_add_peer(Bus *b, uid_t uid) {
        Caller *c;
        int r;

        r = add(b, "", &c, NULL);
        if (r < 0)
                return r;
        c->uid = uid;
        c->known = true;
        return 0;
}

/* Have @m handled; the filter lets it pass. */
int caller_admit(Bus *b, sd_bus_message *m) {
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

bool caller_was_admitted(Bus *b, sd_bus_message *m) {
        BusMessages *l = &b->admitted;

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i] == m) {
                        l->items[i] = l->items[--l->n];
                        sd_bus_message_unref(m);
                        return true;
                }
        return false;
}

/* The message of the call is the caller's now. */
static sd_bus_message *take_call(Caller *c, size_t index) {
        Call call = c->calls[index];

        c->n_calls--;
        memmove(&c->calls[index], &c->calls[index + 1], (c->n_calls - index) * sizeof(Call));
        c->weight -= call.weight;
        c->bus->calls_weight -= call.weight;
        return call.message;
}

static int put_call(Caller *c, size_t index, sd_bus_message *m, size_t weight) {
        if (!ARRAY_RESERVE(c->calls, c->n_calls_allocated, c->n_calls + 1))
                return -ENOMEM;
        memmove(&c->calls[index + 1], &c->calls[index], (c->n_calls - index) * sizeof(Call));
        c->calls[index] = (Call){ sd_bus_message_ref(m), weight };
        c->n_calls++;
        c->weight += weight;
        c->bus->calls_weight += weight;
        return 0;
}

/* Handle the next call of whoever waits longest for his turn. False if nobody has one that could be
 * handled. */
static bool give_turn(Bus *b) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Caller *c = b->callers;
        int r;

        while (c && (c->n_calls == 0 || c->lookup))
                c = c->next;
        if (!c)
                return false;
        m = take_call(c, 0);
        unlink_caller(c);
        append_caller(c);
        forget_stranger(c);
        r = caller_admit(b, m);
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

static int refuse(sd_bus_message *m, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                 "%s cannot wait for its turn, since too many calls do already; "
                                 "try again later.",
                                 sd_bus_message_get_member(m));
}

/* The last call of the caller who has most waiting goes, unless that is @c: then nothing does. */
static int make_room_for_call(Caller *c) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Caller *most = c;

        for (Caller *i = c->bus->callers; i; i = i->next)
                if (i->weight > most->weight)
                        most = i;
        if (most == c)
                return -ENOBUFS;
        m = take_call(most, most->n_calls - 1);
        (void) refuse(m, &error);
        return sd_bus_reply_method_error(m, &error);
}

bool callers_get_no_answer(const Bus *b) {
        return n_unsent(b) >= UNSENT_DROP_MIN;
}

/* Nothing waits, and nothing has arrived behind this one. */
static bool is_alone(const Bus *b) {
        int pending;

        return b->calls_weight == 0 && n_unsent(b) == 0 &&
               ioctl(sd_bus_get_fd(b->bus), FIONREAD, &pending) >= 0 && pending == 0;
}

int caller_queue(Bus *b, sd_bus_message *m, size_t weight, sd_bus_error *error) {
        const char *name = strempty(sd_bus_message_get_sender(m));
        Caller *c;
        int r;

        if (is_alone(b))
                return 0;
        c = find(b, name);
        weight += CALL_WEIGHT;
        if (!c) {
                r = add(b, name, &c, error);
                if (r < 0)
                        return r;
        }
        r = c->n_calls < CALLS_OF_ONE_MAX ? 0 : -ENOBUFS;
        while (r >= 0 && b->calls_weight + weight > WEIGHT_MAX)
                r = make_room_for_call(c);
        if (r >= 0)
                r = put_call(c, c->n_calls, m, weight);
        if (r >= 0)
                r = wake_turn(b, 0);
        if (r >= 0)
                return 1;
        forget_stranger(c);
        return refuse(m, error);
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;
        uint32_t uid;

        c->lookup = sd_bus_slot_unref(c->lookup);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "u", &uid) > 0) {
                c->uid = uid;
                c->known = true;
        } else if (c->n_calls > 0) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = take_call(c, 0);

                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                                  "The bus does not tell who has called %s, so "
                                                  "nothing is done for him.",
                                                  sd_bus_message_get_member(m));
        }
        return wake_turn(c->bus, 0);
}

/* The match comes first: whoever leaves before it is there has no uid any more when that is asked.
 * @m, whose turn it was, stays the first of his calls. */
static int look_up(Caller *c, sd_bus_message *m) {
        int r;

        r = watch_leavers(c->bus);
        if (r < 0)
                return r;
        r = put_call(c, 0, m, CALL_WEIGHT);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(c->bus->bus, &c->lookup, BUS_DRIVER, DRIVER_PATH, BUS_DRIVER,
                                     "GetConnectionUnixUser", on_uid, c, "s", c->name);
        if (r < 0)
                sd_bus_message_unref(take_call(c, 0));
        return r;
}

int caller_of(Bus *b, sd_bus_message *m, Caller **ret, sd_bus_error *error) {
        const char *name = strempty(sd_bus_message_get_sender(m));
        Caller *c;
        int r;

        c = find(b, name);
        if (!c) {
                r = add(b, name, &c, error);
                if (r < 0)
                        return r;
        }
        if (c->known) {
                *ret = c;
                return 1;
        }
        r = look_up(c, m);
        return r < 0 ? r : 0;
}

uid_t caller_uid(const Caller *c) {
        return c->uid;
}

bool caller_is_privileged(const Caller *c) {
        return isempty(c->name) || c->uid == 0 || c->uid == getuid();
}

int caller_find_place(const Caller *c, CallerPlace place, const char *what, sd_bus_error *error) {
        unsigned mine = 0, others = 0;

        if (c->places[place] >= place_limits[place].of_one)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "%s has to wait for its turn: %u calls of the same caller "
                                         "wait already; try again when one has been answered.",
                                         what, c->places[place]);
        for (const Caller *i = c->bus->callers; i; i = i->next)
                *(i->known && i->uid == c->uid ? &mine : &others) += i->places[place];
        if (mine >= (place_limits[place].of_all - others) / 2)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "%s has to wait for its turn: %u calls of the same user "
                                         "and %u of others wait already; try again later.",
                                         what, mine, others);
        return 0;
}

void caller_take_place(Bus *b, sd_bus_message *m, CallerPlace place) {
        Caller *c = find(b, strempty(sd_bus_message_get_sender(m)));

        assert(c);
        c->places[place]++;
}

void caller_leave_place(Bus *b, sd_bus_message *m, CallerPlace place) {
        Caller *c = find(b, strempty(sd_bus_message_get_sender(m)));

        if (c && c->places[place] > 0)
                c->places[place]--;
}
