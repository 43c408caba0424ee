/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The actions that are not about an ESP or a device: the firmware's variables, the host's own menu
 * of GRUB, KSM. */

#include "blocking/bootvar.h"
#include "blocking/grub-mkconfig.h"
#include "blocking/ksm-control.h"
#include "common/string-util.h"
#include "core/report-quota.h"
#include "sys/ksm-processes.h"
#include "worker/interpreter-private.h"

int run_firmware(Interpreter *i, const PlanStep *step) {
        _cleanup_(report_done) Report seen = { .type = REPORT_FIRMWARE };
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        int r;

        r = bootvar_read(i->root, &firmware, &i->error);
        if (r >= 0)
                r = firmware_format(&firmware, &seen.text, NULL);
        return r < 0 ? r : interpreter_report(i, &seen);
}

int run_arm(Interpreter *i, const PlanStep *step) {
        return MIN(bootvar_set_one_shot(i->root, step->text, &i->error), 0);
}

/* What somebody else has armed stays. */
int run_disarm(Interpreter *i, const PlanStep *step) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        int r;

        r = bootvar_read(i->root, &firmware, &i->error);
        if (r < 0 || !streq_ptr(firmware.entry_one_shot, step->text))
                return r;
        return MIN(bootvar_set_one_shot(i->root, NULL, &i->error), 0);
}

int run_update_grub(Interpreter *i, const PlanStep *step) {
        return grub_update_host(i->root, &i->watch, &i->error);
}

int run_ksm_set(Interpreter *i, const PlanStep *step) {
        return ksm_write(i->root, step->path, step->text, &i->error);
}

static void bytes_unmerged(uint64_t bytes, void *userdata) {
        Interpreter *i = userdata;

        (void) channel_send(i->channel, &(Report){ .type = REPORT_PROGRESS, .bytes = bytes });
}

static bool wants_unmerge_stopped(void *userdata) {
        Interpreter *i = userdata;

        return channel_wants_stop(i->channel);
}

int run_ksm_unmerge(Interpreter *i, const PlanStep *step) {
        const KsmUnmergeWatch watch = {
                .progress = bytes_unmerged,
                .wants_stop = wants_unmerge_stopped,
                .userdata = i,
        };

        return ksm_unmerge(i->root, step->force, &watch, &i->error);
}

static int report_process(Interpreter *i, const KsmProcess *process) {
        _cleanup_(report_done) Report seen = { .type = REPORT_PROCESS };
        Buffer b = {};
        int r;

        record_begin(&b, "process");
        ksm_process_format(process, &b);
        record_end(&b);
        r = buffer_take(&b, &seen.text, NULL);
        return r < 0 ? r : interpreter_report(i, &seen);
}

int run_ksm_processes(Interpreter *i, const PlanStep *step) {
        _cleanup_(ksm_processes_done) KsmProcesses found = {};
        int r;

        r = ksm_processes_list(i->root, &found);
        /* Every guest comes before whoever is none. */
        ksm_processes_sort(&found, KSM_PROCESSES_MAX);
        for (size_t n = 0; r >= 0 && n < found.n; n++)
                r = report_process(i, &found.items[n]);
        return r;
}
