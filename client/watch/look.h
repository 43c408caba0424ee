/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host as its bootsyncd tells of it, for who watches it without a person: soon, or not at all.
 */

#include "client/daemon/objects.h"

typedef struct Look {
        char *why; /* there is no answer: a sentence, without a line of its own on stderr; NULL: all
                    * that follows is known */
        ManagerInfo info;
        EspInfos esps;
        JobInfos jobs;
        BootSummary boot;
        /* As of org.bootsync1.Ksm, with LOOK_AT_KSM. */
        struct {
                bool supported;
                char *run_state;
                uint64_t saved_bytes, cpu_usec;
                int64_t profit_bytes;
        } ksm;
} Look;

typedef enum LookFlags {
        LOOK_AT_KSM = 1 << 0,
        LOOK_AT_SERVICE = 1 << 1, /* its warnings are among those of the daemon */
} LookFlags;

/* Ask the daemon that runs. Neither is one started, not even by the bus, since that it does not run
 * is an answer, too; nor is one waited for longer than ten seconds. */
Look look_take(const Options *options, unsigned flags);
void look_done(Look *look);
#define _cleanup_look_ _cleanup_(look_done)
