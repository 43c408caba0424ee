/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A scan reports our files and those that a boot loader reads, and leaves everything else alone. */

#include "../check-main.h"
#include "blocking/esp/esp-scan.h"
#include "core/loader/esp-path.h"
#include "core/wire/report.h"
#include "fat-image.h"
#include "throwaway-esp.h"

#define ENTRY  "loader/entries/proxmox-6.8.12-4-pve.conf"
#define KERNEL "EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve"

static const Plan no_plan = {};

static void scan(const Throwaway *t, const EspImage *known, EspImage *ret) {
        const EspImage none = {};
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(esp_scan(&t->volume, &no_plan, known ?: &none, NULL, ret, &error), 0);
}

START_TEST(what_concerns_us_is_reported_and_nothing_else) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve"), "kernel");
        throwaway_put_text(&t, ESP("EFI/proxmox/6.8.12-4-pve/deeper/file"), "x");
        throwaway_put_text(&t, ESP("EFI/proxmox/grubx64.efi"), "x");
        throwaway_put_text(&t, ESP("EFI/Microsoft/bootmgfw.efi"), "x");
        throwaway_put_text(&t, ESP("loader/loader.conf"), "timeout 3\n");
        throwaway_put_text(&t, ESP("loader/random-seed"), "x");
        throwaway_put_text(&t, ESP(ENTRY), "title x\n");
        throwaway_put_text(&t, ESP("grub/grub.cfg"), "x");
        scan(&t, NULL, &image);

        ck_assert_uint_eq(image.n_files, 11);
        ck_assert_uint_eq(esp_image_find(&image, "EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve")
                                          ->size,
                          6);
        ck_assert_int_eq(esp_image_find(&image, "EFI/proxmox/6.8.12-4-pve/deeper")->type,
                         FILE_DIRECTORY);
        ck_assert_ptr_nonnull(esp_image_find(&image, "EFI/proxmox/grubx64.efi"));
        ck_assert_int_eq(esp_image_find(&image, "EFI/proxmox")->type, FILE_DIRECTORY);
        ck_assert_int_eq(esp_image_find(&image, "EFI/proxmox/6.8.12-4-pve")->type, FILE_DIRECTORY);
        ck_assert_int_eq(esp_image_find(&image, "loader")->type, FILE_DIRECTORY);
        ck_assert_int_eq(esp_image_find(&image, "loader/entries")->type, FILE_DIRECTORY);
        ck_assert_int_eq(esp_image_find(&image, "grub")->type, FILE_DIRECTORY);
        ck_assert_ptr_nonnull(esp_image_find(&image, "loader/loader.conf"));
        ck_assert_ptr_nonnull(esp_image_find(&image, ENTRY));
}
END_TEST

START_TEST(leftovers_of_a_run_that_was_killed_are_reported) {
        static const char *const leftovers[] = {
                "loader/loader.conf.new",
                ENTRY ".new",
                "EFI/proxmox/6.8.12-4-pve/initrd.img-6.8.12-4-pve.new",
                "initrd.img-6.8.12-4-pve.new",
                "grub/grub.cfg.new",
                "grub/grubenv.new",
        };
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        for (size_t i = 0; i < ELEMENTSOF(leftovers); i++) {
                _cleanup_free_ char *path = strprintf(ESP("%s"), leftovers[i]);

                throwaway_put_text(&t, path, "half");
        }
        scan(&t, NULL, &image);
        for (size_t i = 0; i < ELEMENTSOF(leftovers); i++) {
                ck_assert_ptr_nonnull(esp_image_find(&image, leftovers[i]));
                ck_assert_ptr_null(esp_image_find(&image, leftovers[i])->text);
        }
}
END_TEST

START_TEST(empty_esp_has_space_and_no_loader) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        ck_assert_int_eq(rmdir(throwaway_path(&t, ESP("EFI/proxmox"))), 0);
        ck_assert_int_eq(rmdir(throwaway_path(&t, ESP("loader/entries"))), 0);
        ck_assert_int_eq(rmdir(throwaway_path(&t, ESP("loader"))), 0);
        scan(&t, NULL, &image);
        ck_assert_uint_eq(image.n_files, 0);
        ck_assert_int_eq(image.loader, ESP_LOADER_NONE);
        ck_assert_uint_ge(image.cluster_bytes, 1);
        ck_assert_uint_ge(image.size_bytes, image.free_bytes);
        ck_assert_uint_gt(image.free_bytes, 0);
        ck_assert(!image.dirty);
}
END_TEST

