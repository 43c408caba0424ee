/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan's steps, one after the other. No decision is taken here: what to do and in which order
 * is in the plan, how it is done safely is on the blocking floor. What is decided is when to stop:
 * before any step and between the blocks of a copy, but never between a place or a removal and the
 * barrier behind it, since a file that was replaced may be let go only when the disk knows of the
 * new one. */

#include "worker/interpreter.h"

#include <stdio.h>

#include "blocking/disk/disk-probe.h"
#include "blocking/disk/esp-format.h"
#include "blocking/esp/esp-check.h"
#include "blocking/esp/esp-commit.h"
#include "blocking/esp/esp-repair.h"
#include "blocking/esp/esp-scan.h"
#include "blocking/esp/esp-stage.h"
#include "blocking/grub/grub-tools.h"
#include "blocking/loader/esp-bootloader.h"
#include "blocking/secure-boot/look.h"
#include "common/string-util.h"
#include "core/grub/grub-config.h"
#include "sys/host.h"
#include "worker/interpreter-private.h"

static void interpreter_done(Interpreter *i) {
        error_done(&i->error);
        esp_commit_done(&i->commit);
        esp_stage_done(&i->stage);
        esp_image_done(&i->known);
        esp_volume_done(&i->volume);
        root_free(i->root);
        free(i->subject);
}

int interpreter_report(Interpreter *i, const Report *r) {
        int error = channel_send(i->channel, r);

        if (error < 0)
                return error_set_errno(&i->error, error,
                                       "Cannot report on %s (see the log of bootsyncd, then try "
                                       "again)",
                                       i->subject);
        return 0;
}

static bool wants_stop(void *userdata) {
        Interpreter *i = userdata;

        if (i->commit.open || !channel_wants_stop(i->channel))
                return false;
        (void) error_set(
                        &i->error, ERROR_CANCELED,
                        "The work on %s was stopped before it was done; %stry again to complete it",
                        i->subject, i->plan->esp_uuid ? "what there is still boots, " : "");
        return true;
}

static void bytes_moved(CopyMove move, uint64_t bytes, void *userdata) {
        Interpreter *i = userdata;

        i->moved += bytes;
        /* Progress that cannot be told is no reason to give up a copy. */
        (void) channel_send(i->channel, &(Report){ .type = REPORT_PROGRESS, .bytes = i->moved });
        if (move == COPY_WRITTEN)
                hook_reached(i->hook, HOOK_STAGE);
}

static void print_note(const char *sentence, void *userdata) {
        (void) fprintf(stderr, "bootsync-worker: %s.\n", sentence);
}

static int run_known(Interpreter *i, const PlanStep *step) {
        EspFile *file = esp_image_get(&i->known, step->path);

        if (!file)
                return -ENOMEM;
        file->size = step->esp_size;
        file->mtime = step->esp_mtime;
        return 0;
}

static int take_grub_inputs(Interpreter *i, char ret[static DIGEST_HEX_SIZE]) {
        int r = grub_inputs_digest(i->root, ret);

        if (r < 0)
                return error_set_errno(&i->error, r,
                                       "Cannot read the configuration of GRUB for ESP '%s'",
                                       i->plan->esp_uuid);
        return 0;
}

static int run_scan(Interpreter *i, const PlanStep *step) {
        _cleanup_(esp_image_done) EspImage image = {};
        char inputs[DIGEST_HEX_SIZE] = "";
        const EspImage nothing = {};
        struct stat st;
        int r;

        if (esp_stat(&i->volume, ESP_GRUB_CONFIG, &st) > 0) {
                r = take_grub_inputs(i, inputs);
                if (r < 0)
                        return r;
        }
        r = esp_scan(&i->volume, i->plan, i->volume.distrust ? &nothing : &i->known, inputs, &image,
                     &i->error);
        if (r < 0)
                return r;
        r = interpreter_report(i, &(Report){
                                                  .type = REPORT_SPACE,
                                                  .loader = image.loader,
                                                  .size_bytes = image.size_bytes,
                                                  .free_bytes = image.free_bytes,
                                                  .cluster_bytes = image.cluster_bytes,
                                                  .dirty = image.dirty,
                                                  .folds_case = image.folds_case,
                                  });
        for (size_t n = 0; r >= 0 && n < image.n_files; n++)
                r = interpreter_report(i, &(Report){ .type = REPORT_FILE, .file = image.files[n] });
        return r;
}

