/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that is known: the files, the ESPs, the disks, the firmware, and the verdict on all of it,
 * with what is amiss.
 * Who changes any of it by this header has it told to those who listen. */

#include "core/history/history.h"
#include "engine/disk/disks.h"
#include "engine/listener.h"
#include "engine/advice.h"
#include "engine/boot.h"
#include "engine/boot-keeper.h"

typedef struct State State;

/* All that is known, as it is now. Read by everybody, changed by the verbs of each part's owner. */
typedef struct StateView {
        Files *files;
        const Facts *facts; /* of the files */
        Esps *esps;
        Disks *disks;
        const Firmware *firmware; /* NULL: not known yet */
        /* Keys, and the verdicts on what is in boot/; NULL: not known yet, or there is no Secure
         * Boot. Of an ESP: see EspInfo. */
        const SecureBootFacts *secure_boot;
        bool signatures_known; /* all of them, and as they are now */
        const Verdict *verdict;
        const Boot *boot;
        const Warnings *warnings;
        const BootKeeper *keeper; /* NULL: nobody keeps the firmware's entries */
        const History *history;
        char **pending; /* see pending_make() */
} StateView;

/* For the rest of the engine; all are called from the event loop. */
typedef struct StateListener {
        void (*settled)(void *userdata);  /* files have changed, and were read anew */
        void (*polled)(void *userdata);   /* they were read anew because time has passed */
        void (*surveyed)(void *userdata); /* the disks were looked at */
        void (*judged)(void *userdata);   /* see state_judges() */
        void (*reviewed)(void *userdata); /* the verdict was made anew */
        /* For the verdict: see VerdictInput. */
        bool (*is_about_to_sync)(const Esp *esp, void *userdata);
        bool (*waits_for_packages)(void *userdata);
} StateListener;

/* @private: a client's own daemon, which leaves it to the client to tell of jobs, ESPs and files.
 * Nothing is read yet. @history outlives the state. */
int state_new(Workers *workers, bool private, const History *history, const StateListener *listener,
              void *userdata, State **ret);
State *state_free(State *s);
DEFINE_CLEANUP(State *, state_free)
/* Somebody else who hears of changes; NULL: nobody. */
void state_set_listener(State *s, const ManagerListener *listener, void *userdata);

/* Lives as long as @s, and so do those that it points at, but for the firmware's word. */
const StateView *state_view(const State *s) _pure_;

/* Begin to watch the files and the disks. */
int state_watch(State *s);
/* How changes are noticed: "inotify"; "timer", once a minute, with the reason; "none". */
const char *state_watching(const State *s, const char **ret_reason);

/* Read every file again. 1: something has changed; 0: nothing has. If it is something that an ESP
 * is compared with, or the files cannot be read, no ESP counts as in sync until it was compared
 * again. @error (may be NULL) names the file. */
int state_read(State *s, Error *error);
/* Whatever happened to the files until now is noticed, and not after they were read. */
void state_hear(State *s);
/* All that was noticed was read, and is seen to. */
void state_forget_unrest(State *s);

/* A refresh has ended: what the firmware has lost may be repaired. */
void state_repair_entries(State *s);

/* Moved; returns where it is. */
const Firmware *state_set_firmware(State *s, Firmware *firmware);
/* The ESP is another than it was. */
void state_esp_changed(State *s, Esp *esp);
/* True while it is being found out who has signed the kernels in boot/ as they were read last, or
 * that is about to be: StateListener.judged() comes when that has ended, also in vain. With @all
 * likewise what is on the ESPs. @now: begin, even if packages are being changed. */
bool state_judges(State *s, bool all, bool now);
/* Something has changed that the verdict may follow from, and @changes besides. */
void state_review(State *s, unsigned changes);
/* Of what is no news for who reads it from the bus in any case. */
int state_log_level(const State *s, int level) _pure_;
