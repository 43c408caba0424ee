/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memtest86+ on an ESP; a part of plan-build. */

#include "core/plan/plan-builder.h"

/* Find out which of its files and entries are there. */
void plan_memtest_look(PlanBuilder *b);
/* Bytes that plan_memtest_evict() would free; 0 if there is nothing to evict. */
uint64_t plan_memtest_bytes(const PlanBuilder *b);
void plan_memtest_evict(PlanBuilder *b);
/* Last of all, and optional: bring it where it should be, remove it where it should not. */
void plan_memtest_settle(PlanBuilder *b);
