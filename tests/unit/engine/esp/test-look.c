/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports become an image; the manifest learns only what was read or written. */

#include "engine/esp/look.h"

#include "core/plan/plan.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define PATH  "EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve"
#define ENTRY "loader/entries/proxmox-6.8.12-4-pve.conf"

static const FileStamp stamp = { .inode = 1, .size = 10, .mtime = 3, .ctime = 4 };

static void take_space(EspImage **image) {
        Report report = {
                .type = REPORT_SPACE, .loader = ESP_LOADER_GRUB, .size_bytes = 100, .free_bytes = 50
        };

        ck_assert_int_eq(look_take_report(image, NULL, NULL, &report, NULL), 0);
}

static void take_file(EspImage **image, const char *path, FileVerdict verdict, const char *text,
                      const EspImage *known) {
        Report report = { .type = REPORT_FILE };

        report.file = (EspFile){ .path = (char *) path,
                                 .type = FILE_REGULAR,
                                 .size = 10,
                                 .mtime = 7,
                                 .verdict = verdict,
                                 .text = text ? strdup(text) : NULL };
        ck_assert_int_eq(look_take_report(image, NULL, NULL, &report, known), 0);
        ck_assert_ptr_null(report.file.text);
}

static Plan *plan_check(PlanAction action) {
        PlanStep *step;
        Plan *plan;

        ck_assert_int_ge(plan_new(PLAN_ON_ESP, "1111-AAAA", &plan), 0);
        step = plan_add(plan, action, PATH);
        ck_assert_ptr_nonnull(step);
        step->stamp = stamp;
        return plan;
}

START_TEST(image_begins_with_its_space_and_a_file_before_that_is_refused) {
        _cleanup_(esp_image_freep) EspImage *image = NULL;
        Report report = { .type = REPORT_FILE, .file = { .path = (char *) PATH } };

        ck_assert_int_eq(look_take_report(&image, NULL, NULL, &report, NULL), -EBADMSG);
        take_space(&image);
        ck_assert_uint_eq(image->free_bytes, 50);
        ck_assert_uint_eq(image->cluster_bytes, 1);
        take_file(&image, PATH, VERDICT_UNCHECKED, NULL, NULL);
        ck_assert_ptr_nonnull(esp_image_find(image, PATH));
        take_space(&image);
        ck_assert_ptr_null(esp_image_find(image, PATH));
}
END_TEST

START_TEST(text_that_is_as_it_is_known_need_not_be_sent_again) {
        _cleanup_(esp_image_freep) EspImage *known = NULL, *image = NULL;

        take_space(&known);
        take_file(&known, ENTRY, VERDICT_UNCHECKED, "title x\n", NULL);
        take_space(&image);
        take_file(&image, ENTRY, VERDICT_TRUSTED, NULL, known);
        ck_assert_str_eq(esp_image_find(image, ENTRY)->text, "title x\n");
}
END_TEST

START_TEST(manifest_learns_what_was_compared_and_forgets_what_differs) {
        _cleanup_(esp_image_freep) EspImage *image = NULL;
        _cleanup_(plan_freep) Plan *plan = plan_check(PLAN_CHECK);
        _cleanup_(manifest_done) Manifest manifest = {};

        take_space(&image);
        take_file(&image, PATH, VERDICT_EQUAL, NULL, NULL);
        ck_assert_int_ge(look_learn(&manifest, image, plan, false), 0);
        ck_assert_ptr_null(manifest_find(&manifest, PATH));
        ck_assert_int_ge(look_learn(&manifest, image, plan, true), 0);
        ck_assert_ptr_nonnull(manifest_find(&manifest, PATH));
        ck_assert(look_needs_barrier(image));

        take_space(&image);
        take_file(&image, PATH, VERDICT_UNREADABLE, NULL, NULL);
        ck_assert_int_ge(look_learn(&manifest, image, plan, true), 0);
        ck_assert_ptr_null(manifest_find(&manifest, PATH));
        ck_assert(!look_needs_barrier(image));
}
END_TEST

START_TEST(copy_is_remembered_and_trusted_as_long_as_it_is_of_the_same_source) {
        _cleanup_(esp_image_freep) EspImage *image = NULL;
        _cleanup_(plan_freep) Plan *plan = plan_check(PLAN_STAGE);
        _cleanup_(manifest_done) Manifest manifest = {};
        Kernel kernel = { .version = (char *) "6.8.12-4-pve", .image = stamp };
        const KernelSet kernels = { .kernels = &kernel, .n_kernels = 1 };
        Report report = { .type = REPORT_PLACED };

        report.file = (EspFile){ .path = (char *) PATH, .size = 10, .mtime = 7 };
        ck_assert_int_ge(look_take_report(&image, &manifest, plan, &report, NULL), 0);
        report.file.path = (char *) "EFI/other";
        ck_assert_int_ge(look_take_report(&image, &manifest, plan, &report, NULL), 0);
        ck_assert_uint_eq(manifest.n_entries, 1);

        take_space(&image);
        image->loader = ESP_LOADER_SYSTEMD_BOOT;
        take_file(&image, PATH, VERDICT_UNCHECKED, NULL, NULL);
        ck_assert_int_ge(look_trust(image, &manifest, &kernels), 0);
        ck_assert_int_eq(esp_image_find(image, PATH)->verdict, VERDICT_TRUSTED);

        take_space(&image);
        image->loader = ESP_LOADER_SYSTEMD_BOOT;
        take_file(&image, PATH, VERDICT_UNCHECKED, NULL, NULL);
        kernel.image.mtime++;
        ck_assert_int_ge(look_trust(image, &manifest, &kernels), 0);
        ck_assert_int_eq(esp_image_find(image, PATH)->verdict, VERDICT_UNCHECKED);
}
END_TEST

START_TEST(options_are_those_of_any_entry_of_ours) {
        _cleanup_(esp_image_freep) EspImage *image = NULL;
        _cleanup_free_ char *none = NULL, *options = NULL;

        take_space(&image);
        image->loader = ESP_LOADER_SYSTEMD_BOOT;
        ck_assert_int_ge(look_options(image, &none), 0);
        ck_assert_ptr_null(none);
        take_file(&image, ENTRY, VERDICT_UNCHECKED, "title x\noptions root=/dev/sda3 quiet\n",
                  NULL);
        ck_assert_int_ge(look_options(image, &options), 0);
        ck_assert_str_eq(options, "root=/dev/sda3 quiet");
}
END_TEST

CHECK_MAIN("look", image_begins_with_its_space_and_a_file_before_that_is_refused,
           text_that_is_as_it_is_known_need_not_be_sent_again,
           manifest_learns_what_was_compared_and_forgets_what_differs,
           copy_is_remembered_and_trusted_as_long_as_it_is_of_the_same_source,
           options_are_those_of_any_entry_of_ours)
