/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One ESP in a job: look, plan, sync, look again.
 *
 * It starts at most one worker at a time and learns everything from its reports, which only say
 * that there is something to step. Its phases are a table. An ESP counts as in sync only if a look
 * after the last barrier leaves nothing to plan; as long as a round makes room for more, there is
 * another. A boot loader is put on it, and told to the firmware, when a kernel there would boot.
 * With a worker that gets stuck the run is over. */

#include "engine/run/esp-run.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "engine/esp/look.h"
#include "engine/esp/esp.h"
#include "engine/run/esp-account.h"
#include "engine/run/esp-plan.h"
#include "engine/work/errand.h"

#define ROUNDS_MAX 3

typedef enum EspPhase {
        ESP_PHASE_BEGUN,      /* nothing was done yet */
        ESP_PHASE_LOOKING,    /* a worker looks at it */
        ESP_PHASE_SEEN,       /* to be planned */
        ESP_PHASE_INSTALLING, /* a worker puts the boot loader on it, and looks */
        ESP_PHASE_SYNCING,    /* a worker brings it into sync, and looks */
        ESP_PHASE_ENDED,
        _ESP_PHASE_MAX,
} EspPhase;

struct EspRun {
        RunContext *context;
        Esp *esp;
        EspPhase phase;
        unsigned rounds;  /* plans carried out */
        EspLoader loader; /* that was installed in this job, or is to be */
        bool installed;
        Errand *errand;
        bool worker_ended;
        EspAccount account;
        EspImage *image;
        SignedFiles judged; /* what is on it, when shim was put there */
        Manifest manifest;
        unsigned grub_changes; /* of the context, when its worker was started */
        bool memtest_stays;    /* it could not be brought or removed in this job */
        EspRunToken token;
        const EspImage *known; /* what a look need not read again; NULL: it reads everything */
        bool compared;         /* what is on the ESP was compared with the input */
        uint64_t bytes_total, bytes_before, bytes_moved; /* before: by workers that are done */
        Error warning; /* what could not be done besides; the ESP is none the worse */
        Error error;
};

EspRun *esp_run_free(EspRun *er) {
        if (!er)
                return NULL;
        errand_free(er->errand);
        esp_deed_done(&er->account.deed);
        esp_image_free(er->image);
        signed_files_done(&er->judged);
        manifest_done(&er->manifest);
        error_done(&er->warning);
        error_done(&er->error);
        return mfree(er);
}

int esp_run_new(RunContext *context, Esp *esp, EspRun **ret) {
        EspRun *er = calloc(1, sizeof(*er));

        if (!er)
                return -ENOMEM;
        er->context = context;
        er->esp = esp;
        *ret = er;
        return 0;
}

EspRunStatus esp_run_status(const EspRun *er) {
        return (EspRunStatus){
                .uuid = esp_info(er->esp).uuid,
                .ended = er->phase == ESP_PHASE_ENDED,
                .error = error_is_set(&er->error)     ? &er->error
                         : error_is_set(&er->warning) ? &er->warning
                                                      : NULL,
                .unfinished = er->error.code == ERROR_SOURCE_CHANGED,
                .token = er->token,
                .image = er->image ?: esp_info(er->esp).image,
                .bytes_total = er->bytes_total,
                .bytes_moved = MIN(er->bytes_moved, er->bytes_total),
        };
}

int esp_run_take_deed(EspRun *er, EspDeed *ret) {
        return esp_account_close(&er->account, er->esp, esp_run_status(er).error, ret);
}

void esp_run_give_token(EspRun *er) {
        er->token = ESP_RUN_HAS_TOKEN;
        errand_commit(er->errand);
}

void esp_run_cancel(EspRun *er) {
        if (er->errand && !er->worker_ended)
                errand_cancel(er->errand);
}

static const Root *root_of(const EspRun *er) {
        return workers_config(er->context->workers)->root;
}

