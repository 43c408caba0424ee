/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware is asked by a worker, once for many wishes, and again for one that comes meanwhile.
 */

#include "engine/asker.h"

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Ear {
        Lab lab;
        Asker *asker;
        unsigned n_heard;
        bool uefi;
} Ear;

static void on_heard(Firmware *firmware, void *userdata) {
        Ear *e = userdata;

        e->n_heard++;
        e->uefi = firmware->uefi;
}

static void open_ear(Ear *e) {
        lab_open(&e->lab);
        e->lab.hold = "*";
        ck_assert_int_ge(asker_new(lab_workers(&e->lab, NULL, NULL), on_heard, e, &e->asker), 0);
}

static void close_ear(Ear *e) {
        asker_free(e->asker);
        lab_close(&e->lab);
}
#define _cleanup_ear_ _cleanup_(close_ear)

static void answer(Worker *w) {
        Report report = { .type = REPORT_FIRMWARE, .text = (char *) "firmware uefi=0\n" };

        worker_say(w, &report);
        worker_done(w);
}

START_TEST(many_wishes_at_once_are_one_question_and_one_meanwhile_is_another) {
        _cleanup_ear_ Ear e = {};
        Worker *w;

        open_ear(&e);
        asker_ask(e.asker);
        asker_ask(e.asker);
        w = lab_worker(&e.lab, NULL);
        asker_ask(e.asker);
        answer(w);
        answer(lab_worker(&e.lab, NULL));
        LAB_WAIT(&e.lab, e.n_heard == 2);
        lab_turn(&e.lab);
        ck_assert_ptr_null(lab_held(&e.lab, NULL));
        ck_assert_uint_eq(e.n_heard, 2);
}
END_TEST

START_TEST(worker_that_fails_is_no_answer_and_it_can_be_asked_again) {
        _cleanup_ear_ Ear e = {};

        open_ear(&e);
        asker_ask(e.asker);
        worker_fail(lab_worker(&e.lab, NULL), ERROR_FIRMWARE_ERROR, "The firmware does not answer");
        lab_turn(&e.lab);
        ck_assert_uint_eq(e.n_heard, 0);
        asker_ask(e.asker);
        answer(lab_worker(&e.lab, NULL));
        LAB_WAIT(&e.lab, e.n_heard == 1);
}
END_TEST

CHECK_MAIN("asker", many_wishes_at_once_are_one_question_and_one_meanwhile_is_another,
           worker_that_fails_is_no_answer_and_it_can_be_asked_again)
