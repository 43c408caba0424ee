/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the worker's reports travel. The worker has just read whatever was on a disk, so the daemon
 * believes only well-formed messages of bounded size: each type carries exactly the fields of its
 * row in the table. What a report means for an ESP or a job is the engine's business.
 *
 * How much a worker may say is told from its plan alone: each action leads to so many reports of a
 * type and so many bytes. Progress comes as fast as a disk is, so only its pace is bounded. Nothing
 * is asked about the sense of a report, nor about its order beyond that of the steps. */

#include "core/wire/report.h"

#include "common/string-util.h"
#include "core/wire/plan-wire.h"

static const char *const report_type_table[_REPORT_TYPE_MAX] = {
        [REPORT_STARTED] = "started",
        [REPORT_STEP] = "step",
        [REPORT_PROGRESS] = "progress",
        [REPORT_SPACE] = "space",
        [REPORT_FILE] = "file",
        [REPORT_PLACED] = "placed",
        [REPORT_WAITING] = "waiting",
        [REPORT_PARTITION] = "partition",
        [REPORT_FIRMWARE] = "firmware",
        [REPORT_PROCESS] = "process",
        [REPORT_SECURE_BOOT] = "secure-boot",
        [REPORT_WARNING] = "warning",
        [REPORT_FAILED] = "failed",
        [REPORT_DONE] = "done",
};
DEFINE_TO_STRING(report_type, ReportType)
DEFINE_STATIC_FROM_STRING(report_type, ReportType)

static const char *const file_type_table[_FILE_TYPE_MAX] = {
        [FILE_REGULAR] = "file",
        [FILE_DIRECTORY] = "directory",
        [FILE_OTHER] = "other",
};
DEFINE_STATIC_STRING_TABLE(file_type, FileType)

static const char *const file_verdict_table[_FILE_VERDICT_MAX] = {
        [VERDICT_UNCHECKED] = "unchecked",   [VERDICT_TRUSTED] = "trusted",
        [VERDICT_EQUAL] = "equal",           [VERDICT_DIFFERS] = "differs",
        [VERDICT_UNREADABLE] = "unreadable",
};
DEFINE_STATIC_STRING_TABLE(file_verdict, FileVerdict)

typedef enum ReportFields {
        FIELDS_INDEX = 1 << 0,
        FIELDS_BYTES = 1 << 1,
        FIELDS_SPACE = 1 << 2, /* size, free, cluster, loader, dirty, fold */
        FIELDS_FILE = 1 << 3,  /* path, size, mtime */
        FIELDS_LOOK = 1 << 4,  /* type, verdict; text where it is known */
        FIELDS_ERROR = 1 << 5, /* error; message, unless memory was short */
        FIELDS_TEXT = 1 << 6,  /* text */
} ReportFields;

static const unsigned type_fields[_REPORT_TYPE_MAX] = {
        [REPORT_STARTED] = 0,
        [REPORT_STEP] = FIELDS_INDEX,
        [REPORT_PROGRESS] = FIELDS_BYTES,
        [REPORT_SPACE] = FIELDS_SPACE,
        [REPORT_FILE] = FIELDS_FILE | FIELDS_LOOK,
        [REPORT_PLACED] = FIELDS_INDEX | FIELDS_FILE,
        [REPORT_WAITING] = 0,
        [REPORT_PARTITION] = FIELDS_TEXT,
        [REPORT_FIRMWARE] = FIELDS_TEXT,
        [REPORT_PROCESS] = FIELDS_TEXT,
        [REPORT_SECURE_BOOT] = FIELDS_TEXT,
        [REPORT_WARNING] = FIELDS_ERROR,
        [REPORT_FAILED] = FIELDS_ERROR,
        [REPORT_DONE] = 0,
};

static const struct {
        const char *key;
        ReportFields fields;
        size_t offset; /* of a uint64_t in Report */
} number_fields[] = {
        { "index", FIELDS_INDEX, offsetof(Report, index) },
        { "bytes", FIELDS_BYTES, offsetof(Report, bytes) },
        { "size", FIELDS_SPACE, offsetof(Report, size_bytes) },
        { "free", FIELDS_SPACE, offsetof(Report, free_bytes) },
        { "cluster", FIELDS_SPACE, offsetof(Report, cluster_bytes) },
        { "size", FIELDS_FILE, offsetof(Report, file.size) },
        { "mtime", FIELDS_FILE, offsetof(Report, file.mtime) },
};

static uint64_t *report_number(const Report *r, size_t index) {
        return (uint64_t *) ((char *) r + number_fields[index].offset);
}

void report_done(Report *r) {
        esp_file_done(&r->file);
        free(r->text);
        error_done(&r->error);
        *r = (Report){};
}

static void format_look(Buffer *b, const EspFile *file) {
        record_add(b, "type", file_type_to_string(file->type));
        record_add(b, "verdict", file_verdict_to_string(file->verdict));
        if (file->text && strlen(file->text) <= REPORT_TEXT_MAX)
                record_add(b, "text", file->text);
}

static void format_error(Buffer *b, const Error *error) {
        _cleanup_free_ char *message = NULL;

        if (error->message)
                message = string_for_humans(error->message, strlen(error->message),
                                            REPORT_MESSAGE_MAX - strlen("..."));
        record_add(b, "error", error_code_to_string(error->code));
        record_add(b, "message", message);
}

