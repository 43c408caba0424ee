/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A look for the processes that gain from KSM. */

#include "core/ksm-process.h"
#include "engine/task.h"

typedef struct KsmList KsmList;

typedef struct KsmListListener {
        /* Its worker does not die: handed over, see ErrandListener. */
        void (*stuck)(Task *task, pid_t holder, void *userdata);
        /* What was found may be taken, and the list be freed from within it; nothing else is called
         * afterwards. */
        void (*ended)(KsmProcesses *found, const Error *error, void *userdata);
} KsmListListener;

/* Look, from the next turn of the event loop on. @config outlives the look. Fails, with @error, if
 * no worker can be started. */
int ksm_list_new(sd_event *event, const WorkerConfig *config, const KsmListListener *listener,
                 void *userdata, KsmList **ret, Error *error);
/* A running worker goes on by itself. */
KsmList *ksm_list_free(KsmList *list);
DEFINE_CLEANUP(KsmList *, ksm_list_free)
