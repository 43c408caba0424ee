/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine's verbs. Each changes one file durably, reads everything again, and, where the daemon
 * syncs by itself, queues a refresh; so a change made through the bus and one made with an editor
 * take the same way. */

#include "engine/manager.h"

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "core/kernel-version.h"
#include "engine/look.h"
#include "engine/manager-private.h"

static void on_settled(void *userdata);
static void on_polled(void *userdata);

static void on_devices(void *userdata) {
        (void) manager_update_presence(userdata);
        manager_look_at_disks(userdata);
}

static void on_turned(void *userdata) {
        manager_tell(userdata, MANAGER_CHANGED_STATE);
}

static const WatchListener watch_listener = {
        .settled = on_settled,
        .devices = on_devices,
        .polled = on_polled,
        .turned = on_turned,
};

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        m->listener = NULL;
        watch_free(m->watch);
        sd_event_source_disable_unref(m->retry_timer);
        manager_free_jobs(m);
        ksm_list_free(m->ksm_list);
        ksm_processes_done(&m->ksm_found);
        ksm_control_free(m->ksm);
        job_free(m->ksm_job);
        survey_free(m->survey);
        partitions_done(&m->partitions);
        firmware_done(&m->firmware);
        for (size_t i = 0; i < m->n_stragglers; i++)
                straggler_free(m->stragglers[i]);
        free(m->stragglers);
        for (size_t i = 0; i < m->n_members; i++) {
                straggler_free(m->members[i]->straggler);
                esp_free(m->members[i]->esp);
                free(m->members[i]);
        }
        free(m->members);
        facts_done(&m->facts);
        strv_free(m->unstored_kernels);
        strv_free(m->logged);
        free(m->last_refresh_result);
        free(m->shown_redundancy);
        free(m->shown_default);
        free(m->shown_wanted);
        free(m->redundancy_reason);
        free(m->in_sync_reason);
        free(m->unreadable);
        free(m->esp_options);
        sd_event_unref(m->event);
        return mfree(m);
}

int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = malloc(sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        *m = (Manager){
                .event = sd_event_ref(event),
                .options = *options,
                .facts = FACTS_INIT,
                .serial = 1,
                .firmware = FIRMWARE_INIT,
                .lock_fd = -EBADF,
        };
        /* A legacy BIOS has no variables to be asked for. */
        m->firmware_known = !host_has_efi(options->root);
        r = manager_new_ksm(m);
        if (r < 0)
                return r;
        /* Whoever asks is told that the files cannot be read; they are tried again. */
        r = manager_reload(m);
        if (r == -ENOMEM)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

void manager_set_listener(Manager *m, const ManagerListener *listener, void *userdata) {
        m->listener = listener;
        m->userdata = userdata;
}

bool manager_is_busy(const Manager *m) {
        return m->n_jobs > 0 || m->ksm_job;
}

static void on_settled(void *userdata) {
        Manager *m = userdata;

        (void) manager_reload(m);
        /* Whatever has happened may have made room, or let a disk answer. */
        for (size_t i = 0; i < m->n_members; i++)
                if (esp_state(m->members[i]->esp) == ESP_OUTDATED)
                        esp_forget_compared(m->members[i]->esp);
        manager_pursue_anew(m);
}

/* A minute that has passed is no reason to try again what has failed. */
static void on_polled(void *userdata) {
        Manager *m = userdata;

        (void) manager_reload(m);
        manager_pursue(m);
}

int manager_start(Manager *m) {
        int r;

        if (m->options.private)
                return 0;
        r = watch_new(m->event, m->options.root, m->options.worker.deadline_percent,
                      &watch_listener, m, &m->watch);
        if (r < 0)
                return r;
        watch_set_settle(m->watch, m->facts.conf.settings.settle_sec);
        manager_remove_leftovers(m);
        manager_look_at_disks(m);
        manager_restore_ksm(m);

        r = manager_settle_next_boot(m);
        if (r < 0)
                log_warning("Cannot tell whether the next-boot pin is spent, or remove it: %s; it "
                            "stays.",
                            strerror(-r));
        /* A spent pin that stayed on the ESPs would be a permanent one, so its end is synced even
         * with AutoSync off. */
        m->must_sync = r > 0;
        if (m->must_sync)
                (void) manager_reload(m);
        m->started = true;
        manager_pursue(m);
        return 0;
}

void manager_stop(Manager *m) {
        if (m->stopping) {
                if (m->refresh)
                        refresh_cancel(m->refresh);
                (void) sd_event_exit(m->event, 0);
                return;
        }
        m->stopping = true;
        ksm_control_cancel(m->ksm); /* a shutdown does not wait for what it makes void */
        /* A change that was made just before the reboot must not be lost; the watch may hear of it
         * only after this signal. */
        if (m->watch) {
                watch_clear(m->watch);
                if (manager_reload(m) >= 0 && manager_has_news(m) && manager_auto_sync(m))
                        (void) manager_submit(m, &(JobRequest){ .type = JOB_REFRESH }, NULL, NULL);
        }
        if (!manager_is_busy(m))
                (void) sd_event_exit(m->event, 0);
}

int manager_refuse_version(const char *version, Error *error) {
        _cleanup_free_ char *shown = string_for_humans(version, strlen(version), 64);

        return error_set(error, ERROR_INVALID_VERSION,
                         "'%s' is not a kernel version; give one as in /boot/vmlinuz-VERSION",
                         strempty(shown));
}

static void record_next_boot(Manager *m) {
        int r = manager_record_next_boot(m);

        if (r < 0)
                log_warning("Cannot write down when the next-boot pin was set: %s; it may stay "
                            "after "
                            "its boot.",
                            strerror(-r));
}

/* A file below etc/kernel was changed (@r is 1) or could not be: what follows is the same for all.
 */
static int after_change(Manager *m, int r, uid_t uid, Job **ret_job, Error *error) {
        Job *job = NULL;

        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot change the files in /" PATH_ETC_KERNEL " below '%s'",
                                       root_path(m->options.root));
        if (r > 0) {
                r = manager_reload_for(m, error);
                if (r < 0)
                        return r;
                if (manager_auto_sync(m)) {
                        r = manager_submit(m, &(JobRequest){ .type = JOB_REFRESH, .uid = uid },
                                           &job, error);
                        if (r < 0)
                                return r;
                }
        }
        *ret_job = job;
        return 0;
}

