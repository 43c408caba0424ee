/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Typed errors. One table ties each code to its name on D-Bus and to an errno; nothing else in the
 * project spells these names. An error is filled once, where the cause is known, and travels
 * unchanged to the one place that logs it or sends it. */

#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const error_code_table[_ERROR_CODE_MAX] = {
        [ERROR_NONE] = "",
        [ERROR_FAILED] = "Failed",
        [ERROR_BUSY] = "Busy",
        [ERROR_NOT_SUPPORTED] = "NotSupported",
        [ERROR_INVALID_OPTION] = "InvalidOption",
        [ERROR_INVALID_VERSION] = "InvalidVersion",
        [ERROR_NO_SUCH_KERNEL] = "NoSuchKernel",
        [ERROR_NOT_BOOTABLE] = "NotBootable",
        [ERROR_LAST_KERNEL] = "LastKernel",
        [ERROR_LAST_ESP] = "LastEsp",
        [ERROR_NO_SUCH_ESP] = "NoSuchEsp",
        [ERROR_ESP_MISSING] = "EspMissing",
        [ERROR_ESP_MOUNTED] = "EspMounted",
        [ERROR_ESP_IN_USE] = "EspInUse",
        [ERROR_NOT_A_PARTITION] = "NotAPartition",
        [ERROR_NOT_AN_ESP] = "NotAnEsp",
        [ERROR_DUPLICATE_UUID] = "DuplicateUuid",
        [ERROR_DEVICE_CHANGED] = "DeviceChanged",
        [ERROR_TOO_SMALL] = "TooSmall",
        [ERROR_ALREADY_FORMATTED] = "AlreadyFormatted",
        [ERROR_NO_SPACE] = "NoSpace",
        [ERROR_VERIFY_FAILED] = "VerifyFailed",
        [ERROR_TIMEOUT] = "Timeout",
        [ERROR_CANCELED] = "Canceled",
        [ERROR_READ_ONLY] = "ReadOnly",
        [ERROR_FIRMWARE_ERROR] = "FirmwareError",
        [ERROR_INSUFFICIENT_MEMORY] = "InsufficientMemory",
        [ERROR_DATABASE_UNREADABLE] = "DatabaseUnreadable",
        [ERROR_SOURCE_CHANGED] = "SourceChanged",
};
DEFINE_STRING_TABLE(error_code, ErrorCode)

static const int error_errno_table[_ERROR_CODE_MAX] = {
        [ERROR_NONE] = 0,
        [ERROR_FAILED] = EIO,
        [ERROR_BUSY] = EBUSY,
        [ERROR_NOT_SUPPORTED] = EOPNOTSUPP,
        [ERROR_INVALID_OPTION] = EINVAL,
        [ERROR_INVALID_VERSION] = EINVAL,
        [ERROR_NO_SUCH_KERNEL] = ENOENT,
        [ERROR_NOT_BOOTABLE] = ENOEXEC,
        [ERROR_LAST_KERNEL] = EPERM,
        [ERROR_LAST_ESP] = EPERM,
        [ERROR_NO_SUCH_ESP] = ENXIO,
        [ERROR_ESP_MISSING] = ENODEV,
        [ERROR_ESP_MOUNTED] = EBUSY,
        [ERROR_ESP_IN_USE] = EBUSY,
        [ERROR_NOT_A_PARTITION] = ENOTBLK,
        [ERROR_NOT_AN_ESP] = EMEDIUMTYPE,
        [ERROR_DUPLICATE_UUID] = ENOTUNIQ,
        [ERROR_DEVICE_CHANGED] = ESTALE,
        [ERROR_TOO_SMALL] = EFBIG,
        [ERROR_ALREADY_FORMATTED] = EEXIST,
        [ERROR_NO_SPACE] = ENOSPC,
        [ERROR_VERIFY_FAILED] = EBADMSG,
        [ERROR_TIMEOUT] = ETIMEDOUT,
        [ERROR_CANCELED] = ECANCELED,
        [ERROR_READ_ONLY] = EROFS,
        [ERROR_FIRMWARE_ERROR] = EIO,
        [ERROR_INSUFFICIENT_MEMORY] = ENOMEM,
        [ERROR_DATABASE_UNREADABLE] = EUCLEAN,
        [ERROR_SOURCE_CHANGED] = ESTALE,
};

void error_done(Error *e) {
        e->message = mfree(e->message);
        e->code = ERROR_NONE;
}

int error_code_to_errno(ErrorCode code) {
        assert(code >= 0 && code < _ERROR_CODE_MAX);
        return -error_errno_table[code];
}

int error_set(Error *e, ErrorCode code, const char *format, ...) {
        va_list ap;

        if (e && e->code == ERROR_NONE) {
                va_start(ap, format);
                if (vasprintf(&e->message, format, ap) < 0)
                        e->message = NULL;
                va_end(ap);
                e->code = code;
        }
        return error_code_to_errno(code);
}

static ErrorCode error_code_from_errno(int error_number) {
        switch (error_number) {
        case ENOSPC:
        case EDQUOT:
                return ERROR_NO_SPACE;
        case EROFS:
                return ERROR_READ_ONLY;
        case ETIMEDOUT:
                return ERROR_TIMEOUT;
        case ECANCELED:
                return ERROR_CANCELED;
        case EBUSY:
                return ERROR_BUSY;
        case EOPNOTSUPP:
                return ERROR_NOT_SUPPORTED;
        default: /* errno is not our enum */
                return ERROR_FAILED;
        }
}

int error_set_errno(Error *e, int error_number, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list ap;

        error_number = abs(error_number);
        if (e && e->code == ERROR_NONE) {
                va_start(ap, format);
                if (vasprintf(&what, format, ap) < 0)
                        what = NULL;
                va_end(ap);
                (void) error_set(e, error_code_from_errno(error_number), "%s: %s",
                                 what ?: "Out of memory", strerror(error_number));
        }
        return -error_number;
}

void error_move(Error *to, Error *from) {
        error_done(to);
        *to = TAKE_STRUCT(*from);
}

int error_copy(Error *to, const Error *from) {
        _cleanup_free_ char *message = NULL;

        if (from->message) {
                message = strdup(from->message);
                if (!message)
                        return -ENOMEM;
        }
        error_done(to);
        *to = (Error){ .code = from->code, .message = TAKE_PTR(message) };
        return 0;
}
