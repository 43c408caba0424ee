/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The set of kernels: who boots, the views of it, what boot/ lacks of it. */

#include "core/kernel/kernel-select.h"

#include "core/kernel/pin.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/kernel-host.h"

static void assert_default(const Host *h, const char *expect) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        const Kernel *k = kernel_set_default(&set, true, 0);

        ck_assert_msg(streq_ptr(k ? k->version : NULL, expect), "'%s' instead of '%s'",
                      k ? k->version : "none", expect ?: "none");
}

START_TEST(stamps_follow_the_state) {
        static const FileStamp none = {};
        _cleanup_(kernel_set_done) KernelSet set =
                        select_on(&(Host){ .boot = "6.3 6.2=image 6.1=initrd" });
        const Kernel *complete = kernel_set_find(&set, "6.3"),
                     *image = kernel_set_find(&set, "6.2"), *initrd = kernel_set_find(&set, "6.1");

        ck_assert(!file_stamp_equal(&complete->image, &none));
        ck_assert(!file_stamp_equal(&complete->initrd, &none));
        ck_assert(!file_stamp_equal(&complete->image, &complete->initrd));
        ck_assert(!file_stamp_equal(&image->image, &none));
        ck_assert(file_stamp_equal(&image->initrd, &none));
        ck_assert(file_stamp_equal(&initrd->image, &none));
        ck_assert(file_stamp_equal(&initrd->initrd, &none));
        ck_assert_ptr_null(kernel_set_find(&set, "6"));
        ck_assert_ptr_null(kernel_set_find(&set, "6.30"));
}
END_TEST

START_TEST(newest_kept_kernel_boots_by_default) {
        assert_default(&(Host){ .boot = "6.8.12-9-pve 6.8.12-10-pve",
                                .kernels = "6.8.12-9-pve 6.8.12-10-pve",
                                .running = "6.8.12-9-pve" },
                       "6.8.12-10-pve");
}
END_TEST

START_TEST(kernel_that_is_not_kept_never_boots_by_default) {
        assert_default(&(Host){ .boot = "6.12.22+deb12-amd64 6.8.12-4-pve",
                                .kernels = "6.8.12-4-pve" },
                       "6.8.12-4-pve");
}
END_TEST

START_TEST(incomplete_kernel_never_boots_by_default) {
        assert_default(&(Host){ .boot = "6.8.12-4-pve=image 6.8.12-3-pve",
                                .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                                .pin = "6.8.12-4-pve",
                                .next_boot = "6.8.12-4-pve" },
                       "6.8.12-3-pve");
        assert_default(&(Host){ .boot = "6.8.12-4-pve=image 6.8.12-3-pve=initrd",
                                .kernels = "6.8.12-4-pve 6.8.12-3-pve" },
                       NULL);
}
END_TEST

START_TEST(pin_boots_by_default) {
        assert_default(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve",
                                .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve",
                                .pin = "6.5.13-6-pve" },
                       "6.5.13-6-pve");
}
END_TEST

START_TEST(next_boot_pin_wins_over_permanent_pin) {
        assert_default(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve 6.5.13-6-pve",
                                .kernels = "6.8.12-4-pve",
                                .pin = "6.5.13-6-pve",
                                .next_boot = "6.8.12-3-pve" },
                       "6.8.12-3-pve");
}
END_TEST

START_TEST(next_boot_pin_that_cannot_boot_gives_way_to_the_pin) {
        assert_default(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve=image 6.5.13-6-pve",
                                .kernels = "6.8.12-4-pve",
                                .pin = "6.5.13-6-pve",
                                .next_boot = "6.8.12-3-pve" },
                       "6.5.13-6-pve");
}
END_TEST

static void assert_view(KernelView view, const KernelSet *set, const char *expect) {
        _cleanup_strv_ char **l = NULL;
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(kernel_set_list(set, view, &l), 0);
        text = strv_join(l, " ");
        ck_assert_str_eq(text, expect);
}

