/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How an ESP is looked at; then which boot loader it needs, what is to be done, and what the look
 * amounts to. */

#include "engine/run/context.h"

/* One ESP as a worker has seen it in this run. */
typedef struct EspSeen {
        const Esp *esp;
        EspImage *image;
        bool grub_stale;    /* GRUB's configuration was changed since its worker was started */
        bool memtest_stays; /* it could not be brought or removed in this job */
        bool loader_comes;  /* the image's loader is put on it behind the sync */
} EspSeen;

/* True if nobody can look at the ESP now; then that is its state. */
bool esp_plan_refuses(const Esp *esp, EspState *ret, Error *error);

/* The state after a worker that failed with @code, while it looked or wrote; @stuck: it does not
 * die. */
EspState esp_plan_state_after(const RunContext *context, const Esp *esp, bool stuck, ErrorCode code,
                              bool looking);
/* The look that comes first. @known: as it was seen last, NULL if that cannot be relied on. 0 or
 * -ENOMEM. */
int esp_plan_look(const RunContext *context, const Esp *esp, const EspImage *known,
                  const Manifest *manifest, Plan **ret);
/* True if the plan for an ESP need not wait for the others: options of other ESPs are better than a
 * guess. */
bool esp_plan_is_due(const RunContext *context, const EspImage *image);
/* Which loader the ESP gets in this job, if that installs any: its own one in any case if it is to
 * be installed anew. From here on @seen is an ESP with that loader. 1 if a kernel there would boot,
 * so that it can be installed at once, 0 if it comes behind the sync, or not at all; or -errno. */
int esp_plan_choose_loader(const RunContext *context, EspSeen *seen, EspLoader *ret, Error *error);
/* JOB_CONVERT goes from one ESP to the next: true if @esp may be planned; true if it is left as it
 * is, with @error, since one before it has failed; and 0 if shim, GRUB and a kernel on it, as
 * @judged, would boot with Secure Boot, else -errno. In any other job nothing of that counts. */
bool esp_plan_has_turn(const RunContext *context, const Esp *esp);
bool esp_plan_is_left(const RunContext *context, const Esp *esp, Error *error);
int esp_plan_check_chain(const RunContext *context, const Esp *esp, const SignedFiles *judged,
                         Error *error);
/* 0 if @image has @loader, else -errno. */
int esp_plan_check_loader(const Esp *esp, const EspImage *image, EspLoader loader, Error *error);
/* The sync that was to come before the loader has ended with @error, or with nothing that would
 * boot: let it say that there is none. */
void esp_plan_tell_no_loader(const Esp *esp, Error *error);
/* All that has to be done so that the ESP is in sync; GRUB is told of its pin by its configuration,
 * if the job changes anything. @fallback_cmdline may be NULL. 0 or -errno. */
int esp_plan_sync(RunContext *context, const EspSeen *seen, const char *fallback_cmdline,
                  Plan **ret);
/* The state that @rest, which is still to be done, comes to; an ESP is in sync only if that is
 * nothing. @synced: the look came after a sync. @error is set if that is no success. */
EspState esp_plan_judge(const RunContext *context, const EspSeen *seen, const Plan *rest,
                        bool synced, Error *error);
/* The difference that @rest would make, in words that may follow "outdated: ". NULL when out of
 * memory. */
char *esp_plan_difference(const RunContext *context, const EspSeen *seen, const Plan *rest);
