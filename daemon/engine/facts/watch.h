/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells that something we depend on has changed, once it has settled. */

#include <systemd/sd-event.h>

#include "sys/root.h"

typedef struct Watch Watch;

typedef struct WatchListener {
        void (*settled)(void *userdata); /* quiet for the settling time, or 30 s of unrest */
        void (*devices)(void *userdata); /* at once: dev/disk/by-uuid has changed */
        /* At once: a variable of the firmware was written, and with @keys one of those by which
         * programs are accepted. */
        void (*firmware)(bool keys, void *userdata);
        void (*polled)(void *userdata); /* without inotify: a file may have changed */
        void (*turned)(void *userdata); /* inotify does not do any more, or does again */
} WatchListener;

/* If the user's inotify instances (fs.inotify.max_user_instances) or watches (…watches) are used
 * up, or a directory cannot be watched for another reason, the watch says so in the journal, calls
 * polled() once a minute, and tries inotify again each time. @poll_percent of that minute, for
 * tests. turned() is not called from here. Returns 0 or -errno of sd-event. */
int watch_new(sd_event *event, const Root *root, unsigned poll_percent,
              const WatchListener *listener, void *userdata, Watch **ret);
Watch *watch_free(Watch *watch);
DEFINE_CLEANUP(Watch *, watch_free)

/* Seconds of quiet that count as settled. */
void watch_set_settle(Watch *watch, uint64_t sec);
/* Hear all that has happened until now: call it before everything is read anew, and watch_clear()
 * after that. */
void watch_drain(Watch *watch);
/* The caller has read everything anew: nothing is dirty any more. */
void watch_clear(Watch *watch);

/* Why inotify does not do, one sentence (NULL: it does), and the command that lets it do again (""
 * while it does). */
typedef struct WatchTrouble {
        const char *reason, *remedy;
} WatchTrouble;

WatchTrouble watch_trouble(const Watch *watch);
