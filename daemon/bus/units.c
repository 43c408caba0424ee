/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As `systemctl enable --now` and `disable --now` do it, call by call: the files of the units, a
 * reload, then one job of systemd after the other, each waited for. Before and after it the units
 * are asked how they are, since what counts is that, not that a call was answered. See
 * org.freedesktop.systemd1(5). */

#include "bus/units.h"

#include "bus/shared.h"
#include "common/names.h"
#include "common/string-util.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

/* A call waits for a reload, which takes a while where there are many units; a service that does
 * not stop is killed after 90 s. */
#define CALL_USEC UINT64_C(60000000)
#define JOB_USEC  UINT64_C(180000000)

struct UnitsCall {
        Bus *bus;
        char **names;
        bool turn, on;
        bool turned; /* now it is only asked how they are */
        units_answered_t answered;
        void *userdata;

        Units units;
        size_t index; /* of the unit that is asked for, started or stopped */
        char *job;    /* of systemd, which is waited for; NULL: none */
        char *owner;  /* the unique name of the systemd that has it */
        sd_bus_slot *slot, *match;
        sd_event_source *deadline;
        Error error;
};

static UnitsCall *units_call_free(UnitsCall *call) {
        if (!call)
                return NULL;
        sd_event_source_disable_unref(call->deadline);
        sd_bus_slot_unref(call->match);
        sd_bus_slot_unref(call->slot);
        strv_free(call->names);
        units_done(&call->units);
        free(call->job);
        free(call->owner);
        error_done(&call->error);
        return mfree(call);
}
DEFINE_CLEANUP(UnitsCall *, units_call_free)

/* After these two @call is gone. */
static int finish(UnitsCall *call) {
        call->answered(&call->units, &call->error, call->userdata);
        units_call_free(call);
        return 0;
}

static int give_up(UnitsCall *call, const char *why) {
        (void) error_set(&call->error, ERROR_FAILED,
                         "systemd cannot be asked for " KSM_TUNER_UNIT " and " KSM_UNIT
                         ": %s; look with 'systemctl status'",
                         why);
        return finish(call);
}

static int give_up_errno(UnitsCall *call, int r) {
        return give_up(call, strerror(-r));
}

static int new_call_on(const Bus *b, const char *method, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(b->bus, ret, SYSTEMD_NAME, SYSTEMD_PATH,
                                              SYSTEMD_INTERFACE, method);
}

static int new_call(const UnitsCall *call, const char *method, sd_bus_message **ret) {
        return new_call_on(call->bus, method, ret);
}

static int send_call(UnitsCall *call, sd_bus_message *m, sd_bus_message_handler_t handler) {
        call->slot = sd_bus_slot_unref(call->slot);
        return sd_bus_call_async(call->bus->bus, &call->slot, m, handler, call, CALL_USEC);
}

/* NULL: the call was answered. */
static const char *refusal(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        return error ? error->message ?: error->name : NULL;
}

static int ask_for_file(UnitsCall *call);
static int ask_for_units(UnitsCall *call);
static int switch_files(UnitsCall *call);
static int next_job(UnitsCall *call);

/* A change is believed only if it shows. A unit that cannot be enabled ("static") is started.
 */
static void check_turned(UnitsCall *call) {
        for (size_t i = 0; i < call->units.n; i++) {
                const Unit *u = &call->units.items[i];
                bool stays = !call->on && (unit_condition(u).active || unit_condition(u).enabled);
                bool missed = call->on && unit_condition(u).available &&
                              (!unit_condition(u).active || streq(u->file, "disabled"));

                if (stays || missed)
                        (void) error_set(&call->error, ERROR_FAILED,
                                         "%s was switched %s, but is %s and %s; see 'systemctl "
                                         "status %s'",
                                         u->name, call->on ? "on" : "off", u->active,
                                         isempty(u->file) ? "without a file" : u->file, u->name);
        }
}

