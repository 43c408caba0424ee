/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line that the ESPs get: the administrator's, or the running one without what the
 * loader added. */

#include "core/conf/cmdline.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

typedef int (*parse_t)(const char *text, size_t size, char **ret);

static void assert_line(parse_t parse, const char *text, const char *expect) {
        _cleanup_free_ char *line = NULL;
        int r = parse(text, strlen(text), &line);

        ck_assert_msg(r == 0, "%s: %d", text, r);
        ck_assert_str_eq(line, expect);
}

static void assert_fails(parse_t parse, const char *text, size_t size, int error) {
        char *line = (char *) "untouched";

        ck_assert_int_eq(parse(text, size, &line), error);
        ck_assert_str_eq(line, "untouched");
}

START_TEST(first_line_is_the_command_line) {
        assert_line(cmdline_parse, "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n",
                    "root=ZFS=rpool/ROOT/pve-1 boot=zfs");
        assert_line(cmdline_parse, "root=/dev/sda1", "root=/dev/sda1");
        assert_line(cmdline_parse, "root=/dev/sda1\n# root=/dev/sdb1\n\x01", "root=/dev/sda1");
}
END_TEST

START_TEST(line_is_trimmed_but_kept_as_written) {
        assert_line(cmdline_parse, " \troot=/dev/sda1   quiet\tinitrd=/x BOOT_IMAGE=y \t\r\n",
                    "root=/dev/sda1   quiet\tinitrd=/x BOOT_IMAGE=y");
}
END_TEST

