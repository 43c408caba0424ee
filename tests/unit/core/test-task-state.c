/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a worker. */

#include "core/wire/task-state.h"

#include "tests/unit/check-main.h"

#define SEC UINT64_C(1000000)

static const TaskState signalled[] = { TASK_TERMINATING, TASK_KILLING, TASK_STUCK };

START_TEST(silent_worker_is_warned_about_asked_told_and_given_up) {
        static const TaskState path[] = { TASK_RUNNING, TASK_WARNED, TASK_TERMINATING,
                                          TASK_KILLING, TASK_STUCK,  TASK_STUCK };

        for (size_t i = 0; i + 1 < ELEMENTSOF(path); i++)
                ck_assert_int_eq(task_state_next(path[i], TASK_EVENT_DEADLINE), path[i + 1]);
}
END_TEST

START_TEST(warning_comes_after_30_s_and_the_end_after_110) {
        ck_assert_uint_eq(task_state_deadline_usec(TASK_RUNNING), 30 * SEC);
        ck_assert_uint_eq(task_state_deadline_usec(TASK_RUNNING) +
                                          task_state_deadline_usec(TASK_WARNED),
                          90 * SEC);
        ck_assert_uint_eq(task_state_deadline_usec(TASK_TERMINATING), 10 * SEC);
        ck_assert_uint_eq(task_state_deadline_usec(TASK_KILLING), 10 * SEC);
}
END_TEST

START_TEST(no_deadline_runs_while_waiting_nor_at_the_end) {
        ck_assert_uint_eq(task_state_deadline_usec(TASK_WAITING), UINT64_MAX);
        ck_assert_uint_eq(task_state_deadline_usec(TASK_STUCK), UINT64_MAX);
        ck_assert_uint_eq(task_state_deadline_usec(TASK_EXITED), UINT64_MAX);
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_DEADLINE), TASK_WAITING);
}
END_TEST

START_TEST(report_takes_the_warning_back) {
        ck_assert_int_eq(task_state_next(TASK_RUNNING, TASK_EVENT_REPORT), TASK_RUNNING);
        ck_assert_int_eq(task_state_next(TASK_WARNED, TASK_EVENT_REPORT), TASK_RUNNING);
}
END_TEST

START_TEST(late_report_does_not_take_a_signal_back) {
        for (size_t i = 0; i < ELEMENTSOF(signalled); i++) {
                ck_assert_int_eq(task_state_next(signalled[i], TASK_EVENT_REPORT), signalled[i]);
                ck_assert_int_eq(task_state_next(signalled[i], TASK_EVENT_WAITING), signalled[i]);
                ck_assert_int_eq(task_state_next(signalled[i], TASK_EVENT_COMMIT), signalled[i]);
                ck_assert_int_eq(task_state_next(signalled[i], TASK_EVENT_STOP), signalled[i]);
                ck_assert_int_eq(task_state_next(signalled[i], TASK_EVENT_BABBLE), signalled[i]);
        }
}
END_TEST

START_TEST(staged_worker_waits_until_it_has_the_token) {
        ck_assert_int_eq(task_state_next(TASK_RUNNING, TASK_EVENT_WAITING), TASK_WAITING);
        ck_assert_int_eq(task_state_next(TASK_WARNED, TASK_EVENT_WAITING), TASK_WAITING);
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_WAITING), TASK_WAITING);
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_REPORT), TASK_WAITING);
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_COMMIT), TASK_RUNNING);
}
END_TEST

START_TEST(token_out_of_turn_changes_nothing) {
        ck_assert_int_eq(task_state_next(TASK_RUNNING, TASK_EVENT_COMMIT), TASK_RUNNING);
        ck_assert_int_eq(task_state_next(TASK_WARNED, TASK_EVENT_COMMIT), TASK_WARNED);
}
END_TEST

START_TEST(who_is_told_to_stop_waits_no_more) {
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_STOP), TASK_RUNNING);
        ck_assert_int_eq(task_state_next(TASK_RUNNING, TASK_EVENT_STOP), TASK_RUNNING);
        ck_assert_int_eq(task_state_next(TASK_WARNED, TASK_EVENT_STOP), TASK_WARNED);
}
END_TEST

START_TEST(who_babbles_is_ended_at_once) {
        ck_assert_int_eq(task_state_next(TASK_RUNNING, TASK_EVENT_BABBLE), TASK_TERMINATING);
        ck_assert_int_eq(task_state_next(TASK_WARNED, TASK_EVENT_BABBLE), TASK_TERMINATING);
        ck_assert_int_eq(task_state_next(TASK_WAITING, TASK_EVENT_BABBLE), TASK_TERMINATING);
}
END_TEST

START_TEST(exit_ends_every_state_for_good) {
        for (TaskState s = 0; s < _TASK_STATE_MAX; s++)
                ck_assert_int_eq(task_state_next(s, TASK_EVENT_EXIT), TASK_EXITED);
        for (TaskEvent e = 0; e < _TASK_EVENT_MAX; e++)
                ck_assert_int_eq(task_state_next(TASK_EXITED, e), TASK_EXITED);
}
END_TEST

START_TEST(only_exit_leads_to_exited) {
        for (TaskState s = 0; s < TASK_EXITED; s++)
                for (TaskEvent e = 0; e < TASK_EVENT_EXIT; e++)
                        ck_assert_int_ne(task_state_next(s, e), TASK_EXITED);
}
END_TEST

CHECK_MAIN("task-state", silent_worker_is_warned_about_asked_told_and_given_up,
           warning_comes_after_30_s_and_the_end_after_110,
           no_deadline_runs_while_waiting_nor_at_the_end, report_takes_the_warning_back,
           late_report_does_not_take_a_signal_back, staged_worker_waits_until_it_has_the_token,
           token_out_of_turn_changes_nothing, who_is_told_to_stop_waits_no_more,
           who_babbles_is_ended_at_once, exit_ends_every_state_for_good, only_exit_leads_to_exited)
