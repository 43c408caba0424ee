/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bounds on what a worker says, told from its plan alone: each action leads to so many reports of a
 * type and so many bytes. Progress comes as fast as a disk is, so only its pace is bounded. Nothing
 * is asked about the sense of a report, nor about its order beyond that of the steps. */

#include "core/report-quota.h"

#include "common/string-util.h"
#include "core/plan-wire.h"

#define USEC_PER_SEC UINT64_C(1000000)

static const struct {
        ReportType type;
        size_t n, bytes;
} answers[_PLAN_ACTION_MAX] = {
        [PLAN_SCAN] = { REPORT_FILE, ESP_FILES_MAX, ESP_TEXT_MAX },
        [PLAN_CHECK] = { REPORT_FILE, 1, PLAN_PATH_MAX },
        [PLAN_TOKEN] = { REPORT_WAITING, 1, 0 },
        [PLAN_PLACE] = { REPORT_PLACED, 1, PLAN_PATH_MAX },
        [PLAN_OPTIONAL] = { REPORT_WARNING, 1, REPORT_MESSAGE_MAX },
        [PLAN_BOOT_ENTRY] = { REPORT_WARNING, 1, REPORT_MESSAGE_MAX },
        [PLAN_PROBE] = { REPORT_PARTITION, DISK_PARTITIONS_MAX, ESP_TEXT_MAX },
        [PLAN_FORMAT] = { REPORT_PARTITION, 1, REPORT_TEXT_MAX },
        [PLAN_FIRMWARE] = { REPORT_FIRMWARE, 1, REPORT_TEXT_MAX },
        [PLAN_KSM_PROCESSES] = { REPORT_PROCESS, KSM_PROCESSES_MAX, REPORT_TEXT_MAX },
};

void report_quota_init(ReportQuota *q, const Plan *plan) {
        assert(q);
        assert(plan);

        *q = (ReportQuota){ .n_steps = plan->n_steps, .bytes_left = REPORT_MESSAGE_MAX };
        q->left[REPORT_STARTED] = q->left[REPORT_FAILED] = q->left[REPORT_DONE] = 1;
        q->left[REPORT_STEP] = plan->n_steps;
        q->left[REPORT_PROGRESS] = REPORT_PROGRESS_MAX;
        for (size_t i = 0; i < plan->n_steps; i++) {
                PlanAction action = plan->steps[i].action;

                q->left[answers[action].type] += answers[action].n;
                q->bytes_left += answers[action].bytes;
                q->left[REPORT_SPACE] += action == PLAN_SCAN;
        }
}

static void grant_progress(ReportQuota *q, uint64_t now_usec) {
        uint64_t n = (now_usec - q->progress_usec) * REPORT_PROGRESS_MAX / USEC_PER_SEC;

        if (now_usec < q->progress_usec || n == 0)
                return;
        q->left[REPORT_PROGRESS] = (size_t) MIN(q->left[REPORT_PROGRESS] + MIN(n, UINT32_MAX),
                                                (uint64_t) REPORT_PROGRESS_MAX);
        q->progress_usec = now_usec;
}

static size_t report_bytes(const Report *report) {
        return strlen(strempty(report->file.path)) + strlen(strempty(report->file.text)) +
               strlen(strempty(report->text)) + strlen(strempty(report->error.message));
}

bool report_quota_take(ReportQuota *q, const Report *report, uint64_t now_usec) {
        size_t bytes = report_bytes(report);

        grant_progress(q, now_usec);
        if (q->ended || q->left[report->type] == 0 || bytes > q->bytes_left)
                return false;
        if (report->type == REPORT_STEP) {
                if (report->index < q->next_step || report->index >= q->n_steps)
                        return false;
                q->next_step = report->index + 1;
        }
        q->left[report->type]--;
        q->bytes_left -= bytes;
        q->ended = report->type == REPORT_FAILED || report->type == REPORT_DONE;
        return true;
}
