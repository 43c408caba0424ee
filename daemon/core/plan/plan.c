/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan as a value: its life, its steps, and what can be told of it without looking at an ESP.
 * What belongs into a plan is decided elsewhere (plan-probe, plan-build), and so is how it travels
 * (plan-wire); here no step has a meaning beyond what its action's row says. This is the one table
 * of actions; bootsync-worker(8) describes the same to people, and a test compares the two. */

#include "core/plan/plan.h"

#include "common/string-util.h"

#define PATH      PLAN_FIELD_PATH
#define SOURCE    PLAN_FIELD_SOURCE
#define TEXT      PLAN_FIELD_TEXT
#define STAMP     PLAN_FIELD_STAMP
#define ESP       PLAN_FIELD_ESP
#define FORCE     PLAN_FIELD_FORCE
#define LOADER    (PLAN_FIELD_TEXT | PLAN_FIELD_LOADER)
#define NO_FIELDS 0

/* The effect of a step on an ESP: whether it writes, and whether it copies. */
#define READS  false, false
#define WRITES true, false
#define COPIES true, true

static const PlanActionKind actions[_PLAN_ACTION_MAX] = {
        [PLAN_KNOWN] = { "known", PLAN_ON_ESP, PATH | ESP, READS },
        [PLAN_SCAN] = { "scan", PLAN_ON_ESP, NO_FIELDS, READS },
        [PLAN_CHECK] = { "check", PLAN_ON_ESP, PATH | SOURCE | STAMP, READS },
        [PLAN_KEEP] = { "keep", PLAN_ON_ESP, PATH | ESP, READS },
        [PLAN_MKDIR] = { "mkdir", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_CLEAR] = { "clear", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_STAGE] = { "stage", PLAN_ON_ESP, PATH | SOURCE | STAMP, COPIES },
        [PLAN_STAGE_TEXT] = { "stage-text", PLAN_ON_ESP, PATH | TEXT, COPIES },
        [PLAN_GRUB_CONFIG] = { "grub-config", PLAN_ON_ESP, PATH | TEXT, WRITES },
        [PLAN_TOKEN] = { "token", PLAN_ON_ESP, NO_FIELDS, READS },
        [PLAN_REPAIR] = { "repair", PLAN_ON_ESP, NO_FIELDS, WRITES },
        [PLAN_PLACE] = { "place", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_REMOVE_ENTRY] = { "remove-entry", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_REMOVE_KERNEL] = { "remove-kernel", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_REMOVE_FILE] = { "remove-file", PLAN_ON_ESP, PATH, WRITES },
        [PLAN_BARRIER] = { "barrier", PLAN_ON_ESP, NO_FIELDS, READS },
        [PLAN_OPTIONAL] = { "optional", PLAN_ON_ESP, NO_FIELDS, READS },
        [PLAN_CHECK_LOADER] = { "check-loader", PLAN_ON_ESP, LOADER, READS },
        [PLAN_INSTALL_LOADER] = { "install-loader", PLAN_ON_ESP, LOADER, WRITES },
        [PLAN_BOOT_ENTRY] = { "boot-entry", PLAN_ON_ESP, LOADER, READS },
        [PLAN_SIGNATURES] = { "signatures", PLAN_ON_ESP, NO_FIELDS, READS },
        [PLAN_PROBE] = { "probe", PLAN_ON_DEVICE, NO_FIELDS, READS },
        [PLAN_FORMAT] = { "format", PLAN_ON_DEVICE, FORCE, READS },
        [PLAN_FIRMWARE] = { "firmware", PLAN_ON_FIRMWARE, NO_FIELDS, READS },
        [PLAN_ARM] = { "arm", PLAN_ON_FIRMWARE, TEXT, READS },
        [PLAN_DISARM] = { "disarm", PLAN_ON_FIRMWARE, TEXT, READS },
        [PLAN_PUT_ENTRY] = { "put-entry", PLAN_ON_FIRMWARE, TEXT, READS },
        [PLAN_SET_ORDER] = { "set-order", PLAN_ON_FIRMWARE, TEXT, READS },
        [PLAN_DROP_ENTRY] = { "drop-entry", PLAN_ON_FIRMWARE, TEXT, READS },
        [PLAN_KEYS] = { "keys", PLAN_ON_KEYS, TEXT, READS },
        [PLAN_PREFER_SHIM] = { "prefer-shim", PLAN_ON_FIRMWARE, NO_FIELDS, READS },
        [PLAN_UPDATE_GRUB] = { "update-grub", PLAN_ON_HOST_GRUB, NO_FIELDS, READS },
        [PLAN_KSM_SET] = { "ksm-set", PLAN_ON_KSM, PATH | TEXT, READS },
        [PLAN_KSM_UNMERGE] = { "ksm-unmerge", PLAN_ON_KSM, FORCE, READS },
        [PLAN_KSM_PROCESSES] = { "ksm-processes", PLAN_ON_KSM_PROCESSES, NO_FIELDS, READS },
};

