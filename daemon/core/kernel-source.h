/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What boot/ lacks of the kernels that are kept, in words. */

#include "core/kernel-select.h"

/* Why boot/ cannot be what the ESPs are compared with: it holds no kernel at all, or lacks the
 * image of a kept kernel that dpkg has installed and no hook is about to; both are what a boot/
 * that is not mounted looks like. The beginning of a sentence without its period; *@ret is NULL if
 * nothing is wrong. 0 or -ENOMEM.
 */
int kernel_source_gap(const KernelSet *set, char **ret);

/* Everything that keeps kept kernels from the ESPs, the gap first: sentences without their period
 * that may follow a "but". *@ret is NULL if there is nothing. 0 or -ENOMEM. */
int kernel_source_warnings(const KernelSet *set, char ***ret);
