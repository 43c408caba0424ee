/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* KSM as the kernel shows it below a root: sys/kernel/mm/ksm, proc/meminfo, the CPU time of ksmd,
 * and the processes that gain from it. All but these is answered from the kernel's memory and never
 * waits for anything; only writing does, and that is a worker's. */

#include "core/ksm/ksm-model.h"
#include "core/ksm/ksm-process.h"
#include "sys/root.h"

/* A kernel without KSM is KSM_UNSUPPORTED, not an error; a file that vanishes or cannot be read is
 * left out. Whether a file is a counter or a tunable is told by its mode. Only -ENOMEM fails. */
int ksm_look(const Root *root, Ksm *ret);

/* MemAvailable and MemTotal in bytes. -ENOENT or -EBADMSG if they are not there, or what
 * file_read() returns. */
int memory_look(const Root *root, uint64_t *ret_available, uint64_t *ret_total);

/* CPU time of the kernel thread ksmd since boot, in µs. *@pid is where it was found the last time
 * (0: not yet), so that proc is searched only once. -ESRCH if there is none. */
int ksmd_cpu_usec(const Root *root, pid_t *pid, uint64_t *ret);

/* Every process in proc with merged pages, and every guest. What ends meanwhile is left out. Newer
 * kernels take a lock of the process for ksm_stat, which a process that hangs may hold for ever:
 * only a worker looks. Only -ENOMEM fails. */
int ksm_processes_list(const Root *root, KsmProcesses *ret);
