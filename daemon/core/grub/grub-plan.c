/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB: its menu, grub.cfg, is made of the kernels that are in the root when it is made, and of the
 * host's own configuration, so what is decided here is when to make it, and which kernels it must
 * not see. It is made when all new kernels are in place, it never shows one that is not complete,
 * and a stale one leaves the menu before its files go. Only where an ESP is too full for a second
 * grub.cfg, a stale kernel that does not boot by default goes first, to make room for it. */

#include "common/string-util.h"
#include "core/grub/grub-env.h"
#include "core/grub/grub-loader.h"
#include "core/grub/grub-plan-look.h"
#include "core/kernel/kernel-version.h"
#include "core/plan/plan-room.h"

/* The bytes that grub-mkconfig writes at most, besides and for each kernel: three entries with long
 * command lines. */
#define CONFIG_BASE_BYTES   (16 * 1024)
#define CONFIG_KERNEL_BYTES (8 * 1024)

static void state_done(void *state) {
        GrubPlan *s = state;

        strv_free(s->complete);
        strv_free(s->shown);
        strv_free(s->gone);
        free(s->boots);
        free(s->root_id);
        free(s->env);
        free(s->next);
}

/* A directory is what systemd-boot's time has left: GRUB boots what is in the root. */
static int collect(PlanSurvey *s, const EspFile *file) {
        const char *version;

        if (file->type == FILE_DIRECTORY) {
                version = plan_survey_dir_version(s, file->path);
                return version ? strv_extend(&s->copies, version) : 0;
        }
        version = file->type == FILE_REGULAR ? grub_path_version(file->path) : NULL;
        return version ? plan_survey_add(s, version) : 0;
}

/* On a FAT this is the file that we would place, but the menu would never show it. */
static void block_unseen(PlanTarget *t, const PlanInput *in, Error *problem) {
        const EspFile *file = esp_image_find(in->image, t->path[KERNEL_FILE_IMAGE]);

        t->status = TARGET_BLOCKED;
        (void) error_set(problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is called '%s', which grub-mkconfig does not find; look "
                         "at it and remove it",
                         file->path, in->esp_uuid, file->spelled);
}

/* The menu is made of the files that are there. */
static int lead(PlanTarget *t, const PlanSurvey *s, const char *default_options, Error *problem) {
        const char *version = t->kernel->version;

        if (!grub_image_spelling(s->in->image, version))
                block_unseen(t, s->in, problem);
        t->boots = grub_image_is_complete(s->in->image, version);
        return 0;
}

/* True once the kernel that should boot by default is in place, so that the one which boots now is
 * not needed any more. */
static bool default_is_placed(const PlanBuilder *b) {
        const PlanTarget *first = b->survey.first;

        return first && first->status == TARGET_PLACED;
}

/* True if a stale kernel shall not be in the menu. */
static bool is_hidden(const PlanBuilder *b, const char *version) {
        const PlanTarget *t = plan_survey_find(&b->survey, version);

        return strv_contains(grub_plan(b)->gone, version) || (t && plan_target_is_away(t)) ||
               (strv_contains(b->survey.stale, version) &&
                !plan_survey_spares(&b->survey, version) &&
                !plan_survey_is_last_accepted(&b->survey, version) &&
                (default_is_placed(b) || !streq_ptr(version, b->survey.current)));
}

