/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan as a value: its life, its steps, and what can be told of it without looking at an ESP.
 * What belongs into a plan is decided elsewhere (plan-probe, plan-build), and so is how it travels
 * (plan-wire); here no step has a meaning beyond "writes" and "copies". */

#include "core/plan.h"

#include "common/string-util.h"

static const char *const plan_action_table[_PLAN_ACTION_MAX] = {
        [PLAN_KNOWN] = "known",
        [PLAN_SCAN] = "scan",
        [PLAN_CHECK] = "check",
        [PLAN_KEEP] = "keep",
        [PLAN_MKDIR] = "mkdir",
        [PLAN_CLEAR] = "clear",
        [PLAN_STAGE] = "stage",
        [PLAN_STAGE_TEXT] = "stage-text",
        [PLAN_GRUB_CONFIG] = "grub-config",
        [PLAN_TOKEN] = "token",
        [PLAN_REPAIR] = "repair",
        [PLAN_PLACE] = "place",
        [PLAN_REMOVE_ENTRY] = "remove-entry",
        [PLAN_REMOVE_KERNEL] = "remove-kernel",
        [PLAN_REMOVE_FILE] = "remove-file",
        [PLAN_BARRIER] = "barrier",
        [PLAN_OPTIONAL] = "optional",
        [PLAN_INSTALL_LOADER] = "install-loader",
        [PLAN_BOOT_ENTRY] = "boot-entry",
        [PLAN_PROBE] = "probe",
        [PLAN_FORMAT] = "format",
        [PLAN_FIRMWARE] = "firmware",
        [PLAN_ARM] = "arm",
        [PLAN_DISARM] = "disarm",
        [PLAN_UPDATE_GRUB] = "update-grub",
        [PLAN_KSM_SET] = "ksm-set",
        [PLAN_KSM_UNMERGE] = "ksm-unmerge",
        [PLAN_KSM_PROCESSES] = "ksm-processes",
};
DEFINE_STRING_TABLE(plan_action, PlanAction)

/* A barrier only flushes what other steps wrote, and the token only waits. */
static const bool action_writes[_PLAN_ACTION_MAX] = {
        [PLAN_MKDIR] = true,         [PLAN_CLEAR] = true,       [PLAN_STAGE] = true,
        [PLAN_STAGE_TEXT] = true,    [PLAN_PLACE] = true,       [PLAN_REMOVE_ENTRY] = true,
        [PLAN_REMOVE_KERNEL] = true, [PLAN_REPAIR] = true,      [PLAN_INSTALL_LOADER] = true,
        [PLAN_REMOVE_FILE] = true,   [PLAN_GRUB_CONFIG] = true,
};

static const bool action_copies[_PLAN_ACTION_MAX] = {
        [PLAN_STAGE] = true,
        [PLAN_STAGE_TEXT] = true,
};

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
        free(p->problem);
        free(p->left_out);
        free(p->away);
        return mfree(p);
}

static int new_plan(const char *esp_uuid, const char *device, Plan **ret) {
        _cleanup_(plan_freep) Plan *p = NULL;

        assert(ret);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->esp_uuid = esp_uuid ? strdup(esp_uuid) : NULL;
        p->device = device ? strdup(device) : NULL;
        if ((esp_uuid && !p->esp_uuid) || (device && !p->device))
                return -ENOMEM;

        *ret = TAKE_PTR(p);
        return 0;
}

int plan_new(const char *esp_uuid, Plan **ret) {
        assert(esp_uuid);
        return new_plan(esp_uuid, NULL, ret);
}

int plan_new_device(const char *device, Plan **ret) {
        assert(device);
        return new_plan(NULL, device, ret);
}

int plan_new_host(Plan **ret) {
        return new_plan(NULL, NULL, ret);
}

/* A plan of the host is about what its first step is about. */
static const struct {
        const char *subject, *lock;
} action_host[_PLAN_ACTION_MAX] = {
        [PLAN_UPDATE_GRUB] = { "the menu of GRUB on this host", "host" },
        [PLAN_KSM_SET] = { "KSM", "ksm" },
        [PLAN_KSM_UNMERGE] = { "KSM", "ksm" },
        [PLAN_KSM_PROCESSES] = { "the processes that gain from KSM", "ksm-processes" },
};

int plan_subject(const Plan *p, char **ret) {
        const char *host = p->n_steps > 0 ? action_host[p->steps[0].action].subject : NULL;
        char *subject;

        if (p->esp_uuid)
                subject = strprintf("ESP '%s'", p->esp_uuid);
        else if (p->device)
                subject = strprintf("'/dev/%s'", p->device);
        else
                subject = strdup(host ?: "the boot variables of this host");
        if (!subject)
                return -ENOMEM;
        *ret = subject;
        return 0;
}

int plan_lock_name(const Plan *p, char **ret) {
        const char *host = p->n_steps > 0 ? action_host[p->steps[0].action].lock : NULL;
        char *name;

        if (p->esp_uuid)
                name = strprintf("esp-%s", p->esp_uuid);
        else if (p->device)
                name = strprintf("device-%s", p->device);
        else
                name = strdup(host ?: "host");
        if (!name)
                return -ENOMEM;
        *ret = name;
        return 0;
}

PlanStep *plan_add(Plan *p, PlanAction action, const char *path) {
        _cleanup_free_ char *copy = NULL;
        PlanStep *step;

        assert(p);
        assert(action >= 0 && action < _PLAN_ACTION_MAX);

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
                if (action_writes[p->steps[i].action])
                        return true;
        return false;
}

bool plan_is_due(const Plan *p) {
        for (size_t i = 0; i < p->n_steps && p->steps[i].action != PLAN_OPTIONAL; i++)
                if (action_writes[p->steps[i].action])
                        return true;
        return false;
}

bool plan_repairs(const Plan *p) {
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].action == PLAN_REPAIR)
                        return true;
        return false;
}

uint64_t plan_bytes(const Plan *p) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                if (action_copies[p->steps[i].action])
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

                if (!action_writes[p->steps[i].action] || strv_contains(paths, path))
                        continue;
                if (strv_extend(&paths, path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}
