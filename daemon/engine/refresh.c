/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One job, all its ESPs, side by side.
 *
 * Each ESP goes its own way (refresh-part); a slow or dying disk holds up no other. Two things are
 * shared. The token: only one ESP at a time commits, so that at any instant all but one are wholly
 * old or wholly new. And the command line: an ESP without entries waits until the others were
 * looked at, because their options are better than a guess. */

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel-version.h"
#include "engine/look.h"
#include "engine/refresh-part.h"
#include "sys/kernel-conf.h"

#define PROGRESS_INTERVAL_USEC (250 * UINT64_C(1000)) /* at most 4 signals a second */

void refresh_input_done(RefreshInput *input) {
        kernel_set_done(&input->kernels);
        free(input->title);
        free(input->pin);
        free(input->next_boot);
        free(input->arm);
        free(input->disarm);
        free(input->cmdline);
        free(input->fallback_cmdline);
        *input = (RefreshInput){};
}

Refresh *refresh_free(Refresh *refresh) {
        if (!refresh)
                return NULL;
        for (size_t i = 0; i < refresh->n_parts; i++)
                part_done(&refresh->parts[i]);
        free(refresh->parts);
        errand_free(refresh->host_errand);
        plan_free(refresh->host_plan);
        error_done(&refresh->host_error);
        sd_event_source_disable_unref(refresh->start_source);
        sd_event_source_disable_unref(refresh->end_source);
        refresh_input_done(&refresh->input);
        sd_event_unref(refresh->event);
        return mfree(refresh);
}

Job *refresh_job(const Refresh *refresh) {
        return refresh->job;
}

void refresh_show_progress(Refresh *refresh) {
        uint64_t total = 0, moved = 0, now;

        for (size_t i = 0; i < refresh->n_parts; i++) {
                total += refresh->parts[i].bytes_total;
                moved += MIN(refresh->parts[i].bytes_moved, refresh->parts[i].bytes_total);
        }
        /* The last percent is the commit. */
        if (total == 0 || !job_set_progress(refresh->job, (unsigned) (moved * 99 / total)))
                return;
        if (sd_event_now(refresh->event, CLOCK_MONOTONIC, &now) < 0 ||
            now < refresh->last_progress_usec + PROGRESS_INTERVAL_USEC)
                return;
        refresh->last_progress_usec = now;
        refresh->listener->job_changed(refresh->job, refresh->userdata);
}

void refresh_say(Refresh *refresh, const char *message) {
        if (job_set_message(refresh->job, message))
                refresh->listener->job_changed(refresh->job, refresh->userdata);
}

void refresh_grant_token(Refresh *refresh) {
        for (size_t i = 0; !refresh->holder && i < refresh->n_parts; i++) {
                Part *part = &refresh->parts[i];

                if (!part->waiting)
                        continue;
                part->waiting = false;
                refresh->holder = part;
                errand_commit(part->errand);
        }
}

/* A kernel that is there for one boot alone, and taken then by a one-shot, must not become the
 * default by being the newest. */
const char *refresh_default_version(const Refresh *refresh, bool one_shot) {
        const RefreshInput *input = &refresh->input;
        const Kernel *kernel;

        if (input->next_boot && !one_shot)
                return input->next_boot;
        if (input->pin || !input->next_boot)
                return input->pin;
        kernel = kernel_set_default(&input->kernels, false);
        return kernel && kernel_version_compare(kernel->version, input->next_boot) < 0
                               ? kernel->version
                               : NULL;
}

/* The options for entries that have none yet: what any other ESP has; else what was, or now is,
 * adopted from proc/cmdline. */
int refresh_fallback_cmdline(Refresh *refresh, char **ret) {
        _cleanup_free_ char *options = NULL;
        int r;

        for (size_t i = 0; !options && i < refresh->n_parts; i++) {
                const Part *part = &refresh->parts[i];
                const EspImage *image = part->image ?: esp_image(part->esp);

                if (!image)
                        continue;
                r = look_options(image, &options);
                if (r < 0)
                        return r;
        }
        if (!options && refresh->input.fallback_cmdline) {
                options = strdup(refresh->input.fallback_cmdline);
                if (!options)
                        return -ENOMEM;
                if (refresh->input.adopt && job_syncs(refresh->job)) {
                        _cleanup_free_ char *stored = NULL;

                        r = kernel_conf_adopt_cmdline(refresh->config->root, &stored);
                        log_warning("There is no usable /" PATH_CMDLINE
                                    "; %s the command line of this "
                                    "boot for new entries: '%s'.",
                                    r < 0 ? "cannot store, but use," : "adopting", options);
                        refresh->input.adopt = false;
                }
        }
        *ret = TAKE_PTR(options);
        return 0;
}

/* True for what was left as it is on an ESP since nobody knows better; nothing has failed. */
static bool is_left_alone(const Error *error) {
        return error->code == ERROR_NO_SUCH_KERNEL || error->code == ERROR_DATABASE_UNREADABLE;
}

