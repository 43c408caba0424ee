/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An error for a user: a typed name, which is also the D-Bus error, and one sentence that names the
 * thing, says why, and what to do. */

#include "common/enum.h"

typedef enum ErrorCode {
        ERROR_NONE,
        ERROR_FAILED,
        ERROR_BUSY,
        ERROR_NOT_SUPPORTED,
        ERROR_INVALID_OPTION,
        ERROR_INVALID_VERSION,
        ERROR_NO_SUCH_KERNEL,
        ERROR_NOT_BOOTABLE,
        ERROR_LAST_KERNEL,
        ERROR_LAST_ESP,
        ERROR_NO_SUCH_ESP,
        ERROR_ESP_MISSING,
        ERROR_ESP_MOUNTED,
        ERROR_ESP_IN_USE,
        ERROR_NOT_A_PARTITION,
        ERROR_NOT_AN_ESP,
        ERROR_DUPLICATE_UUID,
        ERROR_DEVICE_CHANGED,
        ERROR_TOO_SMALL,
        ERROR_ALREADY_FORMATTED,
        ERROR_NO_SPACE,
        ERROR_VERIFY_FAILED,
        ERROR_TIMEOUT,
        ERROR_CANCELED,
        ERROR_READ_ONLY,
        ERROR_FIRMWARE_ERROR,
        ERROR_INSUFFICIENT_MEMORY,
        ERROR_DATABASE_UNREADABLE,
        ERROR_SOURCE_CHANGED,
        _ERROR_CODE_MAX,
        _ERROR_CODE_INVALID = -EINVAL,
} ErrorCode;

typedef struct Error {
        ErrorCode code;
        char *message;
} Error;

/* "NoSpace": the last part of the D-Bus error name. */
DECLARE_STRING_TABLE(error_code, ErrorCode);

void error_done(Error *e);
#define _cleanup_error_ _cleanup_(error_done)

static inline bool error_is_set(const Error *e) {
        return e && e->code != ERROR_NONE;
}

/* Fill @e (which may be NULL) unless it is set already: the first reason is the cause. Returns the
 * negative errno that belongs to @code, so that callers can `return error_set(…)`. */
int error_set(Error *e, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* The same for a failed call: "FORMAT: strerror". The code is derived from the errno (ENOSPC and
 * EDQUOT → NoSpace, EROFS → ReadOnly, ETIMEDOUT → Timeout, ECANCELED → Canceled, EBUSY → Busy,
 * EOPNOTSUPP → NotSupported, else Failed). @error_number may have either sign; returned is the
 * negative errno. */
int error_set_errno(Error *e, int error_number, const char *format, ...) _printf_(3, 4);

/* @from's content goes to @to, which is cleared first. */
void error_move(Error *to, Error *from);
int error_copy(Error *to, const Error *from);

/* The negative errno that stands for @code. */
int error_code_to_errno(ErrorCode code) _const_;
