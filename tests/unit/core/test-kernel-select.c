/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every rule of the keep set by itself, then the hosts on which they meet. */

#include "core/kernel/kernel-select.h"

#include "core/kernel/pin.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/kernel-host.h"

/* "VER:reason+reason", "VER:-" if it is not kept, with "!state" unless it is bootable. */
static char *describe(const KernelSet *set) {
        char *text = NULL;
        Buffer b = {};

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *k = set->kernels + i;
                const char *separator = ":";

                buffer_printf(&b, "%s%s", i > 0 ? " " : "", k->version);
                for (KernelReason r = 0; r < _KERNEL_REASON_MAX; r++)
                        if (kernel_has_reason(k, r)) {
                                buffer_printf(&b, "%s%s", separator, kernel_reason_to_string(r));
                                separator = "+";
                        }
                if (k->reasons == 0)
                        buffer_puts(&b, ":-");
                if (!kernel_is_bootable(k))
                        buffer_printf(&b, "!%s", kernel_state_to_string(k->state));
        }
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

static void assert_set(const Host *h, const char *expect) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        _cleanup_free_ char *text = describe(&set);

        ck_assert_str_eq(text, expect);
}

static void assert_series(const Host *h, const char *expect) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        _cleanup_free_ char *text = strv_join(set.series, " ");

        ck_assert_str_eq(text, expect);
}

START_TEST(two_newest_installed_are_kept) {
        assert_set(&(Host){ .boot = "6.8.4-2-pve 6.8.12-9-pve 6.8.12-10-pve",
                            .kernels = "6.8.4-2-pve 6.8.12-9-pve 6.8.12-10-pve",
                            .series = "6.11 6.8" },
                   "6.8.12-10-pve:newest+series 6.8.12-9-pve:newest 6.8.4-2-pve:-");
}
END_TEST

START_TEST(one_installed_kernel_is_kept) {
        assert_set(&(Host){ .boot = "6.8.4-2-pve", .kernels = "6.8.4-2-pve" },
                   "6.8.4-2-pve:newest+series");
}
END_TEST

START_TEST(newest_of_the_older_series_is_kept) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.5.13-5-pve "
                                    "6.2.16-20-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.5.13-5-pve "
                                       "6.2.16-20-pve",
                            .series = "6.2 6.5 6.8" },
                   "6.8.12-4-pve:newest 6.8.12-3-pve:newest 6.5.13-6-pve:series 6.5.13-5-pve:- "
                   "6.2.16-20-pve:-");
}
END_TEST

START_TEST(only_the_two_newest_series_count) {
        Host h = { .boot = "6.8.12-4-pve",
                   .kernels = "6.8.12-4-pve 6.2.16-20-pve",
                   .series = "6.2 6.11 6.8 6.14" };

        assert_series(&h, "6.14 6.11");
        assert_set(&h, "6.8.12-4-pve:newest 6.2.16-20-pve:newest!image-missing");
}
END_TEST

START_TEST(only_series_counts_as_the_older) {
        Host h = { .boot = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.5.13-5-pve",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.5.13-5-pve",
                   .series = "6.5" };

        assert_series(&h, "6.5");
        assert_set(&h, "6.8.12-4-pve:newest 6.8.12-3-pve:newest 6.5.13-6-pve:series "
                       "6.5.13-5-pve:-");
}
END_TEST

START_TEST(series_without_an_installed_kernel_keeps_none) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.5.13-6-pve",
                            .kernels = "6.8.12-4-pve",
                            .series = "6.8 6.5" },
                   "6.8.12-4-pve:newest 6.5.13-6-pve:-");
}
END_TEST

START_TEST(series_is_matched_whole) {
        assert_set(&(Host){ .boot = "6.11.0-3-pve 6.11.0-2-pve 6.11.0-1-pve 6.1.10-1-pve",
                            .kernels = "6.11.0-3-pve 6.11.0-2-pve 6.11.0-1-pve 6.1.10-1-pve",
                            .series = "6.11 6.1" },
                   "6.11.0-3-pve:newest 6.11.0-2-pve:newest 6.11.0-1-pve:- 6.1.10-1-pve:series");
}
END_TEST

