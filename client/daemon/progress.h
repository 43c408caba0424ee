/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How far a job is, in words. None of these is NULL. */

#include "client/daemon/objects.h"

/* "refresh, 43 %, 96.0 MiB/s, 12 s left", as far as it is known; "refresh, waits for job 10". */
char *progress_summary(const JobInfo *job);

/* The same as a line, with what the job is doing: "job 8 refresh  43 %  96.0 MiB/s  12 s left
 * 1111-AAAA: copying vmlinuz-6.12.1-pve". */
char *progress_line(const JobInfo *job);
