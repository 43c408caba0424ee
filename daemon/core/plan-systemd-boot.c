/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-boot: an entry leads to a kernel, and loader.conf to an entry. loader.conf is written
 * when the kernel that it names is in place, and not before. */

#include "common/string-util.h"
#include "core/esp-boot.h"
#include "core/loader-conf.h"
#include "core/plan-loader.h"
#include "core/report.h"
#include "core/space.h"

static uint64_t loader_conf_need(const PlanBuilder *b) {
        return b->loader_conf ? space_allocated(strlen(b->loader_conf), b->in->image->cluster_bytes)
                              : 0;
}

/* The default never names a kernel that is not there. */
static bool pin_is_placed(const PlanBuilder *b) {
        const PlanTarget *t = b->in->pin ? plan_survey_find(&b->survey, b->in->pin) : NULL;

        return !b->in->pin || b->pin_is_there || (t && t->status == TARGET_PLACED);
}

static void settle_default(PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_LOADER_CONF);
        uint64_t need = loader_conf_need(b);

        if (!b->loader_conf || !pin_is_placed(b))
                return;
        if (!plan_make_room(b, need)) {
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "There is no room for a new '%s' on ESP '%s'; remove a kernel "
                                 "that is not needed or use a larger ESP",
                                 ESP_LOADER_CONF, b->in->esp_uuid);
                return;
        }
        plan_builder_write(b, ESP_LOADER_CONF, b->loader_conf);
        b->loader_conf = mfree(b->loader_conf);
        b->free -= need;
        b->free += old ? space_allocated(old->size, b->in->image->cluster_bytes) : 0;
}

/* Where no pin names its entry, one without tries left comes last, and where the default is the
 * administrator's own even behind those that are not ours. */
static bool entry_comes_first(const PlanBuilder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PLACED && !b->survey.targets[i].exhausted)
                        return true;
        return b->in->pin;
}

static bool default_is_settled(const PlanBuilder *b) {
        return !b->loader_conf && !b->default_stays && entry_comes_first(b);
}

static int look_at_pin(PlanBuilder *b) {
        const PlanTarget *t = plan_survey_find(&b->survey, b->in->pin);
        _cleanup_free_ char *path = esp_entry_path(b->in->pin);
        int r;

        if (!path)
                return -ENOMEM;
        r = esp_image_entry_boots(b->in->image, path);
        if (r < 0)
                return r;
        b->pin_is_there = r > 0;
        if (b->pin_is_there || (t && t->status != TARGET_BLOCKED))
                return 0;
        b->default_stays = true;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "The pinned kernel '%s' cannot be put on ESP '%s', so its default is left "
                         "as it was; pin another kernel or unpin",
                         b->in->pin, b->in->esp_uuid);
        return 0;
}

/* Whatever is in the way of loader.conf is left, and with it the default. */
static int look_for_obstacle(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_LOADER_CONF), *obstacle;
        int r;

        r = esp_image_find_obstacle(b->in->image, ESP_LOADER_CONF, &obstacle);
        if (r < 0)
                return r;
        if (!obstacle && file && !file->text && file->size > REPORT_TEXT_MAX)
                obstacle = file;
        if (!obstacle)
                return 0;
        b->default_stays = true;
        (void) error_set(&b->problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is not a small text file; look at it and remove it",
                         obstacle->path, b->in->esp_uuid);
        return 0;
}

/* Without a pin the loader takes the newest entry, and one that leads nowhere may be the newest. */
static void look_for_tolerated(PlanBuilder *b) {
        if (b->in->pin || strv_isempty(b->survey.tolerated))
                return;
        b->default_stays = true;
        (void) error_set(&b->problem, ERROR_DATABASE_UNREADABLE,
                         "The package database cannot be read, so entries on ESP '%s' that lead "
                         "nowhere are left ('%s'), and its default as it was; repair "
                         "/var/lib/dpkg/status",
                         b->in->esp_uuid, b->survey.tolerated[0]);
}

static int decide_default(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_LOADER_CONF);
        const char *old = file ? file->text : NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (b->in->pin) {
                r = look_at_pin(b);
                if (r < 0)
                        return r;
        }
        r = loader_conf_render(old, b->in->pin, &text);
        if (r < 0)
                return r;
        if (streq_ptr(text, old))
                return 0;

        look_for_tolerated(b);
        r = look_for_obstacle(b);
        if (r < 0)
                return r;
        if (!b->default_stays)
                b->loader_conf = TAKE_PTR(text);
        return 0;
}

static bool holds(const PlanBuilder *b, const char *version) {
        return streq_ptr(version, b->survey.current);
}

/* An entry goes before its files, and comes after them. */
static uint64_t away_need(const PlanBuilder *b, const char *version) {
        return holds(b, version) ? UINT64_MAX : 0;
}

const PlanLoader plan_loader_systemd_boot = {
        .look = decide_default,
        .need = loader_conf_need,
        .settle = settle_default,
        .is_settled = default_is_settled,
        .holds = holds,
        .away_need = away_need,
        .remove = plan_builder_remove,
};
