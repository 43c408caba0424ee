/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The actions that are not about an ESP or a device: the firmware's variables, the host's own menu
 * of GRUB, KSM. */

#include "blocking/firmware/bootvar.h"
#include "blocking/grub/grub-tools.h"
#include "blocking/ksm/ksm-control.h"
#include "blocking/secure-boot/look.h"
#include "common/string-util.h"
#include "core/wire/report.h"
#include "sys/ksm.h"
#include "worker/interpreter-private.h"

static int run_firmware(Interpreter *i, const PlanStep *step) {
        _cleanup_(report_done) Report seen = { .type = REPORT_FIRMWARE };
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        int r;

        r = bootvar_read(i->root, &firmware, &i->error);
        if (r >= 0)
                r = firmware_format(&firmware, &seen.text, NULL);
        return r < 0 ? r : interpreter_report(i, &seen);
}

int interpreter_report_secure_boot(Interpreter *i, const char *text) {
        const char *end;
        int r = 0;

        for (; r >= 0 && (end = strchr(text, '\n')); text = end + 1) {
                _cleanup_(report_done) Report record = { .type = REPORT_SECURE_BOOT };

                record.text = strndup(text, (size_t) (end + 1 - text));
                r = record.text ? interpreter_report(i, &record) : -ENOMEM;
        }
        return r;
}

static int run_keys(Interpreter *i, const PlanStep *step) {
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {};
        _cleanup_strv_ char **kept = NULL;
        _cleanup_free_ char *text = NULL;
        size_t pos = 0, n;
        const char *line;
        int r;

        while (line_next(step->text, strlen(step->text), &pos, &line, &n))
                if (strv_consume(&kept, strndup(line, n)) < 0)
                        return -ENOMEM;
        r = secure_boot_look(i->root, (const char *const *) kept, &facts, &i->error);
        if (r >= 0)
                r = secure_boot_format(&facts, &text);
        return r < 0 ? r : interpreter_report_secure_boot(i, text);
}

static int run_arm(Interpreter *i, const PlanStep *step) {
        return MIN(bootvar_set_one_shot(i->root, step->text, &i->error), 0);
}

/* A one-shot that somebody else has armed stays. */
static int run_disarm(Interpreter *i, const PlanStep *step) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        int r;

        r = bootvar_read(i->root, &firmware, &i->error);
        if (r < 0 || !streq_ptr(firmware.entry_one_shot, step->text))
                return r;
        return MIN(bootvar_set_one_shot(i->root, NULL, &i->error), 0);
}

static int run_prefer_shim(Interpreter *i, const PlanStep *step) {
        return MIN(bootvar_prefer_shim(i->root, &i->error), 0);
}

/* "0003 HEX" */
static int parse_entry(const char *text, LoadOption *ret) {
        char name[sizeof("Boot0000")] = "Boot";
        int number, r;

        if (strlen(text) < 5 || text[4] != ' ')
                return -EBADMSG;
        memcpy(name + 4, text, 4);
        number = load_option_number(name);
        r = number < 0 ? -EBADMSG : load_option_parse_hex(text + 5, ret);
        if (r >= 0)
                ret->number = (uint16_t) number;
        return r;
}

static int run_put_entry(Interpreter *i, const PlanStep *step) {
        _cleanup_(load_option_done) LoadOption entry = {};
        int r = parse_entry(step->text, &entry);

        return r < 0 ? r : MIN(bootvar_put_entry(i->root, &entry, &i->error), 0);
}

static int run_set_order(Interpreter *i, const PlanStep *step) {
        const char *blank = strchr(step->text, ' ');
        _cleanup_free_ char *old =
                        blank ? strndup(step->text, (size_t) (blank - step->text)) : NULL;

        if (!old)
                return blank ? -ENOMEM : -EBADMSG;
        return MIN(bootvar_set_order(i->root, old, blank + 1, &i->error), 0);
}

static int run_drop_entry(Interpreter *i, const PlanStep *step) {
        _cleanup_(load_option_done) LoadOption entry = {};
        int r = parse_entry(step->text, &entry);

        return r < 0 ? r : MIN(bootvar_drop_entry(i->root, &entry, &i->error), 0);
}

static int run_update_grub(Interpreter *i, const PlanStep *step) {
        return grub_update_host(i->root, &i->watch, &i->error);
}

static int run_ksm_set(Interpreter *i, const PlanStep *step) {
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

static int run_ksm_unmerge(Interpreter *i, const PlanStep *step) {
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

static int run_ksm_processes(Interpreter *i, const PlanStep *step) {
        _cleanup_(ksm_processes_done) KsmProcesses found = {};
        int r;

        r = ksm_processes_list(i->root, &found);
        /* Every guest comes before whoever is none. */
        ksm_processes_sort(&found, KSM_PROCESSES_MAX);
        for (size_t n = 0; r >= 0 && n < found.n; n++)
                r = report_process(i, &found.items[n]);
        return r;
}

const ActionRun run_host_action[_PLAN_ACTION_MAX] = {
        [PLAN_FIRMWARE] = run_firmware,
        [PLAN_KEYS] = run_keys,
        [PLAN_ARM] = run_arm,
        [PLAN_DISARM] = run_disarm,
        [PLAN_PREFER_SHIM] = run_prefer_shim,
        [PLAN_PUT_ENTRY] = run_put_entry,
        [PLAN_SET_ORDER] = run_set_order,
        [PLAN_DROP_ENTRY] = run_drop_entry,
        [PLAN_UPDATE_GRUB] = run_update_grub,
        [PLAN_KSM_SET] = run_ksm_set,
        [PLAN_KSM_UNMERGE] = run_ksm_unmerge,
        [PLAN_KSM_PROCESSES] = run_ksm_processes,
};