static int on_file(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitsCall *call = userdata;
        Unit *unit = &call->units.items[call->index++];
        const char *state = "";

        /* A unit without a file is an error of this call. */
        if (!refusal(reply) && sd_bus_message_read(reply, "s", &state) < 0)
                return give_up(call, "its answer cannot be understood");
        unit->file = strdup(state);
        return unit->file ? ask_for_file(call) : give_up_errno(call, -ENOMEM);
}

static int ask_for_file(UnitsCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (call->index == call->units.n) {
                if (call->turn && !call->turned)
                        return switch_files(call);
                if (call->turned)
                        check_turned(call);
                return finish(call);
        }
        r = new_call(call, "GetUnitFileState", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", call->units.items[call->index].name);
        if (r >= 0)
                r = send_call(call, m, on_file);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int read_units(sd_bus_message *reply, Units *ret) {
        _cleanup_(units_done) Units units = {};
        const char *name, *load, *active;
        int r;

        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssssssouso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, &load, &active, NULL,
                                        NULL, NULL, NULL, NULL, NULL)) > 0) {
                Unit *unit = units_add(&units, name);

                if (!unit)
                        return -ENOMEM;
                unit->load = strdup(load);
                unit->active = strdup(active);
                if (!unit->load || !unit->active)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(units);
        return 0;
}

static int on_units(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitsCall *call = userdata;
        const char *why = refusal(reply);
        int r;

        if (why)
                return give_up(call, why);
        units_done(&call->units);
        r = read_units(reply, &call->units);
        if (r < 0)
                return give_up_errno(call, r);
        call->index = 0;
        return ask_for_file(call);
}

static int ask_for_units(UnitsCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_call(call, "ListUnitsByNames", &m);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, call->names);
        return r < 0 ? r : send_call(call, m, on_units);
}

static int ask_again(UnitsCall *call) {
        int r;

        call->turned = true;
        r = ask_for_units(call);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitsCall *call = userdata;

        (void) error_set(&call->error, ERROR_TIMEOUT,
                         "%s is not %s after three minutes; see 'systemctl status %s'",
                         call->units.items[call->index].name, call->on ? "started" : "stopped",
                         call->units.items[call->index].name);
        return finish(call);
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *unit, *result;
        UnitsCall *call = userdata;

        /* Any user can address a signal to us. */
        if (!call->job || !streq_ptr(sd_bus_message_get_sender(m), call->owner) ||
            sd_bus_message_read(m, "uoss", NULL, &path, &unit, &result) < 0 ||
            !streq(call->job, path))
                return 0;
        call->job = mfree(call->job);
        call->deadline = sd_event_source_disable_unref(call->deadline);
        if (!streq(result, "done"))
                (void) error_set(&call->error, ERROR_FAILED,
                                 "%s was not %s (%s); see 'systemctl status %s'", unit,
                                 call->on ? "started" : "stopped", result, unit);
        call->index++;
        return next_job(call);
}

static int on_job_queued(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitsCall *call = userdata;
        const char *why = refusal(reply), *path;
        int r;

        if (why)
                return give_up(call, why);
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0 && !(call->job = strdup(path)))
                r = -ENOMEM;
        free(call->owner);
        call->owner = strdup(strempty(sd_bus_message_get_sender(reply)));
        if (!call->owner)
                r = -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time_relative(call->bus->event, &call->deadline, CLOCK_MONOTONIC,
                                               JOB_USEC, 0, on_deadline, call);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int next_job(UnitsCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const Unit *unit = NULL;
        int r;

        for (; call->index < call->units.n; call->index++) {
                unit = &call->units.items[call->index];
                if (call->on ? unit_condition(unit).available : unit_condition(unit).active)
                        break;
        }
        if (call->index == call->units.n)
                return ask_again(call);
        r = new_call(call, call->on ? "StartUnit" : "StopUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit->name, "replace");
        if (r >= 0)
                r = send_call(call, m, on_job_queued);
        return r < 0 ? give_up_errno(call, r) : 0;
}

/* Without a subscriber systemd tells nobody of its jobs; that we are one already is no error. */
static int on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitsCall *call = userdata;

        call->index = 0;
        return next_job(call);
}

