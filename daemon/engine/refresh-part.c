/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One ESP in a job: look, plan, sync, look again.
 *
 * A part starts at most one worker at a time and learns everything from its reports. An ESP counts
 * as in sync only if a look after the last barrier leaves nothing to plan; as long as a round makes
 * room for more, there is another. A worker that gets stuck is handed over, and the part is over.
 */

#include "engine/refresh-part.h"

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "engine/look.h"
#include "sys/lock.h"

#define ROUNDS_MAX 3
/* A worker whose daemon is gone ends by itself, but not in the same instant. */
#define LOCK_RETRY_USEC    (100 * UINT64_C(1000))
#define LOCK_PATIENCE_USEC (3 * UINT64_C(1000000))

void part_done(Part *part) {
        sd_event_source_disable_unref(part->lock_timer);
        task_free(part->task);
        plan_free(part->plan);
        esp_image_free(part->image);
        manifest_done(&part->manifest);
        error_done(&part->error);
}

static void set_state(Part *part, EspState state) {
        esp_set_state(part->esp, state, part->error.message);
        part->refresh->listener->esp_changed(part->esp, part->refresh->userdata);
}

void part_end(Part *part, EspState state) {
        Refresh *refresh = part->refresh;

        part->phase = PART_ENDED;
        part->waiting = false;
        if (refresh->holder == part)
                refresh->holder = NULL;
        set_state(part, state);
        refresh_advance(refresh);
}

static void part_fail(Part *part, int r, const char *what) {
        (void) error_set_errno(&part->error, r, "Cannot %s ESP '%s'", what, esp_uuid(part->esp));
        part_end(part, ESP_FAILED);
}

void part_cancel(Part *part, EspState state) {
        (void) error_set(&part->error, ERROR_CANCELED, "The job was canceled");
        part_end(part, state);
}

static void on_report(Task *task, Report *report, void *userdata);
static void on_stuck(Task *task, void *userdata);
static void on_exit_task(Task *task, void *userdata);

static const TaskListener part_listener = {
        .on_report = on_report,
        .on_stuck = on_stuck,
        .on_exit = on_exit_task,
};

static void start_worker(Part *part);

static int on_lock_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Part *part = userdata;

        if (part->refresh->canceled)
                part_cancel(part,
                            part->phase == PART_LOOKING ? esp_state(part->esp) : ESP_OUTDATED);
        else
                start_worker(part);
        return 0;
}

/* True if it is too early to call the holder of the lock stuck; then it is tried again. */
static bool waits_for_lock(Part *part) {
        uint64_t now;

        if (sd_event_now(part->refresh->event, CLOCK_MONOTONIC, &now) < 0)
                return false;
        if (part->lock_deadline == 0)
                part->lock_deadline = now + LOCK_PATIENCE_USEC;
        if (now >= part->lock_deadline)
                return false;
        part->lock_timer = sd_event_source_disable_unref(part->lock_timer);
        return sd_event_add_time_relative(part->refresh->event, &part->lock_timer, CLOCK_MONOTONIC,
                                          LOCK_RETRY_USEC, 0, on_lock_timer, part) >= 0;
}

/* Start a worker on the part's plan. The lock file tells a later daemon that this ESP has a worker.
 */
static void start_worker(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_free_ char *name = strprintf("esp-%s", esp_uuid(part->esp));
        _cleanup_close_ int lock_fd = -EBADF;
        pid_t holder = 0;
        int r;

        if (!name) {
                part_fail(part, -ENOMEM, "work on");
                return;
        }
        lock_fd = lock_try(refresh->config->root, name, &holder);
        if (lock_fd == -EBUSY && waits_for_lock(part))
                return;
        if (lock_fd == -EBUSY && holder > 0) {
                (void) error_set(&part->error, ERROR_TIMEOUT,
                                 "An earlier worker (process %d) still works on ESP '%s'; waiting "
                                 "for it to end",
                                 (int) holder, esp_uuid(part->esp));
                part_end(part, ESP_STUCK);
                refresh->listener->esp_stuck(part->esp, NULL, holder, refresh->userdata);
                return;
        }
        if (lock_fd < 0) {
                part_fail(part, lock_fd, "lock");
                return;
        }
        part->task = task_free(part->task);
        r = task_start(refresh->event, refresh->config, part->plan, lock_fd, &part_listener, part,
                       &part->task);
        if (r < 0)
                part_fail(part, r, "start the worker of");
}

/* Takes @plan over. */
static void carry_out(Part *part, Plan *plan) {
        plan_free(part->plan);
        part->plan = plan;
        part->lock_deadline = 0;
        start_worker(part);
}