int report_format(const Report *r, char **ret, size_t *ret_size) {
        unsigned fields = type_fields[r->type];
        Buffer b = {};

        assert(ret);

        if ((fields & FIELDS_TEXT) && strlen(r->text) > REPORT_TEXT_MAX)
                return -E2BIG;
        record_begin(&b, report_type_to_string(r->type));
        if (fields & FIELDS_FILE)
                record_add(&b, "path", r->file.path);
        for (size_t i = 0; i < ELEMENTSOF(number_fields); i++)
                if (fields & number_fields[i].fields)
                        record_add_u64(&b, number_fields[i].key, *report_number(r, i));
        if (fields & FIELDS_SPACE) {
                record_add(&b, "loader", esp_loader_to_string(r->loader));
                record_add_u64(&b, "dirty", r->dirty);
                record_add_u64(&b, "fold", r->folds_case);
        }
        if (fields & FIELDS_LOOK)
                format_look(&b, &r->file);
        if (fields & FIELDS_ERROR)
                format_error(&b, &r->error);
        if (fields & FIELDS_TEXT)
                record_add(&b, "text", r->text);
        record_end(&b);

        if (b.size > REPORT_SIZE_MAX) {
                buffer_done(&b);
                return -E2BIG;
        }
        return buffer_take(&b, ret, ret_size);
}

/* The functions below take their fields of @record into @r and return how many there were. */

static int take_numbers(Report *r, const Record *record) {
        int n = 0;

        for (size_t i = 0; i < ELEMENTSOF(number_fields); i++) {
                if (!(type_fields[r->type] & number_fields[i].fields))
                        continue;
                if (record_get_u64(record, number_fields[i].key, report_number(r, i)) < 0)
                        return -EBADMSG;
                n++;
        }
        return n;
}

static int take_bit(const Record *record, const char *key, bool *ret) {
        const char *value = record_get(record, key);

        if (!value || (!streq(value, "0") && !streq(value, "1")))
                return -EBADMSG;
        *ret = streq(value, "1");
        return 1;
}

static int take_space(Report *r, const Record *record) {
        r->loader = esp_loader_from_string(record_get(record, "loader"));
        if (r->loader < 0 || r->cluster_bytes == 0)
                return -EBADMSG;
        if (take_bit(record, "dirty", &r->dirty) < 0 ||
            take_bit(record, "fold", &r->folds_case) < 0)
                return -EBADMSG;
        return 3;
}

static int take_path(Report *r, const Record *record) {
        const char *path = record_get(record, "path");

        if (isempty(path))
                return -EBADMSG;
        r->file.path = strdup(path);
        return r->file.path ? 1 : -ENOMEM;
}

static int take_text(const Record *record, char **ret) {
        const char *text = record_get(record, "text");

        if (!text || strlen(text) > REPORT_TEXT_MAX)
                return -EBADMSG;
        *ret = strdup(text);
        return *ret ? 1 : -ENOMEM;
}

static int take_own_text(Report *r, const Record *record) {
        return take_text(record, &r->text);
}

static int take_look(Report *r, const Record *record) {
        int n = 2, q;

        r->file.type = file_type_from_string(record_get(record, "type"));
        r->file.verdict = file_verdict_from_string(record_get(record, "verdict"));
        if (r->file.type < 0 || r->file.verdict < 0)
                return -EBADMSG;
        if (record_get(record, "text")) {
                q = take_text(record, &r->file.text);
                if (q < 0)
                        return q;
                n++;
        }
        return n;
}

/* It goes to the bus and to terminals as it is. */
static int take_message(Report *r, const char *message) {
        _cleanup_free_ char *fit = string_for_humans(message, strlen(message), REPORT_MESSAGE_MAX);

        if (!fit)
                return -ENOMEM;
        if (!streq(fit, message))
                return -EBADMSG;
        r->error.message = TAKE_PTR(fit);
        return 2;
}

static int take_error(Report *r, const Record *record) {
        const char *message = record_get(record, "message");

        r->error.code = error_code_from_string(record_get(record, "error"));
        if (r->error.code <= ERROR_NONE)
                return -EBADMSG;
        return message ? take_message(r, message) : 1;
}

static const struct {
        ReportFields fields;
        int (*take)(Report *r, const Record *record);
} takers[] = {
        { ~0u, take_numbers },      { FIELDS_SPACE, take_space }, { FIELDS_FILE, take_path },
        { FIELDS_LOOK, take_look }, { FIELDS_ERROR, take_error }, { FIELDS_TEXT, take_own_text },
};

int report_parse(const char *text, size_t size, Report *ret) {
        _cleanup_(report_done) Report report = {};
        _cleanup_(record_done) Record record = {};
        size_t n = 0;
        int r;

        assert(ret);

        if (size == 0 || size > REPORT_SIZE_MAX || text[size - 1] != '\n')
                return -EBADMSG;
        r = record_parse(text, size - 1, &record);
        if (r < 0)
                return r;

        report.type = report_type_from_string(record.verb);
        if (report.type < 0)
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(takers); i++)
                if (type_fields[report.type] & takers[i].fields) {
                        r = takers[i].take(&report, &record);
                        if (r < 0)
                                return r;
                        n += (size_t) r;
                }
        if (n != record.n_fields)
                return -EBADMSG;

        *ret = TAKE_STRUCT(report);
        return 0;
}

int report_read_record(const Report *r, Record *ret) {
        size_t size = strlen(r->text);

        if (size == 0 || r->text[size - 1] != '\n')
                return -EBADMSG;
        return record_parse(r->text, size - 1, ret);
}

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
        [PLAN_SIGNATURES] = { REPORT_SECURE_BOOT, SECURE_BOOT_FILES_MAX, SECURE_BOOT_BYTES_MAX },
        [PLAN_KEYS] = { REPORT_SECURE_BOOT, SECURE_BOOT_RECORDS_MAX, SECURE_BOOT_BYTES_MAX },
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