START_TEST(views_list_what_their_names_say) {
        _cleanup_(kernel_set_done) KernelSet
                        set = select_on(&(Host){
                                        .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve",
                                        .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve",
                                        .series = "6.8 6.5",
                                        .manual = "6.8.12-3-pve 6.2.16-1-pve",
                                        .pin = "6.2.16-2-pve" }),
                        empty = {};

        assert_view(KERNELS_SELECTED, &set, "6.8.12-4-pve 6.8.12-3-pve 6.2.16-2-pve 6.2.16-1-pve");
        assert_view(KERNELS_AUTOMATIC, &set, "6.8.12-4-pve 6.2.16-2-pve");
        assert_view(KERNELS_MANUAL, &set, "6.8.12-3-pve 6.2.16-1-pve");
        assert_view(KERNELS_PROTECTED, &set,
                    "6.8.12-4-pve 6.8.12-3-pve 6.8 6.5 6.2.16-2-pve 6.2.16-1-pve");

        assert_view(KERNELS_SELECTED, &empty, "");
        assert_view(KERNELS_PROTECTED, &empty, "");
}
END_TEST

START_TEST(series_are_protected_but_not_synced) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(&(Host){
                        .boot = "6.8.12-4-pve", .kernels = "6.8.12-4-pve", .series = "6.8" });

        ck_assert_ptr_null(kernel_set_find(&set, "6.8"));
        assert_view(KERNELS_SELECTED, &set, "6.8.12-4-pve");
        assert_view(KERNELS_PROTECTED, &set, "6.8.12-4-pve 6.8");
}
END_TEST

START_TEST(sets_are_equal_only_in_every_respect) {
        _cleanup_(boot_dir_done) BootDir boot = boot_dir("6.8 6.5 6.2=image");
        _cleanup_(boot_dir_done) BootDir with_memtest = boot_dir("6.8 6.5 6.2=image");
        _cleanup_(kernel_set_done) KernelSet set = {};
        KernelSelectInput in = { .boot = &boot, .packages = &(PackageDb){} };
        char *manual[] = { (char *) "6.2", NULL };
        KernelSelectInput other[] = {
                { .boot = &boot },
                { .boot = &boot, .packages = in.packages, .manual = manual },
                { .boot = &boot, .packages = in.packages, .pin = "6.1" },
                { .boot = &boot, .packages = &(PackageDb){ .series = manual } },
                { .boot = &with_memtest, .packages = in.packages },
        };

        with_memtest.memtest[MEMTEST_BIN].size = 1;
        ck_assert_int_eq(kernel_select(&in, &set), 0);
        for (size_t i = 0; i < ELEMENTSOF(other); i++) {
                _cleanup_(kernel_set_done) KernelSet a = {}, b = {};

                ck_assert_int_eq(kernel_select(&in, &a), 0);
                ck_assert(kernel_set_equal(&set, &a));
                ck_assert_int_eq(kernel_select(&other[i], &b), 0);
                ck_assert_msg(!kernel_set_equal(&set, &b), "%zu", i);
                ck_assert_msg(!kernel_set_equal(&b, &set), "%zu", i);
        }
}
END_TEST

START_TEST(changed_file_makes_the_set_another) {
        _cleanup_(boot_dir_done) BootDir boot = boot_dir("6.8");
        _cleanup_(kernel_set_done) KernelSet before = {}, after = {};
        KernelSelectInput in = { .boot = &boot };

        ck_assert_int_eq(kernel_select(&in, &before), 0);
        boot.kernels[0].initrd.mtime++;
        ck_assert_int_eq(kernel_select(&in, &after), 0);
        ck_assert(!kernel_set_equal(&before, &after));
}
END_TEST

START_TEST(boot_directory_is_kept_newest_first_and_unique) {
        _cleanup_(boot_dir_done) BootDir dir = boot_dir("6.8.12-9 6.8.12-10 6.5 6.11 6.8.12-9");

        ck_assert_uint_eq(dir.n_kernels, 4);
        ck_assert_str_eq(dir.kernels[0].version, "6.11");
        ck_assert_str_eq(dir.kernels[1].version, "6.8.12-10");
        ck_assert_str_eq(dir.kernels[2].version, "6.8.12-9");
        ck_assert_str_eq(dir.kernels[3].version, "6.5");
        ck_assert_ptr_eq(boot_dir_find(&dir, "6.5"), dir.kernels + 3);
        ck_assert_ptr_eq(boot_dir_get(&dir, "6.5"), dir.kernels + 3);
        ck_assert_ptr_null(boot_dir_find(&dir, "6"));
        ck_assert_ptr_null(boot_dir_find(&(BootDir){}, "6"));
}
END_TEST

