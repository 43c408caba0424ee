/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One ESP in a run: look, plan, install its loader, sync, look again. */

#include "core/history/deed.h"
#include "engine/run/context.h"

typedef struct EspRun EspRun;

/* @context and @esp outlive it. */
int esp_run_new(RunContext *context, Esp *esp, EspRun **ret);
/* A running worker goes on by itself. */
EspRun *esp_run_free(EspRun *er);

/* Go on from a phase that is over to the next one. True if there was such a one. */
bool esp_run_step(EspRun *er);
/* Its worker stops before its next step. */
void esp_run_cancel(EspRun *er);

/* Only one ESP at a time has the token, and may commit. */
typedef enum EspRunToken {
        ESP_RUN_NO_TOKEN,
        ESP_RUN_WAITS_FOR_TOKEN,
        ESP_RUN_HAS_TOKEN,
} EspRunToken;

/* Valid until the next step. */
typedef struct EspRunStatus {
        const char *uuid;
        bool ended;
        const Error *error; /* why it is no success, or only in part; NULL: it is one */
        bool unfinished;    /* since a source of it was being written */
        EspRunToken token;
        const EspImage *image; /* the newest that is known; NULL: none */
        uint64_t bytes_total, bytes_moved;
} EspRunStatus;

EspRunStatus esp_run_status(const EspRun *er);
/* At its end, once: what was done to the ESP. 0 or -ENOMEM. */
int esp_run_take_deed(EspRun *er, EspDeed *ret);
void esp_run_give_token(EspRun *er);
