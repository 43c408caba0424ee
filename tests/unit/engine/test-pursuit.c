/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A change is never lost, and nothing is called in sync that was not compared with what was read
 * last: whatever happens to the job that was to bring a new kernel, the kernel arrives, and until
 * then the status says why not. */

#include <sys/mount.h>
#include <sys/resource.h>

#include "sys/lock.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

static void temp_mount(const Lab *lab, const char *from, const char *to) {
        _cleanup_free_ char *source = strprintf("%s/%s", lab->t.path, from),
                            *target = strprintf("%s/%s", lab->t.path, to);

        ck_assert_int_ge(mount(source, target, NULL, MS_BIND, NULL), 0);
}

static void temp_unmount(const Lab *lab, const char *path) {
        _cleanup_free_ char *target = strprintf("%s/%s", lab->t.path, path);

        ck_assert_int_ge(umount2(target, MNT_DETACH), 0);
}

static bool is_synced(const Lab *lab) {
        return lab_verdict(lab)->in_sync && lab_holds(lab, ESP_A, KERNEL_NEXT) &&
               lab_holds(lab, ESP_B, KERNEL_NEXT);
}

static void assert_honest(Lab *lab, const char *reason) {
        ck_assert(!is_synced(lab));
        ck_assert(!lab_verdict(lab)->in_sync);
        ck_assert_str_ne(lab_verdict(lab)->redundancy, "redundant");
        if (!strstr(lab_verdict(lab)->in_sync_reason, reason))
                ck_abort_msg("'%s' does not tell of '%s'", lab_verdict(lab)->in_sync_reason,
                             reason);
}

START_TEST(kernel_that_came_while_the_root_was_locked_for_long_is_synced_afterwards) {
        _cleanup_close_ int other = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        other = lock_try(lab.t.root, "root", NULL);
        ck_assert_int_ge(other, 0);
        lab_add_kernel(&lab, KERNEL_NEXT);
        for (unsigned i = 0; i < 5; i++) {
                lab_pass(&lab, 60 * SEC);
                assert_honest(&lab, "compared");
        }

        other = safe_close(other);
        lab_pass(&lab, 70 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

/* As if every descriptor were in use. */
static struct rlimit take_descriptors(void) {
        struct rlimit old, none;
        int lowest = dup(STDIN_FILENO);

        ck_assert_int_ge(lowest, 0);
        (void) safe_close(lowest);
        ck_assert_int_ge(getrlimit(RLIMIT_NOFILE, &old), 0);
        none = old;
        none.rlim_cur = (rlim_t) lowest;
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &none), 0);
        return old;
}

START_TEST(kernel_that_came_while_descriptors_were_short_is_synced_afterwards) {
        _cleanup_lab_ Lab lab;
        struct rlimit old;

        lab_open(&lab);
        lab_start(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        old = take_descriptors();
        clock_pass(lab.event, 3 * SEC);
        assert_honest(&lab, strerror(EMFILE));
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &old), 0);

        lab_pass(&lab, 10 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

/* A job of its own kind for each, and the first one hangs. */
static size_t fill_queue(Lab *lab) {
        size_t n = 0;

        lab->hold = "*";
        while (lab_n_jobs(lab) < 16) {
                _cleanup_free_ char *device = strprintf("/dev/sd%c1", (char) ('a' + n++));
                _cleanup_error_ Error error = {};

                ck_assert_int_eq(manager_submit(lab->m,
                                                n == 1 ? &(JobRequest){ .type = JOB_VERIFY }
                                                       : &(JobRequest){ .type = JOB_FORMAT,
                                                                        .device = device },
                                                NULL, &error),
                                 0);
        }
        (void) lab_worker(lab, ESP_A);
        (void) lab_worker(lab, ESP_B);
        return n;
}

static void empty_queue(Lab *lab) {
        lab->hold = NULL;
        worker_run(lab, lab_worker(lab, ESP_A));
        worker_run(lab, lab_worker(lab, ESP_B));
}

START_TEST(kernel_that_came_while_the_queue_was_full_is_synced_afterwards) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        (void) fill_queue(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        assert_honest(&lab, "compared");
        empty_queue(&lab);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(who_cancels_the_job_that_the_watch_has_joined_cancels_nothing_of_the_watch) {
        _cleanup_lab_ Lab lab;
        Job *theirs;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_VERIFY);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        theirs = lab_submit(&lab, JOB_REFRESH);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        manager_cancel_job(lab.m, theirs);
        assert_honest(&lab, "compared");
        empty_queue(&lab);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
}
END_TEST

START_TEST(refresh_that_is_canceled_while_it_runs_is_made_up_for) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        empty_queue(&lab);
        lab_finish(&lab);
        assert_honest(&lab, "compared");
        lab_pass(&lab, 10 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(list_of_esps_that_cannot_be_read_is_told_and_tried_again) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&lab.t, LIST_OF_ESPS);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        assert_honest(&lab, LIST_OF_ESPS);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert_ptr_nonnull(strstr(lab_verdict(&lab)->redundancy_reason, LIST_OF_ESPS));

        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, AT_REMOVEDIR), 0);
        lab_list_esps(&lab, ESP_A "\n" ESP_B "\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(daemon_that_cannot_read_its_files_starts_and_says_so) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&lab.t, LIST_OF_ESPS);
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        lab_pass(&lab, 20 * 60 * SEC);
        lab_finish(&lab);
        ck_assert(!lab_verdict(&lab)->in_sync);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert_ptr_nonnull(strstr(lab_verdict(&lab)->in_sync_reason, LIST_OF_ESPS));

        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, AT_REMOVEDIR), 0);
        lab_list_esps(&lab, ESP_A "\n" ESP_B "\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "redundant");
}
END_TEST

