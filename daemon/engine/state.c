/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of the daemon. Its parts do not know each other; here one's change is carried to the
 * next: files to ESPs, ESPs to the verdict, the verdict to whoever listens. Nothing is decided
 * about jobs. */

#include "engine/state.h"

#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "engine/asker.h"
#include "engine/facts/watch.h"
#include "engine/pending.h"
#include "engine/signatures.h"
#include "sys/host.h"

struct State {
        Workers *workers;
        const Root *root;
        bool private;
        const StateListener *listener;
        void *userdata;
        const ManagerListener *others;
        void *others_userdata;

        StateView view; /* it has the parts that are not here */
        Watch *watch;
        Asker *asker;
        BootKeeper *keeper;
        Signatures *signatures;
        bool judges; /* also in a private daemon */
        Firmware firmware;
        Verdict verdict; /* as it was last told, like these */
        Warnings warnings;
        Boot boot;
};

State *state_free(State *s) {
        if (!s)
                return NULL;
        watch_free(s->watch);
        asker_free(s->asker);
        boot_keeper_free(s->keeper);
        signatures_free(s->signatures);
        disks_free(s->view.disks);
        esps_free(s->view.esps);
        files_free(s->view.files);
        firmware_done(&s->firmware);
        verdict_done(&s->verdict);
        warnings_done(&s->warnings);
        strv_free(s->view.pending);
        boot_done(&s->boot);
        return mfree(s);
}

void state_set_listener(State *s, const ManagerListener *listener, void *userdata) {
        s->others = listener;
        s->others_userdata = userdata;
}

int state_log_level(const State *s, int level) {
        return s->private ? LOG_DEBUG : level;
}

const StateView *state_view(const State *s) {
        return &s->view;
}

static void tell(State *s, unsigned changes) {
        if (s->others && changes != 0)
                s->others->manager_changed(changes, s->others_userdata);
}

static void tell_of_esp(State *s, Esp *esp) {
        advise_esp(s->root, &s->view.facts->kernels, esp);
        if (s->others)
                s->others->esp_changed(esp, s->others_userdata);
}

/* True if they are others now. Out of memory they stay. */
static bool review_warnings(State *s, const VerdictInput *verdict) {
        const WarningsInput input = {
                .verdict = verdict,
                .private = s->private,
                .watching_reason = s->watch ? watch_trouble(s->watch).reason : "",
                .watching_remedy = s->watch ? watch_trouble(s->watch).remedy : "",
                .now_usec = realtime_usec(),
        };
        _cleanup_warnings_ Warnings old = {}, new = {};

        if (warnings_make(&input, &new) < 0 || warnings_equal(&s->warnings, &new))
                return false;
        warnings_log(&s->warnings, &new, s->private);
        old = s->warnings;
        s->warnings = TAKE_STRUCT(new);
        return true;
}

/* Likewise. */
static bool review_pending(State *s, const VerdictInput *verdict) {
        _cleanup_strv_ char **old = NULL, **new = NULL;

        if (pending_make(verdict, &new) < 0 || strv_equal(s->view.pending, new))
                return false;
        old = s->view.pending;
        s->view.pending = TAKE_PTR(new);
        return true;
}

/* Likewise. */
static bool review_boot(State *s, const VerdictInput *input) {
        _cleanup_(boot_done) Boot new = {};

        if (boot_make(input, &new) < 0 || boot_equal(&s->boot, &new))
                return false;
        boot_done(&s->boot);
        s->boot = TAKE_STRUCT(new);
        return true;
}

/* A private daemon asks only if its client does. */
static void review_signatures(State *s) {
        bool known = s->view.signatures_known;

        if (!s->private || s->judges)
                signatures_review(s->signatures, s->view.firmware,
                                  !s->judges && s->listener->waits_for_packages(s->userdata));
        s->view.signatures_known = signatures_are_known(s->signatures);
        tell(s, s->view.signatures_known != known ? MANAGER_CHANGED_BOOT : 0);
}

bool state_judges(State *s, bool all, bool now) {
        s->judges |= now;
        review_signatures(s);
        return signatures_are_pending(s->signatures, all);
}

