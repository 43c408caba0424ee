/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the whole amounts to: are all ESPs in sync, how many may fail, which command line is booted.
 * Derived anew from the ESPs' records each time; what was not looked at yet is "unknown", never a
 * guess. */

#include <systemd/sd-daemon.h>

#include "common/names.h"
#include "engine/look.h"
#include "engine/manager-private.h"

/* The ESP that boots this host as far as anybody can tell; NULL if there is none. The firmware
 * passes over a disk that is not there, and over a boot loader that is not. */
static const Esp *find_booting_esp(const Manager *m) {
        const Firmware *firmware = m->firmware_known ? &m->firmware : NULL;
        const Esp *found = NULL;
        size_t best = SIZE_MAX;

        STRV_FOREACH(uuid, m->facts.conf.esps.items) {
                const Member *member = manager_find_member(m, *uuid);
                const Esp *esp = member ? member->esp : NULL;
                size_t rank;

                if (!esp || !esp_present(esp) ||
                    (esp_image(esp) && !esp_image_has_loader(esp_image(esp))))
                        continue;
                rank = firmware ? firmware_rank(firmware, esp_part_uuid(esp)) : SIZE_MAX;
                if (!found || rank < best) {
                        found = esp;
                        best = rank;
                }
        }
        return found;
}

const char *manager_default_kernel(const Manager *m) {
        const Esp *esp;

        if (strv_isempty(m->facts.conf.esps.items))
                return strempty(m->facts.grub_default);
        esp = find_booting_esp(m);
        return esp ? esp_default_kernel(esp) : "";
}

/* True if that is another one. */
static bool replace_shown(char **shown, const char *new) {
        if (streq_ptr(*shown, new))
                return false;
        free(*shown);
        *shown = strdup(new);
        return true;
}

void manager_show_default(Manager *m) {
        bool changed = replace_shown(&m->shown_default, manager_default_kernel(m));

        if (replace_shown(&m->shown_wanted, manager_wanted_kernel(m)) || changed)
                manager_tell(m, MANAGER_CHANGED_DEFAULT);
}

bool manager_pins_by_default(const Manager *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_members; i++) {
                const char *method = esp_one_shot_method(m->members[i]->esp);

                if (!m->members[i]->listed)
                        continue;
                if (!streq(method, "firmware") && !streq(method, "grubenv"))
                        return true;
                n++;
        }
        return n == 0 && !m->facts.grub_one_shot;
}

/* Of each kind the first ESP, in the order of the list. */
typedef struct Count {
        size_t listed, in_sync, bootable;
        const Esp *unseen; /* not looked at yet */
        const Esp *blind;  /* a look at it failed, and there never was another */
        const Esp *syncing, *unknown, *behind, *bare, *twin;
        const Esp *lame;  /* would boot a kernel that is not complete on it, or none */
        const char *disk; /* that all ESPs are on; NULL: on several, or unknown */
} Count;

/* Where it is not known which disk an ESP is on, it counts as one of its own. */
static void count_disk(Count *c, const Esp *esp) {
        const char *disk = esp_disk(esp);

        if (c->listed == 1)
                c->disk = isempty(disk) ? NULL : disk;
        else if (!streq_ptr(c->disk, disk))
                c->disk = NULL;
}

/* An ESP that is not in sync counts as one of these. */
static void count_state(const Manager *m, Count *c, const Esp *esp) {
        bool mended = manager_is_about_to_sync(m, esp);

        switch (esp_state(esp)) {
        case ESP_IN_SYNC:
                c->in_sync++;
                break;
        case ESP_SYNCING:
                c->syncing = c->syncing ?: esp;
                break;
        case ESP_UNKNOWN:
                if (mended)
                        c->syncing = c->syncing ?: esp;
                else
                        c->unknown = c->unknown ?: esp;
                break;
        case ESP_OUTDATED:
                if (mended)
                        c->syncing = c->syncing ?: esp;
                else
                        c->behind = c->behind ?: esp;
                break;
        case ESP_MISSING:
        case ESP_STUCK:
        case ESP_FAILED:
                c->behind = c->behind ?: esp;
                break;
        case _ESP_STATE_MAX:
        case _ESP_STATE_INVALID:
                assert(false);
        }
}

