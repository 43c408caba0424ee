/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One part's change is carried to the next, and told once, in order. */

#include "engine/state.h"

#include "common/log.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

typedef struct Memory {
        Lab lab;
        State *state;
        unsigned changes, n_settled, n_surveyed, n_reviewed;
        bool mends;
} Memory;

static void on_settled(void *userdata) {
        Memory *m = userdata;

        m->n_settled++;
}

static void on_polled(void *userdata) {
}

static void on_surveyed(void *userdata) {
        Memory *m = userdata;

        m->n_surveyed++;
}

static void on_judged(void *userdata) {
}

static void on_reviewed(void *userdata) {
        Memory *m = userdata;

        m->n_reviewed++;
}

static bool is_about_to_sync(const Esp *esp, void *userdata) {
        Memory *m = userdata;

        return m->mends;
}

static bool waits_for_packages(void *userdata) {
        return false;
}

static const StateListener listener = { .settled = on_settled,
                                        .polled = on_polled,
                                        .surveyed = on_surveyed,
                                        .judged = on_judged,
                                        .reviewed = on_reviewed,
                                        .is_about_to_sync = is_about_to_sync,
                                        .waits_for_packages = waits_for_packages };

static void on_esp(Esp *esp, void *userdata) {
}

static void on_changed(unsigned changes, void *userdata) {
        Memory *m = userdata;

        m->changes |= changes;
}

static const ManagerListener others = { .esp_added = on_esp,
                                        .esp_changed = on_esp,
                                        .esp_removed = on_esp,
                                        .manager_changed = on_changed };

static const History history;

static void open_memory(Memory *m, bool private) {
        lab_open(&m->lab);
        ck_assert_int_ge(state_new(lab_workers(&m->lab, NULL, NULL), private, &history, &listener,
                                   m, &m->state),
                         0);
        state_set_listener(m->state, &others, m);
        ck_assert_int_eq(state_read(m->state, NULL), 1);
}

static void close_memory(Memory *m) {
        state_free(m->state);
        lab_close(&m->lab);
}

static unsigned take_changes(Memory *m) {
        unsigned changes = m->changes;

        m->changes = 0;
        return changes;
}

