/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line becomes a value, or one sentence that says what is wrong with it. */

#include "client/terminal/options.h"

#include <getopt.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

static ExitStatus parse(int argc, char **argv, Options *ret) {
        optind = 0;
        return options_parse(argc, argv, ret);
}

#define PARSE(ret, ...)                                                     \
        parse((int) ELEMENTSOF(((char *[]){ "bootctl-pve", __VA_ARGS__ })), \
              (char *[]){ "bootctl-pve", __VA_ARGS__, NULL }, (ret))

static ExitStatus parse_in_vain(void *userdata) {
        char **argv = userdata;
        Options o = { .n_words = 77 };
        ExitStatus status = parse((int) strv_length(argv), argv, &o);

        return status == STATUS_USAGE && o.n_words == 77 ? status : STATUS_DONE;
}

static void assert_refused(char *const *argv, const char *sentence) {
        _cleanup_outcome_ Outcome o = bench_call(parse_in_vain, (void *) argv);

        ck_assert_int_eq(o.status, STATUS_USAGE);
        assert_contains(o.err, sentence);
}
#define REFUSED(sentence, ...) \
        assert_refused((char *[]){ "bootctl-pve", __VA_ARGS__, NULL }, (sentence))

START_TEST(options_may_stand_anywhere_and_may_be_shortened) {
        _cleanup_options_ Options o = {};
        char *argv[] = {
                "bootctl-pve", "kernel", "--js", "add", "-H", "pve1", "6.8.12-4-pve", NULL
        };

        ck_assert_int_eq(parse(7, argv, &o), STATUS_DONE);
        ck_assert_uint_eq(o.n_words, 3);
        ck_assert_str_eq(o.words[0], "kernel");
        ck_assert_str_eq(o.words[2], "6.8.12-4-pve");
        ck_assert_str_eq(o.host, "pve1");
        ck_assert(option_given(&o, OPTION_JSON));
        ck_assert(!option_given(&o, OPTION_YES));
}
END_TEST

START_TEST(two_dashes_end_the_options) {
        _cleanup_options_ Options o = {};
        char *argv[] = { "bootctl-pve", "--", "--json", NULL };

        ck_assert_int_eq(parse(3, argv, &o), STATUS_DONE);
        ck_assert_uint_eq(o.n_words, 1);
        ck_assert_str_eq(o.words[0], "--json");
        ck_assert_uint_eq(o.given, 0);
}
END_TEST

START_TEST(esps_may_be_named_repeatedly) {
        _cleanup_options_ Options o = {};

        ck_assert_int_eq(PARSE(&o, "--esp=1111-AAAA", "--esp", "2222-BBBB"), STATUS_DONE);
        ck_assert_uint_eq(strv_length(o.esps), 2);
        ck_assert_str_eq(o.esps[1], "2222-BBBB");
}
END_TEST

START_TEST(json_has_three_formats_of_which_the_last_one_counts) {
        _cleanup_options_ Options off = {}, bare = {}, last = {};

        ck_assert_int_eq(PARSE(&off, "short"), STATUS_DONE);
        ck_assert_int_eq(off.json, JSON_OFF);
        ck_assert_int_eq(PARSE(&bare, "--json", "short"), STATUS_DONE);
        ck_assert_int_eq(bare.json, JSON_BARE);
        ck_assert_int_eq(PARSE(&last, "--json=pretty", "--json=short"), STATUS_DONE);
        ck_assert_int_eq(last.json, JSON_SHORT);
}
END_TEST

START_TEST(unknown_and_ambiguous_options_are_named) {
        REFUSED("Unknown option '--frob'.", "--frob");
        REFUSED("Unknown option '--qiuet'; did you mean '--quiet'?", "--qiuet");
        REFUSED("Unknown option '--new-kernl'; did you mean '--new-kernel'?", "--new-kernl=6.8");
        REFUSED("The option '--ne' is ambiguous: --new-kernel, --next-boot.", "--ne");
        REFUSED("Unknown option '-x'.", "-x");
}
END_TEST

START_TEST(values_are_where_they_belong_and_nowhere_else) {
        REFUSED("The option '--full' takes no argument.", "--full=1");
        REFUSED("'--json' takes 'short' or 'pretty' or nothing, not 'long'.", "--json=long");
        REFUSED("A value is missing after '--root'.", "--root");
        REFUSED("The option '--root' needs a value that is not empty.", "--root=");
        REFUSED("The option '--host' may be given only once.", "-Ha", "--host=b");
}
END_TEST

START_TEST(contradictions_are_refused) {
        REFUSED("--root and --host cannot be combined.", "--root=/x", "--host=b");
        REFUSED("--yes and --no-refresh cannot be combined.", "-y", "--no-refresh");
        REFUSED("--json and --output cannot be combined.", "--json", "--output=uuid");
}
END_TEST

START_TEST(text_that_cannot_travel_is_refused_and_shown_without_its_bytes) {
        REFUSED("An option's value is not valid UTF-8.", "--new-kernel=\xff");
        REFUSED("Not valid UTF-8: 'a?'", "--esp=a\xff");
        REFUSED("Not valid UTF-8: 'a?'", "a\xff");
}
END_TEST

static ExitStatus check_options(void *userdata) {
        Options o = { .given = OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_JSON) };

        if (options_check(&o, OPTIONS_GLOBAL | OPTION_BIT(OPTION_FORCE), "format") != STATUS_DONE)
                return STATUS_FAILED;
        return options_check(&o, OPTIONS_GLOBAL, "status");
}

START_TEST(options_of_another_verb_are_refused_by_name) {
        _cleanup_outcome_ Outcome o = bench_call(check_options, NULL);

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.err, "bootctl-pve: 'status' does not take the option '--force'.\n");
}
END_TEST

static ExitStatus print_help(void *userdata) {
        options_help(OPTION_BIT(OPTION_HOST) | OPTION_BIT(OPTION_DRY_RUN) |
                     OPTION_BIT(OPTION_JSON));
        return STATUS_DONE;
}

START_TEST(help_is_in_columns) {
        _cleanup_outcome_ Outcome o = bench_call(print_help, NULL);

        ck_assert_str_eq(o.out, "      --json[=short|pretty]   Print JSON\n"
                                "  -H, --host=HOST[,HOST...]   Work on HOST, over ssh\n"
                                "      --dry-run               Show what would be done\n");
}
END_TEST

CHECK_MAIN("client-options", options_may_stand_anywhere_and_may_be_shortened,
           two_dashes_end_the_options, esps_may_be_named_repeatedly,
           json_has_three_formats_of_which_the_last_one_counts,
           unknown_and_ambiguous_options_are_named, values_are_where_they_belong_and_nowhere_else,
           contradictions_are_refused,
           text_that_cannot_travel_is_refused_and_shown_without_its_bytes,
           options_of_another_verb_are_refused_by_name, help_is_in_columns)