START_TEST(loader_is_told_from_what_was_seen) {
        _cleanup_(esp_image_done) EspImage systemd_boot = {}, grub = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("loader/loader.conf"), "");
        scan(&t, NULL, &systemd_boot);
        ck_assert_int_eq(systemd_boot.loader, ESP_LOADER_SYSTEMD_BOOT);
        throwaway_put_text(&t, ESP("EFI/proxmox/grubx64.efi"), "x");
        scan(&t, NULL, &grub);
        ck_assert_int_eq(grub.loader, ESP_LOADER_GRUB);
}
END_TEST

START_TEST(texts_that_decide_what_boots_are_read_and_no_others) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("loader/loader.conf"), "");
        throwaway_put_text(&t, ESP(ENTRY), "title x\r\n");
        throwaway_put_text(&t, ESP("loader/entries/notes.txt"), "x");
        throwaway_put_text(&t, ESP("EFI/proxmox/6.8.12-4-pve/a.conf"), "x");
        scan(&t, NULL, &image);
        ck_assert_str_eq(esp_image_find(&image, "loader/loader.conf")->text, "");
        ck_assert_str_eq(esp_image_find(&image, ENTRY)->text, "title x\r\n");
        ck_assert_int_eq(esp_image_find(&image, ENTRY)->verdict, VERDICT_UNCHECKED);
        ck_assert_ptr_null(esp_image_find(&image, "loader/entries/notes.txt"));
        ck_assert_ptr_null(esp_image_find(&image, "EFI/proxmox/6.8.12-4-pve/a.conf")->text);
}
END_TEST

START_TEST(kernels_in_the_root_are_reported_and_nothing_else_there) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("vmlinuz-6.8.12-4-pve"), "kernel");
        throwaway_put_text(&t, ESP("initrd.img-6.8.12-4-pve"), "initrd");
        throwaway_put_text(&t, ESP("vmlinuz-6.8.12-4-pve.old"), "x");
        throwaway_put_text(&t, ESP("vmlinuz"), "x");
        throwaway_put_text(&t, ESP("notes.new"), "x");
        throwaway_put_text(&t, ESP("memtest86+ia32.bin"), "x");
        throwaway_put_text(&t, ESP("memtest86+x64.bin"), "memtest");
        throwaway_put_text(&t, ESP("memtest86+x64.bin.new"), "half");
        scan(&t, NULL, &image);
        ck_assert_uint_eq(esp_image_find(&image, "vmlinuz-6.8.12-4-pve")->size, 6);
        ck_assert_ptr_null(esp_image_find(&image, "vmlinuz-6.8.12-4-pve")->text);
        ck_assert_ptr_nonnull(esp_image_find(&image, "initrd.img-6.8.12-4-pve"));
        ck_assert_ptr_nonnull(esp_image_find(&image, "memtest86+x64.bin"));
        ck_assert_ptr_nonnull(esp_image_find(&image, "memtest86+x64.bin.new"));
        ck_assert_uint_eq(image.n_files, 7); /* and three directories */
}
END_TEST

static void assert_grub_config(const Throwaway *t, const EspImage *known, const char *inputs,
                               const char *text, FileVerdict verdict) {
        _cleanup_(esp_image_done) EspImage image = {};
        const EspImage none = {};
        _cleanup_error_ Error error = {};
        const EspFile *file;

        ck_assert_int_eq(esp_scan(&t->volume, &no_plan, known ?: &none, inputs, &image, &error), 0);
        file = esp_image_find(&image, "grub/grub.cfg");
        ck_assert(streq_ptr(file->text, text));
        ck_assert_int_eq(file->verdict, verdict);
}

