/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the workers' reports say about one ESP, gathered into its image and its manifest. */

#include "common/error.h"
#include "core/manifest.h"
#include "core/plan.h"
#include "core/report.h"
#include "engine/esp.h"
#include "sys/root.h"

#define LOOK_NAMES_MAX 20 /* files that are named in an error */

/* A manifest that is absent, unknown, torn or stale is an empty one. 0 or -ENOMEM. */
int manifest_load(const Root *root, const Esp *esp, Manifest *ret);
/* Written only if it differs; entries of files that @image does not hold are dropped. */
void manifest_store(const Root *root, Esp *esp, Manifest *manifest, const EspImage *image);
/* Forget the manifest on the disk, before anything is changed that it tells of. */
void manifest_drop(const Root *root, Esp *esp);

/* Take in REPORT_SPACE (a new image begins) or REPORT_FILE. Texts that the worker did not read
 * again are copied from @known (may be NULL). 0, -ENOMEM, or -EBADMSG for a file before the space.
 */
int look_take_report(EspImage **image, Report *report, const EspImage *known);

/* After a probe: what differs is forgotten, and with @trust what was compared and is equal is
 * remembered. */
int look_learn(Manifest *manifest, const EspImage *image, const Plan *probe, bool trust);
/* True if some file is believed for the first time: it may be in the page cache only, since a
 * worker was killed before its barrier. */
bool look_needs_barrier(const EspImage *image) _pure_;
/* REPORT_PLACED of a step of @plan: remember the copy. Texts are not remembered. */
int look_learn_placed(Manifest *manifest, const Plan *plan, const Report *report);
/* After a sync: files that are as the manifest says, made from the kernels' own sources, are
 * trusted. */
int look_judge(EspImage *image, const Manifest *manifest, const KernelSet *kernels);

/* The paths that the disk did not give, "'a', 'b'"; *@ret is NULL if it gave all. 0 or -ENOMEM. */
int look_unreadable(const EspImage *image, char **ret);

/* Options of the entry that @image boots, else of any entry of ours. *@ret is NULL if there are
 * none. */
int look_options(const EspImage *image, char **ret);
