/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One place for every frontend, so that none has to know what to look for. Each warning and each
 * advice is derived anew from what is known, and goes by itself when its cause does. What is wrong
 * with an ESP is no warning: the ESP tells that, by its own reason and action. */

#include "engine/advice.h"

#include <strings.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "engine/boot.h"
#include "sys/root.h"

#define DAY_USEC (UINT64_C(24) * 3600 * 1000000)

/* The path @directory@path as one word for a shell. NULL when out of memory. */
static char *shell_path(const char *directory, const char *path) {
        _cleanup_free_ char *whole = strprintf("%s%s", directory, path);

        return whole ? shell_word(whole) : NULL;
}

/* The commands "bootctl-pve @action", of which "&&" may join several, on the root @path. NULL when
 * out of memory. */
static char *ours_on(const char *path, const char *action) {
        static const char then[] = " && bootctl-pve ";
        const char *next = strstr(action, then);
        _cleanup_free_ char *rest = next ? ours_on(path, next + strlen(then)) : strdup("");
        int n = (int) (next ? next - action : (ssize_t) strlen(action));

        return rest ? strprintf("bootctl-pve --root=%s %.*s%s%s", path, n, action,
                                next ? " && " : "", rest)
                    : NULL;
}

/* The command @action, which was written for "/", on this root. NULL when out of memory. */
static char *action_on(const Root *root, const char *action) {
        const bool elsewhere = !root_is_host(root) && !streq(root_path(root), "/");
        const char *file = startswith(action, "editor ");
        const char *ours = startswith(action, "bootctl-pve ");
        _cleanup_free_ char *path = shell_path(elsewhere ? root_path(root) : "", strempty(file));

        if (!path)
                return NULL;
        if (file)
                return strprintf("editor %s", path);
        if (!elsewhere || isempty(action))
                return strdup(action);
        return ours ? ours_on(path, ours) : strprintf("chroot %s %s", path, action);
}

static int add(Warnings *l, const WarningsInput *in, WarningId id, const char *subject,
               char *sentence, const char *action) {
        return warnings_add(l, id, subject, sentence, action_on(in->verdict->root, action));
}

/* Copies of what the files' readers found. */
static int add_of_files(Warnings *l, const WarningsInput *in, const Warnings *found) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < found->n; i++) {
                const Warning *w = &found->items[i];

                r = add(l, in, w->id, w->subject, strdup(w->sentence), w->action);
        }
        return r;
}

static int warn_of_root_disks(Warnings *l, const WarningsInput *in) {
        _cleanup_warnings_ Warnings found = {};
        int r = verdict_root_disks(in->verdict, &found);

        return r < 0 ? r : add_of_files(l, in, &found);
}

static int warn_of_unreadable(Warnings *l, const WarningsInput *in) {
        const char *reason = in->verdict->facts->unreadable;

        if (!reason)
                return 0;
        return warnings_add(l, WARNING_FILES_UNREADABLE, root_path(in->verdict->root),
                            strprintf("The files below '%s' cannot be read (%s)",
                                      root_path(in->verdict->root), reason),
                            strdup("journalctl -u bootsyncd"));
}

static int warn_of_auto_sync(Warnings *l, const WarningsInput *in) {
        const Facts *facts = in->verdict->facts;
        AutoSync wish = facts->conf.settings.auto_sync;

        if (in->private || wish == AUTO_SYNC_YES)
                return 0;
        if (wish == AUTO_SYNC_NO)
                return add(l, in, WARNING_AUTO_SYNC_OFF, "AutoSync",
                           strdup("AutoSync is off: AutoSync=no is set, so changes are not synced "
                                  "unasked"),
                           "editor /" PATH_CONFIG);
        if (!facts->packages.kernel_helper)
                return 0;
        return add(l, in, WARNING_AUTO_SYNC_OFF, "proxmox-kernel-helper",
                   strdup("AutoSync is off: the package proxmox-kernel-helper is installed and "
                          "syncs by "
                          "its own hooks"),
                   "apt-get remove proxmox-kernel-helper");
}