/* The versions that the menu should show: what is complete by now, or, if @planned, at the end. */
static int menu_wanted(const PlanBuilder *b, bool planned, char ***ret) {
        _cleanup_strv_ char **wanted = NULL;
        int r;

        STRV_FOREACH(v, grub_plan(b)->complete)
                if (!is_hidden(b, *v)) {
                        r = strv_extend(&wanted, *v);
                        if (r < 0)
                                return r;
                }
        for (size_t i = 0; i < b->survey.n_targets; i++) {
                const PlanTarget *t = &b->survey.targets[i];

                if (t->status != TARGET_PLACED && (!planned || t->status != TARGET_PENDING))
                        continue;
                r = strv_extend(&wanted, t->kernel->version);
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(wanted, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(wanted);
        return 0;
}

static bool is_shown(const PlanBuilder *b, const char *version) {
        return strv_contains(grub_plan(b)->shown, version);
}

static bool config_is_settled(const PlanBuilder *b, bool planned) {
        _cleanup_strv_ char **wanted = NULL;

        return !grub_plan(b)->due && menu_wanted(b, planned, &wanted) >= 0 &&
               strv_equal(wanted, grub_plan(b)->shown);
}

static uint64_t config_bytes(const PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        uint64_t cluster = b->in->image->cluster_bytes;
        uint64_t size = MAX(old ? old->size : 0, (uint64_t) CONFIG_BASE_BYTES) +
                        (strv_length(grub_plan(b)->complete) + b->survey.n_targets) *
                                        CONFIG_KERNEL_BYTES;

        return space_allocated(size, cluster) + (grub_plan(b)->has_dir ? 0 : cluster);
}

static uint64_t env_bytes(const PlanBuilder *b) {
        return space_allocated(GRUB_ENV_SIZE, b->in->image->cluster_bytes);
}

static bool is_refused(const PlanBuilder *b, const char *version) {
        return plan_survey_acceptance(&b->survey, version) == ACCEPTANCE_REFUSED;
}

static bool shows_pin(const PlanBuilder *b, char *const *versions) {
        return b->survey.pin && strv_contains(versions, b->survey.pin) &&
               !grub_plan(b)->pin_is_misspelled;
}

/* A menu of the versions @wanted has a default that Secure Boot refuses. Where nobody knows what
 * GRUB takes, it may be the first. */
static bool leads_to_refused(const PlanBuilder *b, char *const *wanted) {
        return !strv_isempty(wanted) &&
               is_refused(b, shows_pin(b, wanted) ? b->survey.pin : wanted[0]);
}

static bool takes_first(const PlanBuilder *b) {
        char *const *shown = grub_plan(b)->shown;

        return !strv_isempty(shown) && streq(shows_pin(b, shown) ? b->survey.pin : shown[0],
                                             b->survey.first->kernel->version);
}

/* The menu must not be made now, as its default would be refused, and that of the present one is
 * not. */
static bool menu_must_stay(const PlanBuilder *b) {
        _cleanup_strv_ char **wanted = NULL;

        return grub_plan(b)->is_safe &&
               (menu_wanted(b, false, &wanted) < 0 || leads_to_refused(b, wanted));
}

/* The same of any menu that lacks some of the kept kernels but the default. */
static bool menu_is_delicate(const PlanBuilder *b) {
        bool refused = false;

        STRV_FOREACH(v, grub_plan(b)->shown)
                refused |= is_refused(b, *v);
        return grub_plan(b)->is_safe && refused && !shows_pin(b, grub_plan(b)->shown);
}

/* Kernel files in the root that are not of @wanted: what is stale, and what lacks its other half.
 */
static int hidden_files(const PlanBuilder *b, char *const *wanted, char ***ret) {
        _cleanup_strv_ char **hidden = NULL;

        for (size_t i = 0; i < b->in->image->n_files; i++) {
                const EspFile *file = &b->in->image->files[i];
                const char *version = grub_path_version(file->path);

                if (!version || file->type != FILE_REGULAR || strv_contains(wanted, version) ||
                    strv_contains(grub_plan(b)->gone, version))
                        continue;
                if (strv_extend(&hidden, file->path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(hidden);
        return 0;
}

/* The default of a menu that is made anew; NULL if the administrator chose something else. GRUB
 * takes the first entry if the default is none of its entries. */
static const char *default_of_new(const PlanBuilder *b) {
        const char *pin = b->survey.pin;

        if (strv_isempty(grub_plan(b)->shown) || grub_plan(b)->next_unknown ||
            (!pin && !grub_plan(b)->takes_newest))
                return NULL;
        return pin && strv_contains(grub_plan(b)->shown, pin) && !grub_plan(b)->pin_is_misspelled
                               ? pin
                               : grub_plan(b)->shown[0];
}

static void note_default(PlanBuilder *b) {
        const char *boots = default_of_new(b);

        free(grub_plan(b)->boots);
        grub_plan(b)->boots = boots ? strdup(boots) : NULL;
        if (boots && !grub_plan(b)->boots)
                b->error = -ENOMEM;
}

/* @hidden: files that grub-mkconfig must not see. */
static void add_config(PlanBuilder *b, char *const *hidden) {
        _cleanup_free_ char *names = strv_join(hidden, "\n");

        if (!grub_plan(b)->has_dir) {
                plan_builder_add(b, PLAN_MKDIR, ESP_GRUB_DIR);
                plan_builder_barrier(b);
                grub_plan(b)->has_dir = true;
        }
        if (names)
                plan_builder_add_text(b, PLAN_GRUB_CONFIG, ESP_GRUB_CONFIG, names);
        else
                b->error = -ENOMEM;
        plan_builder_add(b, PLAN_PLACE, ESP_GRUB_CONFIG);
        plan_builder_barrier(b);
}

/* A barrier must follow. */
static void remove_files(PlanBuilder *b, const char *version) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = grub_kernel_path(version, f);
                const EspFile *file = path ? esp_image_find(b->in->image, path) : NULL;

                if (!path)
                        b->error = -ENOMEM;
                if (file && file->type == FILE_REGULAR)
                        plan_builder_remove_file(b, file);
        }
}

static void keep_menu(PlanBuilder *b) {
        grub_plan(b)->default_stays = true;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "With another menu ESP '%s' would boot a kernel that Secure Boot refuses, "
                         "so its menu is left as it is; see 'bootctl-pve kernel list'",
                         b->in->esp_uuid);
}

static void write_config(PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        _cleanup_strv_ char **wanted = NULL, **hidden = NULL;

        if (menu_wanted(b, false, &wanted) < 0 || hidden_files(b, wanted, &hidden) < 0) {
                b->error = -ENOMEM;
                return;
        }
        if (grub_plan(b)->is_safe && leads_to_refused(b, wanted)) {
                keep_menu(b);
                return;
        }
        plan_builder_barrier(b);
        add_config(b, hidden);
        strv_free(grub_plan(b)->shown);
        grub_plan(b)->is_safe = !strv_isempty(wanted) && !leads_to_refused(b, wanted);
        grub_plan(b)->shown = TAKE_PTR(wanted);
        grub_plan(b)->due = false;
        note_default(b);
        memcpy(grub_plan(b)->memtest_shown, b->memtest.there, sizeof(grub_plan(b)->memtest_shown));
        /* The second time the first is replaced. */
        if (!grub_plan(b)->written) {
                b->free -= MIN(b->free, config_bytes(b));
                b->free += old ? space_allocated(old->size, b->in->image->cluster_bytes) : 0;
        }
        grub_plan(b)->written = true;
}

/* The value of next_entry as it should be; NULL: it must not name one of our entries. */
static char *wanted_next(PlanBuilder *b) {
        const char *spelled;
        char *id;

        if (!b->survey.next_boot || !grub_plan(b)->root_id || grub_plan(b)->due ||
            !strv_contains(grub_plan(b)->shown, b->survey.next_boot))
                return NULL;
        spelled = grub_image_spelling(b->in->image, b->survey.next_boot);
        if (!spelled)
                return NULL;
        id = grub_entry_id(spelled, grub_plan(b)->root_id);
        if (!id)
                b->error = -ENOMEM;
        return id;
}

/* The text that grubenv should have; *@ret is NULL if it should stay as it is. */
static int render_env(PlanBuilder *b, char **ret) {
        const char *old = grub_plan(b)->env;
        _cleanup_free_ char *next = wanted_next(b), *text = NULL;
        int r;

        *ret = NULL;
        if (!next && !grub_plan(b)->next)
                return 0;
        r = grub_env_set(old, old ? strlen(old) : 0, "next_entry", next, &text);
        if (r < 0)
                return r;
        if (!streq_ptr(text, old))
                *ret = TAKE_PTR(text);
        return 0;
}

/* Nothing if grubenv is as it should be, or cannot be written. */
static void write_env(PlanBuilder *b) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = grub_plan(b)->env_stays ? 0 : render_env(b, &text);
        if (r == -ENOSPC) {
                grub_plan(b)->env_stays = true;
                (void) error_set(&b->problem, ERROR_FAILED,
                                 "There is no room in '%s' on ESP '%s' for the kernel that should "
                                 "boot once; remove variables with grub-editenv",
                                 ESP_GRUB_ENV, b->in->esp_uuid);
        } else if (r < 0)
                b->error = r;
        if (!text)
                return;
        if (b->free < env_bytes(b)) {
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "There is no room for a new '%s' on ESP '%s'; remove a kernel "
                                 "that is not needed or use a larger ESP",
                                 ESP_GRUB_ENV, b->in->esp_uuid);
                return;
        }
        if (!grub_plan(b)->env)
                b->free -= env_bytes(b);
        plan_builder_write(b, ESP_GRUB_ENV, text);
        free(grub_plan(b)->env);
        grub_plan(b)->env = TAKE_PTR(text);
        grub_plan(b)->next = mfree(grub_plan(b)->next);
}

