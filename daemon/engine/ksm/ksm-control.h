/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The control of kernel samepage merging. What the kernel says is read when somebody asks; a change
 * is a job, one at a time, beside those of the ESPs: to unmerge may take minutes, in which a new
 * kernel must not wait. */

#include "core/ksm/ksm-process.h"
#include "engine/ksm/ksm-job.h"
#include "engine/queue/queue.h"
#include "engine/work/workers.h"

typedef struct KsmControl KsmControl;

typedef struct KsmListener {
        void (*job_changed)(Job *job, void *userdata);
        void (*ended)(Job *job, void *userdata); /* the job has its result */
} KsmListener;

int ksm_control_new(Workers *workers, const KsmListener *listener, void *userdata,
                    KsmControl **ret);
/* A running worker goes on by itself. */
KsmControl *ksm_control_free(KsmControl *k);
DEFINE_CLEANUP(KsmControl *, ksm_control_free)
/* NULL: there is nobody to ask, and what units do is not known. */
void ksm_control_set_units(KsmControl *k, const UnitsOps *ops, void *ops_userdata);

/* 0 if the job could begin, else why not: NotSupported, InvalidOption, Busy, InsufficientMemory. */
int ksm_control_check(const KsmControl *k, const JobRequest *request, Error *error);
/* Begin with @job, which outlives its end; everything that is told is told from the event loop. */
int ksm_control_start(KsmControl *k, Job *job);
/* The running job, if there is one, stops as soon as it can. */
void ksm_control_cancel(KsmControl *k);

/* A kernel without KSM is an answer, too. Only -ENOMEM fails. */
int ksm_control_look(const KsmControl *k, Ksm *ret);
/* CPU time of ksmd since boot in µs, and the share of one CPU (0 to 1) that it has taken since the
 * look before this one that is at least a second old; at first, since boot. Both are 0 if there is
 * no ksmd. */
void ksm_control_cpu(KsmControl *k, uint64_t *ret_usec, double *ret_share);
/* True if ksmd is started at boot by us, as no unit does it. */
bool ksm_control_at_boot(const KsmControl *k) _pure_;
/* True if this is the first start in this boot, and something was set in an earlier one. In any
 * case the next call in this boot says no. */
bool ksm_control_wants_restore(KsmControl *k);

/* Look for the processes that gain from KSM, one look at a time. @listed is called once, with the
 * result of a look of the last ten seconds at once, else from the event loop, unless it is
 * forgotten before. */
typedef void (*ksm_listed_t)(const KsmProcesses *found, const Error *error, void *userdata);
int ksm_control_list(KsmControl *k, ksm_listed_t listed, void *userdata, Error *error);
void ksm_control_forget_list(KsmControl *k);