START_TEST(grub_config_is_summarised_and_compared_with_what_it_was_made_from) {
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SUMMARY \
        "inputs sha256=" DIGEST "\ndefault value=0 version=6.8\nentry id=a linux=vmlinuz-6.8\n"
        static const char text[] = "set default=0\nmenuentry a {\n linux /vmlinuz-6.8\n}\n"
                                   "# bootsync: inputs=" DIGEST "\n";
        _cleanup_(esp_image_done) EspImage known = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("grub/grub.cfg"), text);
        assert_grub_config(&t, NULL, NULL, SUMMARY, VERDICT_UNCHECKED);
        assert_grub_config(&t, NULL, DIGEST, SUMMARY, VERDICT_EQUAL);
        assert_grub_config(&t, NULL, OTHER, SUMMARY, VERDICT_DIFFERS);
        /* Its stat is not enough. */
        scan(&t, NULL, &known);
        assert_grub_config(&t, &known, OTHER, SUMMARY, VERDICT_DIFFERS);

        throwaway_put_text(&t, ESP("grub/grub.cfg"), "menuentry a {\n");
        assert_grub_config(&t, NULL, DIGEST, NULL, VERDICT_UNCHECKED);
}
END_TEST

START_TEST(grub_environment_is_read) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("grub/grubenv"), "# GRUB Environment Block\n###");
        scan(&t, NULL, &image);
        ck_assert_str_eq(esp_image_find(&image, "grub/grubenv")->text,
                         "# GRUB Environment Block\n###");
}
END_TEST

START_TEST(what_is_too_large_or_holds_nul_is_no_text) {
        _cleanup_free_ char *data = pattern(REPORT_TEXT_MAX + 1);
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put(&t, ESP("loader/entries/max.conf"), data, REPORT_TEXT_MAX);
        throwaway_put(&t, ESP("loader/entries/over.conf"), data, REPORT_TEXT_MAX + 1);
        throwaway_put(&t, ESP("loader/entries/nul.conf"), "a\0b", 3);
        scan(&t, NULL, &image);
        ck_assert_uint_eq(strlen(esp_image_find(&image, "loader/entries/max.conf")->text),
                          REPORT_TEXT_MAX);
        ck_assert_ptr_null(esp_image_find(&image, "loader/entries/over.conf")->text);
        ck_assert_ptr_null(esp_image_find(&image, "loader/entries/nul.conf")->text);
        ck_assert_uint_eq(esp_image_find(&image, "loader/entries/nul.conf")->size, 3);
}
END_TEST

START_TEST(known_text_is_trusted_and_not_read) {
        _cleanup_(esp_image_done) EspImage first = {}, known = {}, second = {};
        _cleanup_throwaway_ Throwaway t;
        EspFile *file;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP(ENTRY), "title x\n");
        throwaway_put_text(&t, ESP("loader/loader.conf"), "timeout 3\n");
        scan(&t, NULL, &first);
        file = esp_image_get(&known, ENTRY);
        file->size = esp_image_find(&first, ENTRY)->size;
        file->mtime = esp_image_find(&first, ENTRY)->mtime;
        file = esp_image_get(&known, "loader/loader.conf");
        file->size = esp_image_find(&first, "loader/loader.conf")->size;
        file->mtime = esp_image_find(&first, "loader/loader.conf")->mtime - 1;

        scan(&t, &known, &second);
        ck_assert_int_eq(esp_image_find(&second, ENTRY)->verdict, VERDICT_TRUSTED);
        ck_assert_ptr_null(esp_image_find(&second, ENTRY)->text);
        ck_assert_int_eq(esp_image_find(&second, "loader/loader.conf")->verdict, VERDICT_UNCHECKED);
        ck_assert_str_eq(esp_image_find(&second, "loader/loader.conf")->text, "timeout 3\n");
}
END_TEST

START_TEST(symlinks_are_reported_as_other_and_never_followed) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, "boot/secret.conf", "title secret\n");
        ck_assert_int_eq(symlink("/boot", throwaway_path(&t, ESP("EFI/proxmox/dir"))), 0);
        ck_assert_int_eq(symlink("../../../../../boot/secret.conf",
                                 throwaway_path(&t, ESP("loader/entries/link.conf"))),
                         0);
        scan(&t, NULL, &image);
        ck_assert_int_eq(esp_image_find(&image, "EFI/proxmox/dir")->type, FILE_OTHER);
        ck_assert_int_eq(esp_image_find(&image, "loader/entries/link.conf")->type, FILE_OTHER);
        ck_assert_ptr_null(esp_image_find(&image, "loader/entries/link.conf")->text);
        ck_assert_ptr_null(esp_image_find(&image, "EFI/proxmox/dir/secret.conf"));
}
END_TEST

