/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From what an ESP holds to what it should hold, in an order in which power may fail at any
 * instant.
 *
 * Where there is room, everything is staged beside the old files, and only then, under the token,
 * put in place: kernels, barrier, entries, barrier, loader.conf, barrier, and at last what is stale
 * goes. Where there is no room, everything happens under the token: stale kernels are evicted one
 * at a time, oldest first and never the one that boots now, and kernels come one after the other,
 * the default first. Nothing is removed while the package database is unreadable or if no complete
 * kernel would remain: when in doubt, leave it. */

#include <inttypes.h>

#include "common/string-util.h"
#include "core/loader-conf.h"
#include "core/plan-survey.h"
#include "core/report.h"
#include "core/space.h"

typedef struct Builder {
        const PlanInput *in;
        Plan *plan;
        PlanSurvey survey;
        char *loader_conf; /* the text to be written; NULL: as it should be */
        uint64_t free;
        bool has_entry_dir;
        Error problem;
        int error; /* sticky -ENOMEM; steps then go nowhere */
        PlanStep nowhere;
} Builder;

static void builder_done(Builder *b) {
        plan_survey_done(&b->survey);
        free(b->loader_conf);
        error_done(&b->problem);
        plan_free(b->plan);
}

/* Out of memory is remembered and reported once, at the end. */
static PlanStep *emit(Builder *b, PlanAction action, const char *path) {
        PlanStep *step = plan_add(b->plan, action, path);

        if (!step) {
                b->error = -ENOMEM;
                step = &b->nowhere;
        }
        return step;
}

static void emit_text(Builder *b, const char *path, const char *text) {
        PlanStep *step = emit(b, PLAN_STAGE_TEXT, path);

        step->bytes = strlen(text);
        step->text = b->error < 0 ? NULL : strdup(text);
        if (!step->text)
                b->error = -ENOMEM;
}

/* What is left as it is must still be as it was seen, or the plan rests on sand. */
static void emit_keeps(Builder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const PlanTarget *t = &b->survey.targets[i];
                        const EspFile *file = esp_image_find(b->in->image, t->path[f]);
                        PlanStep *step;

                        if (t->status == TARGET_BLOCKED || t->stale[f] || !file)
                                continue;
                        step = emit(b, PLAN_KEEP, t->path[f]);
                        step->esp_size = file->size;
                        step->esp_mtime = file->mtime;
                }
}

static void emit_clears(Builder *b) {
        STRV_FOREACH(path, b->survey.leftovers)
                emit(b, PLAN_CLEAR, *path);
        if (!strv_isempty(b->survey.leftovers))
                emit(b, PLAN_BARRIER, NULL);
}

/* The directories that @t needs; true if any has to be made. */
static bool emit_mkdir(Builder *b, const PlanTarget *t) {
        bool entries = t->entry_text && !b->has_entry_dir;

        if (entries) {
                emit(b, PLAN_MKDIR, ESP_ENTRY_DIR);
                b->has_entry_dir = true;
        }
        if (t->dir_missing)
                emit(b, PLAN_MKDIR, t->dir);
        return t->dir_missing || entries;
}

static void emit_stage_files(Builder *b, const PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                PlanStep *step;

                if (!t->stale[f])
                        continue;
                step = emit(b, PLAN_STAGE, t->path[f]);
                step->stamp = f == KERNEL_FILE_IMAGE ? t->kernel->image : t->kernel->initrd;
                step->bytes = step->stamp.size;
                step->source = b->error < 0 ? NULL : boot_source_path(t->kernel->version, f);
                if (!step->source)
                        b->error = -ENOMEM;
        }
}

static bool emit_place_files(Builder *b, const PlanTarget *t) {
        bool any = false;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                if (t->stale[f]) {
                        emit(b, PLAN_PLACE, t->path[f]);
                        any = true;
                }
        return any;
}

