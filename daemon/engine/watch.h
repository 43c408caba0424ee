/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells that something we depend on has changed, once it has settled. */

#include <systemd/sd-event.h>

#include "sys/root.h"

typedef struct Watch Watch;

typedef struct WatchListener {
        void (*settled)(void *userdata); /* quiet for the settling time, or 30 s of unrest */
        void (*devices)(void *userdata); /* at once: dev/disk/by-uuid has changed */
} WatchListener;

int watch_new(sd_event *event, const Root *root, const WatchListener *listener, void *userdata,
              Watch **ret);
Watch *watch_free(Watch *watch);
DEFINE_CLEANUP(Watch *, watch_free)

/* Seconds of quiet that count as settled. */
void watch_set_settle(Watch *watch, uint64_t sec);
/* What has happened until now is heard: call it before everything is read anew, and watch_clear()
 * after that. */
void watch_drain(Watch *watch);
/* The caller has read everything anew: nothing is dirty any more. */
void watch_clear(Watch *watch);
