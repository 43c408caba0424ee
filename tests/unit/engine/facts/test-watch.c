/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes are told once they have settled; without inotify they are looked for each minute. */

#include "engine/facts/watch.h"

#include <sys/resource.h>

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Watcher {
        Lab lab;
        Watch *watch;
        unsigned settled, devices, firmware, keys, polled, turned;
} Watcher;

static void on_settled(void *userdata) {
        Watcher *w = userdata;

        w->settled++;
}

static void on_devices(void *userdata) {
        Watcher *w = userdata;

        w->devices++;
}

static void on_firmware(bool keys, void *userdata) {
        Watcher *w = userdata;

        w->firmware++;
        w->keys += keys;
}

static void on_polled(void *userdata) {
        Watcher *w = userdata;

        w->polled++;
}

static void on_turned(void *userdata) {
        Watcher *w = userdata;

        w->turned++;
}

static const WatchListener listener = {
        .settled = on_settled,
        .devices = on_devices,
        .firmware = on_firmware,
        .polled = on_polled,
        .turned = on_turned,
};

static void begin(Watcher *w) {
        ck_assert_int_ge(watch_new(w->lab.event, w->lab.t.root, 100, &listener, w, &w->watch), 0);
        watch_set_settle(w->watch, 2);
}

static void close_watcher(Watcher *w) {
        watch_free(w->watch);
        lab_close(&w->lab);
}

/* No further descriptor can be opened; returns the limit that was. */
static struct rlimit take_descriptors(void) {
        struct rlimit before;
        int next = open("/", O_PATH | O_CLOEXEC);

        ck_assert_int_ge(getrlimit(RLIMIT_NOFILE, &before), 0);
        (void) close(next);
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = (rlim_t) next,
                                                                    .rlim_max = before.rlim_max }),
                         0);
        return before;
}

START_TEST(change_is_told_when_it_is_quiet) {
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        begin(&w);
        ck_assert_ptr_null(watch_trouble(w.watch).reason);
        lab_add_kernel(&w.lab, KERNEL_NEXT);
        lab_pass(&w.lab, SEC);
        lab_list_esps(&w.lab, ESP_A "\n");
        lab_pass(&w.lab, SEC + SEC / 2);
        ck_assert_uint_eq(w.settled, 0);
        lab_pass(&w.lab, SEC);
        ck_assert_uint_eq(w.settled, 1);
        lab_pass(&w.lab, 100 * SEC);
        ck_assert_uint_eq(w.settled, 1);
}
END_TEST

START_TEST(unrest_is_told_of_after_30_s) {
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        begin(&w);
        for (unsigned i = 0; i < 31; i++) {
                lab_add_kernel(&w.lab, KERNEL_NEXT);
                lab_pass(&w.lab, SEC);
        }
        ck_assert_uint_ge(w.settled, 1);
}
END_TEST

START_TEST(temporary_names_and_files_that_are_still_open_are_no_change) {
        _cleanup_(close_watcher) Watcher w = {};
        _cleanup_close_ int fd = -EBADF;

        lab_open(&w.lab);
        begin(&w);
        temp_puts(&w.lab.t, "boot/initrd.img-x.dpkg-new", "half");
        temp_puts(&w.lab.t, "etc/kernel/.swap", "half");
        fd = openat(w.lab.t.fd, "boot/vmlinuz-x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.settled, 0);
        temp_symlink(&w.lab.t, "boot/vmlinuz-y", "vmlinuz-x");
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.settled, 1);
        fd = safe_close(fd);
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.settled, 2);
}
END_TEST

START_TEST(what_was_heard_can_be_forgotten) {
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        begin(&w);
        lab_add_kernel(&w.lab, KERNEL_NEXT);
        watch_drain(w.watch);
        watch_clear(w.watch);
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.settled, 0);
}
END_TEST

START_TEST(devices_are_told_of_at_once) {
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        begin(&w);
        lab_add_esp(&w.lab, "3333-CCCC");
        lab_pass(&w.lab, 0);
        ck_assert_uint_ge(w.devices, 1);
}
END_TEST

