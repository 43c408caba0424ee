/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The history is read as far as it can be understood, loses nothing that another version has
 * written, and stays within its bounds. */

#include "core/history/history.h"

#include "tests/unit/check-main.h"

#define JOB(id, result)                                                                          \
        "job id=" id " type=refresh start=5 end=9 by=0 result=" result " message=Copied%20it.\n" \
        "esp uuid=1111-AAAA kernels=2 copied=6.8.12-4-pve bytes=7 in-sync=1 synced=1\n"
#define PIN "pin version=6.8.12-4-pve since=77 by=1000\n"

static History parse(const char *text) {
        History h;

        ck_assert_int_eq(history_parse(text, strlen(text), &h), 0);
        return h;
}

static void assert_formats(const History *h, const char *expect) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(history_format(h, &text, NULL), 0);
        ck_assert_str_eq(text, expect);
}

static Deed deed(const char *result, uint64_t bytes) {
        Deed d = { .id = 4,
                   .start_usec = 1,
                   .end_usec = 2,
                   .type = strdup("refresh"),
                   .by = strdup(DEED_BY_DAEMON),
                   .result = strdup(result),
                   .message = strdup("A sentence.") };
        EspDeed e = { .uuid = strdup("1111-AAAA"), .bytes = bytes };

        ck_assert_int_eq(deed_add_esp(&d, &e), 0);
        return d;
}

static void add(History *h, const char *result, uint64_t bytes) {
        _cleanup_(deed_done) Deed d = deed(result, bytes);

        ck_assert_int_eq(history_add(h, &d), 0);
}

START_TEST(all_that_is_written_is_read_again) {
        _cleanup_(history_done) History h = parse(PIN JOB("1", "done") JOB("2", "partial"));
        const Deed *d = &h.entries[1].deed;

        ck_assert_uint_eq(h.n, 2);
        ck_assert(!h.damaged && h.entries[0].known && h.entries[1].known);
        ck_assert_uint_eq(d->id, 2);
        ck_assert_str_eq(d->type, "refresh");
        ck_assert_uint_eq(d->start_usec, 5);
        ck_assert_uint_eq(d->end_usec, 9);
        ck_assert_str_eq(d->by, "0");
        ck_assert_str_eq(d->result, "partial");
        ck_assert_str_eq(d->message, "Copied it.");
        ck_assert_uint_eq(d->n_esps, 1);
        ck_assert_str_eq(d->esps[0].copied[0], "6.8.12-4-pve");
        ck_assert(d->esps[0].in_sync && d->esps[0].synced && !d->esps[0].verified);
        ck_assert_uint_eq(deed_bytes(d), 7);
        ck_assert_str_eq(h.pin_version, "6.8.12-4-pve");
        ck_assert_str_eq(h.pin_by, "1000");
        ck_assert_uint_eq(h.pin_usec, 77);
        assert_formats(&h, PIN JOB("1", "done") JOB("2", "partial"));
}
END_TEST

START_TEST(records_of_a_newer_version_are_kept_and_not_shown) {
        static const char text[] =
                        JOB("1", "done") "job-v2 id=2 type=refresh result=done colour=blue\n"
                                         "esp uuid=2222-BBBB kernels=9\n"
                                         "disk name=sda\n" JOB("3", "done");
        _cleanup_(history_done) History h = parse(text);

        ck_assert(!h.damaged);
        ck_assert_uint_eq(h.n, 3);
        ck_assert(!h.entries[1].known);
        ck_assert_uint_eq(h.entries[1].deed.n_esps, 0);
        assert_formats(&h, text);
        add(&h, "done", 1);
        ck_assert_uint_eq(h.n, 4);
        ck_assert_uint_eq(strncmp(text, h.entries[0].text.data, h.entries[0].text.size), 0);
}
END_TEST

START_TEST(job_with_fields_that_are_not_ours_to_read_is_kept_and_not_misread) {
        static const char *const lines[] = {
                "job id=1 type=refresh start=5 end=9 by=0\n",
                "job id=x type=refresh by=0 result=done\n",
                "job id=99999999999999999 type=refresh by=0 result=done\n",
                "job id=1 type=refresh by=0 result=done message=a%01b\n",
                "job id=1 type=refresh by=0 result=done message=%FF\n",
                "job id=1 type=refresh by=0 result=done host-menu=2\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_(history_done) History h = parse(lines[i]);

                ck_assert_msg(h.n == 1 && !h.entries[0].known, "%s", lines[i]);
                assert_formats(&h, lines[i]);
        }
}
END_TEST

START_TEST(file_that_is_torn_or_no_text_has_its_good_lines_and_is_called_damaged) {
        static const char *const bad[] = { "job id=2 type=refre", "\001\002\003\n", "hello there\n",
                                           "job  id=2\n", "=\n\n" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = strprintf("%s%s", JOB("1", "done"), bad[i]);
                _cleanup_(history_done) History h = parse(text);

                ck_assert_msg(h.damaged, "%s", bad[i]);
                ck_assert_uint_eq(h.n, 1);
                assert_formats(&h, JOB("1", "done"));
        }
}
END_TEST

