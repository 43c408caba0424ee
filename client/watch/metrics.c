/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `metrics`: all that can be counted, in the text format of Prometheus, on stdout or in a file of
 * the node exporter's. A value that is not known is left out, since 0 would be one. Each state has
 * a series of its own that is 0 or 1, and so has each kind of warning: an alert on a series that is
 * not there never fires. That there is no daemon is a value, too, so it is no failure. */

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/verb/verbs.h"
#include "client/watch/look.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "common/warning.h"

/* Of a family that is begun, @name is the one that the next samples have. */
typedef struct Metrics {
        Buffer text;
        const char *name;
} Metrics;

typedef struct Label {
        const char *name, *value; /* NULL: "" */
} Label;

/* No names end the labels. */
#define LABELS(...) ((const Label[]){ __VA_ARGS__ __VA_OPT__(, ){} })

static void begin(Metrics *m, const char *name, const char *type, const char *help) {
        m->name = name;
        buffer_printf(&m->text, "# HELP bootsync_%s %s\n# TYPE bootsync_%s %s\n", name, help, name,
                      type);
}

static void put_escaped(Buffer *b, const char *s) {
        for (; *s; s++) {
                if (*s == '\n')
                        buffer_puts(b, "\\n");
                else {
                        if (*s == '\\' || *s == '"')
                                buffer_puts(b, "\\");
                        buffer_append(b, s, 1);
                }
        }
}

