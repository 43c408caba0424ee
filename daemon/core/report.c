/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the worker's reports travel. The worker has just read whatever was on a disk, so the daemon
 * believes only well-formed messages of bounded size: each type carries exactly the fields of its
 * row in the table. What a report means for an ESP or a job is the engine's business. */

#include "core/report.h"

static const char *const report_type_table[_REPORT_TYPE_MAX] = {
        [REPORT_STARTED] = "started",   [REPORT_STEP] = "step",
        [REPORT_PROGRESS] = "progress", [REPORT_SPACE] = "space",
        [REPORT_FILE] = "file",         [REPORT_PLACED] = "placed",
        [REPORT_WAITING] = "waiting",   [REPORT_PARTITION] = "partition",
        [REPORT_FIRMWARE] = "firmware", [REPORT_PROCESS] = "process",
        [REPORT_WARNING] = "warning",   [REPORT_FAILED] = "failed",
        [REPORT_DONE] = "done",
};
DEFINE_STRING_TABLE(report_type, ReportType)

typedef enum ReportFields {
        FIELDS_INDEX = 1 << 0,
        FIELDS_BYTES = 1 << 1,
        FIELDS_SPACE = 1 << 2,  /* size, free, cluster, loader, dirty, fold */
        FIELDS_FILE = 1 << 3,   /* path, size, mtime */
        FIELDS_LOOK = 1 << 4,   /* type, verdict; sha256 and text where they are known */
        FIELDS_DIGEST = 1 << 5, /* sha256 */
        FIELDS_ERROR = 1 << 6,  /* error; message, unless memory was short */
        FIELDS_TEXT = 1 << 7,   /* text */
} ReportFields;

static const unsigned type_fields[_REPORT_TYPE_MAX] = {
        [REPORT_STARTED] = 0,
        [REPORT_STEP] = FIELDS_INDEX,
        [REPORT_PROGRESS] = FIELDS_BYTES,
        [REPORT_SPACE] = FIELDS_SPACE,
        [REPORT_FILE] = FIELDS_FILE | FIELDS_LOOK,
        [REPORT_PLACED] = FIELDS_INDEX | FIELDS_FILE | FIELDS_DIGEST,
        [REPORT_WAITING] = 0,
        [REPORT_PARTITION] = FIELDS_TEXT,
        [REPORT_FIRMWARE] = FIELDS_TEXT,
        [REPORT_PROCESS] = FIELDS_TEXT,
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
        if (file->sha256[0] != '\0')
                record_add(b, "sha256", file->sha256);
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
        if (fields & FIELDS_DIGEST)
                record_add(&b, "sha256", r->file.sha256);
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

static int take_digest(Report *r, const Record *record) {
        const char *sha256 = record_get(record, "sha256");

        if (!digest_is_valid(sha256))
                return -EBADMSG;
        memcpy(r->file.sha256, sha256, DIGEST_HEX_SIZE);
        return 1;
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
        if (record_get(record, "sha256")) {
                if (take_digest(r, record) < 0)
                        return -EBADMSG;
                n++;
        }
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
        { ~0u, take_numbers },          { FIELDS_SPACE, take_space },
        { FIELDS_FILE, take_path },     { FIELDS_LOOK, take_look },
        { FIELDS_DIGEST, take_digest }, { FIELDS_ERROR, take_error },
        { FIELDS_TEXT, take_own_text },
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