START_TEST(series_are_seen_in_versions_where_no_meta_package_is) {
        Host h = { .boot = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.2.16-20-pve",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve 6.2.16-20-pve" };

        assert_series(&h, "6.8 6.5");
        assert_set(&h, "6.8.12-4-pve:newest 6.8.12-3-pve:newest 6.5.13-6-pve:series "
                       "6.2.16-20-pve:-");
}
END_TEST

START_TEST(running_kernel_is_kept) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve",
                            .running = "6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest 6.8.12-2-pve:running");
}
END_TEST

START_TEST(running_kernel_without_image_is_not_kept) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve=initrd",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .running = "6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest 6.8.12-2-pve:-!image-missing");
        assert_set(&(Host){ .boot = "6.8.12-4-pve", .running = "6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series");
}
END_TEST

START_TEST(running_kernel_is_kept_without_initrd) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve=image",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .running = "6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest "
                   "6.8.12-2-pve:running!initrd-missing");
}
END_TEST

START_TEST(kernel_being_installed_is_kept_though_it_is_older) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-1-pve=image",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .installing = "6.8.12-1-pve 6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest "
                   "6.8.12-2-pve:installing!image-missing 6.8.12-1-pve:installing!initrd-missing");
}
END_TEST

START_TEST(manual_kernels_are_kept) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.2.16-20-pve 5.15.1-1-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.2.16-20-pve 5.15.1-1-pve",
                            .series = "6.8",
                            .manual = "5.15.1-1-pve 6.8.12-4-pve" },
                   "6.8.12-4-pve:manual+newest+series 6.8.12-3-pve:newest 6.2.16-20-pve:- "
                   "5.15.1-1-pve:manual");
}
END_TEST

START_TEST(both_pins_are_kept) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve 6.8.12-1-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .pin = "6.8.12-1-pve",
                            .next_boot = "6.8.12-2-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest 6.8.12-2-pve:next-boot "
                   "6.8.12-1-pve:pin");
}
END_TEST

START_TEST(kernel_that_is_not_there_is_kept_but_not_bootable) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .series = "6.8",
                            .manual = "6.2.16-1-pve",
                            .pin = "6.2.16-2-pve",
                            .next_boot = "6.2.16-3-pve" },
                   "6.8.12-4-pve:newest+series 6.8.12-3-pve:newest!image-missing "
                   "6.2.16-3-pve:next-boot!image-missing 6.2.16-2-pve:pin!image-missing "
                   "6.2.16-1-pve:manual!image-missing");
}
END_TEST

START_TEST(boot_that_is_not_mounted_changes_no_reason) {
        assert_set(&(Host){ .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve",
                            .series = "6.8 6.5",
                            .running = "6.8.12-4-pve" },
                   "6.8.12-4-pve:newest!image-missing 6.8.12-3-pve:newest!image-missing "
                   "6.5.13-6-pve:series!image-missing");
}
END_TEST

START_TEST(one_kernel_may_have_every_reason) {
        assert_set(&(Host){ .boot = "6.8.12-4-pve",
                            .kernels = "6.8.12-4-pve",
                            .series = "6.8",
                            .running = "6.8.12-4-pve",
                            .installing = "6.8.12-4-pve",
                            .manual = "6.8.12-4-pve",
                            .pin = "6.8.12-4-pve",
                            .next_boot = "6.8.12-4-pve" },
                   "6.8.12-4-pve:running+installing+manual+newest+series+pin+next-boot");
}
END_TEST

START_TEST(versions_are_matched_whole) {
        assert_set(&(Host){ .boot = "6.8.1-11-pve 6.8.1-2-pve 6.8.1-1-pve 6.8.1",
                            .kernels = "6.8.1-11-pve 6.8.1-2-pve 6.8.1-1-pve",
                            .running = "6.8.1-1-pve",
                            .manual = "6.8.1",
                            .pin = "6.8.1-1" },
                   "6.8.1-11-pve:newest+series 6.8.1-2-pve:newest 6.8.1-1-pve:running "
                   "6.8.1-1:pin!image-missing 6.8.1:manual");
}
END_TEST