static int warn_of_watching(Warnings *l, const WarningsInput *in) {
        const char *reason = in->watching_reason;

        if (isempty(reason))
                return 0;
        return add(l, in, WARNING_NOT_WATCHING, "inotify",
                   strndup(reason, strlen(reason) - (endswith(reason, ".") ? 1 : 0)),
                   in->watching_remedy);
}

/* The kernel that is missed least when room is needed. */
static const Kernel *find_dispensable(const KernelSet *set) {
        for (size_t i = set->n_kernels; i-- > 0;) {
                const Kernel *k = &set->kernels[i];

                if (k->reasons == 1u << KERNEL_MANUAL)
                        return k;
        }
        return NULL;
}

/* The command that makes room on all ESPs. NULL when out of memory. */
static char *make_room(const KernelSet *kernels) {
        const Kernel *k = find_dispensable(kernels);

        return k ? strprintf("bootctl-pve kernel remove %s", k->version)
                 : strdup("apt-get autoremove --purge");
}

static int warn_of_full_esp(Warnings *l, const WarningsInput *in, const EspInfo *esp) {
        const unsigned percent = percent_used(esp->size_bytes, esp->free_bytes);
        _cleanup_free_ char *action = NULL;

        if (percent <= WARNINGS_FULL_PERCENT)
                return 0;
        action = make_room(&in->verdict->facts->kernels);
        if (!action)
                return -ENOMEM;
        return add(l, in, WARNING_ESP_FULL, esp->uuid,
                   strprintf("ESP '%s' is %u %% full, so that a new kernel may not fit on it",
                             esp->uuid, percent),
                   action);
}

static int warn_of_esps(Warnings *l, const WarningsInput *in) {
        int r = 0;

        ESPS_FOREACH(esp, in->verdict->esps) {
                const EspInfo info = esp_info(esp);

                if (r >= 0 && info.listed && info.present)
                        r = warn_of_full_esp(l, in, &info);
        }
        return r;
}

/* The partition of an ESP whose disk is away has no name that could be compared. */
static bool every_esp_is_there(const VerdictInput *in) {
        ESPS_FOREACH(esp, in->esps)
                if (esp_info(esp).listed && !esp_info(esp).present)
                        return false;
        return true;
}

static bool has_partition(const Partitions *partitions, const char *part_uuid) {
        for (size_t i = 0; i < partitions->n; i++)
                if (streq_ptr(partitions->items[i].part_uuid, part_uuid))
                        return true;
        return false;
}

static int warn_of_entries(Warnings *l, const WarningsInput *in) {
        const Firmware *firmware = in->verdict->firmware;
        int r = 0;

        /* Before the disks were looked at, every partition would be missing. The entry of an ESP
         * that comes back is wanted. */
        if (!firmware || in->verdict->partitions->n == 0 || !every_esp_is_there(in->verdict))
                return 0;
        for (size_t i = 0; r >= 0 && i < firmware->n_entries; i++) {
                const LoadOption *o = &firmware->entries[i];
                char action[sizeof("efibootmgr --bootnum FFFF --delete-bootnum")];
                char name[sizeof("BootFFFF")];

                if (!load_option_is_ours(o) || isempty(o->partuuid) ||
                    has_partition(in->verdict->partitions, o->partuuid))
                        continue;
                (void) snprintf(name, sizeof(name), "Boot%04X", o->number);
                (void) snprintf(action, sizeof(action),
                                "efibootmgr --bootnum %04X --delete-bootnum", o->number);
                r = warnings_add(l, WARNING_ENTRY_WITHOUT_ESP, name,
                                 strprintf("The firmware's entry %s ('%s') leads to a partition "
                                           "that is not there",
                                           name, strempty(o->title)),
                                 strdup(action));
        }
        return r;
}