START_TEST(pin_that_is_refused_is_not_stored) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job = NULL;

        lab_open(&lab);
        lab_start(&lab);
        (void) fill_queue(&lab);
        ck_assert_int_lt(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                                 PIN_PERMANENT },
                                                0, &job, &error),
                         0);
        ck_assert_int_eq(error.code, ERROR_BUSY);
        ck_assert(!temp_exists(&lab.t, "etc/kernel/proxmox-boot-pin"));
        ck_assert_str_eq(strempty(lab_facts(&lab)->conf.pin), "");
        empty_queue(&lab);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
}
END_TEST

START_TEST(esp_that_failed_is_tried_again_ever_less_often) {
        _cleanup_lab_ Lab lab;
        unsigned tries = 0;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        for (unsigned minute = 0; minute < 60; minute++) {
                while (manager_job(lab.m, 0)) {
                        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "Cannot read it");
                        lab_finish(&lab);
                        tries++;
                }
                assert_honest(&lab, ESP_B);
                ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
                lab_pass_idle(&lab, 60 * SEC);
        }
        ck_assert_uint_ge(tries, 8);
        ck_assert_uint_le(tries, 16);

        lab.hold = NULL;
        lab_pass_idle(&lab, 15 * 60 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(change_during_a_refresh_is_synced_by_another_one) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        (void) lab_submit(&lab, JOB_REFRESH);
        (void) lab_worker(&lab, ESP_B);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_B));
        LAB_WAIT(&lab, lab_n_jobs(&lab) == 1);
        ck_assert(!lab_verdict(&lab)->in_sync);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
}
END_TEST

START_TEST(without_auto_sync_a_change_is_looked_at_and_not_synced) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\nSettleSec=2\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        lab_pass(&lab, 60 * 60 * SEC);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_OUTDATED);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
        ck_assert(!lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(what_a_canceled_sync_has_left_undone_is_no_more_in_sync) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_A;
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        ck_assert(worker_writes(lab_worker(&lab, ESP_A)));
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        lab_finish(&lab);
        ck_assert(!lab_verdict(&lab)->in_sync);
        lab_pass(&lab, 10 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
}
END_TEST

START_TEST(boot_that_is_mounted_late_is_noticed) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "boot", lab.t.fd, "mounted-later"), 0);
        temp_mkdir(&lab.t, "boot");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(!lab_verdict(&lab)->in_sync);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEW));
        lab_pass_idle(&lab, 60 * 60 * SEC);
        ck_assert(!manager_job(lab.m, 0));

        temp_mount(&lab, "mounted-later", "boot");
        lab_pass_idle(&lab, 15 * 60 * SEC);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
        ck_assert(!clock_is_armed());
        temp_unmount(&lab, "boot");
}
END_TEST

/* A package manager holds this lock from its start to its end. It belongs to the open file here, so
 * that this process, too, finds it held. */
static int begin_package_run(const Lab *lab) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = openat(lab->t.fd, "var/lib/dpkg/lock-frontend",
                        O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(fcntl(fd, F_OFD_SETLK, &lock), 0);
        return fd;
}

