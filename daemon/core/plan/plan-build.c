/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From what an ESP holds to what it should hold, in an order in which power may fail at any
 * instant.
 *
 * Where there is room, everything is staged beside the old files, and only then, under the token,
 * put in place: kernels, barrier, entries, barrier, what decides the default (loader.conf, or
 * GRUB's menu), barrier, and at last what is stale goes. Where there is no room, everything happens
 * under the token: stale kernels are evicted one at a time, oldest first and never the one that
 * boots now, and kernels come one after the other, the default first. If that is not enough, kept
 * kernels that nobody needs at the moment give way to one, and are copied again behind it. Entries
 * that lead nowhere go before anything else, so that whichever entry the loader falls back to
 * between two steps, a complete kernel is behind it. No kernel is removed while the package
 * database is unreadable, or if no complete one would remain: when in doubt, leave it.
 *
 * A boot loader is put on an ESP that holds what it is to boot, and the firmware is told of it when
 * it is there: so whatever a power cut leaves, nobody is led to an empty menu. One that is not the
 * one of its package is put there anew behind all else. That is done under the token, since GRUB is
 * written in place and the ESP may not boot meanwhile. A volume that a power cut has left half-way
 * is repaired before, as it is for a sync. */

#include <inttypes.h>

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/kernel/kernel-select.h"
#include "core/loader/esp-path.h"
#include "core/plan/plan-memtest.h"
#include "core/plan/plan-room.h"

#define for_each_target(t, b)                                                                      \
        for (PlanTarget *t = (b)->survey.targets; t < (b)->survey.targets + (b)->survey.n_targets; \
             t++)
#define for_each_pending(t, b) for_each_target(t, b) if (t->status == TARGET_PENDING && !t->waits)

static void builder_done(PlanBuilder *b) {
        plan_survey_done(&b->survey);
        if (b->state && b->loader->state_done)
                b->loader->state_done(b->state);
        free(b->state);
        error_done(&b->problem);
        error_done(&b->left_out);
        plan_free(b->plan);
}

/* Wait for the token, unless the plan does so already. */
static void take_token(PlanBuilder *b) {
        if (!b->has_token)
                plan_builder_add(b, PLAN_TOKEN, NULL);
        b->has_token = true;
}

/* One after the other, and a barrier behind the last. */
static void add_each(PlanBuilder *b, PlanAction action, char *const *paths) {
        if (strv_isempty(paths))
                return;
        for (; *paths; paths++)
                plan_builder_add(b, action, *paths);
        plan_builder_barrier(b);
}

/* A file that is left as it is must still be as it was seen, or the plan rests on sand. */
static void keep_files(PlanBuilder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const PlanTarget *t = &b->survey.targets[i];
                        const EspFile *file = esp_image_find(b->in->image, t->path[f]);
                        PlanStep *step;

                        if (t->status == TARGET_BLOCKED || t->stale[f] || !file)
                                continue;
                        step = plan_builder_add(b, PLAN_KEEP, t->path[f]);
                        step->esp_size = file->size;
                        step->esp_mtime = file->mtime;
                }
}

/* The directories that @t needs; true if any has to be made. */
static bool make_directories(PlanBuilder *b, const PlanTarget *t) {
        bool entries = t->entry_text && !b->has_entry_dir;

        if (entries) {
                plan_builder_add(b, PLAN_MKDIR, ESP_ENTRY_DIR);
                b->has_entry_dir = true;
        }
        if (t->dir_missing)
                plan_builder_add(b, PLAN_MKDIR, t->dir);
        return t->dir_missing || entries;
}

static void stage_files(PlanBuilder *b, const PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *source = boot_source_path(t->kernel->version, f);

                if (t->stale[f])
                        plan_builder_stage(b, t->path[f], source,
                                           f == KERNEL_FILE_IMAGE ? &t->kernel->image
                                                                  : &t->kernel->initrd);
        }
}

static void stage_entry(PlanBuilder *b, const PlanTarget *t) {
        if (t->entry_text)
                plan_builder_stage_text(b, t->entry_path, t->entry_text);
}

static void place_files(PlanBuilder *b, const PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                if (t->stale[f])
                        plan_builder_add(b, PLAN_PLACE, t->path[f]);
}

