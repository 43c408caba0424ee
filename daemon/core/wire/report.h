/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The reports of the worker: one record a message; and how much it may say. It has just read
 * whatever was on a disk, so it is taken for a liar where it says more than its plan can lead to.
 * The worker itself keeps to the same bounds, and tells in an error what is beyond them. */

#include "common/error.h"
#include "common/record.h"
#include "core/esp/esp-image.h"
#include "core/plan/plan.h"
#include "core/secure-boot/secure-boot.h"

#define REPORT_SIZE_MAX    (128 * 1024)      /* of one message */
#define REPORT_TEXT_MAX    ESP_FILE_TEXT_MAX /* of any text, before escaping */
#define REPORT_MESSAGE_MAX (4 * 1024)        /* of an error's message, before escaping */

typedef enum ReportType {
        REPORT_STARTED,  /* the plan is accepted and the ESP is open */
        REPORT_STEP,     /* index: this step begins */
        REPORT_PROGRESS, /* bytes: moved since the start (a staged file counts twice: written, read
                          * back) */
        REPORT_SPACE,    /* begins the answer to a scan: loader, size, free, cluster, dirty, fold */
        REPORT_FILE,     /* a file seen by a scan, or the verdict of a check */
        REPORT_PLACED,   /* in place: path, size, mtime as on the ESP; index: its step */
        REPORT_WAITING,  /* staged; waits for the token */
        REPORT_PARTITION,   /* text: a disk or partition, as partition_format() writes it */
        REPORT_FIRMWARE,    /* text: the firmware's variables, as firmware_format() writes them */
        REPORT_PROCESS,     /* text: who gains from KSM, as ksm_process_format() writes it */
        REPORT_SECURE_BOOT, /* text: a record of keys and signatures, see secure_boot_take() */
        REPORT_WARNING, /* error and message: what could not be done besides; the plan goes on */
        REPORT_FAILED,  /* error and message; the worker exits */
        REPORT_DONE,    /* all steps done; the worker exits */
        _REPORT_TYPE_MAX,
        _REPORT_TYPE_INVALID = -EINVAL,
} ReportType;

/* "started", "step", "progress", "space", "file", "placed", "waiting", "partition", "firmware",
 * "process", "secure-boot", "warning", "failed", "done" */
const char *report_type_to_string(ReportType type);

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

/* So much of one ESP is looked at. A few dozen files are usual. A directory that was never written,
 * after a power cut, may hold 1024 names made of noise, and must be seen to be repaired. */
#define ESP_FILES_MAX 2048
#define ESP_TEXT_MAX  (1024 * 1024) /* bytes of their paths and texts */

#define DISK_PARTITIONS_MAX 1024 /* of one disk, with the disk; the kernel knows 256 */
#define KSM_PROCESSES_MAX   64   /* nobody reads more */

/* Reports of progress: so many at once, and then so many in a second. */
#define REPORT_PROGRESS_MAX 1000

typedef struct ReportQuota {
        size_t left[_REPORT_TYPE_MAX]; /* reports that may still come */
        size_t bytes_left;             /* of paths, texts and messages */
        uint64_t next_step, n_steps;
        uint64_t progress_usec; /* until when progress was granted */
        bool ended;             /* it said "done" or "failed" */
} ReportQuota;

/* Allow all that @plan (not kept) can lead to. */
void report_quota_init(ReportQuota *q, const Plan *plan);

/* Count @report, which came at @now_usec (of any clock that does not go back). False if it is one
 * too many, carries too much, names a step that is not in the plan or was begun before, or comes
 * after the end. */
bool report_quota_take(ReportQuota *q, const Report *report, uint64_t now_usec);
