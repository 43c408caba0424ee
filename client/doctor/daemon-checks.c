/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checks of what bootsyncd tells of: lists, kernels, ESPs, firmware, Secure Boot. Its warnings
 * are shown as it words them; here is only what it tells by other properties, each of which comes
 * with its reason. No verdict is made here that the daemon has made. */

#include "client/doctor/patient.h"

#include "client/daemon/call.h"
#include "common/string-util.h"

/* A partition that could become an ESP, and how. */
typedef struct Candidate {
        const char *device, *disk;
        char **commands;
        int usable;
} Candidate;

static void look_at_command_line(Patient *p) {
        const ManagerInfo *m = &p->manager;

        if (has_found(p))
                return;
        if (isempty(m->cmdline))
                found(p, SEVERITY_NOTE, NULL,
                      "No command line is given, so that each entry keeps the one that it has");
        else if (!isempty(m->cmdline_source))
                found(p, SEVERITY_OK, NULL, "The command line is known (%s)", m->cmdline_source);
}

static void look_at_auto_sync(Patient *p) {
        /* A private daemon never does, and says nothing of it. */
        if (!has_found(p) && p->manager.auto_sync)
                found(p, SEVERITY_OK, NULL, "Each change is synced unasked");
}

static void look_at_default(Patient *p) {
        const ManagerInfo *m = &p->manager;
        _cleanup_free_ char *refresh = must(strprintf("%s refresh", p->command));

        if (isempty(m->default_kernel))
                return; /* there is no ESP, or each tells why */
        if (streq_ptr(m->default_kernel, m->wanted))
                found(p, SEVERITY_OK, NULL, "Kernel '%s' boots by default, as it should",
                      m->default_kernel);
        else if (!streq_ptr(m->redundancy, "syncing"))
                found(p, SEVERITY_WARNING, refresh, "Kernel '%s' boots by default, and not '%s'",
                      m->default_kernel, strempty(m->wanted));
}

/* The first ESP that is not as it should be; NULL: there is none. */
static const EspInfo *find_ill(const EspInfos *esps) {
        for (size_t i = 0; i < esps->n; i++)
                if (!isempty(esps->esps[i].why))
                        return &esps->esps[i];
        return NULL;
}

static bool is_bad(const EspInfo *esp) {
        /* One that is in sync and has a reason has no boot loader, or nothing to boot. */
        return esp->unusable || streq_ptr(esp->state, "stuck") ||
               (esp->in_sync && !isempty(esp->why));
}

static void look_at_esps(Patient *p) {
        for (size_t i = 0; i < p->esps.n; i++) {
                const EspInfo *esp = &p->esps.esps[i];

                if (!isempty(esp->why))
                        found(p, is_bad(esp) ? SEVERITY_FAULT : SEVERITY_WARNING, esp->action,
                              "ESP '%s' is %s: %s", esp->uuid, esp->state, esp->why);
                else
                        found(p, SEVERITY_OK, NULL, "ESP '%s' on %s is %s%s%s", esp->uuid,
                              esp->device, esp->state,
                              isempty(esp->default_kernel) ? "" : " and boots ",
                              strempty(esp->default_kernel));
        }
}

static bool has_esp_on(const EspInfos *esps, const char *disk) {
        for (size_t i = 0; i < esps->n; i++)
                if (streq_ptr(esps->esps[i].disk, disk))
                        return true;
        return false;
}

static int read_candidate(sd_bus_message *m, Candidate *c) {
        int r = sd_bus_message_enter_container(m, 'r', "ssssssssttbbsas");

        c->commands = strv_free(c->commands);
        if (r > 0)
                r = sd_bus_message_read(m, "ssssssssttbbs", &c->device, &c->disk, NULL, NULL, NULL,
                                        NULL, NULL, NULL, NULL, NULL, NULL, &c->usable, NULL);
        if (r > 0)
                r = sd_bus_message_read_strv(m, &c->commands);
        if (r < 0)
                return r;
        return r > 0 ? sd_bus_message_exit_container(m) : 0;
}

