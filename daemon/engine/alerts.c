/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The decision is core's (alert); here are its clock, its memory, and the unit that tells. Nothing
 * is sent from here: the daemon's sandbox lets it reach nobody, so systemd is asked to start a
 * service that may. That a person was told is stored when systemd has agreed to start it: a daemon
 * that dies in between has one mail too many sent, not one too few. There is a timer only while
 * something bad, or its end, waits to have lasted. Looks are made from the event loop, since a
 * state that is over in the same turn is none. */

#include "engine/alerts.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/alert/alert.h"
#include "sys/file.h"

#define USEC_PER_SEC UINT64_C(1000000)

struct Alerts {
        sd_event *event;
        const Root *root;
        AlertsView (*view)(void *userdata);
        void *userdata;
        AlertMemory memory;
        sd_event_source *turn;  /* all is done from there */
        sd_event_source *timer; /* to look again, when time alone has made a difference */
        alerts_start_t start;   /* NULL: there is nobody */
        void *start_userdata;
        char *unit;                /* systemd is asked to start it; NULL: it is not */
        AlertMemory told;          /* what is remembered then */
        bool retries;              /* systemd could not be asked; the timer is to ask it again */
        bool complained, unstored; /* that was told */
};

Alerts *alerts_free(Alerts *a) {
        if (!a)
                return NULL;
        sd_event_source_disable_unref(a->timer);
        sd_event_source_disable_unref(a->turn);
        free(a->unit);
        sd_event_unref(a->event);
        return mfree(a);
}

static int load(Alerts *a) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(a->root, PATH_ALERTS, ALERT_MEMORY_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = alert_memory_parse(text, size, &a->memory);
        if (r < 0 && r != -ENOMEM && r != -ENOENT)
                log_notice("Cannot use /" PATH_ALERTS
                           ": %s; root may be told again of a state that is known, or not of its "
                           "end.",
                           r == -EPROTONOSUPPORT ? "it is of another version of bootsyncd"
                                                 : strerror(-r));
        return r == -ENOMEM ? r : 0;
}

static int store(const Alerts *a) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (alert_memory_is_empty(&a->memory))
                return file_remove(a->root, PATH_ALERTS);
        r = alert_memory_format(&a->memory, &text, &size);
        return r < 0 ? r : file_store_state(a->root, PATH_ALERTS, text, size);
}

static bool memory_equal(const AlertMemory *x, const AlertMemory *y) {
        for (AlarmId id = 0; id < _ALARM_MAX; id++)
                if (x->alarms[id].bad_usec != y->alarms[id].bad_usec ||
                    x->alarms[id].good_usec != y->alarms[id].good_usec ||
                    x->alarms[id].told != y->alarms[id].told)
                        return false;
        return true;
}

static void remember(Alerts *a, const AlertMemory *memory) {
        int r;

        if (memory_equal(&a->memory, memory))
                return;
        a->memory = *memory;
        r = store(a);
        if (r < 0 && !a->unstored)
                log_warning("Cannot store in /" PATH_ALERTS
                            " of what root was told: %s; after a restart of bootsyncd a mail may "
                            "come again.",
                            strerror(-r));
        a->unstored = r < 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Alerts *a = userdata;

        a->retries = false;
        a->timer = sd_event_source_disable_unref(a->timer);
        alerts_look(a);
        return 0;
}

static void set_timer(Alerts *a, uint64_t usec) {
        a->timer = sd_event_source_disable_unref(a->timer);
        if (usec != UINT64_MAX && sd_event_add_time_relative(a->event, &a->timer, CLOCK_MONOTONIC,
                                                             usec, 0, on_timer, a) < 0)
                log_error("Cannot set a timer; root is told of the host's state when it changes.");
}

static uint64_t after_usec(const Alerts *a) {
        return a->view(a->userdata).settings->alert_after_sec * USEC_PER_SEC;
}

static void give_up(Alerts *a, const char *why) {
        if (!a->complained)
                log_warning("Cannot have systemd start " ALERT_UNIT_PREFIX
                            "*.service, by which root is told of the host's state: %s; trying "
                            "again every %" PRIu64 " s.",
                            why, after_usec(a) / USEC_PER_SEC);
        a->complained = true;
        a->retries = true;
        set_timer(a, after_usec(a));
}

static void tell(Alerts *a, const AlertVerdict *v, const char *redundancy) {
        int r;

        a->timer = sd_event_source_disable_unref(a->timer);
        a->told = v->told;
        a->unit = strprintf(ALERT_UNIT_PREFIX "%s.service", redundancy);
        r = !a->unit ? -ENOMEM : !a->start ? -ENOTCONN : a->start(a->unit, a->start_userdata);
        if (r >= 0)
                return;
        a->unit = mfree(a->unit);
        give_up(a, strerror(-r));
}

static int on_turn(sd_event_source *source, void *userdata) {
        Alerts *a = userdata;
        const AlertsView view = a->view(a->userdata);
        AlertInput in = {
                .memory = a->memory,
                .redundancy = view.redundancy,
                .after_usec = after_usec(a),
        };
        AlertVerdict v;

        if (a->unit || sd_event_now(a->event, CLOCK_REALTIME, &in.now_usec) < 0)
                return 0;
        if (view.settings->no_alerts) {
                set_timer(a, UINT64_MAX);
                remember(a, &(AlertMemory){});
                return 0;
        }
        v = alert_judge(&in);
        remember(a, &v.memory);
        if (a->retries && a->timer)
                return 0;
        if (v.send)
                tell(a, &v, view.redundancy);
        else
                set_timer(a, v.wait_usec);
        return 0;
}

int alerts_new(sd_event *event, const Root *root, AlertsView (*view)(void *userdata),
               void *userdata, Alerts **ret) {
        _cleanup_(alerts_freep) Alerts *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        *a = (Alerts){
                .event = sd_event_ref(event),
                .root = root,
                .view = view,
                .userdata = userdata,
        };
        r = load(a);
        if (r >= 0)
                r = sd_event_add_defer(event, &a->turn, on_turn, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->turn, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

void alerts_look(Alerts *a) {
        if (a)
                (void) sd_event_source_set_enabled(a->turn, SD_EVENT_ONESHOT);
}

void alerts_set_starter(Alerts *a, alerts_start_t start, void *userdata) {
        a->start = start;
        a->start_userdata = userdata;
        alerts_answered(a, "the bus is gone");
        alerts_look(a);
}

void alerts_answered(Alerts *a, const char *why) {
        _cleanup_free_ char *unit = TAKE_PTR(a->unit);

        if (!unit)
                return;
        if (why)
                give_up(a, why);
        else {
                log_event(LOG_NOTICE, MSG_ALERT, NULL, "Started %s, which tells root of it.", unit);
                a->complained = false;
                remember(a, &a->told);
        }
        alerts_look(a);
}