/* The entries first: when they are gone from the disk, nothing leads to the files any more. */
static void emit_remove(Builder *b, char *const *versions, char *const *further_entries) {
        const EspImage *image = b->in->image;
        bool any = false;

        for (; further_entries && *further_entries; further_entries++) {
                emit(b, PLAN_REMOVE_ENTRY, *further_entries);
                any = true;
        }
        for (size_t i = 0; i < image->n_files; i++) {
                _cleanup_free_ char *version = NULL;

                if (esp_entry_version(image->files[i].path, &version, NULL) >= 0 &&
                    image->files[i].type == FILE_REGULAR && strv_contains(versions, version)) {
                        emit(b, PLAN_REMOVE_ENTRY, image->files[i].path);
                        any = true;
                }
        }
        if (any)
                emit(b, PLAN_BARRIER, NULL);

        any = false;
        for (char *const *v = versions; v && *v; v++) {
                _cleanup_free_ char *dir = esp_kernel_dir(*v);

                if (!dir)
                        b->error = -ENOMEM;
                else if (esp_image_find(image, dir)) {
                        emit(b, PLAN_REMOVE_KERNEL, dir)->bytes =
                                        plan_survey_version_bytes(&b->survey, *v);
                        any = true;
                }
        }
        if (any)
                emit(b, PLAN_BARRIER, NULL);
}

/* What a target needs free before it can be staged. */
static uint64_t target_need(const PlanTarget *t) {
        bool files = t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD];

        return t->need + (files ? SPACE_RESERVE_BYTES : 0);
}

/* Evict the oldest stale kernel, but for the one that boots now. False if there is none. */
static bool evict_one(Builder *b) {
        STRV_FOREACH(v, b->survey.stale) {
                _cleanup_free_ char *version = NULL;
                char *one[] = { *v, NULL };

                if (streq_ptr(*v, b->survey.current))
                        continue;
                emit_remove(b, one, NULL);
                b->free += plan_survey_version_bytes(&b->survey, *v);
                for (version = *v; *v; v++)
                        *v = v[1];
                return true;
        }
        return false;
}

/* Evict stale kernels until @need bytes are free; evicts nothing if that cannot be reached. */
static bool make_room(Builder *b, uint64_t need) {
        uint64_t reachable = b->free;

        STRV_FOREACH(v, b->survey.stale)
                if (!streq_ptr(*v, b->survey.current))
                        reachable += plan_survey_version_bytes(&b->survey, *v);
        if (reachable < need)
                return false;
        while (b->free < need)
                if (!evict_one(b))
                        return false;
        return true;
}

static uint64_t loader_conf_need(const Builder *b) {
        return b->loader_conf ? space_allocated(strlen(b->loader_conf), b->in->image->cluster_bytes)
                              : 0;
}

static void emit_loader_conf(Builder *b) {
        const EspFile *old = esp_image_find(b->in->image, ESP_LOADER_CONF);
        uint64_t need = loader_conf_need(b);

        if (!b->loader_conf)
                return;
        if (!make_room(b, need)) {
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "There is no room for a new '%s' on ESP '%s'; remove a kernel "
                                 "that is not needed or use a larger ESP",
                                 ESP_LOADER_CONF, b->in->esp_uuid);
                return;
        }
        emit_text(b, ESP_LOADER_CONF, b->loader_conf);
        emit(b, PLAN_PLACE, ESP_LOADER_CONF);
        emit(b, PLAN_BARRIER, NULL);
        b->free -= need;
        b->free += old ? space_allocated(old->size, b->in->image->cluster_bytes) : 0;
        b->loader_conf = mfree(b->loader_conf);
}

/* Everything fits beside the old: stage all, then commit all. */
static void emit_side_by_side(Builder *b) {
        bool mkdirs = false, placed = false;

        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PENDING)
                        mkdirs |= emit_mkdir(b, &b->survey.targets[i]);
        if (mkdirs)
                emit(b, PLAN_BARRIER, NULL);

        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PENDING)
                        emit_stage_files(b, &b->survey.targets[i]);
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PENDING &&
                    b->survey.targets[i].entry_text)
                        emit_text(b, b->survey.targets[i].entry_path,
                                  b->survey.targets[i].entry_text);

        /* With leftovers the whole plan runs under the token already. */
        if (strv_isempty(b->survey.leftovers))
                emit(b, PLAN_TOKEN, NULL);
        emit(b, PLAN_BARRIER, NULL);

        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PENDING)
                        placed |= emit_place_files(b, &b->survey.targets[i]);
        if (placed)
                emit(b, PLAN_BARRIER, NULL);

        placed = false;
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status == TARGET_PENDING &&
                    b->survey.targets[i].entry_text) {
                        emit(b, PLAN_PLACE, b->survey.targets[i].entry_path);
                        placed = true;
                }
        if (placed)
                emit(b, PLAN_BARRIER, NULL);

        emit_loader_conf(b);
}

