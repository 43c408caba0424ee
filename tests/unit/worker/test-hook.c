/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A hook strikes once, at the time and point that it was given. */

#include "worker/hook.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check-main.h"

START_TEST(point_time_and_action_are_read) {
        Hook hook = {};

        ck_assert_int_eq(hook_parse("place:12:kill", &hook), 0);
        ck_assert_int_eq(hook.point, HOOK_PLACE);
        ck_assert_uint_eq(hook.left, 12);
        ck_assert_int_eq(hook.signal, SIGKILL);
        ck_assert_int_eq(hook_parse("remove:1:stop", &hook), 0);
        ck_assert_int_eq(hook.signal, SIGSTOP);
}
END_TEST

START_TEST(all_else_is_refused_and_changes_nothing) {
        static const char *const wrong[] = {
                "",
                "stage",
                "stage:1",
                "stage:0:kill",
                "stage:x:kill",
                "stage:1:sleep",
                "nowhere:1:kill",
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Hook hook = { .left = 77 };

                ck_assert_int_eq(hook_parse(wrong[i], &hook), -EINVAL);
                ck_assert_uint_eq(hook.left, 77);
        }
}
END_TEST

/* The signal that ends a process which comes to STAGE, PLACE, PLACE; 0: none. */
static int end_signal(Hook hook) {
        pid_t pid = fork();
        int status;

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                hook_reached(&hook, HOOK_STAGE);
                hook_reached(&hook, HOOK_PLACE);
                hook_reached(&hook, HOOK_PLACE);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(hook_strikes_at_its_point_and_time_only) {
        ck_assert_int_eq(end_signal((Hook){ HOOK_PLACE, 2, SIGKILL }), SIGKILL);
        ck_assert_int_eq(end_signal((Hook){ HOOK_STAGE, 1, SIGKILL }), SIGKILL);
        ck_assert_int_eq(end_signal((Hook){ HOOK_PLACE, 3, SIGKILL }), 0);
        ck_assert_int_eq(end_signal((Hook){ HOOK_REMOVE, 1, SIGKILL }), 0);
        ck_assert_int_eq(end_signal((Hook){}), 0);
}
END_TEST

CHECK_MAIN("worker-hook", point_time_and_action_are_read, all_else_is_refused_and_changes_nothing,
           hook_strikes_at_its_point_and_time_only)
