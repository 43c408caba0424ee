/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan's steps are carried out in order, on an ESP that is a directory. Whatever happens, nothing
 * that was staged is left behind, and what was placed is behind a barrier. */

#include "worker/interpreter.h"

#include "common/fd.h"
#include "common/string-util.h"
#include "core/wire/plan-wire.h"
#include "tests/unit/worker/bench.h"

#define UUID   "ABCD-0123"
#define ESP    "dev/disk/by-uuid/" UUID
#define IMAGE  "EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve"
#define CONF   "loader/loader.conf"
#define HEAD   "bootsync-plan version=2 esp=" UUID "\n"
#define SCAN   "scan\n"
#define STAGED "stage-text path=" CONF " text=timeout%205%0A\n"
#define PLACED STAGED "token\nplace path=" CONF "\nbarrier\n"

static Bench new_bench(void) {
        Bench b = bench_new();

        temp_mkdir(&b.root, ESP "/loader/entries");
        temp_mkdir(&b.root, ESP "/EFI/proxmox");
        return b;
}

/* A step with a file in boot/ and the stamp that it has. */
static char *step_from(const Bench *b, const char *action, const char *path, const char *source) {
        struct stat st = temp_stat(&b->root, source);

        return strprintf("%s path=%s source=%s inode=%llu size=%lld mtime=%lld ctime=%lld\n",
                         action, path, source, (unsigned long long) st.st_ino,
                         (long long) st.st_size,
                         (long long) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                         (long long) st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
}

START_TEST(scan_reports_space_and_files_between_started_and_done) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/" CONF, "timeout 3\n");
        ck_assert_int_eq(bench_run(&b, HEAD SCAN), 0);
        ck_assert_ptr_nonnull(startswith(b.heard, "started\nstep index=0\nspace "));
        bench_assert_heard(&b, "file path=" CONF " ");
        bench_assert_ends(&b, "done\n");
}
END_TEST

START_TEST(known_text_is_not_told_again) {
        _cleanup_bench_ Bench b = new_bench();
        _cleanup_free_ char *plan = NULL;
        struct stat st;

        temp_puts(&b.root, ESP "/" CONF, "timeout 3\n");
        st = temp_stat(&b.root, ESP "/" CONF);
        plan = strprintf(HEAD "known path=" CONF " esp-size=%lld esp-mtime=%lld\n" SCAN,
                         (long long) st.st_size,
                         (long long) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
        ck_assert_int_eq(bench_run(&b, plan), 0);
        bench_assert_heard(&b, "file path=" CONF " ");
        ck_assert_ptr_null(strstr(b.heard, "timeout"));
}
END_TEST

START_TEST(text_is_staged_and_placed_with_the_token) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/" CONF, "timeout 3\n");
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD PLACED), 0);
        bench_assert_heard(&b, "waiting\n");
        bench_assert_heard(&b, "placed path=" CONF " index=2 size=10 ");
        temp_assert_text(&b.root, ESP "/" CONF, "timeout 5\n");
        ck_assert(!temp_exists(&b.root, ESP "/" CONF ".new"));
}
END_TEST

START_TEST(kernel_is_copied_compared_and_removed_again) {
        _cleanup_bench_ Bench b = new_bench();
        _cleanup_free_ char *staged = NULL, *plan = NULL;

        temp_puts(&b.root, "boot/vmlinuz-6.8.12-4-pve", "a kernel");
        staged = step_from(&b, "stage", IMAGE, "boot/vmlinuz-6.8.12-4-pve");
        plan = strprintf(HEAD "mkdir path=EFI/proxmox/6.8.12-4-pve\n%stoken\nplace path=" IMAGE
                              "\nbarrier\n" SCAN,
                         staged);
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, plan), 0);
        bench_assert_heard(&b, "progress bytes=");
        temp_assert_text(&b.root, ESP "/" IMAGE, "a kernel");

        ck_assert_int_eq(bench_run(&b, HEAD
                                   "token\nremove-kernel path=EFI/proxmox/6.8.12-4-pve\nbarrier\n"),
                         0);
        ck_assert(!temp_exists(&b.root, ESP "/" IMAGE));
}
END_TEST