static int run_check(Interpreter *i, const PlanStep *step) {
        _cleanup_(esp_file_done) EspFile file = {};
        int r;

        r = esp_check(&i->volume, i->root, step, &i->watch, &file, &i->error);
        if (r <= 0)
                return r;
        return interpreter_report(i, &(Report){ .type = REPORT_FILE, .file = file });
}

static int run_keep(Interpreter *i, const PlanStep *step) {
        int r = esp_keep(&i->volume, step, &i->error);

        return r < 0 ? r : esp_commit_keep(&i->commit, step->path);
}

static int run_mkdir(Interpreter *i, const PlanStep *step) {
        return esp_stage_mkdir(&i->volume, step->path, &i->error);
}

static int run_clear(Interpreter *i, const PlanStep *step) {
        return esp_stage_clear(&i->volume, step->path, &i->error);
}

static int run_stage(Interpreter *i, const PlanStep *step) {
        int r;

        r = esp_stage(&i->stage, i->root, step, &i->watch, &i->error);
        if (r < 0)
                return r;
        hook_reached(i->hook, HOOK_STAGE);
        return 0;
}

/* The menu carries a digest of what it was made from, which is taken before: what changes meanwhile
 * makes the next look find it out of date. */
static int run_grub_config(Interpreter *i, const PlanStep *step) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **hidden = NULL;
        PlanStep staged = { .action = PLAN_STAGE_TEXT, .path = step->path };
        char inputs[DIGEST_HEX_SIZE];
        size_t pos = 0, n;
        const char *line;
        int r;

        while (line_next(step->text, strlen(step->text), &pos, &line, &n))
                if (strv_consume(&hidden, strndup(line, n)) < 0)
                        return -ENOMEM;
        r = take_grub_inputs(i, inputs);
        if (r < 0)
                return r;
        r = grub_make_config(&i->volume, hidden, &i->watch, &text, &n, &i->error);
        if (r >= 0)
                r = grub_config_append_inputs(text, inputs, &staged.text);
        if (r >= 0)
                r = esp_stage(&i->stage, i->root, &staged, &i->watch, &i->error);
        free(staged.text);
        return r;
}

static int run_token(Interpreter *i, const PlanStep *step) {
        int r;

        r = interpreter_report(i, &(Report){ .type = REPORT_WAITING });
        if (r < 0)
                return r;
        r = channel_wait_token(i->channel);
        (void) wants_stop(i); /* says so, if that is why */
        return r;
}

static int run_repair(Interpreter *i, const PlanStep *step) {
        return esp_repair(&i->volume, &i->watch, &i->error);
}

static void change_reached(Interpreter *i, HookPoint point, const char *path) {
        hook_reached(i->hook, point);
        if (startswith(path, "loader/"))
                hook_reached(i->hook, HOOK_ENTRY);
}

static int run_place(Interpreter *i, const PlanStep *step) {
        _cleanup_(report_done) Report placed = { .type = REPORT_PLACED, .index = i->index };
        int r;

        r = esp_commit_hold(&i->commit, step->path, &i->error);
        if (r < 0)
                return r;
        r = esp_stage_take(&i->stage, step->path, &i->error);
        if (r < 0)
                return r;

        change_reached(i, HOOK_PLACE, step->path);
        r = esp_commit_place(&i->commit, step->path, &placed.file, &i->error);
        if (r < 0)
                return r;
        change_reached(i, HOOK_PLACE, step->path);

        return interpreter_report(i, &placed);
}

static int run_remove(Interpreter *i, const PlanStep *step) {
        int r;

        change_reached(i, HOOK_REMOVE, step->path);
        r = esp_commit_remove(&i->commit, step->action, step->path, &i->error);
        if (r < 0)
                return r;
        change_reached(i, HOOK_REMOVE, step->path);
        return 0;
}

