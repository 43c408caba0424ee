/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-boot: an entry leads to a kernel, and loader.conf to an entry. loader.conf is written
 * when the kernel that it names is in place, and not before. */

#include "common/string-util.h"
#include "core/loader/esp-path.h"
#include "core/plan/plan-loader.h"
#include "core/plan/plan-room.h"
#include "core/systemd-boot/systemd-boot-loader.h"
#include "core/systemd-boot/systemd-boot-text.h"

typedef struct State {
        char *loader_conf;  /* the text to be written; NULL: as it should be */
        bool default_stays; /* loader.conf is wrong, but must not be touched */
        bool pin_is_there;  /* the ESP, as it is, would boot the pin if loader.conf said so */
} State;

static State *state(const PlanBuilder *b) {
        return b->state;
}

static void state_done(void *userdata) {
        State *s = userdata;

        free(s->loader_conf);
}

/* The entry of a kernel that is about to come goes in any case: while only one of its files is in
 * place, a loader would boot that. */
static int collect_dangling(PlanSurvey *s, const EspFile *file, const char *version) {
        const PlanTarget *t = plan_survey_find(s, version);
        bool goes = s->may_remove || (t && t->status == TARGET_PENDING);
        int r;

        if (!file->text)
                return 0;
        r = systemd_boot_entry_boots(s->in->image, file->path);
        if (r != 0)
                return MIN(r, 0);
        return strv_extend(goes ? &s->dangling : &s->tolerated, file->path);
}

static int collect(PlanSurvey *s, const EspFile *file) {
        _cleanup_free_ char *version = NULL;
        const char *of_dir;
        int r;

        if (file->type == FILE_DIRECTORY) {
                of_dir = plan_survey_dir_version(s, file->path);
                return of_dir ? plan_survey_add(s, of_dir) : 0;
        }
        if (file->type != FILE_REGULAR)
                return 0;
        r = esp_entry_version(file->path, &version, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = collect_dangling(s, file, version);
        return r < 0 ? r : plan_survey_add(s, version);
}

/* A default that names the entry does not match its name with a boot counter, so a pinned kernel
 * has the plain one. */
static int choose_entry(PlanTarget *t, const PlanSurvey *s) {
        const PlanInput *in = s->in;
        const EspFile *file = systemd_boot_find_entry(in->image, t->kernel->version);
        uint64_t left;
        int r;

        t->entry_path = file && !streq_ptr(s->pin, t->kernel->version)
                                        ? strdup(file->path)
                                        : esp_entry_path(t->kernel->version);
        if (!t->entry_path)
                return -ENOMEM;
        t->exhausted = boot_entry_counter(t->entry_path, &left) && left == 0;
        r = systemd_boot_entry_boots(in->image, t->entry_path);
        if (r < 0)
                return r;
        t->boots = r > 0;
        return 0;
}

static int lead(PlanTarget *t, const PlanSurvey *s, const char *default_options, Error *problem) {
        const PlanInput *in = s->in;
        _cleanup_free_ char *own = NULL, *text = NULL;
        uint64_t cluster = in->image->cluster_bytes;
        const EspFile *file, *dir = esp_image_find(in->image, ESP_ENTRY_DIR);
        const char *options;
        int r;

        r = choose_entry(t, s);
        if (r < 0)
                return r;
        r = esp_image_reader(in->image)->options(in->image, t->kernel->version, &own);
        if (r < 0)
                return r;
        options = in->cmdline ?: own ?: default_options ?: in->fallback_cmdline;
        if (!options) {
                t->status = TARGET_BLOCKED;
                (void) error_set(problem, ERROR_FAILED,
                                 "There is no kernel command line for kernel '%s' on ESP '%s'; "
                                 "write one with root= into /etc/kernel/cmdline",
                                 t->kernel->version, in->esp_uuid);
                return 0;
        }

        r = boot_entry_render(in->title, t->kernel->version, options, &text);
        if (r < 0)
                return r;
        /* An entry that leads nowhere does not stay until its kernel is there. */
        file = esp_image_find(in->image, t->entry_path);
        if (t->boots && streq_ptr(file->text, text))
                return 0;
        if (dir && dir->type != FILE_DIRECTORY)
                return plan_target_block(t, in, dir->path, problem);
        r = plan_target_look_for_obstacle(t, in, t->entry_path, problem);
        if (r < 0)
                return r;
        t->need += space_allocated(strlen(text), cluster) + (dir ? 0 : cluster);
        t->frees += file ? space_allocated(file->size, cluster) : 0;
        t->entry_text = TAKE_PTR(text);
        return 0;
}

/* The directory that loader.conf lies in comes with that of the entries. */
static bool needs_directories(const PlanBuilder *b) {
        return !b->has_entry_dir && !esp_image_find(b->in->image, ESP_LOADER_CONF);
}

static uint64_t loader_conf_need(const PlanBuilder *b) {
        uint64_t cluster = b->in->image->cluster_bytes;

        if (!state(b)->loader_conf)
                return 0;
        return space_allocated(strlen(state(b)->loader_conf), cluster) +
               (needs_directories(b) ? 2 * cluster : 0);
}

/* The default never names a kernel that is not there. */
static bool pin_is_placed(const PlanBuilder *b) {
        const PlanTarget *t = b->survey.pin ? plan_survey_find(&b->survey, b->survey.pin) : NULL;

        return !b->survey.pin || state(b)->pin_is_there || (t && t->status == TARGET_PLACED);
}

static void settle_default(PlanBuilder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_LOADER_CONF);
        uint64_t need = loader_conf_need(b);

        if (!state(b)->loader_conf || !pin_is_placed(b))
                return;
        if (!plan_make_room(b, need)) {
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "There is no room for a new '%s' on ESP '%s'; remove a kernel "
                                 "that is not needed or use a larger ESP",
                                 ESP_LOADER_CONF, b->in->esp_uuid);
                return;
        }
        if (needs_directories(b))
                plan_builder_mkdir_entries(b);
        plan_builder_write(b, ESP_LOADER_CONF, state(b)->loader_conf);
        state(b)->loader_conf = mfree(state(b)->loader_conf);
        b->free -= need;
        b->free += old ? space_allocated(old->size, b->in->image->cluster_bytes) : 0;
}

