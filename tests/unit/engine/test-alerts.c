/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Root is told of a state that is bad for ten minutes and of its end, once each, over restarts,
 * too; and a daemon with nothing to tell has no timer. */

#include "engine/alerts.h"

#include "common/names.h"
#include "sys/file.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define AFTER (600 * SEC)

typedef struct Told {
        Lab lab;
        char **units; /* that were to be started */
        const char *refusal;
        bool silent; /* systemd does not answer */
        bool away;   /* it cannot even be asked */
} Told;

static Alerts *alerts(const Told *t) {
        return manager_info(t->lab.m).alerts;
}

static int start(const char *unit, void *userdata) {
        Told *t = userdata;

        if (t->away)
                return -ENOTCONN;
        ck_assert_int_ge(strv_extend(&t->units, unit), 0);
        if (!t->silent)
                alerts_answered(alerts(t), t->refusal);
        return 0;
}

/* A host as it is without the bench's own setting. */
static void open_lab(Lab *lab) {
        lab_open(lab);
        ck_assert_int_eq(unlinkat(lab->t.fd, LAB_NO_ALERTS, 0), 0);
}

static void open_told(Told *t) {
        open_lab(&t->lab);
        lab_start(&t->lab);
        alerts_set_starter(alerts(t), start, t);
        lab_turn(&t->lab);
        ck_assert_str_eq(lab_verdict(&t->lab)->redundancy, "redundant");
}

static void close_told(Told *t) {
        lab_close(&t->lab);
        strv_free(t->units);
}

/* As after a restart of the daemon. */
static void restart(Told *t) {
        lab_restart(&t->lab);
        alerts_set_starter(alerts(t), start, t);
        ck_assert_int_ge(manager_start(t->lab.m), 0);
        lab_finish(&t->lab);
}

static void unplug(Told *t) {
        ck_assert_int_eq(renameat(t->lab.t.fd, "dev/disk/by-uuid/" ESP_B, t->lab.t.fd, "away"), 0);
        lab_pass(&t->lab, 3 * SEC);
        lab_finish(&t->lab);
        ck_assert_str_eq(lab_verdict(&t->lab)->redundancy, "degraded");
}

static void plug_in(Told *t) {
        ck_assert_int_eq(renameat(t->lab.t.fd, "away", t->lab.t.fd, "dev/disk/by-uuid/" ESP_B), 0);
        lab_pass(&t->lab, 3 * SEC);
        lab_finish(&t->lab);
        ck_assert_str_eq(lab_verdict(&t->lab)->redundancy, "redundant");
}

static void assert_told(Told *t, const char *expect) {
        _cleanup_free_ char *told = strv_join(t->units, " ");

        ck_assert_str_eq(told, expect);
        t->units = strv_free(t->units);
}

static bool remembers(const Told *t) {
        struct stat st;

        return root_stat(t->lab.t.root, PATH_ALERTS, &st) >= 0;
}

START_TEST(degraded_host_is_told_once_and_its_end_once) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        ck_assert(!clock_is_armed());
        ck_assert(!remembers(&t));
        unplug(&t);
        ck_assert(clock_is_armed());
        lab_pass(&t.lab, AFTER - 10 * SEC);
        assert_told(&t, "");
        lab_pass(&t.lab, 20 * SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
        lab_pass(&t.lab, 100 * AFTER);
        assert_told(&t, "");
        ck_assert(!clock_is_armed());

        plug_in(&t);
        lab_pass(&t.lab, AFTER + SEC);
        assert_told(&t, "bootsync-alert@redundant.service");
        ck_assert(!clock_is_armed());
        ck_assert(!remembers(&t));
}
END_TEST

START_TEST(disk_that_comes_and_goes_is_told_once) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        for (unsigned i = 0; i < 5; i++) {
                unplug(&t);
                lab_pass(&t.lab, 120 * SEC);
                plug_in(&t);
                lab_pass(&t.lab, 120 * SEC);
        }
        assert_told(&t, "bootsync-alert@degraded.service");
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "bootsync-alert@redundant.service");
}
END_TEST

START_TEST(restart_tells_nothing_again_and_forgets_no_minute) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        unplug(&t);
        lab_pass(&t.lab, AFTER / 2);
        restart(&t);
        lab_pass(&t.lab, AFTER / 2 + SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
        restart(&t);
        lab_pass(&t.lab, 2 * AFTER);
        assert_told(&t, "");
        plug_in(&t);
        restart(&t);
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "bootsync-alert@redundant.service");
}
END_TEST

START_TEST(sync_and_the_first_look_are_not_told_however_long_they_take) {
        _cleanup_(close_told) Told t = {};
        unsigned n_waits = 0;

        open_lab(&t.lab);
        temp_puts(&t.lab.t, PATH_CONFIG, "[Alerts]\nAfterSec=10\n");
        t.lab.hold = "*";
        lab_new(&t.lab);
        alerts_set_starter(alerts(&t), start, &t);
        ck_assert_int_ge(manager_start(t.lab.m), 0);
        while (manager_job(t.lab.m, 0)) {
                for (size_t i = 0; i < ELEMENTSOF(t.lab.held); i++)
                        if (t.lab.held[i].gate >= 0) {
                                lab_pass(&t.lab, 15 * SEC);
                                ck_assert_str_ne(lab_verdict(&t.lab)->redundancy, "redundant");
                                ck_assert(!remembers(&t));
                                worker_run(&t.lab, &t.lab.held[i]);
                                n_waits++;
                        }
                lab_turn(&t.lab);
        }
        ck_assert_str_eq(lab_verdict(&t.lab)->redundancy, "redundant");
        ck_assert_uint_ge(n_waits, 4);
        assert_told(&t, "");
}
END_TEST

