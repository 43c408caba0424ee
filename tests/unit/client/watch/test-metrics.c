/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `metrics` is what Prometheus reads: each state a series, nothing that is not known, and a file
 * that is there as a whole. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value manager_full[] = {
        { "Version", "s", "0.1.0" },
        { "RunningKernel", "s", "6.8.12-4-pve" },
        { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "WantedKernel", "s", "6.14.1-1-pve" },
        { "PinnedKernel", "s", "6.8.12-4-pve" },
        { "PinnedSinceUSec", "t", "1764525600000001" },
        { "Redundancy", "s", "degraded" },
        { "Watching", "s", "timer" },
        { "LastRefreshUSec", "t", "1764525600123456" },
        { "LastRefreshResult", "s", "partial" },
        { "Pending", "as", "add 6.14.1-1-pve" },
        { "Warnings", "a(sssss)",
          "pin-old|note|6.8|x|y;bad-line|warning|/etc/a|x|y;bad-line|warning|/etc/b|x|y;"
          "of-tomorrow|fault|z|x|y;of-tomorrow|fault|z2|x|y" },
        {},
};
static const Value esp_odd[] = {
        { "Uuid", "s", "3333-CCCC" },
        { "Device", "s", "/dev/\"a\\b\nc" },
        { "State", "s", "melted" },
        { "LastSyncUSec", "t", "1764525600000000" },
        { "LastVerifyUSec", "t", "1764525700500000" },
        {},
};
enum { FULL, REDUNDANT, ABSENT };
const Scene scenes[] = {
        [FULL] = { .manager = manager_full, .esps = { esp_in_sync, esp_failed, esp_odd } },
        [REDUNDANT] = { .manager = manager_redundant },
        [ABSENT] = { .absent = true },
};

/* The series is there with that value, as a line of its own. */
static void assert_sample(const Outcome *o, const char *sample) {
        _cleanup_free_ char *line = must(strprintf("\nbootsync_%s\n", sample));

        assert_contains(o->out, line);
}

START_TEST(states_are_a_series_each) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(FULL, "metrics");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.err, "");
        assert_sample(&o, "up 1");
        assert_sample(&o, "redundancy{state=\"degraded\"} 1");
        assert_sample(&o, "redundancy{state=\"redundant\"} 0");
        assert_sample(&o, "redundancy{state=\"unbootable\"} 0");
        assert_sample(&o, "esp_state{uuid=\"1111-AAAA\",state=\"in-sync\"} 1");
        assert_sample(&o, "esp_state{uuid=\"2222-BBBB\",state=\"in-sync\"} 0");
        assert_sample(&o, "esp_state{uuid=\"2222-BBBB\",state=\"failed\"} 1");
        /* One that is not known here. */
        assert_sample(&o, "esp_state{uuid=\"3333-CCCC\",state=\"melted\"} 1");
        assert_sample(&o, "esp_state{uuid=\"3333-CCCC\",state=\"failed\"} 0");
}
END_TEST

START_TEST(warnings_are_counted_by_kind_also_those_that_there_are_none_of) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(FULL, "metrics");

        assert_sample(&o, "warnings{id=\"pin-old\",severity=\"note\"} 1");
        assert_sample(&o, "warnings{id=\"bad-line\",severity=\"warning\"} 2");
        assert_sample(&o, "warnings{id=\"files-unreadable\",severity=\"fault\"} 0");
        assert_sample(&o, "warnings{id=\"of-tomorrow\",severity=\"fault\"} 2");
        ck_assert_ptr_eq(strstr(o.out, "of-tomorrow"),
                         strstr(strstr(o.out, "of-tomorrow"), "of-tomorrow"));
        ck_assert_ptr_null(strstr(strstr(o.out, "of-tomorrow") + 1, "of-tomorrow"));
}
END_TEST

