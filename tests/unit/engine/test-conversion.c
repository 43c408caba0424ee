/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job converts what the plan says is next, one ESP at a time, and is refused where a person comes
 * before. */

#include "engine/conversion.h"

#include "core/loader/loader-files.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define SHIM   "/usr/lib/shim/shim" EFI_ARCH ".efi.signed"
#define GRUB   "/usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"
#define KERNEL "/boot/vmlinuz-" KERNEL_NEW

static void say_firmware(Worker *w, SecureBoot secure_boot) {
        Firmware firmware = FIRMWARE_INIT;
        Report report = { .type = REPORT_FIRMWARE };

        firmware.uefi = true;
        firmware.secure_boot = secure_boot;
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_FIRMWARE);
        ck_assert_int_ge(firmware_format(&firmware, &report.text, NULL), 0);
        worker_say(w, &report);
        free(report.text);
        worker_done(w);
}

static SignedFile file(const char *path, bool shim) {
        return (SignedFile){
                .path = (char *) path,
                .is_signed = shim,
                .signer = (char *) "",
                .issuer = (char *) "",
                .by = { { false, (char *) "it is not signed" },
                        { shim, (char *) "as somebody says" } },
        };
}

/* Each record is a report of its own. */
static void say_records(Worker *w, const char *records) {
        size_t size = strlen(records), pos = 0, n;
        const char *line;

        worker_say(w, &(Report){ .type = REPORT_STARTED });
        while (line_next(records, size, &pos, &line, &n) > 0) {
                _cleanup_free_ char *text = strprintf("%.*s\n", (int) n, line);

                worker_say(w, &(Report){ .type = REPORT_SECURE_BOOT, .text = text });
        }
        worker_done(w);
}

/* The host's packages, and its newest kernel, which is signed; or (@bare) nothing. */
static void say_keys(Worker *w, bool bare) {
        SignedFile files[] = { file(KERNEL, true), file(GRUB, true), file(SHIM, true) };
        const SecureBootFacts facts = {
                .sbat_level = (char *) "",
                .files = { .items = files, .n = bare ? 0 : ELEMENTSOF(files) },
        };
        _cleanup_free_ char *records = NULL;

        ck_assert_int_eq(w->plan->steps[0].action, PLAN_KEYS);
        ck_assert_int_ge(secure_boot_format(&facts, &records), 0);
        say_records(w, records);
}

static bool asks_for(const Worker *w, PlanAction action) {
        return w && w->plan->n_steps > 0 && w->plan->steps[0].action == action;
}

/* The ESPs are looked at, the firmware is asked, and what is signed is judged. */
static void make_known(Lab *lab, SecureBoot secure_boot, bool bare) {
        SignedFile files[] = { file("/EFI/systemd/systemd-boot" EFI_ARCH ".efi", false) };
        const SignedFiles judged = { .items = files, .n = 1 };
        _cleanup_free_ char *records = NULL;
        Worker *w;

        ck_assert_int_ge(signed_files_format(&judged, &records), 0);
        ck_assert_int_ge(manager_submit(lab->m, &(JobRequest){ .type = JOB_PROBE, .keys = true },
                                        NULL, NULL),
                         0);
        while (lab_n_jobs(lab) > 0) {
                lab_turn(lab);
                w = lab_held(lab, NULL);
                if (asks_for(w, PLAN_FIRMWARE))
                        say_firmware(w, secure_boot);
                else if (asks_for(w, PLAN_KEYS))
                        say_keys(w, bare);
                w = lab_held(lab, ESP_A) ?: lab_held(lab, ESP_B);
                if (asks_for(w, PLAN_SIGNATURES))
                        say_records(w, records);
                else if (w)
                        worker_look(lab, w, NULL, VERDICT_EQUAL, NULL);
        }
        (void) lab_heard(lab);
}

static void open_host(Lab *lab) {
        lab_open(lab);
        temp_mkdir(&lab->t, "sys/firmware/efi/efivars");
        lab->hold = "*";
        lab_new(lab);
}

