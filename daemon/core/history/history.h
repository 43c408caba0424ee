/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* var/lib/bootsync/history: the last jobs, oldest first, and who has set the pin.
 *
 * A line is a record, and says with its verb which version of it this is:
 *
 *     pin version=6.8.12-4-pve since=1796000000000000 by=0
 *     job id=3 type=refresh start=… end=… by=0 result=done message=…
 *     esp uuid=1111-AAAA kernels=2 copied=6.8.12-4-pve bytes=… in-sync=1 synced=1
 *
 * An esp belongs to the job before it. What is not to be misread by this version gets another verb;
 * more fields may come. Records that are not known stay where they are and are not shown. */

#include "common/string-util.h"
#include "core/history/deed.h"

#define HISTORY_JOBS_MAX 200
#define HISTORY_SIZE_MAX ((size_t) 256 * 1024) /* of the file, bytes */
#define HISTORY_LINE_MAX ((size_t) 8 * 1024)

/* A record that begins a line of work, with those that belong to it. */
typedef struct HistoryEntry {
        Buffer text; /* whole lines */
        bool known;  /* the deed is what they say */
        Deed deed;
} HistoryEntry;

typedef struct History {
        HistoryEntry *entries; /* oldest first */
        size_t n, n_allocated;
        size_t size; /* of their texts */
        char *pin_version, *pin_by;
        uint64_t pin_usec; /* the time of the pin's file; 0: no pin is remembered */
        bool damaged; /* something that is no record was left out, as of a file that was cut short
                       */
} History;

void history_done(History *h);

/* Takes in whatever is there, within the bounds. 0 or -ENOMEM. */
int history_parse(const char *text, size_t size, History *ret);
int history_format(const History *h, char **ret, size_t *ret_size);

/* Add @d at the end, with sentences cut where they are long. A job that says what the one before it
 * said, and wrote nothing, takes its place, so that what was done stays. 0 or -ENOMEM. */
int history_add(History *h, const Deed *d);

/* The file of the pin has this time now, since @by has set it. 0 or -ENOMEM. */
int history_set_pin(History *h, const char *version, uint64_t usec, const char *by);
