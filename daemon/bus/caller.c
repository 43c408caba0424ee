/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The senders of calls, and how much of us each takes up. Whoever asks for more than to read, or
 * calls while others do, is looked up once, by an ordinary call with a callback: what sd-bus offers
 * for that (sd_bus_query_sender_creds(), and sd_bus_track when a name is added) waits for the
 * answer, and while it does, all that arrives piles up. He is remembered until he leaves, which one
 * match tells for all; the bus never gives a unique name twice. */

#include "bus/caller.h"

#include <unistd.h>

#include "bus/shared.h"
#include "bus/turn.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

/* The bus has no more connections. */
#define CALLERS_MAX 2048U

/* So many are looked up at a time only because they wait for their turn. */
#define LOOKUPS_MAX 64U

#define DRIVER_PATH "/org/freedesktop/DBus"

struct Caller {
        Caller *next; /* who called longer ago */
        Bus *bus;
        char *name;          /* "" for the peer of a private connection */
        sd_bus_slot *lookup; /* until the bus has told his uid */
        Calls calls;
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
        calls_drop(&c->calls);
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

static void put_first(Caller *c) {
        c->next = c->bus->callers;
        c->bus->callers = c;
}

static void end_lookup(Caller *c) {
        if (c->lookup)
                c->bus->n_lookups--;
        c->lookup = sd_bus_slot_unref(c->lookup);
}

static void forget(Caller *c) {
        Bus *b = c->bus;

        unlink_caller(c);
        end_lookup(c);
        caller_free(c);
        if (!b->callers)
                b->leavers = sd_bus_slot_unref(b->leavers);
}

static void forget_all(Bus *b) {
        while (b->callers)
                forget(b->callers);
        b->leavers = sd_bus_slot_unref(b->leavers);
        turns_forget_all(b);
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
        b->sender_left(b, name);
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
        bool idle = c->calls.n == 0 && !c->lookup;

        for (CallerPlace i = 0; i < _CALLER_PLACE_MAX; i++)
                idle &= c->places[i] == 0;
        return idle;
}

static void forget_stranger(Caller *c) {
        if (!c->calls.known && is_idle(c))
                forget(c);
}

/* Whoever called longest ago and wants nothing now makes room for another one. */
static int make_room(Bus *b, sd_bus_error *error) {
        Caller *oldest = NULL;
        size_t n = 0;

        for (Caller *c = b->callers; c; c = c->next) {
                n++;
                if (is_idle(c))
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
        calls_init(&c->calls, b, c, forget_stranger);
        put_first(c);
        *ret = TAKE_PTR(c);
        return 0;
}

static int get(Bus *b, const char *name, Caller **ret, sd_bus_error *error) {
        Caller *c = find(b, name);

        if (!c)
                return add(b, name, ret, error);
        if (c != b->callers) {
                unlink_caller(c);
                put_first(c);
        }
        *ret = c;
        return 0;
}

int caller_add_peer(Bus *b, uid_t uid) {
        Caller *c;
        int r;

        r = add(b, "", &c, NULL);
        if (r < 0)
                return r;
        c->calls.uid = uid;
        c->calls.known = true;
        return 0;
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *c = userdata;
        uint32_t uid;
        int r;

        end_lookup(c);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "u", &uid) > 0) {
                c->calls.uid = uid;
                c->calls.known = true;
        }
        r = calls_go_on(&c->calls);
        forget_stranger(c);
        return r;
}

/* The match comes first: whoever leaves before it is there has no uid any more when that is asked.
 */
static int look_up(Caller *c) {
        int r;

        if (c->lookup)
                return 0;
        r = watch_leavers(c->bus);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(c->bus->bus, &c->lookup, BUS_DRIVER, DRIVER_PATH, BUS_DRIVER,
                                     "GetConnectionUnixUser", on_uid, c, "s", c->name);
        if (r < 0)
                return r;
        c->bus->n_lookups++;
        return 0;
}

static void look_up_soon(Caller *c) {
        if (!c->calls.known && c->bus->n_lookups < LOOKUPS_MAX)
                (void) look_up(c); /* he counts as a user of his own */
}

int caller_queue(Bus *b, sd_bus_message *m, size_t weight, sd_bus_error *error) {
        Caller *c;
        int r;

        if (turn_is_free(b))
                return 0;
        r = get(b, strempty(sd_bus_message_get_sender(m)), &c, error);
        if (r < 0)
                return r;
        r = calls_queue(&c->calls, m, weight);
        if (r > 0)
                look_up_soon(c);
        if (r >= 0)
                return r;
        forget_stranger(c);
        return turn_refuse(b, m, error);
}

int caller_of(Bus *b, sd_bus_message *m, Caller **ret, sd_bus_error *error) {
        Caller *c;
        int r;

        r = get(b, strempty(sd_bus_message_get_sender(m)), &c, error);
        if (r < 0)
                return r;
        if (c->calls.known) {
                *ret = c;
                return 1;
        }
        r = look_up(c);
        return r < 0 ? r : calls_wait_for_uid(&c->calls, m);
}

CallerInfo caller_info(const Caller *c) {
        return (CallerInfo){
                .uid = c->calls.uid,
                .is_privileged = isempty(c->name) || c->calls.uid == 0 || c->calls.uid == getuid(),
        };
}

int caller_find_place(const Caller *c, CallerPlace place, const char *what, sd_bus_error *error) {
        unsigned mine = 0, others = 0;

        if (c->places[place] >= place_limits[place].of_one)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "%s has to wait for its turn: %u calls of the same caller "
                                         "wait already; try again when one has been answered.",
                                         what, c->places[place]);
        for (const Caller *i = c->bus->callers; i; i = i->next)
                *(i->calls.known && i->calls.uid == c->calls.uid ? &mine : &others) +=
                                i->places[place];
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

const BusPart bus_callers = { .all_left = forget_all };
