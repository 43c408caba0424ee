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
 * database is unreadable, or if no complete one would remain: when in doubt, leave it. */

#include <inttypes.h>

#include "common/string-util.h"
#include "core/kernel-source.h"
#include "core/plan-loader.h"
#include "core/plan-memtest.h"
#include "core/space.h"

#define for_each_pending(t, b)                                                                     \
        for (PlanTarget *t = (b)->survey.targets; t < (b)->survey.targets + (b)->survey.n_targets; \
             t++)                                                                                  \
                if (t->status == TARGET_PENDING)

/* Everything fits beside the old: stage all, then commit all. */
static void build_side_by_side(PlanBuilder *b) {
        bool mkdirs = false;

        for_each_pending(t, b) mkdirs |= plan_builder_mkdir(b, t);
        if (mkdirs)
                plan_builder_barrier(b);

        for_each_pending(t, b) plan_builder_stage_files(b, t);
        for_each_pending(t, b) plan_builder_stage_entry(b, t);

        plan_builder_token(b);
        plan_builder_barrier(b);
        for_each_pending(t, b) plan_builder_place_files(b, t);
        plan_builder_barrier(b);
        for_each_pending(t, b) {
                plan_builder_place_entry(b, t);
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
        if (plan_builder_mkdir(b, t))
                plan_builder_barrier(b);
        plan_builder_stage_files(b, t);
        plan_builder_stage_entry(b, t);
        plan_builder_barrier(b);
        plan_builder_place_files(b, t);
        plan_builder_barrier(b);
        plan_builder_place_entry(b, t);
        plan_builder_barrier(b);
        b->free = b->free - t->need + t->frees;
}

/* What has given way comes back before anything else takes the room. */
static void build_one(PlanBuilder *b, PlanTarget *t) {
        if (t->status != TARGET_PENDING)
                return;
        if (!plan_target_has_work(t)) {
                t->status = TARGET_PLACED;
                return;
        }
        if (!plan_make_room(b, plan_target_need(t)) && !plan_give_way(b, t)) {
                block_for_space(b, t);
                return;
        }
        copy_one(b, t);
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (plan_target_is_away(&b->survey.targets[i]))
                        copy_one(b, &b->survey.targets[i]);
}

PlanTarget *plan_default_target(const PlanBuilder *b) {
        PlanTarget *t = b->in->pin ? plan_survey_find(&b->survey, b->in->pin) : NULL;

        return t ?: b->survey.n_targets > 0 ? &b->survey.targets[0] : NULL;
}

/* There is no room for old and new beside each other: one kernel at a time, the default first. Once
 * that one boots, the kernel that booted before may go too. */
static void build_one_by_one(PlanBuilder *b) {
        PlanTarget *first = plan_default_target(b);

        if (first) {
                build_one(b, first);
                if (first->status == TARGET_PLACED) {
                        b->loader->settle(b);
                        if (b->loader->is_settled(b))
                                b->survey.current = mfree(b->survey.current);
                }
        }
        for (size_t i = 0; i < b->survey.n_targets; i++)
                if (&b->survey.targets[i] != first)
                        build_one(b, &b->survey.targets[i]);
        b->loader->settle(b);
}

static bool fits_side_by_side(const PlanBuilder *b) {
        uint64_t need = b->loader->need(b);
        bool files = false;

        for_each_pending(t, b) {
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

/* What goes at the end: stale kernels, but not the one that boots now unless another default is
 * settled. Those which stay are still stale, or others would be spared in their place. */
static void build_removals(PlanBuilder *b) {
        const PlanTarget *first = plan_default_target(b);
        bool settled = b->loader->is_settled(b) && first && first->status != TARGET_BLOCKED;
        _cleanup_strv_ char **going = NULL;

        if (!plan_survey_may_remove(&b->survey) || !leaves_a_kernel(b))
                return;
        STRV_FOREACH(v, b->survey.stale) {
                if (plan_survey_spares(&b->survey, *v) ||
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

/* What boot/ lacks stays on the ESP as it is, but nobody can say that it is as it should be. */
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

static int build(PlanBuilder *b) {
        bool readable = b->in->kernels->database_readable, side_by_side, repair;
        int r;

        r = refuse_source(b);
        if (r < 0)
                return r;
        r = plan_survey_make(b->in, &b->survey, &b->problem);
        if (r < 0)
                return r;
        b->has_entry_dir = esp_image_find(b->in->image, ESP_ENTRY_DIR);
        b->free = b->in->image->free_bytes + b->survey.leftover_bytes;
        plan_memtest_look(b);
        r = b->loader->look(b);
        if (r < 0)
                return r;

        if (!readable && !strv_isempty(b->survey.stale))
                refuse_removal(b);
        /* What must not be removed must not be evicted either. */
        if (!plan_survey_may_remove(&b->survey) || !leaves_a_kernel(b)) {
                b->survey.stale = strv_free(b->survey.stale);
                b->survey.copies = strv_free(b->survey.copies);
        }

        side_by_side = fits_side_by_side(b);
        repair = b->in->image->dirty || !strv_isempty(b->survey.leftovers);
        plan_builder_keep(b);
        if (!side_by_side || repair || !strv_isempty(b->survey.dangling))
                plan_builder_token(b);
        /* After a power cut the FAT may count clusters of a live file as free, and a leftover may
         * share its clusters with one. */
        if (repair)
                plan_builder_repair(b);
        plan_builder_clear_leftovers(b);
        plan_builder_remove_dangling(b);
        if (side_by_side)
                build_side_by_side(b);
        else
                build_one_by_one(b);
        build_removals(b);
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

static const PlanLoader *const loaders[_ESP_LOADER_MAX] = {
        [ESP_LOADER_SYSTEMD_BOOT] = &plan_loader_systemd_boot,
        [ESP_LOADER_GRUB] = &plan_loader_grub,
};

int plan_build(const PlanInput *in, Plan **ret) {
        _cleanup_(plan_builder_done) PlanBuilder b = { .in = in };
        int r;

        assert(in->image);
        assert(in->kernels);
        assert(in->title);
        assert(ret);

        r = plan_new(in->esp_uuid, &b.plan);
        if (r < 0)
                return r;
        b.loader = loaders[in->image->loader];
        if (b.loader) {
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
        b.plan->left_out = TAKE_PTR(b.left_out.message);
        *ret = TAKE_PTR(b.plan);
        return 0;
}