START_TEST(esp_that_was_in_sync_is_not_when_the_files_are_newer) {
        _cleanup_(close_memory) Memory m = {};

        open_memory(&m, false);
        ESPS_FOREACH(esp, state_view(m.state)->esps) {
                esp_set_state(esp, ESP_IN_SYNC, ERROR_NONE, NULL);
                state_esp_changed(m.state, esp);
        }
        ck_assert(state_view(m.state)->verdict->in_sync);
        ck_assert_uint_ge(m.n_reviewed, 2);
        (void) take_changes(&m);
        ck_assert_int_eq(state_read(m.state, NULL), 0);
        ck_assert_uint_eq(take_changes(&m), 0);
        lab_add_kernel(&m.lab, KERNEL_NEXT);
        ck_assert_int_eq(state_read(m.state, NULL), 1);
        ck_assert(!state_view(m.state)->verdict->in_sync);
        ck_assert_uint_eq(take_changes(&m), MANAGER_CHANGED_KERNELS | MANAGER_CHANGED_CONFIG |
                                                            MANAGER_CHANGED_STATE |
                                                            MANAGER_CHANGED_DEFAULT);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_the_verdict_and_the_callers_error) {
        _cleanup_(close_memory) Memory m = {};
        _cleanup_error_ Error error = {};

        open_memory(&m, false);
        ck_assert_int_ge(unlinkat(m.lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&m.lab.t, LIST_OF_ESPS);
        ck_assert_int_lt(state_read(m.state, &error), 0);
        ck_assert_ptr_nonnull(strstr(error.message, "proxmox-boot-uuids"));
        ck_assert_str_eq(state_view(m.state)->verdict->redundancy, "unknown");
        ck_assert_ptr_nonnull(strstr(state_view(m.state)->verdict->redundancy_reason,
                                     "proxmox-boot-uuids"));
}
END_TEST

START_TEST(verdict_follows_from_who_mends) {
        _cleanup_(close_memory) Memory m = {};

        open_memory(&m, false);
        ESPS_FOREACH(esp, state_view(m.state)->esps) {
                EspImage *image = calloc(1, sizeof(*image));

                image->loader = ESP_LOADER_SYSTEMD_BOOT;
                ck_assert_int_ge(esp_set_image(esp, image), 0);
                esp_set_state(esp, ESP_OUTDATED, ERROR_NONE, NULL);
        }
        state_review(m.state, 0);
        ck_assert_str_eq(state_view(m.state)->verdict->redundancy, "unbootable");
        (void) take_changes(&m);
        state_review(m.state, 0);
        ck_assert_uint_eq(take_changes(&m), 0);
        m.mends = true;
        ck_assert_int_eq(unlinkat(m.lab.t.fd, "boot/initrd.img-" KERNEL_NEW, 0), 0);
        (void) state_read(m.state, NULL);
        ck_assert_uint_eq(take_changes(&m) & MANAGER_CHANGED_WARNINGS, MANAGER_CHANGED_WARNINGS);
        state_review(m.state, 0);
        ck_assert_uint_eq(take_changes(&m), 0);
        state_review(m.state, MANAGER_CHANGED_CONFIG);
        ck_assert_uint_eq(take_changes(&m) & MANAGER_CHANGED_CONFIG, MANAGER_CHANGED_CONFIG);
}
END_TEST

START_TEST(firmware_is_known_at_once_on_a_bios_and_else_when_it_was_asked) {
        _cleanup_(close_memory) Memory m = {};
        Firmware firmware = FIRMWARE_INIT;

        open_memory(&m, false);
        ck_assert_ptr_nonnull(state_view(m.state)->firmware);
        state_free(m.state);
        temp_mkdir(&m.lab.t, "sys/firmware/efi");
        ck_assert_int_ge(state_new(m.lab.workers, false, &history, &listener, &m, &m.state), 0);
        ck_assert_ptr_null(state_view(m.state)->firmware);
        ck_assert_ptr_nonnull(state_set_firmware(m.state, &firmware));
        ck_assert_ptr_nonnull(state_view(m.state)->firmware);
}
END_TEST

START_TEST(watch_reads_files_and_tells_when_they_have_settled) {
        _cleanup_(close_memory) Memory m = {};

        open_memory(&m, false);
        ck_assert_str_eq(state_watching(m.state, NULL), "none");
        ck_assert_int_ge(state_watch(m.state), 0);
        ck_assert_str_eq(state_watching(m.state, NULL), "inotify");
        LAB_WAIT(&m.lab, m.n_surveyed == 1);
        lab_add_kernel(&m.lab, KERNEL_NEXT);
        lab_pass(&m.lab, 3 * SEC);
        ck_assert_uint_eq(m.n_settled, 1);
        ck_assert_ptr_nonnull(kernel_set_find(&state_view(m.state)->facts->kernels, KERNEL_NEXT));
        lab_add_kernel(&m.lab, KERNEL_NEXT);
        state_hear(m.state);
        state_forget_unrest(m.state);
        lab_pass(&m.lab, 10 * SEC);
        ck_assert_uint_eq(m.n_settled, 1);
}
END_TEST

START_TEST(private_daemon_leaves_it_to_its_client_to_tell) {
        _cleanup_(close_memory) Memory m = {};

        open_memory(&m, true);
        ck_assert_int_eq(state_log_level(m.state, LOG_ERR), LOG_DEBUG);
}
END_TEST

CHECK_MAIN("state", esp_that_was_in_sync_is_not_when_the_files_are_newer,
           files_that_cannot_be_read_are_the_verdict_and_the_callers_error,
           verdict_follows_from_who_mends,
           firmware_is_known_at_once_on_a_bios_and_else_when_it_was_asked,
           watch_reads_files_and_tells_when_they_have_settled,
           private_daemon_leaves_it_to_its_client_to_tell)
