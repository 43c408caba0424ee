/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One job, all its ESPs, side by side.
 *
 * Each ESP goes its own way (esp-run), and the host, too (host-run); a slow or dying disk holds up
 * no other. They are stepped from one event source, in order, as long as any of them can go on. Two
 * things are shared. The token: only one ESP at a time commits, so that at any instant all but one
 * are wholly old or wholly new. And the command line: an ESP without entries waits until the others
 * were looked at, because their options are better than a guess. */

#include "engine/run/run.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "engine/esp/look.h"
#include "engine/run/esp-run.h"
#include "engine/run/host-run.h"
#include "sys/kernel-conf.h"

struct Run {
        RunContext context;
        HostRun *host;
        EspRun **esps;
        size_t n_esps;
        JobShare *shares; /* of each of them */
        bool begun, ordered;
};

Run *run_free(Run *run) {
        if (!run)
                return NULL;
        for (size_t i = 0; i < run->n_esps; i++)
                esp_run_free(run->esps[i]);
        free(run->esps);
        free(run->shares);
        host_run_free(run->host);
        sd_event_source_disable_unref(run->context.step);
        run_input_done(&run->context.input);
        error_done(&run->context.host_error);
        return mfree(run);
}

static void show_progress(Run *run) {
        RunContext *context = &run->context;
        uint64_t now;

        for (size_t i = 0; i < run->n_esps; i++) {
                EspRunStatus status = esp_run_status(run->esps[i]);

                run->shares[i] = (JobShare){
                        .uuid = (char *) status.uuid,
                        .done = status.bytes_moved,
                        .total = status.bytes_total,
                };
        }
        if (sd_event_now(workers_config(context->workers)->event, CLOCK_MONOTONIC, &now) >= 0 &&
            job_set_progress(context->job, run->shares, run->n_esps, now))
                context->listener->job_changed(context->job, context->userdata);
}

static void grant_token(Run *run) {
        EspRun *next = NULL;

        for (size_t i = run->n_esps; i > 0; i--) {
                EspRunToken token = esp_run_status(run->esps[i - 1]).token;

                if (token == ESP_RUN_HAS_TOKEN)
                        return;
                if (token == ESP_RUN_WAITS_FOR_TOKEN)
                        next = run->esps[i - 1];
        }
        if (next)
                esp_run_give_token(next);
}

/* A job waits where all that goes on in it is the commit of one ESP, for which another one waits.
 */
static void show_turn(Run *run) {
        RunContext *context = &run->context;
        _cleanup_free_ char *what = NULL;
        const char *writer = NULL;
        size_t n_waiting = 0, n_busy = 0;

        for (size_t i = 0; i < run->n_esps; i++) {
                EspRunStatus status = esp_run_status(run->esps[i]);

                if (status.token == ESP_RUN_HAS_TOKEN)
                        writer = status.uuid;
                n_waiting += status.token == ESP_RUN_WAITS_FOR_TOKEN;
                n_busy += status.token == ESP_RUN_NO_TOKEN && !status.ended;
        }
        if (writer && n_waiting > 0 && n_busy == 0)
                what = strprintf("its turn to write (ESP %s commits)", writer);
        if (job_set_waiting(context->job, strempty(what)))
                context->listener->job_changed(context->job, context->userdata);
}

/* The options for entries that have none yet: those of any other ESP; else those that were, or now
 * are, adopted from proc/cmdline. */
static int fallback_cmdline(RunContext *context, char **ret) {
        Run *run = (Run *) context; /* its first member */
        RunInput *input = &context->input;
        _cleanup_free_ char *options = NULL, *stored = NULL;
        int r;

        for (size_t i = 0; !options && i < run->n_esps; i++) {
                const EspImage *image = esp_run_status(run->esps[i]).image;

                r = image ? look_options(image, &options) : 0;
                if (r < 0)
                        return r;
        }
        if (!options && input->fallback_cmdline) {
                options = strdup(input->fallback_cmdline);
                if (!options)
                        return -ENOMEM;
                if (input->adopt && job_info(context->job)->syncs) {
                        r = kernel_conf_adopt_cmdline(workers_config(context->workers)->root,
                                                      &stored);
                        log_of_job(context->job, LOG_WARNING, NULL,
                                   "There is no usable /" PATH_CMDLINE
                                   "; %s the command line of this "
                                   "boot for new entries: '%s'.",
                                   r < 0 ? "cannot store, but use," : "adopting", options);
                        input->adopt = false;
                }
        }
        *ret = TAKE_PTR(options);
        return 0;
}