static int run_barrier(Interpreter *i, const PlanStep *step) {
        return esp_commit_barrier(&i->commit, &i->error);
}

static int run_optional(Interpreter *i, const PlanStep *step) {
        return 0;
}

static int run_check_loader(Interpreter *i, const PlanStep *step) {
        return esp_check_loader(&i->volume, i->root, esp_loader_from_string(step->text), &i->error);
}

static int run_install_loader(Interpreter *i, const PlanStep *step) {
        return esp_install_loader(&i->volume, i->root, esp_loader_from_string(step->text),
                                  host_has_efi(i->root), &i->watch, &i->error);
}

static int run_boot_entry(Interpreter *i, const PlanStep *step) {
        _cleanup_(report_done) Report warning = { .type = REPORT_WARNING };
        int r;

        r = esp_ensure_boot_entry(&i->volume, i->root, esp_loader_from_string(step->text),
                                  &warning.error);
        return r < 0 ? interpreter_report(i, &warning) : 0;
}

static int run_signatures(Interpreter *i, const PlanStep *step) {
        _cleanup_(signed_files_done) SignedFiles files = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = secure_boot_look_esp(i->root, i->volume.fd, &files, &i->error);
        if (r >= 0)
                r = signed_files_format(&files, &text);
        return r < 0 ? r : interpreter_report_secure_boot(i, text);
}

static int report_partition(Interpreter *i, const Partition *partition) {
        _cleanup_(report_done) Report seen = { .type = REPORT_PARTITION };
        Buffer b = {};
        int r;

        record_begin(&b, "partition");
        partition_format(partition, &b);
        record_end(&b);
        r = buffer_take(&b, &seen.text, NULL);
        return r < 0 ? r : interpreter_report(i, &seen);
}

static int run_probe(Interpreter *i, const PlanStep *step) {
        _cleanup_(partitions_done) Partitions found = {};
        int r;

        r = disk_probe(i->root, i->plan->device, &found, &i->error);
        for (size_t n = 0; r >= 0 && n < found.n; n++)
                r = report_partition(i, &found.items[n]);
        return r;
}

static int run_format(Interpreter *i, const PlanStep *step) {
        const EspFormatRequest request = {
                .name = i->plan->device,
                .id = i->plan->id,
                .force = step->force,
        };
        _cleanup_(partition_done) Partition formatted = {};
        int r;

        r = esp_format(i->root, &request, &i->watch, &formatted, &i->error);
        return r < 0 ? r : report_partition(i, &formatted);
}

/* All but those of the host. */
static const ActionRun run_action[_PLAN_ACTION_MAX] = {
        [PLAN_KNOWN] = run_known,
        [PLAN_SCAN] = run_scan,
        [PLAN_CHECK] = run_check,
        [PLAN_KEEP] = run_keep,
        [PLAN_MKDIR] = run_mkdir,
        [PLAN_CLEAR] = run_clear,
        [PLAN_STAGE] = run_stage,
        [PLAN_STAGE_TEXT] = run_stage,
        [PLAN_TOKEN] = run_token,
        [PLAN_REPAIR] = run_repair,
        [PLAN_PLACE] = run_place,
        [PLAN_REMOVE_ENTRY] = run_remove,
        [PLAN_REMOVE_KERNEL] = run_remove,
        [PLAN_BARRIER] = run_barrier,
        [PLAN_OPTIONAL] = run_optional,
        [PLAN_CHECK_LOADER] = run_check_loader,
        [PLAN_INSTALL_LOADER] = run_install_loader,
        [PLAN_BOOT_ENTRY] = run_boot_entry,
        [PLAN_SIGNATURES] = run_signatures,
        [PLAN_PROBE] = run_probe,
        [PLAN_FORMAT] = run_format,
        [PLAN_GRUB_CONFIG] = run_grub_config,
        [PLAN_REMOVE_FILE] = run_remove,
};