static int begin_jobs(UnitsCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_match_signal_async(call->bus->bus, &call->match, SYSTEMD_NAME, SYSTEMD_PATH,
                                      SYSTEMD_INTERFACE, "JobRemoved", on_job_removed, NULL, call);
        if (r >= 0)
                r = new_call(call, "Subscribe", &m);
        if (r >= 0)
                r = send_call(call, m, on_subscribed);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int on_reloaded(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitsCall *call = userdata;
        const char *why = refusal(reply);

        return why ? give_up(call, why) : begin_jobs(call);
}

static int on_files_switched(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        UnitsCall *call = userdata;
        const char *why = refusal(reply);
        int r;

        if (why)
                return give_up(call, why);
        r = new_call(call, "Reload", &m);
        if (r >= 0)
                r = send_call(call, m, on_reloaded);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int append_available(const UnitsCall *call, sd_bus_message *m) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && i < call->units.n; i++)
                if (unit_condition(&call->units.items[i]).available)
                        r = sd_bus_message_append(m, "s", call->units.items[i].name);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int switch_files(UnitsCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        bool any = false;
        int r;

        for (size_t i = 0; i < call->units.n; i++)
                any |= unit_condition(&call->units.items[i]).available;
        if (!any)
                return begin_jobs(call);
        r = new_call(call, call->on ? "EnableUnitFiles" : "DisableUnitFiles", &m);
        if (r >= 0)
                r = append_available(call, m);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false); /* for good, not for this boot */
        if (r >= 0 && call->on)
                r = sd_bus_message_append(m, "b", false); /* what is in the way stays */
        if (r >= 0)
                r = send_call(call, m, on_files_switched);
        return r < 0 ? give_up_errno(call, r) : 0;
}

static int start(const UnitsCall *wanted, const char *const *names, UnitsCall **ret) {
        _cleanup_(units_call_freep) UnitsCall *call = malloc(sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        *call = *wanted;
        for (; *names; names++)
                if (strv_extend(&call->names, *names) < 0)
                        return -ENOMEM;
        r = ask_for_units(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

static int units_ask(void *ops_userdata, const char *const *names, units_answered_t answered,
                     void *userdata, UnitsCall **ret) {
        const UnitsCall call = { .bus = ops_userdata, .answered = answered, .userdata = userdata };

        return start(&call, names, ret);
}

static int units_turn(void *ops_userdata, const char *const *names, bool on,
                      units_answered_t answered, void *userdata, UnitsCall **ret) {
        const UnitsCall call = {
                .bus = ops_userdata,
                .turn = true,
                .on = on,
                .answered = answered,
                .userdata = userdata,
        };

        return start(&call, names, ret);
}

const UnitsOps units_ops = {
        .ask = units_ask,
        .set = units_turn,
        .free = units_call_free,
};

/* A unit that is started and then left to systemd. */

static int on_alert_started(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;

        b->alert_call = sd_bus_slot_unref(b->alert_call);
        alerts_answered(manager_info(b->manager).alerts, refusal(reply));
        return 0;
}

static int start_alert(const char *unit, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Bus *b = userdata;
        int r;

        b->alert_call = sd_bus_slot_unref(b->alert_call);
        r = new_call_on(b, "StartUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        return r < 0 ? r
                     : sd_bus_call_async(b->bus, &b->alert_call, m, on_alert_started, b, CALL_USEC);
}

static int add_alerts(Bus *b) {
        Alerts *alerts = manager_info(b->manager).alerts;

        if (alerts && !b->peer)
                alerts_set_starter(alerts, start_alert, b);
        return 0;
}

static void forget_alerts(Bus *b) {
        Alerts *alerts = manager_info(b->manager).alerts;

        b->alert_call = sd_bus_slot_unref(b->alert_call);
        if (alerts)
                alerts_set_starter(alerts, NULL, NULL);
}

const BusPart bus_alerts = {
        .add = add_alerts,
        .all_left = forget_alerts,
};
