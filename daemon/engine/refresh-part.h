/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One ESP's way through a job; what refresh.c and refresh-part.c share. */

#include "engine/errand.h"
#include "engine/refresh.h"

typedef enum PartPhase {
        PART_LOOKING,
        PART_SEEN, /* to be planned */
        PART_INSTALLING,
        PART_SYNCING,
        PART_ENDED,
} PartPhase;

typedef struct Part {
        Refresh *refresh;
        Esp *esp;
        PartPhase phase;
        unsigned rounds;  /* plans carried out */
        EspLoader loader; /* that was installed in this job, or is to be */
        bool installed;
        Errand *errand;
        Plan *plan; /* what it carries out */
        EspImage *image;
        Manifest manifest;
        unsigned grub_changes; /* of the refresh, when its worker was started */
        bool memtest_stays;    /* it could not be brought or removed in this job */
        bool waiting;          /* for the token */
        bool distrust;         /* what is known of the ESP: the last look at it failed */
        bool compared;         /* what is on the ESP was compared with the input */
        uint64_t bytes_total, bytes_before, bytes_moved; /* before: by workers that are done */
        Error warning; /* what could not be done besides; the ESP is none the worse */
        Error error;
} Part;

struct Refresh {
        sd_event *event;
        const WorkerConfig *config;
        Job *job;
        RefreshInput input;
        Part *parts;
        size_t n_parts;
        Part *holder; /* of the token */
        bool canceled;
        const Firmware *firmware; /* NULL: could not be asked */
        bool one_shot;            /* a pin for the next boot need not be the default entry */
        bool host_settled;        /* the two above are known */
        unsigned grub_changes;    /* how often GRUB's configuration was changed by this job */
        Errand *host_errand;
        Plan *host_plan;
        Error host_error; /* of GRUB on a host without ESPs */
        uint64_t last_progress_usec;
        sd_event_source *start_source, *end_source;
        const RefreshListener *listener;
        void *userdata;
};

void part_done(Part *part);
/* Begin to look. */
void part_start(Part *part);
/* From PART_SEEN: plan, and sync if the job is a refresh. */
void part_plan(Part *part);
/* The part is over; the reason is in its error. */
void part_end(Part *part, EspState state);
void part_cancel(Part *part, EspState state);
/* Likewise, of a call that failed. */
void part_fail(Part *part, int r, const char *what);

/* refresh-settle.c: the part is over, and what @rest still has to do decides the state; @synced:
 * the look came after a sync. */
void part_settle(Part *part, const Plan *rest, bool synced);
/* A verification that failed half-way: what it found bad until then must not be trusted by the next
 * look, nor what it did not get to. */
void part_remember_bad(Part *part);

/* refresh-host.c: ask the firmware, arm the one-shot; then refresh_start_grub(). */
void refresh_start_host(Refresh *refresh);
/* refresh-grub.c: without ESPs, GRUB's menu of the host; then refresh_advance(). */
void refresh_start_grub(Refresh *refresh);

/* Of refresh.c, for the parts. */
void refresh_advance(Refresh *refresh); /* a phase has changed: let everything go on that can */
void refresh_grant_token(Refresh *refresh);
void refresh_show_progress(Refresh *refresh);
void refresh_say(Refresh *refresh, const char *message);
/* What the default must lead to; NULL: the newest. With @one_shot the boot loader itself takes the
 * pin for the next boot. */
const char *refresh_default_version(const Refresh *refresh, bool one_shot);
/* The options for entries of @part's ESP that have none; *@ret may be NULL. */
int refresh_fallback_cmdline(Refresh *refresh, char **ret);
