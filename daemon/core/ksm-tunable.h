/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The settings in /sys/kernel/mm/ksm: what the kernel takes, so that a value is refused with a
 * sentence before it is written, and what the kernel's refusals mean. */

#include "core/ksm-model.h"

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

/* What the kernel answered (@r, a negative errno) to a write of @value to @name, as a sentence: for
 * -EBUSY and -EINVAL what it means for this one, else what strerror says. Returns @r. */
int ksm_tunable_refused(const char *name, const char *value, int r, Error *error);