START_TEST(linked_directories_of_ours_are_not_entered) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("elsewhere/entries/x.conf"), "x");
        throwaway_put_text(&t, ESP("elsewhere/loader.conf"), "x");
        ck_assert_int_eq(rmdir(throwaway_path(&t, ESP("loader/entries"))), 0);
        ck_assert_int_eq(rmdir(throwaway_path(&t, ESP("loader"))), 0);
        ck_assert_int_eq(symlink("elsewhere", throwaway_path(&t, ESP("loader"))), 0);
        scan(&t, NULL, &image);
        ck_assert_int_eq(esp_image_find(&image, "loader")->type, FILE_OTHER);
        ck_assert_ptr_null(esp_image_find(&image, "loader/loader.conf"));
        ck_assert_ptr_null(esp_image_find(&image, "loader/entries"));
}
END_TEST

START_TEST(fifo_that_looks_like_an_entry_does_not_block) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        ck_assert_int_eq(mkfifo(throwaway_path(&t, ESP("loader/entries/x.conf")), 0600), 0);
        scan(&t, NULL, &image);
        ck_assert_int_eq(esp_image_find(&image, "loader/entries/x.conf")->type, FILE_OTHER);
}
END_TEST

/* @n names for one file: PREFIX0SUFFIX, PREFIX1SUFFIX and so on. */
static void fill(const Throwaway *t, const char *prefix, size_t n, const char *suffix,
                 const char *text) {
        throwaway_put_text(t, "dev/one", text);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = strprintf("%s%zu%s", prefix, i, suffix);

                ck_assert_int_eq(link(throwaway_path(t, "dev/one"), throwaway_path(t, path)), 0);
        }
}

static void assert_overflow(const Throwaway *t, const EspImage *known, const char *dir) {
        EspImage image = { .n_files = 7 };
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(esp_scan(&t->volume, &no_plan, known, NULL, &image, &error), 0);
        ck_assert_uint_eq(image.n_files, 7); /* ret is untouched */
        ck_assert_msg(strstr(error.message, "ESP '" UUID "'") && strstr(error.message, dir),
                      "not named: %s", error.message);
}

START_TEST(more_entries_than_can_be_reported_are_an_error_that_names_their_directory) {
        const EspImage none = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        fill(&t, ESP("loader/entries/other-"), ESP_FILES_MAX + 1, ".conf", "x");
        assert_overflow(&t, &none, "'/loader/entries'");
}
END_TEST

START_TEST(more_directories_than_can_be_reported_are_an_error_that_names_theirs) {
        const EspImage none = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        for (size_t i = 0; i <= ESP_FILES_MAX; i++) {
                _cleanup_free_ char *path = strprintf(ESP("EFI/proxmox/6.2.%zu-1-pve"), i);

                ck_assert_int_eq(mkdir(throwaway_path(&t, path), 0700), 0);
        }
        assert_overflow(&t, &none, "'/EFI/proxmox'");
}
END_TEST

START_TEST(more_kernels_in_the_root_than_can_be_reported_are_an_error) {
        const EspImage none = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        fill(&t, ESP("vmlinuz-6.2."), ESP_FILES_MAX + 1, "-1-pve", "");
        assert_overflow(&t, &none, "'/'");
}
END_TEST

START_TEST(as_many_files_as_can_be_reported_are) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        fill(&t, ESP("loader/entries/other-"), ESP_FILES_MAX - 3, ".conf", "x");
        scan(&t, NULL, &image);
        ck_assert_uint_eq(image.n_files, ESP_FILES_MAX);
}
END_TEST