/* True from its choice on until it is there. */
static bool awaits_loader(const EspRun *er) {
        return er->loader != ESP_LOADER_NONE && !er->installed;
}

static EspSeen seen_by(const EspRun *er) {
        return (EspSeen){
                .esp = er->esp,
                .image = er->image,
                .grub_stale = er->grub_changes != er->context->grub_changes,
                .memtest_stays = er->memtest_stays,
                .loader_comes = awaits_loader(er),
        };
}

/* That a source is being written is no fault of the ESP. */
static void set_state(EspRun *er, EspState state) {
        const Error *error = er->error.code == ERROR_SOURCE_CHANGED ? &er->warning : &er->error;

        esp_set_state(er->esp, state, error->code, error->message ?: er->warning.message);
        er->context->listener->esp_changed(er->esp, er->context->userdata);
}

/* It is over; the reason is in its error. */
static EspPhase end(EspRun *er, EspState state) {
        const RunContext *context = er->context;

        if (awaits_loader(er) && er->phase != ESP_PHASE_INSTALLING)
                esp_plan_tell_no_loader(er->esp, &er->error);
        er->errand = errand_free(er->errand);
        er->token = ESP_RUN_NO_TOKEN;
        if (er->compared)
                esp_set_compared(er->esp, context->input.serial, job_info(context->job)->syncs);
        else if (state == ESP_FAILED)
                esp_set_compared(er->esp, 0, true);
        set_state(er, state);
        return ESP_PHASE_ENDED;
}

static EspPhase fail(EspRun *er, int r, const char *what) {
        (void) error_set_errno(&er->error, r, "Cannot %s ESP '%s'", what, esp_info(er->esp).uuid);
        return end(er, ESP_FAILED);
}

static EspPhase cancel(EspRun *er, EspState state) {
        (void) error_set(&er->error, ERROR_CANCELED, "The job was canceled");
        return end(er, state);
}

static EspState state_after(const EspRun *er) {
        return esp_plan_state_after(er->context, er->esp, errand_is_stuck(er->errand),
                                    er->error.code, er->phase == ESP_PHASE_LOOKING);
}

/* But at an installation it is of Memtest86+, and the job is done all the same. */
static void take_warning(EspRun *er, Error *warning) {
        if (er->phase != ESP_PHASE_INSTALLING) {
                log_of_job(er->context->job, LOG_WARNING, esp_info(er->esp).uuid,
                           "Memtest86+ is left as it is on ESP '%s': %s.", esp_info(er->esp).uuid,
                           strempty(warning->message));
                er->memtest_stays = true;
        } else if (!error_is_set(&er->warning))
                error_move(&er->warning, warning);
}

static void on_report(Report *report, void *userdata) {
        EspRun *er = userdata;
        int r = 0;

        esp_account_take_report(&er->account, errand_plan(er->errand), report);

        switch (report->type) {
        case REPORT_PROGRESS:
                er->bytes_moved = er->bytes_before + report->bytes;
                run_wake(er->context);
                break;
        case REPORT_STEP:
                run_show_step(er->context, esp_info(er->esp).uuid,
                              &errand_plan(er->errand)->steps[report->index]);
                run_wake(er->context);
                break;
        case REPORT_SPACE:
        case REPORT_FILE:
        case REPORT_PLACED:
                r = look_take_report(&er->image, &er->manifest, errand_plan(er->errand), report,
                                     er->phase == ESP_PHASE_LOOKING ? er->known : NULL);
                break;
        case REPORT_WAITING:
                er->token = ESP_RUN_WAITS_FOR_TOKEN;
                run_wake(er->context);
                break;
        case REPORT_SECURE_BOOT:
                r = signed_files_take(&er->judged, report->text, strlen(report->text));
                break;
        case REPORT_WARNING:
                take_warning(er, &report->error);
                break;
        case REPORT_STARTED:
        case REPORT_PARTITION:
        case REPORT_FIRMWARE:
        case REPORT_PROCESS:
        case REPORT_FAILED:
        case REPORT_DONE:
                break;
        case _REPORT_TYPE_MAX:
        case _REPORT_TYPE_INVALID:
                assert(false);
        }
        if (r < 0)
                (void) error_set_errno(&er->error, r, "Cannot take in what was seen on ESP '%s'",
                                       esp_info(er->esp).uuid);
}