/* True for what was left as it is on an ESP since nobody knows better; nothing has failed. */
static bool is_left_alone(const Error *error) {
        return error->code == ERROR_NO_SUCH_KERNEL || error->code == ERROR_DATABASE_UNREADABLE;
}

/* So far this was done, also if the job begins anew. */
static void gather_deeds(Run *run) {
        Deed *deed = job_info(run->context.job)->status.deed;

        for (size_t i = 0; i < run->n_esps; i++) {
                _cleanup_(esp_deed_done) EspDeed esp = {};

                if (esp_run_take_deed(run->esps[i], &esp) < 0 || deed_add_esp(deed, &esp) < 0)
                        log_warning("There is not enough memory to tell all that was done.");
        }
        deed->host_menu |= run->context.host_menu;
        deed->boot_order |= run->context.boot_order;
}

/* With the reason of each ESP, or the one of all. */
static void tell_reasons(const Deed *deed, JobResult result, const Error *first, Error *error) {
        _cleanup_free_ char *text = NULL;

        if (result == JOB_RESULT_CANCELED)
                (void) error_set(error, ERROR_CANCELED, "The job was canceled");
        else if (deed->n_esps == 1 || deed_explain(deed, &text) < 0 || isempty(text))
                (void) error_copy(error, first);
        else
                (void) error_set(error, first->code, "%s", text);
}

static void tell_done(Run *run) {
        const JobInfo *info = job_info(run->context.job);
        Deed *deed = info->status.deed;

        free(deed->message);
        deed->message = NULL;
        (void) deed_describe(deed,
                             info->syncs      ? DEED_SYNC
                             : info->verifies ? DEED_VERIFY
                                              : DEED_LOOK,
                             &deed->message);
}

static void end_job(Run *run) {
        _cleanup_error_ Error error = {};
        JobResult result = JOB_RESULT_DONE;
        size_t bad = 0, failed = 0;
        const Error *first = NULL;
        bool canceled = false;

        for (size_t i = 0; i < run->n_esps; i++) {
                const Error *e = esp_run_status(run->esps[i]).error;

                if (!e)
                        continue;
                bad++;
                failed += !is_left_alone(e);
                first = first ?: e;
                canceled |= e->code == ERROR_CANCELED;
        }
        if (bad == 0 && error_is_set(&run->context.host_error)) {
                result = JOB_RESULT_PARTIAL;
                (void) error_copy(&error, &run->context.host_error);
        } else if (bad > 0) {
                result = canceled                ? JOB_RESULT_CANCELED
                         : failed == run->n_esps ? JOB_RESULT_FAILED
                                                 : JOB_RESULT_PARTIAL;
                tell_reasons(job_info(run->context.job)->status.deed, result, first, &error);
        } else
                tell_done(run);
        job_end(run->context.job, result, &error);
}

/* Without ESPs. */
static void end_host_job(Run *run) {
        _cleanup_error_ Error error = {};
        JobResult result;

        (void) error_copy(&error, &run->context.host_error);
        result = !error_is_set(&error)          ? JOB_RESULT_DONE
                 : error.code == ERROR_CANCELED ? JOB_RESULT_CANCELED
                                                : JOB_RESULT_FAILED;
        if (result == JOB_RESULT_DONE)
                tell_done(run);
        job_end(run->context.job, result, &error);
}