static void settle(PlanBuilder *b) {
        if (grub_plan(b)->default_stays)
                return;
        if (!config_is_settled(b, false)) {
                if (!plan_make_room(b, config_bytes(b))) {
                        (void) error_set(&b->problem, ERROR_NO_SPACE,
                                         "There is no room for a new '%s' on ESP '%s'; remove a "
                                         "kernel that is not needed or use a larger ESP",
                                         ESP_GRUB_CONFIG, b->in->esp_uuid);
                        return;
                }
                write_config(b);
        }
        write_env(b);
}

static bool is_settled(const PlanBuilder *b) {
        return !grub_plan(b)->default_stays && config_is_settled(b, false);
}

static uint64_t need(const PlanBuilder *b) {
        return (config_is_settled(b, true) ? 0 : config_bytes(b)) + env_bytes(b);
}

/* A kernel that the menu shows can only go once that is made again, or, where there is no room for
 * that, if it is known that another boots. */
static bool may_go(const PlanBuilder *b, const char *version) {
        bool another = grub_plan(b)->boots && !streq(grub_plan(b)->boots, version);

        if (grub_plan(b)->default_stays || streq_ptr(version, grub_plan(b)->next))
                return false;
        return !is_shown(b, version) || another || b->free >= config_bytes(b);
}