/* The token goes with the worker that has it. */
static void on_end(const Error *error, void *userdata) {
        EspRun *er = userdata;

        if (error_is_set(error) && !error_is_set(&er->error))
                (void) error_copy(&er->error, error);
        er->token = ESP_RUN_NO_TOKEN;
        er->worker_ended = true;
        run_wake(er->context);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
};

/* Takes @plan over. The next phase is @phase, if a worker can be started. */
static EspPhase carry_out(EspRun *er, Plan *plan, EspPhase phase) {
        er->errand = errand_free(er->errand);
        er->worker_ended = false;
        er->grub_changes = er->context->grub_changes;
        /* Set only where one device was asked for; and then it is this ESP's. */
        plan->id = job_info(er->context->job)->request.device_id;
        if (errand_new(er->context->workers, plan, &errand_listener, er, &er->errand, &er->error) <
            0)
                return end(er, ESP_FAILED);
        return phase;
}

/* A verification that failed half-way found this bad, or did not get to it: not to be trusted. */
static void remember_bad(EspRun *er) {
        if (job_info(er->context->job)->verifies && er->image &&
            look_learn(&er->manifest, er->image, errand_plan(er->errand), false) >= 0)
                esp_store_manifest(root_of(er), er->esp, &er->manifest, er->image);
}

/* From here on its names are ours, and until its loader is there it is one that this boots. */
static int end_look(EspRun *er) {
        if (!er->image)
                return -EBADMSG;
        if (er->phase == ESP_PHASE_SYNCING && awaits_loader(er))
                er->image->loader = er->loader;
        return esp_image_respell(er->image, &er->context->input.kernels);
}

/* ESP_PHASE_BEGUN */
static EspPhase look(EspRun *er) {
        const RunContext *context = er->context;
        _cleanup_(plan_freep) Plan *plan = NULL;
        EspState state;
        int r;

        /* After a look that failed, the text that could not be read may be the one known. */
        er->known = esp_info(er->esp).state == ESP_FAILED ? NULL : esp_info(er->esp).image;
        if (context->canceled)
                return cancel(er, esp_info(er->esp).state);
        if (esp_plan_refuses(er->esp, &state, &er->error))
                return end(er, state);

        r = esp_load_manifest(root_of(er), er->esp, &er->manifest);
        if (r >= 0)
                r = esp_plan_look(context, er->esp, er->known, &er->manifest, &plan);
        if (r < 0)
                return fail(er, r, "plan the look at");
        if (job_info(context->job)->verifies)
                er->bytes_total = plan_work_bytes(plan);
        return carry_out(er, TAKE_PTR(plan), ESP_PHASE_LOOKING);
}

/* ESP_PHASE_LOOKING */
static EspPhase learn(EspRun *er) {
        int r;

        if (error_is_set(&er->error)) {
                if (!errand_is_stuck(er->errand))
                        remember_bad(er);
                return end(er, state_after(er));
        }
        r = end_look(er);
        if (r >= 0)
                r = look_learn(&er->manifest, er->image, errand_plan(er->errand),
                               job_info(er->context->job)->syncs);
        return r < 0 ? fail(er, r, "look at") : ESP_PHASE_SEEN;
}

