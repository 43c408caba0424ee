/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon of the bench: a peer at the other end of a socket, which also plays the bus where the
 * client wants one. It answers from the scene and writes down each call. */

#include <stdio.h>
#include <unistd.h>

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/client/peer.h"

/* Not by Check, which knows nothing of a daemon that was started by the client. */
#define peer_check(call)                                                          \
        do {                                                                      \
                int _r = (call);                                                  \
                                                                                  \
                if (_r < 0) {                                                     \
                        (void) fprintf(stderr, "%s: %s\n", #call, strerror(-_r)); \
                        abort();                                                  \
                }                                                                 \
        } while (false)

#define OWNER    ":1.9" /* the unique name of the daemon */
#define JOB_PATH BUS_PATH_JOB "/7"

typedef struct Peer {
        const Scene *scene;
        bool on_bus, spoken;
        FILE *calls;
} Peer;

const Value manager_redundant[] = {
        { "Version", "s", "0.1.0" },
        { "RunningKernel", "s", "6.8.12-4-pve" },
        { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "WantedKernel", "s", "6.8.12-4-pve" },
        { "ManualKernels", "as", "6.5.13-5-pve" },
        { "AutoSync", "b", "" },
        { "InSync", "b", "yes" },
        { "Redundancy", "s", "redundant" },
        { "RedundancyReason", "s", "Both ESPs boot." },
        {},
};

const Value esp_in_sync[] = {
        { "Uuid", "s", "1111-AAAA" },        { "Device", "s", "/dev/sda2" },
        { "Disk", "s", "/dev/sda" },         { "Loader", "s", "systemd-boot" },
        { "LoaderVersion", "s", "252" },     { "State", "s", "in-sync" },
        { "Kernels", "as", "6.8.12-4-pve" }, { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "SizeBytes", "t", "1048576" },     { "FreeBytes", "t", "524288" },
        { "Present", "b", "yes" },           {},
};

const Value esp_failed[] = {
        { "Uuid", "s", "2222-BBBB" },
        { "PartUuid", "s", "0123abcd-01" },
        { "State", "s", "failed" },
        { "LastError", "s", "The disk does not answer." },
        {},
};

void bench_send(sd_bus *bus, sd_bus_message *m) {
        peer_check(sd_bus_send(bus, m, NULL));
        (void) sd_bus_message_unref(m);
}

sd_bus_message *bench_signal(sd_bus *bus, const char *path, const char *interface,
                             const char *name) {
        sd_bus_message *m;

        peer_check(sd_bus_message_new_signal(bus, &m, path, interface, name));
        peer_check(sd_bus_message_set_sender(m, OWNER));
        return m;
}

void bench_send_owner(sd_bus *bus, const char *sender, const char *old_owner,
                      const char *new_owner) {
        sd_bus_message *m;

        peer_check(sd_bus_message_new_signal(bus, &m, "/org/freedesktop/DBus", BUS_DRIVER,
                                             "NameOwnerChanged"));
        peer_check(sd_bus_message_set_sender(m, sender));
        peer_check(sd_bus_message_append(m, "sss", BUS_NAME, old_owner, new_owner));
        bench_send(bus, m);
}

static int append_cell(sd_bus_message *m, char type, const char *text) {
        uint64_t number = strtoull(text, NULL, 10);
        int flag = !isempty(text);

        return sd_bus_message_append_basic(m, type,
                                           type == 's'   ? (const void *) text
                                           : type == 'b' ? (const void *) &flag
                                                         : (const void *) &number);
}

/* An array of structures: "x|y|z;a|b|c". */
static int append_rows(sd_bus_message *m, const char *type, const char *text) {
        _cleanup_free_ char *cells = strndup(type + 2, strlen(type) - 3), *rows = strdup(text);
        char *rest = rows;
        int r = sd_bus_message_open_container(m, 'a', type + 1);

        for (char *row; r >= 0 && !isempty(rest) && (row = strsep(&rest, ";"));) {
                r = sd_bus_message_open_container(m, 'r', cells);
                for (const char *c = cells; r >= 0 && *c; c++)
                        r = append_cell(m, *c, strempty(strsep(&row, "|")));
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void append_value(sd_bus_message *m, const Value *v) {
        _cleanup_strv_ char **list = NULL;
        int r = 0;

        peer_check(sd_bus_message_open_container(m, 'v', v->type));
        if (streq(v->type, "as")) {
                if (!isempty(v->text))
                        peer_check(strv_extend(&list, v->text));
                r = sd_bus_message_append_strv(m, list);
        } else if (streq(v->type, "a(stt)")) {
                unsigned long long done, total;
                char uuid[16];

                peer_check(sscanf(v->text, "%15s %llu %llu", uuid, &done, &total) == 3 ? 0
                                                                                       : -EINVAL);
                r = sd_bus_message_append(m, "a(stt)", 1, uuid, (uint64_t) done, (uint64_t) total);
        } else if (streq(v->type, "aq")) {
                uint16_t number = (uint16_t) strtoul(v->text, NULL, 10);

                r = sd_bus_message_append_array(m, 'q', &number, sizeof(number));
        } else if (streq(v->type, "a(qsssssbb)")) {
                char title[16], path[64], whose[16];
                unsigned number;

                peer_check(sscanf(v->text, "%u %15s %63s %15s", &number, title, path, whose) == 4
                                           ? 0
                                           : -EINVAL);
                r = sd_bus_message_append(m, "a(qsssssbb)", 1, number, title, "0123-02", "/dev/sda",
                                          path, whose, true, true);
        } else if (startswith(v->type, "a("))
                r = append_rows(m, v->type, v->text);
        else if (streq(v->type, "i"))
                r = sd_bus_message_append(m, "i", (int32_t) strtol(v->text, NULL, 10));
        else if (streq(v->type, "s"))
                r = sd_bus_message_append(m, "s", v->text);
        else if (streq(v->type, "b"))
                r = sd_bus_message_append(m, "b", !isempty(v->text));
        else if (streq(v->type, "u"))
                r = sd_bus_message_append(m, "u", (uint32_t) strtoul(v->text, NULL, 10));
        else if (streq(v->type, "d"))
                r = sd_bus_message_append(m, "d", strtod(v->text, NULL));
        else if (streq(v->type, "x"))
                r = sd_bus_message_append(m, "x", (int64_t) strtoll(v->text, NULL, 10));
        else
                r = sd_bus_message_append(m, "t", (uint64_t) strtoull(v->text, NULL, 10));
        peer_check(r);
        peer_check(sd_bus_message_close_container(m));
}

static void append_values(sd_bus_message *m, const Value *v) {
        peer_check(sd_bus_message_open_container(m, 'a', "{sv}"));
        for (; v && v->name; v++) {
                peer_check(sd_bus_message_open_container(m, 'e', "sv"));
                peer_check(sd_bus_message_append(m, "s", v->name));
                append_value(m, v);
                peer_check(sd_bus_message_close_container(m));
        }
        peer_check(sd_bus_message_close_container(m));
}

static void append_object(sd_bus_message *m, const char *path, const char *interface,
                          const Value *values) {
        peer_check(sd_bus_message_open_container(m, 'e', "oa{sa{sv}}"));
        peer_check(sd_bus_message_append(m, "o", path));
        peer_check(sd_bus_message_open_container(m, 'a', "{sa{sv}}"));
        peer_check(sd_bus_message_open_container(m, 'e', "sa{sv}"));
        peer_check(sd_bus_message_append(m, "s", interface));
        append_values(m, values);
        peer_check(sd_bus_message_close_container(m));
        peer_check(sd_bus_message_close_container(m));
        peer_check(sd_bus_message_close_container(m));
}

static void append_objects(sd_bus_message *m, const Scene *scene) {
        peer_check(sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}"));
        append_object(m, BUS_PATH, BUS_IFACE_MANAGER, scene->manager);
        /* Backwards: the client sorts. */
        for (size_t i = ELEMENTSOF(scene->esps); i-- > 0;)
                if (scene->esps[i])
                        append_object(m, BUS_PATH_ESP "/x", BUS_IFACE_ESP, scene->esps[i]);
        for (size_t i = ELEMENTSOF(scene->jobs); i-- > 0;)
                if (scene->jobs[i])
                        append_object(m, BUS_PATH_JOB "/x", BUS_IFACE_JOB, scene->jobs[i]);
        peer_check(sd_bus_message_close_container(m));
}

/* Of the arguments only strings and dictionaries are written down, in their order. */
static void write_down(Peer *peer, sd_bus_message *m) {
        const char *key, *text, *contents;
        char type;

        (void) fprintf(peer->calls, "%s", sd_bus_message_get_member(m));
        while (sd_bus_message_read(m, "s", &text) > 0)
                (void) fprintf(peer->calls, " %s", text);
        while (sd_bus_message_peek_type(m, &type, &contents) > 0 && type == 'a') {
                bool variants = streq(contents, "{sv}");

                if (contents[0] != '{') {
                        peer_check(sd_bus_message_skip(m, NULL));
                        continue;
                }
                peer_check(sd_bus_message_enter_container(m, 'a', contents));
                while (sd_bus_message_enter_container(m, 'e', variants ? "sv" : "ss") > 0) {
                        peer_check(sd_bus_message_read(m, "s", &key));
                        if (!variants && sd_bus_message_read(m, "s", &text) > 0)
                                (void) fprintf(peer->calls, " %s=%s", key, text);
                        else if (sd_bus_message_enter_container(m, 'v', "s") > 0) {
                                peer_check(sd_bus_message_read(m, "s", &text));
                                (void) fprintf(peer->calls, " %s=%s", key, text);
                                peer_check(sd_bus_message_exit_container(m));
                        } else {
                                (void) fprintf(peer->calls, " %s", key);
                                peer_check(sd_bus_message_skip(m, "v"));
                        }
                        peer_check(sd_bus_message_exit_container(m));
                }
                peer_check(sd_bus_message_exit_container(m));
        }
        (void) fprintf(peer->calls, "\n");
        (void) fflush(peer->calls);
        peer_check(sd_bus_message_rewind(m, true));
}

static bool starts_a_job(const char *method) {
        static const char *const methods[] = {
                "Refresh",     "Verify",    "ProbePartitions", "AddKernel",  "RemoveKernel",
                "PinKernel",   "FormatEsp", "InitEsp",         "ReinitEsps", "UnpinKernel",
                "SetTunables", "Enable",    "Disable",         "Unmerge",    "SecureBootConvert",
        };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (streq(methods[i], method))
                        return true;
        return false;
}

/* Another job ends first, which is nobody's business. */
static void end_job(sd_bus *bus, const Scene *scene) {
        static const Value changed[] = { { "Progress", "u", "50" },
                                         { "Message", "s", "Copying" },
                                         {} };
        static const char *const paths[] = { BUS_PATH_JOB "/6", JOB_PATH };
        sd_bus_message *m;

        m = bench_signal(bus, JOB_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged");
        peer_check(sd_bus_message_append(m, "s", BUS_IFACE_JOB));
        append_values(m, changed);
        peer_check(sd_bus_message_append(m, "as", 0));
        bench_send(bus, m);
        for (size_t i = 0; i < ELEMENTSOF(paths) && !isempty(scene->job); i++) {
                m = bench_signal(bus, BUS_PATH, BUS_IFACE_MANAGER, "JobRemoved");
                peer_check(sd_bus_message_append(m, "tossss", UINT64_C(7), paths[i], "refresh",
                                                 i == 0 ? "failed" : scene->job,
                                                 strempty(scene->job_error),
                                                 strempty(scene->job_message)));
                bench_send(bus, m);
        }
}

/* The bus's own methods. An empty reply does for AddMatch and the like. */
static void answer_as_bus(const Peer *peer, sd_bus_message *m, sd_bus_message *reply) {
        int r = 0;

        if (sd_bus_message_is_method_call(m, NULL, "Hello"))
                r = sd_bus_message_append(reply, "s", ":1.1");
        else if (sd_bus_message_is_method_call(m, NULL, "NameHasOwner"))
                r = sd_bus_message_append(reply, "b", !peer->scene->absent);
        else if (sd_bus_message_is_method_call(m, NULL, "ListActivatableNames"))
                r = sd_bus_message_append(reply, "as", 1, "org.example");
        else if (sd_bus_message_is_method_call(m, NULL, "GetNameOwner"))
                r = sd_bus_message_append(reply, "s", OWNER);
        else if (sd_bus_message_is_method_call(m, NULL, "ListNames") && peer->scene->answer)
                r = peer->scene->answer("ListNames", reply);
        peer_check(r);
}

static void answer(const Peer *peer, sd_bus_message *m, sd_bus_message *reply) {
        const char *method = sd_bus_message_get_member(m);
        const Scene *scene = peer->scene;
        const char *name;

        if (streq(method, "GetAll"))
                append_values(reply, streq(sd_bus_message_get_path(m), BUS_PATH) ? scene->manager
                                     : streq(sd_bus_message_get_path(m), BUS_PATH_BOOT)
                                                     ? scene->boot
                                     : streq(sd_bus_message_get_path(m), JOB_PATH) ? scene->jobs[0]
                                                                                   : scene->ksm);
        else if (streq(method, "GetManagedObjects"))
                append_objects(reply, scene);
        else if (streq(method, "GetEsp")) {
                peer_check(sd_bus_message_read(m, "s", &name));
                peer_check(sd_bus_message_append(reply, "os", BUS_PATH_ESP "/x", name));
        } else if (starts_a_job(method))
                peer_check(sd_bus_message_append(reply, "o", scene->job ? JOB_PATH : "/"));
        else if (scene->answer)
                peer_check(scene->answer(method, reply));
}

static int refuse(const Peer *peer, sd_bus_message *m, const char *name, const char *message) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        peer_check(sd_bus_message_new_method_errorf(m, &reply, name, "%s", message));
        if (peer->on_bus)
                peer_check(sd_bus_message_set_sender(reply, OWNER));
        peer_check(sd_bus_send(NULL, reply, NULL));
        return 1;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool to_bus = streq_ptr(sd_bus_message_get_interface(m), BUS_DRIVER);
        const char *method = sd_bus_message_get_member(m);
        Peer *peer = userdata;
        const Scene *scene = peer->scene;
        sd_bus *bus = sd_bus_message_get_bus(m);

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        if (!to_bus)
                write_down(peer, m);
        if (streq_ptr(scene->lost, method))
                exit(EXIT_SUCCESS);
        if (streq_ptr(scene->refused, method))
                return refuse(peer, m, scene->refused_name, scene->refused_message);
        if (scene->absent && streq(method, "GetNameOwner"))
                return refuse(peer, m, "org.freedesktop.DBus.Error.NameHasNoOwner", "none");

        peer_check(sd_bus_message_new_method_return(m, &reply));
        if (to_bus)
                answer_as_bus(peer, m, reply);
        else
                answer(peer, m, reply);
        if (peer->on_bus)
                peer_check(sd_bus_message_set_sender(reply, to_bus ? BUS_DRIVER : OWNER));
        peer_check(sd_bus_send(bus, reply, NULL));
        if (!to_bus && scene->job &&
            (scene->slow ? streq(sd_bus_message_get_path(m), JOB_PATH) : starts_a_job(method))) {
                peer_check(sd_bus_flush(bus));
                (void) sleep(scene->slow ? 4 : 0);
                end_job(bus, scene);
        }
        if (streq(method, scene->speak_after ?: "GetNameOwner") && scene->speak)
                peer_check(scene->speak(bus));
        return 1;
}

void peer_serve(int fd, size_t scene, bool on_bus, const char *calls) {
        Peer peer = { .scene = &scenes[scene], .on_bus = on_bus, .calls = fopen(calls, "ae") };
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        sd_bus *bus;
        int r;

        peer_check(peer.calls ? 0 : -errno);
        peer_check(sd_bus_new(&bus));
        peer_check(sd_bus_set_server(bus, true, id));
        peer_check(sd_bus_set_anonymous(bus, true));
        peer_check(sd_bus_set_trusted(bus, true));
        peer_check(sd_bus_set_fd(bus, fd, fd));
        peer_check(sd_bus_add_filter(bus, NULL, on_message, &peer));
        peer_check(sd_bus_start(bus));
        do {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        } while (r >= 0);
        (void) sd_bus_flush_close_unref(bus);
        (void) fclose(peer.calls);
}
