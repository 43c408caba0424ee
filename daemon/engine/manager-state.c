/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files are the truth; this is how they become memory. Everything is read again each time, and
 * compared: text that says what is known already changes nothing, which is why the daemon need not
 * tell its own writes from others'. */

#include <sys/stat.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "core/apt-conf.h"
#include "core/kernel-source.h"
#include "core/list-file.h"
#include "engine/manager-private.h"
#include "sys/boot-dir.h"
#include "sys/file.h"
#include "sys/grub-conf.h"
#include "sys/host-grub.h"

#define PATH_NEW_KERNELS PATH_RUN "/new-kernels"
#define SMALL_FILE_MAX   (1024 * 1024)
#define DESCRIPTORS_MIN  16 /* more than are ever open at once while everything is read */

void facts_done(Facts *facts) {
        kernel_conf_done(&facts->conf);
        boot_dir_done(&facts->boot);
        package_db_done(&facts->packages);
        host_done(&facts->host);
        free(facts->grub_stamp);
        free(facts->grub_default);
        strv_free(facts->new_kernels);
        kernel_set_done(&facts->kernels);
        strv_free(facts->kernel_warnings);
        *facts = FACTS_INIT;
}

static int load_new_kernels(const Root *root, ListFile *ret) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_NEW_KERNELS, SMALL_FILE_MAX, &text, &size);
        if (r < 0) {
                *ret = (ListFile){};
                return r == -ENOMEM ? r : 0;
        }
        return list_file_parse(text, size, LIST_KERNELS, ret, &warnings);
}

static int store_new_kernels(const Root *root, char *const *versions) {
        _cleanup_(list_file_done) ListFile list = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = load_new_kernels(root, &list);
        if (r < 0)
                return r;
        r = strv_extend_uniq(&list.items, versions);
        if (r < 0)
                return r;
        r = list_file_format(&list, LIST_KERNELS, &text, &size);
        if (r < 0)
                return r;
        return file_replace(root, PATH_NEW_KERNELS, text, size, 0644);
}

int manager_keep_new_kernels(Manager *m, char *const *versions) {
        int r;

        r = strv_extend_uniq(&m->unstored_kernels, versions);
        if (r < 0 || strv_isempty(m->unstored_kernels))
                return r;
        r = store_new_kernels(m->options.root, m->unstored_kernels);
        if (r >= 0)
                m->unstored_kernels = strv_free(m->unstored_kernels);
        else if (r == -ENOMEM)
                return r;
        else
                for (; versions && *versions; versions++)
                        log_event(LOG_WARNING, NULL, FIELD_KERNEL, *versions, NULL,
                                  "Cannot write to /" PATH_NEW_KERNELS " that kernel '%s' is new: "
                                  "%s; it is kept until bootsyncd ends or can write that.",
                                  *versions, strerror(-r));
        return 0;
}

static int select_kernels(const Facts *facts, KernelSet *ret) {
        return kernel_select(
                        &(KernelSelectInput){
                                        .boot = &facts->boot,
                                        .packages = facts->packages_readable ? &facts->packages
                                                                             : NULL,
                                        .running = facts->host.running,
                                        .installing = facts->new_kernels,
                                        .manual = facts->conf.manual.items,
                                        .pin = facts->conf.pin,
                                        .next_boot = facts->conf.next_boot,
                        },
                        ret);
}

/* On failure *@ret_reason may tell which file it was about. */
static int facts_load(const Root *root, char *const *unstored_kernels, Facts *ret,
                      char **ret_reason) {
        _cleanup_(facts_done) Facts facts = FACTS_INIT;
        _cleanup_(list_file_done) ListFile installing = {};
        _cleanup_free_ char *reason = NULL;
        int r;

        /* What cannot be opened would count as absent. */
        if (!fd_has_room(DESCRIPTORS_MIN))
                return -EMFILE;
        r = kernel_conf_load(root, &facts.conf, ret_reason);
        if (r < 0)
                return r;
        r = boot_dir_scan(root, &facts.boot);
        if (r < 0) {
                *ret_reason = strprintf("/" PATH_BOOT ": %s", strerror(-r));
                return r;
        }
        r = host_load(root, &facts.host);
        if (r < 0)
                return r;
        r = grub_conf_stamp(root, &facts.grub_stamp);
        if (r < 0)
                return r;
        facts.grub_host = strv_isempty(facts.conf.esps.items) && host_grub_exists(root);
        facts.grub_one_shot = facts.grub_host && host_grub_is_writable(root);
        /* A menu that cannot be read says nothing; a refresh tells of it. */
        if (facts.grub_host && host_grub_default(root, &facts.grub_default) == -ENOMEM)
                return -ENOMEM;
        r = load_new_kernels(root, &installing);
        if (r >= 0)
                r = strv_extend_uniq(&installing.items, unstored_kernels);
        if (r < 0)
                return r;
        facts.new_kernels = TAKE_PTR(installing.items);

        r = package_db_load(root, &facts.packages, &reason);
        if (r == -ENOMEM)
                return r;
        facts.packages_readable = r >= 0;
        if (r < 0) {
                r = strv_extendf(&facts.conf.warnings,
                                 "%s, so no kernel is removed from any ESP; repair the package "
                                 "database",
                                 reason);
                if (r < 0)
                        return r;
        }

        r = select_kernels(&facts, &facts.kernels);
        if (r >= 0)
                r = kernel_source_warnings(&facts.kernels, &facts.kernel_warnings);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(facts);
        return 0;
}