/* While Secure Boot is enabled its word on the kernels is a part of what is known of them, like
 * what boot/ says; else it is nobody's business. @new: it may be another.
 * True if the files mean something else now. */
static bool heed_secure_boot(State *s, bool new) {
        const Firmware *firmware = s->view.firmware;
        bool enabled = firmware && firmware->secure_boot == SECURE_BOOT_ENABLED;
        const SecureBootFacts *facts = enabled ? s->view.secure_boot : NULL;
        unsigned checkers = 0;

        if (facts && strv_isempty(s->view.facts->conf.esps.items) && s->view.facts->grub_host)
                checkers = 1u << CHECKER_SHIM;
        else if (facts)
                checkers = esps_checkers(s->view.esps);

        if (facts == s->view.facts->secure_boot && checkers == s->view.facts->checkers && !new)
                return false;
        files_set_secure_boot(s->view.files, facts, checkers);
        return (facts || s->view.facts->checkers != 0) && state_read(s, NULL) > 0;
}

static void on_judged(Esp *esp, void *userdata) {
        State *s = userdata;
        bool changed;

        s->view.secure_boot = signatures_facts(s->signatures);
        changed = heed_secure_boot(s, !esp && s->view.secure_boot);
        s->judges &= signatures_are_pending(s->signatures, true);
        state_review(s, MANAGER_CHANGED_BOOT);
        s->listener->judged(s->userdata);
        /* As if a file had changed. */
        if (changed && s->watch)
                s->listener->settled(s->userdata);
}

void state_review(State *s, unsigned changes) {
        const VerdictInput input = {
                .root = s->root,
                .facts = s->view.facts,
                .esps = s->view.esps,
                .partitions = disks_partitions(s->view.disks),
                .firmware = s->view.firmware,
                .keeper = s->keeper,
                .secure_boot = s->view.secure_boot,
                .is_about_to_sync = s->listener->is_about_to_sync,
                .waits_for_packages = s->listener->waits_for_packages(s->userdata),
                .userdata = s->userdata,
        };
        _cleanup_(verdict_done) Verdict old = s->verdict;
        const Verdict *new = &s->verdict;

        s->verdict = verdict_make(&input);
        if (!streq_ptr(old.default_kernel, new->default_kernel) ||
            !streq_ptr(old.wanted_kernel, new->wanted_kernel))
                changes |= MANAGER_CHANGED_DEFAULT;
        if (!streq_ptr(old.redundancy_reason, new->redundancy_reason))
                /* 'systemctl status' shows it. */
                (void) sd_notifyf(false, "STATUS=%s", strempty(new->redundancy_reason));
        if (old.in_sync != new->in_sync || !streq_ptr(old.redundancy, new->redundancy) ||
            !streq_ptr(old.redundancy_reason, new->redundancy_reason) ||
            !streq_ptr(old.in_sync_reason, new->in_sync_reason))
                changes |= MANAGER_CHANGED_STATE;
        if (review_warnings(s, &input))
                changes |= MANAGER_CHANGED_WARNINGS;
        if (review_pending(s, &input))
                changes |= MANAGER_CHANGED_PENDING;
        if (review_boot(s, &input))
                changes |= MANAGER_CHANGED_BOOT;
        if (s->keeper)
                boot_keeper_look(s->keeper, false);
        tell(s, changes);
        s->listener->reviewed(s->userdata);
        review_signatures(s);
}

void state_esp_changed(State *s, Esp *esp) {
        tell_of_esp(s, esp);
        (void) heed_secure_boot(s, false);
        state_review(s, 0);
}

/* As far back as the history goes. */
static void remember_times(const History *h, Esp *esp) {
        for (size_t i = 0; i < h->n; i++) {
                const Deed *deed = &h->entries[i].deed;

                for (size_t k = 0; k < deed->n_esps; k++)
                        if (streq(deed->esps[k].uuid, esp_info(esp).uuid))
                                esp_set_good(esp, deed->esps[k].synced ? deed->end_usec : 0,
                                             deed->esps[k].verified ? deed->end_usec : 0);
        }
}