/* The target counts as placed with its entry. */
static void place_entry(PlanBuilder *b, PlanTarget *t) {
        if (t->entry_text)
                plan_builder_add(b, PLAN_PLACE, t->entry_path);
        t->status = TARGET_PLACED;
}

/* The ESP boots a kernel that is not refused, now and whatever happens next. */
static bool default_is_safe(const PlanBuilder *b) {
        const PlanTarget *first = b->survey.first;

        return b->loader->is_settled(b) && b->loader->takes_first(b) &&
               (first->status == TARGET_PLACED || first->boots);
}

/* True if something has to be copied or written. */
static bool has_work(const PlanTarget *t) {
        return t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD] || t->entry_text;
}

/* Those that waited may come, or else must not: they could be taken for the default. True if there
 * were any. */
static bool admit_refused(PlanBuilder *b) {
        bool safe = default_is_safe(b), any = false;

        for_each_target(t, b) {
                if (!t->waits || t->status != TARGET_PENDING)
                        continue;
                t->waits = false;
                any = true;
                if (safe || !has_work(t))
                        continue;
                t->status = TARGET_BLOCKED;
                (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                                 "Secure Boot refuses kernel '%s', and ESP '%s' cannot be led to "
                                 "another one, so it is left out; see 'bootctl-pve kernel list'",
                                 t->kernel->version, b->in->esp_uuid);
        }
        return any;
}

/* Everything fits beside the old: stage all, then commit all. */
static void build_side_by_side(PlanBuilder *b) {
        bool mkdirs = false;

        for_each_pending(t, b) mkdirs |= make_directories(b, t);
        if (mkdirs)
                plan_builder_barrier(b);

        for_each_pending(t, b) stage_files(b, t);
        for_each_pending(t, b) stage_entry(b, t);

        take_token(b);
        plan_builder_barrier(b);
        for_each_pending(t, b) place_files(b, t);
        plan_builder_barrier(b);
        for_each_pending(t, b) {
                place_entry(b, t);
                b->free = b->free - t->need + t->frees;
        }
        plan_builder_barrier(b);

        b->loader->settle(b);
}

/* Rounded so that what is needed is more than what is free. */
static void block_for_space(PlanBuilder *b, PlanTarget *t) {
        t->status = TARGET_BLOCKED;
        if (b->free < t->need)
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "Kernel '%s' does not fit on ESP '%s': it needs %" PRIu64
                                 " MiB and %" PRIu64 " MiB are free; remove a kernel that is not "
                                 "needed or use a larger ESP",
                                 t->kernel->version, b->in->esp_uuid,
                                 (t->need + (1 << 20) - 1) >> 20, b->free >> 20);
        else
                (void) error_set(&b->problem, ERROR_NO_SPACE,
                                 "Kernel '%s' would fill ESP '%s' up: of the %" PRIu64
                                 " KiB that are free it needs %" PRIu64
                                 ", and a reserve of %u must "
                                 "be left; remove a kernel that is not needed or use a larger ESP",
                                 t->kernel->version, b->in->esp_uuid, b->free >> 10, t->need >> 10,
                                 SPACE_RESERVE_BYTES >> 10);
}

static void copy_one(PlanBuilder *b, PlanTarget *t) {
        if (make_directories(b, t))
                plan_builder_barrier(b);
        stage_files(b, t);
        stage_entry(b, t);
        plan_builder_barrier(b);
        place_files(b, t);
        plan_builder_barrier(b);
        place_entry(b, t);
        plan_builder_barrier(b);
        b->free = b->free - t->need + t->frees;
}

/* Kernels that have given way come back before anything else takes the room. */
static void build_one(PlanBuilder *b, PlanTarget *t) {
        if (t->status != TARGET_PENDING)
                return;
        if (!has_work(t)) {
                t->status = TARGET_PLACED;
                return;
        }
        if (!plan_make_room(b, plan_target_need(t)) && !plan_give_way(b, t)) {
                block_for_space(b, t);
                return;
        }
        copy_one(b, t);
        for_each_target(away, b) if (plan_target_is_away(away)) {
                if (away->waits)
                        b->loader->settle(b);
                if (!away->waits || default_is_safe(b))
                        copy_one(b, away);
        }
}

