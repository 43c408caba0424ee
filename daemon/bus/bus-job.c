/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects /org/bootsync1/job/NUMBER. They are not registered one by one: a fallback vtable asks
 * the manager for the job that a path names, so that nothing here can outlive it. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/bus-internal.h"
#include "bus/bus-util.h"
#include "bus/caller.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

char *bus_job_path(const Job *job) {
        return strprintf(BUS_PATH_JOB "/%llu", (unsigned long long) job_id(job));
}

static int job_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *error) {
        _cleanup_free_ char *canonical = NULL;
        Bus *b = userdata;
        const char *number;
        uint64_t id;
        Job *job;

        number = startswith(path, BUS_PATH_JOB "/");
        if (!number || parse_u64(number, &id) < 0)
                return 0;
        job = manager_find_job(b->manager, id);
        if (!job && b->leaving_job && job_id(b->leaving_job) == id)
                job = b->leaving_job;
        if (!job)
                return 0;

        canonical = bus_job_path(job);
        if (!canonical)
                return -ENOMEM;
        if (!streq(path, canonical)) /* "01" */
                return 0;
        *ret_found = job;
        return 1;
}

static int job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                         sd_bus_error *error) {
        _cleanup_strv_ char **nodes = NULL;
        Bus *b = userdata;

        for (size_t i = 0; i < manager_n_jobs(b->manager); i++)
                if (strv_consume(&nodes, bus_job_path(manager_job(b->manager, i))) < 0)
                        return -ENOMEM;
        *ret_nodes = TAKE_PTR(nodes);
        return 0;
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = bus_of_slot(sd_bus_message_get_bus(m));
        Job *job = userdata;
        Caller *caller;
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;

        r = caller_of(b, m, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (caller_uid(caller) != job_uid(job)) {
                const char *const details[] = { "job", job_type_to_string(job_get_type(job)),
                                                NULL };

                r = bus_authorise(b, m,
                                  job_type_is_ksm(job_get_type(job)) ? ACTION_KSM_CONTROL
                                                                     : ACTION_REFRESH,
                                  details, NULL, error);
                if (r <= 0)
                        return r < 0 ? r : 1;
        }

        manager_cancel_job(b->manager, job);
        return sd_bus_reply_method_return(m, NULL);
}

static int get_esps(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *b = bus_of_slot(bus);
        const Job *job = userdata;
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "o");
        if (r < 0)
                return r;
        for (size_t i = 0; i < manager_n_esps(b->manager); i++) {
                const Esp *esp = manager_esp(b->manager, i);
                _cleanup_free_ char *esp_path = NULL;

                if (!strv_contains(job_esps(job), esp_uuid(esp)))
                        continue;
                esp_path = bus_esp_path(esp);
                if (!esp_path)
                        return -ENOMEM;
                r = sd_bus_message_append_basic(reply, SD_BUS_TYPE_OBJECT_PATH, esp_path);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

BUS_DEFINE_PROPERTY(get_id, Job, bus_append_u64, job_id(o))
BUS_DEFINE_PROPERTY(get_type, Job, bus_append_string, job_type_to_string(job_get_type(o)))
BUS_DEFINE_PROPERTY(get_state, Job, bus_append_string, job_state_to_string(job_get_state(o)))
BUS_DEFINE_PROPERTY(get_progress, Job, bus_append_u32, job_progress(o))
BUS_DEFINE_PROPERTY(get_message, Job, bus_append_string, job_message(o))
BUS_DEFINE_PROPERTY(get_uid, Job, bus_append_u32, job_uid(o))
BUS_DEFINE_PROPERTY(get_start, Job, bus_append_u64, job_start_usec(o))

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "t", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Type", "s", get_type, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "u", get_progress, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Message", "s", get_message, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Esps", "ao", get_esps, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StartedByUid", "u", get_uid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StartUSec", "t", get_start, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int bus_add_jobs(Bus *b) {
        int r;

        r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_JOB, BUS_IFACE_JOB, job_vtable,
                                       job_find, b);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_JOB, job_enumerate, b);
}

void bus_emit_job_new(Bus *b, Job *job) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        path = bus_job_path(job);
        if (path)
                r = sd_bus_emit_signal(b->bus, BUS_PATH, BUS_IFACE_MANAGER, "JobNew", "tos",
                                       job_id(job), path, job_type_to_string(job_get_type(job)));
        if (r >= 0)
                r = sd_bus_emit_object_added(b->bus, path);
        if (r < 0)
                log_debug("Cannot announce a job: %s", strerror(-r));
}

/* Without names: all properties that change. */
void bus_emit_job_changed(Bus *b, Job *job) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        path = bus_job_path(job);
        if (path)
                r = sd_bus_emit_properties_changed_strv(b->bus, path, BUS_IFACE_JOB, NULL);
        if (r < 0)
                log_debug("Cannot tell of a job's progress: %s", strerror(-r));
}

static int emit_job_removed(Bus *b, const Job *job, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const Error *error = job_error(job);
        _cleanup_free_ char *name = NULL;
        int r;

        name = bus_error_name(error_is_set(error) ? error->code : ERROR_NONE);
        if (!name)
                return -ENOMEM;
        r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, BUS_IFACE_MANAGER, "JobRemoved");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "tosss", job_id(job), path,
                                  job_type_to_string(job_get_type(job)),
                                  job_result_to_string(job_get_result(job)), name);
        if (r < 0)
                return r;
        r = bus_append_string(m, error_is_set(error) ? error->message : "");
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, m, NULL);
}

void bus_emit_job_removed(Bus *b, Job *job) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        path = bus_job_path(job);
        if (path)
                r = emit_job_removed(b, job, path);
        b->leaving_job = job;
        if (r >= 0)
                r = sd_bus_emit_object_removed(b->bus, path);
        b->leaving_job = NULL;
        if (r < 0)
                log_debug("Cannot tell of a job's end: %s", strerror(-r));
}