START_TEST(figures_are_in_base_units_and_left_out_where_they_are_not_known) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(FULL, "metrics");
        _cleanup_outcome_ Outcome none = RUN_ON_BUS(REDUNDANT, "metrics");

        assert_sample(&o, "last_refresh_timestamp_seconds 1764525600.123456");
        assert_sample(&o, "last_refresh_success 0");
        assert_sample(&o, "kernel_pinned 1");
        assert_sample(&o, "kernel_pinned_timestamp_seconds 1764525600.000001");
        assert_sample(&o, "kernel_info{role=\"default\",version=\"6.8.12-4-pve\"} 1");
        assert_sample(&o, "kernel_info{role=\"wanted\",version=\"6.14.1-1-pve\"} 1");
        assert_sample(&o, "pending 1");
        assert_sample(&o, "watching 0");
        assert_sample(&o, "esps 3");
        assert_sample(&o, "esp_size_bytes{uuid=\"1111-AAAA\"} 1048576");
        assert_sample(&o, "esp_used_bytes{uuid=\"1111-AAAA\"} 524288");
        assert_sample(&o, "esp_kernels{uuid=\"1111-AAAA\"} 1");
        assert_lacks(o.out, "_bytes{uuid=\"2222-BBBB\"}");
        assert_sample(&o, "esp_last_verify_timestamp_seconds{uuid=\"3333-CCCC\"} "
                          "1764525700.500000");
        assert_lacks(o.out, "ksm");
        assert_lacks(none.out, "boot_info");
        assert_sample(&none, "kernel_pinned 0");
        assert_lacks(none.out, "timestamp_seconds{");
        assert_lacks(none.out, "last_refresh");
}
END_TEST

START_TEST(labels_are_escaped) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(FULL, "metrics");

        assert_contains(o.out, "device=\"/dev/\\\"a\\\\b\\nc\",");
}
END_TEST

START_TEST(no_daemon_is_a_value_and_no_failure) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(ABSENT, "metrics");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_msg(startswith(o.out, "# bootsyncd does not run; "), "%s", o.out);
        assert_sample(&o, "up 0");
        assert_lacks(o.out, "bootsync_redundancy");
}
END_TEST

START_TEST(file_is_replaced_as_a_whole_and_can_be_read_by_all) {
        char directory[] = "/tmp/bootsync-metrics-XXXXXX";
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int old = -EBADF;
        _cleanup_outcome_ Outcome o = {};
        struct stat before, after;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        path = must(strprintf("%s/bootsync.prom", directory));
        old = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(old, "old", 3), 3);
        (void) umask(0077);
        o = RUN_ON_BUS(FULL, "metrics", path);
        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "");
        ck_assert_int_eq(fstat(old, &before), 0);
        ck_assert_int_eq(stat(path, &after), 0);
        ck_assert_uint_ne(before.st_ino, after.st_ino);
        ck_assert_int_eq(before.st_size, 3);
        ck_assert_uint_eq(after.st_mode & 0777, 0644);
        ck_assert_int_gt(after.st_size, 1000);
        /* Nothing is left beside it. */
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(file_that_cannot_be_written_is_a_failure_that_leaves_nothing) {
        char directory[] = "/tmp/bootsync-metrics-XXXXXX";
        _cleanup_free_ char *nowhere = NULL, *taken = NULL;
        _cleanup_outcome_ Outcome o = {}, other = {};

        ck_assert_ptr_nonnull(mkdtemp(directory));
        nowhere = must(strprintf("%s/none/x.prom", directory));
        taken = must(strprintf("%s/taken", directory));
        o = RUN_ON_BUS(FULL, "metrics", nowhere);
        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "x.prom': No such file or directory.");
        ck_assert_int_eq(mkdir(taken, 0700), 0);
        other = RUN_ON_BUS(FULL, "metrics", taken);
        ck_assert_int_eq(other.status, STATUS_FAILED);
        ck_assert_int_eq(rmdir(taken), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(json_is_refused) {
        _cleanup_outcome_ Outcome o = RUN(FULL, "metrics", "--json");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.calls, "");
}
END_TEST

CHECK_MAIN("client-watch-metrics", states_are_a_series_each,
           warnings_are_counted_by_kind_also_those_that_there_are_none_of,
           figures_are_in_base_units_and_left_out_where_they_are_not_known, labels_are_escaped,
           no_daemon_is_a_value_and_no_failure, file_is_replaced_as_a_whole_and_can_be_read_by_all,
           file_that_cannot_be_written_is_a_failure_that_leaves_nothing, json_is_refused)
