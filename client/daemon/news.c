/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Remembers how all was when it was told last, and says what has changed since. It leaves out what
 * is on its way: each refresh makes an ESP "unknown" and "syncing" before it is in sync as it was.
 * So a state counts only when it stays, and one that is again what was told last is no news. */

#include "client/daemon/news.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#include "client/daemon/objects.h"
#include "common/names.h"
#include "common/string-util.h"

/* As it is now. */
typedef struct Host {
        char *redundancy, *redundancy_reason, *default_kernel, *pinned, *next_boot;
        bool auto_sync;
        Notices warnings;
} Host;

static const Property host_properties[] = {
        { "Redundancy", PROPERTY_STRING, offsetof(Host, redundancy) },
        { "RedundancyReason", PROPERTY_STRING, offsetof(Host, redundancy_reason) },
        { "DefaultKernel", PROPERTY_STRING, offsetof(Host, default_kernel) },
        { "PinnedKernel", PROPERTY_STRING, offsetof(Host, pinned) },
        { "NextBootKernel", PROPERTY_STRING, offsetof(Host, next_boot) },
        { "AutoSync", PROPERTY_BOOLEAN, offsetof(Host, auto_sync) },
        { "Warnings", PROPERTY_NOTICES, offsetof(Host, warnings) },
};

typedef struct EspNews {
        char *path, *uuid, *state, *why;
        char *told; /* the state */
        bool seen;  /* by the look that goes on */
} EspNews;

static const Property esp_properties[] = {
        { "State", PROPERTY_STRING, offsetof(EspNews, state) },
        { "Why", PROPERTY_STRING, offsetof(EspNews, why) },
};

typedef struct JobNews {
        uint64_t id, bytes, since; /* since: µs of a clock that only goes on; 0: it waits */
        char *type, *state;
        char **esps;
} JobNews;

static const Property job_properties[] = {
        { "State", PROPERTY_STRING, offsetof(JobNews, state) },
        { "BytesDone", PROPERTY_U64, offsetof(JobNews, bytes) },
        { "Esps", PROPERTY_STRINGS, offsetof(JobNews, esps) },
};

struct News {
        Connection *connection;
        bool looked;
        Host host;
        char *told_redundancy, *told_default, *told_pinned, *told_next_boot;
        bool told_auto_sync;
        char **told_warnings; /* kind, subject, sentence of each */
        EspNews *esps;
        size_t n_esps, esps_allocated;
        JobNews *jobs;
        size_t n_jobs, jobs_allocated;
};

News *news_new(Connection *c) {
        News *n = must(calloc(1, sizeof(News)));

        n->connection = c;
        return n;
}

static void esp_news_done(EspNews *e) {
        properties_done(esp_properties, ELEMENTSOF(esp_properties), e);
        free(e->path);
        free(e->uuid);
        free(e->told);
}

static void job_news_done(JobNews *j) {
        properties_done(job_properties, ELEMENTSOF(job_properties), j);
        free(j->type);
}

News *news_free(News *n) {
        if (!n)
                return NULL;
        properties_done(host_properties, ELEMENTSOF(host_properties), &n->host);
        for (size_t i = 0; i < n->n_esps; i++)
                esp_news_done(&n->esps[i]);
        for (size_t i = 0; i < n->n_jobs; i++)
                job_news_done(&n->jobs[i]);
        free(n->esps);
        free(n->jobs);
        free(n->told_redundancy);
        free(n->told_default);
        free(n->told_pinned);
        free(n->told_next_boot);
        strv_free(n->told_warnings);
        return mfree(n);
}

void news_tell(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        time_t now = time(NULL);
        char clock[16] = "";
        struct tm tm;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                out_of_memory();
        va_end(ap);
        if (localtime_r(&now, &tm))
                (void) strftime(clock, sizeof(clock), "%T", &tm);
        say("%s %s", clock, text);
}

/* True if *@told becomes another one, and somebody is to be told. */
static bool renew(const News *n, char **told, const char *now) {
        if (streq(strempty(*told), strempty(now)))
                return false;
        free(*told);
        *told = must(strdup(strempty(now)));
        return n->looked;
}

static bool is_on_its_way(const char *word) {
        return isempty(word) || streq(word, "unknown") || streq(word, "syncing");
}

static void tell_kernels(News *n) {
        const Host *h = &n->host;

        if (renew(n, &n->told_default, h->default_kernel) && !isempty(h->default_kernel))
                news_tell("kernel %s boots by default", h->default_kernel);
        if (renew(n, &n->told_pinned, h->pinned))
                news_tell(isempty(h->pinned) ? "no kernel is pinned any more%s"
                                             : "kernel %s is pinned",
                          strempty(h->pinned));
        if (renew(n, &n->told_next_boot, h->next_boot))
                news_tell(isempty(h->next_boot) ? "no kernel is pinned for the next boot any more%s"
                                                : "kernel %s is pinned for the next boot",
                          strempty(h->next_boot));
}

/* The words by which a warning is known again. */
static char *warning_key(const Notice *w) {
        return must(strprintf("%s\n%s\n", w->id, w->subject));
}