/* The commands that give the host another ESP, on a disk that has none. Never NULL. */
static char *find_another(Patient *p) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Candidate c = {};
        char *ret = NULL;

        if (call_method(&p->connection, CALL_READ, METHOD_MANAGER("ListCandidates"), NULL, NULL,
                        &reply) == STATUS_DONE &&
            sd_bus_message_enter_container(reply, 'a', "(ssssssssttbbsas)") >= 0)
                while (!ret && read_candidate(reply, &c) > 0)
                        if (c.usable && !strv_isempty(c.commands) && !has_esp_on(&p->esps, c.disk))
                                ret = must(strv_join(c.commands, " && "));
        (void) strv_free(c.commands);
        return ret ?: must(strprintf("%s esp candidates", p->command));
}

static void look_at_redundancy(Patient *p) {
        static const struct {
                const char *word;
                Severity severity;
                bool wants_more;
        } verdicts[] = {
                { "redundant", SEVERITY_OK, false },     { "syncing", SEVERITY_OK, false },
                { "single", SEVERITY_WARNING, true },    { "degraded", SEVERITY_WARNING, false },
                { "unmanaged", SEVERITY_WARNING, true }, { "unbootable", SEVERITY_FAULT, false },
        };
        const ManagerInfo *m = &p->manager;
        const EspInfo *ill = find_ill(&p->esps);
        _cleanup_free_ char *refresh = must(strprintf("%s refresh", p->command));

        for (size_t i = 0; i < ELEMENTSOF(verdicts); i++) {
                _cleanup_free_ char *more = NULL;
                const char *action = ill ? ill->action : refresh;

                if (!streq_ptr(m->redundancy, verdicts[i].word))
                        continue;
                if (verdicts[i].wants_more)
                        more = find_another(p);
                found(p, verdicts[i].severity,
                      verdicts[i].severity == SEVERITY_OK ? NULL : more ?: action, "%s: %s",
                      m->redundancy, strempty(m->redundancy_reason));
                return;
        }
        found_unknown(p, refresh, "%s: %s", strempty(m->redundancy),
                      strempty(m->redundancy_reason));
}

/* How many ESPs have the boot loader of this one, if it is the first that has it; else 0. */
static size_t count_loader(const EspInfos *esps, size_t first) {
        size_t n = 0;

        for (size_t i = 0; i < esps->n; i++) {
                if (!streq_ptr(esps->esps[i].loader, esps->esps[first].loader))
                        continue;
                if (i < first)
                        return 0;
                n++;
        }
        return n;
}

/* That one has none, or an old one, is why it is not as it should be. */
static void look_at_loaders(Patient *p) {
        for (size_t i = 0; i < p->esps.n; i++) {
                const char *loader = p->esps.esps[i].loader;
                size_t n = count_loader(&p->esps, i);

                if (n > 0 && !isempty(loader) && !streq(loader, "none"))
                        found(p, n < p->esps.n ? SEVERITY_NOTE : SEVERITY_OK, NULL,
                              "%s is the boot loader of %zu of %zu ESPs", loader, n, p->esps.n);
        }
}

static void look_at_boot(Patient *p) {
        bool known = !isempty(p->boot.loader) && !streq(p->boot.loader, "unknown");
        const char *esp = p->boot_state.booted_esp;

        if (known)
                found(p, SEVERITY_OK, NULL, "%s has started the running kernel%s%s%s",
                      p->boot.loader, isempty(esp) ? "" : ", from ESP '", strempty(esp),
                      isempty(esp) ? "" : "'");
        else
                found(p, SEVERITY_NOTE, NULL,
                      "It is not known which boot loader has started the running kernel");
}

