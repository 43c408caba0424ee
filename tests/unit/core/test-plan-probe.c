/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look before the plan: what may be believed by its stat alone. */

#include "common/string-util.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"
#include "core/plan/plan.h"
#include "tests/unit/check-main.h"

#define VERSION "6.8.12-4-pve"
#define IMAGE   "EFI/proxmox/" VERSION "/vmlinuz-" VERSION
#define INITRD  "EFI/proxmox/" VERSION "/initrd.img-" VERSION

static Kernel kernels[] = {
        { .version = (char *) "6.14.8-2-pve",
          .reasons = 1u << KERNEL_INSTALLING,
          .state = KERNEL_STATE_INITRD_MISSING },
        { .version = (char *) VERSION,
          .reasons = 1u << KERNEL_NEWEST,
          .image = { .inode = 1, .size = 100, .mtime = 2, .ctime = 3 },
          .initrd = { .inode = 4, .size = 200, .mtime = 5, .ctime = 6 } },
        { .version = (char *) "6.5.13-5-pve", .reasons = 0 },
};
static const KernelSet set = { .kernels = kernels, .n_kernels = ELEMENTSOF(kernels) };

static const EspImage systemd_boot = { .loader = ESP_LOADER_SYSTEMD_BOOT };

static Plan *probe(const Manifest *manifest, const EspImage *known, bool verify) {
        Plan *plan = NULL;

        ck_assert_int_eq(plan_build_probe("AAAA-0001", &set, manifest, known, verify, &plan), 0);
        ck_assert(!plan_writes(plan));
        return plan;
}

static void remember(Manifest *manifest, const char *path, const FileStamp *source) {
        ck_assert_int_eq(manifest_put(manifest, path, source, 300, 400), 0);
}

START_TEST(look_is_a_scan_and_a_check_of_each_kept_bootable_file) {
        _cleanup_(plan_freep) Plan *plan = probe(NULL, &systemd_boot, false);

        ck_assert_str_eq(plan->esp_uuid, "AAAA-0001");
        ck_assert_uint_eq(plan->n_steps, 3);
        ck_assert_int_eq(plan->steps[0].action, PLAN_SCAN);
        ck_assert_int_eq(plan->steps[1].action, PLAN_CHECK);
        ck_assert_str_eq(plan->steps[1].path, IMAGE);
        ck_assert_str_eq(plan->steps[1].source, "boot/vmlinuz-" VERSION);
        ck_assert(file_stamp_equal(&plan->steps[1].stamp, &kernels[1].image));
        ck_assert_str_eq(plan->steps[2].path, INITRD);
        ck_assert_str_eq(plan->steps[2].source, "boot/initrd.img-" VERSION);
        ck_assert(file_stamp_equal(&plan->steps[2].stamp, &kernels[1].initrd));
        ck_assert_uint_eq(plan->steps[2].bytes, 200);
        ck_assert(!plan->steps[1].trust);
        ck_assert(!plan->steps[2].trust);
}
END_TEST

START_TEST(file_is_believed_while_its_source_is_the_one_that_was_copied) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        remember(&manifest, IMAGE, &kernels[1].image);
        plan = probe(&manifest, NULL, false);
        ck_assert(plan->steps[1].trust);
        ck_assert_uint_eq(plan->steps[1].esp_size, 300);
        ck_assert_uint_eq(plan->steps[1].esp_mtime, 400);
        ck_assert(!plan->steps[2].trust);
}
END_TEST

START_TEST(any_change_of_the_source_ends_the_belief) {
        for (unsigned i = 0; i < 4; i++) {
                _cleanup_(manifest_done) Manifest manifest = {};
                _cleanup_(plan_freep) Plan *plan = NULL;
                FileStamp other = kernels[1].image;

                other.inode += i == 0;
                other.size += i == 1;
                other.mtime += i == 2;
                other.ctime += i == 3;
                remember(&manifest, IMAGE, &other);
                plan = probe(&manifest, NULL, false);
                ck_assert_msg(!plan->steps[1].trust, "%u", i);
        }
}
END_TEST