typedef struct PlanSubjectKind {
        const char *before, *after; /* of the name, as a part of a sentence: "ESP '", "'" */
        const char *lock;           /* that keeps others off it, also before the name: "esp-" */
} PlanSubjectKind;

static const PlanSubjectKind subjects[_PLAN_SUBJECT_MAX] = {
        [PLAN_ON_ESP] = { "ESP '", "'", "esp-" },
        [PLAN_ON_DEVICE] = { "'/dev/", "'", "device-" },
        [PLAN_ON_FIRMWARE] = { "the boot variables of this host", "", "host" },
        [PLAN_ON_KEYS] = { "the keys and signatures of this host", "", "keys" },
        [PLAN_ON_HOST_GRUB] = { "the menu of GRUB on this host", "", "host" },
        [PLAN_ON_KSM] = { "KSM", "", "ksm" },
        [PLAN_ON_KSM_PROCESSES] = { "the processes that gain from KSM", "", "ksm-processes" },
};

const char *plan_action_to_string(PlanAction action) {
        return action >= 0 && action < _PLAN_ACTION_MAX ? actions[action].name : NULL;
}

PlanAction plan_action_from_string(const char *s) {
        for (PlanAction a = 0; s && a < _PLAN_ACTION_MAX; a++)
                if (strcmp(actions[a].name, s) == 0)
                        return a;
        return _PLAN_ACTION_INVALID;
}

const PlanActionKind *plan_action_kind(PlanAction action) {
        assert(action >= 0 && action < _PLAN_ACTION_MAX);
        return &actions[action];
}

static void step_done(PlanStep *step) {
        free(step->path);
        free(step->source);
        free(step->text);
}

void plan_clear(Plan *p) {
        for (size_t i = 0; i < p->n_steps; i++)
                step_done(&p->steps[i]);
        p->steps = mfree(p->steps);
        p->n_steps = p->n_allocated = 0;
}

void plan_drop_keep(Plan *p, const char *path) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].action == PLAN_KEEP && streq(p->steps[i].path, path))
                        step_done(&p->steps[i]);
                else
                        p->steps[n++] = p->steps[i];
        p->n_steps = n;
}

Plan *plan_free(Plan *p) {
        if (!p)
                return NULL;

        plan_clear(p);
        free(p->esp_uuid);
        free(p->device);
        error_done(&p->problem);
        free(p->left_out);
        free(p->away);
        return mfree(p);
}

int plan_new(PlanSubject subject, const char *name, Plan **ret) {
        _cleanup_(plan_freep) Plan *p = NULL;
        char **named;

        assert((subject == PLAN_ON_ESP || subject == PLAN_ON_DEVICE) == (name != NULL));
        assert(ret);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->subject = subject;
        named = subject == PLAN_ON_ESP ? &p->esp_uuid : &p->device;
        *named = name ? strdup(name) : NULL;
        if (name && !*named)
                return -ENOMEM;

        *ret = TAKE_PTR(p);
        return 0;
}

/* Of an ESP or a device; the host is there once. */
static const char *subject_name(const Plan *p) {
        return p->esp_uuid ?: strempty(p->device);
}