static void assert_refused(Lab *lab, ErrorCode code, const char *why) {
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(manager_submit(lab->m, &(JobRequest){ .type = JOB_CONVERT }, NULL, &error),
                         0);
        ck_assert_int_eq(error.code, code);
        ck_assert_msg(strstr(error.message, why), "%s", error.message);
}

START_TEST(what_is_not_known_converts_nothing) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        assert_refused(&lab, ERROR_BUSY, "not known yet");
        make_known(&lab, SECURE_BOOT_UNSUPPORTED, true);
        assert_refused(&lab, ERROR_NOT_SUPPORTED, "firmware has no Secure Boot");
}
END_TEST

START_TEST(what_a_person_has_to_do_first_is_named) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = {};
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        make_known(&lab, SECURE_BOOT_DISABLED, true);
        assert_refused(&lab, ERROR_NOT_BOOTABLE, "apt-get install shim-signed");
        ck_assert_int_eq(conversion_of_state(manager_info(lab.m).known, &plan, NULL), 0);
        ck_assert_int_eq(plan.steps[0].kind, CONVERSION_PACKAGES);
        ck_assert_uint_gt(plan.n_steps, 5);
}
END_TEST

static bool plan_has(const Plan *plan, PlanAction action, const char *path) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].action == action && (!path || streq(plan->steps[i].path, path)))
                        return true;
        return false;
}

/* The job has looked at ESP A, and is about to put kernels for GRUB there. */
static Worker *begin(Lab *lab) {
        Worker *w;

        ck_assert_int_ge(manager_submit(lab->m, &(JobRequest){ .type = JOB_CONVERT }, NULL, NULL),
                         0);
        w = lab_worker(lab, ESP_A);
        ck_assert(!worker_writes(w));
        worker_look(lab, w, NULL, VERDICT_EQUAL, NULL);
        w = lab_worker(lab, ESP_A);
        ck_assert(worker_writes(w));
        return w;
}

/* Behind it somebody asks who has signed what is on the ESP now. */
static void end_job(Lab *lab, const char *how) {
        lab_finish(lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(lab), how));
        LAB_WAIT(lab, lab_held(lab, ESP_A));
}

START_TEST(one_esp_gets_its_kernels_first_and_the_other_is_not_touched) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        open_host(&lab);
        make_known(&lab, SECURE_BOOT_DISABLED, false);
        w = begin(&lab);
        ck_assert(plan_has(w->plan, PLAN_CHECK_LOADER, NULL));
        ck_assert(plan_has(w->plan, PLAN_PLACE, "vmlinuz-" KERNEL_NEW));
        ck_assert(plan_has(w->plan, PLAN_GRUB_CONFIG, NULL));
        ck_assert(!plan_has(w->plan, PLAN_INSTALL_LOADER, NULL));
        ck_assert(!plan_has(w->plan, PLAN_REMOVE_ENTRY, NULL));
        ck_assert(!plan_has(w->plan, PLAN_REMOVE_KERNEL, NULL));
        ck_assert_ptr_null(lab_held(&lab, ESP_B));
        worker_fail(w, ERROR_FAILED, "The disk is tired");
        end_job(&lab, "job-removed convert failed");
        ck_assert(!temp_exists(&lab.t, "dev/disk/by-uuid/" ESP_B "/vmlinuz-" KERNEL_NEW));
        ck_assert(temp_exists(&lab.t, "dev/disk/by-uuid/" ESP_A "/EFI/systemd/systemd-boot" EFI_ARCH
                                      ".efi"));
}
END_TEST

START_TEST(a_conversion_that_is_canceled_installs_nothing) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        open_host(&lab);
        make_known(&lab, SECURE_BOOT_DISABLED, false);
        w = begin(&lab);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        worker_look(&lab, w, NULL, VERDICT_EQUAL, NULL);
        end_job(&lab, "job-removed convert canceled");
}
END_TEST

CHECK_MAIN("engine-conversion", what_is_not_known_converts_nothing,
           what_a_person_has_to_do_first_is_named,
           one_esp_gets_its_kernels_first_and_the_other_is_not_touched,
           a_conversion_that_is_canceled_installs_nothing)
