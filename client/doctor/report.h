/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The findings, and what they are made of, as a text for a bug report. */

#include "client/doctor/patient.h"

/* Refuse a @file that is there, unless it is a regular file that --force lets go. */
ExitStatus report_check(const Options *options, const char *file);

/* Write all that is known of @p, without what tells which host it is, to @file: as a whole or not
 * at all, for its owner alone, and never through a link. */
ExitStatus report_write(Patient *p, const char *file);
