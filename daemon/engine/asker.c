/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading a variable runs code of the firmware, which may take its time: so a worker does it. It is
 * started from the event loop and not by whoever asks, who is in the midst of something else. */

#include "engine/asker.h"

#include "common/log.h"
#include "common/string-util.h"

struct Asker {
        Workers *workers;
        void (*heard)(Firmware *firmware, void *userdata);
        void *userdata;
        sd_event_source *turn; /* begins what is wanted, and ends what is over */
        Errand *errand;
        bool wanted, over;
};

Asker *asker_free(Asker *a) {
        if (!a)
                return NULL;
        errand_free(a->errand);
        sd_event_source_disable_unref(a->turn);
        return mfree(a);
}

static void on_report(Report *report, void *userdata) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        Asker *a = userdata;

        if (report->type == REPORT_FIRMWARE &&
            firmware_parse(report->text, strlen(report->text), &firmware) >= 0)
                a->heard(&firmware, a->userdata);
}

static void turn(Asker *a) {
        (void) sd_event_source_set_enabled(a->turn, SD_EVENT_ONESHOT);
}

static void complain(const Error *error) {
        if (error_is_set(error))
                log_warning("%s; what the firmware holds is as it was known.",
                            strempty(error->message));
}

static void on_end(const Error *error, void *userdata) {
        Asker *a = userdata;

        complain(error);
        a->over = true;
        turn(a);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
};

static void start(Asker *a) {
        _cleanup_error_ Error error = {};
        Plan *plan = NULL;

        if (plan_new(PLAN_ON_FIRMWARE, NULL, &plan) >= 0 && !plan_add(plan, PLAN_FIRMWARE, NULL))
                plan = plan_free(plan);
        if (plan)
                (void) errand_new(a->workers, plan, &errand_listener, a, &a->errand, &error);
        complain(&error);
}

static int on_turn(sd_event_source *source, void *userdata) {
        Asker *a = userdata;

        if (a->over)
                a->errand = errand_free(a->errand);
        a->over = false;
        if (!a->wanted || a->errand)
                return 0;
        a->wanted = false;
        start(a);
        return 0;
}

int asker_new(Workers *workers, void (*heard)(Firmware *firmware, void *userdata), void *userdata,
              Asker **ret) {
        _cleanup_(asker_freep) Asker *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        *a = (Asker){ .workers = workers, .heard = heard, .userdata = userdata };
        r = sd_event_add_defer(workers_config(workers)->event, &a->turn, on_turn, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->turn, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

void asker_ask(Asker *a) {
        a->wanted = true;
        if (!a->errand)
                turn(a);
}
