/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan on its way: it waits for the lock, is carried out by one worker, and its end is told once,
 * whatever it is. */

#include "engine/work/errand.h"

#include "core/plan/plan.h"
#include "sys/lock.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Sender {
        Lab lab;
        Errand *errand;
        unsigned n_reports, n_ends;
        bool stuck;
        Error error;
        char *straggler; /* the ESP of the one that has ended last */
} Sender;

static void on_report(Report *report, void *userdata) {
        Sender *s = userdata;

        s->n_reports++;
}

static void on_end(const Error *error, void *userdata) {
        Sender *s = userdata;

        s->n_ends++;
        s->stuck = errand_is_stuck(s->errand);
        (void) error_copy(&s->error, error);
        s->errand = errand_free(s->errand);
}

static const ErrandListener listener = { .on_report = on_report, .on_end = on_end };

static void on_straggler_ended(const char *esp_uuid, void *userdata) {
        Sender *s = userdata;

        s->straggler = strdup(strempty(esp_uuid));
}

static void open_sender(Sender *s) {
        lab_open(&s->lab);
        s->lab.hold = "*";
}

static void close_sender(Sender *s) {
        errand_free(s->errand);
        error_done(&s->error);
        free(s->straggler);
        lab_close(&s->lab);
}

static int send_errand(Sender *s, Error *error) {
        Plan *plan;

        ck_assert_int_ge(plan_new(PLAN_ON_ESP, ESP_A, &plan), 0);
        ck_assert_ptr_nonnull(plan_add(plan, PLAN_SCAN, NULL));
        return errand_new(lab_workers(&s->lab, on_straggler_ended, s), plan, &listener, s,
                          &s->errand, error);
}

START_TEST(reports_are_handed_on_and_a_good_end_is_told_without_error) {
        _cleanup_(close_sender) Sender s = {};
        Worker *w;

        open_sender(&s);
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        ck_assert_str_eq(errand_plan(s.errand)->esp_uuid, ESP_A);
        w = lab_worker(&s.lab, ESP_A);
        worker_say(w, &(Report){ .type = REPORT_STARTED });
        worker_done(w);
        LAB_WAIT(&s.lab, s.n_ends == 1);
        ck_assert_uint_eq(s.n_reports, 2);
        ck_assert(!s.stuck);
        ck_assert(!error_is_set(&s.error));
}
END_TEST

START_TEST(lock_that_is_let_go_in_time_is_waited_for) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_(close_sender) Sender s = {};

        open_sender(&s);
        lock = lock_try(s.lab.t.root, "esp-" ESP_A, NULL);
        ck_assert_int_ge(lock, 0);
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        lab_pass(&s.lab, SEC);
        ck_assert_ptr_null(lab_held(&s.lab, ESP_A));
        lock = safe_close(lock);
        lab_pass(&s.lab, SEC);
        worker_done(lab_worker(&s.lab, ESP_A));
        LAB_WAIT(&s.lab, s.n_ends == 1);
        ck_assert(!error_is_set(&s.error));
}
END_TEST

START_TEST(lock_that_nobody_known_keeps_is_an_error_after_3_s) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_(close_sender) Sender s = {};

        open_sender(&s);
        lock = lock_try(s.lab.t.root, "esp-" ESP_A, NULL);
        ck_assert_int_ge(lock, 0);
        ck_assert_int_ge(lock_set_holder(lock, 0), 0);
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        lab_pass(&s.lab, 2 * SEC);
        ck_assert_uint_eq(s.n_ends, 0);
        lab_pass(&s.lab, 2 * SEC);
        ck_assert_uint_eq(s.n_ends, 1);
        ck_assert_int_eq(s.error.code, ERROR_BUSY);
        ck_assert(!s.stuck);
}
END_TEST

START_TEST(look_of_our_own_at_the_esp_is_waited_for_until_it_has_ended) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_(close_sender) Sender s = {};

        open_sender(&s);
        lock = lock_try(s.lab.t.root, "esp-" ESP_A, NULL);
        ck_assert_int_ge(lock, 0);
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        workers_set_look(s.lab.workers, ESP_A);
        lab_pass(&s.lab, 60 * SEC);
        ck_assert_uint_eq(s.n_ends, 0);
        workers_set_look(s.lab.workers, ESP_B);
        lab_pass(&s.lab, 2 * SEC);
        ck_assert_uint_eq(s.n_ends, 0);
        lab_pass(&s.lab, 2 * SEC);
        ck_assert_uint_eq(s.n_ends, 1);
        ck_assert(!workers_look_at(s.lab.workers, NULL));
}
END_TEST

START_TEST(worker_that_does_not_die_becomes_a_straggler_of_its_esp) {
        _cleanup_(close_sender) Sender s = {};
        Worker *w;

        open_sender(&s);
        s.lab.no_kill = true;
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        w = lab_worker(&s.lab, ESP_A);
        lab_pass(&s.lab, 111 * SEC);
        ck_assert_uint_eq(s.n_ends, 1);
        ck_assert(s.stuck);
        ck_assert_int_eq(s.error.code, ERROR_TIMEOUT);
        ck_assert(workers_have_straggler(s.lab.workers, ESP_A));
        ck_assert(!workers_have_straggler(s.lab.workers, ESP_B));
        worker_kill(w);
        LAB_WAIT(&s.lab, s.straggler);
        ck_assert_str_eq(s.straggler, ESP_A);
        ck_assert(!workers_have_straggler(s.lab.workers, ESP_A));
        ck_assert_uint_eq(s.n_ends, 1);
}
END_TEST

START_TEST(errand_that_is_canceled_while_it_waits_for_the_lock_starts_no_worker) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_(close_sender) Sender s = {};

        open_sender(&s);
        lock = lock_try(s.lab.t.root, "esp-" ESP_A, NULL);
        ck_assert_int_ge(lock, 0);
        ck_assert_int_ge(send_errand(&s, NULL), 0);
        errand_cancel(s.errand);
        lock = safe_close(lock);
        lab_pass(&s.lab, SEC);
        ck_assert_uint_eq(s.n_ends, 1);
        ck_assert_int_eq(s.error.code, ERROR_CANCELED);
        ck_assert_ptr_null(lab_held(&s.lab, ESP_A));
}
END_TEST

START_TEST(without_a_place_for_locks_it_fails_at_once_and_says_why) {
        _cleanup_error_ Error error = {};
        _cleanup_(close_sender) Sender s = {};

        open_sender(&s);
        temp_puts(&s.lab.t, "run/bootsync", "no directory");
        ck_assert_int_lt(send_errand(&s, &error), 0);
        ck_assert_ptr_nonnull(strstr(error.message, "Cannot take the lock"));
        ck_assert_ptr_null(s.errand);
}
END_TEST

CHECK_MAIN("errand", reports_are_handed_on_and_a_good_end_is_told_without_error,
           lock_that_is_let_go_in_time_is_waited_for,
           lock_that_nobody_known_keeps_is_an_error_after_3_s,
           look_of_our_own_at_the_esp_is_waited_for_until_it_has_ended,
           worker_that_does_not_die_becomes_a_straggler_of_its_esp,
           errand_that_is_canceled_while_it_waits_for_the_lock_starts_no_worker,
           without_a_place_for_locks_it_fails_at_once_and_says_why)
