/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the whole amounts to: are all ESPs in sync, how many may fail, which command line is booted.
 * Derived anew from the ESPs' records each time; what was not looked at yet is "unknown", never a
 * guess. */

#include <systemd/sd-daemon.h>

#include "common/names.h"
#include "engine/look.h"
#include "engine/manager-private.h"

bool manager_in_sync(const Manager *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_members; i++) {
                if (!m->members[i]->listed)
                        continue;
                if (esp_state(m->members[i]->esp) != ESP_IN_SYNC)
                        return false;
                n++;
        }
        return n > 0;
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

typedef struct Count {
        size_t listed, in_sync, bootable;
        const Esp *unseen, *behind, *bare, *twin; /* the first of each kind */
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

static Count count_esps(const Manager *m) {
        Count c = {};

        for (size_t i = 0; i < m->n_members; i++) {
                const Esp *esp = m->members[i]->esp;

                if (!m->members[i]->listed)
                        continue;
                c.listed++;
                count_disk(&c, esp);
                if (!esp_image(esp) &&
                    (esp_state(esp) == ESP_UNKNOWN || esp_state(esp) == ESP_SYNCING))
                        c.unseen = c.unseen ?: esp;
                if (esp_image(esp) && !esp_image_has_loader(esp_image(esp)))
                        c.bare = c.bare ?: esp;
                else if (esp_present(esp) && esp_state(esp) != ESP_STUCK &&
                         !strv_isempty(esp_kernels(esp)))
                        c.bootable++;
                if (manager_uuid_is_duplicate(m, esp_uuid(esp)))
                        c.twin = c.twin ?: esp;
                if (esp_state(esp) == ESP_IN_SYNC)
                        c.in_sync++;
                else
                        c.behind = c.behind ?: esp;
        }
        return c;
}

const char *manager_redundancy(const Manager *m) {
        Count c = count_esps(m);

        if (c.listed == 0)
                return "unmanaged";
        if (c.unseen)
                return "unknown";
        if (c.bootable == 0)
                return "unbootable";
        if (c.behind || c.bare || c.twin)
                return "degraded";
        return c.listed == 1 || c.disk ? "single" : "redundant";
}

/* "ESP 'X' on disk '/dev/sda'"; NULL when out of memory. */
static char *esp_and_disk(const Esp *esp) {
        return isempty(esp_disk(esp))
                               ? strprintf("ESP '%s'", esp_uuid(esp))
                               : strprintf("ESP '%s' on disk '%s'", esp_uuid(esp), esp_disk(esp));
}

static char *render_verdict(const Manager *m, const Count *c) {
        const Esp *esp = c->behind ?: c->bare;
        _cleanup_free_ char *bad = esp ? esp_and_disk(esp) : NULL;

        if (c->listed == 0)
                return strdup(m->facts.grub_host ? "No ESP is configured; this host boots from "
                                                   "'/" PATH_BOOT "' by GRUB."
                                                 : "No ESP is configured.");
        if (c->unseen)
                return strprintf("ESP '%s' has not been looked at yet.", esp_uuid(c->unseen));
        if (c->bootable == 0)
                return strdup("No ESP holds a boot loader and a complete kernel.");
        if (c->behind)
                return strprintf("%s is not in sync (%s).", strempty(bad),
                                 esp_state_to_string(esp_state(c->behind)));
        if (c->bare)
                return strprintf("%s has lost its boot loader; 'bootctl-pve reinit' installs it "
                                 "anew.",
                                 strempty(bad));
        if (c->twin)
                return strprintf("More than one partition has the FAT UUID '%s', so only one of "
                                 "them is in sync; format the other one anew.",
                                 esp_uuid(c->twin));
        if (c->listed == 1)
                return c->disk ? strprintf("Only one ESP is configured, on disk '%s'.", c->disk)
                               : strdup("Only one ESP is configured.");
        if (c->disk)
                return strprintf("All %zu ESPs are on one disk, '%s'.", c->listed, c->disk);
        return strprintf("%zu ESPs are in sync.", c->in_sync);
}

/* The first thing that is wrong with boot/ stands beside the verdict, whatever that is: the ESPs
 * may be as good as ever and nobody would look. */
static char *render_reason(const Manager *m, const Count *c) {
        char **warnings = m->facts.kernel_warnings, *verdict = render_verdict(m, c), *reason;

        if (!verdict || c->listed == 0 || strv_isempty(warnings))
                return verdict;
        reason = strprintf("%.*s, but %s.", (int) strlen(verdict) - 1, verdict, warnings[0]);
        free(verdict);
        return reason;
}

void manager_update_verdict(Manager *m) {
        Count c = count_esps(m);
        char *reason = render_reason(m, &c);

        /* What 'systemctl status' shows. */
        if (reason && !streq_ptr(reason, m->redundancy_reason))
                (void) sd_notifyf(false, "STATUS=%s", reason);
        free(m->redundancy_reason);
        m->redundancy_reason = reason;

        m->esp_options = mfree(m->esp_options);
        for (size_t i = 0; !m->esp_options && i < m->n_members; i++)
                if (esp_image(m->members[i]->esp))
                        (void) look_options(esp_image(m->members[i]->esp), &m->esp_options);
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