static EspPhase install(EspRun *er) {
        Plan *plan;
        int r;

        r = plan_build_install(esp_info(er->esp).uuid, er->image, er->loader,
                               er->context->input.boot_entries, &plan);
        if (r < 0)
                return fail(er, r, "plan the boot loader of");
        er->image = esp_image_free(er->image);
        run_say(er->context, "installing the boot loader");
        set_state(er, ESP_SYNCING);
        return carry_out(er, plan, ESP_PHASE_INSTALLING);
}

/* Without its manifest, what an interrupted sync leaves is compared by content next time. */
static EspPhase sync_esp(EspRun *er, Plan *plan) {
        esp_drop_manifest(root_of(er), er->esp);
        /* The bytes of a look count where it is the work. */
        er->bytes_before = er->bytes_moved = er->bytes_total > 0 ? er->bytes_moved : 0;
        er->bytes_total = er->bytes_before + plan_work_bytes(plan);
        er->rounds++;
        er->image = esp_image_free(er->image);
        /* The look after the last barrier is what success is judged by. */
        if (!plan_add(plan, PLAN_SCAN, NULL)) {
                plan_free(plan);
                return fail(er, -ENOMEM, "plan the sync of");
        }
        if (plan->away)
                log_of_job(er->context->job, LOG_INFO, esp_info(er->esp).uuid, "%s.", plan->away);
        esp_set_compared(er->esp, 0, true);
        set_state(er, ESP_SYNCING);
        return carry_out(er, plan, ESP_PHASE_SYNCING);
}

/* There is no other round: what @rest still has to do decides the state. */
static EspPhase conclude(EspRun *er, const Plan *rest, bool synced) {
        Job *job = er->context->job;
        const EspSeen seen = seen_by(er);
        EspState state;
        int r;

        state = esp_plan_judge(er->context, &seen, rest, synced, &er->error);
        esp_set_difference(er->esp, esp_plan_difference(er->context, &seen, rest));
        if (job_info(job)->syncs || job_info(job)->request.type == JOB_VERIFY)
                esp_store_manifest(root_of(er), er->esp, &er->manifest, er->image);
        r = esp_set_image(er->esp, TAKE_PTR(er->image));
        if (r < 0)
                return fail(er, r, "remember what is on");
        if (state == ESP_IN_SYNC)
                esp_account_note_good(&er->account, er->esp, job_info(job));
        er->compared = true;
        (void) end(er, state);
        /* A plan's problem is the ESP's; a job that was only to look has done so. */
        if (job_info(job)->request.type == JOB_PROBE || job_info(job)->request.type == JOB_PLAN)
                error_done(&er->error);
        return ESP_PHASE_ENDED;
}

/* Nothing more is to be synced, or can be; @rest is what is amiss. */
static EspPhase end_sync(EspRun *er, const Plan *rest, bool synced) {
        int r;

        if (!awaits_loader(er))
                return conclude(er, rest, synced);
        r = plan_is_due(rest) ? 0 : esp_image_is_bootable(er->image);
        if (r < 0)
                return fail(er, r, "set up");
        if (er->context->canceled)
                return cancel(er, ESP_OUTDATED);
        if (r > 0)
                return install(er);
        er->image->loader = esp_image_tell_loader(er->image);
        return conclude(er, rest, synced);
}

/* ESP_PHASE_SEEN */
static EspPhase plan(EspRun *er) {
        RunContext *context = er->context;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *fallback = NULL;
        EspSeen seen = seen_by(er);
        EspPhase next;
        int r = 0;

        if (context->canceled)
                return cancel(er, esp_info(er->esp).state);
        if (context->unjudged)
                return ESP_PHASE_ENDED;
        if (esp_plan_is_left(context, er->esp, &er->error))
                return end(er, esp_info(er->esp).state);
        if (!er->installed) {
                r = esp_plan_choose_loader(context, &seen, &er->loader, &er->error);
                if (r != 0)
                        return r < 0 ? fail(er, r, "set up") : install(er);
        }
        if (!context->input.cmdline)
                r = context->fallback_cmdline(context, &fallback);
        if (r >= 0)
                r = esp_plan_sync(context, &seen, fallback, &plan);
        /* Make durable what is only in the page cache, since a worker was killed. */
        if (r >= 0 && job_info(context->job)->syncs && plan->n_steps == 0 &&
            look_needs_barrier(er->image) && !plan_add(plan, PLAN_BARRIER, NULL))
                r = -ENOMEM;
        if (r < 0)
                return fail(er, r, "plan the sync of");

        if (job_info(context->job)->syncs && plan->n_steps > 0)
                return sync_esp(er, TAKE_PTR(plan));
        next = end_sync(er, plan, false);
        if (job_info(context->job)->request.type == JOB_PLAN)
                (void) job_add_plan(context->job, TAKE_PTR(plan));
        return next;
}

