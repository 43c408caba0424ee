/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grub.cfg and its summary, and how a kernel is named to GRUB. */

#include "core/grub/grub-config.h"

#include "common/string-util.h"
#include "core/wire/report.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/grub-lab.h"

#define PIN  "gnulinux-advanced-" GRUB_ROOT ">gnulinux-" GRUB_OLD "-advanced-" GRUB_ROOT
#define FULL GRUB_HEAD(PIN) GRUB_MENU(GRUB_NEW, GRUB_OLD, GRUB_ROOT)
#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_entry(const GrubConfig *c, size_t i, const char *id, const char *submenu,
                         const char *image, const char *initrd, const char *version) {
        const GrubEntry *e = &c->entries[i];

        ck_assert_uint_lt(i, c->n_entries);
        ck_assert_str_eq(e->id, id);
        ck_assert(streq_ptr(e->submenu, submenu));
        ck_assert(streq_ptr(e->image, image));
        ck_assert(streq_ptr(e->initrd, initrd));
        ck_assert(streq_ptr(e->version, version));
}

static void parse(const char *text, GrubConfig *ret) {
        _cleanup_free_ char *summary = NULL;

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        ck_assert_int_eq(grub_config_parse_summary(summary, ret), 0);
}

START_TEST(entries_are_read_in_order) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        const char *submenu = "gnulinux-advanced-" GRUB_ROOT;

        parse(FULL, &c); /* recovery is left out */
        ck_assert_uint_eq(c.n_entries, 3);
        assert_entry(&c, 0, "gnulinux-simple-" GRUB_ROOT, NULL, "vmlinuz-" GRUB_NEW,
                     "initrd.img-" GRUB_NEW, GRUB_NEW);
        assert_entry(&c, 1, "gnulinux-" GRUB_NEW "-advanced-" GRUB_ROOT, submenu,
                     "vmlinuz-" GRUB_NEW, "initrd.img-" GRUB_NEW, GRUB_NEW);
        assert_entry(&c, 2, "gnulinux-" GRUB_OLD "-advanced-" GRUB_ROOT, submenu,
                     "vmlinuz-" GRUB_OLD, "initrd.img-" GRUB_OLD, GRUB_OLD);
        ck_assert_str_eq(c.default_value, PIN);
        ck_assert_str_eq(c.default_version, GRUB_OLD);
        ck_assert_str_eq(c.inputs, "");
}
END_TEST

START_TEST(paths_are_the_words_that_name_files) {
        _cleanup_(grub_config_done) GrubConfig c = {};

        parse("menuentry a {\n linux //vmlinuz-6.8 root=x\n initrd /intel-uc.img "
              "/initrd.img-6.8\n}\n"
              "menuentry b {\n linuxefi /boot/vmlinuz-6.8\n initrdefi /boot/initrd.img-6.8\n}\n"
              "menuentry c {\n linux16 /memtest86+.bin\n}\n"
              "menuentry d {\n chainloader /EFI/x.efi\n}\n"
              "menuentry e {\n linux /vmlinuz-6.8.old\n}\n",
              &c);
        ck_assert_uint_eq(c.n_entries, 5);
        assert_entry(&c, 0, "a", NULL, "vmlinuz-6.8", "initrd.img-6.8", "6.8");
        assert_entry(&c, 1, "b", NULL, "boot/vmlinuz-6.8", "boot/initrd.img-6.8", NULL);
        assert_entry(&c, 2, "c", NULL, "memtest86+.bin", NULL, NULL);
        assert_entry(&c, 3, "d", NULL, NULL, NULL, NULL);
        assert_entry(&c, 4, "e", NULL, "vmlinuz-6.8.old", NULL, NULL);
}
END_TEST

