/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that the workers of one ESP have done to it in a job, by their reports. */

#include "core/history/deed.h"
#include "core/wire/report.h"
#include "engine/esp/esp.h"
#include "engine/queue/queue.h"

typedef struct EspAccount {
        EspDeed deed;
        bool in_step; /* a worker is at it: */
        uint64_t step;
} EspAccount;

/* Of the worker that carries out @plan. */
void esp_account_take_report(EspAccount *a, const Plan *plan, const Report *report);
/* @esp is in sync by this job. */
void esp_account_note_good(EspAccount *a, Esp *esp, const JobInfo *job);
/* The job is done with @esp, for @error (NULL: as it should be). *@ret has the account's deed. 0 or
 * -ENOMEM. */
int esp_account_close(EspAccount *a, const Esp *esp, const Error *error, EspDeed *ret);
