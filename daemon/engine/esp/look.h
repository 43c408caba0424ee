/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The workers' reports about one ESP, gathered into its image and its manifest. */

#include "core/esp/manifest.h"
#include "core/plan/plan.h"
#include "core/wire/report.h"

/* Take in REPORT_SPACE (a new image begins), REPORT_FILE, or REPORT_PLACED of a step of @plan: the
 * copy is remembered in the manifest, but for texts. Of those, what the worker did not read again
 * is copied from @known (may be NULL). 0, -ENOMEM, or -EBADMSG for a file before the space. */
int look_take_report(EspImage **image, Manifest *manifest, const Plan *plan, Report *report,
                     const EspImage *known);

/* After the look of @plan: files that differ are forgotten, and with @trust those that were
 * compared and are equal are remembered. */
int look_learn(Manifest *manifest, const EspImage *image, const Plan *plan, bool trust);
/* True if some file is believed for the first time: it may be in the page cache only, since a
 * worker was killed before its barrier. */
bool look_needs_barrier(const EspImage *image) _pure_;
/* After a sync: trust the files that are as the manifest says, made from the kernels' own sources.
 */
int look_trust(EspImage *image, const Manifest *manifest, const KernelSet *kernels);

/* Options of the entry that @image boots, else of any entry of ours. *@ret is NULL if there are
 * none. */
int look_options(const EspImage *image, char **ret);