/* Not while a job is about to see to it. */
static const Esp *find_unarmed(const VerdictInput *in) {
        ESPS_FOREACH(esp, in->esps) {
                EspState state = esp_info(esp).state;

                if (esp_info(esp).listed && (state == ESP_OUTDATED || state == ESP_FAILED) &&
                    !in->is_about_to_sync(esp, in->userdata))
                        return esp;
        }
        return NULL;
}

static int warn_of_next_boot(Warnings *l, const WarningsInput *in) {
        const char *version = in->verdict->facts->conf.next_boot;
        const Esp *esp = version ? find_unarmed(in->verdict) : NULL;

        if (!esp)
                return 0;
        return add(l, in, WARNING_NEXT_BOOT_NOT_ARMED, version,
                   strprintf("Kernel '%s' is pinned for the next boot, but ESP '%s' does not know "
                             "of it",
                             version, esp_info(esp).uuid),
                   "bootctl-pve refresh");
}

static int warn_of_pin(Warnings *l, const WarningsInput *in) {
        const KernelConf *conf = &in->verdict->facts->conf;
        uint64_t days;

        if (!conf->pin || conf->pin_usec == 0 || conf->pin_usec > in->now_usec)
                return 0;
        days = (in->now_usec - conf->pin_usec) / DAY_USEC;
        if (days <= WARNINGS_PIN_DAYS)
                return 0;
        return add(l, in, WARNING_PIN_OLD, conf->pin,
                   strprintf("Kernel '%s' has been pinned for %u days, so that no newer one boots",
                             conf->pin, (unsigned) days),
                   "bootctl-pve kernel unpin");
}

#define SHOW_SIGNATURES "bootctl-pve secure-boot status"

static int warn_of_refused_esps(Warnings *l, const WarningsInput *in) {
        int r = 0;

        ESPS_FOREACH(esp, in->verdict->esps) {
                const EspInfo info = esp_info(esp);
                _cleanup_free_ char *refusal = NULL;

                if (r < 0 || !info.listed || !info.present)
                        continue;
                r = verdict_tell_refusal(in->verdict->facts, esp, &refusal);
                if (r >= 0 && refusal)
                        r = add(l, in, WARNING_ESP_REFUSED, info.uuid,
                                strprintf("ESP '%s' would not boot, as Secure Boot is enabled: %s",
                                          info.uuid, refusal),
                                SHOW_SIGNATURES);
        }
        return r;
}

/* The reason of one of those that check kernels here. */
static const char *find_reason(const Facts *facts, const Kernel *kernel) {
        _cleanup_free_ char *path = strprintf("/" PATH_BOOT "/vmlinuz-%s", kernel->version);
        const SignedFile *file = path ? signed_files_find(&facts->secure_boot->files, path) : NULL;

        for (Checker c = 0; file && c < _CHECKER_MAX; c++)
                if (kernel->refused & facts->checkers & (1u << c))
                        return file->by[c].reason;
        return "it is not accepted";
}

static int warn_of_refused_kernels(Warnings *l, const WarningsInput *in) {
        const Facts *facts = in->verdict->facts;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < facts->kernels.n_kernels; i++) {
                const Kernel *k = &facts->kernels.kernels[i];

                if (k->reasons == 0 || !(k->refused & facts->checkers))
                        continue;
                r = add(l, in, WARNING_KERNEL_REFUSED, k->version,
                        strprintf("Secure Boot is enabled, and refuses kernel '%s'%s: %s",
                                  k->version,
                                  kernel_has_reason(k, KERNEL_PIN) ||
                                                                  kernel_has_reason(
                                                                                  k,
                                                                                  KERNEL_NEXT_BOOT)
                                                  ? ", so that it does not boot though it is pinned"
                                                  : "",
                                  find_reason(facts, k)),
                        SHOW_SIGNATURES);
        }
        return r;
}

