/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks: what a survey finds, what a name leads to, and what is formatted. Device nodes are made,
 * so this needs root. */

#include "engine/disk/disks.h"

#include <sys/sysmacros.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Shelf {
        Lab lab;
        Disks *disks;
        unsigned n_surveys, n_formats;
        Error error;
} Shelf;

static void on_surveyed(void *userdata) {
        Shelf *s = userdata;

        s->n_surveys++;
}

static void on_formatted(const Error *error, void *userdata) {
        Shelf *s = userdata;

        s->n_formats++;
        (void) error_copy(&s->error, error);
}

/* As the kernel shows it: @parent is "pci0/block", or the disk's for a partition. */
static void put_device(const Lab *lab, const char *parent, const char *name,
                       unsigned minor_number) {
        _cleanup_free_ char *dir = strprintf("sys/devices/%s/%s", parent, name),
                            *number = strprintf("8:%u", minor_number),
                            *dev = strprintf("%s/dev", dir), *size = strprintf("%s/size", dir),
                            *class = strprintf("sys/class/block/%s", name),
                            *by_number = strprintf("sys/dev/block/%s", number),
                            *target = strprintf("../../devices/%s/%s", parent, name),
                            *node = strprintf("dev/%s", name);

        temp_puts(&lab->t, dev, number);
        temp_puts(&lab->t, size, "2000000\n");
        temp_symlink(&lab->t, class, target);
        temp_symlink(&lab->t, by_number, target);
        ck_assert_int_ge(mknodat(lab->t.fd, node, S_IFBLK | 0600, makedev(8, minor_number)), 0);
}

static void open_shelf(Shelf *s) {
        lab_open(&s->lab);
        s->lab.hold = "*";
        put_device(&s->lab, "pci0/block", "sda", 0);
        put_device(&s->lab, "pci0/block/sda", "sda2", 2);
        temp_puts(&s->lab.t, "sys/devices/pci0/block/sda/sda2/partition", "2\n");
        temp_mkdir(&s->lab.t, "sys/devices/pci0/block/sda/queue");
        ck_assert_int_ge(disks_new(lab_workers(&s->lab, NULL, NULL), on_surveyed, s, &s->disks), 0);
}

static void close_shelf(Shelf *s) {
        disks_free(s->disks);
        error_done(&s->error);
        lab_close(&s->lab);
}

static void say_partition(Worker *w, const char *fs_type) {
        const Partition partition = { .device = (char *) "/dev/sda2",
                                      .disk = (char *) "/dev/sda",
                                      .part_type = (char *) PARTITION_TYPE_ESP_GPT,
                                      .fs_type = (char *) fs_type,
                                      .size_bytes = UINT64_C(1024000000),
                                      .number = 2,
                                      .sector_bytes = 512 };
        Report report = { .type = REPORT_PARTITION };
        Buffer b = {};
        size_t size;

        record_begin(&b, "partition");
        partition_format(&partition, &b);
        record_end(&b);
        ck_assert_int_ge(buffer_take(&b, &report.text, &size), 0);
        worker_say(w, &report);
        free(report.text);
}

static void survey(Shelf *s, const char *fs_type) {
        unsigned n = s->n_surveys;
        Worker *w;

        ck_assert_int_ge(disks_survey(s->disks, false), 0);
        ck_assert(!disks_are_surveyed(s->disks));
        w = lab_worker(&s->lab, NULL);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_PROBE);
        say_partition(w, fs_type);
        worker_done(w);
        LAB_WAIT(&s->lab, s->n_surveys == n + 1);
}

START_TEST(survey_has_what_each_disk_has_said) {
        _cleanup_(close_shelf) Shelf s = {};

        open_shelf(&s);
        ck_assert(disks_are_surveyed(s.disks));
        survey(&s, "ext4");
        ck_assert(disks_are_surveyed(s.disks));
        ck_assert_uint_eq(disks_partitions(s.disks)->n, 1);
        ck_assert_str_eq(disks_partitions(s.disks)->items[0].fs_type, "ext4");
}
END_TEST

START_TEST(disk_that_cannot_be_read_is_left_out) {
        _cleanup_(close_shelf) Shelf s = {};

        open_shelf(&s);
        ck_assert_int_ge(disks_survey(s.disks, false), 0);
        worker_fail(lab_worker(&s.lab, NULL), ERROR_FAILED, "It does not answer");
        LAB_WAIT(&s.lab, s.n_surveys == 1);
        ck_assert_uint_eq(disks_partitions(s.disks)->n, 0);
}
END_TEST

START_TEST(change_during_a_survey_leads_to_another_one) {
        _cleanup_(close_shelf) Shelf s = {};

        open_shelf(&s);
        ck_assert_int_ge(disks_survey(s.disks, true), 0);
        ck_assert_int_ge(disks_survey(s.disks, true), 0);
        worker_done(lab_worker(&s.lab, NULL));
        LAB_WAIT(&s.lab, s.n_surveys == 1);
        ck_assert(!disks_are_surveyed(s.disks));
        worker_done(lab_worker(&s.lab, NULL));
        LAB_WAIT(&s.lab, s.n_surveys == 2);
        ck_assert(disks_are_surveyed(s.disks));
}
END_TEST

