/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who gains from KSM. Newer kernels take a lock of the process for ksm_stat, which a process that
 * hangs may hold for ever: only a worker looks. */

#include "core/ksm-process.h"
#include "sys/root.h"

/* Every process in proc with merged pages, and every guest. What ends meanwhile is left out. Only
 * -ENOMEM fails. */
int ksm_processes_list(const Root *root, KsmProcesses *ret);
