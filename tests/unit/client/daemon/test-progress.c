/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job says how far it is in one line, without what is not known. */

#include "client/daemon/progress.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define MIB UINT64_C(1048576)

const Scene scenes[] = { {} };

static JobInfo refresh(void) {
        return (JobInfo){
                .id = 8,
                .type = (char *) "refresh",
                .state = (char *) "running",
                .message = (char *) "1111-AAAA: copying vmlinuz-6.12.1-pve",
                .percent = 43,
                .bytes_done = 860 * MIB,
                .bytes_total = 2000 * MIB,
                .rate = 96 * MIB,
        };
}

static void assert_line(const JobInfo *job, const char *expect) {
        _cleanup_free_ char *line = progress_line(job);

        ck_assert_str_eq(line, expect);
}

static void assert_summary(const JobInfo *job, const char *expect) {
        _cleanup_free_ char *summary = progress_summary(job);

        ck_assert_str_eq(summary, expect);
}

START_TEST(line_has_percent_rate_time_and_file) {
        const JobInfo job = refresh();

        assert_line(&job, "job 8 refresh  43 %  96.0 MiB/s  12 s left  "
                          "1111-AAAA: copying vmlinuz-6.12.1-pve");
        assert_summary(&job, "refresh, 43 %, 96.0 MiB/s, 12 s left");
}
END_TEST

START_TEST(job_that_waits_tells_for_what_and_not_how_fast_it_was) {
        JobInfo job = refresh();

        job.waiting_for = (char *) "its turn to write (ESP 1111-AAAA commits)";
        assert_line(&job,
                    "job 8 refresh  43 %  waits for its turn to write (ESP 1111-AAAA commits)");
        assert_summary(&job, "refresh, 43 %, waits for its turn to write (ESP 1111-AAAA commits)");
        job = (JobInfo){ .id = 11,
                         .type = (char *) "refresh",
                         .state = (char *) "queued",
                         .waiting_for = (char *) "job 10" };
        assert_line(&job, "job 11 refresh  waits for job 10");
        assert_summary(&job, "refresh, waits for job 10");
}
END_TEST

START_TEST(what_is_not_known_is_left_out) {
        JobInfo job = refresh();

        job.rate = 0;
        assert_summary(&job, "refresh, 43 %");
        job = refresh();
        job.bytes_done = job.bytes_total;
        assert_summary(&job, "refresh, 43 %");
        job.bytes_done = UINT64_MAX;
        assert_summary(&job, "refresh, 43 %");
        job = (JobInfo){ .id = 1, .type = (char *) "probe", .message = (char *) "looking" };
        assert_line(&job, "job 1 probe  looking");
        assert_summary(&job, "probe");
        job.state = (char *) "canceling";
        assert_summary(&job, "probe, canceling");
}
END_TEST

START_TEST(time_that_is_left_is_rounded_up) {
        JobInfo job = refresh();

        job.bytes_done = job.bytes_total - 1;
        assert_summary(&job, "refresh, 43 %, 96.0 MiB/s, 1 s left");
}
END_TEST

START_TEST(durations_are_in_the_two_largest_units) {
        static const struct {
                uint64_t seconds;
                const char *text;
        } cases[] = {
                { 1, "1 s" },
                { 59, "59 s" },
                { 60, "1 min 0 s" },
                { 185, "3 min 5 s" },
                { 3599, "59 min 59 s" },
                { 3600, "1 h 0 min" },
                { 7859, "2 h 10 min" },
                { 360000, "100 h 0 min" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *expect =
                                strprintf("refresh, 43 %%, 1 B/s, %s left", cases[i].text);
                JobInfo job = refresh();

                job.rate = 1;
                job.bytes_done = 0;
                job.bytes_total = cases[i].seconds;
                assert_summary(&job, expect);
        }
}
END_TEST

CHECK_MAIN("client-progress", line_has_percent_rate_time_and_file,
           job_that_waits_tells_for_what_and_not_how_fast_it_was, what_is_not_known_is_left_out,
           time_that_is_left_is_rounded_up, durations_are_in_the_two_largest_units)
