/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the daemon's objects in one call each: GetAll for the Manager, GetManagedObjects for the
 * rest. It holds no opinion on what it reads; words such as "in-sync" are the daemon's. */

#include "client/objects.h"

#include <strings.h>

#include "client/call.h"
#include "client/output.h"
#include "client/properties.h"
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
        MANAGER("NextBootKernel", STRING, next_boot),
        MANAGER("ManualKernels", STRINGS, manual),
        MANAGER("AutomaticKernels", STRINGS, automatic),
        MANAGER("SelectedKernels", STRINGS, selected),
        MANAGER("ProtectedKernels", STRINGS, protected),
        MANAGER("AutoSync", BOOLEAN, auto_sync),
        MANAGER("Watching", STRING, watching),
        MANAGER("WatchingReason", STRING, watching_reason),
        MANAGER("Cmdline", STRING, cmdline),
        MANAGER("CmdlineSource", STRING, cmdline_source),
        MANAGER("InSync", BOOLEAN, in_sync),
        MANAGER("InSyncReason", STRING, in_sync_reason),
        MANAGER("Redundancy", STRING, redundancy),
        MANAGER("RedundancyReason", STRING, redundancy_reason),
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
};

static const Property job_properties[] = {
        JOB("Id", U64, id),
        JOB("Type", STRING, type),
        JOB("State", STRING, state),
};

/* What is read of each object that has @interface: @read stands at its a{sv}. */
typedef struct Visit {
        const char *interface;
        int (*read)(sd_bus_message *m, void *userdata);
        void *userdata;
} Visit;

void manager_info_done(ManagerInfo *info) {
        properties_done(manager_properties, ELEMENTSOF(manager_properties), info);
}

ExitStatus manager_info_get(Connection *c, ManagerInfo *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_manager_info_ ManagerInfo info = {};
        int r;

        r = sd_bus_call_method(c->bus, c->destination, BUS_PATH, "org.freedesktop.DBus.Properties",
                               "GetAll", &error, &reply, "s", BUS_IFACE_MANAGER);
        if (r < 0)
                return call_failed(c, &error, r);
        r = properties_read(reply, manager_properties, ELEMENTSOF(manager_properties), &info);
        if (r < 0)
                return call_bad_reply(r);
        *ret = TAKE_STRUCT(info);
        return STATUS_DONE;
}

static void esp_info_done(EspInfo *esp) {
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
                if (strcasecmp(*uuids, strempty(esp->uuid)) == 0 ||
                    strcasecmp(*uuids, strempty(esp->part_uuid)) == 0)
                        return true;
        return false;
}

typedef struct EspSearch {
        char *const *uuids;
        EspInfos *infos;
} EspSearch;

static int read_esp(sd_bus_message *m, void *userdata) {
        const EspSearch *search = userdata;
        EspInfos *infos = search->infos;
        EspInfo esp = {};
        int r;

        r = properties_read(m, esp_properties, ELEMENTSOF(esp_properties), &esp);
        if (r >= 0 && is_wanted(&esp, search->uuids)) {
                if (!ARRAY_RESERVE(infos->esps, infos->allocated, infos->n + 1))
                        out_of_memory();
                infos->esps[infos->n++] = TAKE_STRUCT(esp);
        }
        esp_info_done(&esp);
        return r;
}

/* One object's a{sa{sv}}: what is not looked for is skipped. */
static int read_interfaces(sd_bus_message *m, const Visit *visit) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                const char *interface;

                r = sd_bus_message_read(m, "s", &interface);
                if (r < 0)
                        return r;
                r = streq(interface, visit->interface) ? visit->read(m, visit->userdata)
                                                       : sd_bus_message_skip(m, "a{sv}");
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_objects(sd_bus_message *m, const Visit *visit) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                r = sd_bus_message_skip(m, "o");
                if (r < 0)
                        return r;
                r = read_interfaces(m, visit);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static ExitStatus visit_objects(Connection *c, const Visit *visit) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(c->bus, c->destination, BUS_PATH,
                               "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
                               &reply, "");
        if (r < 0)
                return call_failed(c, &error, r);
        r = read_objects(reply, visit);
        return r < 0 ? call_bad_reply(r) : STATUS_DONE;
}

ExitStatus esp_infos_get(Connection *c, char *const *uuids, EspInfos *ret) {
        _cleanup_esp_infos_ EspInfos infos = {};
        EspSearch search = { uuids, &infos };
        ExitStatus status;

        status = visit_objects(c, &(Visit){ BUS_IFACE_ESP, read_esp, &search });
        if (status != STATUS_DONE)
                return status;
        if (infos.n > 0)
                qsort(infos.esps, infos.n, sizeof(infos.esps[0]), esp_compare);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}

bool esp_info_in_sync(const EspInfo *esp) {
        return streq_ptr(esp->state, "in-sync");
}

bool esp_info_unusable(const EspInfo *esp) {
        return streq_ptr(esp->state, "missing") || streq_ptr(esp->state, "failed");
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

static void job_info_done(JobInfo *job) {
        properties_done(job_properties, ELEMENTSOF(job_properties), job);
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

static int read_job(sd_bus_message *m, void *userdata) {
        JobInfos *infos = userdata;
        JobInfo job = {};
        int r;

        r = properties_read(m, job_properties, ELEMENTSOF(job_properties), &job);
        if (r >= 0) {
                if (!ARRAY_RESERVE(infos->jobs, infos->allocated, infos->n + 1))
                        out_of_memory();
                infos->jobs[infos->n++] = TAKE_STRUCT(job);
        }
        job_info_done(&job);
        return r;
}

ExitStatus job_infos_get(Connection *c, JobInfos *ret) {
        _cleanup_job_infos_ JobInfos infos = {};
        ExitStatus status;

        status = visit_objects(c, &(Visit){ BUS_IFACE_JOB, read_job, &infos });
        if (status != STATUS_DONE)
                return status;
        if (infos.n > 0)
                qsort(infos.jobs, infos.n, sizeof(infos.jobs[0]), job_compare);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}