static void count_content(const Manager *m, Count *c, const Esp *esp) {
        const EspImage *image = esp_image(esp);
        EspState state = esp_state(esp);

        if (!image && (state == ESP_UNKNOWN || state == ESP_SYNCING))
                c->unseen = c->unseen ?: esp;
        if (!image && (state == ESP_FAILED || state == ESP_STUCK))
                c->blind = c->blind ?: esp;
        if (image && !esp_image_has_loader(image))
                c->bare = c->bare ?: esp;
        else if (image && !esp_is_bootable(esp))
                c->lame = c->lame ?: esp;
        else if (image && esp_present(esp) && state != ESP_STUCK)
                c->bootable++;
        if (manager_uuid_is_duplicate(m, esp_uuid(esp)))
                c->twin = c->twin ?: esp;
}

static Count count_esps(const Manager *m) {
        Count c = {};

        for (size_t i = 0; i < m->n_members; i++) {
                const Esp *esp = m->members[i]->esp;

                if (!m->members[i]->listed)
                        continue;
                c.listed++;
                count_disk(&c, esp);
                count_state(m, &c, esp);
                count_content(m, &c, esp);
        }
        return c;
}

bool manager_in_sync(const Manager *m) {
        Count c = count_esps(m);

        return !m->unreadable && c.listed > 0 && c.in_sync == c.listed;
}

const char *manager_redundancy(const Manager *m) {
        Count c = count_esps(m);

        if (m->unreadable)
                return "unknown";
        if (c.listed == 0)
                return "unmanaged";
        if (c.unseen || (c.bootable == 0 && c.blind))
                return "unknown";
        if (c.bootable == 0)
                return "unbootable";
        if (c.behind || c.bare || c.twin)
                return "degraded";
        if (c.unknown)
                return "unknown";
        if (c.syncing)
                return "syncing";
        if (c.lame)
                return "degraded";
        return c.listed == 1 || c.disk ? "single" : "redundant";
}

/* "ESP 'X' on disk '/dev/sda'"; NULL when out of memory. */
static char *esp_and_disk(const Esp *esp) {
        return isempty(esp_disk(esp))
                               ? strprintf("ESP '%s'", esp_uuid(esp))
                               : strprintf("ESP '%s' on disk '%s'", esp_uuid(esp), esp_disk(esp));
}

static char *render_unreadable(const Manager *m) {
        return strprintf("The files below '%s' cannot be read (%s); mend that, and the ESPs are "
                         "compared with them.",
                         root_path(m->options.root), m->unreadable);
}

static char *render_behind(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        return strprintf("%s is not in sync (%s).", strempty(name),
                         esp_state_to_string(esp_state(esp)));
}

static char *render_unknown(const Esp *esp) {
        return esp_image(esp) ? strprintf("ESP '%s' has not been compared with the files as they "
                                          "are now.",
                                          esp_uuid(esp))
                              : strprintf("ESP '%s' has not been looked at yet.", esp_uuid(esp));
}

static char *render_blind(const Esp *esp) {
        return strprintf("ESP '%s' could not be looked at%s%s.", esp_uuid(esp),
                         isempty(esp_last_error(esp)) ? "" : ": ", esp_last_error(esp));
}

static char *render_bare(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        return strprintf("%s has lost its boot loader; 'bootctl-pve reinit' installs it anew.",
                         strempty(name));
}

static char *render_lame(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        if (isempty(esp_default_kernel(esp)))
                return strprintf("%s holds no complete kernel that it would boot.", strempty(name));
        return strprintf("%s would boot kernel '%s', which is not complete on it; look at its "
                         "default, and run 'bootctl-pve refresh'.",
                         strempty(name), esp_default_kernel(esp));
}

/* Every ESP is as it should be; what that amounts to. */
static char *render_good(const Count *c) {
        if (c->listed == 1)
                return c->disk ? strprintf("Only one ESP is configured, on disk '%s'.", c->disk)
                               : strdup("Only one ESP is configured.");
        if (c->disk)
                return strprintf("All %zu ESPs are on one disk, '%s'.", c->listed, c->disk);
        return strprintf("%zu ESPs are in sync.", c->in_sync);
}