START_TEST(host_without_disks_is_surveyed_at_once) {
        _cleanup_(close_shelf) Shelf s = {};

        open_shelf(&s);
        ck_assert_int_ge(renameat(s.lab.t.fd, "sys/class", s.lab.t.fd, "sys/away"), 0);
        ck_assert_int_ge(disks_survey(s.disks, false), 0);
        LAB_WAIT(&s.lab, s.n_surveys == 1);
}
END_TEST

START_TEST(name_is_resolved_or_refused_with_a_reason) {
        _cleanup_(named_device_done) NamedDevice partition = {}, directory = {};
        static const char *const wrong[] = { "/dev/sdz9", "/etc/passwd", "dev", "/dev/null" };
        _cleanup_(close_shelf) Shelf s = {};

        open_shelf(&s);
        ck_assert_int_ge(disks_name_device(s.disks, "/dev/sda2", &partition, NULL), 0);
        ck_assert_str_eq(partition.path, "/dev/sda2");
        ck_assert_int_ge(disks_name_device(s.disks, "/dev/disk/by-uuid/" ESP_A, &directory, NULL),
                         0);
        ck_assert_str_eq(directory.path, "/dev/disk/by-uuid/" ESP_A);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_error_ Error error = {};
                NamedDevice none = {};

                ck_assert_int_lt(disks_name_device(s.disks, wrong[i], &none, &error), 0);
                ck_assert_int_eq(error.code, ERROR_NOT_A_PARTITION);
        }
}
END_TEST

START_TEST(device_must_be_the_one_that_was_named_and_found) {
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_error_ Error unknown = {}, found = {}, changed = {};
        _cleanup_(close_shelf) Shelf s = {};
        _cleanup_free_ char *uuid = NULL;

        open_shelf(&s);
        ck_assert_int_ge(disks_name_device(s.disks, "/dev/sda2", &device, NULL), 0);
        ck_assert_ptr_null(disks_find(s.disks, &device));
        ck_assert_int_lt(disks_find_new_esp(s.disks, &device, &uuid, &unknown), 0);
        ck_assert_int_eq(unknown.code, ERROR_NOT_A_PARTITION);
        survey(&s, NULL);
        ck_assert_str_eq(disks_find(s.disks, &device)->device, "/dev/sda2");
        ck_assert_int_lt(disks_find_new_esp(s.disks, &device, &uuid, &found), 0);
        ck_assert_int_eq(found.code, ERROR_NOT_AN_ESP);
        device.id.diskseq++;
        ck_assert_int_lt(disks_find_new_esp(s.disks, &device, &uuid, &changed), 0);
        ck_assert_int_eq(changed.code, ERROR_DEVICE_CHANGED);
}
END_TEST

START_TEST(partition_is_formatted_by_a_worker_and_remembered_as_that_leaves_it) {
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_(close_shelf) Shelf s = {};
        Worker *w;

        open_shelf(&s);
        survey(&s, NULL);
        ck_assert_int_ge(disks_name_device(s.disks, "/dev/sda2", &device, NULL), 0);
        ck_assert_int_ge(disks_format(s.disks, &device, false, on_formatted, &s, NULL), 0);
        w = lab_worker(&s.lab, NULL);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_FORMAT);
        say_partition(w, "vfat");
        worker_done(w);
        LAB_WAIT(&s.lab, s.n_formats == 1);
        ck_assert(!error_is_set(&s.error));
        ck_assert_str_eq(disks_partitions(s.disks)->items[0].fs_type, "vfat");
}
END_TEST

START_TEST(partition_with_something_on_it_is_formatted_by_force_only) {
        _cleanup_(named_device_done) NamedDevice device = {};
        _cleanup_error_ Error error = {};
        _cleanup_(close_shelf) Shelf s = {};
        Worker *w;

        open_shelf(&s);
        survey(&s, "ext4");
        ck_assert_int_ge(disks_name_device(s.disks, "/dev/sda2", &device, NULL), 0);
        ck_assert_int_lt(disks_format(s.disks, &device, false, on_formatted, &s, &error), 0);
        ck_assert(error_is_set(&error));
        ck_assert_int_ge(disks_format(s.disks, &device, true, on_formatted, &s, NULL), 0);
        w = lab_worker(&s.lab, NULL);
        disks_cancel_format(s.disks);
        LAB_WAIT(&s.lab, worker_heard(w, WORKER_MESSAGE_STOP));
        worker_fail(w, ERROR_CANCELED, "The job was canceled");
        LAB_WAIT(&s.lab, s.n_formats == 1);
        ck_assert_int_eq(s.error.code, ERROR_CANCELED);
        disks_cancel_format(s.disks);
}
END_TEST

CHECK_MAIN("disks", survey_has_what_each_disk_has_said, disk_that_cannot_be_read_is_left_out,
           change_during_a_survey_leads_to_another_one, host_without_disks_is_surveyed_at_once,
           name_is_resolved_or_refused_with_a_reason,
           device_must_be_the_one_that_was_named_and_found,
           partition_is_formatted_by_a_worker_and_remembered_as_that_leaves_it,
           partition_with_something_on_it_is_formatted_by_force_only)