START_TEST(boot_directories_compare_what_is_there) {
        _cleanup_(boot_dir_done) BootDir a = {}, b = {};
        BootKernel *k, *m;

        ck_assert(boot_dir_equal(&a, &b));
        k = boot_dir_get(&a, "6.8");
        ck_assert(!boot_dir_equal(&a, &b));
        m = boot_dir_get(&b, "6.8");
        ck_assert(boot_dir_equal(&a, &b));

        k->image = stamp(); /* of a file that is not there */
        ck_assert(boot_dir_equal(&a, &b));
        k->has_image = true;
        ck_assert(!boot_dir_equal(&a, &b));
        m->has_image = true;
        ck_assert(!boot_dir_equal(&a, &b));
        m->image = k->image;
        ck_assert(boot_dir_equal(&a, &b));

        k->has_initrd = m->has_initrd = true;
        ck_assert(boot_dir_equal(&a, &b));
        m->initrd.ctime++;
        ck_assert(!boot_dir_equal(&a, &b));

        boot_dir_done(&b);
        (void) boot_dir_get(&b, "6.80");
        ck_assert(!boot_dir_equal(&a, &b));
}
END_TEST

START_TEST(reasons_and_states_have_their_words) {
        static const char
                        *const reasons[] = { "running", "installing", "manual",    "newest",
                                             "series",  "pin",        "next-boot", "secure-boot" },
                               *const states[] = { "complete", "initrd-missing", "image-missing" };

        ck_assert_uint_eq(ELEMENTSOF(reasons), _KERNEL_REASON_MAX);
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                ck_assert_str_eq(kernel_reason_to_string((KernelReason) i), reasons[i]);
        ck_assert_uint_eq(ELEMENTSOF(states), _KERNEL_STATE_MAX);
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                ck_assert_str_eq(kernel_state_to_string((KernelState) i), states[i]);
        ck_assert_ptr_null(kernel_reason_to_string(_KERNEL_REASON_MAX));
        ck_assert_ptr_null(kernel_state_to_string(_KERNEL_STATE_MAX));
}
END_TEST

static char *gap(const Host *h) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        char *text = NULL;

        ck_assert_int_eq(kernel_source_gap(&set, &text), 0);
        return text;
}

static Warnings warnings(const Host *h) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        Warnings list = {};

        ck_assert_int_eq(kernel_source_warnings(&set, &list), 0);
        return list;
}