START_TEST(more_text_than_can_be_reported_is_an_error_also_if_most_of_it_is_known) {
        static char text[REPORT_TEXT_MAX + 1];
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        memset(text, 'x', REPORT_TEXT_MAX);
        throwaway_init(&t);
        fill(&t, ESP("loader/entries/other-"), ESP_TEXT_MAX / REPORT_TEXT_MAX - 1, ".conf", text);
        scan(&t, NULL, &image);
        throwaway_put_text(&t, ESP("loader/entries/x.conf"), text);
        assert_overflow(&t, &image, "'/loader/entries'");
}
END_TEST

START_TEST(what_no_boot_loader_reads_beside_the_entries_is_left_out_however_much_it_is) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        fill(&t, ESP("loader/entries/"), ESP_FILES_MAX + 1, ".txt", "x");
        throwaway_put_text(&t, ESP("loader/entries/x.conf.bak"), "x");
        throwaway_put_text(&t, ESP("loader/entries/X.CONF"), "x");
        throwaway_put_text(&t, ESP(ENTRY STAGED_SUFFIX), "x");
        scan(&t, NULL, &image);
        ck_assert_uint_eq(image.n_files, 5); /* with three directories */
        ck_assert_ptr_nonnull(esp_image_find(&image, "loader/entries/X.CONF"));
        ck_assert_ptr_nonnull(esp_image_find(&image, ENTRY STAGED_SUFFIX));
}
END_TEST

START_TEST(names_with_control_characters_are_left_out) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("loader/entries/a\nb.conf"), "x");
        throwaway_put_text(&t, ESP("loader/entries/\xff .conf"), "x");
        scan(&t, NULL, &image);
        ck_assert_uint_eq(image.n_files, 4);
        ck_assert_ptr_nonnull(esp_image_find(&image, "loader/entries/\xff .conf"));
}
END_TEST

/* A look at a volume with a FAT's own account of its free clusters, and at a directory in the place
 * of its mount. */
typedef struct Accounted {
        Throwaway t;
        FatImage fat;
        EspImage known;
        PlanStep check;
        Plan plan;
} Accounted;

#define N_FREE 40000u

static void put_account(Accounted *a, uint32_t n_free) {
        ck_assert_int_eq(pwrite(a->fat.fd, &n_free, 4, (off_t) a->t.volume.fat.info_offset + 488),
                         4);
}

static void accounted_init(Accounted *a) {
        uint8_t sector[FAT_BOOT_SECTOR_SIZE];
        EspFile *text;
        FileStamp st;

        *a = (Accounted){
                .check = { .action = PLAN_CHECK, .path = (char *) KERNEL, .trust = true }
        };
        throwaway_init(&a->t);
        throwaway_put_text(&a->t, ESP(ENTRY), "title x\n");
        throwaway_put_text(&a->t, ESP(KERNEL), "kernel");
        st = throwaway_stamp(&a->t, ESP(KERNEL));
        a->check.esp_size = st.size;
        a->check.esp_mtime = st.mtime;
        a->plan = (Plan){ .steps = &a->check, .n_steps = 1 };
        text = esp_image_get(&a->known, ENTRY);
        st = throwaway_stamp(&a->t, ESP(ENTRY));
        text->size = st.size;
        text->mtime = st.mtime;

        fat_image_init(&a->fat, 32);
        a->t.volume.device.fd = a->fat.fd;
        ck_assert_int_eq(pread(a->fat.fd, sector, sizeof(sector), 0), sizeof(sector));
        ck_assert_int_eq(fat_parse(sector, &a->t.volume.fat), 0);
        put_account(a, N_FREE);
}

static void accounted_done(Accounted *a) {
        a->t.volume.device.fd = -EBADF;
        esp_image_done(&a->known);
        fat_image_done(&a->fat);
        throwaway_done(&a->t);
}

/* True if the space is what the account says. */
static bool goes_by_account(const Accounted *a) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(esp_scan(&a->t.volume, &a->plan, &a->known, NULL, &image, &error), 0);
        return image.free_bytes == (uint64_t) N_FREE * a->t.volume.fat.cluster_bytes &&
               image.cluster_bytes == a->t.volume.fat.cluster_bytes;
}

