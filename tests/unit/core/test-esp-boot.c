/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel that a boot loader would start from an ESP is told, or that nobody can tell. */

#include "core/esp/esp-image.h"

#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/unit/core/plan-lab.h"

#define NEXT_TO(version) \
        "gnulinux-advanced-" SIM_ROOT_ID ">gnulinux-" version "-advanced-" SIM_ROOT_ID

static void assert_boots(const Lab *lab, const char *version, bool complete) {
        _cleanup_(esp_boot_done) EspBoot boot = {};

        ck_assert_int_eq(esp_image_boot(&lab->esp.image, &boot), 0);
        ck_assert(boot.known);
        ck_assert_msg(streq_ptr(boot.version, version), "'%s'", strempty(boot.version));
        ck_assert(boot.complete == complete);
}

static void assert_unknown(const Lab *lab) {
        _cleanup_(esp_boot_done) EspBoot boot = {};

        ck_assert_int_eq(esp_image_boot(&lab->esp.image, &boot), 0);
        ck_assert(!boot.known);
        ck_assert_ptr_null(boot.version);
        ck_assert(!boot.complete);
}

/* The text of an entry of ours with two more keys; NULL: without. */
static void put_sorted(Lab *lab, const char *version, const char *sort_key,
                       const char *machine_id) {
        _cleanup_free_ char *path = esp_entry_path(version), *text = NULL, *longer = NULL;

        ck_assert_int_eq(boot_entry_render(TITLE, version, "root=a", &text), 0);
        longer = strprintf("%s%s%s\n%s%s\n", text, sort_key ? "sort-key " : "# ",
                           strempty(sort_key), machine_id ? "machine-id " : "# ",
                           strempty(machine_id));
        sim_put(&lab->esp, path, FILE_REGULAR, strlen(longer), 0, longer);
}

static void init(Lab *lab) {
        lab_init(lab);
        lab_put_kernel(lab, V68);
        lab_put_kernel(lab, V65);
}

START_TEST(newest_entry_boots) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        assert_boots(&lab, V68, true);
}
END_TEST

START_TEST(default_without_its_initrd_is_named_and_not_complete) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "EFI/proxmox/" V68 "/initrd.img-" V68);
        assert_boots(&lab, V68, false);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, 0, VERDICT_UNCHECKED);
        assert_boots(&lab, V68, false);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, 1, VERDICT_UNCHECKED);
        lab_put_file(&lab, V68, KERNEL_FILE_IMAGE, 0, VERDICT_UNCHECKED);
        assert_boots(&lab, V68, false);
}
END_TEST

START_TEST(entry_without_its_image_is_passed_over_as_the_loader_does) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "EFI/proxmox/" V68 "/vmlinuz-" V68);
        assert_boots(&lab, V65, true);
}
END_TEST

START_TEST(sort_key_comes_before_none_and_is_followed_by_version) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V62);
        put_sorted(&lab, V65, "proxmox", NULL);
        assert_boots(&lab, V65, true);
        put_sorted(&lab, V62, "proxmox", NULL);
        assert_boots(&lab, V65, true);
        put_sorted(&lab, V62, "debian", NULL);
        assert_boots(&lab, V62, true);
        put_sorted(&lab, V68, "proxmox", NULL);
        put_sorted(&lab, V62, "proxmox", NULL);
        assert_boots(&lab, V68, true);
}
END_TEST

START_TEST(machine_id_comes_before_version) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        put_sorted(&lab, V68, "proxmox", "b");
        put_sorted(&lab, V65, "proxmox", "a");
        assert_boots(&lab, V65, true);
}
END_TEST

START_TEST(sort_key_does_not_help_an_entry_without_tries) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+0-3", V68, "root=a");
        assert_boots(&lab, V65, true);
}
END_TEST

START_TEST(entry_that_is_not_ours_is_no_kernel_that_is_known) {
        static const char text[] = "title Other\nefi /EFI/other.efi\n";
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_put(&lab.esp, ESP_ENTRY_DIR "/other.conf", FILE_REGULAR, strlen(text), 0, text);
        assert_boots(&lab, V68, true);
        lab_put_conf(&lab, "default other.conf\n");
        assert_unknown(&lab);
}
END_TEST

