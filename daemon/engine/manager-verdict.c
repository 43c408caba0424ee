/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the whole amounts to: are all ESPs in sync, how many may fail, which command line is booted.
 * Derived anew from the ESPs' records each time; what was not looked at yet is "unknown", never a
 * guess. */

#include <systemd/sd-daemon.h>

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

typedef struct Count {
        size_t listed, in_sync, bootable;
        const Esp *unseen, *behind; /* the first of each kind */
} Count;

static Count count_esps(const Manager *m) {
        Count c = {};

        for (size_t i = 0; i < m->n_members; i++) {
                const Esp *esp = m->members[i]->esp;

                if (!m->members[i]->listed)
                        continue;
                c.listed++;
                if (!esp_image(esp) &&
                    (esp_state(esp) == ESP_UNKNOWN || esp_state(esp) == ESP_SYNCING))
                        c.unseen = c.unseen ?: esp;
                if (esp_present(esp) && esp_state(esp) != ESP_STUCK &&
                    !strv_isempty(esp_kernels(esp)))
                        c.bootable++;
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
        if (c.in_sync < c.listed)
                return "degraded";
        return c.listed == 1 ? "single" : "redundant";
}

void manager_update_verdict(Manager *m) {
        Count c = count_esps(m);
        char *reason;

        if (c.listed == 0)
                reason = strdup("No ESP is configured.");
        else if (c.unseen)
                reason = strprintf("ESP '%s' has not been looked at yet.", esp_uuid(c.unseen));
        else if (c.bootable == 0)
                reason = strdup("No ESP holds a complete kernel.");
        else if (c.behind)
                reason = strprintf("ESP '%s' is not in sync (%s).", esp_uuid(c.behind),
                                   esp_state_to_string(esp_state(c.behind)));
        else if (c.listed == 1)
                reason = strdup("Only one ESP is configured.");
        else
                reason = strprintf("%zu ESPs are in sync.", c.in_sync);
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
