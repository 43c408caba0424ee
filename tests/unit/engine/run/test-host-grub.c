/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB of a host without ESPs: when its menu is made anew, and when a job has failed by it. */

#include "engine/run/host-run.h"

#include "common/names.h"
#include "common/string-util.h"
#include "sys/grub.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/bare.h"
#include "tests/unit/engine/lab.h"

#define ID_OF(version) \
        "gnulinux-advanced-" GRUB_ROOT_ID ">gnulinux-" version "-advanced-" GRUB_ROOT_ID

typedef struct Grub {
        Lab lab;
        Bare bare;
        Files *files;
        Firmware firmware;
        RunContext context;
        HostRun *run;
        char *armed;
} Grub;

static int on_pin_grub(const char *version, const char *root_id, bool keep, void *userdata) {
        Grub *g = userdata;

        return files_pin_grub(g->files, version, root_id, keep);
}

static void on_armed(const char *version, void *userdata) {
        Grub *g = userdata;

        free(g->armed);
        g->armed = strdup(strempty(version));
}

static void on_changed(Job *job, void *userdata) {
}

static const RunListener listener = { .pin_grub = on_pin_grub,
                                      .armed = on_armed,
                                      .job_changed = on_changed };

static void begin(Grub *g, JobType type) {
        ck_assert_int_ge(files_read(g->files), 0);
        bare_done(&g->bare);
        run_input_done(&g->context.input);
        g->run = host_run_free(g->run);
        error_done(&g->context.host_error);
        g->context.host_ready = false;
        ck_assert_int_ge(run_input_make(g->lab.t.root, files_facts(g->files), &g->firmware,
                                        &g->context.input),
                         0);
        g->context.job = bare_job(&g->bare, &(JobRequest){ .type = type });
        ck_assert_int_ge(host_run_new(&g->context, false, &g->run), 0);
}

static void open_grub(Grub *g) {
        g->firmware = FIRMWARE_INIT;
        lab_open(&g->lab);
        g->lab.hold = "*";
        lab_list_esps(&g->lab, "");
        lab_write_grub_menu(&g->lab, "0", KERNEL_NEW, KERNEL_OLD);
        ck_assert_int_ge(files_new(g->lab.t.root, &g->files), 0);
        g->context = (RunContext){ .workers = lab_workers(&g->lab, NULL, NULL),
                                   .listener = &listener,
                                   .userdata = g };
}

static void close_grub(Grub *g) {
        bare_done(&g->bare);
        run_input_done(&g->context.input);
        host_run_free(g->run);
        error_done(&g->context.host_error);
        free(g->armed);
        files_free(g->files);
        lab_close(&g->lab);
}

/* 1: a worker is at it, 0: all is done, negative: it has failed. */
static int go_on(Grub *g) {
        while (host_run_step(g->run))
                ;
        if (!g->context.host_ready)
                return 1;
        return error_is_set(&g->context.host_error) ? -EIO : 0;
}

static int finish(Grub *g, PlanAction action) {
        Worker *w = lab_worker(&g->lab, NULL);

        ck_assert_int_eq(w->plan->steps[0].action, action);
        worker_done(w);
        LAB_WAIT(&g->lab, host_run_step(g->run));
        return go_on(g);
}

static void pin(Grub *g, PinScope scope, const char *version) {
        ck_assert_int_eq(kernel_conf_store_pin(g->lab.t.root, scope, version), 1);
}

START_TEST(menu_that_has_every_kernel_is_left_alone) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        begin(&g, JOB_REFRESH);
        ck_assert(g.context.input.grub_host);
        ck_assert_int_eq(go_on(&g), 0);
        ck_assert_ptr_null(lab_held(&g.lab, NULL));
        ck_assert(!error_is_set(&g.context.host_error));
}
END_TEST

START_TEST(menu_that_lacks_a_kernel_is_made_anew_and_checked) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        lab_add_kernel(&g.lab, KERNEL_NEXT);
        begin(&g, JOB_REFRESH);
        ck_assert_int_eq(go_on(&g), 1);
        ck_assert_int_lt(finish(&g, PLAN_UPDATE_GRUB), 0);
        ck_assert_ptr_nonnull(strstr(g.context.host_error.message,
                                     "makes no entry for kernel '" KERNEL_NEXT));
}
END_TEST

