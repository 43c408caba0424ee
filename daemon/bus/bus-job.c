/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects /org/bootsync1/job/NUMBER. They are not registered one by one: a fallback vtable asks
 * the manager for the job that a path names, so that nothing here can outlive it. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/caller.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"

/* For handlers of a fallback vtable, whose userdata is the one object: the Bus that it was added
 * with. Must be called before anything is sent, since sending moves sd-bus on to another slot. */
static Bus *bus_of_slot(sd_bus *bus) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
}

char *bus_job_path(const Job *job) {
        return strprintf(BUS_PATH_JOB "/%llu", (unsigned long long) job_info(job)->id);
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
        for (size_t i = 0; (job = manager_job(b->manager, i)); i++)
                if (job_info(job)->id == id)
                        break;
        if (!job && b->leaving_job && job_info(b->leaving_job)->id == id)
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
        const Job *job;

        for (size_t i = 0; (job = manager_job(b->manager, i)); i++)
                if (strv_consume(&nodes, bus_job_path(job)) < 0)
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
        if (caller_info(caller).uid != job_info(job)->request.uid) {
                const char *const details[] = { "job",
                                                job_type_to_string(job_info(job)->request.type),
                                                NULL };

                r = bus_authorise(b, m, job_info(job)->is_ksm ? ACTION_KSM_CONTROL : ACTION_REFRESH,
                                  details, NULL, error);
                if (r <= 0)
                        return r < 0 ? r : 1;
        }

        manager_cancel_job(b->manager, job);
        return sd_bus_reply_method_return(m, NULL);
}

/* Before it begins, a job of ESPs is for those that it was asked for. Which one a partition is to
 * become is not known until then. */
static bool works_on(const Job *job, const Esp *esp) {
        const JobStatus *status = &job_info(job)->status;
        const JobType type = job_info(job)->request.type;
        const EspInfo info = esp_info(esp);

        for (size_t i = 0; i < status->n_shares; i++)
                if (streq_ptr(status->shares[i].uuid, info.uuid))
                        return true;
        return status->n_shares == 0 && !job_info(job)->is_ksm && type != JOB_FORMAT &&
               type != JOB_INIT && info.listed && job_wants_esp(job, info.uuid);
}