static void block_for_space(Builder *b, PlanTarget *t) {
        t->status = TARGET_BLOCKED;
        (void) error_set(&b->problem, ERROR_NO_SPACE,
                         "Kernel '%s' does not fit on ESP '%s': it needs %" PRIu64
                         " MiB and %" PRIu64 " MiB are free; remove a kernel that is not needed or "
                         "use a larger ESP",
                         t->kernel->version, b->in->esp_uuid,
                         (target_need(t) + (1 << 20) - 1) >> 20, b->free >> 20);
}

static void emit_one(Builder *b, PlanTarget *t) {
        if (t->status == TARGET_BLOCKED)
                return;
        if (!plan_target_has_work(t)) {
                t->status = TARGET_PLACED;
                return;
        }
        if (b->free < target_need(t) && !make_room(b, target_need(t))) {
                block_for_space(b, t);
                return;
        }

        if (emit_mkdir(b, t))
                emit(b, PLAN_BARRIER, NULL);
        emit_stage_files(b, t);
        if (t->entry_text)
                emit_text(b, t->entry_path, t->entry_text);
        emit(b, PLAN_BARRIER, NULL);
        if (emit_place_files(b, t))
                emit(b, PLAN_BARRIER, NULL);
        if (t->entry_text) {
                emit(b, PLAN_PLACE, t->entry_path);
                emit(b, PLAN_BARRIER, NULL);
        }
        b->free = b->free - t->need + t->frees;
        t->status = TARGET_PLACED;
}

/* The target that loader.conf leads to: the pinned one, else the newest. */
static PlanTarget *default_target(Builder *b) {
        PlanTarget *t = b->in->pin ? plan_survey_find(&b->survey, b->in->pin) : NULL;

        return t ?: b->survey.n_targets > 0 ? &b->survey.targets[0] : NULL;
}

/* There is no room for old and new beside each other: one kernel at a time, the default first. Once
 * that one boots, the kernel that booted before may go too. */
static void emit_one_by_one(Builder *b) {
        PlanTarget *first = default_target(b);

        if (first) {
                emit_one(b, first);
                if (first->status == TARGET_PLACED) {
                        emit_loader_conf(b);
                        if (!b->loader_conf)
                                b->survey.current = mfree(b->survey.current);
                }
        }
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (&b->survey.targets[i] != first)
                        emit_one(b, &b->survey.targets[i]);
        /* A pinned kernel that did not fit must not become the default. */
        if (!b->in->pin || !first || first->status == TARGET_PLACED ||
            plan_target_is_present(first))
                emit_loader_conf(b);
}

static int decide_loader_conf(Builder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_LOADER_CONF);
        const char *old = file ? file->text : NULL, *pin = b->in->pin;
        _cleanup_free_ char *text = NULL;
        int r;

        if (file && (file->type != FILE_REGULAR || (!old && file->size > REPORT_TEXT_MAX))) {
                (void) error_set(&b->problem, ERROR_FAILED,
                                 "'%s' on ESP '%s' is not a small text file; look at it and remove "
                                 "it",
                                 ESP_LOADER_CONF, b->in->esp_uuid);
                return 0;
        }
        if (pin) {
                const PlanTarget *t = plan_survey_find(&b->survey, pin);
                _cleanup_strv_ char **present = NULL;

                r = esp_image_kernels(b->in->image, &present);
                if (r < 0)
                        return r;
                /* The default never names a kernel that will not be there. */
                if ((!t || t->status == TARGET_BLOCKED) && !strv_contains(present, pin)) {
                        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                                         "The pinned kernel '%s' cannot be put on ESP '%s', so its "
                                         "default is left as it was; pin another kernel or unpin",
                                         pin, b->in->esp_uuid);
                        return 0;
                }
        }
        r = loader_conf_render(old, pin, &text);
        if (r < 0)
                return r;
        if (!streq_ptr(text, old))
                b->loader_conf = TAKE_PTR(text);
        return 0;
}

static bool fits_side_by_side(const Builder *b) {
        uint64_t need = loader_conf_need(b);
        bool files = false;

        for (size_t i = 0; i < b->survey.n_targets; i++) {
                const PlanTarget *t = &b->survey.targets[i];

                if (t->status == TARGET_BLOCKED)
                        continue;
                need += t->need;
                files |= t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD];
        }
        return need + (files ? SPACE_RESERVE_BYTES : 0) <= b->free;
}

/* An entry that leads nowhere is worse than none: a kept kernel that cannot be put here loses its
 * entry if one of its files is not on the ESP. */
