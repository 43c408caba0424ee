/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The connection: to the system bus, where the name must be ours alone, or to the one peer of a
 * private daemon. Everything above it is the same for both. It hears from the manager what happens
 * and tells it at once, so that signals, and the replies of those who wait, keep the order of
 * events. Neither kind takes descriptors: nobody has one to give us, and sixty-four messages full
 * of them are as many as a process may have. A system bus that is lost takes the callers along, not
 * the work. */

#include "bus/bus.h"

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "bus/shared.h"
#include "bus/caller.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"
#define RECONNECT_USEC     UINT64_C(2000000)
#define SEND_BUFFER        (2 * 1024)

/* In the order in which they are added and told. The gate is before any object; a job's end is
 * announced before those who have waited for it are answered. */
static const BusPart *const parts[] = {
        &bus_gate,    &bus_manager,   &bus_manager_plan, &bus_manager_esps, &bus_manager_state,
        &bus_esps,    &bus_boot,      &bus_ksm,          &bus_alerts,       &bus_jobs,
        &bus_waiters, &bus_questions, &bus_callers,
};

#define TELL_PARTS(event, ...)                                 \
        do {                                                   \
                for (size_t i = 0; i < ELEMENTSOF(parts); i++) \
                        if (parts[i]->event)                   \
                                parts[i]->event(__VA_ARGS__);  \
        } while (false)

static void on_job_new(Job *job, void *userdata) {
        TELL_PARTS(job_new, userdata, job);
}

static void on_job_changed(Job *job, void *userdata) {
        TELL_PARTS(job_changed, userdata, job);
}

static void on_job_removed(Job *job, void *userdata) {
        Bus *b = userdata;

        TELL_PARTS(job_removed, b, job);
        /* Not from here: the manager is in the midst of ending the job. */
        if (b->leave)
                (void) sd_event_source_set_enabled(b->leave, SD_EVENT_ONESHOT);
}

static void on_esp_added(Esp *esp, void *userdata) {
        TELL_PARTS(esp_added, userdata, esp);
}

static void on_esp_changed(Esp *esp, void *userdata) {
        TELL_PARTS(esp_changed, userdata, esp);
}

static void on_esp_removed(Esp *esp, void *userdata) {
        TELL_PARTS(esp_removed, userdata, esp);
}

static void on_manager_changed(unsigned changes, void *userdata) {
        TELL_PARTS(manager_changed, userdata, changes);
}

static const ManagerListener listener = {
        .job_new = on_job_new,
        .job_changed = on_job_changed,
        .job_removed = on_job_removed,
        .esp_added = on_esp_added,
        .esp_changed = on_esp_changed,
        .esp_removed = on_esp_removed,
        .manager_changed = on_manager_changed,
};

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;
        manager_set_listener(b->manager, NULL, NULL);
        TELL_PARTS(all_left, b);
        told_free(b->told);
        sd_event_source_unref(b->leave);
        sd_event_source_disable_unref(b->reconnect);
        sd_bus_flush_close_unref(b->bus);
        sd_event_unref(b->event);
        return mfree(b);
}

static void on_sender_left(Bus *b, const char *sender) {
        TELL_PARTS(sender_left, b, sender);
}

static int bus_new(sd_event *event, Manager *m, Bus **ret) {
        Bus *b;

        assert(event);
        assert(m);

        b = malloc(sizeof(*b));
        if (!b)
                return -ENOMEM;
        *b = (Bus){ .event = sd_event_ref(event), .manager = m, .sender_left = on_sender_left };
        *ret = b;
        return 0;
}

static int add_objects(Bus *b) {
        int r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                if (parts[i]->add)
                        r = parts[i]->add(b);
        return r;
}

static int on_leave(sd_event_source *source, void *userdata) {
        Bus *b = userdata;

        if (manager_job(b->manager, 0))
                return 0; /* the next job that ends comes here again */
        return sd_event_exit(b->event, EXIT_SUCCESS);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata);

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;

        TELL_PARTS(all_left, b);
        if (b->peer)
                return sd_event_add_defer(b->event, &b->leave, on_leave, b);
        log_warning("The connection to the system bus is lost; the ESPs are kept in sync "
                    "meanwhile.");
        b->reconnect = sd_event_source_disable_unref(b->reconnect);
        return sd_event_add_time_relative(b->event, &b->reconnect, CLOCK_MONOTONIC, RECONNECT_USEC,
                                          0, on_reconnect, b);
}

/* The bus delivers what is addressed to us, whoever has sent it, and sd-bus takes every sender for
 * the bus itself. Our watch for callers that leave would believe a stranger that one has left. */
static int drop_forged(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_message_is_signal(m, BUS_DRIVER, NULL) > 0 &&
               !streq_ptr(sd_bus_message_get_sender(m), BUS_DRIVER);
}

