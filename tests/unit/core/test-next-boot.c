/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A next-boot pin is spent in a later boot, never in the one that it was set in. */

#include "core/kernel/pin.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define SEC   UINT64_C(1000000000)
#define BOOT  "11111111-2222-3333-4444-555555555555"
#define LATER "66666666-7777-8888-9999-000000000000"

static const NextBoot set_in_boot = {
        .version = (char *) "6.8.12-4-pve",
        .inode = 7,
        .mtime = 1000 * SEC,
        .boot_id = (char *) BOOT,
};

/* The same pin file, seen in the boot @boot_id. */
static NextBoot seen_in(const char *boot_id) {
        NextBoot pin = set_in_boot;

        pin.boot_id = (char *) boot_id;
        return pin;
}

START_TEST(recorded_pin_stays_in_its_boot_however_old_its_file_is) {
        NextBoot pin = seen_in(BOOT);

        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 0), NEXT_BOOT_KEEP);
        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 500), NEXT_BOOT_KEEP);
        /* A clock that was set right in mid-boot. */
        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 2000), NEXT_BOOT_KEEP);
}
END_TEST

START_TEST(recorded_pin_is_spent_in_any_other_boot) {
        NextBoot pin = seen_in(LATER);

        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 2000), NEXT_BOOT_SPENT);
        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 0), NEXT_BOOT_SPENT);
}
END_TEST

START_TEST(pin_without_record_is_spent_only_if_it_is_older_than_the_boot) {
        NextBoot pin = seen_in(BOOT);

        ck_assert_int_eq(next_boot_judge(NULL, &pin, 1001), NEXT_BOOT_SPENT);
        ck_assert_int_eq(next_boot_judge(NULL, &pin, 1000), NEXT_BOOT_ADOPT);
        ck_assert_int_eq(next_boot_judge(NULL, &pin, 999), NEXT_BOOT_ADOPT);
        ck_assert_int_eq(next_boot_judge(NULL, &pin, 0), NEXT_BOOT_ADOPT);
}
END_TEST

START_TEST(record_of_another_pin_file_counts_as_none) {
        NextBoot pins[] = { seen_in(LATER), seen_in(LATER), seen_in(LATER) };

        pins[0].version = (char *) "6.8.12-5-pve";
        pins[1].inode++;
        pins[2].mtime++;
        for (size_t i = 0; i < ELEMENTSOF(pins); i++) {
                ck_assert_int_eq(next_boot_judge(&set_in_boot, &pins[i], 999), NEXT_BOOT_ADOPT);
                ck_assert_int_eq(next_boot_judge(&set_in_boot, &pins[i], 1001), NEXT_BOOT_SPENT);
        }
}
END_TEST

START_TEST(unknown_boot_spends_nothing) {
        NextBoot pin = seen_in(NULL);

        ck_assert_int_eq(next_boot_judge(&set_in_boot, &pin, 2000), NEXT_BOOT_KEEP);
        ck_assert_int_eq(next_boot_judge(NULL, &pin, 2000), NEXT_BOOT_KEEP);
}
END_TEST

START_TEST(record_survives_being_written_and_read) {
        _cleanup_(next_boot_done) NextBoot n = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(next_boot_format(&set_in_boot, &text, &size), 0);
        ck_assert_str_eq(text,
                         "v1\npin version=6.8.12-4-pve inode=7 mtime=1000000000000 boot-id=" BOOT
                         "\n");
        ck_assert_int_eq(next_boot_parse(text, size, &n), 0);
        ck_assert_str_eq(n.version, set_in_boot.version);
        ck_assert_str_eq(n.boot_id, BOOT);
        ck_assert_uint_eq(n.inode, 7);
        ck_assert_uint_eq(n.mtime, 1000 * SEC);
}
END_TEST

START_TEST(what_is_no_record_is_refused) {
        static const struct {
                const char *text;
                int expect;
        } cases[] = {
                { "", -EBADMSG },
                { "v1\n", -EBADMSG },
                { "v2\npin version=1.0 inode=1 mtime=1 boot-id=" BOOT "\n", -EPROTONOSUPPORT },
                { "v1\npin version=1.0 inode=1 mtime=1\n", -EBADMSG },
                { "v1\npin version=../x inode=1 mtime=1 boot-id=" BOOT "\n", -EBADMSG },
                { "v1\npin version=1.0 inode=x mtime=1 boot-id=" BOOT "\n", -EBADMSG },
                { "v1\nfile version=1.0 inode=1 mtime=1 boot-id=" BOOT "\n", -EBADMSG },
                { "\x7f\x45\x4c\x46", -EPROTONOSUPPORT },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                NextBoot n = {};

                ck_assert_int_eq(next_boot_parse(cases[i].text, strlen(cases[i].text), &n),
                                 cases[i].expect);
                ck_assert_ptr_null(n.version);
        }
}
END_TEST

CHECK_MAIN("next-boot", recorded_pin_stays_in_its_boot_however_old_its_file_is,
           recorded_pin_is_spent_in_any_other_boot,
           pin_without_record_is_spent_only_if_it_is_older_than_the_boot,
           record_of_another_pin_file_counts_as_none, unknown_boot_spends_nothing,
           record_survives_being_written_and_read, what_is_no_record_is_refused)
