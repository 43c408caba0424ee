/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One ESP in a job: look, plan, sync, look again.
 *
 * A part starts at most one worker at a time and learns everything from its reports. An ESP counts
 * as in sync only if a look after the last barrier leaves nothing to plan; as long as a round makes
 * room for more, there is another. A worker that gets stuck is handed over, and the part is over.
 */

#include "engine/refresh-part.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/grub-image.h"
#include "core/loader-choice.h"
#include "engine/look.h"

#define ROUNDS_MAX 3

void part_done(Part *part) {
        errand_free(part->errand);
        plan_free(part->plan);
        esp_image_free(part->image);
        manifest_done(&part->manifest);
        error_done(&part->warning);
        error_done(&part->error);
}

/* That a source is being written is no fault of the ESP. */
static void set_state(Part *part, EspState state) {
        const Error *error =
                        part->error.code == ERROR_SOURCE_CHANGED ? &part->warning : &part->error;

        esp_set_state(part->esp, state, error->message ?: part->warning.message);
        part->refresh->listener->esp_changed(part->esp, part->refresh->userdata);
}

/* The token goes with the worker that has it. */
static void give_up_token(Part *part) {
        part->waiting = false;
        if (part->refresh->holder == part)
                part->refresh->holder = NULL;
}

void part_end(Part *part, EspState state) {
        Refresh *refresh = part->refresh;

        part->phase = PART_ENDED;
        give_up_token(part);
        if (part->compared)
                esp_set_compared(part->esp, refresh->input.serial, job_syncs(refresh->job));
        else if (state == ESP_FAILED)
                esp_forget_compared(part->esp);
        set_state(part, state);
        refresh_advance(refresh);
}

void part_fail(Part *part, int r, const char *what) {
        (void) error_set_errno(&part->error, r, "Cannot %s ESP '%s'", what, esp_uuid(part->esp));
        part_end(part, ESP_FAILED);
}

void part_cancel(Part *part, EspState state) {
        (void) error_set(&part->error, ERROR_CANCELED, "The job was canceled");
        part_end(part, state);
}

static void on_report(Report *report, void *userdata);
static void on_stuck(Task *task, pid_t holder, const Error *error, void *userdata);
static void on_end(const Error *error, void *userdata);

static const ErrandListener part_listener = {
        .on_report = on_report,
        .on_stuck = on_stuck,
        .on_end = on_end,
};

/* Takes @plan over. */
static void carry_out(Part *part, Plan *plan) {
        part->errand = errand_free(part->errand);
        plan_free(part->plan);
        part->plan = plan;
        part->grub_changes = part->refresh->grub_changes;
        /* Set only where one device was asked for; and then it is this ESP's. */
        plan->id = *job_device_id(part->refresh->job);
        if (errand_new(part->refresh->event, part->refresh->config, plan, &part_listener, part,
                       &part->errand, &part->error) < 0)
                part_end(part, ESP_FAILED);
}

/* What a look need not read again. After one that failed everything is read: the text that could
 * not be read may be the one that is known. */
static const EspImage *known_image(const Part *part) {
        return part->distrust ? NULL : esp_image(part->esp);
}

void part_start(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        part->distrust = esp_state(part->esp) == ESP_FAILED;
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

        r = manifest_load(refresh->config->root, part->esp, &part->manifest);
        if (r >= 0)
                r = plan_build_probe(esp_uuid(part->esp), &refresh->input.kernels, &part->manifest,
                                     known_image(part), job_verify(refresh->job), &plan);
        if (r < 0) {
                part_fail(part, r, "plan the look at");
                return;
        }
        if (job_verify(refresh->job))
                part->bytes_total = plan_work_bytes(plan);
        carry_out(part, TAKE_PTR(plan));
}

/* All that is optional beside the installation of a boot loader is Memtest86+, which is no reason
 * to call the job anything but done. */
static void take_warning(Part *part, Error *warning) {
        if (part->phase != PART_INSTALLING) {
                log_warning("Memtest86+ is left as it is on ESP '%s': %s.", esp_uuid(part->esp),
                            strempty(warning->message));
                part->memtest_stays = true;
        } else if (!error_is_set(&part->warning))
                error_move(&part->warning, warning);
}

