/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Has the firmware asked what it holds, beside all jobs. */

#include "core/firmware/firmware.h"
#include "engine/work/errand.h"

typedef struct Asker Asker;

/* @heard is called from the event loop with what the firmware says, to be moved. */
int asker_new(Workers *workers, void (*heard)(Firmware *firmware, void *userdata), void *userdata,
              Asker **ret);
/* A worker that runs goes on by itself. */
Asker *asker_free(Asker *a);
DEFINE_CLEANUP(Asker *, asker_free)

/* Ask; if that is being done, once more when it has ended. That the firmware cannot be asked is
 * logged, and what was known stays. */
void asker_ask(Asker *a);
