/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the daemon's objects in one call each: GetAll for the Manager, GetManagedObjects for the
 * rest. It holds no opinion on what it reads; words such as "in-sync" are the daemon's. */

#include "client/daemon/objects.h"

#include <strings.h>

#include "client/daemon/call.h"
#include "client/daemon/properties.h"
#include "common/names.h"
#include "common/string-util.h"

#define MANAGER(name, type, field) \
        { name, PROPERTY_##type, offsetof(ManagerInfo, field) }
#define JOB(name, type, field) \
        { name, PROPERTY_##type, offsetof(JobInfo, field) }
#define ESP(name, type, field) \
        { name, PROPERTY_##type, offsetof(EspInfo, field) }

static const Property manager_properties[] = {
        MANAGER("Version", STRING, version),
        MANAGER("RunningKernel", STRING, running),
        MANAGER("DefaultKernel", STRING, default_kernel),
        MANAGER("WantedKernel", STRING, wanted),
        MANAGER("PinnedKernel", STRING, pinned),
        MANAGER("PinnedSinceUSec", U64, pinned_since_usec),
        MANAGER("PinnedBy", STRING, pinned_by),
        MANAGER("NextBootKernel", STRING, next_boot),
        MANAGER("ManualKernels", STRINGS, manual),
        MANAGER("AutomaticKernels", STRINGS, automatic),
        MANAGER("SelectedKernels", STRINGS, selected),
        MANAGER("ProtectedKernels", STRINGS, protected),
        MANAGER("AutoSync", BOOLEAN, auto_sync),
        MANAGER("AutoSyncReason", STRING, auto_sync_reason),
        MANAGER("Watching", STRING, watching),
        MANAGER("WatchingReason", STRING, watching_reason),
        MANAGER("Cmdline", STRING, cmdline),
        MANAGER("CmdlineSource", STRING, cmdline_source),
        MANAGER("InSync", BOOLEAN, in_sync),
        MANAGER("InSyncReason", STRING, in_sync_reason),
        MANAGER("Redundancy", STRING, redundancy),
        MANAGER("RedundancyReason", STRING, redundancy_reason),
        MANAGER("Warnings", NOTICES, warnings),
        MANAGER("Pending", STRINGS, pending),
        MANAGER("LastRefreshUSec", U64, last_refresh_usec),
        MANAGER("LastRefreshResult", STRING, last_refresh_result),
};

static const Property esp_properties[] = {
        ESP("Uuid", STRING, uuid),
        ESP("Device", STRING, device),
        ESP("Disk", STRING, disk),
        ESP("PartUuid", STRING, part_uuid),
        ESP("Present", BOOLEAN, present),
        ESP("Loader", STRING, loader),
        ESP("LoaderVersion", STRING, loader_version),
        ESP("OneShotMethod", STRING, one_shot_method),
        ESP("State", STRING, state),
        ESP("Kernels", STRINGS, kernels),
        ESP("DefaultKernel", STRING, default_kernel),
        ESP("SizeBytes", U64, size_bytes),
        ESP("FreeBytes", U64, free_bytes),
        ESP("LastSyncUSec", U64, last_sync_usec),
        ESP("LastVerifyUSec", U64, last_verify_usec),
        ESP("LastError", STRING, last_error),
        ESP("Why", STRING, why),
        ESP("Action", STRING, action),
};

#define BOOT(name, field) \
        { name, PROPERTY_STRING, offsetof(BootSummary, field) }

static const Property boot_properties[] = {
        BOOT("Firmware", firmware),
        BOOT("Loader", loader),
        BOOT("SecureBoot", secure_boot),
};

static const Property job_properties[] = {
        JOB("Id", U64, id),
        JOB("Type", STRING, type),
        JOB("State", STRING, state),
        JOB("Message", STRING, message),
        JOB("WaitingFor", STRING, waiting_for),
        JOB("Progress", U32, percent),
        JOB("BytesDone", U64, bytes_done),
        JOB("BytesTotal", U64, bytes_total),
        JOB("Rate", U64, rate),
        JOB("EspProgress", SHARES, shares),
};

/* Reads each object that has @interface: @read stands at its a{sv}. Of several, the last one has no
 * interface. */
typedef struct Visit {
        const char *interface;
        int (*read)(sd_bus_message *m, const char *path, void *userdata);
        void *userdata;
} Visit;

void manager_info_done(ManagerInfo *info) {
        properties_done(manager_properties, ELEMENTSOF(manager_properties), info);
}

ExitStatus manager_info_get(Connection *c, ManagerInfo *ret) {
        _cleanup_manager_info_ ManagerInfo info = {};
        ExitStatus status;

        status = properties_get(c, BUS_PATH, BUS_IFACE_MANAGER, manager_properties,
                                ELEMENTSOF(manager_properties), &info);
        if (status == STATUS_DONE)
                *ret = TAKE_STRUCT(info);
        return status;
}

static void esp_info_done(EspInfo *esp) {
        esp->path = mfree(esp->path);
        properties_done(esp_properties, ELEMENTSOF(esp_properties), esp);
}

void esp_infos_done(EspInfos *infos) {
        for (size_t i = 0; i < infos->n; i++)
                esp_info_done(&infos->esps[i]);
        free(infos->esps);
        *infos = (EspInfos){};
}

static int esp_compare(const void *a, const void *b) {
        const EspInfo *x = a, *y = b;

        return strcmp(strempty(x->uuid), strempty(y->uuid));
}

/* Does one of @uuids (empty: any will do) mean this ESP? */
static bool is_wanted(const EspInfo *esp, char *const *uuids) {
        if (strv_isempty(uuids))
                return true;
        for (; *uuids; uuids++)
                if (strcasecmp(*uuids, strempty(esp->uuid)) == 0)
                        return true;
        return false;
}

typedef struct EspSearch {
        char *const *uuids;
        EspInfos *infos;
} EspSearch;

static int read_esp(sd_bus_message *m, const char *path, void *userdata) {
        const EspSearch *search = userdata;
        EspInfos *infos = search->infos;
        EspInfo esp = { .path = must(strdup(path)) };
        int r;

        r = properties_read(m, esp_properties, ELEMENTSOF(esp_properties), &esp);
        esp.in_sync = streq_ptr(esp.state, "in-sync");
        esp.unusable = streq_ptr(esp.state, "missing") || streq_ptr(esp.state, "failed");
        if (r >= 0 && is_wanted(&esp, search->uuids)) {
                if (!ARRAY_RESERVE(infos->esps, infos->allocated, infos->n + 1))
                        out_of_memory();
                infos->esps[infos->n++] = TAKE_STRUCT(esp);
        }
        esp_info_done(&esp);
        return r;
}

static const Visit *find_visit(const Visit *visits, const char *interface) {
        for (; visits->interface; visits++)
                if (streq(interface, visits->interface))
                        return visits;
        return NULL;
}

/* One object's a{sa{sv}}: what is not looked for is skipped. */
static int read_interfaces(sd_bus_message *m, const char *path, const Visit *visits) {
        const Visit *visit;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                const char *interface;

                r = sd_bus_message_read(m, "s", &interface);
                if (r < 0)
                        return r;
                visit = find_visit(visits, interface);
                r = visit ? visit->read(m, path, visit->userdata) : sd_bus_message_skip(m, "a{sv}");
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, const Visit *visits) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                const char *path;

                r = sd_bus_message_read(m, "o", &path);
                if (r < 0)
                        return r;
                r = read_interfaces(m, path, visits);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static ExitStatus visit_objects(Connection *c, const Visit *visits) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(c->bus, c->destination, BUS_PATH,
                               "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
                               &reply, "");
        if (r < 0)
                return connection_failed(c, &error, r);
        r = read_objects(reply, visits);
        return r < 0 ? connection_bad_reply(r) : STATUS_DONE;
}

static void sort_esps(EspInfos *infos) {
        if (infos->n > 0)
                qsort(infos->esps, infos->n, sizeof(infos->esps[0]), esp_compare);
}

ExitStatus esp_infos_get(Connection *c, char *const *uuids, EspInfos *ret) {
        _cleanup_esp_infos_ EspInfos infos = {};
        EspSearch search = { uuids, &infos };
        ExitStatus status;

        status = visit_objects(c, (Visit[]){ { BUS_IFACE_ESP, read_esp, &search }, {} });
        if (status != STATUS_DONE)
                return status;
        sort_esps(&infos);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}

void boot_summary_done(BootSummary *boot) {
        properties_done(boot_properties, ELEMENTSOF(boot_properties), boot);
}

static int read_boot(sd_bus_message *m, const char *path, void *userdata) {
        return properties_read(m, boot_properties, ELEMENTSOF(boot_properties), userdata);
}

char *boot_summary_firmware(const BootSummary *boot) {
        if (streq_ptr(boot->firmware, "bios"))
                return must(strdup("legacy BIOS"));
        if (!streq_ptr(boot->firmware, "uefi"))
                return must(strdup(""));
        return must(strprintf("UEFI, Secure Boot %s", strempty(boot->secure_boot)));
}

static char *follow_link(const Options *options, const char *name) {
        char *path = options->root || options->host || !startswith(name, "/dev/")
                                     ? NULL
                                     : realpath(name, NULL);

        return path ?: must(strdup(name));
}

static ExitStatus find_uuid(Connection *c, const char *name, char ***uuids) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *uuid;
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_MANAGER("GetEsp"),
                             (char *[]){ (char *) name, NULL }, NULL, &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read(reply, "os", NULL, &uuid);
        if (r < 0)
                return connection_bad_reply(r);
        if (strv_extend(uuids, uuid) < 0)
                out_of_memory();
        return STATUS_DONE;
}

ExitStatus esp_uuids_find(Connection *c, const Options *options, char *const *names, char ***ret) {
        _cleanup_strv_ char **uuids = NULL;

        for (; names && *names; names++) {
                _cleanup_free_ char *name = follow_link(options, *names);
                ExitStatus status = find_uuid(c, name, &uuids);

                if (status != STATUS_DONE)
                        return status;
        }
        *ret = TAKE_PTR(uuids);
        return STATUS_DONE;
}

char *esp_info_complaint(const EspInfo *esp) {
        /* Most sentences name their ESP. */
        if (!isempty(esp->last_error) && strstr(esp->last_error, strempty(esp->uuid)))
                return must(strdup(esp->last_error));
        if (!isempty(esp->last_error))
                return must(strprintf("ESP '%s': %s", strempty(esp->uuid), esp->last_error));
        return must(strprintf("ESP '%s' is %s.", strempty(esp->uuid),
                              isempty(esp->state) ? "not in sync" : esp->state));
}

void job_info_done(JobInfo *job) {
        properties_done(job_properties, ELEMENTSOF(job_properties), job);
}

int job_info_read(sd_bus_message *m, JobInfo *job) {
        return properties_read(m, job_properties, ELEMENTSOF(job_properties), job);
}

void job_infos_done(JobInfos *infos) {
        for (size_t i = 0; i < infos->n; i++)
                job_info_done(&infos->jobs[i]);
        free(infos->jobs);
        *infos = (JobInfos){};
}

static int job_compare(const void *a, const void *b) {
        const JobInfo *x = a, *y = b;

        return (x->id > y->id) - (x->id < y->id);
}

static int read_job(sd_bus_message *m, const char *path, void *userdata) {
        JobInfos *infos = userdata;
        JobInfo job = {};
        int r;

        r = job_info_read(m, &job);
        if (r >= 0) {
                if (!ARRAY_RESERVE(infos->jobs, infos->allocated, infos->n + 1))
                        out_of_memory();
                infos->jobs[infos->n++] = TAKE_STRUCT(job);
        }
        job_info_done(&job);
        return r;
}

static void sort_jobs(JobInfos *infos) {
        if (infos->n > 0)
                qsort(infos->jobs, infos->n, sizeof(infos->jobs[0]), job_compare);
}

ExitStatus job_infos_get(Connection *c, JobInfos *ret) {
        _cleanup_job_infos_ JobInfos infos = {};
        ExitStatus status;

        status = visit_objects(c, (Visit[]){ { BUS_IFACE_JOB, read_job, &infos }, {} });
        if (status != STATUS_DONE)
                return status;
        sort_jobs(&infos);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}

ExitStatus all_infos_get(Connection *c, EspInfos *esps, JobInfos *jobs, BootSummary *boot) {
        EspSearch search = { NULL, esps };
        const Visit visits[] = {
                { BUS_IFACE_ESP, read_esp, &search },
                { BUS_IFACE_JOB, read_job, jobs },
                { BUS_IFACE_BOOT, read_boot, boot },
                {},
        };
        ExitStatus status = visit_objects(c, visits);

        sort_esps(esps);
        sort_jobs(jobs);
        return status;
}