/* What is about to be stored must also be synced: there has to be room for the job, and all else
 * must be readable. */
static int before_change(Manager *m, Error *error) {
        int r = manager_check_room(m, error);

        return r < 0 ? r : manager_reload_for(m, error);
}

/* Valid, and its image is in boot/ as it is now. */
static int find_kernel(Manager *m, const char *version, const Kernel **ret, Error *error) {
        const BootKernel *boot;
        int r;

        if (!kernel_version_is_valid(version))
                return manager_refuse_version(version, error);
        r = before_change(m, error);
        if (r < 0)
                return r;
        boot = boot_dir_find(&m->facts.boot, version);
        if (!boot || !boot->has_image)
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "There is no kernel '%s': /" PATH_BOOT
                                 "/vmlinuz-%s is missing; see "
                                 "'bootctl-pve kernel list'",
                                 version, version);
        *ret = kernel_set_find(&m->facts.kernels, version);
        return 0;
}

int manager_add_kernel(Manager *m, const char *version, uid_t uid, Job **ret_job, Error *error) {
        const Kernel *kernel;
        int r;

        r = find_kernel(m, version, &kernel, error);
        if (r < 0)
                return r;
        r = kernel_conf_change_list(m->options.root, LIST_KERNELS, version, true);
        return after_change(m, r, uid, ret_job, error);
}

/* True if @kernel is the only kept kernel that boots, and kept for nothing but the manual list. */
static bool is_last_kernel(const Manager *m, const Kernel *kernel) {
        const KernelSet *set = &m->facts.kernels;

        if (kernel->reasons != 1u << KERNEL_MANUAL || !kernel_is_bootable(kernel))
                return false;
        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *other = &set->kernels[i];

                if (other != kernel && other->reasons != 0 && kernel_is_bootable(other))
                        return false;
        }
        return true;
}

int manager_remove_kernel(Manager *m, const char *version, uid_t uid, Job **ret_job, Error *error) {
        const Kernel *kernel;
        int r;

        if (!kernel_version_is_valid(version))
                return manager_refuse_version(version, error);
        r = before_change(m, error);
        if (r < 0)
                return r;
        kernel = kernel_set_find(&m->facts.kernels, version);
        if (!kernel || !kernel_has_reason(kernel, KERNEL_MANUAL))
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "Kernel '%s' is not on the manual list; see 'bootctl-pve kernel "
                                 "list'",
                                 version);
        if (is_last_kernel(m, kernel))
                return error_set(error, ERROR_LAST_KERNEL,
                                 "Kernel '%s' is the last one that boots; add another one first",
                                 version);
        r = kernel_conf_change_list(m->options.root, LIST_KERNELS, version, false);
        return after_change(m, r, uid, ret_job, error);
}

