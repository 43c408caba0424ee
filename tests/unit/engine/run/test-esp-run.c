/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP gets its boot loader, and the firmware hears of it, when there is something to boot. */

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define ESP_C     "3333-CCCC"
#define ESP_C_DIR "dev/disk/by-uuid/" ESP_C
#define PACKAGE   "usr/lib/systemd/boot/efi/systemd-bootx64.efi"

/* A host with UEFI, and an empty ESP that is not on its list. */
static void open_host(Lab *lab) {
        lab_open(lab);
        temp_mkdir(&lab->t, "sys/firmware/efi/efivars");
        temp_puts(&lab->t, PACKAGE, "systemd-boot");
        temp_mkdir(&lab->t, ESP_C_DIR);
        lab_start(lab);
}

static void submit_init(Lab *lab) {
        const JobRequest request = { .type = JOB_INIT, .device = "/" ESP_C_DIR };
        _cleanup_error_ Error error = {};
        Job *job;

        lab->hold = ESP_C;
        ck_assert_msg(manager_submit(lab->m, &request, &job, &error) == 0, "%s", error.message);
}

static bool plan_has(const Plan *plan, PlanAction action) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].action == action)
                        return true;
        return false;
}

/* The next worker of the ESP only looks; let it. */
static void let_look(Lab *lab, const char *uuid) {
        Worker *w = lab_worker(lab, uuid);

        ck_assert(!worker_writes(w));
        worker_run(lab, w);
}

/* The next worker of the ESP puts kernels there, and nothing else. */
static Worker *assert_syncs(Lab *lab, const char *uuid) {
        Worker *w = lab_worker(lab, uuid);

        ck_assert(plan_has(w->plan, PLAN_PLACE));
        ck_assert(!plan_has(w->plan, PLAN_INSTALL_LOADER));
        ck_assert(!plan_has(w->plan, PLAN_BOOT_ENTRY));
        return w;
}

/* The next worker of the ESP puts the loader there, then tells the firmware, and then only looks.
 */
static Worker *assert_installs(Lab *lab, const char *uuid) {
        Worker *w = lab_worker(lab, uuid);
        const Plan *plan = w->plan;

        ck_assert_uint_ge(plan->n_steps, 3);
        ck_assert_int_eq(plan->steps[plan->n_steps - 3].action, PLAN_INSTALL_LOADER);
        ck_assert_int_eq(plan->steps[plan->n_steps - 2].action, PLAN_BOOT_ENTRY);
        ck_assert_int_eq(plan->steps[plan->n_steps - 1].action, PLAN_SCAN);
        return w;
}

static void assert_ends(Lab *lab, const char *how) {
        lab_finish(lab);
        ck_assert_ptr_null(lab_held(lab, ESP_C));
        ck_assert_ptr_nonnull(strstr(lab_heard(lab), how));
}

START_TEST(an_empty_esp_gets_kernels_then_its_loader_then_the_firmwares_entry) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        submit_init(&lab);
        let_look(&lab, ESP_C);
        worker_run(&lab, assert_syncs(&lab, ESP_C));
        (void) assert_installs(&lab, ESP_C);
        ck_assert(lab_holds(&lab, ESP_C, KERNEL_NEW));
        ck_assert(!temp_exists(&lab.t, ESP_C_DIR "/EFI/systemd"));
        ck_assert(!temp_exists(&lab.t, ESP_C_DIR "/EFI/BOOT"));
        worker_run(&lab, assert_installs(&lab, ESP_C));
        assert_ends(&lab, "job-removed init done");
        ck_assert(temp_exists(&lab.t, ESP_C_DIR "/EFI/BOOT/BOOTX64.EFI"));
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_C)).state, ESP_IN_SYNC);
}
END_TEST

START_TEST(where_the_sync_fails_there_is_no_loader_and_no_entry_of_the_firmware) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        submit_init(&lab);
        let_look(&lab, ESP_C);
        worker_fail(assert_syncs(&lab, ESP_C), ERROR_FAILED, "The disk is tired");
        assert_ends(&lab, "job-removed init failed");
        temp_assert_text(&lab.t, LIST_OF_ESPS, ESP_A "\n" ESP_B "\n");
}
END_TEST

START_TEST(an_init_that_is_canceled_behind_the_sync_installs_nothing) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        open_host(&lab);
        submit_init(&lab);
        let_look(&lab, ESP_C);
        w = assert_syncs(&lab, ESP_C);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        worker_look(&lab, w, NULL, VERDICT_EQUAL, NULL);
        assert_ends(&lab, "job-removed init canceled");
}
END_TEST

START_TEST(an_esp_that_boots_gets_its_loader_first) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab.hold = ESP_A;
        (void) lab_submit(&lab, JOB_REINIT);
        let_look(&lab, ESP_A);
        worker_run(&lab, assert_installs(&lab, ESP_A));
        worker_run(&lab, assert_syncs(&lab, ESP_A));
        assert_ends(&lab, "job-removed reinit done");
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
}
END_TEST

static void remove_entry(Lab *lab, const char *version) {
        _cleanup_free_ char *path = strprintf(
                        "dev/disk/by-uuid/" ESP_A "/loader/entries/proxmox-%s.conf", version);

        ck_assert_int_eq(unlinkat(lab->t.fd, path, 0), 0);
}

START_TEST(an_esp_with_a_loader_and_nothing_to_boot_gets_kernels_first) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        remove_entry(&lab, KERNEL_OLD);
        remove_entry(&lab, KERNEL_NEW);
        lab.hold = ESP_A;
        (void) lab_submit(&lab, JOB_REINIT);
        let_look(&lab, ESP_A);
        worker_run(&lab, assert_syncs(&lab, ESP_A));
        worker_run(&lab, assert_installs(&lab, ESP_A));
        assert_ends(&lab, "job-removed reinit done");
}
END_TEST

CHECK_MAIN("esp-run", an_empty_esp_gets_kernels_then_its_loader_then_the_firmwares_entry,
           where_the_sync_fails_there_is_no_loader_and_no_entry_of_the_firmware,
           an_init_that_is_canceled_behind_the_sync_installs_nothing,
           an_esp_that_boots_gets_its_loader_first,
           an_esp_with_a_loader_and_nothing_to_boot_gets_kernels_first)
