/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* KSM as the daemon tells of it, as values. */

#include "client/daemon/connection.h"

typedef struct KsmCounter {
        const char *name;
        int64_t value;
} KsmCounter;

typedef struct KsmTunable {
        const char *name, *value;
} KsmTunable;

/* In the words of systemd(1), or "unknown". */
typedef struct KsmUnit {
        const char *name, *load, *active, *file;
} KsmUnit;

typedef struct KsmProcess {
        uint32_t pid, vmid; /* vmid 0: no guest */
        const char *name;
        int has_merged, has_profit; /* false: this kernel does not tell */
        uint64_t merged_bytes;
        int64_t profit_bytes;
} KsmProcess;

typedef struct KsmView {
        bool supported, at_boot; /* at_boot: started by bootsyncd */
        char *run_state;
        uint64_t saved_bytes, metadata_bytes, cpu_usec;
        int64_t profit_bytes;
        double cpu_share; /* of one CPU, 0 to 1 */
        struct {
                KsmCounter *items;
                size_t n, allocated;
        } counters;
        struct {
                KsmTunable *items;
                size_t n, allocated;
        } tunables;
        struct {
                KsmUnit *items;
                size_t n, allocated;
        } units;
        struct {
                KsmProcess *items;
                size_t n, allocated;
        } processes;
        sd_bus_message *replies[4]; /* the strings of the lists belong to them */
        size_t n_replies;
} KsmView;

void ksm_view_done(KsmView *v);
#define _cleanup_ksm_view_ _cleanup_(ksm_view_done)

/* All but the processes. */
ExitStatus ksm_view_get(Connection *c, KsmView *ret);
/* Only these; the daemon has a worker look for them, which may fail. STATUS_NOT_AUTHORISED has not
 * been told to anybody: the rest is free to see. Called once. */
ExitStatus ksm_view_get_processes(Connection *c, KsmView *v);
