/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The bench of the engine: a manager on a throw-away host, a clock that the test moves, and workers
 * that do what the test says. An ESP is a plain directory, so that a worker that may run is the
 * real one; one that is held is the test's to speak for. */

#include "common/names.h"
#include "core/wire/report.h"
#include "engine/manager.h"
#include "tests/unit/engine/clock.h"
#include "tests/unit/sys/temp-root.h"

#define SEC          UINT64_C(1000000)
#define ESP_A        "1111-AAAA"
#define ESP_B        "2222-BBBB"
#define KERNEL_OLD   "6.5.13-5-pve"
#define KERNEL_NEW   "6.8.12-4-pve"
#define KERNEL_NEXT  "6.8.12-9-pve" /* not there unless a test brings it */
#define LIST_OF_ESPS "etc/kernel/proxmox-boot-uuids"

/* A worker that waits for the test's word. */
typedef struct Worker {
        int gate;   /* it waits there */
        int socket; /* its socket to the daemon: what is written here, it has said */
        pid_t pid;
        Plan *plan;
} Worker;

typedef struct Lab {
        TempRoot t;
        sd_event *event;
        int gate_fd, worker_fd;
        Manager *m;
        Workers *workers;
        char **trail;          /* what the listener heard, in order */
        const char *hold;      /* workers of this ESP wait for the test; "*": all; NULL: none */
        Worker held[8];        /* who waits; the slot is free if its gate is negative */
        size_t n_run;          /* workers that became the real one */
        bool private, no_kill; /* as in the options of manager and workers */
} Lab;

/* Two ESPs with systemd-boot and a host with KERNEL_OLD and KERNEL_NEW; AutoSync is on, and files
 * settle in 2 s. Nobody is told of a bad state, for which there would be a timer, as long as
 * LAB_NO_ALERTS is there. */
#define LAB_NO_ALERTS PATH_CONFIG_DROPINS "/no-alerts.conf"
void lab_open(Lab *lab);
void lab_close(Lab *lab);
#define _cleanup_lab_ _cleanup_(lab_close)

/* Files of the host. */
void lab_add_kernel(Lab *lab, const char *version);
void lab_add_esp(Lab *lab, const char *uuid);
void lab_list_esps(Lab *lab, const char *text);

/* GRUB's menu of the host, as grub-mkconfig makes it of these two kernels; @default_entry is its
 * GRUB_DEFAULT. */
void lab_write_grub_menu(Lab *lab, const char *default_entry, const char *first,
                         const char *second);
#define GRUB_ROOT_ID "0815-4711"

/* Only workers, for a test of who needs no manager; freed with the lab. */
Workers *lab_workers(Lab *lab, straggler_ended_t ended, void *userdata);
/* Make the manager; with lab_start() it also begins to watch, and is in sync when that returns. */
void lab_new(Lab *lab);
void lab_start(Lab *lab);
/* Another manager, as after a restart of the daemon; not started. */
void lab_restart(Lab *lab);

/* Let the event loop turn for a moment, and the workers knock at the gate. */
void lab_turn(Lab *lab);
/* Turn until @condition is true; the test fails if it does not come true in 20 s of real time. */
#define LAB_WAIT(lab, condition) LAB_WAIT_WORDS(lab, condition, #condition)
#define LAB_WAIT_WORDS(lab, condition, words)                                                      \
        do {                                                                                       \
                uint64_t begin = lab_real_usec();                                                  \
                                                                                                   \
                while (!(condition)) {                                                             \
                        if (lab_real_usec() > begin + 20 * SEC)                                    \
                                ck_abort_msg("not in 20 s: %s; heard: %s", words, lab_heard(lab)); \
                        lab_turn(lab);                                                             \
                }                                                                                  \
        } while (false)
uint64_t lab_real_usec(void);
/* Turn until no job runs or waits. */
void lab_finish(Lab *lab);
/* Let the manager hear of all that was written until now, and @usec pass. */
void lab_pass(Lab *lab, uint64_t usec);
/* The same until a job begins, at most @usec. A worker that runs needs real time, so that letting
 * hours pass beside it would be its end. */
void lab_pass_idle(Lab *lab, uint64_t usec);

/* The next worker that waits for the test, of that ESP. */
Worker *lab_worker(Lab *lab, const char *uuid);
/* The same, if there is one; NULL if not. */
Worker *lab_held(Lab *lab, const char *uuid);
bool worker_writes(const Worker *w);
void worker_run(Lab *lab, Worker *w); /* be the real one */
void worker_say(Worker *w, const Report *report);
void worker_end(Worker *w, int status);
void worker_kill(Worker *w);
/* Answer a look in its place: all that is on the ESP, where each file that is to be checked is
 * trusted if the plan trusts it, and equal if not; the one at @bad (may be NULL) has @verdict
 * instead where its content would be read. With @failure the look ends with that. */
void worker_look(Lab *lab, Worker *w, const char *bad, FileVerdict verdict, const char *failure);
/* Say that it failed, and end. */
void worker_fail(Worker *w, ErrorCode code, const char *message);
/* Say that all is done, and end. */
void worker_done(Worker *w);
/* True once the daemon has said this word to the worker. */
bool worker_heard(Worker *w, const char *word);

/* All that the listener heard since the last call, a line each: "job-new refresh", "job refresh
 * running", "job-removed refresh done", "esp 1111-AAAA in-sync", "in-sync yes", "redundancy
 * redundant". Valid until the next call. */
const char *lab_heard(Lab *lab);

/* Queries. */
Esp *lab_esp(const Lab *lab, const char *uuid);
/* True if the ESP holds the kernel and an entry that leads to it. */
bool lab_holds(const Lab *lab, const char *uuid, const char *version);
/* The manager's verdict and facts. */
const Verdict *lab_verdict(const Lab *lab);
const Facts *lab_facts(const Lab *lab);
const char *lab_last_result(const Lab *lab);
size_t lab_n_jobs(const Lab *lab);
/* Submit a job that must be accepted. */
Job *lab_submit(Lab *lab, JobType type);