static bool is_told(char *const *told, const Notice *w) {
        _cleanup_free_ char *key = warning_key(w);

        for (; told && *told; told++)
                if (startswith(*told, key))
                        return true;
        return false;
}

static bool is_still_so(const Notices *l, const char *told) {
        for (size_t i = 0; i < l->n; i++) {
                _cleanup_free_ char *key = warning_key(&l->items[i]);

                if (startswith(told, key))
                        return true;
        }
        return false;
}

static void tell_warnings(News *n) {
        _cleanup_strv_ char **old = n->told_warnings;
        const Notices *l = &n->host.warnings;

        n->told_warnings = NULL;
        for (size_t i = 0; i < l->n; i++) {
                const Notice *w = &l->items[i];

                if (strv_extendf(&n->told_warnings, "%s\n%s\n%s", w->id, w->subject, w->sentence) <
                    0)
                        out_of_memory();
                if (n->looked && !is_told(old, w))
                        news_tell("%s: %s%s%s%s", w->severity, w->sentence,
                                  isempty(w->action) ? "" : "; run '", w->action,
                                  isempty(w->action) ? "" : "'");
        }
        STRV_FOREACH(told, old)
                if (!is_still_so(l, *told))
                        news_tell("over: %s", strrchr(*told, '\n') + 1);
}

static void tell_host(News *n) {
        const Host *h = &n->host;

        tell_kernels(n);
        if (h->auto_sync != n->told_auto_sync && n->looked)
                news_tell("changes are %s unasked", h->auto_sync ? "synced" : "not synced");
        n->told_auto_sync = h->auto_sync;
        tell_warnings(n);
        if (!is_on_its_way(h->redundancy) && renew(n, &n->told_redundancy, h->redundancy))
                news_tell("redundancy is %s: %s", h->redundancy, strempty(h->redundancy_reason));
}

static void tell_esp(const News *n, EspNews *e) {
        const char *why = strempty(e->why);

        if (is_on_its_way(e->state) || !renew(n, &e->told, e->state))
                return;
        if (streq(e->state, "in-sync"))
                news_tell("ESP %s is in sync", e->uuid);
        else if (streq(e->state, "missing"))
                news_tell("ESP %s is missing", e->uuid);
        else if (streq(e->state, "stuck"))
                news_tell("ESP %s does not answer", e->uuid);
        else if (streq(e->state, "failed"))
                news_tell("ESP %s has failed%s%s", e->uuid, isempty(why) ? "" : ": ", why);
        else
                news_tell("ESP %s is %s%s%s", e->uuid, e->state, isempty(why) ? "" : ": ", why);
}

static EspNews *find_esp(News *n, const char *path) {
        for (size_t i = 0; i < n->n_esps; i++)
                if (streq(n->esps[i].path, path))
                        return &n->esps[i];
        return NULL;
}

static void look_at_esp(News *n, const EspInfo *info) {
        EspNews *e = find_esp(n, info->path);

        if (!e) {
                if (!ARRAY_RESERVE(n->esps, n->esps_allocated, n->n_esps + 1))
                        out_of_memory();
                e = &n->esps[n->n_esps++];
                *e = (EspNews){ .path = must(strdup(info->path)),
                                .uuid = must(strdup(strempty(info->uuid))) };
                if (n->looked)
                        news_tell("ESP %s is configured", e->uuid);
        }
        e->seen = true;
        free(e->state);
        free(e->why);
        e->state = must(strdup(strempty(info->state)));
        e->why = must(strdup(strempty(info->why)));
        tell_esp(n, e);
}

static void look_at_esps(News *n) {
        _cleanup_esp_infos_ EspInfos infos = {};
        size_t kept = 0;

        if (esp_infos_get(n->connection, NULL, &infos) != STATUS_DONE)
                return;
        for (size_t i = 0; i < n->n_esps; i++)
                n->esps[i].seen = false;
        for (size_t i = 0; i < infos.n; i++)
                look_at_esp(n, &infos.esps[i]);
        for (size_t i = 0; i < n->n_esps; i++) {
                if (n->esps[i].seen) {
                        n->esps[kept++] = n->esps[i];
                        continue;
                }
                news_tell("ESP %s is not configured any more", n->esps[i].uuid);
                esp_news_done(&n->esps[i]);
        }
        n->n_esps = kept;
}

void news_look(News *n) {
        if (properties_get(n->connection, BUS_PATH, BUS_IFACE_MANAGER, host_properties,
                           ELEMENTSOF(host_properties), &n->host) != STATUS_DONE)
                return;
        look_at_esps(n);
        tell_host(n);
        n->looked = true;
}

static uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

static JobNews *find_job(News *n, uint64_t id) {
        for (size_t i = 0; i < n->n_jobs; i++)
                if (n->jobs[i].id == id)
                        return &n->jobs[i];
        return NULL;
}

