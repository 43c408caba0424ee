/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker as a program: it wants a plan on descriptor 3 and somebody on descriptor 4, and says
 * on stderr what it cannot report. */

#include <sys/wait.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define PLAN "bootsync-plan version=2 esp=ABCD-0123\nscan\nend\n"
#define OUT  "out"

/* Run the worker in a shell, which redirects its descriptors; the exit status, and what it printed.
 */
static int run(const TempRoot *t, const char *arguments, char **ret_text) {
        _cleanup_free_ char *command = strprintf("cd '%s' && { '%s' %s; } >" OUT " 2>&1", t->path,
                                                 BOOTSYNC_WORKER, arguments);
        _cleanup_free_ char *path = strprintf("%s/" OUT, t->path);
        size_t allocated = 0;
        int status = system(command);
        FILE *f = fopen(path, "re");

        ck_assert(WIFEXITED(status));
        ck_assert_ptr_nonnull(f);
        *ret_text = NULL;
        if (getdelim(ret_text, &allocated, '\0', f) < 0)
                (*ret_text)[0] = '\0';
        (void) fclose(f);
        return WEXITSTATUS(status);
}

static void assert_run(const char *arguments, int status, const char *part) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *text = NULL;

        temp_puts(&t, "plan", PLAN);
        temp_puts(&t, "nonsense", "nonsense\n");
        temp_mkdir(&t, "dev/disk/by-uuid/ABCD-0123");
        ck_assert_int_eq(run(&t, arguments, &text), status);
        ck_assert_msg(strstr(text, part), "no '%s' in:\n%s", part, text);
}

START_TEST(version_and_help_need_no_plan) {
        assert_run("--version", 0, "bootsync-worker " BOOTSYNC_VERSION "\n");
        assert_run("--help", 0, "bootsync-worker [OPTIONS...] 3<PLAN 4>REPORTS\n");
}
END_TEST

START_TEST(plan_is_carried_out_and_reported) {
        assert_run("--root=. 3<plan 4>&1", 0, "started\nstep index=0\nspace ");
        assert_run("--root=. 3<plan 4>&1", 0, "done\n");
        assert_run("--root=absent 3<plan 4>&1", 1, "failed error=");
}
END_TEST

START_TEST(arguments_that_are_wrong_are_named) {
        assert_run("--root=. now 3<plan 4>&1", 2, "takes no arguments, such as 'now'.");
        assert_run("--hook=nowhere:1:kill 3<plan 4>&1", 2,
                   "--hook= needs POINT:N:ACTION, not 'nowhere:1:kill'.");
        assert_run("--frobnicate", 2, "frobnicate");
}
END_TEST

START_TEST(without_a_plan_or_somebody_to_report_to_nothing_is_done) {
        assert_run("--root=. 3<&- 4>&1", 2, "no plan to read on descriptor 3");
        assert_run("--root=. 3<nonsense 4>&1", 2, "what is on descriptor 3 is no plan");
        assert_run("--root=. 3<plan 4>&-", 2, "nobody to report to on descriptor 4");
}
END_TEST

CHECK_MAIN("worker-main", version_and_help_need_no_plan, plan_is_carried_out_and_reported,
           arguments_that_are_wrong_are_named,
           without_a_plan_or_somebody_to_report_to_nothing_is_done)