START_TEST(foreign_kernels_in_boot_are_known_but_not_kept) {
        assert_set(&(Host){ .boot = "6.12.22+deb12-amd64 6.8.12-4-pve",
                            .kernels = "6.8.12-4-pve",
                            .series = "6.8" },
                   "6.12.22+deb12-amd64:- 6.8.12-4-pve:newest+series");
}
END_TEST

START_TEST(plain_debian_keeps_by_what_is_in_boot) {
        Host h = { .boot = "6.1.0-17-amd64 6.1.0-18-amd64 6.12.22+deb12-amd64 "
                           "6.12.22+deb12-cloud-amd64 6.1.0-9-amd64",
                   .running = "6.1.0-9-amd64" };

        assert_series(&h, "6.12 6.1");
        assert_set(&h, "6.12.22+deb12-cloud-amd64:newest 6.12.22+deb12-amd64:newest "
                       "6.1.0-18-amd64:series 6.1.0-17-amd64:- 6.1.0-9-amd64:running");
}
END_TEST

START_TEST(plain_debian_counts_a_kernel_by_its_image) {
        assert_set(&(Host){ .boot = "6.12.3-amd64=image 6.12.2-amd64=initrd 6.1.0-18-amd64 "
                                    "6.1.0-17-amd64 6.1.0-16-amd64" },
                   "6.12.3-amd64:newest!initrd-missing 6.12.2-amd64:-!image-missing "
                   "6.1.0-18-amd64:newest+series 6.1.0-17-amd64:- 6.1.0-16-amd64:-");
}
END_TEST

START_TEST(plain_debian_counts_packages_and_images_together) {
        Host h = { .boot = "6.12.3-custom 6.1.0-17-amd64 6.1.0-16-amd64",
                   .linux_images = "6.12.2-amd64 6.1.0-17-amd64" };

        assert_series(&h, "6.12 6.1");
        assert_set(&h, "6.12.3-custom:newest 6.12.2-amd64:newest!image-missing "
                       "6.1.0-17-amd64:series 6.1.0-16-amd64:-");
}
END_TEST

START_TEST(packages_of_debian_do_not_count_beside_those_of_proxmox) {
        assert_set(&(Host){ .boot = "6.12.3-amd64 6.8.12-4-pve 6.8.12-3-pve",
                            .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                            .linux_images = "6.12.3-amd64" },
                   "6.12.3-amd64:- 6.8.12-4-pve:newest+series 6.8.12-3-pve:newest");
}
END_TEST

START_TEST(kernel_whose_initrd_went_pushes_no_other_in) {
        static const char kernels[] = "6.1.0-21-amd64 6.1.0-18-amd64 6.1.0-17-amd64";

        assert_set(&(Host){ .boot = "6.1.0-21-amd64=image 6.1.0-18-amd64 6.1.0-17-amd64",
                            .linux_images = kernels },
                   "6.1.0-21-amd64:newest+series!initrd-missing 6.1.0-18-amd64:newest "
                   "6.1.0-17-amd64:-");
}
END_TEST

START_TEST(boot_without_an_image_is_empty) {
        static const struct {
                const char *boot;
                bool empty;
        } cases[] = { { "", true },
                      { "6.8.12-4-pve=initrd", true },
                      { "6.8.12-4-pve=image", false } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(kernel_set_done) KernelSet set = select_on(
                                &(Host){ .boot = cases[i].boot, .kernels = "6.8.12-4-pve" });

                ck_assert(set.boot_is_empty == cases[i].empty);
        }
}
END_TEST

START_TEST(version_without_series_is_kept_all_the_same) {
        Host h = { .boot = "20240101-custom 7" };

        assert_series(&h, "");
        assert_set(&h, "20240101-custom:newest 7:newest");
}
END_TEST

