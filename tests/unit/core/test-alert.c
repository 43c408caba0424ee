/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A state that is bad for long is told once, and so is its end; one that comes and goes is one
 * trouble. */

#include "core/alert/alert.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define MIN_USEC  (60 * UINT64_C(1000000))
#define BEGIN     (1000000 * MIN_USEC)
#define LONG_USEC (10 * MIN_USEC)

typedef struct Host {
        AlertMemory memory;
        uint64_t now;
        unsigned n_sent;
        uint64_t wait_usec;
} Host;

#define HOST_INIT ((Host){ .now = BEGIN })

/* The host is so at this moment; who is told of it is told at once. */
static void see(Host *h, const char *redundancy) {
        const AlertVerdict v = alert_judge(&(AlertInput){
                        .memory = h->memory,
                        .redundancy = redundancy,
                        .now_usec = h->now,
                        .after_usec = LONG_USEC,
        });

        h->memory = v.send ? v.told : v.memory;
        h->n_sent += v.send;
        h->wait_usec = v.wait_usec;
}

/* It is so now and after each of @minutes. */
static void stay(Host *h, const char *redundancy, unsigned minutes) {
        see(h, redundancy);
        for (unsigned i = 0; i < minutes; i++) {
                h->now += MIN_USEC;
                see(h, redundancy);
        }
}

static unsigned take_sent(Host *h) {
        unsigned n = h->n_sent;

        h->n_sent = 0;
        return n;
}

START_TEST(good_states_are_never_told_and_wait_for_nothing) {
        static const char *const good[] = { "redundant", "single", "unmanaged" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Host h = HOST_INIT;

                stay(&h, good[i], 60);
                ck_assert_uint_eq(h.n_sent, 0);
                ck_assert_uint_eq(h.wait_usec, UINT64_MAX);
                ck_assert(alert_memory_is_empty(&h.memory));
        }
}
END_TEST

START_TEST(bad_state_is_told_once_when_it_has_lasted) {
        static const char *const bad[] = { "degraded", "unknown", "unbootable" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Host h = HOST_INIT;

                see(&h, bad[i]);
                ck_assert_uint_eq(h.wait_usec, LONG_USEC);
                stay(&h, bad[i], 9);
                ck_assert_uint_eq(take_sent(&h), 0);
                ck_assert_uint_eq(h.wait_usec, MIN_USEC);
                stay(&h, bad[i], 60);
                ck_assert_uint_eq(take_sent(&h), 1);
                ck_assert_uint_eq(h.wait_usec, UINT64_MAX);
        }
}
END_TEST

START_TEST(end_is_told_once_when_it_has_lasted) {
        Host h = HOST_INIT;

        stay(&h, "degraded", 20);
        (void) take_sent(&h);
        stay(&h, "redundant", 9);
        ck_assert_uint_eq(take_sent(&h), 0);
        stay(&h, "redundant", 60);
        ck_assert_uint_eq(take_sent(&h), 1);
        ck_assert(alert_memory_is_empty(&h.memory));
        ck_assert_uint_eq(h.wait_usec, UINT64_MAX);
}
END_TEST

START_TEST(bad_state_that_is_soon_over_is_never_told) {
        Host h = HOST_INIT;

        stay(&h, "unbootable", 9);
        stay(&h, "redundant", 60);
        ck_assert_uint_eq(h.n_sent, 0);
        ck_assert(alert_memory_is_empty(&h.memory));
        stay(&h, "degraded", 9);
        ck_assert_uint_eq(h.n_sent, 0);
}
END_TEST

START_TEST(state_that_comes_and_goes_is_told_once_and_its_end_once) {
        Host h = HOST_INIT;

        for (unsigned i = 0; i < 100; i++)
                stay(&h, i % 2 == 0 ? "degraded" : "redundant", 3);
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "redundant", 60);
        ck_assert_uint_eq(take_sent(&h), 1);
}
END_TEST

START_TEST(sync_is_neither_good_nor_bad) {
        Host h = HOST_INIT;

        stay(&h, "syncing", 60);
        ck_assert_uint_eq(h.n_sent, 0);
        ck_assert(alert_memory_is_empty(&h.memory));
        stay(&h, "degraded", 1);
        stay(&h, "syncing", 30);
        ck_assert_uint_eq(take_sent(&h), 0);
        ck_assert_uint_eq(h.wait_usec, UINT64_MAX);
        see(&h, "degraded");
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "syncing", 30);
        stay(&h, NULL, 30);
        stay(&h, "a word of a later version", 30);
        ck_assert_uint_eq(take_sent(&h), 0);
}
END_TEST

START_TEST(host_that_is_known_to_be_degraded_and_then_would_not_boot_is_told_again) {
        Host h = HOST_INIT;

        stay(&h, "degraded", 20);
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "unbootable", 9);
        ck_assert_uint_eq(take_sent(&h), 0);
        stay(&h, "unbootable", 20);
        ck_assert_uint_eq(take_sent(&h), 1);
        /* That it is only degraded again is not the end. */
        stay(&h, "degraded", 60);
        ck_assert_uint_eq(take_sent(&h), 0);
        stay(&h, "unbootable", 20);
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "single", 60);
        ck_assert_uint_eq(take_sent(&h), 1);
}
END_TEST

