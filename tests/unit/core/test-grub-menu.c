/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The menu in a grub.cfg, and the entry of it that boots by default. */

#include "core/grub/grub-menu.h"

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
        ck_assert_int_eq(grub_menu_default(&m, NULL, &item), 0);
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

START_TEST(saved_entry_of_grubenv_is_what_a_saved_default_means) {
        static const char saved[] = GRUB_HEAD("${saved_entry}") MENU, fixed[] = GRUB_HEAD("0") MENU;
        _cleanup_(grub_menu_done) GrubMenu a = {}, b = {};
        const GrubMenuItem *item;

        ck_assert_int_eq(grub_menu_read(saved, strlen(saved), &a), 0);
        ck_assert_int_eq(grub_menu_default(&a, "1>2", &item), 0);
        ck_assert_str_eq(item->entry.id, OLD);
        ck_assert_int_eq(grub_menu_read(fixed, strlen(fixed), &b), 0);
        ck_assert_int_eq(grub_menu_default(&b, "1>2", &item), 0);
        ck_assert_str_eq(item->entry.id, TOP);
}
END_TEST

/* One entry at the top of the menu, with what is in it. */
static void assert_entry(const char *text, const char *title, const char *id, const char *image) {
        _cleanup_(grub_menu_done) GrubMenu m = {};

        ck_assert_int_eq(grub_menu_read(text, strlen(text), &m), 0);
        ck_assert_uint_eq(m.n_items, 1);
        ck_assert_uint_eq(m.items[0].parent, GRUB_NO_ITEM);
        ck_assert_str_eq(m.items[0].title, title);
        ck_assert_str_eq(m.items[0].entry.id, id);
        ck_assert(streq_ptr(m.items[0].entry.image, image));
}

START_TEST(commands_end_at_newlines_and_semicolons) {
        static const char *const ends[] = {
                "\n", ";", " ; ", "\r\n", "&&", " || ", "|", "\n ;\t\n"
        };

        assert_default("\n ;\t\n", NULL);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                _cleanup_free_ char *before = strprintf("insmod gzio%sset  default=a", ends[i]);
                _cleanup_free_ char *behind = strprintf("set default=a%secho x", ends[i]);

                assert_default(before, "a");
                assert_default(behind, "a");
        }
        assert_default("insmod gzio set default=a", NULL);
}
END_TEST

START_TEST(quotes_and_backslashes_are_taken_away) {
        assert_default("set 'default=b  c'", "b  c");
        assert_default("set default=\"d e\"f", "d ef");
        assert_default("set '' default=x", NULL);
        assert_default("set default=g\\ h", "g h");
        assert_default("set default='it'\\''s'", "it's");
        assert_default("set default=\"\\\"\\$x\\a\\\\\"", "\"$x\\a\\");
        assert_default("set default='$x;\\{'", "$x;\\{");
        assert_default("set default=\"{;}\"", "{;}");
        assert_default("set default=a\\\nb\"c\\\nd\"", "abcd");
}
END_TEST

START_TEST(variables_stay_as_they_are_written) {
        assert_default("set default=$a", "$a");
        assert_default("set default=${b}", "${b}");
        assert_default("set default=\"${c}\"", "${c}");
        assert_default("set default=x${d}y", "x${d}y");
        assert_default("set default=\"$e\"", "$e");
}
END_TEST

START_TEST(blocks_belong_to_their_command) {
        assert_entry("menuentry 'x' --id y {\n linux /a\n}\n", "x", "y", "a");
        assert_entry("menuentry x{linux /a}", "x", "x", "a");
        assert_entry("menuentry x{linux /a}\nlinux /b\n", "x", "x", "a");
}
END_TEST

START_TEST(words_that_begin_a_branch_are_skipped) {
        assert_default("if [ x = y ]; then set default=a; fi", "a");
        assert_default("else set default=a", "a");
        assert_default("for x in y; do set default=a\ndone", "a");
        assert_default("set then default=a", NULL);
        assert_entry("menuentry else {\n}\n", "else", "else", NULL);
}
END_TEST

START_TEST(comments_are_skipped) {
        assert_default("# menuentry 'x {\nset default=b#c # d '\n", "b#c");
}
END_TEST

START_TEST(what_is_never_closed_is_refused) {
        static const char *const texts[] = { "echo 'a\n", "echo \"a\n", "echo ${a",
                                             "echo \"${a\"" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_refused(texts[i], strlen(texts[i]));
}
END_TEST

CHECK_MAIN("grub-menu", default_is_the_one_that_counts_when_next_entry_is_empty,
           entries_are_found_by_id, entries_are_found_by_title, entries_are_found_by_index,
           submenu_alone_boots_its_first_entry, what_is_not_found_is_the_first_of_its_menu,
           nobody_can_tell_what_a_variable_boots, entry_without_an_id_has_its_title,
           damaged_file_is_refused, saved_entry_of_grubenv_is_what_a_saved_default_means,
           commands_end_at_newlines_and_semicolons, quotes_and_backslashes_are_taken_away,
           variables_stay_as_they_are_written, blocks_belong_to_their_command,
           words_that_begin_a_branch_are_skipped, comments_are_skipped,
           what_is_never_closed_is_refused)
