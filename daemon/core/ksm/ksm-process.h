/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A process whose pages are merged, or a guest whose could be; and numbers out of files in proc: of
 * memory, of ksmd, of such a process. */

#include "common/record.h"

typedef struct KsmProcess {
        char *name; /* proc/PID/comm, which is whatever the process says */
        uint32_t pid;
        uint32_t vmid;               /* of a QEMU guest of Proxmox VE; 0: it is none */
        bool has_merged, has_profit; /* false: this kernel does not tell */
        uint64_t merged_bytes;       /* ksm_merging_pages, since Linux 5.19 */
        int64_t profit_bytes;        /* ksm_process_profit of ksm_stat, since Linux 6.4 */
} KsmProcess;

typedef struct KsmProcesses {
        KsmProcess *items;
        size_t n, n_allocated;
} KsmProcesses;

void ksm_process_done(KsmProcess *p);
void ksm_processes_done(KsmProcesses *l);
/* Append *@p, which is left empty. 0 or -ENOMEM. */
int ksm_processes_take(KsmProcesses *l, KsmProcess *p);
/* Those that gain most first; then by VM id and pid. Cut to @max, but no guest is left out before
 * every process that is none. */
void ksm_processes_sort(KsmProcesses *l, size_t max);

/* The VM id from the text of proc/PID/cgroup: a line with the path "/qemu.slice/NNN.scope", where
 * Proxmox VE starts its guests. 0 if there is none. */
uint32_t ksm_vmid_of_cgroup(const char *text) _pure_;

/* As partition_format() and partition_parse(): the name is made fit for humans and cut. */
void ksm_process_format(const KsmProcess *p, Buffer *b);
int ksm_process_parse(const Record *record, KsmProcess *ret);

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
