/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The difference between the files and the ESPs, as far as memory tells it. */

#include "engine/verdict.h"

/* All that is wanted and not known to be on every ESP that is present, each item once: "default
 * VERSION", "next-boot VERSION", "add VERSION", "update VERSION", "remove VERSION", "cmdline", and
 * "esp UUID" for an ESP of which none of these is known. Empty exactly if every such ESP was
 * compared with what was read last and is in sync; without ESPs it is the default of the host's own
 * GRUB. 0 or -ENOMEM. */
int pending_make(const VerdictInput *in, char ***ret);
