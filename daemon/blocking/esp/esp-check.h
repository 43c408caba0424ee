/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Is a file on the ESP what it should be? Nothing is written. */

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"
#include "core/plan/plan.h"

/* PLAN_CHECK: what is at step->path, and VERDICT_TRUSTED if that is what the step trusts (then no
 * content is read), VERDICT_EQUAL if all bytes are those of the source, VERDICT_UNREADABLE if the
 * disk does not give them (EIO), else VERDICT_DIFFERS. The
 * ESP is read past the page cache; @watch counts what is read of both files. 1, or 0 if there is
 * nothing at that path; -ESTALE if the source is not the one that was planned. */
int esp_check(const EspVolume *v, const Root *root, const PlanStep *step, const CopyWatch *watch,
              EspFile *ret, Error *error);

/* PLAN_KEEP: -ESTALE if the file is not the one that was planned. */
int esp_keep(const EspVolume *v, const PlanStep *step, Error *error);