/* All but the first. */
static void build_others(PlanBuilder *b) {
        for_each_target(t, b) if (t != b->survey.first && !t->waits) build_one(b, t);
}

/* There is no room for old and new beside each other: one kernel at a time, the default first. Once
 * that one boots, the kernel that booted before may go too. */
static void build_one_by_one(PlanBuilder *b) {
        PlanTarget *first = b->survey.first;

        if (first) {
                build_one(b, first);
                if (first->status == TARGET_PLACED) {
                        b->loader->settle(b);
                        if (b->loader->is_settled(b))
                                b->survey.current = mfree(b->survey.current);
                }
        }
        build_others(b);
        b->loader->settle(b);
        if (!first || !admit_refused(b))
                return;
        build_others(b);
        b->loader->settle(b);
}

static bool fits_side_by_side(const PlanBuilder *b) {
        uint64_t need = b->loader->need(b);
        bool files = false;

        for_each_target(t, b) {
                if (t->status != TARGET_PENDING)
                        continue;
                need += t->need;
                files |= t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD];
        }
        return need + (files ? SPACE_RESERVE_BYTES : 0) <= b->free;
}

/* True if at least one kept kernel is complete on the ESP once the steps so far are done. */
static bool leaves_a_kernel(const PlanBuilder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (b->survey.targets[i].status != TARGET_BLOCKED || b->survey.targets[i].boots)
                        return true;
        return false;
}

/* Remove stale kernels at the end, but not the one that boots now unless another default is
 * settled. Those which stay are still stale, or others would be spared in their place. */
static void build_removals(PlanBuilder *b) {
        const PlanTarget *first = b->survey.first;
        bool settled = b->loader->is_settled(b) && first && first->status != TARGET_BLOCKED;
        _cleanup_strv_ char **going = NULL;

        if (!b->survey.may_remove || !leaves_a_kernel(b))
                return;
        STRV_FOREACH(v, b->survey.stale) {
                if (plan_survey_spares(&b->survey, *v) ||
                    plan_survey_is_last_accepted(&b->survey, *v) ||
                    (!settled && streq_ptr(*v, b->survey.current)))
                        continue;
                if (strv_extend(&going, *v) < 0)
                        b->error = -ENOMEM;
        }
        b->loader->remove(b, going, true);
}

static void refuse_removal(PlanBuilder *b) {
        _cleanup_free_ char *versions = strv_join(b->survey.stale, ", ");

        (void) error_set(&b->problem, ERROR_DATABASE_UNREADABLE,
                         "The package database cannot be read, so kernels on ESP '%s' that may not "
                         "be needed any more are left (%s); repair /var/lib/dpkg/status",
                         b->in->esp_uuid, strempty(versions));
}

/* A kernel that boot/ lacks stays on the ESP as it is, but nobody can say that it is as it should
 * be. */
static int refuse_source(PlanBuilder *b) {
        _cleanup_free_ char *gap = NULL;
        int r;

        r = kernel_source_gap(b->in->kernels, &gap);
        if (r < 0 || !gap)
                return r;
        (void) error_set(&b->problem, ERROR_NO_SUCH_KERNEL,
                         "%s, so what ESP '%s' holds of it is left as it is; mount '/boot', or "
                         "install the kernel again",
                         gap, b->in->esp_uuid);
        return 0;
}

/* Leave room for the loader that comes, and keep the kernel that the present one still boots.
 * Nothing is copied for a loader that cannot be installed. */
static void prepare_for_loader(PlanBuilder *b) {
        uint64_t room = loader_of(b->in->image->loader)->install_bytes;

        if (b->in->loader_comes || b->in->copies_stay)
                b->survey.copies = strv_free(b->survey.copies);
        if (!b->in->loader_comes)
                return;
        if (!esp_image_has_loader(b->in->image))
                b->free -= MIN(b->free, room);
        plan_builder_add_text(b, PLAN_CHECK_LOADER, NULL,
                              esp_loader_to_string(b->in->image->loader));
}

