/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A look is turned into a plan or a verdict; which loader an ESP gets is told or refused. */

#include "engine/run/esp-plan.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/loader/loader-files.h"
#include "core/plan/plan.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/bare.h"
#include "tests/unit/engine/lab.h"

static void ignore(Esp *esp, void *userdata) {
}

static const EspsListener esps_listener = {
        .added = ignore, .renamed = ignore, .moved = ignore, .removed = ignore
};

typedef struct Desk {
        Lab lab;
        Bare bare;
        Files *files;
        Esps *esps;
        RunContext context;
        EspSeen seen;
        Firmware firmware;
} Desk;

static void open_desk(Desk *d, JobType type, EspLoader loader) {
        Esp *esp;

        lab_open(&d->lab);
        ck_assert_int_ge(esps_new(lab_workers(&d->lab, NULL, NULL), &esps_listener, NULL, &d->esps),
                         0);
        ck_assert_int_ge(esps_get(d->esps, ESP_A, &esp), 0);
        ck_assert_int_ge(files_new(d->lab.t.root, &d->files), 0);
        ck_assert_int_ge(files_read(d->files), 0);
        d->context = (RunContext){ .workers = d->lab.workers };
        ck_assert_int_ge(run_input_make(d->lab.t.root, files_facts(d->files), NULL,
                                        &d->context.input),
                         0);
        d->context.job = bare_job(&d->bare, &(JobRequest){ .type = type });
        d->seen = (EspSeen){ .esp = esp, .image = calloc(1, sizeof(EspImage)) };
        d->seen.image->loader = loader;
        d->seen.image->size_bytes = UINT64_C(1) << 30;
        d->seen.image->free_bytes = UINT64_C(1) << 29;
        d->seen.image->cluster_bytes = 4096;
        d->firmware = FIRMWARE_INIT;
}

static void close_desk(Desk *d) {
        esp_image_free(d->seen.image);
        bare_done(&d->bare);
        run_input_done(&d->context.input);
        esps_free(d->esps);
        files_free(d->files);
        lab_close(&d->lab);
}

START_TEST(esp_that_is_stuck_or_missing_is_not_looked_at) {
        _cleanup_error_ Error missing = {}, stuck = {};
        _cleanup_(close_desk) Desk d = {};
        EspState state;
        Esp *esp;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_NONE);
        esp = esps_find(d.esps, ESP_A);
        ck_assert(esp_plan_refuses(esp, &state, &missing));
        ck_assert_int_eq(state, ESP_MISSING);
        ck_assert_int_eq(missing.code, ERROR_ESP_MISSING);
        (void) esps_update_presence(d.esps);
        ck_assert(!esp_plan_refuses(esp, &state, NULL));
        esp_set_state(esp, ESP_STUCK, ERROR_NONE, NULL);
        ck_assert(esp_plan_refuses(esp, &state, &stuck));
        ck_assert_int_eq(state, ESP_STUCK);
}
END_TEST

