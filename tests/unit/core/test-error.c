/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Errors keep the first cause, and every code has one name and an errno. */

#include "common/error.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

START_TEST(error_holds_code_and_sentence) {
        _cleanup_error_ Error e = {};

        ck_assert(!error_is_set(&e));
        ck_assert(!error_is_set(NULL));
        ck_assert_int_eq(error_set(&e, ERROR_NO_SPACE, "ESP '%s' is full", "ABCD-0001"), -ENOSPC);
        ck_assert(error_is_set(&e));
        ck_assert_int_eq(e.code, ERROR_NO_SPACE);
        ck_assert_str_eq(e.message, "ESP 'ABCD-0001' is full");

        error_done(&e);
        ck_assert(!error_is_set(&e));
        ck_assert_ptr_null(e.message);
}
END_TEST

START_TEST(first_reason_is_the_cause) {
        _cleanup_error_ Error e = {};

        ck_assert_int_eq(error_set(&e, ERROR_TIMEOUT, "first"), -ETIMEDOUT);
        ck_assert_int_eq(error_set(&e, ERROR_BUSY, "second"), -EBUSY);
        ck_assert_int_eq(error_set_errno(&e, ENOSPC, "third"), -ENOSPC);
        ck_assert_int_eq(e.code, ERROR_TIMEOUT);
        ck_assert_str_eq(e.message, "first");
}
END_TEST

START_TEST(nobody_need_listen) {
        ck_assert_int_eq(error_set(NULL, ERROR_READ_ONLY, "x"), -EROFS);
        ck_assert_int_eq(error_set_errno(NULL, -ENOENT, "x"), -ENOENT);
}
END_TEST

START_TEST(failed_call_is_explained) {
        _cleanup_error_ Error e = {};
        _cleanup_free_ char *expect = strprintf("Cannot read 'x': %s", strerror(ENOENT));

        ck_assert_int_eq(error_set_errno(&e, ENOENT, "Cannot read '%s'", "x"), -ENOENT);
        ck_assert_int_eq(e.code, ERROR_FAILED);
        ck_assert_str_eq(e.message, expect);
}
END_TEST

START_TEST(code_follows_from_the_errno) {
        static const struct {
                int error_number;
                ErrorCode code;
        } cases[] = {
                { ENOSPC, ERROR_NO_SPACE },
                { EDQUOT, ERROR_NO_SPACE },
                { EROFS, ERROR_READ_ONLY },
                { ETIMEDOUT, ERROR_TIMEOUT },
                { ECANCELED, ERROR_CANCELED },
                { EBUSY, ERROR_BUSY },
                { EOPNOTSUPP, ERROR_NOT_SUPPORTED },
                { EIO, ERROR_FAILED },
                { ENOMEM, ERROR_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (int sign = -1; sign <= 1; sign += 2) {
                        _cleanup_error_ Error e = {};

                        ck_assert_int_eq(error_set_errno(&e, sign * cases[i].error_number, "x"),
                                         -cases[i].error_number);
                        ck_assert_int_eq(e.code, cases[i].code);
                }
}
END_TEST

START_TEST(moving_leaves_nothing_behind) {
        _cleanup_error_ Error from = {}, to = {};

        (void) error_set(&from, ERROR_BUSY, "new");
        (void) error_set(&to, ERROR_FAILED, "old");
        error_move(&to, &from);
        ck_assert_int_eq(to.code, ERROR_BUSY);
        ck_assert_str_eq(to.message, "new");
        ck_assert(!error_is_set(&from));
        ck_assert_ptr_null(from.message);

        error_move(&to, &from);
        ck_assert(!error_is_set(&to));
        ck_assert_ptr_null(to.message);
}
END_TEST

START_TEST(copy_is_independent) {
        _cleanup_error_ Error from = {}, to = {};

        (void) error_set(&from, ERROR_BUSY, "new");
        (void) error_set(&to, ERROR_FAILED, "old");
        ck_assert_int_eq(error_copy(&to, &from), 0);
        ck_assert_ptr_ne(to.message, from.message);
        error_done(&from);
        ck_assert_int_eq(to.code, ERROR_BUSY);
        ck_assert_str_eq(to.message, "new");

        ck_assert_int_eq(error_copy(&to, &to), 0);
        ck_assert_str_eq(to.message, "new");

        ck_assert_int_eq(error_copy(&to, &from), 0);
        ck_assert(!error_is_set(&to));
        ck_assert_ptr_null(to.message);
}
END_TEST

START_TEST(every_code_has_a_name_of_its_own_and_an_errno) {
        for (ErrorCode c = ERROR_NONE + 1; c < _ERROR_CODE_MAX; c++) {
                const char *name = error_code_to_string(c);

                ck_assert_msg(!isempty(name), "code %d", (int) c);
                ck_assert_msg(name[0] >= 'A' && name[0] <= 'Z', "%s", name);
                ck_assert_int_eq(error_code_from_string(name), c);
                ck_assert_msg(error_code_to_errno(c) < 0, "%s", name);
        }
        ck_assert_int_eq(error_code_to_errno(ERROR_NONE), 0);
        ck_assert_int_eq(error_code_from_string("nospace"), _ERROR_CODE_INVALID);
        ck_assert_int_eq(error_code_from_string("NoSuchError"), _ERROR_CODE_INVALID);
        ck_assert_int_eq(error_code_from_string(NULL), _ERROR_CODE_INVALID);
        ck_assert_ptr_null(error_code_to_string(_ERROR_CODE_MAX));
        ck_assert_ptr_null(error_code_to_string(_ERROR_CODE_INVALID));
}
END_TEST

CHECK_MAIN("error", error_holds_code_and_sentence, first_reason_is_the_cause, nobody_need_listen,
           failed_call_is_explained, code_follows_from_the_errno, moving_leaves_nothing_behind,
           copy_is_independent, every_code_has_a_name_of_its_own_and_an_errno)
