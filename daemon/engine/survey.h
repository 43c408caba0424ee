/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A look at all disks: what partitions there are, and what is on them. */

#include "core/partition.h"
#include "engine/errand.h"

typedef struct Survey Survey;

typedef struct SurveyListener {
        /* A disk does not answer: its worker is handed over, see ErrandListener. */
        void (*stuck)(Task *task, pid_t holder, void *userdata);
        /* Each disk has answered, or failed to. @found, in the order of the disks, may be taken;
         * the survey may be freed from within it. */
        void (*ended)(Partitions *found, void *userdata);
} SurveyListener;

/* Look, from the next turn of the event loop on: one worker for each disk, so that one that is
 * dying hides no other. @config outlives the survey. */
int survey_new(sd_event *event, const WorkerConfig *config, const SurveyListener *listener,
               void *userdata, Survey **ret);
/* Workers that still run go on by themselves. */
Survey *survey_free(Survey *survey);
DEFINE_CLEANUP(Survey *, survey_free)

/* REPORT_PARTITION as a value. -EBADMSG if it is none, or -ENOMEM. */
int partition_take_report(const Report *report, Partition *ret);