static bool holds(const PlanBuilder *b, const char *version) {
        return streq_ptr(version, b->survey.current) || !may_go(b, version) ||
               (is_shown(b, version) && menu_must_stay(b));
}

/* The menu is made without it, and once more when it is there again. Where nobody knows what boots
 * by default, it might be this one. */
static uint64_t away_need(const PlanBuilder *b, const char *version) {
        if (holds(b, version) || !grub_plan(b)->boots || b->free < config_bytes(b) ||
            menu_is_delicate(b))
                return UINT64_MAX;
        return 2 * config_bytes(b) + env_bytes(b);
}

/* @versions are still among the stale ones, or away, so a menu that is made now does not show them.
 */
static void remove_kernels(PlanBuilder *b, char *const *versions, bool last) {
        bool any = false;

        for (char *const *v = versions; v && *v; v++)
                any |= is_shown(b, *v);
        if (any && !grub_plan(b)->default_stays && b->free >= config_bytes(b))
                write_config(b);

        any = false;
        for (char *const *v = versions; v && *v; v++) {
                if (!may_go(b, *v))
                        continue;
                remove_files(b, *v);
                if (strv_extend(&grub_plan(b)->gone, *v) < 0)
                        b->error = -ENOMEM;
                any = true;
        }
        if (any)
                plan_builder_barrier(b);
}

/* A file that is new has no entry yet, and that of one which has gone leads nowhere. */
static void show_memtest(PlanBuilder *b) {
        bool changed = memcmp(grub_plan(b)->memtest_shown, b->memtest.there,
                              sizeof(grub_plan(b)->memtest_shown)) != 0;

        if (!changed || !is_settled(b) || b->free < config_bytes(b))
                return;
        plan_builder_optional(b);
        write_config(b);
}

const PlanLoader plan_loader_grub = {
        .state_size = sizeof(GrubPlan),
        .state_done = state_done,
        .complete = grub_image_complete,
        .collect = collect,
        .lead = lead,
        .look = grub_plan_look,
        .need = need,
        .settle = settle,
        .is_settled = is_settled,
        .takes_first = takes_first,
        .holds = holds,
        .away_need = away_need,
        .remove = remove_kernels,
        .show_memtest = show_memtest,
};
