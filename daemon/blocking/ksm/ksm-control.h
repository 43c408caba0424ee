/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing to sys/kernel/mm/ksm. Each write may wait for a scan, or for memory that is being taken
 * out of service; to unmerge takes about a second for each GiB. */

#include "common/error.h"
#include "sys/root.h"

/* Write @value to file @name and read it back: what the kernel made of it must be @value, else
 * VerifyFailed. To run only "0" and "1" are written. What the kernel refuses is a sentence, see
 * ksm_tunable_refused(). 0 or -errno. */
int ksm_write(const Root *root, const char *name, const char *value, Error *error);

typedef struct KsmUnmergeWatch {
        /* Called about four times a second: @bytes are unmerged since the start, as the kernel
         * counts it, which is a whole process at a time. */
        void (*progress)(uint64_t bytes, void *userdata);
        bool (*wants_stop)(void *userdata);
        void *userdata;
} KsmUnmergeWatch;

/* Write 2 to run and wait until nothing is merged any more. A process of its own does it, since the
 * kernel makes who writes 2 the first to be killed when memory runs out. InsufficientMemory if that
 * has happened, or if it was stopped in time as memory got short, which is done without @force;
 * Canceled if it was asked to stop: run is 0 then, what was still merged stays so,
 * and another try goes on from there. Timeout if the kernel does not let go of the writer within 10
 * s after that. 0 or -errno, with a sentence that says how many bytes are still merged. */
int ksm_unmerge(const Root *root, bool force, const KsmUnmergeWatch *watch, Error *error);
