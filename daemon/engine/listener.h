/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Those who hear of changes in the engine. */

#include "engine/esp/esp.h"
#include "engine/queue/queue.h"

/* Groups of what the bus shows, for PropertiesChanged. */
typedef enum ManagerChange {
        MANAGER_CHANGED_KERNELS = 1 << 0, /* lists, pins, default, running */
        MANAGER_CHANGED_CONFIG = 1 << 1,  /* AutoSync, command line */
        MANAGER_CHANGED_STATE = 1 << 2,   /* InSync, Redundancy, LastRefresh… */
        MANAGER_CHANGED_DEFAULT = 1 << 3, /* the kernel that boots, and the one that should */
        MANAGER_CHANGED_WARNINGS = 1 << 4,
        MANAGER_CHANGED_BOOT = 1 << 5, /* the firmware's word, and what its entries lead to */
        MANAGER_CHANGED_PENDING = 1 << 6,
} ManagerChange;

/* Called in the order things happen; job_new before the verb that made the job returns; on
 * job_removed the job is still readable, afterwards it is gone. */
typedef struct ManagerListener {
        void (*job_new)(Job *job, void *userdata);
        void (*job_changed)(Job *job, void *userdata); /* see JobStatus.changes */
        void (*job_removed)(Job *job, void *userdata);
        void (*esp_added)(Esp *esp, void *userdata);
        void (*esp_changed)(Esp *esp, void *userdata);
        void (*esp_removed)(Esp *esp, void *userdata);
        void (*manager_changed)(unsigned changes, void *userdata); /* ManagerChange bits */
} ManagerListener;
