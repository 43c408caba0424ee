/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables fit a terminal, and have the columns that were asked for. */

#include "client/terminal/table.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

static ExitStatus print_table(void *userdata) {
        _cleanup_table_ Table *t = table_new("A", "LONGER", "C", NULL);
        static const char *const cells[] = { "é", "x", NULL, "wide cell", "", "\033" };

        for (size_t i = 0; i < ELEMENTSOF(cells); i++)
                table_add_coloured(t, cells[i], i == 1 ? COLOUR_BAD : COLOUR_NONE);
        table_print(t, &(Options){}, NULL);
        return STATUS_DONE;
}

START_TEST(columns_are_as_wide_as_their_widest_cell_and_empty_cells_are_dashes) {
        _cleanup_outcome_ Outcome o = bench_call(print_table, NULL);

        ck_assert_str_eq(o.out, "A          LONGER  C\n"
                                "é          x       -\n"
                                "wide cell  -       ?\n");
}
END_TEST

START_TEST(colours_of_cells_do_not_count_as_width) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_table, NULL, "");

        assert_contains(o.out, "é          \033[31mx\033[0m       -\r\n");
        assert_contains(o.out, "\033[1mA\033[0m          \033[1mLONGER\033[0m  ");
}
END_TEST

#define LONG "0123456789012345678901234567890123456789"

static ExitStatus print_wide_table(void *userdata) {
        const Options options = { .given = userdata ? OPTION_BIT(OPTION_FULL) : 0 };
        _cleanup_table_ Table *t = table_new("ID", "A", "B", "MORE", NULL);

        table_add(t, "1111-AAAA");
        table_add(t, LONG "x");
        table_add(t, LONG "y");
        table_add(t, "optional");
        table_add_note(t, "why",
                       "words that are too many for one line of a terminal of 80 "
                       "columns, so that they go on below one another");
        table_add_note(t, "action", NULL);
        table_set_optional(t, 1);
        table_print(t, &options, NULL);
        return STATUS_DONE;
}

START_TEST(table_fits_a_terminal_and_is_whole_elsewhere) {
        _cleanup_outcome_ Outcome narrow = bench_call_on_terminal(print_wide_table, NULL, "");
        _cleanup_outcome_ Outcome piped = bench_call(print_wide_table, NULL);
        _cleanup_outcome_ Outcome full =
                        bench_call_on_terminal(print_wide_table, (char *) "full", "");

        /* 80 columns, the last one included. */
        assert_contains(narrow.out, "\r\n1111-AAAA  012345678901234...67890123456789x  "
                                    "012345678901234...567890123456789y\r\n");
        assert_lacks(narrow.out, "optional");
        assert_contains(narrow.out, "  why: words that are too many for one line of a terminal of "
                                    "80 columns, so\r\n       that they go on");
        assert_contains(piped.out, LONG "x  " LONG "y  optional\n  why: words");
        assert_contains(piped.out, "80 columns, so that they go on below one another\n");
        assert_lacks(piped.out, "action");
        assert_contains(full.out, LONG "x  " LONG "y  optional\r\n");
}
END_TEST

static ExitStatus print_empty(void *userdata) {
        const Options options = { .given = userdata ? OPTION_BIT(OPTION_NO_LEGEND) : 0 };
        _cleanup_table_ Table *t = table_new("A", NULL);

        table_print(t, &options, "There is nothing.");
        return STATUS_DONE;
}

START_TEST(table_without_a_row_is_a_sentence_or_with_no_legend_nothing) {
        _cleanup_outcome_ Outcome o = bench_call(print_empty, NULL);
        _cleanup_outcome_ Outcome bare = bench_call(print_empty, (char *) "bare");

        ck_assert_str_eq(o.out, "There is nothing.\n");
        ck_assert_str_eq(bare.out, "");
}
END_TEST

static const Column columns[] = {
        { "NAME", "name" },
        { "LAST SYNC", "last_sync_usec" },
        { "STATE", NULL },
        { "WHY", "why", .only_if_chosen = true },
};

static ExitStatus print_chosen(void *userdata) {
        const Options options = { .columns = userdata, .given = OPTION_BIT(OPTION_NO_LEGEND) };
        _cleanup_table_ Table *t = NULL;
        ExitStatus status;

        status = table_new_chosen(&options, columns, ELEMENTSOF(columns), &t);
        if (status != STATUS_DONE)
                return status;
        for (int i = 0; i < 2; i++) {
                table_add(t, i == 0 ? "n" : "name");
                table_add(t, "then");
                table_add(t, "good");
                table_add(t, "because");
        }
        table_print(t, &options, NULL);
        return STATUS_DONE;
}

START_TEST(columns_are_shown_as_they_were_chosen) {
        _cleanup_outcome_ Outcome all = bench_call(print_chosen, NULL);
        _cleanup_outcome_ Outcome by_title =
                        bench_call(print_chosen, (char *) "state,last-sync,name");
        _cleanup_outcome_ Outcome by_key = bench_call(print_chosen, (char *) "last_sync_usec,why");

        ck_assert_str_eq(all.out, "n     then  good\nname  then  good\n");
        ck_assert_str_eq(by_title.out, "good  then  n\ngood  then  name\n");
        ck_assert_str_eq(by_key.out, "then  because\nthen  because\n");
}
END_TEST

static ExitStatus print_narrow(void *userdata) {
        static const Column wide[] = {
                { "ID", "id" },
                { "FIRST", "first", .leaves = 1 },
                { "THIRD", "third", .leaves = 3 },
                { "SECOND", "second", .leaves = 2 },
        };
        const Options options = { .columns = userdata };
        _cleanup_table_ Table *t = NULL;

        if (setenv("COLUMNS", "20", true) < 0 ||
            table_new_chosen(&options, wide, ELEMENTSOF(wide), &t) != STATUS_DONE)
                abort();
        for (size_t i = 0; i < ELEMENTSOF(wide); i++)
                table_add(t, "12345678");
        table_print(t, &options, NULL);
        return STATUS_DONE;
}

START_TEST(columns_leave_in_their_order_unless_they_were_chosen) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_narrow, NULL, "");
        _cleanup_outcome_ Outcome chosen =
                        bench_call_on_terminal(print_narrow, (char *) "id,first,second", "");

        assert_contains(o.out, "12345678  12345678\r\n");
        assert_contains(o.out, "THIRD");
        assert_contains(chosen.out, "12345678  12345678  12345678\r\n");
}
END_TEST

static void assert_no_column(const char *names, const char *sentence) {
        _cleanup_outcome_ Outcome o = bench_call(print_chosen, (char *) names);

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.err, sentence);
}

START_TEST(column_that_is_not_there_is_refused_with_the_names_of_those_that_are) {
        assert_no_column("name,size", "bootctl-pve: There is no column 'size'; there are: name, "
                                      "last-sync, state, why.\n");
        assert_no_column("name,", "bootctl-pve: There is no column ''; there are: name, "
                                  "last-sync, state, why.\n");
        assert_no_column("why,name,why", "bootctl-pve: The column 'why' is named twice.\n");
}
END_TEST

CHECK_MAIN("client-table", columns_are_as_wide_as_their_widest_cell_and_empty_cells_are_dashes,
           colours_of_cells_do_not_count_as_width, table_fits_a_terminal_and_is_whole_elsewhere,
           table_without_a_row_is_a_sentence_or_with_no_legend_nothing,
           columns_are_shown_as_they_were_chosen,
           columns_leave_in_their_order_unless_they_were_chosen,
           column_that_is_not_there_is_refused_with_the_names_of_those_that_are)