/* Unless a pin names its entry, one without tries left comes last, and if the default is the
 * administrator's own, even behind those that are not ours. */
static bool entry_comes_first(const PlanBuilder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PLACED && !b->survey.targets[i].exhausted)
                        return true;
        return b->survey.pin;
}

static bool default_is_settled(const PlanBuilder *b) {
        return !state(b)->loader_conf && !state(b)->default_stays && entry_comes_first(b);
}

/* The default is named while a kernel is refused. */
static bool takes_first(const PlanBuilder *b) {
        return streq_ptr(b->survey.pin, b->survey.first->kernel->version);
}

static int look_at_pin(PlanBuilder *b) {
        const PlanTarget *t = plan_survey_find(&b->survey, b->survey.pin);
        _cleanup_free_ char *path = esp_entry_path(b->survey.pin);
        int r;

        if (!path)
                return -ENOMEM;
        r = systemd_boot_entry_boots(b->in->image, path);
        if (r < 0)
                return r;
        /* The kernel that boots now may be better than the old file of this one. */
        state(b)->pin_is_there = r > 0 && plan_survey_acceptance(&b->survey, b->survey.pin) !=
                                                          ACCEPTANCE_REFUSED;
        if (state(b)->pin_is_there || (t && t->status != TARGET_BLOCKED))
                return 0;
        state(b)->default_stays = true;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "%s '%s' cannot be put on ESP '%s', so its default is left "
                         "as it was; pin another kernel or unpin",
                         plan_survey_title(&b->survey, b->survey.pin), b->survey.pin,
                         b->in->esp_uuid);
        return 0;
}

/* Whatever is in the way of loader.conf is left, and with it the default. */
static int look_for_obstacle(PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_LOADER_CONF), *obstacle;
        int r;

        r = esp_image_find_obstacle(b->in->image, ESP_LOADER_CONF, &obstacle);
        if (r < 0)
                return r;
        if (!obstacle && file && !file->text && file->size > ESP_FILE_TEXT_MAX)
                obstacle = file;
        if (!obstacle)
                return 0;
        state(b)->default_stays = true;
        (void) error_set(&b->problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is not a small text file; look at it and remove it",
                         obstacle->path, b->in->esp_uuid);
        return 0;
}

/* Without a pin the loader takes the newest entry, and one that leads nowhere may be the newest. */
static void look_for_tolerated(PlanBuilder *b) {
        if (b->survey.pin || strv_isempty(b->survey.tolerated))
                return;
        state(b)->default_stays = true;
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

        if (b->survey.pin) {
                r = look_at_pin(b);
                if (r < 0)
                        return r;
        }
        r = loader_conf_render(old, b->survey.pin, &text);
        if (r < 0)
                return r;
        if (streq_ptr(text, old))
                return 0;

        look_for_tolerated(b);
        r = look_for_obstacle(b);
        if (r < 0)
                return r;
        if (!state(b)->default_stays)
                state(b)->loader_conf = TAKE_PTR(text);
        return 0;
}

static bool holds(const PlanBuilder *b, const char *version) {
        return streq_ptr(version, b->survey.current);
}

/* An entry goes before its files, and comes after them. */
static uint64_t away_need(const PlanBuilder *b, const char *version) {
        return holds(b, version) ? UINT64_MAX : 0;
}

static int complete(const EspImage *image, char ***ret) {
        return esp_image_reader(image)->kernels(image, ret);
}

const PlanLoader plan_loader_systemd_boot = {
        .state_size = sizeof(State),
        .state_done = state_done,
        .has_entries = true,
        .complete = complete,
        .collect = collect,
        .lead = lead,
        .look = decide_default,
        .need = loader_conf_need,
        .settle = settle_default,
        .is_settled = default_is_settled,
        .takes_first = takes_first,
        .holds = holds,
        .away_need = away_need,
        .remove = plan_builder_remove,
};
