/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of this floor share: the connection, and the objects on it. */

#include <systemd/sd-bus.h>

#include "bus/bus.h"

typedef struct BusWaiter BusWaiter;
typedef struct Caller Caller;
typedef struct PolkitQuestion PolkitQuestion;

/* Calls that are answered together. */
typedef struct BusMessages {
        sd_bus_message **items;
        size_t n, n_allocated;
} BusMessages;

struct Bus {
        sd_event *event;
        sd_bus *bus;
        Manager *manager;
        bool peer; /* no bus, but the one peer of a private daemon */
        Caller *callers;
        sd_bus_slot *leavers;  /* the match for those who leave, while there are callers */
        sd_event_source *turn; /* gives the next caller his, when nothing more arrives */
        BusMessages admitted;  /* those whose turn it is */
        size_t calls_weight;   /* of all calls that wait for theirs */
        UnitsCall *units_call;
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

/* Put the objects on the bus. */
int bus_add_manager(Bus *b);
int bus_add_manager_esps(Bus *b);
int bus_add_manager_state(Bus *b);
int bus_add_esps(Bus *b);
int bus_add_jobs(Bus *b);
int bus_add_ksm(Bus *b);
/* Whoever waits is not answered any more, or @sender, who has left, is not. */
void bus_forget_ksm(Bus *b);
void bus_ksm_forget_sender(Bus *b, const char *sender);

/* Ask whether the sender of @m may do @action, as bus_authorise() does, then queue a job, with who
 * asked for it filled in. 1: *@ret_job is set; 0 or negative: as of bus_authorise(). */
int bus_submit(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
               JobRequest *request, Job **ret_job, sd_bus_error *error);

/* Object paths; NULL when out of memory. */
char *bus_esp_path(const Esp *esp);
char *bus_job_path(const Job *job);

/* Tell everybody. A signal that cannot be sent is logged for debugging only: nobody can be told. */
void bus_emit_job_new(Bus *b, Job *job);
void bus_emit_job_changed(Bus *b, Job *job);
void bus_emit_job_removed(Bus *b, Job *job);
void bus_emit_esp_added(Bus *b, Esp *esp);
void bus_emit_esp_changed(Bus *b, Esp *esp);
void bus_emit_esp_removed(Bus *b, Esp *esp);
void bus_emit_manager_changed(Bus *b, unsigned changes);

/* For handlers of a fallback vtable, whose userdata is the one object: the Bus that it was added
 * with. Must be called before anything is sent, since sending moves sd-bus on to another slot. */
static inline Bus *bus_of_slot(sd_bus *bus) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
}
