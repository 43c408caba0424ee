/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Room on an ESP that is too full; a part of plan-build. */

#include "core/plan/plan-builder.h"

/* Evict Memtest86+, then stale kernels, oldest first, until @need bytes are free; evicts nothing if
 * that cannot be reached. */
bool plan_make_room(PlanBuilder *b, uint64_t need);

/* The same for the target @t where stale kernels do not suffice: other kept kernels are taken off
 * the ESP, and @t itself where that may be, if they can be copied again once @t is placed. Nobody
 * needs them meanwhile: they are not the one that runs, boots now, or shall boot next. False where
 * that cannot be; then they stay. */
bool plan_give_way(PlanBuilder *b, PlanTarget *t);