/* Behind all that it is to boot, as where it is installed for the first time; an ESP that boots is
 * safe in any order. */
static void renew_loader(PlanBuilder *b) {
        const Loader *loader = loader_of(b->in->image->loader);

        if (!b->in->loader_stale || b->in->loader_comes)
                return;
        take_token(b);
        plan_builder_barrier(b);
        plan_builder_add_text(b, PLAN_INSTALL_LOADER, loader->program, loader->name);
}

/* Something on the ESP would boot, and nothing that is kept would. */
static bool refuse_all(PlanBuilder *b) {
        const char *version = plan_survey_find_endangered(&b->survey);

        if (!version)
                return false;
        (void) error_set(&b->problem, ERROR_NOT_BOOTABLE,
                         "Secure Boot refuses every kernel that is kept, so ESP '%s' is left as it "
                         "is, with kernel '%s'; install a signed kernel",
                         b->in->esp_uuid, version);
        return true;
}

static int build(PlanBuilder *b) {
        bool readable = b->in->kernels->database_readable, side_by_side, repair;
        int r;

        r = refuse_source(b);
        if (r < 0)
                return r;
        r = plan_survey_make(b->in, &b->survey, &b->problem);
        if (r < 0)
                return r;
        if (refuse_all(b))
                return 0;
        b->loader = b->survey.loader;
        b->state = calloc(1, b->loader->state_size);
        if (!b->state)
                return -ENOMEM;
        b->has_entry_dir = esp_image_find(b->in->image, ESP_ENTRY_DIR);
        b->free = b->in->image->free_bytes + b->survey.leftover_bytes;
        prepare_for_loader(b);
        plan_memtest_look(b);
        r = b->loader->look(b);
        if (r < 0)
                return r;

        if (!readable && !strv_isempty(b->survey.stale))
                refuse_removal(b);
        /* A kernel that must not be removed must not be evicted either. */
        if (!b->survey.may_remove || !leaves_a_kernel(b)) {
                b->survey.stale = strv_free(b->survey.stale);
                b->survey.copies = strv_free(b->survey.copies);
        }

        side_by_side = fits_side_by_side(b);
        repair = b->in->image->dirty || !strv_isempty(b->survey.leftovers);
        keep_files(b);
        if (!side_by_side || repair || !strv_isempty(b->survey.dangling))
                take_token(b);
        /* After a power cut the FAT may count clusters of a live file as free, and a leftover may
         * share its clusters with one. */
        if (repair)
                plan_builder_add(b, PLAN_REPAIR, NULL);
        add_each(b, PLAN_CLEAR, b->survey.leftovers);
        add_each(b, PLAN_REMOVE_ENTRY, b->survey.dangling);
        if (!side_by_side)
                build_one_by_one(b);
        else {
                build_side_by_side(b);
                if (b->survey.first && admit_refused(b))
                        build_side_by_side(b);
        }
        build_removals(b);
        renew_loader(b);
        plan_memtest_settle(b);
        return b->error;
}

static void refuse_loader(PlanBuilder *b) {
        (void) error_set(&b->problem, ERROR_NOT_AN_ESP,
                         "ESP '%s' holds no boot loader that is known here (neither "
                         "loader/loader.conf with EFI/proxmox nor GRUB); it is left as it is, "
                         "install a boot loader on it first",
                         b->in->esp_uuid);
}

int plan_build(const PlanInput *in, Plan **ret) {
        _cleanup_(builder_done) PlanBuilder b = { .in = in };
        int r;

        assert(in->image);
        assert(in->kernels);
        assert(in->title);
        assert(ret);

        r = plan_new(PLAN_ON_ESP, in->esp_uuid, &b.plan);
        if (r < 0)
                return r;
        if (in->image->loader != ESP_LOADER_NONE) {
                r = build(&b);
                if (r < 0)
                        return r;
        } else
                refuse_loader(&b);

        /* Keeps, barriers and a token alone change nothing. */
        if (!plan_writes(b.plan))
                plan_clear(b.plan);
        error_move(&b.plan->problem, &b.problem);
        b.plan->left_out = TAKE_PTR(b.left_out.message);
        *ret = TAKE_PTR(b.plan);
        return 0;
}