START_TEST(free_clusters_of_a_fat_are_not_counted_where_all_is_as_known) {
        _cleanup_(accounted_done) Accounted a;

        accounted_init(&a);
        ck_assert(goes_by_account(&a));
        throwaway_put_text(&a.t, ESP("EFI/Microsoft/bootmgfw.efi"), "x");
        ck_assert(goes_by_account(&a));
}
END_TEST

static void is_a_new_entry(Accounted *a) {
        throwaway_put_text(&a->t, ESP("loader/entries/other.conf"), "title y\n");
}

static void is_another_text(Accounted *a) {
        throwaway_put_text(&a->t, ESP(ENTRY), "title another\n");
}

static void is_a_text_less(Accounted *a) {
        ck_assert_int_eq(unlink(throwaway_path(&a->t, ESP(ENTRY))), 0);
}

static void is_nothing_known(Accounted *a) {
        esp_image_done(&a->known);
        ck_assert_int_eq(unlink(throwaway_path(&a->t, ESP(ENTRY))), 0);
}

static void is_another_kernel(Accounted *a) {
        throwaway_put_text(&a->t, ESP(KERNEL), "another");
}

static void is_a_kernel_less(Accounted *a) {
        ck_assert_int_eq(unlink(throwaway_path(&a->t, ESP(KERNEL))), 0);
}

static void is_no_trust(Accounted *a) {
        a->check.trust = false;
}

static void is_a_leftover(Accounted *a) {
        throwaway_put_text(&a->t, ESP(KERNEL ".new"), "half");
}

static void is_a_plan_that_writes(Accounted *a) {
        a->check.action = PLAN_STAGE;
}

static void is_distrust(Accounted *a) {
        a->t.volume.distrust = true;
}

static void is_a_full_volume(Accounted *a) {
        put_account(a, 100);
}

static void is_no_account(Accounted *a) {
        put_account(a, UINT32_MAX);
}

static void is_another_sector(Accounted *a) {
        ck_assert_int_eq(pwrite(a->fat.fd, "x", 1, (off_t) a->t.volume.fat.info_offset), 1);
}

START_TEST(free_clusters_are_counted_wherever_something_may_be_copied_or_is_amiss) {
        static void (*const there[])(Accounted *) = {
                is_a_new_entry,        is_another_text,  is_a_text_less,   is_nothing_known,
                is_another_kernel,     is_a_kernel_less, is_no_trust,      is_a_leftover,
                is_a_plan_that_writes, is_distrust,      is_a_full_volume, is_no_account,
                is_another_sector,
        };

        for (size_t i = 0; i < ELEMENTSOF(there); i++) {
                _cleanup_(accounted_done) Accounted a;

                accounted_init(&a);
                there[i](&a);
                ck_assert_msg(!goes_by_account(&a), "case %zu goes by the account", i);
        }
}
END_TEST

CHECK_MAIN("esp-scan", what_concerns_us_is_reported_and_nothing_else,
           leftovers_of_a_run_that_was_killed_are_reported, empty_esp_has_space_and_no_loader,
           loader_is_told_from_what_was_seen, texts_that_decide_what_boots_are_read_and_no_others,
           kernels_in_the_root_are_reported_and_nothing_else_there,
           grub_config_is_summarised_and_compared_with_what_it_was_made_from,
           grub_environment_is_read, what_is_too_large_or_holds_nul_is_no_text,
           known_text_is_trusted_and_not_read, symlinks_are_reported_as_other_and_never_followed,
           linked_directories_of_ours_are_not_entered, fifo_that_looks_like_an_entry_does_not_block,
           names_with_control_characters_are_left_out,
           more_entries_than_can_be_reported_are_an_error_that_names_their_directory,
           more_directories_than_can_be_reported_are_an_error_that_names_theirs,
           more_kernels_in_the_root_than_can_be_reported_are_an_error,
           as_many_files_as_can_be_reported_are,
           more_text_than_can_be_reported_is_an_error_also_if_most_of_it_is_known,
           what_no_boot_loader_reads_beside_the_entries_is_left_out_however_much_it_is,
           free_clusters_of_a_fat_are_not_counted_where_all_is_as_known,
           free_clusters_are_counted_wherever_something_may_be_copied_or_is_amiss)
