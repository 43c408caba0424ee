/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Units of systemd, by its D-Bus API; nothing here waits for an answer. */

#include "bus/bus.h"
#include "engine/units.h"

/* For the engine; the userdata is the Bus. */
extern const UnitsOps units_ops;
