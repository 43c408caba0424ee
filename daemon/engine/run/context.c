/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job's runs, of each ESP and of the host, know nothing of each other but what stands here. None
 * calls another: whoever has come further wakes the one event source that steps them all. */

#include "engine/run/context.h"

#include <inttypes.h>
#include <stdarg.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "engine/facts/kernel-lists.h"
#include "sys/file.h"

#define CMDLINE_SIZE_MAX (1024 * 1024)

void run_input_done(RunInput *input) {
        free(input->esps);
        kernel_set_done(&input->kernels);
        free(input->title);
        free(input->pin);
        free(input->next_boot);
        free(input->arm);
        free(input->disarm);
        free(input->cmdline);
        free(input->fallback_cmdline);
        *input = (RunInput){};
}

/* *@ret stays NULL if there is no @s. */
static int copy(const char *s, char **ret) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

/* The command line of this boot is adopted where there is no other. */
static int make_cmdline(const Root *root, const KernelConf *conf, RunInput *input) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (conf->cmdline && conf->cmdline_source == CMDLINE_FILE)
                return copy(conf->cmdline, &input->cmdline);
        if (conf->cmdline)
                return copy(conf->cmdline, &input->fallback_cmdline);
        input->adopt = file_read(root, PATH_PROC_CMDLINE, CMDLINE_SIZE_MAX, &text, &size) >= 0 &&
                       cmdline_clean(text, size, &input->fallback_cmdline) >= 0;
        return 0;
}

/* The version that the default must lead to beside a one-shot of the boot loader. A kernel that is
 * there for one boot alone, and taken then by that, must not become the default by being the
 * newest.
 */
static const char *default_beside_one_shot(const RunInput *input) {
        const Kernel *kernel;

        if (input->pin || !input->next_boot)
                return input->pin;
        kernel = kernel_set_default(&input->kernels, false, 0);
        return kernel && kernel_version_compare(kernel->version, input->next_boot) < 0
                               ? kernel->version
                               : NULL;
}

const char *run_input_default(const RunInput *input, bool one_shot, unsigned checkers) {
        return kernel_set_name_default(&input->kernels,
                                       one_shot ? input->default_beside_one_shot
                                                : input->default_version,
                                       checkers);
}

int run_input_make(const Root *root, const Facts *facts, const Firmware *firmware, RunInput *ret) {
        _cleanup_(run_input_done) RunInput input = {};
        int r;

        r = facts_select_kernels(facts, &input.kernels);
        if (r >= 0)
                r = copy(facts->host.title, &input.title);
        if (r >= 0)
                r = copy(facts->conf.pin, &input.pin);
        if (r >= 0)
                r = copy(facts->conf.next_boot, &input.next_boot);
        if (r >= 0)
                r = boot_pin_plan_one_shot(root, facts, &input.arm, &input.disarm);
        if (r >= 0)
                r = make_cmdline(root, &facts->conf, &input);
        if (r < 0)
                return r;
        input.default_version = input.next_boot ?: input.pin;
        input.default_beside_one_shot = default_beside_one_shot(&input);
        memcpy(input.loaders, facts->loaders, sizeof(input.loaders));
        input.serial = facts->serial;
        input.grub_host = facts->grub_host;
        input.grub_one_shot = facts->grub_one_shot;
        input.firmware = firmware;
        input.secure_boot = facts->secure_boot;
        input.boot_entries = facts->conf.settings.entries != ENTRIES_OFF;
        *ret = TAKE_STRUCT(input);
        return 0;
}

void run_wake(RunContext *context) {
        (void) sd_event_source_set_enabled(context->step, SD_EVENT_ONESHOT);
}

void run_say(RunContext *context, const char *message) {
        if (job_set_message(context->job, message))
                context->listener->job_changed(context->job, context->userdata);
}

void log_of_job(const Job *job, int level, const char *esp_uuid, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        char id[24] = "";
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return;
        }
        if (job)
                (void) snprintf(id, sizeof(id), "%" PRIu64, job_info(job)->id);
        log_event(level, NULL, FIELD_JOB_ID, job ? id : NULL, FIELD_JOB_TYPE,
                  job ? job_type_to_string(job_info(job)->request.type) : NULL, FIELD_ESP_UUID,
                  esp_uuid, NULL, "%s", text);
}

/* Steps that are over in a moment are not among them. */
static const char *const step_words[_PLAN_ACTION_MAX] = {
        [PLAN_CHECK] = "reading",
        [PLAN_STAGE] = "copying",
        [PLAN_GRUB_CONFIG] = "making",
        [PLAN_REPAIR] = "repairing its FAT",
        [PLAN_REMOVE_KERNEL] = "removing",
        [PLAN_REMOVE_FILE] = "removing",
        [PLAN_BARRIER] = "waiting for the disk",
};

void run_show_step(RunContext *context, const char *esp_uuid, const PlanStep *step) {
        const char *word = step_words[step->action], *slash = strrchr(strempty(step->path), '/');
        _cleanup_free_ char *message = NULL;

        if (!word || step->trust)
                return;
        message = strprintf("%s: %s%s%s", esp_uuid, word, step->path ? " " : "",
                            slash ? slash + 1 : strempty(step->path));
        if (message)
                (void) job_set_message(context->job, message);
}