START_TEST(auto_sync_waits_for_the_end_of_a_package_run_and_says_so) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 5 * 60 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        assert_honest(&lab, "package run");
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "syncing");

        dpkg = safe_close(dpkg);
        lab_pass_idle(&lab, 5 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(what_changes_in_a_package_run_is_one_sync) {
        _cleanup_close_ int dpkg = -EBADF;
        const char *heard;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        for (unsigned i = 0; i < 4; i++) {
                lab_add_kernel(&lab, i % 2 == 0 ? KERNEL_NEXT : KERNEL_NEW);
                lab_pass_idle(&lab, 60 * SEC);
        }
        dpkg = safe_close(dpkg);
        lab_pass_idle(&lab, 5 * SEC);
        lab_finish(&lab);
        lab_pass(&lab, 60 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        heard = strstr(lab_heard(&lab), "job-new");
        ck_assert_ptr_nonnull(heard);
        ck_assert_ptr_null(strstr(heard + 1, "job-new"));
}
END_TEST

START_TEST(package_run_holds_a_change_back_for_ten_minutes_at_most) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 9 * 60 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        lab_pass_idle(&lab, 2 * 60 * SEC);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(without_auto_sync_a_look_waits_for_the_end_of_a_package_run) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\nSettleSec=2\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 5 * 60 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        assert_honest(&lab, "compared");
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");

        dpkg = safe_close(dpkg);
        lab_pass_idle(&lab, 5 * SEC);
        lab_finish(&lab);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_OUTDATED);
        ck_assert(!lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(!clock_is_armed());
}
END_TEST

static void start_beside_old_tool(Lab *lab) {
        lab_open(lab);
        lab_start(lab);
        temp_puts(&lab->t, "etc/bootsync/bootsyncd.conf", "[Sync]\nSettleSec=2\n");
        temp_puts(&lab->t, "var/lib/dpkg/status",
                  "Package: proxmox-kernel-helper\nStatus: install ok installed\n\n");
        lab_restart(lab);
        ck_assert_int_ge(manager_start(lab->m), 0);
        lab_finish(lab);
        lab_pass(lab, 5 * SEC);
        lab_finish(lab);
        ck_assert_str_ne(lab_verdict(lab)->redundancy, "unknown");
}

/* By then that tool is done with what it does after a change. */
START_TEST(beside_the_old_tool_a_look_comes_at_the_start_and_a_minute_after_a_change) {
        _cleanup_lab_ Lab lab;

        start_beside_old_tool(&lab);

        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 55 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        assert_honest(&lab, "compared");
        lab_pass_idle(&lab, 10 * SEC);
        lab_finish(&lab);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_OUTDATED);
        ck_assert(!lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(beside_the_old_tool_a_look_comes_when_a_package_run_has_ended) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        start_beside_old_tool(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 90 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        dpkg = safe_close(dpkg);
        lab_pass_idle(&lab, 5 * SEC);
        lab_finish(&lab);
        ck_assert_str_ne(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(next_package_run_is_waited_for_after_one_that_was_too_long) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass_idle(&lab, 11 * 60 * SEC);
        lab_finish(&lab);
        dpkg = safe_close(dpkg);
        lab_pass(&lab, 60 * SEC);
        lab_finish(&lab);

        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEW);
        lab_pass_idle(&lab, 5 * 60 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        assert_honest(&lab, "package run");
}
END_TEST

START_TEST(who_asks_for_a_refresh_in_a_package_run_gets_it_at_once) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert(is_synced(&lab));
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(daemon_that_is_stopped_in_a_package_run_syncs_first) {
        _cleanup_close_ int dpkg = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        dpkg = begin_package_run(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        ck_assert(!is_synced(&lab));
        manager_stop(lab.m);
        LAB_WAIT(&lab, sd_event_get_state(lab.event) == SD_EVENT_FINISHED);
        ck_assert(is_synced(&lab));
}
END_TEST

CHECK_MAIN("pursuit", without_auto_sync_a_look_waits_for_the_end_of_a_package_run,
           beside_the_old_tool_a_look_comes_at_the_start_and_a_minute_after_a_change,
           beside_the_old_tool_a_look_comes_when_a_package_run_has_ended,
           kernel_that_came_while_the_root_was_locked_for_long_is_synced_afterwards,
           kernel_that_came_while_descriptors_were_short_is_synced_afterwards,
           kernel_that_came_while_the_queue_was_full_is_synced_afterwards,
           who_cancels_the_job_that_the_watch_has_joined_cancels_nothing_of_the_watch,
           refresh_that_is_canceled_while_it_runs_is_made_up_for,
           list_of_esps_that_cannot_be_read_is_told_and_tried_again,
           daemon_that_cannot_read_its_files_starts_and_says_so, pin_that_is_refused_is_not_stored,
           esp_that_failed_is_tried_again_ever_less_often,
           change_during_a_refresh_is_synced_by_another_one,
           without_auto_sync_a_change_is_looked_at_and_not_synced,
           what_a_canceled_sync_has_left_undone_is_no_more_in_sync,
           boot_that_is_mounted_late_is_noticed,
           auto_sync_waits_for_the_end_of_a_package_run_and_says_so,
           what_changes_in_a_package_run_is_one_sync,
           package_run_holds_a_change_back_for_ten_minutes_at_most,
           next_package_run_is_waited_for_after_one_that_was_too_long,
           who_asks_for_a_refresh_in_a_package_run_gets_it_at_once,
           daemon_that_is_stopped_in_a_package_run_syncs_first)
