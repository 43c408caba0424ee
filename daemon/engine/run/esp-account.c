/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A step counts as done when the worker begins with the next one, or ends well; a file as soon as
 * it is said to be in place. What is passed over because it was optional and failed does not count.
 * Out of memory too little is told, which is no reason to end a sync. */

#include "engine/run/esp-account.h"

#include "common/string-util.h"
#include "common/time-util.h"

/* Files in place have a report of their own. */
static void end_step(EspAccount *a, const Plan *plan) {
        if (a->in_step && plan->steps[a->step].action != PLAN_PLACE)
                (void) esp_deed_add_step(&a->deed, plan, a->step);
        a->in_step = false;
}

void esp_account_take_report(EspAccount *a, const Plan *plan, const Report *report) {
        if (report->type == REPORT_STEP) {
                end_step(a, plan);
                a->in_step = true;
                a->step = report->index;
        } else if (report->type == REPORT_PLACED)
                (void) esp_deed_add_step(&a->deed, plan, report->index);
        else if (report->type == REPORT_DONE)
                end_step(a, plan);
        else if (report->type == REPORT_STARTED || report->type == REPORT_WARNING ||
                 report->type == REPORT_FAILED)
                a->in_step = false;
}

void esp_account_note_good(EspAccount *a, Esp *esp, const JobInfo *job) {
        uint64_t now = realtime_usec();

        a->deed.synced = job->syncs;
        a->deed.verified = job->verifies;
        esp_set_good(esp, job->syncs ? now : 0, job->verifies ? now : 0);
}

int esp_account_close(EspAccount *a, const Esp *esp, const Error *error, EspDeed *ret) {
        const EspInfo info = esp_info(esp);

        a->deed.uuid = strdup(info.uuid);
        if (!a->deed.uuid)
                return -ENOMEM;
        if (error && error->message) {
                a->deed.error = strdup(error->message);
                if (!a->deed.error)
                        return -ENOMEM;
        }
        a->deed.n_kernels = strv_length(info.kernels);
        a->deed.in_sync = info.state == ESP_IN_SYNC;
        *ret = TAKE_STRUCT(a->deed);
        return 0;
}
