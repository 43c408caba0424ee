/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which entry of a grub.cfg boots by default. */

#include "core/grub-menu.h"

#include "tests/unit/core/grub-lab.h"

#define MENU GRUB_MENU(GRUB_NEW, GRUB_OLD, GRUB_ROOT)
#define NEW  "gnulinux-" GRUB_NEW "-advanced-" GRUB_ROOT
#define OLD  "gnulinux-" GRUB_OLD "-advanced-" GRUB_ROOT
#define TOP  "gnulinux-simple-" GRUB_ROOT

/* @id is that of the entry which boots, NULL if nobody can tell. */
static void assert_boots(const char *text, const char *id) {
        _cleanup_(grub_menu_done) GrubMenu m = {};
        const GrubMenuItem *item;

        ck_assert_int_eq(grub_menu_read(text, strlen(text), &m), 0);
        ck_assert_int_eq(grub_menu_default(&m, &item), 0);
        ck_assert_msg(streq_ptr(item ? item->entry.id : NULL, id), "'%s' boots",
                      item ? item->entry.id : "nothing");
}

static void assert_default(const char *text, const char *value) {
        _cleanup_(grub_menu_done) GrubMenu m = {};

        ck_assert_int_eq(grub_menu_read(text, strlen(text), &m), 0);
        ck_assert_msg(streq_ptr(m.default_value, value), "'%s'", strempty(m.default_value));
}

static void assert_refused(const char *text, size_t size) {
        GrubMenu m;

        ck_assert_int_eq(grub_menu_read(text, size, &m), -EBADMSG);
}

START_TEST(default_is_the_one_that_counts_when_next_entry_is_empty) {
        assert_default(GRUB_HEAD("0"), "0");
        assert_default(GRUB_HEAD("gnulinux-advanced-X>gnulinux-6.5-advanced-X"),
                       "gnulinux-advanced-X>gnulinux-6.5-advanced-X");
        assert_default(GRUB_HEAD("${saved_entry}"), "${saved_entry}");
        assert_default("if cmostest 40 ; then\n set default=\"7\"\n"
                       "elif [ \"${next_entry}\" ] ; then\n set default=\"${next_entry}\"\n"
                       "else\n set default=\"1>2\"\nfi\n",
                       "1>2");
        assert_default("", NULL);
        assert_default("menuentry x {\n set default=3\n}\nfunction f {\n set default=4\n}\n", NULL);
        assert_default("set default=1; set default_x=2\nset timeout=3\n", "1");
}
END_TEST

START_TEST(entries_are_found_by_id) {
        assert_boots(GRUB_HEAD(TOP) MENU, TOP);
        assert_boots(GRUB_HEAD("gnulinux-advanced-" GRUB_ROOT ">" OLD) MENU, OLD);
        assert_boots(GRUB_HEAD("gnulinux-advanced-" GRUB_ROOT ">gnulinux-" GRUB_OLD
                               "-recovery-" GRUB_ROOT) MENU,
                     "gnulinux-" GRUB_OLD "-recovery-" GRUB_ROOT);
}
END_TEST

START_TEST(entries_are_found_by_title) {
        assert_boots(GRUB_HEAD("Advanced options for Proxmox VE GNU/Linux>"
                               "Proxmox VE GNU/Linux, with Linux " GRUB_OLD) MENU,
                     OLD);
        assert_boots("set default='a>>b'\nmenuentry x { true; }\nmenuentry 'a>b' { true; }\n",
                     "a>b");
}
END_TEST

START_TEST(entries_are_found_by_index) {
        assert_boots(GRUB_HEAD("0") MENU, TOP);
        assert_boots(GRUB_HEAD("1>0") MENU, NEW);
        assert_boots(GRUB_HEAD("1>2") MENU, OLD);
        assert_boots(GRUB_HEAD("gnulinux-advanced-" GRUB_ROOT ">2") MENU, OLD);
}
END_TEST

START_TEST(submenu_alone_boots_its_first_entry) {
        assert_boots(GRUB_HEAD("1") MENU, NEW);
        assert_boots(GRUB_HEAD("gnulinux-advanced-" GRUB_ROOT) MENU, NEW);
}
END_TEST

START_TEST(what_is_not_found_is_the_first_of_its_menu) {
        assert_boots(MENU, TOP);
        assert_boots(GRUB_HEAD("") MENU, TOP);
        assert_boots(GRUB_HEAD("nonsense") MENU, TOP);
        assert_boots(GRUB_HEAD("9") MENU, TOP);
        assert_boots(GRUB_HEAD("nonsense>2") MENU, TOP);
        assert_boots(GRUB_HEAD("gnulinux-advanced-" GRUB_ROOT ">nonsense") MENU, NEW);
        /* Entries of a submenu are not at the top. */
        assert_boots(GRUB_HEAD(OLD) MENU, TOP);
}
END_TEST

START_TEST(nobody_can_tell_what_a_variable_boots) {
        assert_boots(GRUB_HEAD("${saved_entry}") MENU, NULL);
        assert_boots(GRUB_HEAD("$x") MENU, NULL);
        assert_boots(GRUB_HEAD("0"), NULL);
        assert_boots("submenu x {\n}\n", NULL);
}
END_TEST

START_TEST(entry_without_an_id_has_its_title) {
        assert_boots("menuentry 'a b' {\n linux /vmlinuz-6.8\n}\n", "a b");
        assert_boots("menuentry x --id y { true; }\n", "y");
        assert_boots("menuentry x --id=y { true; }\n", "y");
        assert_boots("menuentry x ${menuentry_id_option} \"y z\" { true; }\n", "y z");
}
END_TEST

START_TEST(damaged_file_is_refused) {
        static const char text[] = GRUB_HEAD("0") MENU;

        assert_refused("a\0b\n", 4);
        assert_refused("}\n", 2);
        assert_refused(text, strlen(text) / 2);
        assert_refused("{{{{{{{{{{{{{{{{{}}}}}}}}}}}}}}}}}", 34);
}
END_TEST

CHECK_MAIN("grub-menu", default_is_the_one_that_counts_when_next_entry_is_empty,
           entries_are_found_by_id, entries_are_found_by_title, entries_are_found_by_index,
           submenu_alone_boots_its_first_entry, what_is_not_found_is_the_first_of_its_menu,
           nobody_can_tell_what_a_variable_boots, entry_without_an_id_has_its_title,
           damaged_file_is_refused)