START_TEST(variables_of_the_firmware_are_told_of_at_once_and_are_no_file_to_be_read) {
        static const char name[] = "sys/firmware/efi/efivars/BootOrder-x";
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        temp_puts(&w.lab.t, name, "old");
        begin(&w);
        temp_puts(&w.lab.t, name, "new");
        lab_pass(&w.lab, 0);
        ck_assert_uint_ge(w.firmware, 1);
        w.firmware = 0;
        ck_assert_int_eq(unlinkat(w.lab.t.fd, name, 0), 0);
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.firmware, 1);
        ck_assert_uint_eq(w.settled, 0);
}
END_TEST

START_TEST(keys_are_told_from_all_other_variables) {
        static const char *const names[] = { "db-x", "dbx-x", "MokNew-x", "SbatLevelRT-x" };
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        temp_puts(&w.lab.t, "sys/firmware/efi/efivars/dbDefault-x", "old");
        begin(&w);
        temp_puts(&w.lab.t, "sys/firmware/efi/efivars/dbDefault-x", "new");
        lab_pass(&w.lab, 0);
        ck_assert_uint_ge(w.firmware, 1);
        ck_assert_uint_eq(w.keys, 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = strprintf("sys/firmware/efi/efivars/%s", names[i]);

                w.keys = 0;
                temp_puts(&w.lab.t, path, "new");
                lab_pass(&w.lab, 0);
                ck_assert_msg(w.keys > 0, "%s", path);
        }
}
END_TEST

START_TEST(directory_that_appears_is_watched_from_then_on) {
        _cleanup_(close_watcher) Watcher w = {};

        lab_open(&w.lab);
        begin(&w);
        temp_mkdir(&w.lab.t, "etc/default/grub.d");
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_ge(w.settled, 1);
        w.settled = 0;
        temp_puts(&w.lab.t, "etc/default/grub.d/x.cfg", "GRUB_TIMEOUT=1\n");
        lab_pass(&w.lab, 10 * SEC);
        ck_assert_uint_eq(w.settled, 1);
}
END_TEST

START_TEST(without_inotify_a_minute_is_waited_and_then_it_is_tried_again) {
        _cleanup_(close_watcher) Watcher w = {};
        struct rlimit before;

        lab_open(&w.lab);
        begin(&w); /* the event loop has its timer */
        watch_free(w.watch);
        before = take_descriptors();
        begin(&w);
        ck_assert_ptr_nonnull(strstr(watch_trouble(w.watch).reason, "max_user_instances"));
        lab_pass(&w.lab, 59 * SEC);
        ck_assert_uint_eq(w.polled + w.devices, 0);
        lab_pass(&w.lab, 2 * SEC);
        ck_assert_uint_eq(w.polled + w.devices, 1);
        ck_assert_uint_eq(w.turned, 0);
        ck_assert_int_ge(setrlimit(RLIMIT_NOFILE, &before), 0);
        lab_pass(&w.lab, 61 * SEC);
        ck_assert_ptr_null(watch_trouble(w.watch).reason);
        ck_assert_uint_eq(w.turned, 1);
        lab_add_kernel(&w.lab, KERNEL_NEXT);
        lab_pass(&w.lab, 3 * SEC);
        ck_assert_uint_ge(w.settled, 1);
}
END_TEST

CHECK_MAIN("watch", change_is_told_when_it_is_quiet, unrest_is_told_of_after_30_s,
           temporary_names_and_files_that_are_still_open_are_no_change,
           what_was_heard_can_be_forgotten,
           variables_of_the_firmware_are_told_of_at_once_and_are_no_file_to_be_read,
           keys_are_told_from_all_other_variables, devices_are_told_of_at_once,
           directory_that_appears_is_watched_from_then_on,
           without_inotify_a_minute_is_waited_and_then_it_is_tried_again)