void part_start(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if (refresh->canceled) {
                part_cancel(part, esp_state(part->esp));
                return;
        }
        /* Also if its disk is gone by now: as long as there is a worker, there is no other. */
        if (esp_state(part->esp) == ESP_STUCK) {
                (void) error_set(&part->error, ERROR_TIMEOUT,
                                 "ESP '%s' still does not answer; check the disk",
                                 esp_uuid(part->esp));
                part_end(part, ESP_STUCK);
                return;
        }
        if (!esp_present(part->esp)) {
                (void) error_set(&part->error, ERROR_ESP_MISSING,
                                 "ESP '%s' is missing: there is no /" PATH_BY_UUID
                                 "/%s; connect its "
                                 "disk, or take it off /" PATH_ESP_LIST,
                                 esp_uuid(part->esp), esp_uuid(part->esp));
                part_end(part, ESP_MISSING);
                return;
        }

        r = manifest_load(refresh->config->root, esp_uuid(part->esp), &part->manifest);
        if (r >= 0)
                r = plan_build_probe(esp_uuid(part->esp), &refresh->input.kernels, &part->manifest,
                                     esp_image(part->esp), job_verify(refresh->job), &plan);
        if (r < 0) {
                part_fail(part, r, "plan the look at");
                return;
        }
        if (job_verify(refresh->job))
                part->bytes_total = plan_work_bytes(plan);
        carry_out(part, TAKE_PTR(plan));
}

static void on_report(Task *task, Report *report, void *userdata) {
        Part *part = userdata;
        int r = 0;

        switch (report->type) {
        case REPORT_PROGRESS:
                part->bytes_moved = part->bytes_before + report->bytes;
                refresh_show_progress(part->refresh);
                break;
        case REPORT_SPACE:
        case REPORT_FILE:
                r = look_take_report(&part->image, report,
                                     part->phase == PART_LOOKING ? esp_image(part->esp) : NULL);
                break;
        case REPORT_PLACED:
                r = look_learn_placed(&part->manifest, part->plan, report);
                break;
        case REPORT_WAITING:
                part->waiting = true;
                refresh_grant_token(part->refresh);
                break;
        case REPORT_STARTED:
        case REPORT_STEP:
        case REPORT_FAILED:
        case REPORT_DONE:
                break;
        case _REPORT_TYPE_MAX:
        case _REPORT_TYPE_INVALID:
                assert(false);
        }
        if (r < 0)
                (void) error_set_errno(&part->error, r, "Cannot take in what was seen on ESP '%s'",
                                       esp_uuid(part->esp));
}

static void on_stuck(Task *task, void *userdata) {
        Part *part = userdata;
        Refresh *refresh = part->refresh;
        Esp *esp = part->esp;

        (void) error_copy(&part->error, task_error(task));
        task = TAKE_PTR(part->task);
        part_end(part, ESP_STUCK);
        refresh->listener->esp_stuck(esp, task, 0, refresh->userdata);
}

static int make_plan(const Part *part, const char *fallback_cmdline, Plan **ret) {
        const RefreshInput *input = &part->refresh->input;

        return plan_build(
                        &(PlanInput){
                                        .esp_uuid = esp_uuid(part->esp),
                                        .image = part->image,
                                        .kernels = &input->kernels,
                                        .title = input->title,
                                        .cmdline = input->cmdline,
                                        .fallback_cmdline = fallback_cmdline,
                                        .pin = input->pin,
                        },
                        ret);
}

/* What is left to do after the last look decides the state. */
static void settle(Part *part, const Plan *rest, bool synced) {
        Refresh *refresh = part->refresh;
        JobType type = job_get_type(refresh->job);
        EspState state = ESP_IN_SYNC;
        int r;

        if (rest->problem_code != ERROR_NONE) {
                (void) error_set(&part->error, (ErrorCode) rest->problem_code, "%s", rest->problem);
                state = part->image->loader != ESP_LOADER_NONE ? ESP_OUTDATED : ESP_FAILED;
        } else if (rest->n_steps > 0) {
                state = ESP_OUTDATED;
                if (synced || type == JOB_VERIFY)
                        (void) error_set(&part->error, ERROR_VERIFY_FAILED,
                                         "'%s' on ESP '%s' is not as it should be; a refresh "
                                         "repairs it",
                                         plan_first_change(rest), esp_uuid(part->esp));
        }

        if (type == JOB_REFRESH || type == JOB_VERIFY) {
                r = manifest_store(refresh->config->root, esp_uuid(part->esp), &part->manifest,
                                   part->image);
                if (r < 0)
                        log_warning("Cannot store the manifest of ESP '%s': %s, ignoring.",
                                    esp_uuid(part->esp), strerror(-r));
        }
        r = esp_set_image(part->esp, TAKE_PTR(part->image));
        if (r < 0) {
                part_fail(part, r, "remember what is on");
                return;
        }
        if (state == ESP_IN_SYNC && type == JOB_REFRESH)
                esp_set_synced(part->esp, realtime_usec());
        if (state == ESP_IN_SYNC && job_verify(refresh->job))
                esp_set_verified(part->esp, realtime_usec());
        part_end(part, state);
        /* A plan's problem is the ESP's; a job that was only to look has done so. */
        if (type == JOB_PROBE || type == JOB_PLAN)
                error_done(&part->error);
}

