/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tests only: the worker dies or freezes at a point that is hard to hit from outside. */

#include "common/enum.h"

typedef enum HookPoint {
        HOOK_STAGE,  /* each block of up to 8 MiB of a copy is written; it was read back */
        HOOK_PLACE,  /* before the rename; after it, before the barrier */
        HOOK_ENTRY,  /* the same for a place or removal of a path under loader/ */
        HOOK_REMOVE, /* before and after each removal step */
        _HOOK_POINT_MAX,
        _HOOK_POINT_INVALID = -EINVAL,
} HookPoint;

typedef struct Hook {
        HookPoint point;
        uint64_t left; /* times until it strikes; 0: never */
        int signal;
} Hook;

/* "POINT:N:ACTION", POINT "stage", "place", "entry" or "remove", N from 1, ACTION "kill" or "stop".
 * 0 or -EINVAL. */
int hook_parse(const char *s, Hook *ret);

/* Called at each point; does nothing unless it is the N-th of the point that was asked for. */
void hook_reached(Hook *hook, HookPoint point);