static char *render_none(const Manager *m) {
        return strdup(m->facts.grub_host ? "No ESP is configured; this host boots from "
                                           "'/" PATH_BOOT "' by GRUB."
                                         : "No ESP is configured.");
}

/* NULL when out of memory, as all of these. In the order of manager_redundancy(). */
static char *render_verdict(const Manager *m, const Count *c) {
        if (m->unreadable)
                return render_unreadable(m);
        if (c->listed == 0)
                return render_none(m);
        if (c->unseen)
                return render_unknown(c->unseen);
        if (c->bootable == 0)
                return c->blind ? render_blind(c->blind)
                                : strdup("No ESP holds a boot loader and a complete kernel.");
        if (c->behind)
                return render_behind(c->behind);
        if (c->bare)
                return render_bare(c->bare);
        if (c->twin)
                return strprintf("More than one partition has the FAT UUID '%s', so only one of "
                                 "them is in sync; format the other one anew.",
                                 esp_uuid(c->twin));
        if (c->unknown)
                return render_unknown(c->unknown);
        if (c->syncing)
                return strprintf("ESP '%s' is being brought into sync.", esp_uuid(c->syncing));
        if (c->lame)
                return render_lame(c->lame);
        return render_good(c);
}

/* The first thing that is wrong with boot/ stands beside the verdict, whatever that is: the ESPs
 * may be as good as ever and nobody would look. */
static char *add_warning(const Manager *m, char *verdict) {
        char **warnings = m->facts.kernel_warnings, *reason;

        if (isempty(verdict) || m->unreadable || strv_isempty(m->facts.conf.esps.items) ||
            strv_isempty(warnings))
                return verdict;
        reason = strprintf("%.*s, but %s.", (int) strlen(verdict) - 1, verdict, warnings[0]);
        free(verdict);
        return reason;
}

/* Empty if everything is in sync. */
static char *render_in_sync_reason(const Manager *m, const Count *c) {
        if (m->unreadable)
                return render_unreadable(m);
        if (c->listed == 0)
                return render_none(m);
        if (c->behind)
                return render_behind(c->behind);
        if (c->unknown || (c->syncing && esp_state(c->syncing) == ESP_UNKNOWN))
                return render_unknown(c->unknown ?: c->syncing);
        if (c->syncing)
                return strprintf("ESP '%s' is being brought into sync.", esp_uuid(c->syncing));
        return strdup("");
}

/* True if that is another one. */
static bool replace_reason(char **reason, char *new) {
        bool changed = !streq_ptr(*reason, new);

        free(*reason);
        *reason = new;
        return changed;
}

void manager_update_verdict(Manager *m) {
        Count c = count_esps(m);

        if (replace_reason(&m->redundancy_reason, add_warning(m, render_verdict(m, &c)))) {
                m->reasons_shown = false;
                /* What 'systemctl status' shows. */
                (void) sd_notifyf(false, "STATUS=%s", strempty(m->redundancy_reason));
        }
        if (replace_reason(&m->in_sync_reason, add_warning(m, render_in_sync_reason(m, &c))))
                m->reasons_shown = false;

        m->esp_options = mfree(m->esp_options);
        for (size_t i = 0; !m->esp_options && i < m->n_members; i++)
                if (esp_image(m->members[i]->esp))
                        (void) look_options(esp_image(m->members[i]->esp), &m->esp_options);
}

const char *manager_in_sync_reason(const Manager *m) {
        return strempty(m->in_sync_reason);
}

const char *manager_redundancy_reason(const Manager *m) {
        return strempty(m->redundancy_reason);
}

/* The file; else what the entries say; else what was adopted. */
CmdlineSource manager_cmdline_source(const Manager *m) {
        if (m->facts.conf.cmdline_source != CMDLINE_FILE && m->esp_options)
                return CMDLINE_ENTRIES;
        return m->facts.conf.cmdline_source;
}

const char *manager_cmdline(const Manager *m) {
        if (manager_cmdline_source(m) == CMDLINE_ENTRIES)
                return m->esp_options;
        return strempty(m->facts.conf.cmdline);
}
