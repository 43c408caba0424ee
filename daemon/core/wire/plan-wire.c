/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a plan travels to the worker. The worker acts with full privileges on what it reads here, so
 * reading is strict: an unknown verb, a missing or surplus field, or a path that could lead out of
 * the ESP refuses the whole plan. Whether its steps make sense together is not judged here. */

#include "core/wire/plan-wire.h"

#include <sys/sysmacros.h>

#include "common/record.h"
#include "core/conf/conf-file.h"
#include "core/ksm/ksm-model.h"

#define PLAN_VERB    "bootsync-plan"
#define PLAN_END     "end"
#define PLAN_VERSION 2

static const struct {
        const char *key;
        PlanField field;
        size_t offset; /* of a char * in PlanStep */
        bool is_path;
} string_fields[] = {
        { "path", PLAN_FIELD_PATH, offsetof(PlanStep, path), true },
        { "source", PLAN_FIELD_SOURCE, offsetof(PlanStep, source), true },
        { "text", PLAN_FIELD_TEXT, offsetof(PlanStep, text), false },
};

static const struct {
        const char *key;
        PlanField field;
        size_t offset; /* of a uint64_t in PlanStep */
} number_fields[] = {
        { "inode", PLAN_FIELD_STAMP, offsetof(PlanStep, stamp.inode) },
        { "size", PLAN_FIELD_STAMP, offsetof(PlanStep, stamp.size) },
        { "mtime", PLAN_FIELD_STAMP, offsetof(PlanStep, stamp.mtime) },
        { "ctime", PLAN_FIELD_STAMP, offsetof(PlanStep, stamp.ctime) },
        { "esp-size", PLAN_FIELD_ESP, offsetof(PlanStep, esp_size) },
        { "esp-mtime", PLAN_FIELD_ESP, offsetof(PlanStep, esp_mtime) },
};

static unsigned step_fields(const PlanStep *step) {
        unsigned fields = plan_action_kind(step->action)->fields;

        /* A check that trusts says what it is to trust. */
        return step->trust ? fields | PLAN_FIELD_ESP : fields;
}

