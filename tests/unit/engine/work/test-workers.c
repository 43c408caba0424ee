/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workers that outlive their errand are in one list until they end. */

#include "engine/work/workers.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Heard {
        unsigned n;
        char *esp_uuid; /* NULL: of no ESP */
} Heard;

static void on_ended(const char *esp_uuid, void *userdata) {
        Heard *heard = userdata;

        heard->n++;
        free(heard->esp_uuid);
        heard->esp_uuid = esp_uuid ? strdup(esp_uuid) : NULL;
}

static void heard_done(Heard *heard) {
        free(heard->esp_uuid);
}

static pid_t sleeper(void) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) pause();
                _exit(EXIT_SUCCESS);
        }
        return pid;
}

static void end_process(pid_t pid) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(process_of_an_earlier_daemon_is_followed_until_it_ends_and_told_once) {
        _cleanup_(heard_done) Heard heard = {};
        _cleanup_lab_ Lab lab;
        pid_t a, other;
        Workers *w;

        lab_open(&lab);
        w = lab_workers(&lab, on_ended, &heard);
        a = sleeper();
        other = sleeper();
        ck_assert_int_ge(workers_follow(w, NULL, a, ESP_A), 0);
        ck_assert_int_ge(workers_follow(w, NULL, other, NULL), 0);
        ck_assert(workers_have_straggler(w, ESP_A));
        lab_turn(&lab);
        ck_assert_uint_eq(heard.n, 0);

        end_process(other);
        LAB_WAIT(&lab, heard.n == 1);
        ck_assert_ptr_null(heard.esp_uuid);
        ck_assert(workers_have_straggler(w, ESP_A));
        end_process(a);
        LAB_WAIT(&lab, heard.n == 2);
        ck_assert_str_eq(heard.esp_uuid, ESP_A);
        ck_assert(!workers_have_straggler(w, ESP_A));
}
END_TEST

START_TEST(process_that_is_gone_already_is_no_straggler) {
        _cleanup_(heard_done) Heard heard = {};
        _cleanup_lab_ Lab lab;
        Workers *w;
        pid_t pid;

        lab_open(&lab);
        w = lab_workers(&lab, on_ended, &heard);
        pid = sleeper();
        end_process(pid);
        ck_assert_int_eq(workers_follow(w, NULL, pid, ESP_A), -ESRCH);
        ck_assert(!workers_have_straggler(w, ESP_A));
}
END_TEST

CHECK_MAIN("workers", process_of_an_earlier_daemon_is_followed_until_it_ends_and_told_once,
           process_that_is_gone_already_is_no_straggler)