static void put_head(Metrics *m, const Label *labels) {
        buffer_printf(&m->text, "bootsync_%s", m->name);
        for (size_t i = 0; labels[i].name; i++) {
                buffer_printf(&m->text, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
                put_escaped(&m->text, strempty(labels[i].value));
                buffer_puts(&m->text, "\"");
        }
        buffer_puts(&m->text, labels[0].name ? "} " : " ");
}

static void put(Metrics *m, const Label *labels, int64_t value) {
        put_head(m, labels);
        buffer_printf(&m->text, "%" PRId64 "\n", value);
}

static void put_u64(Metrics *m, const Label *labels, uint64_t value) {
        put_head(m, labels);
        buffer_printf(&m->text, "%" PRIu64 "\n", value);
}

static void put_usec(Metrics *m, const Label *labels, uint64_t usec) {
        put_head(m, labels);
        buffer_printf(&m->text, "%" PRIu64 ".%06" PRIu64 "\n", usec / 1000000, usec % 1000000);
}

/* A gauge with one sample. */
static void put_gauge(Metrics *m, const char *name, const char *help, int64_t value) {
        begin(m, name, "gauge", help);
        put(m, LABELS(), value);
}

/* Each of @states (up to a NULL) is 0 or 1; one that is not among them has a sample besides. */
static void put_states(Metrics *m, const char *const *states, const char *uuid, const char *state) {
        bool known = isempty(state);

        for (; *states; states++) {
                bool is = streq_ptr(*states, state);

                put(m,
                    uuid ? LABELS({ "uuid", uuid }, { "state", *states })
                         : LABELS({ "state", *states }),
                    is);
                known |= is;
        }
        if (!known)
                put(m,
                    uuid ? LABELS({ "uuid", uuid }, { "state", state })
                         : LABELS({ "state", state }),
                    1);
}

static void put_host(Metrics *m, const Look *look) {
        static const char *const states[] = { "redundant", "single",     "syncing",   "degraded",
                                              "unknown",   "unbootable", "unmanaged", NULL };
        const ManagerInfo *info = &look->info;

        begin(m, "info", "gauge", "The version of bootsyncd, as a label.");
        put(m, LABELS({ "version", info->version }), 1);
        begin(m, "redundancy", "gauge",
              "Would the host boot, and how many ESPs may fail: 1 for "
              "the state that it is in, 0 for the others.");
        put_states(m, states, NULL, info->redundancy);
        put_gauge(m, "in_sync", "Every ESP is known to hold what it should: 1, else 0.",
                  info->in_sync);
        put_gauge(m, "auto_sync", "Changes are synced unasked: 1, else 0.", info->auto_sync);
        put_gauge(m, "watching", "Changes are noticed at once: 1; once a minute, or not at all: 0.",
                  streq_ptr(info->watching, "inotify"));
        put_gauge(m, "pending", "Changes that are wanted and not on every ESP yet.",
                  (int64_t) strv_length(info->pending));
        put_gauge(m, "jobs", "Jobs that run or wait.", (int64_t) look->jobs.n);
        put_gauge(m, "esps", "ESPs that are configured.", (int64_t) look->esps.n);
}

static void put_boot(Metrics *m, const BootSummary *boot) {
        if (isempty(boot->firmware))
                return;
        begin(m, "boot_info", "gauge",
              "The firmware, the boot loader that started the host, and Secure Boot, as labels.");
        put(m,
            LABELS({ "firmware", boot->firmware }, { "loader", boot->loader },
                   { "secure_boot", boot->secure_boot }),
            1);
}

static void put_last_refresh(Metrics *m, const ManagerInfo *info) {
        if (info->last_refresh_usec == 0)
                return;
        begin(m, "last_refresh_timestamp_seconds", "gauge",
              "When the last job that syncs ended, in seconds since the epoch.");
        put_usec(m, LABELS(), info->last_refresh_usec);
        put_gauge(m, "last_refresh_success",
                  "That job brought every ESP into sync: 1; it was done in part, failed or was "
                  "canceled: 0.",
                  streq_ptr(info->last_refresh_result, "done"));
}

static void put_kernels(Metrics *m, const ManagerInfo *info) {
        const Label roles[] = {
                { "running", info->running },     { "default", info->default_kernel },
                { "wanted", info->wanted },       { "pinned", info->pinned },
                { "next_boot", info->next_boot },
        };

        begin(m, "kernel_info", "gauge",
              "Kernels by what they are on this host: running, default (what boots now), wanted "
              "(what should), pinned, next_boot.");
        for (size_t i = 0; i < ELEMENTSOF(roles); i++)
                if (!isempty(roles[i].value))
                        put(m, LABELS({ "role", roles[i].name }, { "version", roles[i].value }), 1);
        put_gauge(m, "kernel_pinned", "A kernel is pinned for good: 1, else 0.",
                  !isempty(info->pinned));
        if (info->pinned_since_usec == 0)
                return;
        begin(m, "kernel_pinned_timestamp_seconds", "gauge",
              "Since when the kernel has been pinned, in seconds since the epoch.");
        put_usec(m, LABELS(), info->pinned_since_usec);
}

static int64_t count(const Notices *l, const char *id) {
        int64_t n = 0;

        for (size_t i = 0; i < l->n; i++)
                n += streq_ptr(l->items[i].id, id);
        return n;
}

static bool is_known(const char *id) {
        for (WarningId i = 0; i < _WARNING_ID_MAX; i++)
                if (streq_ptr(warning_kind(i)->word, id))
                        return true;
        return false;
}

/* A later daemon may have kinds that are not known here; each is told where it comes first. */
static void put_warnings(Metrics *m, const Notices *l) {
        begin(m, "warnings", "gauge", "Warnings of this kind and severity.");
        for (WarningId id = 0; id < _WARNING_ID_MAX; id++) {
                const WarningKind *kind = warning_kind(id);

                put(m, LABELS({ "id", kind->word }, { "severity", kind->severity }),
                    count(l, kind->word));
        }
        for (size_t i = 0; i < l->n; i++) {
                const Notice *n = &l->items[i];
                const Notices before = { .items = l->items, .n = i };

                if (!is_known(n->id) && count(&before, n->id) == 0)
                        put(m, LABELS({ "id", n->id }, { "severity", n->severity }),
                            count(l, n->id));
        }
}

static void put_esp_states(Metrics *m, const EspInfos *l) {
        static const char *const states[] = { "in-sync", "syncing", "outdated", "unknown",
                                              "missing", "stuck",   "failed",   NULL };

        begin(m, "esp_info", "gauge",
              "An ESP's device, disk, boot loader and default kernel, as "
              "labels.");
        for (size_t i = 0; i < l->n; i++) {
                const EspInfo *e = &l->esps[i];

                put(m,
                    LABELS({ "uuid", e->uuid }, { "device", e->device }, { "disk", e->disk },
                           { "loader", e->loader }, { "loader_version", e->loader_version },
                           { "default", e->default_kernel }),
                    1);
        }
        begin(m, "esp_state", "gauge", "1 for the state that the ESP is in, 0 for the others.");
        for (size_t i = 0; i < l->n; i++)
                put_states(m, states, strempty(l->esps[i].uuid), l->esps[i].state);
        begin(m, "esp_in_sync", "gauge", "The ESP is known to hold what it should: 1, else 0.");
        for (size_t i = 0; i < l->n; i++)
                put(m, LABELS({ "uuid", l->esps[i].uuid }), l->esps[i].in_sync);
        begin(m, "esp_present", "gauge", "The ESP's partition is there: 1, else 0.");
        for (size_t i = 0; i < l->n; i++)
                put(m, LABELS({ "uuid", l->esps[i].uuid }), l->esps[i].present);
        begin(m, "esp_kernels", "gauge", "Kernels that are complete on the ESP.");
        for (size_t i = 0; i < l->n; i++)
                put(m, LABELS({ "uuid", l->esps[i].uuid }),
                    (int64_t) strv_length(l->esps[i].kernels));
}

static void put_esp_sizes(Metrics *m, const EspInfos *l) {
        begin(m, "esp_size_bytes", "gauge", "The size of the ESP's file system.");
        for (size_t i = 0; i < l->n; i++)
                if (l->esps[i].size_bytes > 0)
                        put_u64(m, LABELS({ "uuid", l->esps[i].uuid }), l->esps[i].size_bytes);
        begin(m, "esp_used_bytes", "gauge", "Of these, those that are in use.");
        for (size_t i = 0; i < l->n; i++)
                if (l->esps[i].size_bytes > 0)
                        put_u64(m, LABELS({ "uuid", l->esps[i].uuid }),
                                l->esps[i].size_bytes -
                                                MIN(l->esps[i].free_bytes, l->esps[i].size_bytes));
        begin(m, "esp_last_sync_timestamp_seconds", "gauge",
              "When a job last left the ESP in sync, in seconds since the epoch.");
        for (size_t i = 0; i < l->n; i++)
                if (l->esps[i].last_sync_usec > 0)
                        put_usec(m, LABELS({ "uuid", l->esps[i].uuid }), l->esps[i].last_sync_usec);
        begin(m, "esp_last_verify_timestamp_seconds", "gauge",
              "When all files of the ESP were last read and found right, in seconds since the "
              "epoch.");
        for (size_t i = 0; i < l->n; i++)
                if (l->esps[i].last_verify_usec > 0)
                        put_usec(m, LABELS({ "uuid", l->esps[i].uuid }),
                                 l->esps[i].last_verify_usec);
}

static void put_ksm(Metrics *m, const Look *look) {
        if (!look->ksm.supported)
                return;
        put_gauge(m, "ksm_running", "KSM merges pages of memory: 1, else 0.",
                  streq_ptr(look->ksm.run_state, "running"));
        begin(m, "ksm_saved_bytes", "gauge", "Memory that KSM saves.");
        put_u64(m, LABELS(), look->ksm.saved_bytes);
        put_gauge(m, "ksm_profit_bytes", "The same, less the memory that KSM itself takes.",
                  look->ksm.profit_bytes);
        begin(m, "ksm_cpu_seconds_total", "counter", "CPU time of ksmd.");
        put_usec(m, LABELS(), look->ksm.cpu_usec);
}

static char *render(const Look *look) {
        Metrics m = {};
        char *text;

        if (look->why) {
                /* One line, whatever is in it. */
                _cleanup_free_ char *why = shown(look->why);

                buffer_printf(&m.text, "# %s.\n", why);
        }
        put_gauge(&m, "up", "A bootsyncd runs and has answered: 1, else 0.", !look->why);
        if (!look->why) {
                put_host(&m, look);
                put_boot(&m, &look->boot);
                put_last_refresh(&m, &look->info);
                put_kernels(&m, &look->info);
                put_warnings(&m, &look->info.warnings);
                put_esp_states(&m, &look->esps);
                put_esp_sizes(&m, &look->esps);
                put_ksm(&m, look);
        }
        if (buffer_take(&m.text, &text, NULL) < 0)
                out_of_memory();
        return text;
}

/* A reader of @path sees the old text or the new one. The name of the file in between does not end
 * as those that the node exporter reads. After a crash it is written anew, so nothing is synced. */
static int replace(const char *path, const char *text) {
        _cleanup_free_ char *copy = must(strdup(path)), *other = must(strdup(path));
        _cleanup_free_ char *temporary =
                        must(strprintf("%s/.%s.XXXXXX", dirname(copy), basename(other)));
        _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        if (r >= 0 && (fchmod(fd, 0644) < 0 || rename(temporary, path) < 0))
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

static ExitStatus verb_metrics(const Options *options, char **arguments) {
        _cleanup_free_ char *text = NULL;
        _cleanup_look_ Look look = {};
        int r;

        if (options->json)
                return fail(STATUS_USAGE, "'metrics' is text for Prometheus; 'status --json' has "
                                          "the same for other programs.");
        look = look_take(options, LOOK_AT_KSM | LOOK_AT_SERVICE);
        text = render(&look);
        if (!arguments[0]) {
                (void) fputs(text, stdout);
                return STATUS_DONE;
        }
        r = replace(arguments[0], text);
        return r < 0 ? fail(STATUS_FAILED, "Failed to write '%s': %s.", arguments[0], strerror(-r))
                     : STATUS_DONE;
}

const Verb metrics_verbs[] = {
        { NULL, "metrics", "[FILE]", 0, 1, 0, verb_metrics,
          "Print or write what Prometheus reads" },
        {},
};