START_TEST(what_a_variable_or_an_unread_text_decides_is_not_known) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_conf(&lab, "default @saved\n");
        assert_unknown(&lab);
        lab_put_conf(&lab, "default proxmox-*\n");
        sim_put(&lab.esp, ESP_ENTRY_DIR "/zz.conf", FILE_REGULAR, 100000, 0, NULL);
        assert_unknown(&lab);
        sim_drop(&lab.esp, ESP_ENTRY_DIR "/zz.conf");
        sim_put(&lab.esp, ESP_LOADER_CONF, FILE_REGULAR, 100000, 0, NULL);
        assert_unknown(&lab);
}
END_TEST

START_TEST(esp_without_entries_boots_nothing) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        assert_boots(&lab, NULL, false);
        lab.esp.image.loader = ESP_LOADER_NONE;
        assert_boots(&lab, NULL, false);
}
END_TEST

static void put_in_root(Lab *lab, const char *version) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = grub_kernel_path(version, f);

                sim_put(&lab->esp, path, FILE_REGULAR, 8, 0, NULL);
        }
}

static void put_menu(Lab *lab, const char *value) {
        _cleanup_free_ char *text = sim_grub_config(&lab->esp.image, "", value), *summary = NULL;

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        sim_put(&lab->esp, ESP_GRUB_CONFIG, FILE_REGULAR, strlen(text), 0, summary);
}

static void put_saved(Lab *lab, const char *value) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(grub_env_set(NULL, 0, "saved_entry", value, &text), 0);
        sim_put(&lab->esp, ESP_GRUB_ENV, FILE_REGULAR, GRUB_ENV_SIZE, 0, text);
}

static void init_grub(Lab *lab, const char *value) {
        lab_init(lab);
        lab->esp.image.loader = ESP_LOADER_GRUB;
        put_in_root(lab, V68);
        put_in_root(lab, V65);
        put_menu(lab, value);
}

START_TEST(menu_of_grub_tells_its_default) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab, NEXT_TO(V65));
        assert_boots(&lab, V65, true);
        sim_drop(&lab.esp, "initrd.img-" V65);
        assert_boots(&lab, V65, false);
}
END_TEST

START_TEST(saved_entry_counts_where_the_menu_asks_for_it) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab, "${saved_entry}");
        assert_boots(&lab, V68, true);
        put_saved(&lab, NEXT_TO(V65));
        assert_boots(&lab, V65, true);
        put_saved(&lab, "gnulinux-simple-" SIM_ROOT_ID);
        assert_boots(&lab, V68, true);
        put_saved(&lab, "gnulinux-advanced-" SIM_ROOT_ID);
        assert_boots(&lab, V68, true);
        put_menu(&lab, "0");
        put_saved(&lab, NEXT_TO(V65));
        assert_boots(&lab, V68, true);
}
END_TEST

START_TEST(what_grub_alone_can_tell_is_not_known) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab, "${saved_entry}");
        put_saved(&lab, "a title of mine");
        assert_unknown(&lab);
        sim_put(&lab.esp, ESP_GRUB_ENV, FILE_REGULAR, 5, 0, "damaged");
        assert_unknown(&lab);
        put_menu(&lab, "${mine}");
        assert_unknown(&lab);
        sim_put(&lab.esp, ESP_GRUB_CONFIG, FILE_REGULAR, 100000, 0, NULL);
        assert_unknown(&lab);
}
END_TEST

START_TEST(grub_without_a_menu_boots_nothing) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab, "0");
        sim_drop(&lab.esp, ESP_GRUB_CONFIG);
        assert_boots(&lab, NULL, false);
}
END_TEST

CHECK_MAIN("esp-boot", newest_entry_boots, default_without_its_initrd_is_named_and_not_complete,
           entry_without_its_image_is_passed_over_as_the_loader_does,
           sort_key_comes_before_none_and_is_followed_by_version, machine_id_comes_before_version,
           sort_key_does_not_help_an_entry_without_tries,
           entry_that_is_not_ours_is_no_kernel_that_is_known,
           what_a_variable_or_an_unread_text_decides_is_not_known,
           esp_without_entries_boots_nothing, menu_of_grub_tells_its_default,
           saved_entry_counts_where_the_menu_asks_for_it, what_grub_alone_can_tell_is_not_known,
           grub_without_a_menu_boots_nothing)
