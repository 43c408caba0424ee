/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The core floor with one folder and one line more, and nothing else: a third boot loader is told,
 * named, read and planned for as the two others are. */

#include "common/string-util.h"
#include "core/firmware/firmware.h"
#include "core/loader/loader.h"
#include "core/wire/plan-wire.h"
#include "core/wire/report.h"
#include "tests/unit/check-main.h"

static EspImage image_of_it(void) {
        EspImage image = { .size_bytes = 1 << 30, .free_bytes = 1 << 29, .cluster_bytes = 4096 };

        esp_image_get(&image, "nonesuch")->type = FILE_DIRECTORY;
        image.loader = esp_image_tell_loader(&image);
        return image;
}

START_TEST(it_is_told_by_its_own_claim_and_known_by_its_name) {
        _cleanup_(esp_image_done) EspImage image = image_of_it();

        ck_assert_int_eq(image.loader, ESP_LOADER_NONESUCH);
        ck_assert_str_eq(esp_loader_to_string(image.loader), "nonesuch");
        ck_assert_int_eq(esp_loader_from_string("nonesuch"), ESP_LOADER_NONESUCH);
        ck_assert(!esp_image_has_loader(&image));
}
END_TEST

START_TEST(what_such_an_esp_boots_is_what_it_says) {
        _cleanup_(esp_image_done) EspImage image = image_of_it();
        _cleanup_strv_ char **kernels = NULL;
        _cleanup_free_ char *version = NULL, *path = NULL;
        EspBoot boot;

        ck_assert_int_eq(esp_image_boot(&image, &boot), 0);
        ck_assert(!boot.known);
        ck_assert_int_eq(esp_image_reader(&image)->kernels(&image, &kernels), 0);
        ck_assert(strv_isempty(kernels));
        ck_assert_int_eq(esp_image_reader(&image)->default_version(&image, &version), 0);
        ck_assert_ptr_null(version);
        path = esp_image_reader(&image)->kernel_path("6.8.12-4-pve", KERNEL_FILE_IMAGE);
        ck_assert_str_eq(path, "nonesuch");
}
END_TEST

START_TEST(its_esp_is_planned_by_it) {
        _cleanup_(esp_image_done) EspImage image = image_of_it();
        Kernel kernel = { .version = (char *) "6.8.12-4-pve", .reasons = 1 << KERNEL_NEWEST };
        const KernelSet kernels = { .kernels = &kernel, .n_kernels = 1, .database_readable = true };
        const PlanInput in = {
                .esp_uuid = "AAAA-0001", .image = &image, .kernels = &kernels, .title = "PVE"
        };
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_build(&in, &plan), 0);
        ck_assert_uint_eq(plan->n_steps, 0);
        ck_assert_int_eq(plan->problem.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(plan->problem.message, "nonesuch"));
}
END_TEST

START_TEST(plans_and_reports_carry_its_name) {
        const char text[] = "bootsync-plan version=2 esp=AAAA-0001\n"
                            "install-loader text=nonesuch\nend\n";
        const char space[] = "space size=1 free=1 cluster=1 loader=nonesuch dirty=0 fold=1\n";
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(report_done) Report report = {};

        ck_assert_int_eq(plan_parse(text, strlen(text), &plan), 0);
        ck_assert_int_eq(report_parse(space, strlen(space), &report), 0);
        ck_assert_int_eq(report.loader, ESP_LOADER_NONESUCH);
}
END_TEST

START_TEST(who_asks_for_it_hears_its_refusal_and_nobody_gets_it_unasked) {
        const Firmware firmware = { .uefi = true };
        const LoaderSource sources[_ESP_LOADER_MAX] = {};
        const LoaderHost host = { .firmware = &firmware, .sources = sources };
        _cleanup_error_ Error error = {};
        EspLoader loader;

        ck_assert_int_lt(loader_choose("AAAA-0001", ESP_LOADER_NONESUCH, ESP_LOADER_NONE, &host,
                                       &loader, &error),
                         0);
        ck_assert_ptr_nonnull(strstr(error.message, "Nonesuch here: nothing starts it"));
        ck_assert_int_eq(loader_choose("AAAA-0001", ESP_LOADER_NONE, ESP_LOADER_NONE, &host,
                                       &loader, NULL),
                         0);
        ck_assert_int_eq(loader, ESP_LOADER_SYSTEMD_BOOT);
}
END_TEST

CHECK_MAIN("third-loader", it_is_told_by_its_own_claim_and_known_by_its_name,
           what_such_an_esp_boots_is_what_it_says, its_esp_is_planned_by_it,
           plans_and_reports_carry_its_name,
           who_asks_for_it_hears_its_refusal_and_nobody_gets_it_unasked)
