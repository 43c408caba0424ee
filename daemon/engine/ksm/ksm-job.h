/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One job of KSM at work: units of the service manager, then the kernel; and the file that it
 * writes down its settings in. */

#include "common/error.h"
#include "core/ksm/ksm-model.h"
#include "engine/queue/queue.h"
#include "engine/work/workers.h"

/* Units that do what the engine is asked to do as well. The engine says what is to become of them;
 * who speaks D-Bus provides how. */
typedef struct Unit {
        char *name;
        char *load;   /* "loaded", "not-found", "masked" */
        char *active; /* "active", "inactive", "failed" */
        char *file;   /* "enabled", "disabled", "masked"; "" if there is none */
} Unit;

typedef struct Units {
        Unit *items;
        size_t n, n_allocated;
} Units;

void units_done(Units *l);
/* A new one without states; NULL when out of memory. */
Unit *units_add(Units *l, const char *name);
const Unit *units_find(const Units *l, const char *name) _pure_;

/* Its states in short. */
typedef struct UnitCondition {
        bool available; /* installed and not masked: it can be enabled and started */
        bool active;    /* one that is on its way up or down has not stopped */
        bool enabled;
} UnitCondition;

UnitCondition unit_condition(const Unit *u) _pure_;

/* How the units are now; or, with @error set, why they are not as they should be. If they could not
 * even be asked for, @units is empty. Called from the event loop; the call is over, and is freed
 * from within it. */
typedef void (*units_answered_t)(const Units *units, const Error *error, void *userdata);

typedef struct UnitsCall UnitsCall;

/* @names ends with NULL and is copied. All return 0 or -errno. */
typedef struct UnitsOps {
        int (*ask)(void *ops_userdata, const char *const *names, units_answered_t answered,
                   void *userdata, UnitsCall **ret);
        /* @on: enable and start those that are available; else disable them, and stop all that
         * run, in the order of @names. */
        int (*set)(void *ops_userdata, const char *const *names, bool on, units_answered_t answered,
                   void *userdata, UnitsCall **ret);
        /* Nobody waits any more. */
        UnitsCall *(*free)(UnitsCall *call);
} UnitsOps;

/* var/lib/bootsync/ksm, as it was read and has been written since. Changed by jobs alone. */
typedef struct KsmStore {
        const Root *root;
        KsmConfig config;
} KsmStore;

/* A file that is absent or of another version says nothing. 0 or -ENOMEM. */
int ksm_store_load(KsmStore *store, const Root *root);

/* A job of KSM works with these. */
typedef struct KsmContext {
        Workers *workers;
        KsmStore store;
        const UnitsOps *units; /* NULL: there is nobody to ask, and what units do is not known */
        void *units_userdata;
} KsmContext;

typedef struct KsmJob KsmJob;

typedef struct KsmJobListener {
        void (*changed)(void *userdata);
        void (*ended)(void *userdata); /* the job has its result; the KsmJob may be freed */
} KsmJobListener;

/* Work on @job, from the next turn of the event loop on. */
int ksm_job_new(KsmContext *context, Job *job, const KsmJobListener *listener, void *userdata,
                KsmJob **ret);
/* A running worker goes on by itself. */
KsmJob *ksm_job_free(KsmJob *k);
DEFINE_CLEANUP(KsmJob *, ksm_job_free)

/* It stops as soon as it can. */
void ksm_job_cancel(KsmJob *k);
/* Nobody answers for the units any more: a job that waits for them ends. */
void ksm_job_forget_units(KsmJob *k);
