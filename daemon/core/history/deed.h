/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that a job has done, to which ESPs and to what end, as a value; and the sentences for it,
 * which the client, the journal, the bus and the history share. */

#include "core/plan/plan.h"

/* Strings may be NULL, which means empty. */
typedef struct EspDeed {
        char *uuid;
        char **copied;      /* versions of the kernels of which files were copied to it */
        char **removed;     /* versions that were taken off it */
        uint64_t bytes;     /* of the files that were put on it */
        uint64_t n_kernels; /* that it holds now */
        /* Put on it or changed there: loader entries, or GRUB's menu; the default entry; its boot
         * loader. */
        bool entries, default_entry, loader;
        bool repaired;         /* its FAT */
        bool in_sync;          /* as the job has left it */
        bool synced, verified; /* in sync, by a job that would have changed it, or has read it all
                                */
        char *error;           /* why it is not in sync, or what could not be done besides */
} EspDeed;

typedef struct Deed {
        uint64_t id;
        uint64_t start_usec, end_usec; /* since the epoch; 0: it never began */
        char *type;                    /* as job_type_to_string() */
        char *by;                      /* a uid in digits, or "daemon" if nobody asked for it */
        char *result;                  /* as job_result_to_string() */
        char *error;                   /* as error_code_to_string() */
        char *message;                 /* the sentences */
        EspDeed *esps;
        size_t n_esps, n_allocated;
        bool boot_order; /* of the firmware: shim comes before other loaders */
        bool host_menu;  /* the menu of the host's own GRUB was made anew */
} Deed;

#define DEED_BY_DAEMON "daemon"

void esp_deed_done(EspDeed *d);
void deed_done(Deed *d);

/* Step @index of @plan, which works on the ESP, is done. Steps that put nothing in place and remove
 * nothing do not count, nor one that the plan does not have. 0 or -ENOMEM. */
int esp_deed_add_step(EspDeed *d, const Plan *plan, size_t index);

/* Append @esp, which is moved; or, where it is there already, add to what was done to it. 0 or
 * -ENOMEM. */
int deed_add_esp(Deed *d, EspDeed *esp);

uint64_t deed_bytes(const Deed *d) _pure_;
/* True if anything was written to an ESP, or for the host. */
bool deed_changed(const Deed *d) _pure_;

typedef enum DeedKind {
        DEED_SYNC,
        DEED_VERIFY,
        DEED_LOOK,
} DeedKind;

/* All that was done, as sentences: "Copied 1 kernel (700.0 MiB) to 2 ESPs in 7.5 s, removed none.",
 * "1111-AAAA: default entry changed.", "Everything is as it should be; nothing was written." The
 * size is that of what was written to all ESPs. *@ret is NULL for a job that had nothing to look
 * at. 0 or -ENOMEM. */
int deed_describe(const Deed *d, DeedKind kind, char **ret);

/* The same for a job that was not done, or not on each ESP: what was done, then which ESPs are in
 * sync, then of each other one its error, once. It ends without a period, as errors do. 0 or
 * -ENOMEM. */
int deed_explain(const Deed *d, char **ret);