/* If that module is the first of its kernel that is refused, how many are; else 0. */
static size_t count_refused(const SecureBootFacts *facts, size_t first) {
        size_t n = 0;

        for (size_t i = 0; i < facts->n_modules; i++) {
                if (facts->modules[i].unknown ||
                    !streq(facts->modules[i].kernel, facts->modules[first].kernel))
                        continue;
                if (i < first)
                        return 0;
                n++;
        }
        return facts->modules[first].unknown ? 0 : n;
}

static int warn_of_modules(Warnings *l, const WarningsInput *in) {
        const SecureBootFacts *facts = in->verdict->facts->secure_boot;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < facts->n_modules; i++) {
                const RefusedModule *m = &facts->modules[i];
                size_t n = count_refused(facts, i);

                if (n == 0)
                        continue;
                r = add(l, in, WARNING_MODULES_REFUSED, m->kernel,
                        strprintf("Secure Boot is enabled, and kernel '%s' refuses %zu of its "
                                  "modules, among them '%s'%s%s%s: %s",
                                  m->kernel, n, m->path, isempty(m->package) ? "" : " of '",
                                  m->package, isempty(m->package) ? "" : "'", m->reason),
                        SHOW_SIGNATURES);
        }
        return r;
}

static bool has_key(const SecureBootFacts *facts, KeyStore store, const char *sha256) {
        for (size_t i = 0; i < facts->n_keys; i++)
                if (facts->keys[i].store == store && streq(facts->keys[i].sha256, sha256))
                        return true;
        return false;
}

static int warn_of_key(Warnings *l, const WarningsInput *in, const BootKey *key) {
        const SecureBootFacts *facts = in->verdict->facts->secure_boot;
        bool waits = has_key(facts, KEY_STORE_MOK_NEW, key->sha256);
        _cleanup_free_ char *word = shell_path("", key->path), *import = NULL;

        if (key->store != KEY_STORE_DKMS || has_key(facts, KEY_STORE_MOK, key->sha256) ||
            has_key(facts, KEY_STORE_DB, key->sha256))
                return 0;
        import = word ? strprintf("mokutil --import %s", word) : NULL;
        if (!import)
                return -ENOMEM;
        return add(l, in, WARNING_KEY_NOT_ENROLLED, key->path,
                   waits ? strprintf("The key '%s' that signs modules waits for MokManager, at the "
                                     "console of the next boot",
                                     key->path)
                         : strprintf("The key '%s' that signs modules is not enrolled, so that "
                                     "Secure Boot refuses these",
                                     key->path),
                   waits ? "systemctl reboot" : import);
}

/* Only while it is enabled. */
static int warn_of_trust(Warnings *l, const WarningsInput *in) {
        const SecureBootFacts *facts = in->verdict->facts->secure_boot;
        int r;

        if (!facts)
                return 0;
        r = warn_of_refused_esps(l, in) ?: warn_of_refused_kernels(l, in) ?: warn_of_modules(l, in);
        for (size_t i = 0; r >= 0 && i < facts->n_keys; i++)
                r = warn_of_key(l, in, &facts->keys[i]);
        return r;
}

int warnings_make(const WarningsInput *in, Warnings *ret) {
        const Facts *facts = in->verdict->facts;
        _cleanup_warnings_ Warnings l = {};
        int r;

        r = warn_of_unreadable(&l, in) ?:
            warn_of_trust(&l, in) ?:
            add_of_files(&l, in, &facts->kernel_warnings) ?:
            add_of_files(&l, in, &facts->conf.warnings) ?:
            warn_of_auto_sync(&l, in) ?:
            warn_of_watching(&l, in) ?:
            warn_of_root_disks(&l, in) ?:
            warn_of_esps(&l, in) ?:
            warn_of_next_boot(&l, in) ?:
            warn_of_entries(&l, in) ?:
            boot_keeper_warn(in->verdict->keeper, &l) ?:
            warn_of_pin(&l, in);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(l);
        return 0;
}