START_TEST(entry_is_removed) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/loader/entries/proxmox-6.8.12-4-pve.conf", "title x\n");
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD "token\nremove-entry path=loader/entries/"
                                            "proxmox-6.8.12-4-pve.conf\nbarrier\n"),
                         0);
        ck_assert(!temp_exists(&b.root, ESP "/loader/entries/proxmox-6.8.12-4-pve.conf"));
}
END_TEST

START_TEST(leftover_is_cleared_under_the_token) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/" CONF ".new", "half");
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD "token\nclear path=" CONF ".new\nbarrier\n"), 0);
        ck_assert(!temp_exists(&b.root, ESP "/" CONF ".new"));
}
END_TEST

START_TEST(source_that_changed_since_the_plan_is_not_copied) {
        _cleanup_bench_ Bench b = new_bench();
        _cleanup_free_ char *staged = NULL, *plan = NULL;

        temp_puts(&b.root, "boot/vmlinuz-6.8.12-4-pve", "a kernel");
        staged = step_from(&b, "stage", "EFI/proxmox/x", "boot/vmlinuz-6.8.12-4-pve");
        temp_puts(&b.root, "boot/vmlinuz-6.8.12-4-pve", "another kernel");
        plan = strprintf(HEAD "%s", staged);
        ck_assert_int_lt(bench_run(&b, plan), 0);
        bench_assert_heard(&b, "failed error=");
        ck_assert(!temp_exists(&b.root, ESP "/EFI/proxmox/x.new"));
}
END_TEST

START_TEST(kept_file_that_is_not_as_it_was_seen_stops_the_plan_before_it_changes_anything) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/" IMAGE, "other");
        bench_grant_token(&b);
        ck_assert_int_lt(bench_run(&b, HEAD "keep path=" IMAGE " esp-size=2 esp-mtime=5\n" PLACED),
                         0);
        bench_assert_heard(&b, "failed error=");
        ck_assert(!temp_exists(&b.root, ESP "/" CONF));
}
END_TEST

START_TEST(stop_before_the_token_cancels_and_leaves_nothing_staged) {
        _cleanup_bench_ Bench b = new_bench();

        ck_assert_int_eq(send(b.daemon, WORKER_MESSAGE_STOP, 4, 0), 4);
        ck_assert_int_eq(bench_run(&b, HEAD PLACED), -ECANCELED);
        bench_assert_heard(&b, "failed error=Canceled");
        ck_assert(!temp_exists(&b.root, ESP "/" CONF));
        ck_assert(!temp_exists(&b.root, ESP "/" CONF ".new"));
}
END_TEST

START_TEST(daemon_that_is_gone_cancels_before_the_token) {
        _cleanup_bench_ Bench b = new_bench();
        _cleanup_(plan_freep) Plan *plan = NULL;
        static const char text[] = HEAD PLACED "end\n";

        ck_assert_int_eq(plan_parse(text, strlen(text), &plan), 0);
        b.daemon = safe_close(b.daemon);
        ck_assert_int_eq(interpreter_run(b.root.path, plan, b.channel, &b.hook), -ECANCELED);
        ck_assert(!temp_exists(&b.root, ESP "/" CONF ".new"));
}
END_TEST

START_TEST(place_of_what_was_not_staged_fails) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/" CONF, "timeout 3\n");
        bench_grant_token(&b);
        ck_assert_int_lt(bench_run(&b, HEAD "token\nplace path=" CONF "\nbarrier\n"), 0);
        temp_assert_text(&b.root, ESP "/" CONF, "timeout 3\n");
        bench_assert_heard(&b, "failed error=");
}
END_TEST

