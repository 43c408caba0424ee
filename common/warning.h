/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Something that is not as it should be, for people and for programs: which kind it is, what it is
 * about, one sentence, and the command that mends it. */

#include "common/enum.h"

typedef enum WarningId {
        WARNING_FILES_UNREADABLE,
        WARNING_BOOT_EMPTY,
        WARNING_KERNEL_WITHOUT_IMAGE,
        WARNING_KERNEL_WITHOUT_INITRD,
        WARNING_CMDLINE_WITHOUT_ROOT,
        WARNING_BAD_LINE,
        WARNING_PACKAGES_UNREADABLE,
        WARNING_AUTO_SYNC_OFF,
        WARNING_NOT_WATCHING,
        WARNING_ESP_FULL,
        WARNING_ENTRY_WITHOUT_ESP,
        WARNING_ROOT_DISK_WITHOUT_ESP,
        WARNING_NEXT_BOOT_NOT_ARMED,
        WARNING_PIN_OLD,
        WARNING_FIRMWARE_UNDOES,
        WARNING_ENTRIES_NOT_KEPT,
        WARNING_ESP_REFUSED, /* this and the next ones: by Secure Boot, while it is enabled */
        WARNING_KERNEL_REFUSED,
        WARNING_MODULES_REFUSED,
        WARNING_KEY_NOT_ENROLLED,
        WARNING_SERVICE_NOT_RUNNING, /* only a client can tell, also of the next */
        WARNING_SERVICE_NOT_ENABLED,
        _WARNING_ID_MAX,
        _WARNING_ID_INVALID = -EINVAL,
} WarningId;

/* A kind in the words that programs go by. */
typedef struct WarningKind {
        const char *word;       /* "files-unreadable" and so on */
        const char *severity;   /* "note": good to know; "warning": it may become a fault; "fault":
                                 * something does not work */
        const char *message_id; /* in the journal; systemd/bootsync.catalog explains it */
} WarningKind;

const WarningKind *warning_kind(WarningId id) _const_;

typedef struct Warning {
        WarningId id;
        char *subject;  /* the file, kernel, ESP, setting … that it is about */
        char *sentence; /* without its period */
        char *action;   /* a command for a shell */
} Warning;

typedef struct Warnings {
        Warning *items;
        size_t n, n_allocated;
} Warnings;

void warnings_done(Warnings *l);
#define _cleanup_warnings_ _cleanup_(warnings_done)

/* Add one; @sentence and @action are moved, whatever is returned. 0, or -ENOMEM, also if one of the
 * three is NULL, so that callers need not look. */
int warnings_add(Warnings *l, WarningId id, const char *subject, char *sentence, char *action);
bool warnings_equal(const Warnings *a, const Warnings *b);
/* True if @l has @warning: the same kind about the same subject, whatever its numbers are now. */
bool warnings_contain(const Warnings *l, const Warning *warning);

/* "SENTENCE; run 'ACTION'", without its period. NULL when out of memory. */
char *warning_to_text(const Warning *warning);