/* Without its manifest, what an interrupted sync leaves is compared by content next time, and made
 * durable by a barrier before it is believed. */
static void start_sync(Part *part, Plan *plan) {
        int r = manifest_drop(part->refresh->config->root, esp_uuid(part->esp));

        part->bytes_before = part->bytes_moved;
        part->bytes_total = part->bytes_before + plan_work_bytes(plan);
        part->phase = PART_SYNCING;
        part->rounds++;
        part->image = esp_image_free(part->image);
        /* The look after the last barrier is what success is judged by. */
        if (r >= 0 && !plan_add(plan, PLAN_SCAN, NULL))
                r = -ENOMEM;
        if (r < 0) {
                plan_free(plan);
                part_fail(part, r, "plan the sync of");
                return;
        }
        refresh_say(part->refresh, "copying");
        set_state(part, ESP_SYNCING);
        carry_out(part, plan);
}

void part_plan(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *fallback = NULL;
        int r = 0;

        if (!refresh->input.cmdline)
                r = refresh_fallback_cmdline(refresh, &fallback);
        if (r >= 0)
                r = make_plan(part, fallback, &plan);
        if (r < 0) {
                part_fail(part, r, "plan the sync of");
                return;
        }

        if (job_get_type(refresh->job) == JOB_REFRESH && plan->n_steps == 0 &&
            look_needs_barrier(part->image) && !plan_add(plan, PLAN_BARRIER, NULL)) {
                part_fail(part, -ENOMEM, "plan the sync of");
                return;
        }
        if (job_get_type(refresh->job) == JOB_REFRESH && plan->n_steps > 0) {
                start_sync(part, TAKE_PTR(plan));
                return;
        }
        settle(part, plan, false);
        if (job_get_type(refresh->job) == JOB_PLAN)
                (void) job_add_plan(refresh->job, TAKE_PTR(plan));
}

static void on_probed(Part *part) {
        int r;

        if (!part->image) {
                part_fail(part, -EBADMSG, "look at");
                return;
        }
        r = look_learn(&part->manifest, part->image, part->plan,
                       job_get_type(part->refresh->job) == JOB_REFRESH);
        if (r < 0) {
                part_fail(part, r, "look at");
                return;
        }
        part->phase = PART_SEEN;
        refresh_advance(part->refresh);
}

static void on_synced(Part *part) {
        _cleanup_(plan_freep) Plan *rest = NULL;
        int r = part->image ? 0 : -EBADMSG;

        if (r >= 0)
                r = look_judge(part->image, &part->manifest, &part->refresh->input.kernels);
        if (r >= 0)
                r = make_plan(part, NULL, &rest);
        if (r < 0) {
                part_fail(part, r, "look again at");
                return;
        }
        if (rest->n_steps > 0 && part->rounds < ROUNDS_MAX && !part->refresh->canceled)
                start_sync(part, TAKE_PTR(rest));
        else
                settle(part, rest, true);
}

static EspState state_after(const Part *part) {
        if (part->error.code == ERROR_ESP_MISSING)
                return ESP_MISSING;
        if (part->error.code == ERROR_CANCELED)
                return part->phase == PART_LOOKING ? esp_state(part->esp) : ESP_OUTDATED;
        return ESP_FAILED;
}

static void on_exit_task(Task *task, void *userdata) {
        Part *part = userdata;

        if (task_result(task) < 0 && !error_is_set(&part->error))
                (void) error_copy(&part->error, task_error(task));
        part->task = task_free(part->task);
        if (error_is_set(&part->error))
                part_end(part, state_after(part));
        else if (part->phase == PART_LOOKING)
                on_probed(part);
        else
                on_synced(part);
}
