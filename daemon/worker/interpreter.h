/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Carries out a plan, step by step. */

#include "core/plan/plan.h"
#include "worker/channel.h"
#include "worker/hook.h"

/* Run @plan on its ESP below the directory @root. The last report sent is "done" or "failed". 0, or
 * the negative errno of what was reported. */
int interpreter_run(const char *root, const Plan *plan, Channel *channel, Hook *hook);
