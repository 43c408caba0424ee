/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sentences for a change of the lists of kernels and pins, which the daemon says of a job and the
 * client where no job follows. */

#include "common/macros.h"

/* Strings may be NULL, which means none. */
typedef struct ChangeWords {
        const char *verb;           /* "add", "remove", "pin", "unpin" */
        const char *version;        /* not of "unpin" */
        bool next_boot;             /* that pin alone */
        bool listed;                /* before: @version is kept by hand */
        const char *pin, *once;     /* before: the permanent pin, and that for the next boot */
        const char *default_kernel; /* of "unpin", after it: what is to boot */
        bool unfinished;            /* some of it is not on the ESPs yet */
} ChangeWords;

/* True if there is something to change. */
bool change_is_needed(const ChangeWords *w) _pure_;
/* One sentence or two with their period: "Pinned 6.8.12-4-pve (was: newest)."; for what is not
 * needed "Already pinned; nothing to do.". NULL when out of memory. */
char *change_describe(const ChangeWords *w);
/* The words of a verb that undoes it: "kernel unpin". NULL when out of memory. */
char *change_undo(const ChangeWords *w);
