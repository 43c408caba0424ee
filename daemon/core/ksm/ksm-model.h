/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files in /sys/kernel/mm/ksm as values, the figures that follow from them, what the kernel
 * takes for a setting, so that a value is refused with a sentence before it is written, and what it
 * means if the kernel refuses it. See the kernel's Documentation/admin-guide/mm/ksm.rst. */

#include "common/enum.h"
#include "common/error.h"

typedef enum KsmState {
        KSM_UNSUPPORTED, /* this kernel has no KSM */
        KSM_STOPPED,     /* run is 0: ksmd sleeps, what is merged stays so */
        KSM_RUNNING,     /* run is 1 */
        KSM_UNMERGING,   /* run is 2, and pages are still merged */
        KSM_UNMERGED,    /* run is 2: ksmd sleeps, nothing is merged */
        KSM_UNKNOWN, /* run is something else: memory goes offline, or the kernel is a newer one */
        _KSM_STATE_MAX,
        _KSM_STATE_INVALID = -EINVAL,
} KsmState;

/* "unsupported", "stopped", "running", "unmerging", "unmerged", "unknown" */
const char *ksm_state_to_string(KsmState state);

/* One file of the directory. */
typedef struct KsmAttribute {
        char *name;  /* "pages_sharing" */
        char *value; /* without the newline; of advisor_mode the word that is chosen */
} KsmAttribute;

/* In the order of their names. What this kernel does not have is not there. */
typedef struct KsmAttributes {
        KsmAttribute *items;
        size_t n, n_allocated;
} KsmAttributes;

#define KSM_ATTRIBUTES_MAX 64 /* of each kind; Linux 6.14 has 11 counters and 12 settings */
#define KSM_NAME_MAX       64 /* bytes of a name */
#define KSM_VALUE_MAX      64 /* bytes of a value */

void ksm_attributes_done(KsmAttributes *l);
/* Insert in order; a value of this name is replaced. 0 or -ENOMEM. */
int ksm_attributes_add(KsmAttributes *l, const char *name, const char *value);
/* NULL if there is none. */
const char *ksm_attributes_get(const KsmAttributes *l, const char *name) _pure_;
/* Its decimal number; -ENOENT if there is none, -EBADMSG if it is no number that fits. */
int ksm_attributes_get_number(const KsmAttributes *l, const char *name, int64_t *ret);

/* A look at the directory. */
typedef struct Ksm {
        KsmState state;
        KsmAttributes counters; /* files that nobody can write; their values are numbers */
        KsmAttributes tunables; /* files that can be written, but for run */
        uint64_t page_bytes;
} Ksm;

void ksm_done(Ksm *k);

/* Letters, digits and underscores, as the kernel names its files, up to KSM_NAME_MAX of them. */
bool ksm_name_is_valid(const char *name) _pure_;
/* The value in a file's text: its one line, or the word in brackets where there is a choice ("none
 * [scan-time]"). -EBADMSG if it is empty, not one line of printable ASCII, or longer than
 * KSM_VALUE_MAX; or -ENOMEM. */
int ksm_value_parse(const char *text, size_t size, char **ret);
/* Take a file into the counters or, if it is @writable, into the tunables. What the kernel would
 * not show is left out: another name, a counter that is no number, more than KSM_ATTRIBUTES_MAX. 0
 * or -ENOMEM. */
int ksm_add(Ksm *k, const char *name, bool writable, const char *value);

/* From the values of run (NULL: there is no such file) and pages_sharing. */
KsmState ksm_state_of(const char *run, const char *pages_sharing) _pure_;

/* Sums of the counters. */
typedef struct KsmFigures {
        /* The memory that merging saves: (pages_sharing + ksm_zero_pages) pages, as the kernel
         * counts it. 0 without these counters, never more than INT64_MAX. */
        uint64_t saved_bytes;
        /* The memory that remembering the pages costs. If the kernel tells its profit
         * (general_profit, since Linux 6.4): saved less profit; before that the same sum as it
         * makes, 64 bytes for each of pages_shared, pages_sharing, pages_unshared and
         * pages_volatile. Never negative. */
        uint64_t metadata_bytes;
        int64_t profit_bytes; /* saved less metadata; negative if KSM costs more than it saves */
} KsmFigures;

KsmFigures ksm_figures(const Ksm *k) _pure_;

/* True if what an unmerge must leave is half gone: whoever unmerges should stop. */
bool ksm_memory_is_short(uint64_t available, uint64_t total) _const_;

/* May everything be unmerged? @available and @total: MemAvailable and MemTotal in bytes. Each page
 * that is saved now will be needed; 1/32 of the memory, and not less than 64 MiB, must remain.
 * Where nothing is saved, nothing is needed. 0, or InsufficientMemory, with a sentence that has the
 * numbers and names --force. */
int ksm_check_memory(const Ksm *k, uint64_t available, uint64_t total, Error *error);

/* 0 if @value may be written to tunable @name of the kernel that @k was seen of: the name is one
 * that we know and that this kernel has, the value is one that mm/ksm.c accepts (numbers are
 * decimal digits only, without a sign, blank or zero before them). InvalidOption for what can never
 * be written, NotSupported for what this kernel does not have, Busy for what it refuses as things
 * are: pages_to_scan while advisor_mode is not none; merge_across_nodes and max_page_sharing while
 * pages are merged, unless the value is the present one. Each with one sentence that says what to
 * do. */
int ksm_tunable_check(const Ksm *k, const char *name, const char *value, Error *error);

/* The same for all of @tunables, which are written in their order: each is checked with those
 * before it in place, and *@k has them all in the end. InvalidOption, too, if they leave the
 * advisor a minimum of pages above its maximum. */
int ksm_tunables_check(Ksm *k, const KsmAttributes *tunables, Error *error);

/* Put the kernel's answer (@r, a negative errno) to a write of @value to @name as a sentence: for
 * -EBUSY and -EINVAL what it means for this one, else what strerror says. Returns @r. */
int ksm_tunable_refused(const char *name, const char *value, int r, Error *error);

/* The settings that KSM gets when the host boots: var/lib/bootsync/ksm.
 *
 *     v1
 *     run=1
 *     sleep_millisecs=50
 */
typedef struct KsmConfig {
        bool run;               /* ksmd is to be started: no unit does it */
        KsmAttributes tunables; /* what was set by hand */
} KsmConfig;

void ksm_config_done(KsmConfig *c);
/* An unknown version, and a file with any line that ksm_config_format() would not write, count as
 * empty: nothing is guessed. 0 or -ENOMEM. */
int ksm_config_parse(const char *text, size_t size, KsmConfig *ret);
/* NULL in *@ret: there is nothing to be remembered. 0 or -ENOMEM. */
int ksm_config_format(const KsmConfig *c, char **ret);
/* Add or replace. A new advisor_mode makes the kernel choose another pages_to_scan, so that one is
 * forgotten. 0 or -ENOMEM. */
int ksm_config_set(KsmConfig *c, const char *name, const char *value);