/* Everything that an ESP, or GRUB's menu of the host, is compared with. */
static bool facts_mean_the_same(const Facts *a, const Facts *b) {
        return boot_dir_equal(&a->boot, &b->boot) && kernel_set_equal(&a->kernels, &b->kernels) &&
               streq_ptr(a->conf.pin, b->conf.pin) &&
               streq_ptr(a->conf.next_boot, b->conf.next_boot) &&
               streq_ptr(a->conf.cmdline, b->conf.cmdline) &&
               a->conf.cmdline_source == b->conf.cmdline_source &&
               streq_ptr(a->host.running, b->host.running) &&
               streq_ptr(a->host.title, b->host.title) && streq_ptr(a->grub_stamp, b->grub_stamp) &&
               a->grub_host == b->grub_host;
}

static bool facts_equal(const Facts *a, const Facts *b) {
        return facts_mean_the_same(a, b) && streq_ptr(a->grub_default, b->grub_default) &&
               strv_equal(a->conf.esps.items, b->conf.esps.items) &&
               a->conf.settings.auto_sync == b->conf.settings.auto_sync &&
               a->packages.kernel_helper == b->packages.kernel_helper;
}

static void log_new(const Manager *m, char *const *warnings, const char *message_id) {
        for (; warnings && *warnings; warnings++)
                if (!strv_contains(m->logged, *warnings))
                        log_event(LOG_WARNING, message_id, NULL, "%s", *warnings);
}

/* Each warning once, until it is gone. */
static void log_warnings(Manager *m) {
        log_new(m, m->facts.conf.warnings, MSG_BAD_LINE);
        log_new(m, m->facts.kernel_warnings, NULL);
        m->logged = strv_free(m->logged);
        (void) strv_copy(m->facts.conf.warnings, &m->logged);
        (void) strv_extend_uniq(&m->logged, m->facts.kernel_warnings);
}

Member *manager_find_member(const Manager *m, const char *uuid) {
        for (size_t i = 0; i < m->n_members; i++)
                if (streq(esp_uuid(m->members[i]->esp), uuid))
                        return m->members[i];
        return NULL;
}

static int add_member(Manager *m, const char *uuid, Member **ret) {
        _cleanup_free_ Member *member = calloc(1, sizeof(*member));
        _cleanup_(block_names_done) BlockNames names = {};
        int r;

        if (!member || !ARRAY_RESERVE(m->members, m->n_members_allocated, m->n_members + 1))
                return -ENOMEM;
        member->manager = m;
        r = block_names_load(m->options.root, uuid, &names);
        if (r >= 0)
                r = esp_new(uuid, &names, &member->esp);
        if (r < 0)
                return r;
        esp_set_one_shot(member->esp, firmware_offers_one_shot(&m->firmware));
        m->members[m->n_members++] = *ret = TAKE_PTR(member);
        if (m->listener)
                m->listener->esp_added((*ret)->esp, m->userdata);
        return 0;
}

int manager_get_member(Manager *m, const char *uuid, Member **ret) {
        *ret = manager_find_member(m, uuid);
        return *ret ? 0 : add_member(m, uuid, ret);
}

void manager_drop_members(Manager *m) {
        if (m->running)
                return; /* it may point at them */

        for (size_t i = m->n_members; i > 0; i--) {
                Member *member = m->members[i - 1];

                if (member->listed || member->straggler)
                        continue;
                memmove(&m->members[i - 1], &m->members[i], (m->n_members - i) * sizeof(Member *));
                m->n_members--;
                if (m->listener)
                        m->listener->esp_removed(member->esp, m->userdata);
                esp_free(member->esp);
                free(member);
        }
}

