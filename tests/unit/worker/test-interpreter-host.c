/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans of the host: its firmware's variables, its own menu of GRUB, KSM. */

#include "common/names.h"
#include "tests/unit/worker/bench.h"

#define HEAD      "bootsync-plan version=2\n"
#define KSM(name) PATH_KSM "/" name

/* libefivar looks for the firmware's variables before main() begins; see test-bootvar.c. */
__attribute__((constructor)) static void redirect_libefivar(void) {
        static const char variable[] = "EFIVARFS_PATH", path[] = "sys/firmware/efi/efivars/";
        char *arguments[] = { program_invocation_name, NULL };

        if (streq_ptr(getenv(variable), path))
                return;
        if (setenv(variable, path, true) < 0 || setenv("LIBEFIVAR_OPS", "efivarfs", true) < 0)
                abort();
        (void) execv("/proc/self/exe", arguments);
        abort();
}

START_TEST(host_without_efi_has_no_one_shot_to_arm) {
        _cleanup_bench_ Bench b = bench_new();

        ck_assert_int_ge(chdir(b.root.path), 0);
        ck_assert_int_eq(bench_run(&b, HEAD "firmware\n"), 0);
        bench_assert_heard(&b, "firmware ");
        bench_assert_ends(&b, "done\n");
        ck_assert_int_lt(bench_run(&b, HEAD "arm text=proxmox-6.8.12-4-pve.conf\n"), 0);
        bench_assert_heard(&b, "failed error=");
}
END_TEST

START_TEST(one_shot_is_armed_and_only_our_own_is_taken_back) {
        _cleanup_bench_ Bench b = bench_new();

        ck_assert_int_ge(chdir(b.root.path), 0);
        temp_mkdir(&b.root, PATH_EFI_VARIABLES);
        ck_assert_int_eq(bench_run(&b, HEAD "arm text=proxmox-6.8.12-4-pve.conf\nfirmware\n"), 0);
        bench_assert_heard(&b, "proxmox-6.8.12-4-pve.conf");
        ck_assert_int_eq(bench_run(&b, HEAD "disarm text=another.conf\nfirmware\n"), 0);
        bench_assert_heard(&b, "proxmox-6.8.12-4-pve.conf");
        ck_assert_int_eq(bench_run(&b, HEAD "disarm text=proxmox-6.8.12-4-pve.conf\nfirmware\n"),
                         0);
        ck_assert_ptr_null(strstr(b.heard, "proxmox-6.8.12-4-pve.conf"));
}
END_TEST

START_TEST(setting_of_ksm_is_written) {
        _cleanup_bench_ Bench b = bench_new();

        temp_puts(&b.root, KSM("sleep_millisecs"), "20\n");
        ck_assert_int_eq(bench_run(&b, HEAD "ksm-set path=sleep_millisecs text=100\n"), 0);
        temp_assert_text(&b.root, KSM("sleep_millisecs"), "100");
        ck_assert_int_lt(bench_run(&b, HEAD "ksm-set path=run text=1\n"), 0);
        bench_assert_heard(&b, "failed error=");
}
END_TEST

START_TEST(unmerge_of_nothing_is_done_at_once) {
        _cleanup_bench_ Bench b = bench_new();

        temp_puts(&b.root, KSM("run"), "1\n");
        temp_puts(&b.root, KSM("pages_shared"), "0\n");
        temp_puts(&b.root, KSM("pages_sharing"), "0\n");
        temp_puts(&b.root, PATH_MEMINFO, "MemTotal: 8000 kB\nMemAvailable: 4000 kB\n");
        ck_assert_int_eq(bench_run(&b, HEAD "ksm-unmerge force=0\n"), 0);
        bench_assert_ends(&b, "done\n");
        temp_assert_text(&b.root, KSM("run"), "2");
}
END_TEST

START_TEST(guests_and_others_that_gain_from_ksm_are_reported) {
        _cleanup_bench_ Bench b = bench_new();

        temp_puts(&b.root, PATH_PROC "/4711/comm", "kvm\n");
        temp_puts(&b.root, PATH_PROC "/4711/cgroup", "0::/qemu.slice/100.scope\n");
        temp_puts(&b.root, PATH_PROC "/4711/ksm_merging_pages", "2000\n");
        temp_puts(&b.root, PATH_PROC "/1/comm", "systemd\n");
        temp_puts(&b.root, PATH_PROC "/1/cgroup", "0::/init.scope\n");
        temp_puts(&b.root, PATH_PROC "/1/ksm_merging_pages", "0\n");
        ck_assert_int_eq(bench_run(&b, HEAD "ksm-processes\n"), 0);
        bench_assert_heard(&b, "4711");
        bench_assert_heard(&b, "kvm");
        ck_assert_ptr_null(strstr(b.heard, "systemd"));
}
END_TEST

START_TEST(keys_of_a_host_without_efi_are_none_and_told_in_a_record) {
        _cleanup_bench_ Bench b = bench_new();

        ck_assert_int_ge(chdir(b.root.path), 0);
        ck_assert_int_eq(bench_run(&b, HEAD "keys text=6.8.12-4-pve%0A\n"), 0);
        bench_assert_heard(&b, "secure-boot text=secure-boot%20ignores-db=0%20checks-nothing=0%20"
                               "sbat-level=%0A\n");
        bench_assert_ends(&b, "done\n");
}
END_TEST

START_TEST(menu_of_a_host_without_grub_is_not_made) {
        _cleanup_bench_ Bench b = bench_new();

        ck_assert_int_lt(bench_run(&b, HEAD "update-grub\n"), 0);
        bench_assert_heard(&b, "failed error=");
}
END_TEST

CHECK_MAIN("worker-interpreter-host", host_without_efi_has_no_one_shot_to_arm,
           one_shot_is_armed_and_only_our_own_is_taken_back, setting_of_ksm_is_written,
           unmerge_of_nothing_is_done_at_once, guests_and_others_that_gain_from_ksm_are_reported,
           keys_of_a_host_without_efi_are_none_and_told_in_a_record,
           menu_of_a_host_without_grub_is_not_made)
