/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the worker tells: one record a message. */

#include "common/error.h"
#include "core/esp-image.h"
#include "core/record.h"

#define REPORT_SIZE_MAX    (128 * 1024) /* of one message */
#define REPORT_TEXT_MAX    (32 * 1024)  /* of a file's text, before escaping */
#define REPORT_MESSAGE_MAX (4 * 1024)   /* of an error's message, before escaping */

typedef enum ReportType {
        REPORT_STARTED,  /* the plan is accepted and the ESP is open */
        REPORT_STEP,     /* index: this step begins */
        REPORT_PROGRESS, /* bytes: moved since the start (a staged file counts twice: written, read
                          * back) */
        REPORT_SPACE,    /* begins the answer to a scan: loader, size, free, cluster, dirty, fold */
        REPORT_FILE,     /* a file seen by a scan, or the verdict of a check */
        REPORT_PLACED,   /* in place: path, size, mtime, sha256 as on the ESP; index: its step */
        REPORT_WAITING,  /* staged; waits for the token */
        REPORT_PARTITION, /* text: a disk or partition, as partition_format() writes it */
        REPORT_FIRMWARE,  /* text: the firmware's variables, as firmware_format() writes them */
        REPORT_PROCESS,   /* text: who gains from KSM, as ksm_process_format() writes it */
        REPORT_WARNING,   /* error and message: what could not be done besides; the plan goes on */
        REPORT_FAILED,    /* error and message; the worker exits */
        REPORT_DONE,      /* all steps done; the worker exits */
        _REPORT_TYPE_MAX,
        _REPORT_TYPE_INVALID = -EINVAL,
} ReportType;

/* "started", "step", "progress", "space", "file", "placed", "waiting", "partition", "firmware",
 * "process", "warning", "failed", "done" */
DECLARE_STRING_TABLE(report_type, ReportType);

typedef struct Report {
        ReportType type;
        uint64_t index;
        uint64_t bytes;
        EspLoader loader;
        uint64_t size_bytes, free_bytes, cluster_bytes;
        bool dirty, folds_case;
        EspFile file;
        char *text;
        Error error;
} Report;

void report_done(Report *r);

/* One line with its newline. The text of a file is left out over REPORT_TEXT_MAX, any other is
 * -E2BIG then; an error's message is made fit for humans and D-Bus, and cut to REPORT_MESSAGE_MAX
 * bytes. -E2BIG beyond REPORT_SIZE_MAX (no path that a kernel allows gets there), or -ENOMEM. */
int report_format(const Report *r, char **ret, size_t *ret_size);

/* -EBADMSG for anything that report_format() would not write, but for the order of the fields. A
 * path is not empty, but nothing else is promised of it: it is a name that was on a disk. */
int report_parse(const char *text, size_t size, Report *ret);

/* The one record in the text of a report, which ends in a newline. -EBADMSG if it is none, or
 * -ENOMEM. */
int report_read_record(const Report *r, Record *ret);

/* Engine → worker, one word a message. */
#define WORKER_MESSAGE_COMMIT "commit" /* the token is yours */
#define WORKER_MESSAGE_STOP   "stop"   /* stop before the next step; leave everything bootable */