START_TEST(nothing_is_said_of_a_boot_that_has_everything) {
        Host h = { .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve=image",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_warnings_ Warnings list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_uint_eq(list.n, 0);
}
END_TEST

START_TEST(empty_boot_is_told_of_in_one_sentence) {
        Host h = { .boot = "6.8.12-4-pve=initrd",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                   .manual = "6.2.16-1-pve" };
        _cleanup_free_ char *text = gap(&h);
        _cleanup_warnings_ Warnings list = warnings(&h);

        ck_assert_ptr_nonnull(strstr(text, "'/boot' holds no kernel (is it mounted?)"));
        ck_assert_uint_eq(list.n, 1);
        ck_assert(startswith(list.items[0].sentence, text));
}
END_TEST

START_TEST(image_that_a_package_has_installed_is_missed) {
        Host h = { .boot = "6.8.12-3-pve", .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_free_ char *text = gap(&h);
        _cleanup_warnings_ Warnings list = warnings(&h);

        ck_assert_ptr_nonnull(strstr(text, "'/boot/vmlinuz-6.8.12-4-pve' is missing"));
        ck_assert_uint_eq(list.n, 1);
        ck_assert(startswith(list.items[0].sentence, text));
}
END_TEST

START_TEST(image_of_debian_is_missed_too) {
        _cleanup_free_ char *text =
                        gap(&(Host){ .boot = "6.1.0-17-amd64", .linux_images = "6.1.0-18-amd64" });

        ck_assert_ptr_nonnull(strstr(text, "'/boot/vmlinuz-6.1.0-18-amd64' is missing"));
}
END_TEST

START_TEST(image_of_a_kernel_that_is_not_kept_is_not_missed) {
        ck_assert_ptr_null(gap(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve",
                                        .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve" }));
}
END_TEST

START_TEST(image_of_a_kernel_that_is_being_installed_may_be_yet_to_come) {
        ck_assert_ptr_null(gap(&(Host){ .boot = "6.8.12-3-pve",
                                        .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                                        .installing = "6.8.12-4-pve" }));
}
END_TEST

START_TEST(lost_initrd_is_no_gap_but_a_warning_with_the_command_that_makes_it) {
        Host h = { .boot = "6.8.12-4-pve=image 6.8.12-3-pve",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_warnings_ Warnings list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_uint_eq(list.n, 1);
        ck_assert_ptr_nonnull(strstr(list.items[0].sentence,
                                     "'/boot/initrd.img-6.8.12-4-pve' is missing"));
        ck_assert_str_eq(list.items[0].action, "update-initramfs -c -k 6.8.12-4-pve");
        ck_assert_str_eq(list.items[0].subject, "6.8.12-4-pve");
        ck_assert_int_eq(list.items[0].id, WARNING_KERNEL_WITHOUT_INITRD);
}
END_TEST

START_TEST(kernel_that_only_a_list_names_is_no_gap_but_a_warning) {
        Host h = { .boot = "6.8.12-4-pve", .kernels = "6.8.12-4-pve", .manual = "6.2.16-1-pve" };
        _cleanup_warnings_ Warnings list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_uint_eq(list.n, 1);
        ck_assert_ptr_nonnull(
                        strstr(list.items[0].sentence, "'/boot/vmlinuz-6.2.16-1-pve' is missing"));
        ck_assert_str_eq(list.items[0].action, "bootctl-pve kernel remove 6.2.16-1-pve");
}
END_TEST

static void assert_secure_default(const Host *h, const char *wish, const char *expect,
                                  const char *expect_name) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        const Kernel *k = kernel_set_default(&set, h->next_boot, 1);
        const char *name = kernel_set_name_default(&set, wish, 1);

        ck_assert_str_eq(k->version, expect);
        ck_assert_msg(streq_ptr(name, expect_name), "'%s' instead of '%s'", name, expect_name);
}

START_TEST(newest_kernel_that_is_accepted_boots_in_the_place_of_a_refused_one) {
        Host h = { .boot = "6.4 6.3 6.2 6.1", .manual = "6.4 6.3 6.2 6.1" };

        assert_secure_default(&h, NULL, "6.4", NULL);
        h.refused = "6.4";
        assert_secure_default(&h, NULL, "6.3", "6.3");
        h.accepted = "6.2 6.1";
        assert_secure_default(&h, NULL, "6.2", "6.2");
        h.refused = "6.4 6.3 6.2 6.1";
        h.accepted = NULL;
        assert_secure_default(&h, NULL, "6.4", NULL);
}
END_TEST

START_TEST(pin_that_is_refused_gives_way_to_the_newest_that_is_accepted) {
        Host h = { .boot = "6.4 6.3 6.2 6.1",
                   .manual = "6.4 6.3 6.2",
                   .accepted = "6.4 6.3",
                   .refused = "6.2 6.1",
                   .pin = "6.2" };

        assert_secure_default(&h, "6.2", "6.4", "6.4");
        h.next_boot = "6.3";
        assert_secure_default(&h, "6.3", "6.3", "6.3");
        h.next_boot = "6.1";
        h.pin = "6.3";
        assert_secure_default(&h, "6.1", "6.3", "6.3");
}
END_TEST

CHECK_MAIN("kernel-set", stamps_follow_the_state, newest_kept_kernel_boots_by_default,
           kernel_that_is_not_kept_never_boots_by_default, incomplete_kernel_never_boots_by_default,
           pin_boots_by_default, next_boot_pin_wins_over_permanent_pin,
           next_boot_pin_that_cannot_boot_gives_way_to_the_pin, views_list_what_their_names_say,
           series_are_protected_but_not_synced, sets_are_equal_only_in_every_respect,
           changed_file_makes_the_set_another, boot_directory_is_kept_newest_first_and_unique,
           boot_directories_compare_what_is_there, reasons_and_states_have_their_words,
           nothing_is_said_of_a_boot_that_has_everything, empty_boot_is_told_of_in_one_sentence,
           image_that_a_package_has_installed_is_missed, image_of_debian_is_missed_too,
           image_of_a_kernel_that_is_not_kept_is_not_missed,
           image_of_a_kernel_that_is_being_installed_may_be_yet_to_come,
           lost_initrd_is_no_gap_but_a_warning_with_the_command_that_makes_it,
           kernel_that_only_a_list_names_is_no_gap_but_a_warning,
           newest_kernel_that_is_accepted_boots_in_the_place_of_a_refused_one,
           pin_that_is_refused_gives_way_to_the_newest_that_is_accepted)