static int get_esps(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *b = bus_of_slot(bus);
        const Job *job = userdata;
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "o");
        if (r < 0)
                return r;
        ESPS_FOREACH(esp, manager_info(b->manager).known->esps) {
                _cleanup_free_ char *esp_path = NULL;

                if (!works_on(job, esp))
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

static int append_shares(sd_bus_message *m, const JobStatus *status) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(stt)");

        for (size_t i = 0; r >= 0 && i < status->n_shares; i++) {
                const JobShare *share = &status->shares[i];

                if (share->uuid && share->total > 0)
                        r = sd_bus_message_append(m, "(stt)", share->uuid, share->done,
                                                  share->total);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_u32(sd_bus_message *m, uint32_t value) {
        return sd_bus_message_append(m, "u", value);
}

BUS_DEFINE_PROPERTY(get_id, Job, bus_append_u64, job_info(o)->id)
BUS_DEFINE_PROPERTY(get_type, Job, bus_append_string, job_type_to_string(job_info(o)->request.type))
BUS_DEFINE_PROPERTY(get_state, Job, bus_append_string,
                    job_state_to_string(job_info(o)->status.state))
BUS_DEFINE_PROPERTY(get_progress, Job, append_u32, job_info(o)->status.progress)
BUS_DEFINE_PROPERTY(get_message, Job, bus_append_string, job_info(o)->status.message)
BUS_DEFINE_PROPERTY(get_waiting, Job, bus_append_string, job_info(o)->status.waiting_for)
BUS_DEFINE_PROPERTY(get_bytes_done, Job, bus_append_u64, job_info(o)->status.bytes_done)
BUS_DEFINE_PROPERTY(get_bytes_total, Job, bus_append_u64, job_info(o)->status.bytes_total)
BUS_DEFINE_PROPERTY(get_rate, Job, bus_append_u64, job_info(o)->status.rate)
BUS_DEFINE_PROPERTY(get_shares, Job, append_shares, &job_info(o)->status)
BUS_DEFINE_PROPERTY(get_uid, Job, append_u32, job_info(o)->request.uid)
BUS_DEFINE_PROPERTY(get_start, Job, bus_append_u64, job_info(o)->status.start_usec)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "t", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Type", "s", get_type, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "u", get_progress, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Message", "s", get_message, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("WaitingFor", "s", get_waiting, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("BytesDone", "t", get_bytes_done, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("BytesTotal", "t", get_bytes_total, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Rate", "t", get_rate, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("EspProgress", "a(stt)", get_shares, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Esps", "ao", get_esps, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StartedByUid", "u", get_uid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StartUSec", "t", get_start, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

/* Which property is told of in which groups of JobChange. */
static const struct {
        const char *property;
        unsigned changes;
} property_groups[] = {
        { "State", JOB_CHANGED_STATE },        { "StartUSec", JOB_CHANGED_STATE },
        { "Progress", JOB_CHANGED_PROGRESS },  { "Message", JOB_CHANGED_MESSAGE },
        { "WaitingFor", JOB_CHANGED_WAITING }, { "BytesDone", JOB_CHANGED_DONE },
        { "BytesTotal", JOB_CHANGED_TOTAL },   { "Rate", JOB_CHANGED_RATE },
        { "EspProgress", JOB_CHANGED_SHARES }, { "Esps", JOB_CHANGED_ESPS },
};

static int add_jobs(Bus *b) {
        int r;

        r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_JOB, BUS_IFACE_JOB, job_vtable,
                                       job_find, b);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_JOB, job_enumerate, b);
}

static void emit_job_new(Bus *b, Job *job) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        path = bus_job_path(job);
        if (path)
                r = sd_bus_emit_signal(b->bus, BUS_PATH, BUS_IFACE_MANAGER, "JobNew", "tos",
                                       job_info(job)->id, path,
                                       job_type_to_string(job_info(job)->request.type));
        if (r >= 0)
                r = sd_bus_emit_object_added(b->bus, path);
        if (r < 0)
                log_debug("Cannot announce a job: %s", strerror(-r));
}

static void emit_job_changed(Bus *b, Job *job) {
        const char *names[ELEMENTSOF(property_groups) + 1] = {};
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(property_groups); i++)
                if (property_groups[i].changes & job_info(job)->status.changes)
                        names[n++] = property_groups[i].property;
        path = bus_job_path(job);
        if (path)
                r = sd_bus_emit_properties_changed_strv(b->bus, path, BUS_IFACE_JOB,
                                                        (char **) names);
        if (r < 0)
                log_debug("Cannot tell of a job's progress: %s", strerror(-r));
}

static int send_job_removed(Bus *b, const Job *job, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const Error *error = &job_info(job)->status.error;
        _cleanup_free_ char *name = NULL;
        int r;

        name = bus_error_name(error_is_set(error) ? error->code : ERROR_NONE);
        if (!name)
                return -ENOMEM;
        r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, BUS_IFACE_MANAGER, "JobRemoved");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "tosss", job_info(job)->id, path,
                                  job_type_to_string(job_info(job)->request.type),
                                  job_result_to_string(job_info(job)->status.result), name);
        if (r < 0)
                return r;
        r = bus_append_string(m, job_info(job)->status.deed->message);
        if (r < 0)
                return r;
        return sd_bus_send(b->bus, m, NULL);
}

static void emit_job_removed(Bus *b, Job *job) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOMEM;

        path = bus_job_path(job);
        if (path)
                r = send_job_removed(b, job, path);
        b->leaving_job = job;
        if (r >= 0)
                r = sd_bus_emit_object_removed(b->bus, path);
        b->leaving_job = NULL;
        if (r < 0)
                log_debug("Cannot tell of a job's end: %s", strerror(-r));
}

const BusPart bus_jobs = {
        .add = add_jobs,
        .job_new = emit_job_new,
        .job_changed = emit_job_changed,
        .job_removed = emit_job_removed,
};
