/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host in a run: its firmware, the one-shot of its boot loader, and GRUB's menu where there are
 * no ESPs. */

#include "core/plan/plan.h"
#include "engine/run/context.h"

typedef struct HostRun HostRun;

/* @context outlives it. @has_esps: GRUB's own menu is left alone. */
int host_run_new(RunContext *context, bool has_esps, HostRun **ret);
/* A running worker goes on by itself. */
HostRun *host_run_free(HostRun *hr);

/* As esp_run_step(). At its end the context knows the host. */
bool host_run_step(HostRun *hr);
/* It is ended: go on, and have the firmware try shim before other loaders of ours. What prevents
 * that is the context's host_error. */
void host_run_order(HostRun *hr);
void host_run_cancel(HostRun *hr);
