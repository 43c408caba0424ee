/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way of this host to Secure Boot, from memory; and the ESPs that a job converts now. */

#include "core/conversion/conversion.h"
#include "engine/state.h"

/* The plan as of what is known; its steps borrow from that. Busy with @error as long as something
 * is not known that every step follows from. Or -ENOMEM. */
int conversion_of_state(const StateView *known, ConversionPlan *ret, Error *error);

/* The ESPs that a job has to convert, in order and up to NULL; none if nothing is left to do.
 * *@ret_prefer: shim is then to come first in the firmware's order. Errors as of conversion_next()
 * and above. */
int conversion_choose(const StateView *known, Esp ***ret, bool *ret_prefer, Error *error);
