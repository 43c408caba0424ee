/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Units of systemd, by its D-Bus API; nothing here waits for an answer. */

#include "engine/ksm/ksm-job.h"

/* For the engine; the userdata is the Bus. */
extern const UnitsOps units_ops;
