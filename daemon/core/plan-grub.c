/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB: its menu, grub.cfg, is made of the kernels that are in the root when it is made, and of the
 * host's own configuration, so what is decided here is when to make it, and which kernels it must
 * not see. It is made when all new kernels are in place, it never shows one that is not complete,
 * and a stale one leaves the menu before its files go. Only where an ESP is too full for a second
 * grub.cfg, a stale kernel that does not boot by default goes first, to make room for it. */

#include "common/string-util.h"
#include "core/esp-boot.h"
#include "core/grub-config.h"
#include "core/grub-env.h"
#include "core/grub-image.h"
#include "core/grub-pin.h"
#include "core/kernel-version.h"
#include "core/plan-loader.h"
#include "core/space.h"

/* What grub-mkconfig writes at most, beside and for each kernel: three entries with long command
 * lines. Bytes. */
#define CONFIG_BASE_BYTES   (16 * 1024)
#define CONFIG_KERNEL_BYTES (8 * 1024)

/* True once the kernel that should boot by default is in place, so that the one which boots now is
 * not needed any more. */
static bool default_is_placed(const PlanBuilder *b) {
        const PlanTarget *first = plan_default_target(b);

        return first && first->status == TARGET_PLACED;
}

/* True if a stale kernel shall not be in the menu. */
static bool is_hidden(const PlanBuilder *b, const char *version) {
        const PlanTarget *t = plan_survey_find(&b->survey, version);

        return strv_contains(b->grub.gone, version) || (t && plan_target_is_away(t)) ||
               (strv_contains(b->survey.stale, version) &&
                !plan_survey_spares(&b->survey, version) &&
                (default_is_placed(b) || !streq_ptr(version, b->survey.current)));
}