static void on_report(Report *report, void *userdata) {
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
                                     part->phase == PART_LOOKING ? known_image(part) : NULL);
                break;
        case REPORT_PLACED:
                r = look_learn_placed(&part->manifest, part->plan, report);
                break;
        case REPORT_WAITING:
                part->waiting = true;
                refresh_grant_token(part->refresh);
                break;
        case REPORT_WARNING:
                take_warning(part, &report->error);
                break;
        case REPORT_STARTED:
        case REPORT_STEP:
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
                (void) error_set_errno(&part->error, r, "Cannot take in what was seen on ESP '%s'",
                                       esp_uuid(part->esp));
}

static void on_stuck(Task *task, pid_t holder, const Error *error, void *userdata) {
        Part *part = userdata;
        Refresh *refresh = part->refresh;
        Esp *esp = part->esp;

        (void) error_copy(&part->error, error);
        part->errand = errand_free(part->errand);
        part_end(part, ESP_STUCK);
        refresh->listener->esp_stuck(esp, task, holder, refresh->userdata);
}

static const char *default_version(const Part *part) {
        return refresh_default_version(part->refresh,
                                       part->refresh->one_shot ||
                                                       part->image->loader == ESP_LOADER_GRUB);
}

/* GRUB is told of a pin by its configuration, in its own words, which its menu has. */
static int pin_grub(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_(grub_config_done) GrubConfig menu = {};
        _cleanup_free_ char *root_id = NULL;
        int r;

        r = grub_image_config(part->image, &menu);
        if (r > 0)
                r = grub_config_root_id(&menu, &root_id);
        if (r == -ENOMEM)
                return r;
        r = refresh->listener->pin_grub(default_version(part), root_id, refresh->userdata);
        if (r > 0)
                refresh->grub_changes++;
        return MIN(r, 0);
}

static int make_plan(Part *part, const char *fallback_cmdline, Plan **ret) {
        const RefreshInput *input = &part->refresh->input;
        int r;

        if (part->image->loader == ESP_LOADER_GRUB && job_syncs(part->refresh->job)) {
                r = pin_grub(part);
                if (r < 0)
                        return r;
        }
        return plan_build(
                        &(PlanInput){
                                        .esp_uuid = esp_uuid(part->esp),
                                        .image = part->image,
                                        .kernels = &input->kernels,
                                        .title = input->title,
                                        .cmdline = input->cmdline,
                                        .fallback_cmdline = fallback_cmdline,
                                        .pin = default_version(part),
                                        .next_boot = input->next_boot,
                                        .grub_stale = part->grub_changes !=
                                                      part->refresh->grub_changes,
                                        .memtest_stays = part->memtest_stays,
                        },
                        ret);
}

/* Without its manifest, what an interrupted sync leaves is compared by content next time, and made
 * durable by a barrier before it is believed. */
static void start_sync(Part *part, Plan *plan) {
        manifest_drop(part->refresh->config->root, part->esp);
        part->bytes_before = part->bytes_moved;
        part->bytes_total = part->bytes_before + plan_work_bytes(plan);
        part->phase = PART_SYNCING;
        part->rounds++;
        part->image = esp_image_free(part->image);
        /* The look after the last barrier is what success is judged by. */
        if (!plan_add(plan, PLAN_SCAN, NULL)) {
                plan_free(plan);
                part_fail(part, -ENOMEM, "plan the sync of");
                return;
        }
        if (plan->away)
                log_info("%s.", plan->away);
        refresh_say(part->refresh, "copying");
        esp_forget_compared(part->esp);
        set_state(part, ESP_SYNCING);
        carry_out(part, plan);
}

/* Which loader the ESP gets in this job: its own one in any case if it is to be installed anew. */
static int choose_loader(Part *part) {
        const Refresh *refresh = part->refresh;

        if (job_get_type(refresh->job) == JOB_REINIT && part->image->loader != ESP_LOADER_NONE) {
                part->loader = part->image->loader;
                return 0;
        }
        if (job_get_type(refresh->job) == JOB_REINIT)
                return error_set(&part->error, ERROR_NOT_AN_ESP,
                                 "ESP '%s' holds no boot loader that is known here; set it up with "
                                 "'bootctl-pve init'",
                                 esp_uuid(part->esp));
        if (!refresh->firmware)
                return error_set(&part->error, ERROR_FIRMWARE_ERROR,
                                 "Which boot loader ESP '%s' needs cannot be told, as the firmware "
                                 "could not be asked; see the journal",
                                 esp_uuid(part->esp));
        return loader_choose(esp_uuid(part->esp), job_loader(refresh->job), part->image->loader,
                             refresh->firmware, &part->loader, &part->error);
}