START_TEST(host_of_which_nothing_is_known_is_not_taken_for_one_that_does_not_boot) {
        Host h = HOST_INIT;

        stay(&h, "unknown", 20);
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "unbootable", 20);
        ck_assert_uint_eq(take_sent(&h), 1);
        /* Nor for one that boots again. */
        stay(&h, "unknown", 60);
        ck_assert(h.memory.alarms[ALARM_UNBOOTABLE].told);
}
END_TEST

START_TEST(time_that_nobody_looked_counts) {
        Host h = HOST_INIT;

        see(&h, "degraded");
        h.now += 7 * 24 * 60 * MIN_USEC;
        see(&h, "degraded");
        ck_assert_uint_eq(take_sent(&h), 1);
}
END_TEST

START_TEST(clock_that_was_set_back_only_makes_it_later) {
        Host h = HOST_INIT;

        stay(&h, "degraded", 5);
        h.now = MIN_USEC;
        see(&h, "degraded");
        ck_assert_uint_eq(h.wait_usec, LONG_USEC);
        stay(&h, "degraded", 10);
        ck_assert_uint_eq(take_sent(&h), 1);
        stay(&h, "redundant", 5);
        h.now = 0;
        see(&h, "redundant");
        ck_assert_uint_eq(h.wait_usec, LONG_USEC);
        stay(&h, "redundant", 11);
        ck_assert_uint_eq(take_sent(&h), 1);
}
END_TEST

START_TEST(nothing_is_remembered_as_told_before_it_was) {
        const AlertInput in = {
                .memory.alarms[ALARM_DEGRADED].bad_usec = BEGIN,
                .redundancy = "degraded",
                .now_usec = BEGIN + LONG_USEC,
                .after_usec = LONG_USEC,
        };
        AlertVerdict v = alert_judge(&in);

        ck_assert(v.send);
        ck_assert(!v.memory.alarms[ALARM_DEGRADED].told);
        ck_assert(v.told.alarms[ALARM_DEGRADED].told);
}
END_TEST

static AlertMemory write_and_read(const AlertMemory *m) {
        _cleanup_free_ char *text = NULL;
        AlertMemory again;
        size_t size;

        ck_assert_int_eq(alert_memory_format(m, &text, &size), 0);
        ck_assert_int_eq(alert_memory_parse(text, size, &again), 0);
        return again;
}

START_TEST(memory_is_read_as_it_was_written) {
        Host h = HOST_INIT;

        stay(&h, "unbootable", 20);
        stay(&h, "degraded", 3);
        h.memory = write_and_read(&h.memory);
        ck_assert(h.memory.alarms[ALARM_UNBOOTABLE].told);
        ck_assert_uint_eq(h.memory.alarms[ALARM_UNBOOTABLE].bad_usec, BEGIN);
        ck_assert_uint_eq(h.memory.alarms[ALARM_UNBOOTABLE].good_usec, BEGIN + 20 * MIN_USEC);
        ck_assert_uint_eq(h.memory.alarms[ALARM_DEGRADED].good_usec, 0);
        h.memory = write_and_read(&(AlertMemory){});
        ck_assert(alert_memory_is_empty(&h.memory));
}
END_TEST

START_TEST(memory_that_we_would_not_write_is_refused) {
        static const char *const bad[] = {
                "",
                "v1\nalarm of=degraded bad=1 good=0\n",
                "v1\nalarm of=degraded bad=1 good=0 told=2\n",
                "v1\nalarm of=degraded bad=0 good=0 told=0\n",
                "v1\nalarm of=single bad=1 good=0 told=0\n",
                "v1\nalarm bad=1 good=0 told=0 x=1\n",
                "v1\nalarm of=degraded bad=-1 good=0 told=0\n",
                "v1\nalert of=degraded bad=1 good=0 told=0\n",
                "v1\nalarm of=degraded bad=1 good=0 told=0\nalarm of=degraded bad=1 good=0 "
                "told=0\n",
        };
        AlertMemory m;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(alert_memory_parse(bad[i], strlen(bad[i]), &m), -EBADMSG);
        ck_assert_int_eq(alert_memory_parse("v2\n", 3, &m), -EPROTONOSUPPORT);
}
END_TEST

CHECK_MAIN("alert", good_states_are_never_told_and_wait_for_nothing,
           bad_state_is_told_once_when_it_has_lasted, end_is_told_once_when_it_has_lasted,
           bad_state_that_is_soon_over_is_never_told,
           state_that_comes_and_goes_is_told_once_and_its_end_once, sync_is_neither_good_nor_bad,
           host_that_is_known_to_be_degraded_and_then_would_not_boot_is_told_again,
           host_of_which_nothing_is_known_is_not_taken_for_one_that_does_not_boot,
           time_that_nobody_looked_counts, clock_that_was_set_back_only_makes_it_later,
           nothing_is_remembered_as_told_before_it_was, memory_is_read_as_it_was_written,
           memory_that_we_would_not_write_is_refused)
