/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Has a person told, once, that the host's state is bad for long, and that this is over. */

#include <systemd/sd-event.h>

#include "core/conf/conf-file.h"
#include "sys/root.h"

typedef struct Alerts Alerts;

/* Borrowed, until the event loop goes on. */
typedef struct AlertsView {
        const Settings *settings;
        const char *redundancy; /* as of AlertInput */
} AlertsView;

/* Reads what was remembered. @view tells how things are. 0 or -errno. */
int alerts_new(sd_event *event, const Root *root, AlertsView (*view)(void *userdata),
               void *userdata, Alerts **ret);
Alerts *alerts_free(Alerts *a);
DEFINE_CLEANUP(Alerts *, alerts_free)

/* Something may have changed that it follows from: look, in the next turn of the event loop. @a may
 * be NULL. */
void alerts_look(Alerts *a);

/* Has systemd start the unit, and calls alerts_answered() when that has agreed to it or not. 0 or
 * -errno. */
typedef int (*alerts_start_t)(const char *unit, void *userdata);
/* Have it done by @start; NULL: nobody does it any more, also not what is under way. */
void alerts_set_starter(Alerts *a, alerts_start_t start, void *userdata);
/* @why not; NULL: the unit is being started. */
void alerts_answered(Alerts *a, const char *why);
