/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How an ESP with GRUB stands before anything is planned: its kernels are the files in the root,
 * its default is in the menu, and what boots once in grubenv. A thing that is not as its name says
 * is left alone, and told. */

#include "core/grub/grub-plan-look.h"

#include "common/string-util.h"
#include "core/grub/grub-env.h"
#include "core/grub/grub-loader.h"
#include "core/kernel/kernel-version.h"

static void look_at_spelling(PlanBuilder *b) {
        const char *spelled =
                        b->survey.pin ? grub_image_spelling(b->in->image, b->survey.pin) : NULL;

        if (!spelled || streq(spelled, b->survey.pin))
                return;
        grub_plan(b)->pin_is_misspelled = true;
        (void) error_set(&b->problem, ERROR_FAILED,
                         "The pinned kernel '%s' is called '%s' on ESP '%s', so that GRUB does not "
                         "take it for its default; mount the ESP and rename its files in two "
                         "steps, through a name that differs by more than case",
                         b->survey.pin, spelled, b->in->esp_uuid);
}

/* True for an entry of a kernel that was made by grub-mkconfig itself. */
static bool is_ours(const GrubEntry *e) {
        return e->version && startswith(e->id, "gnulinux-");
}

/* Find out which kernels grub.cfg shows now. One that cannot be read may show all of them. */
static int look_at_config(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_GRUB_CONFIG);
        _cleanup_(grub_config_done) GrubConfig config = {};
        int r;

        r = grub_image_config(b->in->image, &config);
        if (r < 0)
                return r;
        grub_plan(b)->due = r == 0 || file->verdict != VERDICT_EQUAL || b->in->grub_stale;
        grub_plan(b)->takes_newest = !grub_plan(b)->due && streq_ptr(config.default_value, "0");
        if (r == 0)
                return strv_copy(grub_plan(b)->complete, &grub_plan(b)->shown);

        for (size_t i = 0; i < config.n_entries; i++) {
                const GrubEntry *e = &config.entries[i];

                if (!is_ours(e))
                        continue;
                if (!e->is_whole)
                        grub_plan(b)->due = true;
                if (strv_extend(&grub_plan(b)->shown, e->version) < 0)
                        return -ENOMEM;
        }
        strv_sort_uniq(grub_plan(b)->shown, kernel_version_compare_newest_first);
        if (b->survey.pin && !grub_plan(b)->due &&
            strv_contains(grub_plan(b)->shown, b->survey.pin) &&
            !streq_ptr(config.default_version, b->survey.pin))
                (void) error_set(&b->problem, ERROR_FAILED,
                                 "The menu of GRUB on ESP '%s' has the pinned kernel '%s', but "
                                 "another default; look for GRUB_DEFAULT and GRUB_DISABLE_SUBMENU "
                                 "in /etc/default/grub",
                                 b->in->esp_uuid, b->survey.pin);
        r = grub_config_root_id(&config, &grub_plan(b)->root_id);
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
        grub_plan(b)->env = strdup(file->text);
        if (!grub_plan(b)->env)
                return -ENOMEM;
        if (isempty(value))
                return 0;
        grub_plan(b)->boots = mfree(grub_plan(b)->boots);
        r = grub_entry_id_version(value, &next);
        grub_plan(b)->next_unknown = r < 0;
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        grub_plan(b)->next = strdup(grub_image_version(b->in->image, next));
        return grub_plan(b)->next ? 0 : -ENOMEM;
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

        if (!version || strv_contains(grub_plan(b)->complete, version) ||
            (t && t->status != TARGET_BLOCKED))
                return;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "%s '%s' cannot be put on ESP '%s', so another one is its "
                         "default; pin another kernel or unpin",
                         plan_survey_title(&b->survey, version), version, b->in->esp_uuid);
}

int grub_plan_look(PlanBuilder *b) {
        int r;

        grub_plan(b)->has_dir = esp_image_find(b->in->image, ESP_GRUB_DIR);
        memcpy(grub_plan(b)->memtest_shown, b->memtest.there, sizeof(grub_plan(b)->memtest_shown));
        r = strv_copy(b->survey.complete, &grub_plan(b)->complete);
        if (r >= 0)
                r = esp_image_reader(b->in->image)
                                    ->default_version(b->in->image, &grub_plan(b)->boots);
        grub_plan(b)->is_safe =
                        b->survey.current &&
                        plan_survey_acceptance(&b->survey, b->survey.current) != ACCEPTANCE_REFUSED;
        look_at_spelling(b);
        if (r >= 0)
                r = look_for_obstacle(b, ESP_GRUB_CONFIG, &grub_plan(b)->default_stays);
        if (r >= 0)
                r = look_at_config(b);
        if (r >= 0)
                r = look_for_obstacle(b, ESP_GRUB_ENV, &grub_plan(b)->env_stays);
        if (r >= 0)
                r = look_at_env(b);
        if (r < 0)
                return r;
        look_at_pin(b, b->survey.pin);
        look_at_pin(b, b->survey.next_boot);
        return 0;
}
