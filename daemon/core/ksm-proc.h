/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers out of files in proc: of memory, of ksmd, of a process whose pages are merged. */

#include "common/macros.h"

/* MemAvailable and MemTotal of proc/meminfo in bytes. -ENOENT if one is not there, -EBADMSG if it
 * is no number of kB that fits. */
int meminfo_parse(const char *text, size_t size, uint64_t *ret_available, uint64_t *ret_total);

/* The CPU time, in user and in system mode, out of ksmd's proc/PID/stat, in clock ticks. -ESRCH if
 * it is another's; a process that only calls itself so is no kernel thread, which the kernel tells
 * by a flag. */
int ksmd_stat_parse(const char *text, size_t size, uint64_t *ret_ticks);

/* ksm_process_profit out of proc/PID/ksm_stat in bytes. -ENOENT if it is not there, as before Linux
 * 6.4; -EBADMSG if it is no number that fits. */
int ksm_stat_parse(const char *text, size_t size, int64_t *ret_profit);