/* The versions that the menu should show: what is complete by now, or, if @planned, at the end. */
static int menu_wanted(const PlanBuilder *b, bool planned, char ***ret) {
        _cleanup_strv_ char **wanted = NULL;
        int r;

        STRV_FOREACH(v, b->grub.complete)
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

static bool config_is_settled(const PlanBuilder *b, bool planned) {
        _cleanup_strv_ char **wanted = NULL;

        return !b->grub.due && menu_wanted(b, planned, &wanted) >= 0 &&
               strv_equal(wanted, b->grub.shown);
}

static uint64_t config_bytes(const PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        uint64_t cluster = b->in->image->cluster_bytes;
        uint64_t size = MAX(old ? old->size : 0, (uint64_t) CONFIG_BASE_BYTES) +
                        (strv_length(b->grub.complete) + b->survey.n_targets) * CONFIG_KERNEL_BYTES;

        return space_allocated(size, cluster) + (b->grub.has_dir ? 0 : cluster);
}

static uint64_t env_bytes(const PlanBuilder *b) {
        return space_allocated(GRUB_ENV_SIZE, b->in->image->cluster_bytes);
}

/* Kernel files in the root that are not of @wanted: what is stale, and what lacks its other half.
 */
static int hidden_files(const PlanBuilder *b, char *const *wanted, char ***ret) {
        _cleanup_strv_ char **hidden = NULL;

        for (size_t i = 0; i < b->in->image->n_files; i++) {
                const EspFile *file = &b->in->image->files[i];
                const char *version = grub_path_version(file->path);

                if (!version || file->type != FILE_REGULAR || strv_contains(wanted, version) ||
                    strv_contains(b->grub.gone, version))
                        continue;
                if (strv_extend(&hidden, file->path) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(hidden);
        return 0;
}

static void write_config(PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        _cleanup_strv_ char **wanted = NULL, **hidden = NULL;

        if (menu_wanted(b, false, &wanted) < 0 || hidden_files(b, wanted, &hidden) < 0) {
                b->error = -ENOMEM;
                return;
        }
        plan_builder_barrier(b);
        plan_builder_write_grub_config(b, hidden);
        strv_free(b->grub.shown);
        b->grub.shown = TAKE_PTR(wanted);
        b->grub.due = false;
        memcpy(b->memtest.shown, b->memtest.there, sizeof(b->memtest.shown));
        /* The second time the first is replaced. */
        if (!b->grub.written) {
                b->free -= MIN(b->free, config_bytes(b));
                b->free += old ? space_allocated(old->size, b->in->image->cluster_bytes) : 0;
        }
        b->grub.written = true;
}

/* The value of next_entry as it should be; NULL: it must not name one of our entries. */
static char *wanted_next(PlanBuilder *b) {
        const char *spelled;
        char *id;

        if (!b->in->next_boot || !b->grub.root_id || b->grub.due ||
            !strv_contains(b->grub.shown, b->in->next_boot))
                return NULL;
        spelled = grub_image_spelling(b->in->image, b->in->next_boot);
        if (!spelled)
                return NULL;
        id = grub_entry_id(spelled, b->grub.root_id);
        if (!id)
                b->error = -ENOMEM;
        return id;
}

/* The text that grubenv should have; *@ret is NULL if it should stay as it is. */
static int render_env(PlanBuilder *b, char **ret) {
        const char *old = b->grub.env;
        _cleanup_free_ char *next = wanted_next(b), *text = NULL;
        int r;

        *ret = NULL;
        if (!next && !b->grub.next)
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

        r = b->grub.env_stays ? 0 : render_env(b, &text);
        if (r == -ENOSPC) {
                b->grub.env_stays = true;
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
        if (!b->grub.env)
                b->free -= env_bytes(b);
        plan_builder_write(b, ESP_GRUB_ENV, text);
        free(b->grub.env);
        b->grub.env = TAKE_PTR(text);
        b->grub.next = mfree(b->grub.next);
}

static void settle(PlanBuilder *b) {
        if (b->default_stays)
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
        return !b->default_stays && config_is_settled(b, false);
}

static uint64_t need(const PlanBuilder *b) {
        return (config_is_settled(b, true) ? 0 : config_bytes(b)) + env_bytes(b);
}

static bool is_shown(const PlanBuilder *b, const char *version) {
        return strv_contains(b->grub.shown, version);
}

/* A kernel that the menu shows can only go once that is made again, or, where there is no room for
 * that, if it is known that another boots. */
static bool may_go(const PlanBuilder *b, const char *version) {
        if (b->default_stays || streq_ptr(version, b->grub.next))
                return false;
        return !is_shown(b, version) || b->grub.default_known || b->free >= config_bytes(b);
}

static bool holds(const PlanBuilder *b, const char *version) {
        return streq_ptr(version, b->survey.current) || !may_go(b, version);
}

/* The menu is made without it, and once more when it is there again. Where nobody knows what boots
 * by default, it might be this one. */
static uint64_t away_need(const PlanBuilder *b, const char *version) {
        if (holds(b, version) || !b->grub.default_known || b->free < config_bytes(b))
                return UINT64_MAX;
        return 2 * config_bytes(b) + env_bytes(b);
}

/* @versions are still among the stale ones, or away, so a menu that is made now does not show them.
 */
static void remove_kernels(PlanBuilder *b, char *const *versions, bool last) {
        bool any = false;

        for (char *const *v = versions; v && *v; v++)
                any |= is_shown(b, *v);
        if (any && !b->default_stays && b->free >= config_bytes(b))
                write_config(b);

        any = false;
        for (char *const *v = versions; v && *v; v++) {
                if (!may_go(b, *v))
                        continue;
                plan_builder_remove_root_files(b, *v);
                if (strv_extend(&b->grub.gone, *v) < 0)
                        b->error = -ENOMEM;
                any = true;
        }
        if (any)
                plan_builder_barrier(b);
}

/* A file that is new has no entry yet, and that of one which has gone leads nowhere. */
static void show_memtest(PlanBuilder *b) {
        bool changed = memcmp(b->memtest.shown, b->memtest.there, sizeof(b->memtest.shown)) != 0;

        if (!changed || !is_settled(b) || b->free < config_bytes(b))
                return;
        plan_builder_optional(b);
        write_config(b);
}

/* GRUB_DEFAULT names the pinned kernel by an id, and in ids GRUB does tell case. */
static void look_at_spelling(PlanBuilder *b) {
        const char *spelled = b->in->pin ? grub_image_spelling(b->in->image, b->in->pin) : NULL;

        if (spelled && !streq(spelled, b->in->pin))
                (void) error_set(
                                &b->problem, ERROR_FAILED,
                                "The pinned kernel '%s' is called '%s' on ESP '%s', so that GRUB "
                                "does not take it for its default; mount the ESP and rename its "
                                "files in two steps, through a name that differs by more than case",
                                b->in->pin, spelled, b->in->esp_uuid);
}

/* What grub.cfg shows now. One that cannot be read may show everything. */
static int look_at_config(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        _cleanup_(grub_config_done) GrubConfig config = {};
        int r;

        r = grub_image_config(b->in->image, &config);
        if (r < 0)
                return r;
        b->grub.due = r == 0 || file->verdict != VERDICT_EQUAL || b->in->grub_stale;
        if (r == 0)
                return strv_copy(b->grub.complete, &b->grub.shown);

        for (size_t i = 0; i < config.n_entries; i++) {
                const GrubEntry *e = &config.entries[i];

                if (!grub_entry_is_ours(e))
                        continue;
                if (!grub_entry_is_whole(e))
                        b->grub.due = true;
                if (strv_extend(&b->grub.shown, e->version) < 0)
                        return -ENOMEM;
        }
        strv_sort_uniq(b->grub.shown, kernel_version_compare_newest_first);
        if (b->in->pin && !b->grub.due && is_shown(b, b->in->pin) &&
            !streq_ptr(config.default_version, b->in->pin))
                (void) error_set(&b->problem, ERROR_FAILED,
                                 "The menu of GRUB on ESP '%s' has the pinned kernel '%s', but "
                                 "another default; look for GRUB_DEFAULT and GRUB_DISABLE_SUBMENU "
                                 "in /etc/default/grub",
                                 b->in->esp_uuid, b->in->pin);
        r = grub_config_root_id(&config, &b->grub.root_id);
        return r == -ENOENT ? 0 : r;
}

static int look_at_env(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_GRUB_ENV);
        _cleanup_free_ char *value = NULL, *next = NULL;
        int r;

        if (!file || !file->text)
                return 0;
        r = grub_env_get(file->text, strlen(file->text), "next_entry", &value);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        b->grub.env = strdup(file->text);
        if (!b->grub.env)
                return -ENOMEM;
        if (isempty(value))
                return 0;
        b->grub.default_known = false;
        r = grub_entry_id_version(value, &next);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        b->grub.next = strdup(grub_image_version(b->in->image, next));
        return b->grub.next ? 0 : -ENOMEM;
}

/* True if something that is no file of GRUB's is at @path. */
static int look_for_obstacle(PlanBuilder *b, const char *path, bool *ret) {
        const EspFile *dir = esp_image_find(b->in->image, ESP_GRUB_DIR), *obstacle = NULL;
        int r;

        r = esp_image_find_obstacle(b->in->image, path, &obstacle);
        if (r < 0)
                return r;
        if (dir && dir->type != FILE_DIRECTORY)
                obstacle = dir;
        *ret = obstacle;
        if (obstacle)
                (void) error_set(&b->problem, ERROR_FAILED,
                                 "'%s' on ESP '%s' is not what its name says; look at it and "
                                 "remove it",
                                 obstacle->path, b->in->esp_uuid);
        return 0;
}

/* A kernel that the loader should be led to, but which neither is on the ESP nor can be put there.
 */
static void look_at_pin(PlanBuilder *b, const char *version) {
        const PlanTarget *t = version ? plan_survey_find(&b->survey, version) : NULL;

        if (!version || strv_contains(b->grub.complete, version) ||
            (t && t->status != TARGET_BLOCKED))
                return;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "The pinned kernel '%s' cannot be put on ESP '%s', so another one is its "
                         "default; pin another kernel or unpin",
                         version, b->in->esp_uuid);
}

static int look(PlanBuilder *b) {
        _cleanup_free_ char *boots = NULL;
        int r;

        b->grub.has_dir = esp_image_find(b->in->image, ESP_GRUB_DIR);
        r = grub_image_complete(b->in->image, &b->grub.complete);
        if (r >= 0)
                r = esp_image_default(b->in->image, &boots);
        b->grub.default_known = boots;
        look_at_spelling(b);
        if (r >= 0)
                r = look_for_obstacle(b, ESP_GRUB_CONFIG, &b->default_stays);
        if (r >= 0)
                r = look_at_config(b);
        if (r >= 0)
                r = look_for_obstacle(b, ESP_GRUB_ENV, &b->grub.env_stays);
        if (r >= 0)
                r = look_at_env(b);
        if (r < 0)
                return r;
        look_at_pin(b, b->in->pin);
        look_at_pin(b, b->in->next_boot);
        return 0;
}

const PlanLoader plan_loader_grub = {
        .look = look,
        .need = need,
        .settle = settle,
        .is_settled = is_settled,
        .holds = holds,
        .away_need = away_need,
        .remove = remove_kernels,
        .show_memtest = show_memtest,
};
