/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Under the old names: the words and numbers that scripts rely on, whatever the daemon answers. */

#include "client/verb/compat.h"

#include "tests/unit/client/bench.h"

enum { GOOD, PARTIAL, ALL_FAILED, NONE, UNREADABLE };
static const Value unreadable[] = { { "Redundancy", "s", "unknown" },
                                    { "RedundancyReason", "s", "The list cannot be read." },
                                    {} };
const Scene scenes[] = {
        [GOOD] = { .manager = manager_redundant, .esps = { esp_in_sync }, .job = "done" },
        [PARTIAL] = { .manager = manager_redundant,
                      .esps = { esp_in_sync, esp_failed },
                      .job = "partial" },
        [ALL_FAILED] = { .manager = manager_redundant, .esps = { esp_failed }, .job = "done" },
        [NONE] = { .manager = manager_redundant, .job = "done" },
        [UNREADABLE] = { .manager = unreadable, .job = "done" },
};

static Outcome old(size_t scene, char *const *arguments) {
        bench_name = "/usr/sbin/proxmox-boot-tool";
        return bench_run(scene, arguments);
}
#define OLD(scene, ...) old((scene), (char *[]){ __VA_ARGS__, NULL })

START_TEST(old_names_are_known_wherever_they_are) {
        ck_assert(compat_is_called("/usr/sbin/proxmox-boot-tool"));
        ck_assert(compat_is_called("pve-efiboot-tool"));
        ck_assert(!compat_is_called("/usr/sbin/proxmox-boot-tool/bootctl-pve"));
        ck_assert(!compat_is_called(NULL));
}
END_TEST

START_TEST(status_has_a_line_for_each_esp_that_holds_something) {
        _cleanup_outcome_ Outcome good = OLD(GOOD, "status"), partial = OLD(PARTIAL, "status"),
                                  failed = OLD(ALL_FAILED, "status");

        ck_assert_int_eq(good.status, 0);
        ck_assert_str_eq(good.out, "System currently booted with legacy bios\n"
                                   "1111-AAAA is configured with: uefi (versions: 6.8.12-4-pve)\n");
        ck_assert_str_eq(good.err, "");
        ck_assert_int_eq(partial.status, 0);
        ck_assert_str_eq(partial.out, good.out);
        assert_contains(partial.err, "2222-BBBB");
        ck_assert_int_eq(failed.status, 1);
}
END_TEST

START_TEST(status_without_an_esp_is_2_and_without_knowledge_1) {
        _cleanup_outcome_ Outcome none = OLD(NONE, "status"),
                                  quiet = OLD(NONE, "status", "--quiet"),
                                  unknown = OLD(UNREADABLE, "status", "--quiet");

        ck_assert_int_eq(none.status, 2);
        ck_assert_str_eq(none.err, "E: /etc/kernel/proxmox-boot-uuids does not exist.\n");
        ck_assert_int_eq(quiet.status, 2);
        ck_assert_str_eq(quiet.err, "");
        ck_assert_int_eq(unknown.status, 1);
}
END_TEST

START_TEST(quiet_status_has_no_disk_looked_at) {
        _cleanup_outcome_ Outcome o = OLD(GOOD, "status", "--quiet");

        ck_assert_int_eq(o.status, 0);
        ck_assert_str_eq(o.out, "");
        assert_lacks(o.calls, "ProbePartitions");
}
END_TEST

START_TEST(kernel_list_is_headings_and_versions) {
        _cleanup_outcome_ Outcome o = OLD(GOOD, "kernels", "list");

        ck_assert_int_eq(o.status, 0);
        ck_assert_str_eq(o.out, "Manually selected kernels:\n6.5.13-5-pve\n\n"
                                "Automatically selected kernels:\n");
}
END_TEST

START_TEST(refresh_knows_two_hooks_and_is_0_if_done_in_part) {
        _cleanup_outcome_ Outcome hook = OLD(PARTIAL, "refresh", "--hook", "zz-proxmox-boot"),
                                  other = OLD(GOOD, "refresh", "--hook", "zz-other"),
                                  half = OLD(GOOD, "refresh", "--hook");

        ck_assert_int_eq(hook.status, 0);
        assert_contains(hook.calls, "Refresh");
        ck_assert_int_eq(other.status, 1);
        ck_assert_str_eq(other.calls, "");
        ck_assert_int_eq(half.status, 1);
}
END_TEST

START_TEST(bad_usage_is_1_and_help_0) {
        _cleanup_outcome_ Outcome bad = OLD(GOOD, "frobnicate"), help = OLD(GOOD, "help");

        ck_assert_int_eq(bad.status, 1);
        ck_assert_int_eq(help.status, 0);
        assert_contains(help.out, "refresh [--hook <name>]");
}
END_TEST

START_TEST(kernel_that_is_not_on_the_list_is_taken_off_it_without_an_error) {
        _cleanup_outcome_ Outcome absent = OLD(GOOD, "kernel", "remove", "1.2.3-4-pve"),
                                  listed = OLD(GOOD, "kernel", "remove", "6.5.13-5-pve");

        ck_assert_int_eq(absent.status, 0);
        assert_lacks(absent.calls, "RemoveKernel");
        ck_assert_int_eq(listed.status, 0);
        assert_contains(listed.calls, "RemoveKernel");
}
END_TEST

CHECK_MAIN("compat", old_names_are_known_wherever_they_are,
           status_has_a_line_for_each_esp_that_holds_something,
           status_without_an_esp_is_2_and_without_knowledge_1, quiet_status_has_no_disk_looked_at,
           kernel_list_is_headings_and_versions, refresh_knows_two_hooks_and_is_0_if_done_in_part,
           bad_usage_is_1_and_help_0,
           kernel_that_is_not_on_the_list_is_taken_off_it_without_an_error)