START_TEST(source_of_another_file_is_not_believed) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        remember(&manifest, INITRD, &kernels[1].image);
        plan = probe(&manifest, NULL, false);
        ck_assert(!plan->steps[1].trust);
        ck_assert(!plan->steps[2].trust);
}
END_TEST

START_TEST(known_texts_come_before_the_scan_that_may_skip_them) {
        _cleanup_(esp_image_done) EspImage known = systemd_boot;
        _cleanup_(plan_freep) Plan *plan = NULL;
        EspFile *file = esp_image_get(&known, ESP_LOADER_CONF);

        file->text = strdup("timeout 3\n");
        file->size = 10;
        file->mtime = 20;
        esp_image_get(&known, IMAGE)->size = 30;
        plan = probe(NULL, &known, false);
        ck_assert_uint_eq(plan->n_steps, 4);
        ck_assert_int_eq(plan->steps[0].action, PLAN_KNOWN);
        ck_assert_str_eq(plan->steps[0].path, ESP_LOADER_CONF);
        ck_assert_uint_eq(plan->steps[0].esp_size, 10);
        ck_assert_uint_eq(plan->steps[0].esp_mtime, 20);
        ck_assert_int_eq(plan->steps[1].action, PLAN_SCAN);
}
END_TEST

START_TEST(texts_of_a_file_system_that_was_not_unmounted_are_read_again) {
        _cleanup_(esp_image_done) EspImage known = { .dirty = true };
        _cleanup_(plan_freep) Plan *plan = NULL;

        esp_image_get(&known, ESP_LOADER_CONF)->text = strdup("timeout 3\n");
        plan = probe(NULL, &known, false);
        ck_assert_int_eq(plan->steps[0].action, PLAN_SCAN);
}
END_TEST

START_TEST(verifying_trusts_nothing) {
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_(esp_image_done) EspImage known = systemd_boot;
        _cleanup_(plan_freep) Plan *plan = NULL;

        remember(&manifest, IMAGE, &kernels[1].image);
        esp_image_get(&known, ESP_LOADER_CONF)->text = strdup("timeout 3\n");
        plan = probe(&manifest, &known, true);
        ck_assert_uint_eq(plan->n_steps, 3);
        ck_assert_int_eq(plan->steps[0].action, PLAN_SCAN);
        ck_assert(!plan->steps[1].trust);
        ck_assert_uint_eq(plan_work_bytes(plan), 2 * (100 + 200));
}
END_TEST

static void assert_checked(const Plan *plan, size_t i, const char *path) {
        ck_assert_uint_lt(i, plan->n_steps);
        ck_assert_int_eq(plan->steps[i].action, PLAN_CHECK);
        ck_assert_str_eq(plan->steps[i].path, path);
}

START_TEST(with_grub_the_files_in_the_root_are_checked) {
        const EspImage grub = { .loader = ESP_LOADER_GRUB };
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        remember(&manifest, "vmlinuz-" VERSION, &kernels[1].image);
        plan = probe(&manifest, &grub, false);
        ck_assert_uint_eq(plan->n_steps, 3);
        assert_checked(plan, 1, "vmlinuz-" VERSION);
        assert_checked(plan, 2, "initrd.img-" VERSION);
        ck_assert(plan->steps[1].trust);
        ck_assert(!plan->steps[2].trust);
}
END_TEST

START_TEST(before_the_first_look_files_are_checked_wherever_a_loader_has_them) {
        _cleanup_(plan_freep) Plan *plan = probe(NULL, NULL, false);

        ck_assert_uint_eq(plan->n_steps, 5);
        assert_checked(plan, 1, IMAGE);
        assert_checked(plan, 2, INITRD);
        assert_checked(plan, 3, "vmlinuz-" VERSION);
        assert_checked(plan, 4, "initrd.img-" VERSION);
}
END_TEST

