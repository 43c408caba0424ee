/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is let in: a bound on every call, before anything looks at it. */

#include "bus/bus.h"

/* What the arguments of a call may weigh, in bytes. The longest that is of any use, a list of all
 * ESPs or all settings of KSM, is half as long. */
#define GATE_WEIGHT_MAX (16U * 1024U)

/* No object of ours has a longer path, in bytes. */
#define GATE_PATH_MAX 256U

/* Refuse every call on the system bus that is too big (LimitsExceeded) or names an object that
 * cannot be (UnknownObject); let the others wait for the turn of their sender (caller.h). To be
 * added before any object. */
int gate_add(Bus *b);
