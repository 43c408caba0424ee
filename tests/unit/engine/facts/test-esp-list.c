/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP is taken off the list and no file on it is touched; the last one that boots stays. */

#include "engine/facts/esp-list.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define LIST_WITHOUT_B "# ours\nno uuid\n" ESP_A "\n"
#define LIST           "# ours\n" ESP_A "\n\n" ESP_B "\nno uuid\n"

static int remove_esp(const Lab *lab, const char *uuid, bool force, Error *error) {
        return esp_list_remove(lab->t.root, manager_info(lab->m).known->esps, lab_esp(lab, uuid),
                               force, error);
}

START_TEST(other_lines_of_the_list_stay_when_an_esp_is_removed) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_list_esps(&lab, LIST);
        lab_start(&lab);
        ck_assert_int_eq(remove_esp(&lab, ESP_B, false, &error), 0);
        temp_assert_text(&lab.t, LIST_OF_ESPS, LIST_WITHOUT_B);
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEW));
        ck_assert(temp_exists(&lab.t, PATH_STATE "/esp-" ESP_B ".manifest"));
}
END_TEST

START_TEST(last_esp_that_boots_goes_only_by_force) {
        _cleanup_error_ Error error = {}, none = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_int_lt(remove_esp(&lab, ESP_A, false, &error), 0);
        ck_assert_int_eq(error.code, ERROR_LAST_ESP);
        ck_assert_ptr_nonnull(strstr(error.message, "'" ESP_A "'"));
        ck_assert_int_eq(remove_esp(&lab, ESP_B, false, &none), 0);
        ck_assert_int_eq(remove_esp(&lab, ESP_A, true, &none), 0);
        temp_assert_text(&lab.t, LIST_OF_ESPS, "");
}
END_TEST

START_TEST(esp_that_nobody_has_looked_at_may_be_the_last_that_boots) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab.private = true;
        lab_new(&lab);
        ck_assert_int_lt(remove_esp(&lab, ESP_A, false, &error), 0);
        ck_assert_int_eq(error.code, ERROR_LAST_ESP);
}
END_TEST

START_TEST(list_that_cannot_be_written_is_named) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&lab.t, LIST_OF_ESPS);
        ck_assert_int_lt(remove_esp(&lab, ESP_A, false, &error), 0);
        ck_assert_ptr_nonnull(strstr(error.message, "/" LIST_OF_ESPS));
}
END_TEST

START_TEST(entries_of_ours_that_lead_to_the_esp_are_named_where_they_are_known) {
        _cleanup_strv_ char **entries = NULL, **unknown = NULL;
        Firmware firmware = FIRMWARE_INIT;
        LoadOption options[] = {
                { .number = 3,
                  .partuuid = "0815ABCD-01",
                  .path = (char *) "\\EFI\\systemd\\systemd-bootx64.efi" },
                { .number = 0x2001, .partuuid = "0815abcd-01", .path = (char *) "\\EFI\\x.efi" },
                { .number = 4,
                  .partuuid = "0815abcd-02",
                  .path = (char *) "\\EFI\\systemd\\systemd-bootx64.efi" },
        };
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        temp_symlink(&lab.t, "dev/disk/by-uuid/3333-CCCC", "../../sda2");
        temp_symlink(&lab.t, "dev/disk/by-partuuid/0815abcd-01", "../../sda2");
        temp_symlink(&lab.t, "sys/class/block/sda2", "../../devices/pci0/sda/sda2");
        temp_puts(&lab.t, "sys/devices/pci0/sda/sda2/partition", "2\n");
        lab_list_esps(&lab, ESP_A "\n3333-CCCC\n");
        lab_new(&lab);
        firmware.entries = options;
        firmware.n_entries = ELEMENTSOF(options);
        ck_assert_int_eq(esp_list_entries(NULL, lab_esp(&lab, "3333-CCCC"), &unknown), 0);
        ck_assert(strv_isempty(unknown));
        /* A directory has no partition. */
        ck_assert_int_eq(esp_list_entries(&firmware, lab_esp(&lab, ESP_A), &unknown), 0);
        ck_assert(strv_isempty(unknown));
        ck_assert_int_eq(esp_list_entries(&firmware, lab_esp(&lab, "3333-CCCC"), &entries), 0);
        ck_assert_uint_eq(strv_length(entries), 1);
        ck_assert_str_eq(entries[0], "Boot0003");
}
END_TEST

START_TEST(failed_setup_says_where_the_esp_is_and_how_to_go_on_or_back) {
        _cleanup_error_ Error on = {}, off = {}, unknown = {};
        _cleanup_lab_ Lab lab;
        const Esps *esps;

        lab_open(&lab);
        lab_new(&lab);
        esps = manager_info(lab.m).known->esps;
        (void) error_set(&on, ERROR_NO_SPACE, "It is full");
        (void) error_set(&off, ERROR_CANCELED, "The job was canceled");
        (void) error_set(&unknown, ERROR_NOT_AN_ESP, "It is none");
        ck_assert_int_eq(esp_list_tell_setup(esps, ESP_A, "/dev/sda2", ESP_LOADER_GRUB, &on), 0);
        ck_assert_int_eq(on.code, ERROR_NO_SPACE);
        ck_assert_str_eq(on.message, "It is full; ESP '1111-AAAA' is on the list now: 'bootctl-pve "
                                     "init /dev/sda2 grub' tries again, and 'bootctl-pve esp "
                                     "remove 1111-AAAA' takes it off");
        ck_assert_int_eq(esp_list_tell_setup(esps, "3333-CCCC", "/dev/sda2", ESP_LOADER_NONE, &off),
                         0);
        ck_assert_int_eq(off.code, ERROR_CANCELED);
        ck_assert_str_eq(off.message,
                         "The job was canceled; ESP '3333-CCCC' is not on the list, so "
                         "'bootctl-pve init /dev/sda2' can be called again");
        ck_assert_int_eq(esp_list_tell_setup(esps, NULL, "/dev/sda2", ESP_LOADER_NONE, &unknown),
                         0);
        ck_assert_str_eq(unknown.message, "It is none; it was not put on the list, so 'bootctl-pve "
                                          "init /dev/sda2' can be called again");
}
END_TEST

CHECK_MAIN("esp-list", failed_setup_says_where_the_esp_is_and_how_to_go_on_or_back,
           other_lines_of_the_list_stay_when_an_esp_is_removed,
           last_esp_that_boots_goes_only_by_force,
           esp_that_nobody_has_looked_at_may_be_the_last_that_boots,
           list_that_cannot_be_written_is_named,
           entries_of_ours_that_lead_to_the_esp_are_named_where_they_are_known)