static int update_members(Manager *m) {
        for (size_t i = 0; i < m->n_members; i++)
                m->members[i]->listed = strv_contains(m->facts.conf.esps.items,
                                                      esp_uuid(m->members[i]->esp));
        STRV_FOREACH(uuid, m->facts.conf.esps.items) {
                Member *member;
                int r = manager_get_member(m, *uuid, &member);

                if (r < 0)
                        return r;
                member->listed = true;
        }
        manager_drop_members(m);
        return 0;
}

void manager_tell(Manager *m, unsigned changes) {
        if (m->listener)
                m->listener->manager_changed(changes, m->userdata);
}

static void show_verdict(Manager *m) {
        bool in_sync = manager_in_sync(m);
        const char *redundancy = manager_redundancy(m);

        manager_show_default(m);
        if (in_sync == m->shown_in_sync && streq_ptr(redundancy, m->shown_redundancy) &&
            m->reasons_shown)
                return;
        m->reasons_shown = true;
        m->shown_in_sync = in_sync;
        free(m->shown_redundancy);
        m->shown_redundancy = strdup(redundancy);
        manager_tell(m, MANAGER_CHANGED_STATE);
}

void manager_esp_changed(Manager *m, Esp *esp) {
        manager_update_verdict(m);
        if (m->listener)
                m->listener->esp_changed(esp, m->userdata);
        show_verdict(m);
}

void manager_review_verdict(Manager *m) {
        manager_update_verdict(m);
        show_verdict(m);
}

/* A disk may come back under another name. */
static void update_names(Manager *m, Esp *esp) {
        _cleanup_(block_names_done) BlockNames names = {};

        if (block_names_load(m->options.root, esp_uuid(esp), &names) >= 0 &&
            esp_set_names(esp, &names) && m->listener)
                m->listener->esp_changed(esp, m->userdata);
}

bool manager_update_presence(Manager *m) {
        bool changed = false;

        for (size_t i = 0; i < m->n_members; i++) {
                Esp *esp = m->members[i]->esp;
                _cleanup_free_ char *path = strprintf(PATH_BY_UUID "/%s", esp_uuid(esp));
                struct stat st;
                bool present = path && root_stat(m->options.root, path, &st) >= 0;

                update_names(m, esp);
                if (present == esp_present(esp) &&
                    (present || esp_state(esp) == ESP_MISSING || esp_state(esp) == ESP_STUCK))
                        continue;
                changed = true;
                esp_set_present(esp, present);
                esp_forget_compared(esp);
                if (!present && esp_state(esp) != ESP_STUCK) {
                        log_event(manager_log_level(m, LOG_WARNING), MSG_ESP_MISSING,
                                  FIELD_ESP_UUID, esp_uuid(esp), NULL,
                                  "ESP '%s' is missing: there is no /" PATH_BY_UUID "/%s.",
                                  esp_uuid(esp), esp_uuid(esp));
                        esp_set_state(esp, ESP_MISSING, NULL);
                } else if (present && esp_state(esp) == ESP_MISSING)
                        esp_set_state(esp, ESP_UNKNOWN, NULL);
                manager_esp_changed(m, esp);
        }
        return changed;
}

/* What was in sync is so no more until it was compared with what is new. */
static void distrust_esps(Manager *m) {
        m->serial++;
        m->attempts = 0;
        for (size_t i = 0; i < m->n_members; i++) {
                Esp *esp = m->members[i]->esp;

                if (esp_state(esp) != ESP_IN_SYNC)
                        continue;
                esp_set_state(esp, ESP_UNKNOWN, NULL);
                if (m->listener)
                        m->listener->esp_changed(esp, m->userdata);
        }
}

static int keep_what_is_known(Manager *m, int r, char *reason) {
        _cleanup_free_ char *sentence = reason ?: strdup(strerror(-r));

        if (sentence && !streq_ptr(sentence, m->unreadable))
                log_error("The files below '%s' cannot be read (%s); keeping what is known, and "
                          "trying again.",
                          root_path(m->options.root), sentence);
        if (!m->unreadable)
                distrust_esps(m);
        if (sentence) {
                free(m->unreadable);
                m->unreadable = TAKE_PTR(sentence);
        }
        manager_review_verdict(m);
        return r;
}

