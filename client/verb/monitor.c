/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `monitor`: one line per event, until Ctrl-C. For people it is a sentence about what has changed;
 * with --json each signal as it comes, of which nothing is interpreted, so that what a new daemon
 * adds to its properties is shown by an old client, too. Each line is written as it comes, for
 * those who pipe. Only the owner of the bus name is believed; that it ends or is started is an
 * event, too. */

#include "client/verb/verbs.h"

#include <time.h>

#include "client/daemon/news.h"
#include "client/terminal/json.h"
#include "common/names.h"
#include "common/string-util.h"

typedef struct Monitor {
        const Options *options;
        Connection connection;
        char *owner; /* the unique name of the daemon; NULL: there is none now */
        News *news;  /* NULL with --json */
} Monitor;

static void monitor_done(Monitor *monitor) {
        news_free(monitor->news);
        connection_close(&monitor->connection);
        free(monitor->owner);
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

static json_object *event_new(const char *name) {
        json_object *event = json_new();

        json_add_string(event, "event", name);
        json_add_u64(event, "time_usec", now_usec());
        return event;
}

static int print_job_new(const Options *options, sd_bus_message *m) {
        _cleanup_json_ json_object *event = event_new("JobNew");
        const char *path, *type;
        uint64_t id;
        int r;

        r = sd_bus_message_read(m, "tos", &id, &path, &type);
        if (r < 0)
                return r;
        json_add_u64(event, "id", id);
        json_add_string(event, "job", path);
        json_add_string(event, "type", type);
        json_print_line(options, "event", event);
        return 0;
}

static int print_job_removed(const Options *options, sd_bus_message *m) {
        _cleanup_json_ json_object *event = event_new("JobRemoved");
        const char *path, *type, *result, *error_name, *message;
        uint64_t id;
        int r;

        r = sd_bus_message_read(m, "tossss", &id, &path, &type, &result, &error_name, &message);
        if (r < 0)
                return r;
        json_add_u64(event, "id", id);
        json_add_string(event, "job", path);
        json_add_string(event, "type", type);
        json_add_string(event, "result", result);
        json_add_string(event, "error", error_name);
        json_add_string(event, "message", message);
        json_print_line(options, "event", event);
        return 0;
}

/* A variant; one of a type that JSON does not have here is null. */
static int read_variant(sd_bus_message *m, json_object **ret) {
        json_object *value = NULL;
        const char *contents;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return r;
        r = json_from_message(m, &value);
        if (r == -EOPNOTSUPP)
                r = sd_bus_message_skip(m, contents);
        if (r < 0)
                return r;
        *ret = value;
        return sd_bus_message_exit_container(m);
}

/* The a{sv} at which @m stands. */
static int read_changed(sd_bus_message *m, json_object *changed) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                json_object *value;
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                r = read_variant(m, &value);
                if (r < 0)
                        return r;
                json_add(changed, name, value);
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int print_changed(const Options *options, sd_bus_message *m) {
        _cleanup_json_ json_object *changed = json_new(), *event = event_new("PropertiesChanged");
        _cleanup_strv_ char **invalidated = NULL;
        const char *interface;
        int r;

        r = sd_bus_message_read(m, "s", &interface);
        if (r < 0)
                return r;
        if (!streq(interface, BUS_IFACE_MANAGER) && !streq(interface, BUS_IFACE_ESP) &&
            !streq(interface, BUS_IFACE_JOB))
                return 0;
        r = read_changed(m, changed);
        if (r >= 0)
                r = sd_bus_message_read_strv(m, &invalidated);
        if (r < 0)
                return r;
        json_add_string(event, "path", sd_bus_message_get_path(m));
        json_add_string(event, "interface", interface);
        json_add(event, "changed", json_object_get(changed));
        json_add_strings(event, "invalidated", invalidated);
        json_print_line(options, "event", event);
        return 0;
}

/* Which objects there are is no event in JSON. */
static int print_signal(const Options *options, sd_bus_message *m) {
        const char *member = strempty(sd_bus_message_get_member(m));

        if (streq(member, "JobNew"))
                return print_job_new(options, m);
        if (streq(member, "JobRemoved"))
                return print_job_removed(options, m);
        return streq(member, "PropertiesChanged") ? print_changed(options, m) : 0;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Monitor *monitor = userdata;

        if (!connection_is_from(&monitor->connection, m, monitor->owner))
                return 0;
        return monitor->news ? news_take(monitor->news, m) : print_signal(monitor->options, m);
}

/* @name is that of the event in JSON. */
static void print_daemon(const Monitor *monitor, const char *name, const char *sentence) {
        _cleanup_json_ json_object *event = NULL;

        if (!monitor->options->json) {
                news_tell("%s", sentence);
                return;
        }
        event = event_new(name);
        json_print_line(monitor->options, "event", event);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *old_owner, *new_owner;
        Monitor *monitor = userdata;
        int r;

        r = connection_read_owner(m, &old_owner, &new_owner);
        if (r <= 0 || streq(new_owner, strempty(monitor->owner)))
                return r;
        if (monitor->owner)
                print_daemon(monitor, "DaemonEnded", "bootsyncd has ended");
        monitor->owner = mfree(monitor->owner);
        if (isempty(new_owner))
                return 0;
        monitor->owner = must(strdup(new_owner));
        print_daemon(monitor, "DaemonStarted", "bootsyncd has started");
        if (monitor->news)
                news_look(monitor->news);
        return 0;
}

/* Asked after the subscription, so that no change is missed in between. */
static int find_owner(Monitor *monitor) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        const char *owner;
        int r;

        r = sd_bus_get_name_creds(monitor->connection.bus, BUS_NAME, SD_BUS_CREDS_UNIQUE_NAME,
                                  &creds);
        if (r == -ENXIO) {
                print_daemon(monitor, "DaemonEnded", "bootsyncd does not run");
                return 0;
        }
        if (r >= 0)
                r = sd_bus_creds_get_unique_name(creds, &owner);
        if (r < 0)
                return r;
        monitor->owner = must(strdup(owner));
        if (monitor->news)
                news_look(monitor->news);
        return 0;
}

