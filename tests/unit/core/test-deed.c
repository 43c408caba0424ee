/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sentences for what a job has done: each thing once, and nothing that was not done. */

#include "core/history/deed.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define A   "1111-AAAA"
#define B   "2222-BBBB"
#define OLD "6.5.13-5-pve"
#define NEW "6.8.12-4-pve"
#define DIR "EFI/proxmox/" NEW "/"
#define MIB (UINT64_C(1) << 20)

static Plan *plan_a(void) {
        Plan *p;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, A, &p), 0);
        return p;
}

static PlanStep *add(Plan *p, PlanAction action, const char *path) {
        PlanStep *step = plan_add(p, action, path);

        ck_assert_ptr_nonnull(step);
        return step;
}

static void stage(Plan *p, const char *path, const char *source, uint64_t bytes) {
        PlanStep *step = add(p, PLAN_STAGE, path);

        step->source = strdup(source);
        step->bytes = bytes;
}

static void do_steps(EspDeed *d, const Plan *p) {
        for (size_t i = 0; i < p->n_steps; i++)
                ck_assert_int_eq(esp_deed_add_step(d, p, i), 0);
}

static void take(Deed *d, const char *uuid, EspDeed *esp) {
        esp->uuid = strdup(uuid);
        ck_assert_int_eq(deed_add_esp(d, esp), 0);
}

static void bring_kernel(EspDeed *d, uint64_t bytes) {
        _cleanup_(plan_freep) Plan *p = plan_a();

        stage(p, DIR "vmlinuz-" NEW, "boot/vmlinuz-" NEW, bytes / 2);
        stage(p, DIR "initrd.img-" NEW, "boot/initrd.img-" NEW, bytes / 2);
        add(p, PLAN_STAGE_TEXT, "loader/entries/proxmox-" NEW ".conf");
        add(p, PLAN_TOKEN, NULL);
        add(p, PLAN_PLACE, DIR "vmlinuz-" NEW);
        add(p, PLAN_PLACE, DIR "initrd.img-" NEW);
        add(p, PLAN_PLACE, "loader/entries/proxmox-" NEW ".conf");
        do_steps(d, p);
}

static void remove_kernel(EspDeed *d, const char *version) {
        _cleanup_(plan_freep) Plan *p = plan_a();
        _cleanup_free_ char *dir = strprintf("EFI/proxmox/%s", version);

        add(p, PLAN_REMOVE_ENTRY, "loader/entries/proxmox-x.conf");
        add(p, PLAN_REMOVE_KERNEL, dir);
        do_steps(d, p);
}

static void change_default(EspDeed *d) {
        _cleanup_(plan_freep) Plan *p = plan_a();

        add(p, PLAN_STAGE_TEXT, "loader/loader.conf");
        add(p, PLAN_PLACE, "loader/loader.conf");
        do_steps(d, p);
}

static void assert_describes(const Deed *d, DeedKind kind, const char *expect) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(deed_describe(d, kind, &text), 0);
        ck_assert_pstr_eq(text, expect);
}

static void assert_explains(const Deed *d, const char *expect) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(deed_explain(d, &text), 0);
        ck_assert_str_eq(text, expect);
}

START_TEST(kernels_are_counted_once_and_bytes_on_each_esp) {
        _cleanup_(deed_done) Deed d = { .start_usec = 1000000, .end_usec = 8500000 };
        EspDeed a = {}, b = {};

        bring_kernel(&a, 350 * MIB);
        bring_kernel(&b, 350 * MIB);
        take(&d, A, &a);
        take(&d, B, &b);
        assert_describes(&d, DEED_SYNC,
                         "Copied 1 kernel (700.0 MiB) to 2 ESPs in 7.5 s, removed none.");
        ck_assert_uint_eq(deed_bytes(&d), 700 * MIB);
        ck_assert(deed_changed(&d));
}
END_TEST

START_TEST(removals_are_told_with_copies_and_alone) {
        _cleanup_(deed_done) Deed both = { .start_usec = 1, .end_usec = 125000001 }, alone = {};
        EspDeed a = {}, b = {};

        bring_kernel(&a, MIB);
        remove_kernel(&a, OLD);
        take(&both, A, &a);
        assert_describes(&both, DEED_SYNC,
                         "Copied 1 kernel (1.0 MiB) to 1 ESP in 2 min 5 s, removed 1.");
        remove_kernel(&b, OLD);
        remove_kernel(&b, NEW);
        take(&alone, B, &b);
        assert_describes(&alone, DEED_SYNC, "Removed 2 kernels from 1 ESP.");
}
END_TEST

START_TEST(kernel_that_gave_way_and_came_back_is_not_removed) {
        _cleanup_(deed_done) Deed d = {};
        EspDeed a = {};

        remove_kernel(&a, NEW);
        bring_kernel(&a, MIB);
        take(&d, A, &a);
        assert_describes(&d, DEED_SYNC, "Copied 1 kernel (1.0 MiB) to 1 ESP, removed none.");
}
END_TEST