static int take_facts(Manager *m, Facts *facts) {
        bool changed = !facts_equal(&m->facts, facts);
        bool matters = !facts_mean_the_same(&m->facts, facts);
        int r;

        facts_done(&m->facts);
        m->facts = TAKE_STRUCT(*facts);
        m->unreadable = mfree(m->unreadable);
        log_warnings(m);
        if (m->watch)
                watch_set_settle(m->watch, m->facts.conf.settings.settle_sec);
        if (matters)
                distrust_esps(m);
        r = update_members(m);
        return r < 0 ? r : changed;
}

int manager_reload(Manager *m) {
        _cleanup_(facts_done) Facts facts = FACTS_INIT;
        char *reason = NULL;
        int r;

        r = facts_load(m->options.root, m->unstored_kernels, &facts, &reason);
        if (r < 0)
                return keep_what_is_known(m, r, reason);
        r = take_facts(m, &facts);
        if (r < 0)
                return r;
        if (manager_update_presence(m))
                r = 1;
        manager_review_verdict(m);
        if (r > 0)
                manager_tell(m, MANAGER_CHANGED_KERNELS | MANAGER_CHANGED_CONFIG);
        return r;
}

int manager_reload_for(Manager *m, Error *error) {
        int r = manager_reload(m);

        return r < 0 ? error_set(error, ERROR_FAILED,
                                 "The files below '%s' cannot be read (%s); mend that, and try "
                                 "again",
                                 root_path(m->options.root), m->unreadable ?: strerror(-r))
                     : r;
}

int manager_make_input(Manager *m, RefreshInput *ret) {
        _cleanup_(refresh_input_done) RefreshInput input = {};
        const KernelConf *conf = &m->facts.conf;
        int r;

        r = select_kernels(&m->facts, &input.kernels);
        if (r < 0)
                return r;
        input.serial = m->serial;
        input.title = strdup(m->facts.host.title);
        input.pin = conf->pin ? strdup(conf->pin) : NULL;
        input.next_boot = conf->next_boot ? strdup(conf->next_boot) : NULL;
        if (!input.title || (conf->pin && !input.pin) || (conf->next_boot && !input.next_boot))
                return -ENOMEM;
        r = manager_plan_one_shot(m, &input.arm, &input.disarm);
        if (r < 0)
                return r;
        input.grub_host = m->facts.grub_host;
        input.grub_one_shot = m->facts.grub_one_shot;
        input.firmware = m->firmware_known ? &m->firmware : NULL;

        if (conf->cmdline) {
                char **to = conf->cmdline_source == CMDLINE_FILE ? &input.cmdline
                                                                 : &input.fallback_cmdline;

                *to = strdup(conf->cmdline);
                if (!*to)
                        return -ENOMEM;
        } else {
                _cleanup_free_ char *text = NULL;
                size_t size;

                input.adopt = file_read(m->options.root, PATH_PROC_CMDLINE, SMALL_FILE_MAX, &text,
                                        &size) >= 0 &&
                              cmdline_clean(text, size, &input.fallback_cmdline) >= 0;
        }
        *ret = TAKE_STRUCT(input);
        return 0;
}

void manager_remove_leftovers(const Manager *m) {
        static const char *const directories[] = {
                PATH_ETC_KERNEL,   PATH_GRUB_CONF_DIR, PATH_GRUB_DIR,
                PATH_APT_CONF_DIR, PATH_STATE,         PATH_RUN,
        };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                int r = file_remove_leftovers(m->options.root, directories[i]);

                if (r < 0)
                        log_warning("Cannot remove from /%s the temporary files that an earlier "
                                    "bootsyncd left: %s, ignoring.",
                                    directories[i], strerror(-r));
        }
}

void manager_write_apt_conf(Manager *m) {
        _cleanup_strv_ char **kept = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        /* Without boot/ it is not known which kernels could run. */
        if (!m->facts.packages_readable || m->facts.kernels.boot_is_empty)
                return;
        r = kernel_set_protected(&m->facts.kernels, &kept);
        if (r >= 0)
                r = apt_conf_render(kept, &text);
        if (r >= 0)
                r = file_replace(m->options.root, PATH_APT_CONF, text, strlen(text), 0644);
        if (r < 0)
                log_warning("Cannot write /" PATH_APT_CONF
                            ": %s; apt may offer to remove kernels that "
                            "are kept, ignoring.",
                            strerror(-r));
}
