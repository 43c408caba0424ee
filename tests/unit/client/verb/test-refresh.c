/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `refresh` and `verify` end as their job does. */

#include "tests/unit/client/bench.h"

enum { DONE, PARTIAL, NEEDLESS, NEVER };
const Scene scenes[] = {
        [DONE] = { .manager = manager_redundant,
                   .esps = { esp_in_sync },
                   .job = "done",
                   .job_message = "Copied one kernel." },
        [PARTIAL] = { .manager = manager_redundant,
                      .esps = { esp_in_sync, esp_failed },
                      .job = "partial" },
        [NEEDLESS] = { .manager = manager_redundant, .esps = { esp_in_sync } },
        [NEVER] = { .manager = manager_redundant, .esps = { esp_in_sync }, .job = "" },
};

START_TEST(refresh_tells_of_its_job_and_names_the_esps_in_sync) {
        _cleanup_outcome_ Outcome o = RUN(DONE, "refresh");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Copied one kernel.\nIn sync: 1111-AAAA.\n");
        ck_assert_str_eq(o.calls, "Refresh\nGetManagedObjects\nGetAll org.bootsync1.Manager\n");
}
END_TEST

START_TEST(refresh_of_named_esps_with_a_new_kernel_says_so_to_the_daemon) {
        _cleanup_outcome_ Outcome o =
                        RUN(DONE, "refresh", "--esp=1111-aaaa", "--new-kernel=6.9.1-1-pve");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "Refresh esps new-kernel=6.9.1-1-pve\n");
}
END_TEST

START_TEST(no_block_names_the_job_and_leaves_it) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(NEVER, "refresh", "--no-block");
        _cleanup_outcome_ Outcome json = RUN_ON_BUS(NEVER, "verify", "--no-block", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Job 7 was started.\n");
        assert_contains(o.calls, "Refresh\n");
        assert_json(json.out, "{ \"result\": \"started\", \"error\": \"\", \"message\":"
                              " \"Job 7 was started.\", \"job\": 7, \"esps\": [] }");
}
END_TEST

START_TEST(no_block_without_need_of_a_job_is_a_success_as_without_it) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(NEEDLESS, "refresh", "--no-block");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "In sync: 1111-AAAA.\n");
}
END_TEST

START_TEST(no_block_is_refused_where_the_daemon_would_end_with_the_client) {
        _cleanup_outcome_ Outcome o = RUN(NEVER, "refresh", "--no-block");
        _cleanup_outcome_ Outcome dry = RUN(DONE, "refresh", "--dry-run", "--no-block");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "There is no bootsyncd on the system bus");
        ck_assert_str_eq(o.calls, "");
        ck_assert_int_eq(dry.status, STATUS_USAGE);
        ck_assert_str_eq(dry.calls, "");
}
END_TEST

START_TEST(refresh_without_need_is_a_success) {
        _cleanup_outcome_ Outcome o = RUN(NEEDLESS, "refresh");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "In sync: 1111-AAAA.\n");
}
END_TEST

START_TEST(partial_refresh_names_the_esp_that_lacks_it) {
        _cleanup_outcome_ Outcome o = RUN(PARTIAL, "refresh");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.err, "bootctl-pve: The job ended with the result 'partial'.\n"
                                "bootctl-pve: ESP '2222-BBBB': The disk does not answer.\n");
        ck_assert_str_eq(o.out, "");
}
END_TEST

START_TEST(result_in_json_stands_on_stdout_and_the_trouble_on_stderr_too) {
        _cleanup_outcome_ Outcome o = RUN(PARTIAL, "verify", "--json");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "\"result\": \"partial\"");
        assert_contains(o.out, "\"state\": \"failed\"");
        assert_contains(o.err, "The disk does not answer.");
}
END_TEST

START_TEST(verify_says_verified) {
        _cleanup_outcome_ Outcome o = RUN(DONE, "verify", "--esp=0123");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "Verify esps\n");
        assert_lacks(o.out, "In sync");
}
END_TEST

START_TEST(dry_run_of_a_new_kernel_is_bad_usage_and_no_call) {
        _cleanup_outcome_ Outcome o = RUN(DONE, "refresh", "--dry-run", "--new-kernel=6.9.1-1-pve");

        _cleanup_outcome_ Outcome verbose = RUN(DONE, "refresh", "--verbose");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.calls, "");
        ck_assert_int_eq(verbose.status, STATUS_USAGE);
        ck_assert_str_eq(verbose.calls, "");
}
END_TEST

CHECK_MAIN("client-verb-refresh", refresh_tells_of_its_job_and_names_the_esps_in_sync,
           refresh_of_named_esps_with_a_new_kernel_says_so_to_the_daemon,
           no_block_names_the_job_and_leaves_it,
           no_block_without_need_of_a_job_is_a_success_as_without_it,
           no_block_is_refused_where_the_daemon_would_end_with_the_client,
           refresh_without_need_is_a_success, partial_refresh_names_the_esp_that_lacks_it,
           result_in_json_stands_on_stdout_and_the_trouble_on_stderr_too, verify_says_verified,
           dry_run_of_a_new_kernel_is_bad_usage_and_no_call)
