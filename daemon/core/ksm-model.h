/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files in /sys/kernel/mm/ksm say, as values, and what follows from them. See the kernel's
 * Documentation/admin-guide/mm/ksm.rst. */

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
DECLARE_STRING_TABLE(ksm_state, KsmState);

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
void ksm_attributes_remove(KsmAttributes *l, const char *name);
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

/* What merging saves: (pages_sharing + ksm_zero_pages) pages, as the kernel counts it. 0 without
 * these counters, never more than INT64_MAX. */
uint64_t ksm_saved_bytes(const Ksm *k) _pure_;
/* What remembering the pages costs. Where the kernel tells its profit (general_profit, since Linux
 * 6.4): saved less profit; before that the same sum as it makes, 64 bytes for each of pages_shared,
 * pages_sharing, pages_unshared and pages_volatile. Never negative. */
uint64_t ksm_metadata_bytes(const Ksm *k) _pure_;
/* Saved less metadata; negative if KSM costs more than it saves. */
int64_t ksm_profit_bytes(const Ksm *k) _pure_;

/* True if what an unmerge must leave is half gone: whoever unmerges should stop. */
bool ksm_memory_is_short(uint64_t available, uint64_t total) _const_;

/* May everything be unmerged? @available and @total: MemAvailable and MemTotal in bytes. Each page
 * that is saved now will be needed; 1/32 of the memory, and not less than 64 MiB, must remain.
 * Where nothing is saved, nothing is needed. 0, or InsufficientMemory, with a sentence that has the
 * numbers and names --force. */
int ksm_check_memory(const Ksm *k, uint64_t available, uint64_t total, Error *error);
