/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports as the daemon reads them from a worker that may have read anything from a disk. */

#include "core/wire/report.h"
#include "tests/fuzz/fuzz.h"

static void check_report(const Report *report) {
        FUZZ_ASSERT(report->type >= 0 && report->type < _REPORT_TYPE_MAX);
        FUZZ_ASSERT(!report->file.text || strlen(report->file.text) <= REPORT_TEXT_MAX);
        if (report->type == REPORT_FILE || report->type == REPORT_PLACED)
                FUZZ_ASSERT(!isempty(report->file.path));
        if (report->type == REPORT_SPACE)
                FUZZ_ASSERT(report->cluster_bytes > 0);
        if (report->type == REPORT_FAILED)
                FUZZ_ASSERT(error_is_set(&report->error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(report_done) Report report = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = report_parse((const char *) data, size, &report);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        check_report(&report);
        FUZZ_ASSERT(report_format(&report, &first, &first_size) == 0);
        FUZZ_ASSERT(report_parse(first, first_size, &again) == 0);
        /* A text that was cut ends in dots, and is then cut a little earlier. */
        if (strlen(strempty(again.error.message)) > REPORT_MESSAGE_MAX)
                return 0;
        FUZZ_ASSERT(report_format(&again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