START_TEST(line_needs_a_root_word) {
        static const char *const bad[] = {
                "",     "\n",      "\nroot=/dev/sda1\n", "quiet",          "noroot=/dev/sda1",
                "root", "root =x", "rd.root=/dev/sda1",  "ROOT=/dev/sda1", "a=\"b root=/dev/sda1\"",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_fails(cmdline_parse, bad[i], strlen(bad[i]), -ENODATA);
        assert_fails(cmdline_parse, NULL, 0, -ENODATA);
}
END_TEST

START_TEST(root_word_may_stand_anywhere_and_be_quoted) {
        assert_line(cmdline_parse, "quiet root=/dev/sda1", "quiet root=/dev/sda1");
        assert_line(cmdline_parse, "quiet\troot=/dev/sda1", "quiet\troot=/dev/sda1");
        assert_line(cmdline_parse, "\"root=LABEL=my disk\"", "\"root=LABEL=my disk\"");
        assert_line(cmdline_parse, "a=\"b c\" root=LABEL=\"my disk\"",
                    "a=\"b c\" root=LABEL=\"my disk\"");
        assert_line(cmdline_parse, "root=/dev/sda1 dyndbg=\"unterminated +p",
                    "root=/dev/sda1 dyndbg=\"unterminated +p");
}
END_TEST

START_TEST(control_characters_are_refused) {
        assert_fails(cmdline_parse, "root=/dev/sda1\0quiet\n", 21, -EINVAL);
        assert_fails(cmdline_parse, "root=/dev/sda1 \x1b[31m\n", 21, -EINVAL);
        assert_fails(cmdline_parse, "root=/dev/sda1\rquiet\n", 21, -EINVAL);
        assert_fails(cmdline_parse, "root=/dev/sda1\x7f", 15, -EINVAL);
}
END_TEST

START_TEST(only_utf8_is_accepted) {
        assert_line(cmdline_parse, "root=LABEL=\xc3\xa4", "root=LABEL=\xc3\xa4");
        assert_fails(cmdline_parse, "root=LABEL=\xe4", 12, -EINVAL);
        assert_fails(cmdline_parse, "root=LABEL=\xc3", 12, -EINVAL);
}
END_TEST

START_TEST(line_must_fit_the_kernels_buffer) {
        char text[CMDLINE_LENGTH_MAX + 1];
        _cleanup_free_ char *line = NULL, *huge = malloc(1024 * 1024);

        memset(text, 'a', sizeof(text));
        memcpy(text, "root=", 5);
        text[CMDLINE_LENGTH_MAX - 1] = '\n';
        ck_assert_int_eq(cmdline_parse(text, sizeof(text), &line), 0);
        ck_assert_uint_eq(strlen(line), CMDLINE_LENGTH_MAX - 1);

        text[CMDLINE_LENGTH_MAX - 1] = 'a';
        text[CMDLINE_LENGTH_MAX] = '\n';
        assert_fails(cmdline_parse, text, sizeof(text), -E2BIG);

        memset(huge, 'a', 1024 * 1024);
        assert_fails(cmdline_parse, huge, 1024 * 1024, -E2BIG);
        assert_fails(cmdline_clean, huge, 1024 * 1024, -E2BIG);
}
END_TEST

START_TEST(words_of_the_loader_are_cleaned_away) {
        assert_line(cmdline_clean,
                    "BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve root=/dev/mapper/pve-root ro quiet\n",
                    "root=/dev/mapper/pve-root ro quiet");
        assert_line(cmdline_clean,
                    "initrd=\\EFI\\proxmox\\6.8.12-4-pve\\initrd.img-6.8.12-4-pve "
                    "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n",
                    "root=ZFS=rpool/ROOT/pve-1 boot=zfs");
        assert_line(cmdline_clean,
                    "root=/dev/sda1 initrd=a  initrd=b BOOT_IMAGE=", "root=/dev/sda1");
        assert_line(cmdline_clean, "\"initrd=a b\" root=/dev/sda1 BOOT_IMAGE=\"c d\" quiet",
                    "root=/dev/sda1 quiet");
}
END_TEST

START_TEST(words_that_only_look_alike_stay) {
        assert_line(cmdline_clean,
                    "root=/dev/sda1 noinitrd xinitrd=a initrd boot_image=b a=initrd=c",
                    "root=/dev/sda1 noinitrd xinitrd=a initrd boot_image=b a=initrd=c");
        assert_line(cmdline_clean, "root=/dev/sda1 a=\"b initrd=c  d\"",
                    "root=/dev/sda1 a=\"b initrd=c  d\"");
}
END_TEST

START_TEST(open_quote_does_not_keep_the_blanks_at_the_end) {
        assert_line(cmdline_clean, "root=/dev/sda1 a=\"b \t\n", "root=/dev/sda1 a=\"b");
        assert_line(cmdline_parse, "root=/dev/sda1 a=\"b \t\n", "root=/dev/sda1 a=\"b");
}
END_TEST

START_TEST(cleaned_line_keeps_the_same_rules) {
        assert_fails(cmdline_clean, "", 0, -ENODATA);
        assert_fails(cmdline_clean, "initrd=root=/dev/sda1\n", 22, -ENODATA);
        assert_fails(cmdline_clean, "root=/dev/sda1\0\n", 16, -EINVAL);
        assert_fails(cmdline_clean, "root=\xff\n", 7, -EINVAL);
}
END_TEST

START_TEST(length_counts_after_cleaning) {
        _cleanup_free_ char *text = malloc(CMDLINE_LENGTH_MAX * 2), *line = NULL;
        size_t n = CMDLINE_LENGTH_MAX * 2;

        memset(text, 'a', n);
        memcpy(text, "initrd=", 7);
        memcpy(text + n - 12, " root=/dev/a", 12);
        ck_assert_int_eq(cmdline_clean(text, n, &line), 0);
        ck_assert_str_eq(line, "root=/dev/a");
}
END_TEST

START_TEST(every_source_has_its_word) {
        ck_assert_str_eq(cmdline_source_to_string(CMDLINE_NONE), "none");
        ck_assert_str_eq(cmdline_source_to_string(CMDLINE_FILE), "file");
        ck_assert_str_eq(cmdline_source_to_string(CMDLINE_ENTRIES), "entries");
        ck_assert_str_eq(cmdline_source_to_string(CMDLINE_ADOPTED), "adopted");
        ck_assert_int_eq(_CMDLINE_SOURCE_MAX, CMDLINE_ADOPTED + 1);
        ck_assert_ptr_null(cmdline_source_to_string(_CMDLINE_SOURCE_MAX));
        ck_assert_ptr_null(cmdline_source_to_string(_CMDLINE_SOURCE_INVALID));
}
END_TEST

CHECK_MAIN("cmdline", first_line_is_the_command_line, line_is_trimmed_but_kept_as_written,
           line_needs_a_root_word, root_word_may_stand_anywhere_and_be_quoted,
           control_characters_are_refused, only_utf8_is_accepted, line_must_fit_the_kernels_buffer,
           words_of_the_loader_are_cleaned_away, words_that_only_look_alike_stay,
           open_quote_does_not_keep_the_blanks_at_the_end, cleaned_line_keeps_the_same_rules,
           length_counts_after_cleaning, every_source_has_its_word)