static void look_at_entries(Patient *p) {
        _cleanup_free_ char *reinit = must(strprintf("%s reinit", p->command));
        _cleanup_free_ char *show = must(strprintf("%s boot status", p->command));

        if (streq_ptr(p->boot_state.firmware, "bios"))
                return;
        if (!streq_ptr(p->boot_state.firmware, "uefi")) {
                found_unknown(p, show, "It is not known which boot entries the firmware has");
                return;
        }
        STRV_FOREACH(uuid, p->boot_state.esps_without_entry)
                found(p, SEVERITY_WARNING, reinit,
                      "The firmware has no entry that starts the boot loader of ESP '%s'", *uuid);
        if (!has_found(p))
                found(p, SEVERITY_OK, NULL, "The boot entries of the firmware lead to the ESPs");
}

static void look_at_signatures(Patient *p) {
        static const char *const others[] = { "disabled", "setup", "unsupported" };
        const char *state = strempty(p->boot_state.secure_boot);
        _cleanup_free_ char *show = must(strprintf("%s secure-boot status", p->command));

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(state, others[i])) {
                        found(p, SEVERITY_OK, NULL, "Secure Boot is %s, and refuses nothing",
                              state);
                        return;
                }
        if (!streq(state, "enabled"))
                found_unknown(p, show, "It is not known how Secure Boot is set");
        else if (!p->boot_state.signatures_known)
                found_unknown(p, show, "It is not known yet who has signed what this host boots");
        else if (!has_found(p))
                found(p, SEVERITY_OK, NULL, "Secure Boot is enabled, and refuses nothing here");
}

/* Of one that cannot be looked at, another check tells. */
static void look_at_esp_room(Patient *p) {
        for (size_t i = 0; i < p->esps.n; i++)
                if (p->esps.esps[i].size_bytes == 0)
                        return;
        if (!has_found(p))
                found(p, SEVERITY_OK, NULL, "The ESPs have room for another kernel");
}

const Check daemon_checks[] = {
        { "lists", GROUP_FILES, NEEDS_DAEMON, "files-unreadable bad-line",
          "The lists, pins and settings are read, and each line is understood", NULL },
        { "command-line", GROUP_FILES, NEEDS_DAEMON, "cmdline-without-root", NULL,
          look_at_command_line },
        { "kernels", GROUP_KERNELS, NEEDS_DAEMON,
          "boot-empty kernel-without-image kernel-without-initrd",
          "Each kernel that is kept has its image and its initrd", NULL },
        { "pins", GROUP_KERNELS, NEEDS_DAEMON, "pin-old next-boot-not-armed",
          "No pin is old, and each ESP knows of them", NULL },
        { "default", GROUP_KERNELS, NEEDS_DAEMON, NULL, NULL, look_at_default },
        { "auto-sync", GROUP_SERVICE, NEEDS_DAEMON, "auto-sync-off not-watching", NULL,
          look_at_auto_sync },
        { "redundancy", GROUP_ESPS, NEEDS_DAEMON, "root-disk-without-esp", NULL,
          look_at_redundancy },
        { "esps", GROUP_ESPS, NEEDS_ESPS, NULL, NULL, look_at_esps },
        { "loaders", GROUP_ESPS, NEEDS_ESPS, NULL, NULL, look_at_loaders },
        { "boot", GROUP_FIRMWARE, NEEDS_DAEMON, NULL, NULL, look_at_boot },
        { "entries", GROUP_FIRMWARE, NEEDS_ESPS,
          "entry-without-esp firmware-undoes boot-entries-not-kept", NULL, look_at_entries },
        { "signatures", GROUP_SECURE_BOOT, NEEDS_DAEMON,
          "esp-refused kernel-refused modules-refused key-not-enrolled", NULL, look_at_signatures },
        { "esp-space", GROUP_SPACE, NEEDS_ESPS, "esp-full", NULL, look_at_esp_room },
        { "other", GROUP_OTHER, NEEDS_NOTHING, "*", NULL, NULL },
        {},
};