static bool is_unfinished(const Run *run) {
        bool unfinished = false;

        for (size_t i = 0; i < run->n_esps; i++)
                unfinished |= esp_run_status(run->esps[i]).unfinished;
        return unfinished && !run->context.canceled;
}

static bool has_ended(const Run *run) {
        if (!run->context.host_ready)
                return false;
        for (size_t i = 0; i < run->n_esps; i++)
                if (!esp_run_status(run->esps[i]).ended)
                        return false;
        return true;
}

/* True if there is still to be done what comes behind all ESPs, if each has ended well. */
static bool begins_to_order(Run *run) {
        if (!run->context.input.prefer_shim || run->ordered || run->context.failed ||
            run->context.canceled)
                return false;
        run->ordered = true;
        host_run_order(run->host);
        return true;
}

static void end(Run *run) {
        const RunContext *context = &run->context;
        Deed *deed = job_info(context->job)->status.deed;

        if (context->unjudged) {
                context->listener->unjudged(context->job, context->userdata);
                return;
        }
        gather_deeds(run);
        deed->start_usec = job_info(context->job)->status.start_usec;
        deed->end_usec = realtime_usec();
        if (is_unfinished(run) && context->listener->unfinished(context->job, context->userdata))
                return;
        if (run->n_esps > 0)
                end_job(run);
        else
                end_host_job(run);
        context->listener->ended(context->job, context->userdata);
}

/* Never are two ESPs changed before the first is known to boot. */
static void pass_turn(Run *run) {
        RunContext *context = &run->context;

        if (job_info(context->job)->request.type != JOB_CONVERT)
                return;
        context->turn = NULL;
        for (size_t i = 0; i < run->n_esps && !context->turn; i++) {
                const EspRunStatus status = esp_run_status(run->esps[i]);

                if (!status.ended)
                        context->turn = context->input.esps[i];
                else if (status.error)
                        context->failed = context->failed ?: context->input.esps[i];
        }
}

static int on_step(sd_event_source *source, void *userdata) {
        Run *run = userdata;
        bool again;

        if (!run->begun)
                run_say(&run->context, "looking");
        run->begun = true;
        do {
                again = false;
                pass_turn(run);
                for (size_t i = 0; i < run->n_esps; i++)
                        again |= esp_run_step(run->esps[i]);
                again |= host_run_step(run->host);
        } while (again);
        grant_token(run);
        show_progress(run);
        show_turn(run);
        if (has_ended(run) && !begins_to_order(run))
                end(run);
        return 0;
}

int run_new(Workers *workers, Job *job, RunInput *input, const RunListener *listener,
            void *userdata, Run **ret) {
        _cleanup_(run_freep) Run *run = calloc(1, sizeof(*run));
        Esp *const *esps;
        size_t n = 0;
        int r;

        if (!run)
                return -ENOMEM;
        run->context = (RunContext){
                .workers = workers,
                .job = job,
                .input = TAKE_STRUCT(*input),
                .listener = listener,
                .userdata = userdata,
                .fallback_cmdline = fallback_cmdline,
        };
        esps = run->context.input.esps;
        while (esps[n])
                n++;
        run->esps = calloc(MAX(n, (size_t) 1), sizeof(EspRun *));
        run->shares = calloc(MAX(n, (size_t) 1), sizeof(JobShare));
        if (!run->esps || !run->shares)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (!job_wants_esp(job, esp_info(esps[i]).uuid))
                        continue;
                r = esp_run_new(&run->context, esps[i], &run->esps[run->n_esps]);
                if (r < 0)
                        return r;
                run->n_esps++;
        }
        run->context.n_unseen = run->n_esps;
        r = host_run_new(&run->context, run->n_esps > 0, &run->host);
        if (r >= 0)
                r = sd_event_add_defer(workers_config(workers)->event, &run->context.step, on_step,
                                       run);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(run);
        return 0;
}

void run_cancel(Run *run) {
        run->context.canceled = true;
        host_run_cancel(run->host);
        for (size_t i = 0; i < run->n_esps; i++)
                esp_run_cancel(run->esps[i]);
        run_wake(&run->context);
}