START_TEST(plan_waits_for_the_host_and_for_better_options) {
        _cleanup_(close_desk) Desk d = {};

        open_desk(&d, JOB_REFRESH, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert(!esp_plan_is_due(&d.context, d.seen.image));
        d.context.host_ready = true;
        ck_assert(esp_plan_is_due(&d.context, d.seen.image));
        free(d.context.input.cmdline);
        d.context.input.cmdline = NULL;
        d.context.n_unseen = 1;
        ck_assert(!esp_plan_is_due(&d.context, d.seen.image));
        d.context.canceled = true;
        ck_assert(esp_plan_is_due(&d.context, d.seen.image));
}
END_TEST

START_TEST(reinit_keeps_the_loader_that_is_there_and_refuses_none) {
        _cleanup_(close_desk) Desk d = {};
        _cleanup_error_ Error error = {};
        EspLoader loader;

        open_desk(&d, JOB_REINIT, ESP_LOADER_GRUB);
        ck_assert_int_ge(esp_plan_choose_loader(&d.context, &d.seen, &loader, &error), 0);
        ck_assert_int_eq(loader, ESP_LOADER_GRUB);
        d.seen.image->loader = ESP_LOADER_NONE;
        ck_assert_int_lt(esp_plan_choose_loader(&d.context, &d.seen, &loader, &error), 0);
        ck_assert_int_eq(error.code, ERROR_NOT_AN_ESP);
}
END_TEST

START_TEST(loader_of_a_new_esp_is_chosen_by_the_firmware_if_that_is_known) {
        _cleanup_error_ Error unknown = {}, missing = {};
        _cleanup_(close_desk) Desk d = {};
        EspLoader loader;

        open_desk(&d, JOB_INIT, ESP_LOADER_NONE);
        ck_assert_int_lt(esp_plan_choose_loader(&d.context, &d.seen, &loader, &unknown), 0);
        ck_assert_int_eq(unknown.code, ERROR_FIRMWARE_ERROR);
        d.context.firmware = &d.firmware;
        ck_assert_int_eq(esp_plan_choose_loader(&d.context, &d.seen, &loader, NULL), 0);
        ck_assert(d.seen.loader_comes);
        ck_assert_int_eq(esp_plan_check_loader(d.seen.esp, d.seen.image, loader, NULL), 0);
        d.seen.image->loader = ESP_LOADER_NONE;
        ck_assert_int_lt(esp_plan_check_loader(d.seen.esp, d.seen.image, loader, &missing), 0);
        ck_assert_int_eq(missing.code, ERROR_VERIFY_FAILED);
}
END_TEST

START_TEST(esp_that_lacks_its_kernels_is_outdated_and_a_verification_names_them) {
        _cleanup_error_ Error error = {}, quiet = {};
        _cleanup_(close_desk) Desk d = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        open_desk(&d, JOB_VERIFY, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert_int_ge(esp_plan_sync(&d.context, &d.seen, NULL, &plan), 0);
        ck_assert_uint_gt(plan->n_steps, 0);
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, plan, false, &error), ESP_OUTDATED);
        ck_assert_ptr_nonnull(strstr(error.message, KERNEL_NEW));

        bare_done(&d.bare);
        d.context.job = bare_job(&d.bare, &(JobRequest){ .type = JOB_PROBE });
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, plan, false, &quiet), ESP_OUTDATED);
        ck_assert(!error_is_set(&quiet));
}
END_TEST

START_TEST(job_that_installs_no_loader_chooses_none) {
        _cleanup_(close_desk) Desk d = {};
        EspLoader loader = ESP_LOADER_NONE;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_GRUB);
        ck_assert_int_eq(esp_plan_choose_loader(&d.context, &d.seen, &loader, NULL), 0);
        ck_assert_int_eq(loader, ESP_LOADER_NONE);
        ck_assert(!d.seen.loader_comes);
}
END_TEST

START_TEST(files_that_the_disk_did_not_give_are_named) {
        _cleanup_error_ Error none = {}, one = {};
        _cleanup_(close_desk) Desk d = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        open_desk(&d, JOB_VERIFY, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert_int_ge(esp_plan_sync(&d.context, &d.seen, NULL, &plan), 0);
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, plan, false, &none), ESP_OUTDATED);
        ck_assert_ptr_null(strstr(none.message, "does not give"));
        esp_image_get(d.seen.image, "EFI/x")->verdict = VERDICT_UNREADABLE;
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, plan, false, &one), ESP_OUTDATED);
        ck_assert_ptr_nonnull(strstr(one.message, "does not give 'EFI/x'; a refresh"));
}
END_TEST

static bool puts_loader_anew(Desk *d) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        bool found = false;

        ck_assert_int_ge(esp_plan_sync(&d->context, &d->seen, NULL, &plan), 0);
        for (size_t i = 0; i < plan->n_steps; i++)
                found |= plan->steps[i].action == PLAN_INSTALL_LOADER;
        return found;
}

START_TEST(loader_that_is_another_than_its_package_s_is_put_anew) {
        _cleanup_(close_desk) Desk d = {};
        EspFile *file;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_SYSTEMD_BOOT);
        d.context.firmware = &d.firmware;
        file = esp_image_get(d.seen.image, ESP_SYSTEMD_BOOT);
        ck_assert_ptr_nonnull(file);
        file->type = FILE_REGULAR;
        file->verdict = VERDICT_DIFFERS;
        ck_assert(!puts_loader_anew(&d));
        d.context.input.loaders[ESP_LOADER_SYSTEMD_BOOT] =
                        (LoaderSource){ .path = SYSTEMD_BOOT_SOURCE, .stamp = { .size = 1 } };
        ck_assert(puts_loader_anew(&d));
        file->verdict = VERDICT_EQUAL;
        ck_assert(!puts_loader_anew(&d));
}
END_TEST