static int subscribe(Monitor *monitor) {
        Connection *c = &monitor->connection;
        int r;

        r = connection_match_owner(c, NULL, on_owner_changed, monitor);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(c->bus, NULL, c->destination, BUS_PATH, BUS_IFACE_MANAGER, "JobNew",
                                on_signal, monitor);
        if (r < 0)
                return r;
        r = sd_bus_match_signal(c->bus, NULL, c->destination, BUS_PATH, BUS_IFACE_MANAGER,
                                "JobRemoved", on_signal, monitor);
        if (r < 0)
                return r;
        r = sd_bus_add_match(c->bus, NULL,
                             "type='signal',sender='" BUS_NAME "',"
                             "interface='org.freedesktop.DBus.Properties',"
                             "member='PropertiesChanged',path_namespace='" BUS_PATH "'",
                             on_signal, monitor);
        if (r >= 0)
                r = sd_bus_add_match(c->bus, NULL,
                                     "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',"
                                     "interface='org.freedesktop.DBus.ObjectManager'",
                                     on_signal, monitor);
        return r < 0 ? r : find_owner(monitor);
}

static ExitStatus verb_monitor(const Options *options, char **arguments) {
        _cleanup_(monitor_done) Monitor monitor = { .options = options };
        ExitStatus status;
        int r;

        status = connection_open(options, &monitor.connection);
        if (status != STATUS_DONE)
                return status;
        if (connection_is_private(&monitor.connection))
                return fail(STATUS_FAILED, "There is no bootsyncd on the system bus to watch.");
        if (!options->json)
                monitor.news = news_new(&monitor.connection);
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        r = subscribe(&monitor);
        while (r >= 0) {
                r = sd_bus_process(monitor.connection.bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(monitor.connection.bus, UINT64_MAX);
        }
        return connection_failed(&monitor.connection, NULL, r);
}

const Verb monitor_verbs[] = {
        { NULL, "monitor", "", 0, 0, 0, verb_monitor, "Show events as they come", FLEET_NEVER },
        {},
};