static int open_all(Interpreter *i, const char *root) {
        int r;

        r = root_open(root, &i->root);
        if (r < 0)
                return error_set_errno(&i->error, r,
                                       "Cannot open '%s', where %s should be (give the directory "
                                       "of a system)",
                                       root, i->subject);
        if (i->plan->esp_uuid) {
                r = esp_volume_open(i->root, i->plan->esp_uuid, &i->plan->id,
                                    plan_writes(i->plan) && !plan_repairs(i->plan), &i->volume,
                                    &i->error);
                if (r < 0)
                        return r;
                i->known.folds_case = i->volume.folds_case;
        }
        return interpreter_report(i, &(Report){ .type = REPORT_STARTED });
}

/* Leave an ESP that boots and nothing beside: what was replaced is let go only behind a barrier,
 * and what was staged goes, unless the disk does not even take a barrier any more. */
static int clean_up(Interpreter *i) {
        int r = i->commit.open ? esp_commit_barrier(&i->commit, NULL) : 0;

        if (r >= 0 && esp_stage_discard(&i->stage))
                r = esp_commit_barrier(&i->commit, NULL);
        return r;
}

static int run_step(Interpreter *i) {
        const PlanStep *step = &i->plan->steps[i->index];
        ActionRun run;
        int r;

        i->optional = (i->optional || step->action == PLAN_OPTIONAL) && step->action != PLAN_SCAN;
        if (wants_stop(i))
                return -ECANCELED;
        r = interpreter_report(i, &(Report){ .type = REPORT_STEP, .index = i->index });
        if (r < 0)
                return r;
        run = run_action[step->action] ?: run_host_action[step->action];
        return run(i, step);
}

/* Optional work has failed: say so, and go on behind it. */
static int pass_over(Interpreter *i, int error_number) {
        _cleanup_(report_done) Report warning = { .type = REPORT_WARNING };
        const Plan *plan = i->plan;
        int r;

        (void) error_set_errno(&i->error, error_number, "The work on %s failed", i->subject);
        error_move(&warning.error, &i->error);
        r = clean_up(i);
        if (r < 0)
                return r;
        while (i->index + 1 < plan->n_steps && plan->steps[i->index + 1].action != PLAN_SCAN)
                i->index++;
        return interpreter_report(i, &warning);
}

static int run_steps(Interpreter *i) {
        for (i->index = 0; i->index < i->plan->n_steps; i->index++) {
                int r = run_step(i);

                if (r < 0 && r != -ECANCELED && i->optional)
                        r = pass_over(i, r);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A plan that ends without its last barrier gets it. An ESP that cannot be unmounted is not done.
 */
static int finish(Interpreter *i) {
        int r = i->commit.open ? esp_commit_barrier(&i->commit, &i->error) : 0;

        if (r < 0)
                return r;
        esp_commit_done(&i->commit);
        return esp_volume_close(&i->volume, &i->error);
}

static int fail(Interpreter *i, int error_number) {
        Report failed = { .type = REPORT_FAILED };

        (void) clean_up(i);
        (void) error_set_errno(&i->error, error_number, "The work on %s failed (try again)",
                               strempty(i->subject));
        failed.error = i->error;
        (void) channel_send(i->channel, &failed);
        return error_number;
}

int interpreter_run(const char *root, const Plan *plan, Channel *channel, Hook *hook) {
        _cleanup_(interpreter_done) Interpreter i = {
                .plan = plan,
                .channel = channel,
                .hook = hook,
                .volume = ESP_VOLUME_INIT,
                .watch = { .stop = wants_stop, .moved = bytes_moved, .noted = print_note },
        };
        int r;

        assert(root);
        assert(plan);
        assert(channel);
        assert(hook);

        i.stage.volume = i.commit.volume = &i.volume;
        i.watch.userdata = &i;

        r = plan_subject(plan, &i.subject);
        if (r >= 0)
                r = open_all(&i, root);
        if (r >= 0)
                r = run_steps(&i);
        if (r >= 0)
                r = finish(&i);
        if (r < 0)
                return fail(&i, r);

        (void) channel_send(channel, &(Report){ .type = REPORT_DONE });
        return 0;
}
