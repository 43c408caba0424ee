/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading the files: the serial goes up with what an ESP is compared with, and with nothing else.
 */

#include "engine/facts/files.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Reader {
        Lab lab;
        Files *files;
} Reader;

static void open_reader(Reader *reader) {
        lab_open(&reader->lab);
        ck_assert_int_ge(files_new(reader->lab.t.root, &reader->files), 0);
        ck_assert_int_eq(files_read(reader->files), 1);
}

static void close_reader(Reader *reader) {
        files_free(reader->files);
        lab_close(&reader->lab);
}

static uint64_t serial_of(const Reader *reader) {
        return files_facts(reader->files)->serial;
}

START_TEST(same_files_are_no_news) {
        _cleanup_(close_reader) Reader reader = {};
        uint64_t serial;

        open_reader(&reader);
        serial = serial_of(&reader);
        ck_assert_uint_gt(serial, 0);
        ck_assert_int_eq(files_read(reader.files), 0);
        ck_assert_uint_eq(serial_of(&reader), serial);
        ck_assert_ptr_null(files_facts(reader.files)->unreadable);
}
END_TEST

START_TEST(kernel_is_news_for_the_esps_and_a_setting_is_not) {
        _cleanup_(close_reader) Reader reader = {};
        _cleanup_(kernel_set_done) KernelSet set = {};
        uint64_t serial;

        open_reader(&reader);
        serial = serial_of(&reader);
        temp_puts(&reader.lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        ck_assert_int_eq(files_read(reader.files), 1);
        ck_assert_uint_eq(serial_of(&reader), serial);
        lab_add_kernel(&reader.lab, KERNEL_NEXT);
        ck_assert_int_eq(files_read(reader.files), 1);
        ck_assert_uint_gt(serial_of(&reader), serial);
        ck_assert_int_ge(facts_select_kernels(files_facts(reader.files), &set), 0);
        ck_assert(kernel_set_equal(&set, &files_facts(reader.files)->kernels));
}
END_TEST

START_TEST(files_that_cannot_be_read_leave_what_is_known_and_doubt_it_once) {
        _cleanup_(close_reader) Reader reader = {};
        uint64_t serial;

        open_reader(&reader);
        serial = serial_of(&reader);
        ck_assert_int_ge(unlinkat(reader.lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&reader.lab.t, LIST_OF_ESPS);
        ck_assert_int_lt(files_read(reader.files), 0);
        ck_assert_uint_eq(serial_of(&reader), serial + 1);
        ck_assert_ptr_nonnull(strstr(files_facts(reader.files)->unreadable, "proxmox-boot-uuids"));
        ck_assert_uint_eq(strv_length(files_facts(reader.files)->conf.esps.items), 2);
        ck_assert_int_lt(files_read(reader.files), 0);
        ck_assert_uint_eq(serial_of(&reader), serial + 1);

        ck_assert_int_ge(unlinkat(reader.lab.t.fd, LIST_OF_ESPS, AT_REMOVEDIR), 0);
        lab_list_esps(&reader.lab, ESP_A "\n");
        ck_assert_int_eq(files_read(reader.files), 1);
        ck_assert_ptr_null(files_facts(reader.files)->unreadable);
}
END_TEST

START_TEST(package_database_that_cannot_be_read_is_a_warning) {
        _cleanup_(close_reader) Reader reader = {};

        open_reader(&reader);
        ck_assert_int_ge(unlinkat(reader.lab.t.fd, "var/lib/dpkg/status", 0), 0);
        temp_mkdir(&reader.lab.t, "var/lib/dpkg/status");
        ck_assert_int_eq(files_read(reader.files), 1);
        ck_assert(!files_facts(reader.files)->packages_readable);
        ck_assert_int_eq(files_facts(reader.files)->conf.warnings.items[0].id,
                         WARNING_PACKAGES_UNREADABLE);
        ck_assert_ptr_nonnull(strstr(files_facts(reader.files)->conf.warnings.items[0].sentence,
                                     "no kernel is removed from any ESP"));
}
END_TEST

START_TEST(new_kernels_are_kept_in_memory_until_they_can_be_written) {
        char *versions[] = { (char *) KERNEL_OLD, NULL };
        _cleanup_(close_reader) Reader reader = {};

        open_reader(&reader);
        temp_puts(&reader.lab.t, "run/bootsync", "no directory");
        ck_assert_int_eq(files_keep_new_kernels(reader.files, versions), 0);
        ck_assert_int_ge(files_read(reader.files), 0);
        ck_assert(strv_contains(files_facts(reader.files)->new_kernels, KERNEL_OLD));
        ck_assert_int_ge(unlinkat(reader.lab.t.fd, "run/bootsync", 0), 0);
        ck_assert_int_eq(files_keep_new_kernels(reader.files, NULL), 0);
        ck_assert(temp_exists(&reader.lab.t, "run/bootsync/new-kernels"));
        ck_assert_int_ge(files_read(reader.files), 0);
        ck_assert(strv_contains(files_facts(reader.files)->new_kernels, KERNEL_OLD));
}
END_TEST

START_TEST(apt_is_told_of_kept_kernels_but_not_if_they_are_not_known) {
        _cleanup_(close_reader) Reader reader = {};

        open_reader(&reader);
        files_write_apt_conf(reader.files);
        ck_assert(temp_exists(&reader.lab.t, PATH_APT_CONF));
        ck_assert_int_ge(unlinkat(reader.lab.t.fd, PATH_APT_CONF, 0), 0);
        ck_assert_int_ge(renameat(reader.lab.t.fd, "boot", reader.lab.t.fd, "away"), 0);
        temp_mkdir(&reader.lab.t, "boot");
        ck_assert_int_eq(files_read(reader.files), 1);
        files_write_apt_conf(reader.files);
        ck_assert(!temp_exists(&reader.lab.t, PATH_APT_CONF));
}
END_TEST

START_TEST(leftovers_of_a_daemon_that_was_killed_go) {
        _cleanup_(close_reader) Reader reader = {};

        open_reader(&reader);
        temp_puts(&reader.lab.t, "etc/kernel/.proxmox-boot-pin.bootsync-AbCdEf", "half");
        files_remove_leftovers(reader.files);
        ck_assert(temp_exists(&reader.lab.t, LIST_OF_ESPS));
}
END_TEST

START_TEST(our_own_change_of_grubs_pin_is_no_news) {
        _cleanup_(close_reader) Reader reader = {};
        uint64_t serial;

        open_reader(&reader);
        serial = serial_of(&reader);
        ck_assert_int_eq(files_pin_grub(reader.files, KERNEL_OLD, "0815-4711", false), 1);
        ck_assert(temp_exists(&reader.lab.t, PATH_GRUB_PIN));
        ck_assert_int_eq(files_pin_grub(reader.files, KERNEL_OLD, "0815-4711", false), 0);
        ck_assert_int_eq(files_read(reader.files), 0);
        ck_assert_uint_eq(serial_of(&reader), serial);
        ck_assert_int_eq(files_pin_grub(reader.files, NULL, NULL, true), 1);
        ck_assert(temp_exists(&reader.lab.t, PATH_GRUB_PIN));
        ck_assert_int_eq(files_pin_grub(reader.files, NULL, NULL, false), 1);
        ck_assert(!temp_exists(&reader.lab.t, PATH_GRUB_PIN));
}
END_TEST

START_TEST(default_of_grub_is_learned_anew_where_it_boots_this_host) {
        _cleanup_(close_reader) Reader reader = {};

        open_reader(&reader);
        files_learn_grub_default(reader.files);
        ck_assert_ptr_null(files_facts(reader.files)->grub_default);
        lab_list_esps(&reader.lab, "");
        lab_write_grub_menu(&reader.lab, "0", KERNEL_OLD, KERNEL_NEW);
        ck_assert_int_eq(files_read(reader.files), 1);
        ck_assert(files_facts(reader.files)->grub_host);
        ck_assert_str_eq(files_facts(reader.files)->grub_default, KERNEL_OLD);
        lab_write_grub_menu(&reader.lab, "0", KERNEL_NEW, KERNEL_OLD);
        files_learn_grub_default(reader.files);
        ck_assert_str_eq(files_facts(reader.files)->grub_default, KERNEL_NEW);
}
END_TEST

CHECK_MAIN("files", same_files_are_no_news, kernel_is_news_for_the_esps_and_a_setting_is_not,
           files_that_cannot_be_read_leave_what_is_known_and_doubt_it_once,
           package_database_that_cannot_be_read_is_a_warning,
           new_kernels_are_kept_in_memory_until_they_can_be_written,
           apt_is_told_of_kept_kernels_but_not_if_they_are_not_known,
           leftovers_of_a_daemon_that_was_killed_go, our_own_change_of_grubs_pin_is_no_news,
           default_of_grub_is_learned_anew_where_it_boots_this_host)
