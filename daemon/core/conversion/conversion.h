/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way from any host to one that boots with Secure Boot: ordered steps, each done or open. Some
 * are a job's, the others a person's. */

#include "core/conversion/steps.h"

/* The steps for @host. There is always one; those that are done stay in it. An ESP is not converted
 * before all that it needs is there, and the last one that boots by another loader only once a boot
 * came through shim from one that is converted. 0 or -ENOMEM. */
int conversion_plan_make(const ConversionHost *host, ConversionPlan *ret);

/* The steps that a job of ours takes next: those from the first open one on, up to one that is a
 * person's, or that waits for its outcome. *@ret_esps are the UUIDs of the ESPs to be converted, in
 * order, and *@ret_order says that the order of the firmware's entries is then changed. 1, or 0 if
 * nothing is left to do for anybody; negative with @error if a person is next, NotSupported if
 * there is no way, NotBootable with what must come first; or -ENOMEM. */
int conversion_next(const ConversionPlan *plan, char ***ret_esps, bool *ret_order, Error *error);