int manager_pin(Manager *m, const char *version, PinScope scope, uid_t uid, Job **ret_job,
                Error *error) {
        const Kernel *kernel;
        int r;

        r = find_kernel(m, version, &kernel, error);
        if (r < 0)
                return r;
        if (!kernel_is_bootable(kernel))
                return error_set(error, ERROR_NOT_BOOTABLE,
                                 "Kernel '%s' cannot be pinned: /" PATH_BOOT
                                 "/initrd.img-%s is missing; "
                                 "make it with 'update-initramfs -c -k %s'",
                                 version, version, version);
        r = kernel_conf_store_pin(m->options.root, scope, version);
        if (r > 0)
                log_event(LOG_INFO, MSG_KERNEL_PINNED, FIELD_KERNEL, version, NULL,
                          "Kernel '%s' is pinned%s.", version,
                          scope == PIN_NEXT_BOOT ? " for the next boot" : "");
        r = after_change(m, r, uid, ret_job, error);
        if (r >= 0 && scope == PIN_NEXT_BOOT)
                record_next_boot(m);
        return r;
}

int manager_unpin(Manager *m, bool next_boot_only, uid_t uid, Job **ret_job, Error *error) {
        int r, q = 0;

        r = before_change(m, error);
        if (r < 0)
                return r;
        r = kernel_conf_store_pin(m->options.root, PIN_NEXT_BOOT, NULL);
        if (r >= 0 && !next_boot_only)
                q = kernel_conf_store_pin(m->options.root, PIN_PERMANENT, NULL);
        r = after_change(m, r < 0 ? r : q < 0 ? q : r | q, uid, ret_job, error);
        if (r >= 0)
                record_next_boot(m);
        return r;
}

const KernelSet *manager_kernels(const Manager *m) {
        return &m->facts.kernels;
}

const char *manager_running_kernel(const Manager *m) {
        return strempty(m->facts.host.running);
}

const char *manager_wanted_kernel(const Manager *m) {
        const Kernel *kernel = kernel_set_default(&m->facts.kernels, manager_pins_by_default(m));

        return kernel ? kernel->version : "";
}

const char *manager_pinned_kernel(const Manager *m) {
        return strempty(m->facts.conf.pin);
}

const char *manager_next_boot_kernel(const Manager *m) {
        return strempty(m->facts.conf.next_boot);
}

bool manager_auto_sync(const Manager *m) {
        if (m->options.private)
                return false;
        switch (m->facts.conf.settings.auto_sync) {
        case AUTO_SYNC_YES:
                return true;
        case AUTO_SYNC_NO:
                return false;
        case AUTO_SYNC_UNSET:
                return !m->facts.packages.kernel_helper;
        }
        return false;
}

size_t manager_n_esps(const Manager *m) {
        return m->n_members;
}

Esp *manager_esp(const Manager *m, size_t i) {
        assert(i < m->n_members);
        return m->members[i]->esp;
}

Esp *manager_find_esp(const Manager *m, const char *id) {
        for (size_t i = 0; i < m->n_members; i++)
                if (streq(esp_id(m->members[i]->esp), id))
                        return m->members[i]->esp;
        return NULL;
}

size_t manager_n_jobs(const Manager *m) {
        return m->n_jobs + (m->ksm_job ? 1 : 0);
}

Job *manager_job(const Manager *m, size_t i) {
        assert(i < manager_n_jobs(m));
        return i < m->n_jobs ? m->jobs[i] : m->ksm_job;
}

Job *manager_find_job(const Manager *m, uint64_t id) {
        for (size_t i = 0; i < manager_n_jobs(m); i++)
                if (job_id(manager_job(m, i)) == id)
                        return manager_job(m, i);
        return NULL;
}

const char *manager_watching(const Manager *m) {
        return !m->watch ? "none" : watch_is_polling(m->watch) ? "timer" : "inotify";
}

const char *manager_watching_reason(const Manager *m) {
        return m->watch ? watch_trouble(m->watch) : "";
}

uint64_t manager_last_refresh_usec(const Manager *m) {
        return m->last_refresh_usec;
}

const char *manager_last_refresh_result(const Manager *m) {
        return strempty(m->last_refresh_result);
}