START_TEST(summary_says_the_same_but_for_recovery) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        _cleanup_free_ char *summary = NULL;
        static const char text[] = FULL "# bootsync: inputs=" HEX "\n";

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        ck_assert_str_eq(summary, "inputs sha256=" HEX "\n"
                                  "default value=" PIN " version=" GRUB_OLD "\n"
                                  "entry id=gnulinux-simple-" GRUB_ROOT " linux=vmlinuz-" GRUB_NEW
                                  " initrd=initrd.img-" GRUB_NEW "\n"
                                  "entry id=gnulinux-" GRUB_NEW "-advanced-" GRUB_ROOT
                                  " submenu=gnulinux-advanced-" GRUB_ROOT " linux=vmlinuz-" GRUB_NEW
                                  " initrd=initrd.img-" GRUB_NEW "\n"
                                  "entry id=gnulinux-" GRUB_OLD "-advanced-" GRUB_ROOT
                                  " submenu=gnulinux-advanced-" GRUB_ROOT " linux=vmlinuz-" GRUB_OLD
                                  " initrd=initrd.img-" GRUB_OLD "\n");

        ck_assert_int_eq(grub_config_parse_summary(summary, &c), 0);
        ck_assert_str_eq(c.inputs, HEX);
        ck_assert_str_eq(c.default_value, PIN);
        ck_assert_str_eq(c.default_version, GRUB_OLD);
        ck_assert_uint_eq(c.n_entries, 3);
        assert_entry(&c, 2, "gnulinux-" GRUB_OLD "-advanced-" GRUB_ROOT,
                     "gnulinux-advanced-" GRUB_ROOT, "vmlinuz-" GRUB_OLD, "initrd.img-" GRUB_OLD,
                     GRUB_OLD);
}
END_TEST

START_TEST(index_means_the_same_although_recovery_is_left_out) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        _cleanup_free_ char *summary = NULL;
        static const char text[] = GRUB_HEAD("1>2") GRUB_MENU(GRUB_NEW, GRUB_OLD, GRUB_ROOT);

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        ck_assert_int_eq(grub_config_parse_summary(summary, &c), 0);
        ck_assert_str_eq(c.default_version, GRUB_OLD);
}
END_TEST

START_TEST(empty_file_has_a_summary) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        _cleanup_free_ char *summary = NULL;

        ck_assert_int_eq(grub_config_summarise("", 0, &summary), 0);
        ck_assert_str_eq(summary, "default\n");
        ck_assert_int_eq(grub_config_parse_summary(summary, &c), 0);
        ck_assert_ptr_null(c.default_value);
        ck_assert_ptr_null(c.default_version);
        ck_assert_uint_eq(c.n_entries, 0);
}
END_TEST

START_TEST(summary_that_cannot_be_reported_is_too_big) {
        _cleanup_free_ char *text = NULL, *summary = NULL;
        Buffer b = {};

        for (size_t i = 0; i < REPORT_TEXT_MAX / 32; i++)
                buffer_printf(&b, "menuentry entry-%zu { linux /vmlinuz-6.8; }\n", i);
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), -EFBIG);
}
END_TEST

START_TEST(summary_is_read_strictly) {
        static const char *const texts[] = {
                "nonsense\n",
                "inputs\n",
                "inputs sha256=12\n",
                "inputs sha256=" HEX " more=1\n",
                "inputs sha256=" HEX "\ninputs sha256=" HEX "\n",
                "default value=a\ndefault value=b\n",
                "default version=pve\n",
                "default title=a\n",
                "entry linux=vmlinuz-6.8\n",
                "entry id=a more=1\n",
                "entry id=a version=6.8\n",
                "entry  id=a\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                GrubConfig c;

                ck_assert_msg(grub_config_parse_summary(texts[i], &c) == -EBADMSG, "%s", texts[i]);
        }
}
END_TEST

static void assert_inputs(const char *text, const char *expect) {
        char hex[DIGEST_HEX_SIZE];

        ck_assert_int_eq(grub_config_inputs(text, strlen(text), hex), expect ? 0 : -ENOENT);
        if (expect)
                ck_assert_str_eq(hex, expect);
}

START_TEST(inputs_are_in_the_last_line) {
        assert_inputs("# bootsync: inputs=" HEX "\n", HEX);
        assert_inputs("set x=y\n# bootsync: inputs=" HEX "\n", HEX);
        assert_inputs("", NULL);
        assert_inputs("# bootsync: inputs=" HEX, NULL);
        assert_inputs("# bootsync: inputs=" HEX "\n\n", NULL);
        assert_inputs("## bootsync: inputs=" HEX "\n", NULL);
        assert_inputs("# bootsync: inputs=X" HEX "\n", NULL);
        assert_inputs("# bootsync: inputs= "
                      "123456789abcdef0123456789abcdef0123456789abcdef0123456789"
                      "abcdef\n",
                      NULL);
}
END_TEST

