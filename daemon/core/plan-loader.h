/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What differs between the boot loaders when a plan is built; a part of plan-build. */

#include "core/plan-builder.h"

struct PlanLoader {
        /* Compare what decides the default with what it should be. 0 or -ENOMEM. */
        int (*look)(PlanBuilder *b);
        /* Bytes that settle() takes beside the old. */
        uint64_t (*need)(const PlanBuilder *b);
        /* Write what decides the default, as far as the kernels that are placed allow. */
        void (*settle)(PlanBuilder *b);
        bool (*is_settled)(const PlanBuilder *b);
        /* True if @version, although stale, must not be evicted yet. */
        bool (*holds)(const PlanBuilder *b, const char *version);
        /* Bytes that must be free besides, so that a kept kernel can be off the ESP for a while and
         * nothing leads to it meanwhile; UINT64_MAX if it must stay. */
        uint64_t (*away_need)(const PlanBuilder *b, const char *version);
        /* Nothing must lead to the files of @versions any more when they go. @last: nothing comes
         * behind it. */
        void (*remove)(PlanBuilder *b, char *const *versions, bool last);
        /* Let the menu show what of Memtest86+ is there by now; NULL where there is no menu. */
        void (*show_memtest)(PlanBuilder *b);
};

extern const PlanLoader plan_loader_systemd_boot, plan_loader_grub;

/* Evict Memtest86+, then stale kernels, oldest first, until @need bytes are free; evicts nothing if
 * that cannot be reached. */
bool plan_make_room(PlanBuilder *b, uint64_t need);

/* The same for the target @t where stale kernels do not suffice: other kept kernels are taken off
 * the ESP, and @t itself where that may be, if they can be copied again once @t is placed. Nobody
 * needs them meanwhile: they are not the one that runs, boots now, or shall boot next. False where
 * that cannot be; then they stay. */
bool plan_give_way(PlanBuilder *b, PlanTarget *t);

/* The target that the loader should be led to: the pinned one, else the newest. */
PlanTarget *plan_default_target(const PlanBuilder *b);
