/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All files of this floor share the connection, and the objects on it. */

#include <systemd/sd-bus.h>

#include "bus/told.h"
#include "engine/manager.h"

typedef struct Bus Bus;
typedef struct BusWaiter BusWaiter;
typedef struct Caller Caller;
typedef struct Calls Calls;
typedef struct PolkitQuestion PolkitQuestion;

/* Calls that are answered together. */
typedef struct BusMessages {
        sd_bus_message **items;
        size_t n, n_allocated;
} BusMessages;

/* When a user had his last turn; 0: never. */
typedef struct BusTurn {
        uid_t uid;
        uint64_t at;
} BusTurn;

struct Bus {
        sd_event *event;
        sd_bus *bus;
        Manager *manager;
        bool peer;       /* no bus, but the one peer of a private daemon */
        Told *told;      /* of the Manager's and the ESPs' properties */
        Caller *callers; /* who called last is the first */
        void (*sender_left)(Bus *b, const char *sender); /* tells all parts */
        sd_bus_slot *leavers;  /* the match for those who leave, while there are callers */
        unsigned n_lookups;    /* of callers */
        Calls *calls;          /* of each sender who has some that wait for their turn */
        size_t calls_weight;   /* of all of them */
        sd_event_source *turn; /* gives the next caller his, when nothing more arrives */
        BusMessages admitted;  /* those whose turn it is */
        BusTurn turns[16];     /* the last one of each user */
        uint64_t turn_clock;   /* arrivals and turns so far */
        unsigned n_refusals;   /* with an answer, since the bus has taken all */
        UnitsCall *units_call;
        sd_bus_slot *alert_call; /* to systemd, which is to start a unit */
        BusMessages units_waiting, processes_waiting;
        bool listing_processes; /* also when nobody waits any more */
        BusWaiter *waiters;
        PolkitQuestion *questions;
        uint64_t n_asked; /* polkit, so far */
        /* The manager has let go of these, and their end is being told: sd-bus asks once more what
         * was there. NULL otherwise. */
        Job *leaving_job;
        Esp *leaving_esp;
        sd_event_source *leave; /* set once the peer is gone: leaves the loop when no job runs */
        sd_event_source *reconnect; /* while the system bus is gone */
};

/* A file of this floor: what it puts on the bus, and what it is told; NULL: it does not care. A
 * signal that cannot be sent is logged for debugging only: nobody can be told. */
typedef struct BusPart {
        int (*add)(Bus *b); /* on each new connection, before anybody can call */
        void (*job_new)(Bus *b, Job *job);
        void (*job_changed)(Bus *b, Job *job);
        void (*job_removed)(Bus *b, Job *job);
        void (*esp_added)(Bus *b, Esp *esp);
        void (*esp_changed)(Bus *b, Esp *esp);
        void (*esp_removed)(Bus *b, Esp *esp);
        void (*manager_changed)(Bus *b, unsigned changes);
        void (*sender_left)(Bus *b, const char *sender); /* nobody waits for answers to him */
        void (*all_left)(Bus *b);                        /* nor for any: the bus is gone */
} BusPart;

extern const BusPart bus_gate, bus_manager, bus_manager_plan, bus_manager_esps, bus_manager_state,
                bus_esps, bus_boot, bus_ksm, bus_alerts, bus_jobs, bus_waiters, bus_questions,
                bus_callers;

/* A method call that asks for a job. */
typedef struct JobCall {
        JobRequest request;
        const char *action;
        const char *const *details; /* for the dialog, pairs up to NULL; may be NULL */
        bool wait;                  /* with the answer, until the job has ended */
} JobCall;

/* Ask whether the sender of @m may do that, as bus_authorise() does, then queue the job, with who
 * asked for it filled in. 1: *@ret_job is set; 0 or negative: as of bus_authorise(). */
int bus_submit(Bus *b, sd_bus_message *m, JobCall *call, Job **ret_job, sd_bus_error *error);
/* The same, and answer with the job's path. 1, or negative. */
int bus_run_job(Bus *b, sd_bus_message *m, JobCall *call, sd_bus_error *error);

/* Object paths; NULL when out of memory. */
char *bus_esp_path(const Esp *esp);
char *bus_job_path(const Job *job);
