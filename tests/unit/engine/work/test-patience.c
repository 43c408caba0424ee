/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Something is tried again every moment, and given up in time. */

#include "engine/work/patience.h"

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Trier {
        Lab lab;
        Patience patience;
        unsigned n;
} Trier;

static void count(void *userdata) {
        Trier *t = userdata;

        t->n++;
}

static int wait_again(Trier *t) {
        return patience_wait(&t->patience, t->lab.event, SEC, 3 * SEC, count, t);
}

static void close_trier(Trier *t) {
        patience_end(&t->patience);
        lab_close(&t->lab);
}

START_TEST(it_is_tried_again_once_after_a_moment) {
        _cleanup_(close_trier) Trier t = {};

        lab_open(&t.lab);
        ck_assert_int_ge(wait_again(&t), 0);
        ck_assert_ptr_nonnull(t.patience.timer);
        lab_pass(&t.lab, SEC / 2);
        ck_assert_uint_eq(t.n, 0);
        lab_pass(&t.lab, SEC);
        ck_assert_uint_eq(t.n, 1);
        ck_assert_ptr_null(t.patience.timer);
        lab_pass(&t.lab, 10 * SEC);
        ck_assert_uint_eq(t.n, 1);
}
END_TEST

START_TEST(it_is_given_up_in_time_and_then_the_time_begins_anew) {
        _cleanup_(close_trier) Trier t = {};

        lab_open(&t.lab);
        for (unsigned i = 0; i < 3; i++) {
                ck_assert_int_ge(wait_again(&t), 0);
                lab_pass(&t.lab, SEC);
        }
        ck_assert_int_eq(wait_again(&t), -ETIME);
        ck_assert(!clock_is_armed());
        ck_assert_int_ge(wait_again(&t), 0);
}
END_TEST

START_TEST(end_forgets_the_timer_and_how_long_it_was) {
        _cleanup_(close_trier) Trier t = {};

        lab_open(&t.lab);
        ck_assert_int_ge(wait_again(&t), 0);
        patience_end(&t.patience);
        ck_assert(!clock_is_armed());
        lab_pass(&t.lab, 10 * SEC);
        ck_assert_uint_eq(t.n, 0);
        ck_assert_int_ge(wait_again(&t), 0);
}
END_TEST

CHECK_MAIN("patience", it_is_tried_again_once_after_a_moment,
           it_is_given_up_in_time_and_then_the_time_begins_anew,
           end_forgets_the_timer_and_how_long_it_was)