/* ESP_PHASE_INSTALLING */
static EspPhase check_loader(EspRun *er) {
        int r;

        if (error_is_set(&er->error))
                return end(er, state_after(er));
        r = end_look(er);
        if (r >= 0)
                r = look_trust(er->image, &er->manifest, &er->context->input.kernels);
        if (r >= 0)
                r = esp_plan_check_loader(er->esp, er->image, er->loader, &er->error);
        if (r >= 0)
                r = esp_plan_check_chain(er->context, er->esp, &er->judged, &er->error);
        if (r >= 0)
                r = er->context->listener->installed(er->esp, er->context->userdata);
        er->installed = r >= 0;
        return r < 0 ? fail(er, r, "set up") : ESP_PHASE_SEEN;
}

/* ESP_PHASE_SYNCING */
static EspPhase check_sync(EspRun *er) {
        _cleanup_(plan_freep) Plan *rest = NULL;
        EspSeen seen;
        int r;

        if (error_is_set(&er->error))
                return end(er, state_after(er));
        r = end_look(er);
        if (r >= 0)
                r = look_trust(er->image, &er->manifest, &er->context->input.kernels);
        if (r >= 0) {
                seen = seen_by(er);
                r = esp_plan_sync(er->context, &seen, NULL, &rest);
        }
        if (r < 0)
                return fail(er, r, "look again at");
        if (rest->n_steps > 0 && er->rounds < ROUNDS_MAX && !er->context->canceled)
                return sync_esp(er, TAKE_PTR(rest));
        return end_sync(er, rest, true);
}

static bool worker_has_ended(const EspRun *er) {
        return er->worker_ended;
}

static bool may_plan(const EspRun *er) {
        return esp_plan_has_turn(er->context, er->esp) && esp_plan_is_due(er->context, er->image);
}

/* When a phase is over (NULL: at once), and what leads to the next one. */
static const struct {
        bool (*is_over)(const EspRun *er);
        EspPhase (*go_on)(EspRun *er);
} phases[_ESP_PHASE_MAX] = {
        [ESP_PHASE_BEGUN] = { NULL, look },                          /* to LOOKING, */
        [ESP_PHASE_LOOKING] = { worker_has_ended, learn },           /* to SEEN, */
        [ESP_PHASE_SEEN] = { may_plan, plan },                       /* to INSTALLING or SYNCING, */
        [ESP_PHASE_INSTALLING] = { worker_has_ended, check_loader }, /* to SEEN, */
        [ESP_PHASE_SYNCING] = { worker_has_ended, check_sync },      /* to SYNCING or INSTALLING; */
        [ESP_PHASE_ENDED] = {},                                      /* from each of them */
};

bool esp_run_step(EspRun *er) {
        bool unseen = er->phase < ESP_PHASE_SEEN;

        if (er->phase == ESP_PHASE_ENDED ||
            (phases[er->phase].is_over && !phases[er->phase].is_over(er)))
                return false;
        er->phase = phases[er->phase].go_on(er);
        if (unseen && er->phase >= ESP_PHASE_SEEN)
                er->context->n_unseen--;
        return true;
}
