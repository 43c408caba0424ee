/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manager as the listener of the job that runs: what the workers found and did becomes the
 * ESPs' records, the firmware's, GRUB's pin; a worker that hangs is followed until it ends. */

#include "common/log.h"
#include "common/names.h"
#include "engine/manager-private.h"
#include "sys/grub-conf.h"
#include "sys/host-grub.h"

#define REST_RETRY_USEC    (1 * UINT64_C(1000000))
#define REST_PATIENCE_USEC (45 * UINT64_C(1000000)) /* others wait 60 s for the lock */

/* A job may have made GRUB's menu of the host anew. */
void manager_learn_grub_default(Manager *m) {
        _cleanup_free_ char *version = NULL;

        if (!m->facts.grub_host || host_grub_default(m->options.root, &version) < 0)
                return;
        free(m->facts.grub_default);
        m->facts.grub_default = TAKE_PTR(version);
}

/* The worker judged by what it was given; meanwhile the disk may be gone, or the files may be newer
 * than that. */
static void judge_again(const Manager *m, Esp *esp) {
        EspState state = esp_state(esp);

        if (!esp_present(esp) && state != ESP_STUCK && state != ESP_SYNCING)
                esp_set_state(esp, ESP_MISSING, esp_last_error(esp));
        else if (state == ESP_IN_SYNC && esp_compared(esp) != m->serial)
                esp_set_state(esp, ESP_UNKNOWN, NULL);
}

static void on_esp_changed(Esp *esp, void *userdata) {
        Manager *m = userdata;

        judge_again(m, esp);

        if (!isempty(esp_last_error(esp)))
                log_event(manager_log_level(m, LOG_WARNING), NULL, FIELD_ESP_UUID, esp_uuid(esp),
                          NULL, "%s.", esp_last_error(esp));
        manager_esp_changed(m, esp);
}

void manager_job_changed(Manager *m, Job *job) {
        if (m->listener)
                m->listener->job_changed(job, m->userdata);
}

static void on_job_changed(Job *job, void *userdata) {
        manager_job_changed(userdata, job);
}

static void on_ended(Refresh *refresh, void *userdata) {
        Manager *m = userdata;
        Job *job = refresh_job(refresh);

        m->refresh = refresh_free(refresh);
        /* Whoever asked for the disks wants to see them. */
        if (m->survey && job_wants_disks(job))
                return;
        manager_end_job(m, job);
}

static int on_rest_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->rest_timer = sd_event_source_disable_unref(m->rest_timer);
        manager_begin_job(m, m->running);
        return 0;
}

/* Package hooks write for a moment, so that moment is waited for: the job is neither a failure nor
 * done in part because of it. */
static bool on_unfinished(Refresh *refresh, void *userdata) {
        Manager *m = userdata;
        Job *job = refresh_job(refresh);
        uint64_t now;

        if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0)
                return false;
        if (m->rest_deadline == 0)
                m->rest_deadline = now + REST_PATIENCE_USEC;
        if (now >= m->rest_deadline ||
            sd_event_add_time_relative(m->event, &m->rest_timer, CLOCK_MONOTONIC, REST_RETRY_USEC,
                                       0, on_rest_timer, m) < 0)
                return false;
        m->refresh = refresh_free(refresh);
        job_drop_plans(job);
        if (job_set_message(job, "waiting until /" PATH_BOOT " is complete"))
                manager_job_changed(m, job);
        return true;
}

static const Firmware *on_firmware(Firmware *firmware, void *userdata) {
        Manager *m = userdata;

        firmware_done(&m->firmware);
        m->firmware = firmware_take(firmware);
        m->firmware_known = true;
        for (size_t i = 0; i < m->n_members; i++) {
                esp_set_one_shot(m->members[i]->esp, firmware_offers_one_shot(&m->firmware));
                manager_esp_changed(m, m->members[i]->esp);
        }
        return &m->firmware;
}

static void on_host_stuck(Task *task, pid_t holder, void *userdata) {
        manager_adopt(userdata, task, holder);
}

static void on_armed(const char *version, void *userdata) {
        manager_record_one_shot(userdata, version);
}

/* What we write ourselves is no news when the watch tells of it. @changed as returned by what may
 * have written; returned again. */
static int learn_grub_stamp(Manager *m, int changed) {
        _cleanup_free_ char *stamp = NULL;
        int r;

        if (changed <= 0)
                return changed;
        r = grub_conf_stamp(m->options.root, &stamp);
        if (r < 0)
                return r;
        free(m->facts.grub_stamp);
        m->facts.grub_stamp = TAKE_PTR(stamp);
        return changed;
}

static int on_pin_grub(const char *version, const char *root_id, void *userdata) {
        Manager *m = userdata;

        return learn_grub_stamp(m, grub_conf_store_pin(m->options.root, version, root_id));
}

static int on_void_grub_pin(void *userdata) {
        Manager *m = userdata;

        return learn_grub_stamp(m, grub_conf_void_pin(m->options.root));
}

/* Listed only now: an ESP without a boot loader would be one that fails for ever. */
static int on_installed(Esp *esp, void *userdata) {
        Manager *m = userdata;
        int r;

        r = kernel_conf_change_list(m->options.root, LIST_ESPS, esp_uuid(esp), true);
        if (r > 0)
                r = manager_reload(m);
        return MIN(r, 0);
}

/* The worker that would not die is gone: the ESP answers again, or its disk does not exist any
 * more. */
static void on_straggler_ended(Straggler *straggler, void *userdata) {
        Member *member = userdata;
        Manager *m = member->manager;

        member->straggler = straggler_free(straggler);
        log_event(LOG_NOTICE, MSG_ESP_BACK, FIELD_ESP_UUID, esp_uuid(member->esp), NULL,
                  "The worker of ESP '%s' has ended at last; looking at it again.",
                  esp_uuid(member->esp));
        esp_set_state(member->esp, esp_present(member->esp) ? ESP_UNKNOWN : ESP_MISSING, NULL);
        esp_forget_compared(member->esp);
        manager_esp_changed(m, member->esp);
        manager_drop_members(m);

        manager_pursue_anew(m);
}

static void on_esp_stuck(Esp *esp, Task *task, pid_t holder, void *userdata) {
        Manager *m = userdata;
        Member *member = manager_find_member(m, esp_uuid(esp));
        int r;

        if (task)
                r = straggler_new_task(task, on_straggler_ended, member, &member->straggler);
        else
                r = straggler_new_pid(m->event, holder, on_straggler_ended, member,
                                      &member->straggler);
        /* Gone in between, or not to be watched: the next refresh looks again. */
        if (r < 0) {
                esp_set_state(esp, ESP_UNKNOWN, esp_last_error(esp));
                manager_esp_changed(m, esp);
        }
}

static const RefreshListener refresh_listener = {
        .esp_changed = on_esp_changed,
        .esp_stuck = on_esp_stuck,
        .job_changed = on_job_changed,
        .firmware = on_firmware,
        .host_stuck = on_host_stuck,
        .armed = on_armed,
        .pin_grub = on_pin_grub,
        .void_grub_pin = on_void_grub_pin,
        .installed = on_installed,
        .unfinished = on_unfinished,
        .ended = on_ended,
};

int manager_start_refresh(Manager *m, Job *job, Esp *const *esps, size_t n_esps) {
        _cleanup_(refresh_input_done) RefreshInput input = {};
        int r;

        r = manager_make_input(m, &input);
        if (r < 0)
                return r;
        return refresh_new(m->event, &m->options.worker, job, &input, esps, n_esps,
                           &refresh_listener, m, &m->refresh);
}