START_TEST(work_that_fails_behind_a_staging_leaves_nothing_staged) {
        _cleanup_bench_ Bench b = new_bench();

        bench_grant_token(&b);
        ck_assert_int_lt(bench_run(&b, HEAD STAGED "token\nplace path=EFI/proxmox/x\nbarrier\n"),
                         0);
        ck_assert(!temp_exists(&b.root, ESP "/" CONF ".new"));
}
END_TEST

START_TEST(optional_work_that_fails_is_a_warning_and_the_scan_behind_it_is_done) {
        _cleanup_bench_ Bench b = new_bench();

        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD PLACED
                                   "optional\nplace path=EFI/proxmox/x\nbarrier\n" SCAN),
                         0);
        bench_assert_heard(&b, "warning error=");
        bench_assert_heard(&b, "space ");
        bench_assert_ends(&b, "done\n");
        temp_assert_text(&b.root, ESP "/" CONF, "timeout 5\n");
}
END_TEST

START_TEST(esp_that_is_not_there_is_missing) {
        _cleanup_bench_ Bench b = new_bench();

        ck_assert_int_lt(bench_run(&b, "bootsync-plan version=2 esp=FFFF-FFFF\n" SCAN), 0);
        ck_assert_ptr_nonnull(startswith(b.heard, "failed error=EspMissing message="));
}
END_TEST

START_TEST(root_that_is_not_there_is_named) {
        _cleanup_bench_ Bench b = new_bench();

        ck_assert_int_eq(bench_run_below(&b, "/no/such/root", HEAD SCAN), -ENOENT);
        bench_assert_heard(&b, "/no/such/root");
}
END_TEST

START_TEST(check_tells_equal_from_different_content) {
        static const struct {
                const char *on_esp, *verdict;
        } cases[] = { { "a kernel", " verdict=equal" }, { "a kornel", " verdict=differs" } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_bench_ Bench b = new_bench();
                _cleanup_free_ char *check = NULL, *plan = NULL;

                temp_puts(&b.root, "boot/vmlinuz-6.8.12-4-pve", "a kernel");
                temp_puts(&b.root, ESP "/" IMAGE, cases[i].on_esp);
                check = step_from(&b, "check", IMAGE, "boot/vmlinuz-6.8.12-4-pve");
                plan = strprintf(HEAD "%s", check);
                ck_assert_int_eq(bench_run(&b, plan), 0);
                bench_assert_heard(&b, cases[i].verdict);
        }
}
END_TEST

START_TEST(kept_file_that_is_as_it_was_seen_lets_the_plan_go_on) {
        _cleanup_bench_ Bench b = new_bench();
        _cleanup_free_ char *plan = NULL;
        struct stat st;

        temp_puts(&b.root, ESP "/" IMAGE, "a kernel");
        st = temp_stat(&b.root, ESP "/" IMAGE);
        plan = strprintf(HEAD "keep path=" IMAGE " esp-size=%lld esp-mtime=%lld\n%s",
                         (long long) st.st_size,
                         (long long) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, PLACED);
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, plan), 0);
        temp_assert_text(&b.root, ESP "/" CONF, "timeout 5\n");
}
END_TEST

START_TEST(file_of_ours_is_removed) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/EFI/proxmox/memtest86+x64.efi", "memtest");
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b,
                                   HEAD "token\nremove-file path=EFI/proxmox/memtest86+x64.efi\n"
                                        "barrier\n"),
                         0);
        ck_assert(!temp_exists(&b.root, ESP "/EFI/proxmox/memtest86+x64.efi"));
}
END_TEST

START_TEST(loader_that_the_host_does_not_have_is_not_installed) {
        _cleanup_bench_ Bench b = new_bench();

        ck_assert_int_lt(bench_run(&b, HEAD "check-loader text=systemd-boot\n"), 0);
        bench_assert_heard(&b, "failed error=");
        bench_grant_token(&b);
        ck_assert_int_lt(bench_run(&b, HEAD "token\ninstall-loader text=systemd-boot\n"), 0);
        bench_assert_heard(&b, "failed error=");
        ck_assert(!temp_exists(&b.root, ESP "/EFI/systemd"));
}
END_TEST