START_TEST(loader_that_the_firmware_would_refuse_is_not_put_on_an_esp_unasked) {
        _cleanup_(close_desk) Desk d = {};
        LoaderSource *source;
        EspFile *file;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_SYSTEMD_BOOT);
        source = &d.context.input.loaders[ESP_LOADER_SYSTEMD_BOOT];
        *source = (LoaderSource){ .path = SYSTEMD_BOOT_SOURCE, .stamp = { .size = 1 } };
        file = esp_image_get(d.seen.image, ESP_SYSTEMD_BOOT);
        ck_assert_ptr_nonnull(file);
        file->type = FILE_REGULAR;
        file->verdict = VERDICT_DIFFERS;
        ck_assert(!puts_loader_anew(&d)); /* nobody knows what it would refuse */
        d.context.firmware = &d.firmware;
        d.firmware.secure_boot = SECURE_BOOT_ENABLED;
        ck_assert(!puts_loader_anew(&d));
        source->is_signed = true;
        ck_assert(puts_loader_anew(&d));
}
END_TEST

START_TEST(plan_with_nothing_to_do_is_in_sync_and_one_with_a_problem_is_not) {
        _cleanup_error_ Error error = {};
        _cleanup_(close_desk) Desk d = {};
        _cleanup_(plan_freep) Plan *rest = NULL;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert_int_ge(plan_new(PLAN_ON_ESP, ESP_A, &rest), 0);
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, rest, true, &error), ESP_IN_SYNC);
        (void) error_set(&rest->problem, ERROR_NO_SPACE, "It is too small");
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, rest, true, &error), ESP_OUTDATED);
        ck_assert_str_eq(error.message, "It is too small");
        d.seen.image->loader = ESP_LOADER_NONE;
        ck_assert_int_eq(esp_plan_judge(&d.context, &d.seen, rest, true, &error), ESP_FAILED);
}
END_TEST

START_TEST(loader_that_secure_boot_refuses_takes_the_place_of_none) {
        _cleanup_(close_desk) Desk d = {}, again = {};
        _cleanup_error_ Error error = {};
        SignedFile program = { .path = (char *) "/" SYSTEMD_BOOT_SOURCE,
                               .stamp = { .size = 1 },
                               .by[CHECKER_FIRMWARE].reason = (char *) "it is not signed" };
        const SecureBootFacts judged = { .files = { .items = &program, .n = 1 } };
        EspLoader loader;
        EspFile *file;

        open_desk(&d, JOB_REFRESH, ESP_LOADER_SYSTEMD_BOOT);
        d.firmware.secure_boot = SECURE_BOOT_ENABLED;
        d.context.firmware = &d.firmware;
        d.context.input.secure_boot = &judged;
        d.context.input.loaders[ESP_LOADER_SYSTEMD_BOOT] =
                        (LoaderSource){ .path = SYSTEMD_BOOT_SOURCE, .stamp = { .size = 1 } };
        file = esp_image_get(d.seen.image, ESP_SYSTEMD_BOOT);
        ck_assert_ptr_nonnull(file);
        file->type = FILE_REGULAR;
        file->verdict = VERDICT_DIFFERS;
        ck_assert(!puts_loader_anew(&d));
        program.by[CHECKER_FIRMWARE].accepted = true;
        ck_assert(puts_loader_anew(&d));

        open_desk(&again, JOB_REINIT, ESP_LOADER_SYSTEMD_BOOT);
        again.firmware.secure_boot = SECURE_BOOT_ENABLED;
        again.context.firmware = &again.firmware;
        again.context.input.secure_boot = &judged;
        ck_assert_int_ge(esp_plan_choose_loader(&again.context, &again.seen, &loader, NULL), 0);
        program.by[CHECKER_FIRMWARE].accepted = false;
        ck_assert_int_lt(esp_plan_choose_loader(&again.context, &again.seen, &loader, &error), 0);
        ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
        ck_assert_msg(strstr(error.message, "it is not signed"), "%s", error.message);
}
END_TEST

CHECK_MAIN("esp-plan", esp_that_is_stuck_or_missing_is_not_looked_at,
           plan_waits_for_the_host_and_for_better_options,
           reinit_keeps_the_loader_that_is_there_and_refuses_none,
           loader_of_a_new_esp_is_chosen_by_the_firmware_if_that_is_known,
           esp_that_lacks_its_kernels_is_outdated_and_a_verification_names_them,
           job_that_installs_no_loader_chooses_none, files_that_the_disk_did_not_give_are_named,
           loader_that_is_another_than_its_package_s_is_put_anew,
           loader_that_the_firmware_would_refuse_is_not_put_on_an_esp_unasked,
           plan_with_nothing_to_do_is_in_sync_and_one_with_a_problem_is_not,
           loader_that_secure_boot_refuses_takes_the_place_of_none)