static void on_esp_added(Esp *esp, void *userdata) {
        State *s = userdata;

        remember_times(s->view.history, esp);
        advise_esp(s->root, &s->view.facts->kernels, esp);
        if (s->others)
                s->others->esp_added(esp, s->others_userdata);
}

static void on_esp_renamed(Esp *esp, void *userdata) {
        tell_of_esp(userdata, esp);
}

static void on_esp_moved(Esp *esp, void *userdata) {
        const char *uuid = esp_info(esp).uuid;
        State *s = userdata;

        if (!esp_info(esp).present && esp_info(esp).state == ESP_MISSING)
                log_event(state_log_level(s, LOG_WARNING), MSG_ESP_MISSING, FIELD_ESP_UUID, uuid,
                          NULL, "ESP '%s' is missing: there is no /" PATH_BY_UUID "/%s.", uuid,
                          uuid);
        state_esp_changed(s, esp);
}

static void on_esp_removed(Esp *esp, void *userdata) {
        State *s = userdata;

        if (s->others)
                s->others->esp_removed(esp, s->others_userdata);
}

static const EspsListener esps_listener = {
        .added = on_esp_added,
        .renamed = on_esp_renamed,
        .moved = on_esp_moved,
        .removed = on_esp_removed,
};

static void on_surveyed(void *userdata) {
        State *s = userdata;

        state_review(s, 0);
        s->listener->surveyed(s->userdata);
}