START_TEST(unreadable_database_falls_back_to_boot_and_says_so) {
        Host h = { .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve 6.5.13-6-pve",
                   .kernels = "1.1.1-1-pve",
                   .series = "1.1",
                   .unreadable = true };
        _cleanup_(kernel_set_done) KernelSet set = select_on(&h), readable = {};

        ck_assert(!set.database_readable);
        assert_series(&h, "6.8 6.5");
        assert_set(&h, "6.8.12-4-pve:newest 6.8.12-3-pve:newest 6.8.12-2-pve:- "
                       "6.5.13-6-pve:series");

        h.unreadable = false;
        readable = select_on(&h);
        ck_assert(readable.database_readable);
}
END_TEST

START_TEST(plain_debian_has_a_readable_database) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(&(Host){ .boot = "6.1.0-18-amd64" });

        ck_assert(set.database_readable);
}
END_TEST

START_TEST(empty_host_has_an_empty_set) {
        Host h = { .running = "6.8.12-4-pve" };
        _cleanup_(kernel_set_done) KernelSet set = select_on(&h);

        ck_assert_uint_eq(set.n_kernels, 0);
        assert_series(&h, "");
        ck_assert_ptr_null(kernel_set_default(&set, true, 0));
}
END_TEST

START_TEST(newest_kernel_that_secure_boot_accepts_is_kept) {
        Host h = { .boot = "6.14.8-2-pve 6.14.8-1-pve 6.14.5-1-pve 6.14.2-1-pve",
                   .kernels = "6.14.8-2-pve 6.14.8-1-pve 6.14.5-1-pve 6.14.2-1-pve",
                   .accepted = "6.14.5-1-pve 6.14.2-1-pve",
                   .refused = "6.14.8-2-pve 6.14.8-1-pve" };

        assert_set(&h, "6.14.8-2-pve:newest+series 6.14.8-1-pve:newest "
                       "6.14.5-1-pve:secure-boot 6.14.2-1-pve:-");
        /* One that cannot boot is none. */
        h.boot = "6.14.8-2-pve 6.14.8-1-pve 6.14.5-1-pve=image 6.14.2-1-pve";
        assert_set(&h, "6.14.8-2-pve:newest+series 6.14.8-1-pve:newest "
                       "6.14.5-1-pve:-!initrd-missing 6.14.2-1-pve:secure-boot");
}
END_TEST

START_TEST(without_a_judgement_no_kernel_is_kept_for_secure_boot) {
        Host h = { .boot = "6.14.8-2-pve 6.14.8-1-pve 6.14.5-1-pve",
                   .kernels = "6.14.8-2-pve 6.14.8-1-pve 6.14.5-1-pve",
                   .refused = "6.14.8-2-pve" };

        assert_set(&h, "6.14.8-2-pve:newest+series 6.14.8-1-pve:newest 6.14.5-1-pve:-");
}
END_TEST

CHECK_MAIN("kernel-select", two_newest_installed_are_kept, one_installed_kernel_is_kept,
           newest_of_the_older_series_is_kept, only_the_two_newest_series_count,
           only_series_counts_as_the_older, series_without_an_installed_kernel_keeps_none,
           series_is_matched_whole, series_are_seen_in_versions_where_no_meta_package_is,
           running_kernel_is_kept, running_kernel_without_image_is_not_kept,
           running_kernel_is_kept_without_initrd, kernel_being_installed_is_kept_though_it_is_older,
           manual_kernels_are_kept, both_pins_are_kept,
           kernel_that_is_not_there_is_kept_but_not_bootable,
           boot_that_is_not_mounted_changes_no_reason, one_kernel_may_have_every_reason,
           versions_are_matched_whole, foreign_kernels_in_boot_are_known_but_not_kept,
           plain_debian_keeps_by_what_is_in_boot, plain_debian_counts_packages_and_images_together,
           packages_of_debian_do_not_count_beside_those_of_proxmox,
           kernel_whose_initrd_went_pushes_no_other_in, boot_without_an_image_is_empty,
           plain_debian_counts_a_kernel_by_its_image, version_without_series_is_kept_all_the_same,
           unreadable_database_falls_back_to_boot_and_says_so, plain_debian_has_a_readable_database,
           empty_host_has_an_empty_set, newest_kernel_that_secure_boot_accepts_is_kept,
           without_a_judgement_no_kernel_is_kept_for_secure_boot)