/* Should it fail to be read, the kernels have been looked at. */
START_TEST(memtest_is_checked_last_and_that_is_optional) {
        const KernelSet with_memtest = {
                .kernels = kernels,
                .n_kernels = ELEMENTSOF(kernels),
                .memtest = { [MEMTEST_EFI] = { .inode = 7, .size = 8 } },
        };
        _cleanup_(manifest_done) Manifest manifest = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        const PlanStep *last;

        remember(&manifest, "EFI/proxmox/memtest86+x64.efi", &with_memtest.memtest[MEMTEST_EFI]);
        ck_assert_int_eq(plan_build_probe("AAAA-0001", &with_memtest, &manifest, &systemd_boot,
                                          false, &plan),
                         0);
        ck_assert_uint_eq(plan->n_steps, 5);
        ck_assert_int_eq(plan->steps[3].action, PLAN_OPTIONAL);
        last = &plan->steps[4];
        ck_assert_int_eq(last->action, PLAN_CHECK);
        ck_assert_str_eq(last->path, "EFI/proxmox/memtest86+x64.efi");
        ck_assert_str_eq(last->source, "boot/memtest86+x64.efi");
        ck_assert(last->trust);
}
END_TEST

START_TEST(host_without_kernels_is_only_scanned) {
        const KernelSet none = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_build_probe("AAAA-0001", &none, NULL, NULL, false, &plan), 0);
        ck_assert_uint_eq(plan->n_steps, 1);
        ck_assert_int_eq(plan->steps[0].action, PLAN_SCAN);
}
END_TEST

START_TEST(program_of_the_boot_loader_is_checked_where_its_package_has_it) {
        const LoaderSource sources[_ESP_LOADER_MAX] = {
                [ESP_LOADER_SYSTEMD_BOOT] = { .path = "usr/x.efi", .stamp = { 1, 2, 3, 4 } },
        };
        const EspLoader known[] = { ESP_LOADER_NONE, ESP_LOADER_SYSTEMD_BOOT };

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                _cleanup_(manifest_done) Manifest manifest = {};
                _cleanup_(plan_freep) Plan *plan = NULL;

                remember(&manifest, ESP_SYSTEMD_BOOT, &sources[ESP_LOADER_SYSTEMD_BOOT].stamp);
                ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &plan), 0);
                ck_assert_int_eq(plan_probe_loader(plan, known[i], sources, &manifest), 0);
                ck_assert_uint_eq(plan->n_steps, 1);
                ck_assert_int_eq(plan->steps[0].action, PLAN_CHECK);
                ck_assert_str_eq(plan->steps[0].path, ESP_SYSTEMD_BOOT);
                ck_assert_str_eq(plan->steps[0].source, "usr/x.efi");
                ck_assert(plan->steps[0].trust);
        }
}
END_TEST

START_TEST(program_of_another_boot_loader_is_not_looked_for) {
        const LoaderSource sources[_ESP_LOADER_MAX] = {
                [ESP_LOADER_SYSTEMD_BOOT] = { .path = "usr/x.efi" },
        };
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &plan), 0);
        ck_assert_int_eq(plan_probe_loader(plan, ESP_LOADER_GRUB, sources, NULL), 0);
        ck_assert_uint_eq(plan->n_steps, 0);
}
END_TEST

CHECK_MAIN("plan-probe", program_of_the_boot_loader_is_checked_where_its_package_has_it,
           program_of_another_boot_loader_is_not_looked_for,
           look_is_a_scan_and_a_check_of_each_kept_bootable_file,
           file_is_believed_while_its_source_is_the_one_that_was_copied,
           any_change_of_the_source_ends_the_belief, source_of_another_file_is_not_believed,
           known_texts_come_before_the_scan_that_may_skip_them,
           texts_of_a_file_system_that_was_not_unmounted_are_read_again, verifying_trusts_nothing,
           with_grub_the_files_in_the_root_are_checked,
           before_the_first_look_files_are_checked_wherever_a_loader_has_them,
           memtest_is_checked_last_and_that_is_optional, host_without_kernels_is_only_scanned)