int plan_subject(const Plan *p, char **ret) {
        const PlanSubjectKind *kind = &subjects[p->subject];
        char *phrase = strprintf("%s%s%s", kind->before, subject_name(p), kind->after);

        if (!phrase)
                return -ENOMEM;
        *ret = phrase;
        return 0;
}

int plan_lock_name(const Plan *p, char **ret) {
        char *name = strprintf("%s%s", subjects[p->subject].lock, subject_name(p));

        if (!name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

PlanStep *plan_add(Plan *p, PlanAction action, const char *path) {
        _cleanup_free_ char *copy = NULL;
        PlanStep *step;

        assert(p);
        assert(plan_action_kind(action)->subject == p->subject);

        if (path) {
                copy = strdup(path);
                if (!copy)
                        return NULL;
        }
        if (!ARRAY_RESERVE(p->steps, p->n_allocated, p->n_steps + 1))
                return NULL;

        step = &p->steps[p->n_steps++];
        *step = (PlanStep){ .action = action, .path = TAKE_PTR(copy) };
        return step;
}

bool plan_writes(const Plan *p) {
        for (size_t i = 0; i < p->n_steps; i++)
                if (plan_action_kind(p->steps[i].action)->writes)
                        return true;
        return false;
}

bool plan_is_due(const Plan *p) {
        for (size_t i = 0; i < p->n_steps && p->steps[i].action != PLAN_OPTIONAL; i++)
                if (plan_action_kind(p->steps[i].action)->writes)
                        return true;
        return false;
}

bool plan_repairs(const Plan *p) {
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].action == PLAN_REPAIR)
                        return true;
        return false;
}

/* Bytes that the staging steps copy. */
static uint64_t plan_bytes(const Plan *p) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                if (plan_action_kind(p->steps[i].action)->copies)
                        bytes += p->steps[i].bytes;
        return bytes;
}

uint64_t plan_work_bytes(const Plan *p) {
        uint64_t bytes = 2 * plan_bytes(p);

        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].action == PLAN_CHECK && !p->steps[i].trust)
                        bytes += 2 * p->steps[i].bytes;
        return bytes;
}

int plan_changes(const Plan *p, char ***ret) {
        _cleanup_strv_ char **paths = NULL;

        for (size_t i = 0; i < p->n_steps; i++) {
                const char *path = p->steps[i].path ?: "/";

                if (!plan_action_kind(p->steps[i].action)->writes || strv_contains(paths, path))
                        continue;
                if (strv_extend(&paths, path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

/* @part is freed; NULL: -ENOMEM. */
static int add_part(char ***parts, char *part) {
        if (part && strv_contains(*parts, part)) {
                free(part);
                return 0;
        }
        return strv_consume(parts, part);
}

static int explain_kernel(char ***parts, const char *file, const char *what) {
        const char *version = NULL;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX && !version; f++) {
                version = startswith(file, kernel_file_stem(f));
                version = version && version[0] == '-' ? version + 1 : NULL;
        }
        return add_part(parts, version ? strprintf("kernel %s %s", version, what)
                                       : strprintf("'%s' %s", file, what));
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* Kernels, and the FAT under them. */
static int explain_content(const PlanStep *step, char ***parts) {
        if (step->action == PLAN_STAGE)
                return explain_kernel(parts, base_name(step->source),
                                      "is not there as it is in '/boot'");
        if (step->action == PLAN_REMOVE_FILE)
                return explain_kernel(parts, step->path, "is not kept any more");
        if (step->action == PLAN_REMOVE_KERNEL)
                return add_part(parts,
                                strprintf("kernel %s is not kept any more", base_name(step->path)));
        if (step->action == PLAN_REPAIR)
                return add_part(parts, strdup("its FAT is not as it should be"));
        return 0;
}

int plan_explain(const Plan *p, char ***parts) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < p->n_steps; i++)
                r = explain_content(&p->steps[i], parts);
        /* Files that follow from that are no news. */
        for (size_t i = 0; r >= 0 && i < p->n_steps && strv_isempty(*parts); i++)
                if (plan_action_kind(p->steps[i].action)->writes && p->steps[i].path)
                        r = add_part(parts,
                                     strprintf("'%s' is not as it should be", p->steps[i].path));
        return r;
}