START_TEST(pin_is_written_and_the_menu_made_with_it) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        pin(&g, PIN_PERMANENT, KERNEL_OLD);
        begin(&g, JOB_REFRESH);
        ck_assert_int_eq(go_on(&g), 1);
        ck_assert(temp_exists(&g.lab.t, PATH_GRUB_PIN));
        ck_assert_int_lt(finish(&g, PLAN_UPDATE_GRUB), 0);
        ck_assert_ptr_nonnull(strstr(g.context.host_error.message, "but another default"));

        lab_write_grub_menu(&g.lab, ID_OF(KERNEL_OLD), KERNEL_NEW, KERNEL_OLD);
        begin(&g, JOB_REFRESH);
        ck_assert_int_eq(go_on(&g), 0);
        ck_assert(!error_is_set(&g.context.host_error));

        /* Unpinned: emptied first, removed when the menu is made. */
        pin(&g, PIN_PERMANENT, NULL);
        begin(&g, JOB_REFRESH);
        ck_assert_int_eq(go_on(&g), 1);
        ck_assert(temp_exists(&g.lab.t, PATH_GRUB_PIN));
        lab_write_grub_menu(&g.lab, "0", KERNEL_NEW, KERNEL_OLD);
        ck_assert_int_eq(finish(&g, PLAN_UPDATE_GRUB), 0);
        ck_assert(!temp_exists(&g.lab.t, PATH_GRUB_PIN));
}
END_TEST

START_TEST(pin_of_a_kernel_that_cannot_be_booted_fails_the_job) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        pin(&g, PIN_PERMANENT, KERNEL_NEXT);
        begin(&g, JOB_REFRESH);
        ck_assert_int_lt(go_on(&g), 0);
        ck_assert_int_eq(g.context.host_error.code, ERROR_NOT_BOOTABLE);
}
END_TEST

START_TEST(menu_without_submenu_takes_no_pin) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        temp_puts(&g.lab.t, PATH_GRUB_MENU,
                  "set default=\"0\"\nmenuentry 'x' {\n\tlinux\t/boot/vmlinuz-" KERNEL_NEW "\n}\n");
        pin(&g, PIN_PERMANENT, KERNEL_OLD);
        begin(&g, JOB_REFRESH);
        ck_assert_int_lt(go_on(&g), 0);
        ck_assert_int_eq(g.context.host_error.code, ERROR_NOT_SUPPORTED);
}
END_TEST

START_TEST(plan_says_what_would_be_done_and_changes_nothing) {
        _cleanup_(close_grub) Grub g = {};
        const JobStatus *status;

        open_grub(&g);
        pin(&g, PIN_PERMANENT, KERNEL_OLD);
        begin(&g, JOB_PLAN);
        ck_assert_int_eq(go_on(&g), 0);
        status = &job_info(g.context.job)->status;
        ck_assert_uint_eq(status->n_plans, 1);
        ck_assert_int_eq(status->plans[0]->steps[0].action, PLAN_UPDATE_GRUB);
        ck_assert(!temp_exists(&g.lab.t, PATH_GRUB_PIN));

        pin(&g, PIN_PERMANENT, KERNEL_NEXT);
        begin(&g, JOB_PLAN);
        ck_assert_int_eq(go_on(&g), 0);
        ck_assert(!error_is_set(&g.context.host_error));
        ck_assert_ptr_nonnull(strstr(job_info(g.context.job)->status.plans[0]->problem.message,
                                     "cannot be booted"));
}
END_TEST

START_TEST(menu_that_cannot_be_read_is_named) {
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        begin(&g, JOB_REFRESH);
        ck_assert_int_ge(unlinkat(g.lab.t.fd, PATH_GRUB_MENU, 0), 0);
        ck_assert_int_lt(go_on(&g), 0);
        ck_assert_ptr_nonnull(strstr(g.context.host_error.message, "grub.cfg"));
}
END_TEST

START_TEST(kernel_for_one_boot_is_armed_where_grub_can_clear_that) {
        char *next = NULL;
        _cleanup_(close_grub) Grub g = {};

        open_grub(&g);
        pin(&g, PIN_NEXT_BOOT, KERNEL_OLD);
        begin(&g, JOB_REFRESH);
        g.context.input.grub_one_shot = true;
        ck_assert_int_eq(go_on(&g), 0);
        ck_assert_str_eq(g.armed, KERNEL_OLD);
        ck_assert(temp_exists(&g.lab.t, PATH_GRUB_DIR "/grubenv"));

        pin(&g, PIN_NEXT_BOOT, NULL);
        begin(&g, JOB_REFRESH);
        g.context.input.grub_one_shot = true;
        g.context.input.disarm = strdup("proxmox-" KERNEL_OLD ".conf");
        ck_assert_int_eq(go_on(&g), 1);
        ck_assert_int_eq(finish(&g, PLAN_DISARM), 0);
        ck_assert_str_eq(g.armed, "");
        ck_assert_int_eq(host_grub_get_next(g.lab.t.root, &next), 0);
        ck_assert_ptr_null(next);
}
END_TEST

CHECK_MAIN("host-grub", menu_that_has_every_kernel_is_left_alone,
           menu_that_lacks_a_kernel_is_made_anew_and_checked,
           pin_is_written_and_the_menu_made_with_it,
           pin_of_a_kernel_that_cannot_be_booted_fails_the_job, menu_without_submenu_takes_no_pin,
           plan_says_what_would_be_done_and_changes_nothing, menu_that_cannot_be_read_is_named,
           kernel_for_one_boot_is_armed_where_grub_can_clear_that)