static int collect_dangling(Builder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++) {
                const PlanTarget *t = &b->survey.targets[i];
                int r;

                if (t->status != TARGET_BLOCKED || !t->entry_present || plan_target_is_present(t))
                        continue;
                r = strv_extend(&b->survey.surplus, t->entry_path);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* True if at least one kept kernel is complete on the ESP once the steps so far are done. */
static bool leaves_a_kernel(const Builder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status != TARGET_BLOCKED ||
                    plan_target_is_present(&b->survey.targets[i]))
                        return true;
        return false;
}

/* What goes at the end: stale kernels, but not the one that boots now unless another default is
 * settled, and entries that must not stand. */
static int emit_removals(Builder *b) {
        const PlanTarget *first = default_target(b);
        int r;

        if (!b->in->kernels->database_readable || !leaves_a_kernel(b))
                return 0;
        if (b->survey.current && (b->loader_conf || !first || first->status == TARGET_BLOCKED))
                strv_remove(b->survey.stale, b->survey.current);
        r = collect_dangling(b);
        if (r < 0)
                return r;
        emit_remove(b, b->survey.stale, b->survey.surplus);
        return 0;
}

static void refuse_removal_if_unreadable(Builder *b) {
        _cleanup_free_ char *versions = NULL;

        if (b->in->kernels->database_readable || strv_isempty(b->survey.stale))
                return;
        versions = strv_join(b->survey.stale, ", ");
        (void) error_set(&b->problem, ERROR_DATABASE_UNREADABLE,
                         "The package database cannot be read, so kernels on ESP '%s' that may not "
                         "be "
                         "needed any more are left (%s); repair /var/lib/dpkg/status",
                         b->in->esp_uuid, strempty(versions));
}

static int emit_all(Builder *b) {
        bool side_by_side = fits_side_by_side(b);
        int r;

        refuse_removal_if_unreadable(b);
        /* What must not be removed must not be evicted either. */
        if (!b->in->kernels->database_readable || !leaves_a_kernel(b))
                b->survey.stale = strv_free(b->survey.stale);

        emit_keeps(b);
        if (!side_by_side || !strv_isempty(b->survey.leftovers))
                emit(b, PLAN_TOKEN, NULL);
        emit_clears(b);
        if (side_by_side)
                emit_side_by_side(b);
        else
                emit_one_by_one(b);
        r = emit_removals(b);
        return r < 0 ? r : b->error;
}

static int build(Builder *b) {
        int r;

        r = plan_survey_make(b->in, &b->survey, &b->problem);
        if (r < 0)
                return r;
        b->has_entry_dir = esp_image_find(b->in->image, ESP_ENTRY_DIR);
        b->free = b->in->image->free_bytes + b->survey.leftover_bytes;
        r = decide_loader_conf(b);
        if (r < 0)
                return r;
        return emit_all(b);
}

static void refuse_loader(Builder *b) {
        if (b->in->image->loader == ESP_LOADER_GRUB)
                (void) error_set(&b->problem, ERROR_NOT_SUPPORTED,
                                 "ESP '%s' is set up with GRUB, which this version does not sync; "
                                 "it is "
                                 "left as it is",
                                 b->in->esp_uuid);
        else
                (void) error_set(&b->problem, ERROR_NOT_AN_ESP,
                                 "ESP '%s' holds no boot loader that is known here (neither "
                                 "loader/loader.conf with EFI/proxmox nor GRUB); it is left as it "
                                 "is, "
                                 "install a boot loader on it first",
                                 b->in->esp_uuid);
}

int plan_build(const PlanInput *in, Plan **ret) {
        _cleanup_(builder_done) Builder b = { .in = in };
        int r;

        assert(in->image);
        assert(in->kernels);
        assert(in->title);
        assert(ret);

        r = plan_new(in->esp_uuid, &b.plan);
        if (r < 0)
                return r;
        if (in->image->loader == ESP_LOADER_SYSTEMD_BOOT) {
                r = build(&b);
                if (r < 0)
                        return r;
        } else
                refuse_loader(&b);

        /* Keeps, barriers and a token alone change nothing. */
        if (!plan_writes(b.plan))
                plan_clear(b.plan);
        if (error_is_set(&b.problem)) {
                b.plan->problem_code = b.problem.code;
                b.plan->problem = TAKE_PTR(b.problem.message);
        }
        *ret = TAKE_PTR(b.plan);
        return 0;
}
