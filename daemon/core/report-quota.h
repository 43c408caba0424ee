/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much a worker may say. It has just read whatever was on a disk, so it is taken for a liar
 * where it says more than its plan can lead to. The worker itself keeps to the same bounds, and
 * tells in an error what is beyond them. */

#include "core/plan.h"
#include "core/report.h"

/* What is looked at of one ESP. A few dozen files are usual. A directory that was never written,
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

/* What @plan (not kept) can lead to. */
void report_quota_init(ReportQuota *q, const Plan *plan);

/* Count @report, which came at @now_usec (of any clock that does not go back). False if it is one
 * too many, carries too much, names a step that is not in the plan or was begun before, or comes
 * after the end. */
bool report_quota_take(ReportQuota *q, const Report *report, uint64_t now_usec);
