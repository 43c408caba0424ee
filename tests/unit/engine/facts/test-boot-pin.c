/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pin for the next boot is spent in any later boot, and armed once in its own. */

#include "engine/facts/kernel-lists.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define ENTRY_OLD "proxmox-" KERNEL_OLD ".conf"

typedef struct Pinned {
        Lab lab;
        Files *files;
} Pinned;

static void open_pinned(Pinned *p) {
        lab_open(&p->lab);
        ck_assert_int_ge(files_new(p->lab.t.root, &p->files), 0);
        ck_assert_int_eq(kernel_conf_store_pin(p->lab.t.root, PIN_NEXT_BOOT, KERNEL_OLD), 1);
        ck_assert_int_ge(files_read(p->files), 0);
}

static void close_pinned(Pinned *p) {
        files_free(p->files);
        lab_close(&p->lab);
}

static const Facts *next_boot(Pinned *p, const char *boot_id) {
        temp_puts(&p->lab.t, "proc/sys/kernel/random/boot_id", boot_id);
        ck_assert_int_ge(files_read(p->files), 0);
        return files_facts(p->files);
}

static void assert_plan(const Pinned *p, const char *arm, const char *disarm) {
        _cleanup_free_ char *armed = NULL, *disarmed = NULL;

        ck_assert_int_ge(boot_pin_plan_one_shot(p->lab.t.root, files_facts(p->files), &armed,
                                                &disarmed),
                         0);
        ck_assert_str_eq(strempty(armed), arm);
        ck_assert_str_eq(strempty(disarmed), disarm);
}

START_TEST(pin_ends_in_a_later_boot_and_not_in_its_own) {
        _cleanup_(close_pinned) Pinned p = {};
        const Root *root;

        open_pinned(&p);
        root = p.lab.t.root;
        ck_assert_int_ge(boot_pin_record(root, files_facts(p.files)), 0);
        ck_assert_int_eq(boot_pin_expire(root, files_facts(p.files)), 0);
        ck_assert(temp_exists(&p.lab.t, PATH_NEXT_BOOT_PIN));
        ck_assert_int_eq(boot_pin_expire(root, next_boot(&p, "00000002-0000-4000-8000-"
                                                             "000000000002\n")),
                         1);
        ck_assert(!temp_exists(&p.lab.t, PATH_NEXT_BOOT_PIN));
        ck_assert(!temp_exists(&p.lab.t, PATH_NEXT_BOOT));
}
END_TEST

START_TEST(pin_that_nobody_wrote_down_is_adopted_and_stays) {
        _cleanup_(close_pinned) Pinned p = {};

        open_pinned(&p);
        ck_assert_int_eq(boot_pin_expire(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert(temp_exists(&p.lab.t, PATH_NEXT_BOOT));
        temp_puts(&p.lab.t, PATH_NEXT_BOOT, "torn");
        ck_assert_int_eq(boot_pin_expire(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert(temp_exists(&p.lab.t, PATH_NEXT_BOOT_PIN));
}
END_TEST

START_TEST(without_a_pin_nothing_is_written_down) {
        _cleanup_(close_pinned) Pinned p = {};

        open_pinned(&p);
        ck_assert_int_ge(boot_pin_record(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert_int_eq(kernel_conf_store_pin(p.lab.t.root, PIN_NEXT_BOOT, NULL), 1);
        ck_assert_int_ge(files_read(p.files), 0);
        ck_assert_int_ge(boot_pin_record(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert(!temp_exists(&p.lab.t, PATH_NEXT_BOOT));
        ck_assert_int_eq(boot_pin_expire(p.lab.t.root, files_facts(p.files)), 0);
}
END_TEST

START_TEST(without_a_boot_id_a_record_would_not_be_true) {
        _cleanup_(close_pinned) Pinned p = {};

        open_pinned(&p);
        ck_assert_int_ge(boot_pin_record(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert_int_ge(unlinkat(p.lab.t.fd, "proc/sys/kernel/random/boot_id", 0), 0);
        ck_assert_int_ge(files_read(p.files), 0);
        ck_assert_int_ge(boot_pin_record(p.lab.t.root, files_facts(p.files)), 0);
        ck_assert(!temp_exists(&p.lab.t, PATH_NEXT_BOOT));
}
END_TEST

START_TEST(pin_is_armed_once_and_disarmed_when_it_is_gone) {
        _cleanup_(close_pinned) Pinned p = {};
        const Root *root;

        open_pinned(&p);
        root = p.lab.t.root;
        assert_plan(&p, ENTRY_OLD, "");
        boot_pin_record_one_shot(root, files_facts(p.files), KERNEL_OLD);
        assert_plan(&p, "", "");
        ck_assert_int_eq(kernel_conf_store_pin(root, PIN_NEXT_BOOT, NULL), 1);
        ck_assert_int_ge(files_read(p.files), 0);
        assert_plan(&p, "", ENTRY_OLD);
        boot_pin_record_one_shot(root, files_facts(p.files), NULL);
        assert_plan(&p, "", "");
}
END_TEST

START_TEST(record_that_cannot_be_written_is_no_failure) {
        _cleanup_(close_pinned) Pinned p = {};

        open_pinned(&p);
        temp_puts(&p.lab.t, PATH_STATE, "no directory");
        boot_pin_record_one_shot(p.lab.t.root, files_facts(p.files), KERNEL_OLD);
        assert_plan(&p, ENTRY_OLD, "");
}
END_TEST

CHECK_MAIN("boot-pin", pin_ends_in_a_later_boot_and_not_in_its_own,
           pin_that_nobody_wrote_down_is_adopted_and_stays, without_a_pin_nothing_is_written_down,
           without_a_boot_id_a_record_would_not_be_true,
           pin_is_armed_once_and_disarmed_when_it_is_gone,
           record_that_cannot_be_written_is_no_failure)