int state_new(Workers *workers, bool private, const History *history, const StateListener *listener,
              void *userdata, State **ret) {
        _cleanup_(state_freep) State *s = malloc(sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (State){
                .workers = workers,
                .root = workers_config(workers)->root,
                .private = private,
                .listener = listener,
                .userdata = userdata,
                .firmware = FIRMWARE_INIT,
        };
        s->view.verdict = &s->verdict;
        s->view.warnings = &s->warnings;
        s->view.history = history;
        s->view.boot = &s->boot;
        /* A legacy BIOS has no variables to be asked for. */
        if (!host_has_efi(s->root))
                s->view.firmware = &s->firmware;
        r = files_new(s->root, &s->view.files);
        if (r < 0)
                return r;
        s->view.facts = files_facts(s->view.files);
        r = esps_new(workers, &esps_listener, s, &s->view.esps);
        if (r >= 0)
                r = disks_new(workers, on_surveyed, s, &s->view.disks);
        if (r >= 0)
                r = signatures_new(workers, s->view.facts, s->view.esps, on_judged, s,
                                   &s->signatures);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* ESPs that were in sync are so no more until they were compared with what is new. */
static void distrust_esps(State *s) {
        ESPS_FOREACH(esp, s->view.esps) {
                if (esp_info(esp).state != ESP_IN_SYNC)
                        continue;
                esp_set_state(esp, ESP_UNKNOWN, ERROR_NONE, NULL);
                tell_of_esp(s, esp);
        }
}

/* Why that failed, for a caller. */
static int refuse(const State *s, int r, Error *error) {
        return error ? error_set(error, ERROR_FAILED,
                                 "The files below '%s' cannot be read (%s); mend that, and try "
                                 "again",
                                 root_path(s->root), s->view.facts->unreadable ?: strerror(-r))
                     : r;
}

int state_read(State *s, Error *error) {
        const Facts *facts = s->view.facts;
        uint64_t serial = facts->serial;
        int r, changed;

        changed = files_read(s->view.files);
        if (facts->serial != serial)
                distrust_esps(s);
        if (changed < 0) {
                state_review(s, 0);
                return refuse(s, changed, error);
        }
        if (s->watch)
                watch_set_settle(s->watch, facts->conf.settings.settle_sec);
        r = esps_list(s->view.esps, facts->conf.esps.items);
        if (r < 0)
                return refuse(s, r, error);
        if (esps_update_presence(s->view.esps))
                changed = 1;
        state_review(s, changed ? MANAGER_CHANGED_KERNELS | MANAGER_CHANGED_CONFIG : 0);
        return changed;
}

void state_hear(State *s) {
        if (s->watch)
                watch_drain(s->watch);
}

void state_forget_unrest(State *s) {
        if (s->watch)
                watch_clear(s->watch);
}

/* Out of memory it counts as another one. */
static bool firmware_equal(const Firmware *a, const Firmware *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;

        return firmware_format(a, &x, NULL) >= 0 && firmware_format(b, &y, NULL) >= 0 &&
               streq(x, y);
}

const Firmware *state_set_firmware(State *s, Firmware *firmware) {
        bool changed = !s->view.firmware || !firmware_equal(&s->firmware, firmware);

        firmware_done(&s->firmware);
        s->firmware = TAKE_FIRMWARE(*firmware);
        s->view.firmware = &s->firmware;
        esps_set_one_shot(s->view.esps, firmware_offers_one_shot(&s->firmware));
        ESPS_FOREACH(esp, s->view.esps)
                state_esp_changed(s, esp);
        (void) heed_secure_boot(s, false);
        state_review(s, changed ? MANAGER_CHANGED_BOOT : 0);
        return &s->firmware;
}

static void on_settled(void *userdata) {
        State *s = userdata;

        (void) state_read(s, NULL);
        s->listener->settled(s->userdata);
}

static void on_polled(void *userdata) {
        State *s = userdata;

        (void) state_read(s, NULL);
        s->listener->polled(s->userdata);
}

static void survey(State *s) {
        int r = disks_survey(s->view.disks, true);

        if (r < 0)
                log_warning("Cannot look for disks: %s, ignoring.", strerror(-r));
}

static void on_devices(void *userdata) {
        State *s = userdata;

        (void) esps_update_presence(s->view.esps);
        survey(s);
}

static void on_heard(Firmware *firmware, void *userdata) {
        (void) state_set_firmware(userdata, firmware);
}

/* A legacy BIOS has nothing to be asked for. */
static void ask_firmware(State *s) {
        if (host_has_efi(s->root))
                asker_ask(s->asker);
}

static void on_firmware(bool keys, void *userdata) {
        State *s = userdata;

        if (keys)
                signatures_distrust_keys(s->signatures);
        ask_firmware(s);
}

static void on_turned(void *userdata) {
        state_review(userdata, MANAGER_CHANGED_STATE);
}

static const WatchListener watch_listener = {
        .settled = on_settled,
        .devices = on_devices,
        .firmware = on_firmware,
        .polled = on_polled,
        .turned = on_turned,
};

static BootKeeperView on_keeper_looks(void *userdata) {
        const State *s = userdata;

        return (BootKeeperView){ s->view.firmware, s->view.esps, s->view.facts };
}

static void on_keeper_changed(void *userdata) {
        state_review(userdata, MANAGER_CHANGED_BOOT);
}

static const BootKeeperListener keeper_listener = {
        .view = on_keeper_looks,
        .heard = on_heard,
        .changed = on_keeper_changed,
};

void state_repair_entries(State *s) {
        if (s->keeper)
                boot_keeper_look(s->keeper, true);
}

int state_watch(State *s) {
        int r = watch_new(workers_config(s->workers)->event, s->root,
                          workers_config(s->workers)->deadline_percent, &watch_listener, s,
                          &s->watch);

        if (r >= 0)
                r = asker_new(s->workers, on_heard, s, &s->asker);
        if (r >= 0)
                r = boot_keeper_new(s->workers, &keeper_listener, s, &s->keeper);
        if (r < 0)
                return r;
        s->view.keeper = s->keeper;
        watch_set_settle(s->watch, s->view.facts->conf.settings.settle_sec);
        survey(s);
        ask_firmware(s);
        return 0;
}

const char *state_watching(const State *s, const char **ret_reason) {
        const char *trouble = s->watch ? watch_trouble(s->watch).reason : NULL;

        if (ret_reason)
                *ret_reason = strempty(trouble);
        return !s->watch ? "none" : trouble ? "timer" : "inotify";
}
