/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A run's snapshot of the facts, and the kernel that its default must lead to. */

#include "engine/run/context.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Snapshot {
        Lab lab;
        Files *files;
        RunContext context;
} Snapshot;

static const RunInput *take(Snapshot *s) {
        run_input_done(&s->context.input);
        ck_assert_int_ge(files_read(s->files), 0);
        ck_assert_int_ge(run_input_make(s->lab.t.root, files_facts(s->files), NULL,
                                        &s->context.input),
                         0);
        return &s->context.input;
}

static void open_snapshot(Snapshot *s) {
        lab_open(&s->lab);
        ck_assert_int_ge(files_new(s->lab.t.root, &s->files), 0);
}

static void close_snapshot(Snapshot *s) {
        run_input_done(&s->context.input);
        files_free(s->files);
        lab_close(&s->lab);
}

START_TEST(input_is_a_copy_with_the_serial_of_the_facts) {
        _cleanup_(close_snapshot) Snapshot s = {};
        const RunInput *input;
        uint64_t serial;

        open_snapshot(&s);
        input = take(&s);
        serial = input->serial;
        ck_assert_uint_eq(serial, files_facts(s.files)->serial);
        ck_assert_str_eq(input->cmdline, "root=/dev/sda3 quiet");
        ck_assert_ptr_null(input->fallback_cmdline);
        lab_add_kernel(&s.lab, KERNEL_NEXT);
        ck_assert_int_eq(files_read(s.files), 1);
        ck_assert_uint_eq(input->serial, serial);
        ck_assert_ptr_null(kernel_set_find(&input->kernels, KERNEL_NEXT));
}
END_TEST

START_TEST(without_a_file_the_command_line_of_this_boot_is_offered) {
        _cleanup_(close_snapshot) Snapshot s = {};
        const RunInput *input;

        open_snapshot(&s);
        ck_assert_int_ge(unlinkat(s.lab.t.fd, "etc/kernel/cmdline", 0), 0);
        input = take(&s);
        ck_assert_ptr_null(input->cmdline);
        ck_assert(input->adopt);
        ck_assert_str_eq(input->fallback_cmdline, "root=/dev/sda3 ro");
        temp_puts(&s.lab.t, "var/lib/bootsync/cmdline", "root=/dev/sda9\n");
        input = take(&s);
        ck_assert(!input->adopt);
        ck_assert_str_eq(input->fallback_cmdline, "root=/dev/sda9");
}
END_TEST

START_TEST(default_is_the_pin_and_a_kernel_for_one_boot_only_without_a_one_shot) {
        _cleanup_(close_snapshot) Snapshot s = {};

        open_snapshot(&s);
        (void) take(&s);
        ck_assert_ptr_null(s.context.input.default_version);

        ck_assert_int_eq(kernel_conf_store_pin(s.lab.t.root, PIN_NEXT_BOOT, KERNEL_OLD), 1);
        (void) take(&s);
        ck_assert_str_eq(s.context.input.arm, "proxmox-" KERNEL_OLD ".conf");
        ck_assert_str_eq(s.context.input.default_version, KERNEL_OLD);
        ck_assert_ptr_null(s.context.input.default_beside_one_shot);

        ck_assert_int_eq(kernel_conf_store_pin(s.lab.t.root, PIN_PERMANENT, KERNEL_NEW), 1);
        (void) take(&s);
        ck_assert_str_eq(s.context.input.default_version, KERNEL_OLD);
        ck_assert_str_eq(s.context.input.default_beside_one_shot, KERNEL_NEW);
}
END_TEST

START_TEST(newest_kernel_that_is_there_for_one_boot_alone_is_not_the_default) {
        _cleanup_(close_snapshot) Snapshot s = {};

        open_snapshot(&s);
        temp_puts(&s.lab.t, "proc/sys/kernel/osrelease", KERNEL_OLD "\n");
        lab_add_kernel(&s.lab, "6.14.0-1-pve");
        lab_add_kernel(&s.lab, "6.14.0-2-pve");
        ck_assert_int_eq(kernel_conf_store_pin(s.lab.t.root, PIN_NEXT_BOOT, "6.14.0-2-pve"), 1);
        (void) take(&s);
        ck_assert_str_eq(s.context.input.default_version, "6.14.0-2-pve");
        ck_assert(!streq_ptr(s.context.input.default_beside_one_shot, "6.14.0-2-pve"));
}
END_TEST

CHECK_MAIN("context", input_is_a_copy_with_the_serial_of_the_facts,
           without_a_file_the_command_line_of_this_boot_is_offered,
           default_is_the_pin_and_a_kernel_for_one_boot_only_without_a_one_shot,
           newest_kernel_that_is_there_for_one_boot_alone_is_not_the_default)