START_TEST(esp_without_a_partition_gets_no_boot_entry) {
        _cleanup_bench_ Bench b = new_bench();

        temp_mkdir(&b.root, "sys/firmware/efi/efivars");
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD "token\nboot-entry text=systemd-boot\n"), 0);
        bench_assert_ends(&b, "done\n");
        ck_assert_ptr_null(strstr(b.heard, "warning"));
}
END_TEST

START_TEST(menu_that_cannot_be_made_is_not_placed) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/grub/grub.cfg", "old");
        bench_grant_token(&b);
        ck_assert_int_lt(bench_run(&b, HEAD "grub-config path=grub/grub.cfg text=6.5.13-5-pve%0A\n"
                                            "token\nplace path=grub/grub.cfg\nbarrier\n"),
                         0);
        temp_assert_text(&b.root, ESP "/grub/grub.cfg", "old");
}
END_TEST

START_TEST(device_that_is_not_there_is_neither_probed_nor_formatted) {
        _cleanup_bench_ Bench b = new_bench();
        static const char *const steps[] = { "probe\n", "format force=0\n" };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                _cleanup_free_ char *plan =
                                strprintf("bootsync-plan version=2 device=sdzz1 major=8 "
                                          "minor=2 diskseq=17\n%s",
                                          steps[i]);

                ck_assert_int_lt(bench_run(&b, plan), 0);
                bench_assert_heard(&b, "failed error=");
        }
}
END_TEST

START_TEST(hook_strikes_at_each_change_of_an_entry) {
        _cleanup_bench_ Bench b = new_bench();

        b.hook = (Hook){ HOOK_ENTRY, 3, 0 }; /* it is passed by twice */
        bench_grant_token(&b);
        ck_assert_int_eq(bench_run(&b, HEAD PLACED), 0);
        ck_assert_uint_eq(b.hook.left, 1);
}
END_TEST

START_TEST(menu_of_grub_has_a_digest_that_a_later_scan_compares) {
        _cleanup_bench_ Bench b = new_bench();

        temp_puts(&b.root, ESP "/grub/grub.cfg", "menuentry 'x' {\n}\n");
        temp_puts(&b.root, "etc/default/grub", "GRUB_TIMEOUT=5\n");
        ck_assert_int_eq(bench_run(&b, HEAD SCAN), 0);
        bench_assert_heard(&b, "file path=grub/grub.cfg ");
        bench_assert_ends(&b, "done\n");
}
END_TEST

CHECK_MAIN("worker-interpreter", scan_reports_space_and_files_between_started_and_done,
           known_text_is_not_told_again, text_is_staged_and_placed_with_the_token,
           kernel_is_copied_compared_and_removed_again, entry_is_removed,
           leftover_is_cleared_under_the_token, source_that_changed_since_the_plan_is_not_copied,
           kept_file_that_is_not_as_it_was_seen_stops_the_plan_before_it_changes_anything,
           stop_before_the_token_cancels_and_leaves_nothing_staged,
           daemon_that_is_gone_cancels_before_the_token,
           work_that_fails_behind_a_staging_leaves_nothing_staged,
           place_of_what_was_not_staged_fails,
           optional_work_that_fails_is_a_warning_and_the_scan_behind_it_is_done,
           check_tells_equal_from_different_content,
           kept_file_that_is_as_it_was_seen_lets_the_plan_go_on, file_of_ours_is_removed,
           loader_that_the_host_does_not_have_is_not_installed,
           esp_without_a_partition_gets_no_boot_entry, menu_that_cannot_be_made_is_not_placed,
           device_that_is_not_there_is_neither_probed_nor_formatted,
           hook_strikes_at_each_change_of_an_entry, esp_that_is_not_there_is_missing,
           root_that_is_not_there_is_named, menu_of_grub_has_a_digest_that_a_later_scan_compares)
