/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The test's clocks are the real ones plus what they were moved by. A timer is set in the test's
 * time and handed to sd-event in the real one; when the clock moves, those that are armed move with
 * it. Time stands still between moves as far as a test can notice: all deadlines are seconds, and
 * what really takes time (a worker that starts) takes milliseconds. */

#include "tests/unit/engine/clock.h"

#include <check.h>
#include <errno.h>
#include <time.h>

#include "common/macros.h"

#define TIMERS_MAX 256

static uint64_t moved;
static sd_event_source *timers[TIMERS_MAX];
static size_t n_timers;

int __real_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);
int __real_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __real_sd_event_source_set_time(sd_event_source *source, uint64_t usec);
sd_event_source *__real_sd_event_source_disable_unref(sd_event_source *source);
int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock,
                                      uint64_t usec, uint64_t accuracy,
                                      sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_source_set_time(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source);

static uint64_t to_real(uint64_t usec) {
        return usec == UINT64_MAX ? usec : usec - MIN(usec, moved);
}

static void remember(sd_event_source *source) {
        ck_assert_uint_lt(n_timers, TIMERS_MAX);
        timers[n_timers++] = sd_event_source_ref(source);
}

sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source) {
        for (size_t i = 0; i < n_timers; i++)
                if (timers[i] == source) {
                        timers[i] = timers[--n_timers];
                        sd_event_source_unref(source);
                        break;
                }
        return __real_sd_event_source_disable_unref(source);
}

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret) {
        int r = __real_sd_event_now(event, clock, ret);

        if (r >= 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME))
                *ret += moved;
        return r;
}

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t callback, void *userdata) {
        int r;

        ck_assert_int_eq(clock, CLOCK_MONOTONIC);
        r = __real_sd_event_add_time(event, ret, clock, to_real(usec), 1, callback, userdata);
        if (r >= 0)
                remember(*ret);
        return r;
}

int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock,
                                      uint64_t usec, uint64_t accuracy,
                                      sd_event_time_handler_t callback, void *userdata) {
        uint64_t now;
        int r = __wrap_sd_event_now(event, clock, &now);

        return r < 0 ? r
                     : __wrap_sd_event_add_time(event, ret, clock, now + usec, accuracy, callback,
                                                userdata);
}

int __wrap_sd_event_source_set_time(sd_event_source *source, uint64_t usec) {
        return __real_sd_event_source_set_time(source, to_real(usec));
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec) {
        uint64_t now;
        int r = __wrap_sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now);

        return r < 0 ? r : __wrap_sd_event_source_set_time(source, now + usec);
}

static bool is_armed(sd_event_source *source, uint64_t *ret_usec) {
        int enabled;

        return sd_event_source_get_enabled(source, &enabled) >= 0 && enabled != SD_EVENT_OFF &&
               sd_event_source_get_time(source, ret_usec) >= 0;
}

bool clock_is_armed(void) {
        uint64_t usec;

        for (size_t i = 0; i < n_timers; i++)
                if (is_armed(timers[i], &usec))
                        return true;
        return false;
}

void clock_stand(sd_event *event) {
        int r;

        do {
                r = sd_event_run(event, 0);
                ck_assert_int_ge(r, 0);
        } while (r > 0 && sd_event_get_state(event) != SD_EVENT_FINISHED);
}

static void move(uint64_t usec) {
        uint64_t due;

        moved += usec;
        for (size_t i = 0; i < n_timers; i++)
                if (is_armed(timers[i], &due))
                        (void) __real_sd_event_source_set_time(timers[i], due - MIN(due, usec));
}

/* Microseconds until the next timer is due, at most @limit. */
static uint64_t until_next(sd_event *event, uint64_t limit) {
        uint64_t now, due;

        ck_assert_int_ge(__real_sd_event_now(event, CLOCK_MONOTONIC, &now), 0);
        for (size_t i = 0; i < n_timers; i++)
                if (is_armed(timers[i], &due))
                        limit = MIN(limit, due > now ? due - now : 0);
        return limit;
}

void clock_pass(sd_event *event, uint64_t usec) {
        clock_stand(event);
        while (usec > 0) {
                uint64_t step = MAX(until_next(event, usec), (uint64_t) 1);

                step = MIN(step, usec);
                move(step);
                usec -= step;
                clock_stand(event);
        }
}

void clock_done(void) {
        while (n_timers > 0)
                sd_event_source_unref(timers[--n_timers]);
        moved = 0;
}