/* Before the name is owned or the peer is let in, so that nobody finds an object missing. */
static int go_public(Bus *b) {
        int r;

        r = sd_bus_match_signal(b->bus, NULL, "org.freedesktop.DBus.Local",
                                "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                "Disconnected", on_disconnected, b);
        if (r >= 0 && !b->peer)
                r = sd_bus_add_filter(b->bus, NULL, drop_forged, NULL);
        if (r >= 0)
                r = add_objects(b);
        if (r < 0) {
                log_error("Cannot put the objects on D-Bus: %s", strerror(-r));
                return r;
        }
        r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_error("Cannot watch the D-Bus connection: %s", strerror(-r));
                return r;
        }
        manager_set_listener(b->manager, &listener, b);
        return 0;
}

/* As sd_bus_open_system() does, but without descriptors: the bus refuses calls that bring any. */
static int open_system(sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        const int send_buffer = SEND_BUFFER;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, secure_getenv("DBUS_SYSTEM_BUS_ADDRESS") ?: SYSTEM_BUS_ADDRESS);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, false);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        /* sd-bus makes it 8 MiB. The bus takes 2 KiB at a time from everybody who speaks, and what
         * is in the buffer already cannot be overtaken by somebody else's answer. */
        if (setsockopt(sd_bus_get_fd(bus), SOL_SOCKET, SO_SNDBUF, &send_buffer,
                       sizeof(send_buffer)) < 0)
                return -errno;
        *ret = TAKE_PTR(bus);
        return 0;
}

static void log_name_refused(int r) {
        if (r == -EEXIST)
                log_error("Another bootsyncd owns the bus name '%s' already; not starting a second "
                          "one.",
                          BUS_NAME);
        else
                log_error("Cannot own the bus name '%s': %s", BUS_NAME, strerror(-r));
}

int bus_new_system(sd_event *event, Manager *m, Bus **ret) {
        _cleanup_(bus_freep) Bus *b = NULL;
        int r;

        r = bus_new(event, m, &b);
        if (r < 0)
                return r;
        r = open_system(&b->bus);
        if (r < 0) {
                log_error("Cannot connect to the system bus: %s", strerror(-r));
                return r;
        }
        r = go_public(b);
        if (r < 0)
                return r;

        /* The one place that waits for the bus: nothing has begun yet. */
        r = sd_bus_request_name(b->bus, BUS_NAME, 0);
        if (r < 0) {
                log_name_refused(r);
                return r;
        }

        *ret = TAKE_PTR(b);
        return 0;
}

/* The reply to RequestName: 1 is "primary owner", 4 is "already owner". */
static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        uint32_t answer = 0;
        Bus *b = userdata;

        if (sd_bus_is_open(b->bus) <= 0)
                return 1; /* lost again, which is told elsewhere */
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) sd_bus_message_read(reply, "u", &answer);
        if (answer == 1 || answer == 4) {
                log_info("Back on the system bus.");
                return 1;
        }
        log_name_refused(answer == 0 ? -sd_bus_message_get_errno(reply) : -EEXIST);
        return sd_event_exit(b->event, EXIT_FAILURE);
}

static int reconnect(Bus *b) {
        sd_bus *bus;
        int r;

        r = open_system(&bus);
        if (r < 0) {
                log_debug("Cannot connect to the system bus yet: %s", strerror(-r));
                return r;
        }
        sd_bus_unref(b->bus);
        b->bus = bus;
        r = go_public(b);
        if (r >= 0)
                r = sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, on_name, b);
        if (r < 0)
                sd_bus_close(b->bus);
        return r;
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata) {
        int r;

        if (reconnect(userdata) >= 0)
                return 0;
        r = sd_event_source_set_time_relative(source, RECONNECT_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Serve the peer behind @fd, which becomes the connection's. */
static int open_peer(int fd, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_close_ int owned = fd;
        sd_id128_t id;
        int r;

        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_server(bus, true, id);
        if (r < 0)
                return r;
        r = sd_bus_set_anonymous(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_set_trusted(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, false);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        TAKE_FD(owned);
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int peer_uid(int fd, uid_t *ret) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        *ret = credentials.uid;
        return 0;
}

int bus_new_peer(sd_event *event, Manager *m, int fd, Bus **ret) {
        _cleanup_(bus_freep) Bus *b = NULL;
        _cleanup_close_ int owned = fd;
        uid_t uid = 0;
        int r;

        r = bus_new(event, m, &b);
        if (r < 0)
                return r;
        b->peer = true;
        r = peer_uid(fd, &uid);
        if (r >= 0)
                r = caller_add_peer(b, uid);
        if (r >= 0)
                r = open_peer(TAKE_FD(owned), &b->bus);
        if (r < 0) {
                log_error("Cannot speak to the peer on descriptor %d: %s", fd, strerror(-r));
                return r;
        }
        r = go_public(b);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(b);
        return 0;
}