START_TEST(deed_that_is_added_is_read_with_all_that_it_says) {
        _cleanup_(deed_done) Deed d = deed("done", 7);
        _cleanup_(history_done) History h = {}, again = {};
        _cleanup_free_ char *text = NULL;
        const EspDeed *e;
        size_t size;

        ck_assert_int_eq(strv_extend(&d.esps[0].copied, "6.8.12-4-pve"), 0);
        ck_assert_int_eq(strv_extend(&d.esps[0].copied, "6.5.13-5-pve"), 0);
        ck_assert_int_eq(strv_extend(&d.esps[0].removed, "6.5.11-8-pve"), 0);
        d.esps[0].verified = true;
        d.esps[0].error = strdup("So it \"is\"");
        d.host_menu = true;
        ck_assert_int_eq(history_add(&h, &d), 0);
        ck_assert_int_eq(history_format(&h, &text, &size), 0);
        ck_assert_int_eq(history_parse(text, size, &again), 0);
        ck_assert_uint_eq(again.entries[0].deed.n_esps, 1);
        e = &again.entries[0].deed.esps[0];
        ck_assert(strv_equal(e->copied, d.esps[0].copied));
        ck_assert(strv_equal(e->removed, d.esps[0].removed));
        ck_assert_str_eq(e->error, "So it \"is\"");
        ck_assert_uint_eq(e->bytes, 7);
        ck_assert(e->verified && !e->synced && again.entries[0].deed.host_menu);
}
END_TEST

START_TEST(oldest_jobs_give_way) {
        _cleanup_(history_done) History h = {};

        for (uint64_t i = 1; i <= HISTORY_JOBS_MAX + 50; i++)
                add(&h, "done", i);
        ck_assert_uint_eq(h.n, HISTORY_JOBS_MAX);
        ck_assert_uint_eq(deed_bytes(&h.entries[0].deed), 51);
        ck_assert_uint_eq(deed_bytes(&h.entries[h.n - 1].deed), HISTORY_JOBS_MAX + 50);
}
END_TEST

START_TEST(file_never_grows_over_its_bound_and_long_sentences_are_cut) {
        _cleanup_(history_done) History h = {};

        for (unsigned i = 0; i < 150; i++) {
                _cleanup_(deed_done) Deed d = deed("failed", i + 1);
                _cleanup_free_ char *text = NULL;
                size_t size;

                free(d.message);
                d.message = malloc(100001);
                memset(d.message, ' ', 100000);
                d.message[100000] = '\0';
                for (unsigned k = 0; k < 80; k++) {
                        EspDeed e = { .uuid = strprintf("%08u", k), .error = strdup(d.message) };

                        ck_assert_int_eq(deed_add_esp(&d, &e), 0);
                }
                ck_assert_int_eq(history_add(&h, &d), 0);
                ck_assert_int_eq(history_format(&h, &text, &size), 0);
                ck_assert_uint_le(size, HISTORY_SIZE_MAX);
                ck_assert_uint_eq(size, h.size);
        }
        ck_assert_uint_gt(h.n, 1);
        ck_assert_uint_eq(strlen(h.entries[h.n - 1].deed.message), 1024 + strlen("..."));
}
END_TEST

START_TEST(job_that_says_the_same_and_wrote_nothing_takes_the_place_of_the_last) {
        _cleanup_(history_done) History h = {};

        add(&h, "done", 5);
        add(&h, "done", 0);
        add(&h, "done", 0);
        ck_assert_uint_eq(h.n, 2);
        add(&h, "failed", 0);
        add(&h, "failed", 0);
        ck_assert_uint_eq(h.n, 3);
        add(&h, "done", 5);
        add(&h, "done", 5);
        ck_assert_uint_eq(h.n, 5);
        ck_assert_uint_eq(deed_bytes(&h.entries[0].deed), 5);
}
END_TEST

START_TEST(last_pin_counts_and_a_wrong_one_does_not) {
        _cleanup_(history_done) History h = parse(PIN "pin version=6.9.1-1-pve since=78 by=0\n"
                                                      "pin version=../x since=79 by=0\n"
                                                      "pin version=6.9.2-1-pve since=80\n");

        ck_assert_str_eq(h.pin_version, "6.9.1-1-pve");
        ck_assert_int_eq(history_set_pin(&h, "6.9.3-1-pve", 81, "0"), 0);
        assert_formats(&h, "pin version=6.9.3-1-pve since=81 by=0\n");
}
END_TEST

CHECK_MAIN("history", all_that_is_written_is_read_again,
           records_of_a_newer_version_are_kept_and_not_shown,
           job_with_fields_that_are_not_ours_to_read_is_kept_and_not_misread,
           file_that_is_torn_or_no_text_has_its_good_lines_and_is_called_damaged,
           deed_that_is_added_is_read_with_all_that_it_says, oldest_jobs_give_way,
           file_never_grows_over_its_bound_and_long_sentences_are_cut,
           job_that_says_the_same_and_wrote_nothing_takes_the_place_of_the_last,
           last_pin_counts_and_a_wrong_one_does_not)