static int take_job_new(News *n, sd_bus_message *m) {
        const char *path, *type;
        uint64_t id;
        int r;

        r = sd_bus_message_read(m, "tos", &id, &path, &type);
        if (r < 0)
                return r;
        if (n->n_jobs > 0)
                news_tell("%s %" PRIu64 " is queued", type, id);
        if (!ARRAY_RESERVE(n->jobs, n->jobs_allocated, n->n_jobs + 1))
                out_of_memory();
        n->jobs[n->n_jobs++] = (JobNews){ .id = id, .type = must(strdup(type)) };
        return 0;
}

/* Without a list it is for all, if it is one of those. */
static size_t count_esps(const News *n, const JobNews *j) {
        static const char *const types[] = { "refresh", "verify", "reinit" };

        if (!strv_isempty(j->esps))
                return strv_length(j->esps);
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq_ptr(types[i], j->type))
                        return n->n_esps;
        return 0;
}

/* "2 ESPs, 1.0 GiB in 4 s" of what is known. Never NULL. */
static char *format_work(const JobNews *j, size_t n) {
        _cleanup_free_ char *bytes = format_bytes(j->bytes);
        uint64_t seconds = j->since == 0 ? 0 : (monotonic_usec() - j->since + 500000) / 1000000;
        Buffer b = {};
        char *text;

        if (n > 0)
                buffer_printf(&b, "%zu ESP%s", n, n == 1 ? "" : "s");
        if (j->bytes > 0)
                buffer_printf(&b, "%s%s", n > 0 ? ", " : "", bytes);
        if (j->since > 0)
                buffer_printf(&b, "%sin %" PRIu64 " s", n > 0 || j->bytes > 0 ? " " : "", seconds);
        if (buffer_take(&b, &text, NULL) < 0)
                out_of_memory();
        return text;
}

static void tell_job_removed(News *n, uint64_t id, const char *type, const char *result,
                             const char *message) {
        JobNews *j = find_job(n, id), unknown = {};
        _cleanup_free_ char *work = format_work(j ?: &unknown, count_esps(n, j ?: &unknown));
        const char *text = isempty(message) ? work : message;

        if (streq(result, "done"))
                text = work;
        news_tell("%s %" PRIu64 " %s%s%s", type, id,
                  streq(result, "partial") ? "done in part" : result, isempty(text) ? "" : ": ",
                  text);
        if (!j)
                return;
        job_news_done(j);
        *j = n->jobs[--n->n_jobs];
}

static int take_job_removed(News *n, sd_bus_message *m) {
        const char *path, *type, *result, *error_name, *message;
        uint64_t id;
        int r;

        r = sd_bus_message_read(m, "tossss", &id, &path, &type, &result, &error_name, &message);
        if (r < 0)
                return r;
        tell_job_removed(n, id, type, result, message);
        return 0;
}

static int job_changed(News *n, const char *number, sd_bus_message *m) {
        JobNews *j;
        uint64_t id;
        int r;

        if (parse_u64(number, &id) < 0)
                return 0;
        j = find_job(n, id);
        if (!j)
                return 0; /* it was there before us */
        r = properties_read(m, job_properties, ELEMENTSOF(job_properties), j);
        if (r < 0)
                return r;
        if (j->since == 0 && streq_ptr(j->state, "running")) {
                j->since = monotonic_usec();
                news_tell("%s %" PRIu64 " started", j->type, id);
        }
        return 0;
}

static int take_changed(News *n, sd_bus_message *m) {
        const char *path = sd_bus_message_get_path(m), *number = startswith(path, BUS_PATH_JOB "/");
        EspNews *e = find_esp(n, path);
        const char *interface;
        int r;

        r = sd_bus_message_read(m, "s", &interface);
        if (r < 0)
                return r;
        if (streq(interface, BUS_IFACE_JOB))
                return number ? job_changed(n, number, m) : 0;
        if (streq(interface, BUS_IFACE_MANAGER)) {
                r = properties_read(m, host_properties, ELEMENTSOF(host_properties), &n->host);
                if (r >= 0)
                        tell_host(n);
                return MIN(r, 0);
        }
        if (!streq(interface, BUS_IFACE_ESP) || !e)
                return 0;
        r = properties_read(m, esp_properties, ELEMENTSOF(esp_properties), e);
        if (r >= 0)
                tell_esp(n, e);
        return MIN(r, 0);
}

/* An ESP has joined or left the list. */
static int take_objects(News *n, sd_bus_message *m) {
        const char *path;
        int r;

        r = sd_bus_message_read(m, "o", &path);
        if (r > 0 && startswith(path, BUS_PATH_ESP "/"))
                news_look(n);
        return MIN(r, 0);
}

int news_take(News *n, sd_bus_message *m) {
        static const struct {
                const char *member;
                int (*take)(News *n, sd_bus_message *m);
        } signals[] = {
                { "JobNew", take_job_new },
                { "JobRemoved", take_job_removed },
                { "PropertiesChanged", take_changed },
                { "InterfacesAdded", take_objects },
                { "InterfacesRemoved", take_objects },
        };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (streq_ptr(sd_bus_message_get_member(m), signals[i].member))
                        return signals[i].take(n, m);
        return 0;
}