static void assert_append(const char *text, const char *hex, const char *expect) {
        _cleanup_free_ char *new = NULL;

        ck_assert_int_eq(grub_config_append_inputs(text, hex, &new), 0);
        ck_assert_str_eq(new, expect);
}

START_TEST(inputs_are_appended_once) {
        assert_append("", HEX, "# bootsync: inputs=" HEX "\n");
        assert_append("a\n", HEX, "a\n# bootsync: inputs=" HEX "\n");
        assert_append("a", HEX, "a\n# bootsync: inputs=" HEX "\n");
        assert_append("a\n# bootsync: inputs=" HEX "\n", HEX2, "a\n# bootsync: inputs=" HEX2 "\n");
}
END_TEST

static void assert_root_id(const char *text, const char *expect) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        _cleanup_free_ char *id = NULL;

        parse(text, &c);
        ck_assert_int_eq(grub_config_root_id(&c, &id), expect ? 0 : -ENOENT);
        ck_assert(streq_ptr(id, expect));
}

START_TEST(root_id_is_in_the_ids) {
        assert_root_id(FULL, GRUB_ROOT);
        assert_root_id(GRUB_MENU(GRUB_NEW, GRUB_OLD, "/dev/mapper/pve-root"),
                       "/dev/mapper/pve-root");
        assert_root_id(GRUB_KERNEL(GRUB_OLD, "a-advanced-b"), "a-advanced-b");
        assert_root_id("menuentry x { linux /vmlinuz-6.8; }\n", NULL);
        assert_root_id("", NULL);
}
END_TEST

static void assert_version(const char *value, const char *expect) {
        _cleanup_free_ char *version = NULL;

        ck_assert_msg(grub_entry_id_version(value, &version) == (expect ? 0 : -EINVAL), "%s",
                      value);
        ck_assert(streq_ptr(version, expect));
}

START_TEST(name_is_made_of_submenu_and_entry) {
        _cleanup_free_ char *id = grub_entry_id("6.8.12-4-pve", "0e4a-5d2c");

        ck_assert_str_eq(id,
                         "gnulinux-advanced-0e4a-5d2c>gnulinux-6.8.12-4-pve-advanced-0e4a-5d2c");
        assert_version(id, "6.8.12-4-pve");
}
END_TEST

START_TEST(only_names_of_ours_have_a_version) {
        assert_version("gnulinux-advanced-/dev/sda2>gnulinux-6.8-advanced-/dev/sda2", "6.8");
        assert_version("gnulinux-advanced-a-advanced-b>gnulinux-6.8-advanced-a-advanced-b", "6.8");
        assert_version("", NULL);
        assert_version("0", NULL);
        assert_version("1>2", NULL);
        assert_version("gnulinux-advanced-x", NULL);
        assert_version("gnulinux-advanced->gnulinux-6.8-advanced-", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-6.8-advanced-y", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-6.8-recovery-x", NULL);
        assert_version("gnulinux-advanced-x>gnulinux--advanced-x", NULL);
        assert_version("gnulinux-advanced-x>gnulinux-../y-advanced-x", NULL);
}
END_TEST

START_TEST(pin_is_one_line_and_says_where_it_comes_from) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(grub_pin_render("6.8.12-4-pve", "X", &text), 0);
        ck_assert_str_eq(text,
                         "# Written by bootsync; 'bootctl-pve kernel unpin' takes it back.\n"
                         "GRUB_DEFAULT=\"gnulinux-advanced-X>gnulinux-6.8.12-4-pve-advanced-X\"\n");
}
END_TEST

CHECK_MAIN("grub-config", entries_are_read_in_order, paths_are_the_words_that_name_files,
           summary_says_the_same_but_for_recovery,
           index_means_the_same_although_recovery_is_left_out, empty_file_has_a_summary,
           summary_that_cannot_be_reported_is_too_big, summary_is_read_strictly,
           inputs_are_in_the_last_line, inputs_are_appended_once, root_id_is_in_the_ids,
           name_is_made_of_submenu_and_entry, only_names_of_ours_have_a_version,
           pin_is_one_line_and_says_where_it_comes_from)