START_TEST(same_change_of_several_esps_is_told_once) {
        _cleanup_(deed_done) Deed d = {};
        EspDeed a = {}, b = {}, c = { .loader = true, .entries = true };

        change_default(&a);
        change_default(&b);
        take(&d, A, &a);
        take(&d, "3333-CCCC", &c);
        take(&d, B, &b);
        assert_describes(&d, DEED_SYNC,
                         "1111-AAAA, 2222-BBBB: default entry changed. 3333-CCCC: boot loader "
                         "installed, boot entries changed.");
}
END_TEST

START_TEST(nothing_done_is_said_by_what_was_asked_for) {
        _cleanup_(deed_done) Deed d = { .start_usec = 1, .end_usec = 300001 }, none = {}, host = {};
        EspDeed a = {};

        take(&d, A, &a);
        assert_describes(&d, DEED_SYNC, "Everything is as it should be; nothing was written.");
        assert_describes(&d, DEED_VERIFY,
                         "Read every file on 1 ESP in 0.3 s; each is as it should be.");
        assert_describes(&d, DEED_LOOK, "Looked at 1 ESP in 0.3 s; nothing was written.");
        ck_assert(!deed_changed(&d));
        assert_describes(&none, DEED_SYNC, NULL);
        host.host_menu = true;
        assert_describes(&host, DEED_SYNC, "The menu of this host's own GRUB was made anew.");
}
END_TEST

START_TEST(partial_job_tells_who_is_in_sync_and_each_reason_once) {
        _cleanup_(deed_done) Deed d = {};
        EspDeed a = { .in_sync = true }, b = {}, c = {};

        change_default(&a);
        b.error = strdup("ESP '2222-BBBB' is missing");
        c.error = strdup("The disk does not answer");
        take(&d, A, &a);
        take(&d, B, &b);
        take(&d, "3333-CCCC", &c);
        assert_explains(&d, "1111-AAAA: default entry changed. In sync: 1111-AAAA. ESP '2222-BBBB' "
                            "is missing. ESP '3333-CCCC': The disk does not answer");
}
END_TEST

START_TEST(many_reasons_are_not_all_told) {
        _cleanup_(deed_done) Deed d = {};
        _cleanup_free_ char *text = NULL;

        for (char c = 'A'; c <= 'J'; c++) {
                _cleanup_free_ char *uuid = strprintf("0000-000%c", c);
                EspDeed e = { .error = strprintf("ESP '%s' is full", uuid) };

                take(&d, uuid, &e);
        }
        ck_assert_int_eq(deed_explain(&d, &text), 0);
        ck_assert_ptr_nonnull(strstr(text, "'0000-000H' is full. So it is with 2 more; see "));
        ck_assert_ptr_null(strstr(text, "0000-000I"));
}
END_TEST

START_TEST(job_that_begins_anew_keeps_what_was_done_before) {
        _cleanup_(deed_done) Deed d = {};
        EspDeed first = {}, second = { .in_sync = true };

        bring_kernel(&first, MIB);
        first.error = strdup("boot/ changes");
        take(&d, A, &first);
        change_default(&second);
        take(&d, A, &second);
        ck_assert_uint_eq(d.n_esps, 1);
        ck_assert_ptr_null(d.esps[0].error);
        ck_assert(d.esps[0].in_sync);
        assert_describes(&d, DEED_SYNC,
                         "Copied 1 kernel (1.0 MiB) to 1 ESP, removed none. 1111-AAAA: default "
                         "entry changed.");
}
END_TEST

START_TEST(step_that_the_plan_does_not_have_is_nothing) {
        _cleanup_(plan_freep) Plan *p = plan_a();
        EspDeed d = {};

        add(p, PLAN_PLACE, "nobody/staged/this");
        ck_assert_int_eq(esp_deed_add_step(&d, p, 0), 0);
        ck_assert_int_eq(esp_deed_add_step(&d, p, 1), 0);
        ck_assert_int_eq(esp_deed_add_step(&d, p, SIZE_MAX), 0);
        ck_assert(!d.entries && !d.default_entry && d.bytes == 0);
}
END_TEST

CHECK_MAIN("deed", kernels_are_counted_once_and_bytes_on_each_esp,
           removals_are_told_with_copies_and_alone,
           kernel_that_gave_way_and_came_back_is_not_removed,
           same_change_of_several_esps_is_told_once, nothing_done_is_said_by_what_was_asked_for,
           partial_job_tells_who_is_in_sync_and_each_reason_once, many_reasons_are_not_all_told,
           job_that_begins_anew_keeps_what_was_done_before,
           step_that_the_plan_does_not_have_is_nothing)