START_TEST(files_that_nobody_can_read_are_told) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        ck_assert_int_ge(unlinkat(t.lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&t.lab.t, LIST_OF_ESPS);
        lab_pass(&t.lab, AFTER + 60 * SEC);
        assert_told(&t, "bootsync-alert@unknown.service");
}
END_TEST

START_TEST(bad_state_is_told_without_auto_sync_too) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        temp_puts(&t.lab.t, PATH_CONFIG, "[Sync]\nAutoSync=no\n[Alerts]\nAfterSec=30\n");
        lab_pass(&t.lab, 3 * SEC);
        lab_finish(&t.lab);
        lab_add_kernel(&t.lab, KERNEL_NEXT);
        lab_pass(&t.lab, 3 * SEC);
        lab_finish(&t.lab);
        ck_assert_str_eq(lab_verdict(&t.lab)->redundancy, "degraded");
        lab_pass(&t.lab, 31 * SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
}
END_TEST

START_TEST(who_wants_no_mail_gets_none_and_nothing_is_remembered) {
        _cleanup_(close_told) Told t = {};

        open_told(&t);
        unplug(&t);
        ck_assert(remembers(&t));
        temp_puts(&t.lab.t, PATH_CONFIG, "[Alerts]\nMail=off\n");
        lab_pass(&t.lab, 3 * SEC);
        lab_finish(&t.lab);
        ck_assert(!remembers(&t));
        lab_pass(&t.lab, 2 * AFTER);
        assert_told(&t, "");
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(systemd_that_refuses_is_asked_again_and_nothing_counts_as_told) {
        _cleanup_(close_told) Told t = { .refusal = "there is no such unit" };

        open_told(&t);
        unplug(&t);
        lab_pass(&t.lab, AFTER + SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
        /* Not at each change. */
        alerts_look(alerts(&t));
        lab_pass(&t.lab, AFTER / 2);
        assert_told(&t, "");
        t.refusal = NULL;
        lab_pass(&t.lab, AFTER / 2);
        assert_told(&t, "bootsync-alert@degraded.service");
        lab_pass(&t.lab, 2 * AFTER);
        assert_told(&t, "");
}
END_TEST

START_TEST(systemd_that_cannot_be_asked_or_does_not_answer_is_asked_again) {
        _cleanup_(close_told) Told t = { .away = true };

        open_told(&t);
        unplug(&t);
        lab_pass(&t.lab, AFTER + SEC);
        assert_told(&t, "");
        t.away = false;
        t.silent = true;
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "bootsync-alert@degraded.service");
        /* The bus is lost, and found again. */
        alerts_set_starter(alerts(&t), NULL, NULL);
        lab_pass(&t.lab, 10 * SEC);
        alerts_set_starter(alerts(&t), start, &t);
        t.silent = false;
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "bootsync-alert@degraded.service");
        restart(&t);
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "");
}
END_TEST

START_TEST(daemon_that_dies_before_systemd_has_answered_tells_again) {
        _cleanup_(close_told) Told t = { .silent = true };

        open_told(&t);
        unplug(&t);
        lab_pass(&t.lab, AFTER + SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
        t.silent = false;
        restart(&t);
        lab_pass(&t.lab, SEC);
        assert_told(&t, "bootsync-alert@degraded.service");
}
END_TEST

START_TEST(damaged_memory_is_none) {
        _cleanup_(close_told) Told t = {};

        open_lab(&t.lab);
        temp_puts(&t.lab.t, PATH_ALERTS, "v1\nalarm of=degraded bad=x\n");
        lab_start(&t.lab);
        alerts_set_starter(alerts(&t), start, &t);
        lab_pass(&t.lab, 2 * AFTER);
        assert_told(&t, "");
        unplug(&t);
        lab_pass(&t.lab, AFTER);
        assert_told(&t, "bootsync-alert@degraded.service");
}
END_TEST

START_TEST(private_daemon_tells_nobody) {
        _cleanup_lab_ Lab lab;

        open_lab(&lab);
        lab.private = true;
        lab_new(&lab);
        ck_assert_ptr_null(manager_info(lab.m).alerts);
}
END_TEST

CHECK_MAIN("alerts", degraded_host_is_told_once_and_its_end_once,
           disk_that_comes_and_goes_is_told_once, restart_tells_nothing_again_and_forgets_no_minute,
           sync_and_the_first_look_are_not_told_however_long_they_take,
           files_that_nobody_can_read_are_told, bad_state_is_told_without_auto_sync_too,
           who_wants_no_mail_gets_none_and_nothing_is_remembered,
           systemd_that_refuses_is_asked_again_and_nothing_counts_as_told,
           systemd_that_cannot_be_asked_or_does_not_answer_is_asked_again,
           daemon_that_dies_before_systemd_has_answered_tells_again, damaged_memory_is_none,
           private_daemon_tells_nobody)