static bool is_bare(const EspInfo *esp) {
        return esp->image && !esp_image_has_loader(esp->image);
}

/* NULL when out of memory. */
static char *explain_esp(const EspInfo *esp) {
        if (!isempty(esp->last_error) && esp->state != ESP_SYNCING)
                return strdup(esp->last_error);
        switch (esp->state) {
        case ESP_UNKNOWN:
                return strdup(esp->image ? "it was not compared with the files as they are now"
                                         : "it was not looked at yet");
        case ESP_OUTDATED:
                return strdup(esp->difference);
        case ESP_MISSING:
                return strprintf("there is no /" PATH_BY_UUID "/%s; is its disk connected?",
                                 esp->uuid);
        case ESP_STUCK:
                return strdup("the process that works on it waits for a disk that does not answer");
        case ESP_IN_SYNC:
                if (is_bare(esp))
                        return strdup("it has no boot loader");
                return strdup(esp->bootable ? "" : "nothing on it would boot");
        case ESP_SYNCING:
        case ESP_FAILED:
                return strdup("");
        case _ESP_STATE_MAX:
        case _ESP_STATE_INVALID:
                break;
        }
        assert(false);
        return NULL;
}

/* NULL when out of memory. */
static char *find_remedy(const KernelSet *kernels, const EspInfo *esp) {
        if (esp->state == ESP_SYNCING)
                return strdup("");
        if (esp->state == ESP_MISSING)
                return strdup("bootctl-pve clean");
        if (esp->state == ESP_STUCK)
                return strdup("journalctl -k");
        if (esp->error_code == ERROR_ESP_MOUNTED)
                return strprintf("umount %s", esp->device);
        if (esp->error_code == ERROR_NO_SPACE)
                return make_room(kernels);
        if (esp->image && esp->loader == ESP_LOADER_NONE)
                return strprintf("bootctl-pve init %s", esp->device);
        if (is_bare(esp))
                return strdup("bootctl-pve reinit");
        return strdup(esp->state == ESP_IN_SYNC && esp->bootable ? "" : "bootctl-pve refresh");
}

void advise_esp(const Root *root, const KernelSet *kernels, Esp *esp) {
        const EspInfo info = esp_info(esp);
        _cleanup_free_ char *action = find_remedy(kernels, &info);

        esp_set_advice(esp, explain_esp(&info), action ? action_on(root, action) : NULL);
}

/* A private daemon is silent: its client shows the list, or after a job what is a fault in it. */
static int warning_level(bool private, const Warning *w) {
        const char *severity = warning_kind(w->id)->severity;

        return private                    ? LOG_DEBUG
               : streq(severity, "fault") ? LOG_ERR
               : streq(severity, "note")  ? LOG_NOTICE
                                          : LOG_WARNING;
}

void warnings_log(const Warnings *old, const Warnings *new, bool private) {
        for (size_t i = 0; i < new->n; i++) {
                const Warning *w = &new->items[i];
                _cleanup_free_ char *text = warning_to_text(w);

                if (!warnings_contain(old, w))
                        log_event(warning_level(private, w), warning_kind(w->id)->message_id,
                                  FIELD_WARNING, warning_kind(w->id)->word, FIELD_SUBJECT,
                                  w->subject, FIELD_ACTION, w->action, NULL, "%s.", strempty(text));
        }
        for (size_t i = 0; i < old->n; i++) {
                const Warning *w = &old->items[i];

                if (!warnings_contain(new, w))
                        log_event(private ? LOG_DEBUG : LOG_INFO, MSG_WARNING_GONE, FIELD_WARNING,
                                  warning_kind(w->id)->word, FIELD_SUBJECT, w->subject, NULL,
                                  "The warning %s about %s is over.", warning_kind(w->id)->word,
                                  w->subject);
        }
}