static void end_job(Refresh *refresh) {
        _cleanup_error_ Error error = {};
        JobResult result = JOB_RESULT_DONE;
        size_t bad = 0, failed = 0;
        const Error *first = NULL;
        bool canceled = false;

        for (size_t i = 0; i < refresh->n_parts; i++) {
                Part *part = &refresh->parts[i];
                const Error *e = error_is_set(&part->error) ? &part->error : &part->warning;

                if (!error_is_set(e))
                        continue;
                bad++;
                failed += !is_left_alone(e);
                first = first ?: e;
                canceled |= e->code == ERROR_CANCELED;
        }
        if (bad > 0) {
                result = canceled                     ? JOB_RESULT_CANCELED
                         : failed == refresh->n_parts ? JOB_RESULT_FAILED
                                                      : JOB_RESULT_PARTIAL;
                if (result == JOB_RESULT_CANCELED)
                        (void) error_set(&error, ERROR_CANCELED, "The job was canceled");
                else if (refresh->n_parts == 1)
                        (void) error_copy(&error, first);
                else
                        (void) error_set(&error, first->code, "%zu of %zu ESPs: %s", bad,
                                         refresh->n_parts, strempty(first->message));
        }
        job_end(refresh->job, result, &error);
}

/* Without ESPs. */
static void end_host_job(Refresh *refresh) {
        JobResult result = !error_is_set(&refresh->host_error)          ? JOB_RESULT_DONE
                           : refresh->host_error.code == ERROR_CANCELED ? JOB_RESULT_CANCELED
                                                                        : JOB_RESULT_FAILED;

        job_end(refresh->job, result, &refresh->host_error);
}

static bool is_unfinished(const Refresh *refresh) {
        bool unfinished = false;

        for (size_t i = 0; i < refresh->n_parts; i++)
                unfinished |= refresh->parts[i].error.code == ERROR_SOURCE_CHANGED;
        return unfinished && !refresh->canceled;
}

static int on_end(sd_event_source *source, void *userdata) {
        Refresh *refresh = userdata;

        if (is_unfinished(refresh) && refresh->listener->unfinished(refresh, refresh->userdata))
                return 0;
        if (refresh->n_parts > 0)
                end_job(refresh);
        else
                end_host_job(refresh);
        refresh->listener->ended(refresh, refresh->userdata);
        return 0;
}

static bool all_looked_at(const Refresh *refresh) {
        for (size_t i = 0; i < refresh->n_parts; i++)
                if (refresh->parts[i].phase == PART_LOOKING)
                        return false;
        return true;
}

/* True if the part can be planned now, or has to wait for the others' options. */
static bool can_plan(const Part *part) {
        _cleanup_free_ char *options = NULL;

        if (part->phase != PART_SEEN || !part->refresh->host_settled)
                return false;
        if (part->refresh->input.cmdline || all_looked_at(part->refresh))
                return true;
        return look_options(part->image, &options) >= 0 && options;
}

/* Planning a part may end it and lead back here, which is why each turn begins anew. */
void refresh_advance(Refresh *refresh) {
        bool ended = refresh->host_settled;

        for (size_t i = 0; i < refresh->n_parts; i++) {
                Part *part = &refresh->parts[i];

                if (part->phase == PART_SEEN && refresh->canceled) {
                        part_cancel(part, esp_state(part->esp));
                        return;
                }
                if (can_plan(part)) {
                        part->phase = PART_SYNCING; /* nobody plans it twice */
                        part_plan(part);
                        refresh_advance(refresh);
                        return;
                }
        }
        refresh_grant_token(refresh);
        for (size_t i = 0; i < refresh->n_parts; i++)
                ended &= refresh->parts[i].phase == PART_ENDED;
        /* From the event loop, when no caller stands on what is freed then. */
        if (ended && !refresh->end_source)
                (void) sd_event_add_defer(refresh->event, &refresh->end_source, on_end, refresh);
}

static int on_start(sd_event_source *source, void *userdata) {
        Refresh *refresh = userdata;

        refresh_say(refresh, "looking");
        for (size_t i = 0; i < refresh->n_parts; i++)
                part_start(&refresh->parts[i]);
        refresh_start_host(refresh);
        return 0;
}

int refresh_new(sd_event *event, const WorkerConfig *config, Job *job, RefreshInput *input,
                Esp *const *esps, size_t n_esps, const RefreshListener *listener, void *userdata,
                Refresh **ret) {
        _cleanup_(refresh_freep) Refresh *refresh = calloc(1, sizeof(*refresh));
        int r;

        if (!refresh)
                return -ENOMEM;
        refresh->event = sd_event_ref(event);
        refresh->config = config;
        refresh->job = job;
        refresh->input = TAKE_STRUCT(*input);
        refresh->firmware = refresh->input.firmware;
        refresh->listener = listener;
        refresh->userdata = userdata;
        refresh->parts = calloc(MAX(n_esps, (size_t) 1), sizeof(Part));
        if (!refresh->parts)
                return -ENOMEM;
        for (size_t i = 0; i < n_esps; i++)
                if (job_wants_esp(job, esp_uuid(esps[i])))
                        refresh->parts[refresh->n_parts++] =
                                        (Part){ .refresh = refresh, .esp = esps[i] };

        r = sd_event_add_defer(event, &refresh->start_source, on_start, refresh);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(refresh);
        return 0;
}

void refresh_cancel(Refresh *refresh) {
        refresh->canceled = true;
        if (refresh->host_errand)
                errand_cancel(refresh->host_errand);
        for (size_t i = 0; i < refresh->n_parts; i++)
                if (refresh->parts[i].errand)
                        errand_cancel(refresh->parts[i].errand);
}