bool plan_path_is_valid(const char *path) {
        size_t n;

        if (isempty(path) || strlen(path) > PLAN_PATH_MAX)
                return false;
        for (const char *p = path; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return false;

        /* An empty component is a leading, doubled or trailing slash. */
        for (const char *p = path;; p += n + 1) {
                n = strcspn(p, "/");
                if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                if (p[n] == '\0')
                        return true;
        }
}

static void *step_member(const PlanStep *step, size_t offset) {
        return (char *) step + offset;
}

static void step_format(const PlanStep *step, Buffer *b) {
        unsigned fields = step_fields(step);

        record_begin(b, plan_action_to_string(step->action));
        for (size_t i = 0; i < ELEMENTSOF(string_fields); i++)
                if (fields & string_fields[i].field)
                        record_add(b, string_fields[i].key,
                                   *(char **) step_member(step, string_fields[i].offset));
        for (size_t i = 0; i < ELEMENTSOF(number_fields); i++)
                if (fields & number_fields[i].field)
                        record_add_u64(b, number_fields[i].key,
                                       *(uint64_t *) step_member(step, number_fields[i].offset));
        if (step->trust)
                record_add_u64(b, "trust", 1);
        if (fields & PLAN_FIELD_FORCE)
                record_add_u64(b, "force", step->force);
        if (step->bytes > 0)
                record_add_u64(b, "bytes", step->bytes);
        record_end(b);
}

int plan_format(const Plan *p, char **ret, size_t *ret_size) {
        Buffer b = {};

        assert(p);
        assert(ret);

        record_begin(&b, PLAN_VERB);
        record_add_u64(&b, "version", PLAN_VERSION);
        record_add(&b, "esp", p->esp_uuid);
        record_add(&b, "device", p->device);
        if (device_id_is_set(&p->id)) {
                record_add_u64(&b, "major", major(p->id.number));
                record_add_u64(&b, "minor", minor(p->id.number));
                record_add_u64(&b, "diskseq", p->id.diskseq);
        }
        record_end(&b);
        for (size_t i = 0; i < p->n_steps; i++)
                step_format(&p->steps[i], &b);
        record_begin(&b, PLAN_END);
        record_end(&b);

        if (b.size > PLAN_TEXT_MAX) {
                buffer_done(&b);
                return -E2BIG;
        }
        return buffer_take(&b, ret, ret_size);
}

/* Both take one field of @r into @step and return the number of fields taken: 1, or an error. */
static int step_take_string(PlanStep *step, const Record *r, size_t index) {
        char **target = step_member(step, string_fields[index].offset);
        const char *value = record_get(r, string_fields[index].key);

        if (!value || (string_fields[index].is_path && !plan_path_is_valid(value)))
                return -EBADMSG;
        *target = strdup(value);
        return *target ? 1 : -ENOMEM;
}

static int step_take_number(PlanStep *step, const Record *r, size_t index) {
        uint64_t *target = step_member(step, number_fields[index].offset);

        return record_get_u64(r, number_fields[index].key, target) < 0 ? -EBADMSG : 1;
}

static int step_take_force(PlanStep *step, const Record *r) {
        const char *force = record_get(r, "force");

        if (!force || (!streq(force, "0") && !streq(force, "1")))
                return -EBADMSG;
        step->force = streq(force, "1");
        return 1;
}

/* Returns the number of optional fields taken: trust, and bytes. */
static int step_take_optional(PlanStep *step, const Record *r) {
        const char *trust = record_get(r, "trust");
        int error, n = 0;

        if (trust) {
                if (step->action != PLAN_CHECK || !streq(trust, "1"))
                        return -EBADMSG;
                step->trust = true;
                n++;
        }

        error = record_get_u64(r, "bytes", &step->bytes);
        if (error < 0 && error != -ENOENT)
                return error;
        return error < 0 ? n : n + 1;
}

static int step_take_fields(PlanStep *step, const Record *record) {
        unsigned fields;
        size_t n;
        int r;

        r = step_take_optional(step, record);
        if (r < 0)
                return r;
        n = (size_t) r;

        fields = step_fields(step);
        for (size_t i = 0; i < ELEMENTSOF(string_fields); i++)
                if (fields & string_fields[i].field) {
                        r = step_take_string(step, record, i);
                        if (r < 0)
                                return r;
                        n++;
                }
        for (size_t i = 0; i < ELEMENTSOF(number_fields); i++)
                if (fields & number_fields[i].field) {
                        r = step_take_number(step, record, i);
                        if (r < 0)
                                return r;
                        n++;
                }
        if (fields & PLAN_FIELD_FORCE) {
                r = step_take_force(step, record);
                if (r < 0)
                        return r;
                n++;
        }

        return n == record->n_fields ? 0 : -EBADMSG;
}

/* The head of a plan of the host says no more, so its first step tells the subject. */
static bool step_fits(Plan *p, PlanAction action) {
        PlanSubject subject = plan_action_kind(action)->subject;

        if (p->n_steps == 0 && !p->esp_uuid && !p->device && subject != PLAN_ON_ESP &&
            subject != PLAN_ON_DEVICE)
                p->subject = subject;
        return subject == p->subject;
}

static int plan_parse_step(Plan *p, const Record *record) {
        PlanAction action = plan_action_from_string(record->verb);
        PlanStep *step;
        int r;

        if (action < 0 || !step_fits(p, action))
                return -EBADMSG;
        step = plan_add(p, action, NULL);
        if (!step)
                return -ENOMEM;
        r = step_take_fields(step, record);
        if (r < 0)
                return r;
        if ((plan_action_kind(action)->fields & PLAN_FIELD_LOADER) &&
            esp_loader_from_string(step->text) <= ESP_LOADER_NONE)
                return -EBADMSG;
        if (action == PLAN_FORMAT && !device_id_is_set(&p->id))
                return -EBADMSG;
        if (action == PLAN_KSM_SET && !ksm_name_is_valid(step->path))
                return -EBADMSG;
        return 0;
}

static bool device_is_valid(const char *name) {
        return plan_path_is_valid(name) && !strchr(name, '/');
}

/* The number of fields taken: none, or all three. */
static int parse_id(const Record *record, DeviceId *ret) {
        uint64_t major_number, minor_number, diskseq;

        if (!record_get(record, "major"))
                return 0;
        if (record_get_u64(record, "major", &major_number) < 0 || major_number > UINT32_MAX ||
            record_get_u64(record, "minor", &minor_number) < 0 || minor_number > UINT32_MAX ||
            record_get_u64(record, "diskseq", &diskseq) < 0)
                return -EBADMSG;
        *ret = (DeviceId){
                .number = makedev((unsigned) major_number, (unsigned) minor_number),
                .diskseq = diskseq,
        };
        return device_id_is_set(ret) ? 3 : -EBADMSG;
}

static int plan_parse_head(const Record *record, Plan **ret) {
        const char *esp = record_get(record, "esp"), *device = record_get(record, "device");
        DeviceId id = {};
        uint64_t version;
        int r, n;

        if (!streq(record->verb, PLAN_VERB) || record_get_u64(record, "version", &version) < 0)
                return -EBADMSG;
        if (version != PLAN_VERSION)
                return -EPROTONOSUPPORT;
        n = parse_id(record, &id);
        if (n < 0)
                return n;
        n = (int) record->n_fields - n;
        if (n == 2 && esp && fat_uuid_is_valid(esp))
                r = plan_new(PLAN_ON_ESP, esp, ret);
        else if (n == 2 && device && device_is_valid(device))
                r = plan_new(PLAN_ON_DEVICE, device, ret);
        else if (n == 1 && !device_id_is_set(&id))
                r = plan_new(PLAN_ON_FIRMWARE, NULL, ret);
        else
                r = -EBADMSG;
        if (r >= 0)
                (*ret)->id = id;
        return r;
}

static int plan_next_record(const char *text, size_t size, size_t *pos, Record *ret) {
        const char *line = text + *pos, *end = memchr(line, '\n', size - *pos);

        if (!end)
                return -EBADMSG; /* cut short */
        *pos += (size_t) (end - line) + 1;
        return record_parse(line, (size_t) (end - line), ret);
}

int plan_parse(const char *text, size_t size, Plan **ret) {
        _cleanup_(plan_freep) Plan *p = NULL;
        size_t pos = 0;

        assert(ret);

        if (size > PLAN_TEXT_MAX)
                return -EBADMSG;

        for (;;) {
                _cleanup_(record_done) Record record = {};
                int r;

                r = plan_next_record(text, size, &pos, &record);
                if (r < 0)
                        return r;
                if (p && streq(record.verb, PLAN_END)) {
                        if (record.n_fields > 0 || pos < size)
                                return -EBADMSG;
                        break;
                }
                r = p ? plan_parse_step(p, &record) : plan_parse_head(&record, &p);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(p);
        return 0;
}