static void start_install(Part *part) {
        Plan *plan;
        int r;

        if (choose_loader(part) < 0) {
                part_end(part, ESP_FAILED);
                return;
        }
        r = plan_build_install(esp_uuid(part->esp), part->image, part->loader, &plan);
        if (r < 0) {
                part_fail(part, r, "plan the boot loader of");
                return;
        }
        part->phase = PART_INSTALLING;
        part->image = esp_image_free(part->image);
        refresh_say(part->refresh, "installing the boot loader");
        set_state(part, ESP_SYNCING);
        carry_out(part, plan);
}

/* What a worker has seen is complete. From here on the ESP's names are compared with ours. */
static int end_look(Part *part) {
        return part->image ? esp_image_respell(part->image, &part->refresh->input.kernels)
                           : -EBADMSG;
}

static void on_installed(Part *part) {
        Refresh *refresh = part->refresh;
        int r = end_look(part);

        if (r >= 0)
                r = look_judge(part->image, &part->manifest, &refresh->input.kernels);
        if (r >= 0 && part->image->loader != part->loader)
                r = error_set(&part->error, ERROR_VERIFY_FAILED,
                              "ESP '%s' has no %s after its installation; look at it",
                              esp_uuid(part->esp), esp_loader_to_string(part->loader));
        if (r >= 0)
                r = refresh->listener->installed(part->esp, refresh->userdata);
        if (r < 0) {
                part_fail(part, r, "set up");
                return;
        }
        part->installed = true;
        part->phase = PART_SEEN;
        refresh_advance(refresh);
}

static bool wants_loader(const Part *part) {
        JobType type = job_get_type(part->refresh->job);

        return (type == JOB_INIT || type == JOB_REINIT) && !part->installed;
}

void part_plan(Part *part) {
        Refresh *refresh = part->refresh;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *fallback = NULL;
        int r = 0;

        if (wants_loader(part)) {
                start_install(part);
                return;
        }
        if (!refresh->input.cmdline)
                r = refresh_fallback_cmdline(refresh, &fallback);
        if (r >= 0)
                r = make_plan(part, fallback, &plan);
        if (r < 0) {
                part_fail(part, r, "plan the sync of");
                return;
        }

        if (job_syncs(refresh->job) && plan->n_steps == 0 && look_needs_barrier(part->image) &&
            !plan_add(plan, PLAN_BARRIER, NULL)) {
                part_fail(part, -ENOMEM, "plan the sync of");
                return;
        }
        if (job_syncs(refresh->job) && plan->n_steps > 0) {
                start_sync(part, TAKE_PTR(plan));
                return;
        }
        part_settle(part, plan, false);
        if (job_get_type(refresh->job) == JOB_PLAN)
                (void) job_add_plan(refresh->job, TAKE_PTR(plan));
}

static void on_probed(Part *part) {
        int r = end_look(part);

        if (r >= 0)
                r = look_learn(&part->manifest, part->image, part->plan,
                               job_syncs(part->refresh->job));
        if (r < 0) {
                part_fail(part, r, "look at");
                return;
        }
        part->phase = PART_SEEN;
        refresh_advance(part->refresh);
}

static void on_synced(Part *part) {
        _cleanup_(plan_freep) Plan *rest = NULL;
        int r = end_look(part);

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
                part_settle(part, rest, true);
}

static EspState state_after(const Part *part) {
        if (part->error.code == ERROR_ESP_MISSING)
                return ESP_MISSING;
        if (part->error.code != ERROR_CANCELED && part->error.code != ERROR_SOURCE_CHANGED)
                return ESP_FAILED;
        /* What was not looked at is what it was. */
        if (part->phase == PART_LOOKING)
                return esp_state(part->esp);
        return part->error.code == ERROR_CANCELED ? ESP_OUTDATED : ESP_UNKNOWN;
}

static void on_end(const Error *error, void *userdata) {
        Part *part = userdata;

        if (error_is_set(error) && !error_is_set(&part->error))
                (void) error_copy(&part->error, error);
        part->errand = errand_free(part->errand);
        give_up_token(part);
        refresh_grant_token(part->refresh);
        if (error_is_set(&part->error) && part->phase == PART_LOOKING)
                part_remember_bad(part);
        if (error_is_set(&part->error))
                part_end(part, state_after(part));
        else if (part->phase == PART_LOOKING)
                on_probed(part);
        else if (part->phase == PART_INSTALLING)
                on_installed(part);
        else
                on_synced(part);
}
