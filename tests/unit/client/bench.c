/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs the client in a process of its own, with all that it would find on a host: a daemon to
 * start, a bus, a terminal. The daemon that it starts is this program again. */

#include "tests/unit/client/bench.h"

#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/terminal/pager.h"
#include "client/verb/compat.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/client/peer.h"

#define SCENE_VARIABLE "BOOTSYNC_TEST_SCENE"
#define CALLS_VARIABLE "BOOTSYNC_TEST_CALLS"

/* Check ends a test whose message is longer than 4 KiB, without that. */
#define TEXT_SHOWN 3000

/* Begun as the private daemon: be it, before Check's main() begins. */
__attribute__((constructor)) static void become_the_daemon(int argc, char **argv) {
        if (argc < 2 || !streq(argv[1], "--peer-fd=3"))
                return;
        peer_serve(3, strtoul(getenv(SCENE_VARIABLE), NULL, 10), false, getenv(CALLS_VARIABLE));
        exit(EXIT_SUCCESS);
}

/* A directory for one run, with the files that it leaves. */
typedef struct Place {
        char *directory, *out, *err, *calls, *bus;
} Place;

static Place place_new(void) {
        char directory[] = "/tmp/bootsync-client-XXXXXX";
        Place p = {};

        ck_assert_ptr_nonnull(mkdtemp(directory));
        p.directory = must(strdup(directory));
        p.out = must(strprintf("%s/out", directory));
        p.err = must(strprintf("%s/err", directory));
        p.calls = must(strprintf("%s/calls", directory));
        p.bus = must(strprintf("%s/bus", directory));
        return p;
}

static void place_done(Place *p) {
        char *const files[] = { p->out, p->err, p->calls, p->bus };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void) unlink(files[i]);
                free(files[i]);
        }
        ck_assert_int_eq(rmdir(p->directory), 0);
        free(p->directory);
}

static char *read_text(const char *path) {
        FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;

        if (!f)
                return must(strdup(""));
        if (getdelim(&text, &size, '\0', f) < 0) {
                free(text);
                text = must(strdup(""));
        }
        (void) fclose(f);
        return text;
}

static int wait_for(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void redirect(int fd, const char *path) {
        int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (file < 0 || dup2(file, fd) < 0)
                abort();
}

Outcome bench_call(ExitStatus (*function)(void *userdata), void *userdata) {
        _cleanup_(place_done) Place place = place_new();
        Outcome o = {};
        pid_t pid;

        (void) fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                redirect(STDOUT_FILENO, place.out);
                redirect(STDERR_FILENO, place.err);
                exit(function(userdata));
        }
        o.status = wait_for(pid);
        o.out = read_text(place.out);
        o.err = read_text(place.err);
        return o;
}

Outcome bench_call_on_terminal(ExitStatus (*function)(void *userdata), void *userdata,
                               const char *input) {
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        Outcome o = { .err = must(strdup("")) };
        Buffer text = {};
        char part[4096];
        pid_t pid;
        ssize_t n;
        int fd;

        (void) fflush(NULL);
        pid = forkpty(&fd, NULL, NULL, &size);
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                if (setenv("TERM", "xterm", true) < 0 || setenv("SYSTEMD_PAGER", "", true) < 0 ||
                    unsetenv("NO_COLOR") < 0 || unsetenv("COLUMNS") < 0)
                        abort();
                exit(function(userdata));
        }
        ck_assert_int_eq(write(fd, input, strlen(input)), (ssize_t) strlen(input));
        while ((n = read(fd, part, sizeof(part))) > 0)
                buffer_append(&text, part, (size_t) n);
        o.status = wait_for(pid);
        (void) safe_close(fd);
        ck_assert_int_eq(buffer_take(&text, &o.out, NULL), 0);
        return o;
}

const char *bench_name = "bootctl-pve";

/* A program may take words off its command line, so it gets a list of its own. */
static ExitStatus run_client(void *userdata) {
        _cleanup_options_ Options options = {};
        char **line = userdata, *arguments[16] = {};
        size_t n = strv_length(line);
        ExitStatus status;

        ck_assert_uint_lt(n, ELEMENTSOF(arguments));
        memcpy(arguments, line, n * sizeof(*line));
        optind = 0;
        if (compat_is_called(arguments[0]))
                return (ExitStatus) compat_run((int) n, arguments);
        status = options_parse((int) n, arguments, &options);
        status = status == STATUS_DONE ? verbs_run(&options) : verbs_bad_usage(arguments + 1);
        pager_close();
        return status;
}

static char **command_line(const char *root, char *const *arguments) {
        char **line = NULL;

        ck_assert_int_eq(strv_extend(&line, bench_name), 0);
        if (root)
                ck_assert_int_eq(strv_extendf(&line, "--root=%s", root), 0);
        for (; *arguments; arguments++)
                ck_assert_int_eq(strv_extend(&line, *arguments), 0);
        return line;
}

static void prepare_private(size_t scene, const char *calls) {
        char self[PATH_MAX] = "", number[32];

        ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
        (void) snprintf(number, sizeof(number), "%zu", scene);
        ck_assert_int_eq(setenv("BOOTSYNC_DAEMON", self, true), 0);
        ck_assert_int_eq(setenv(SCENE_VARIABLE, number, true), 0);
        ck_assert_int_eq(setenv(CALLS_VARIABLE, calls, true), 0);
}

Outcome bench_run(size_t scene, char *const *arguments) {
        _cleanup_(place_done) Place place = place_new();
        _cleanup_strv_ char **line = command_line(place.directory, arguments);
        Outcome o;

        prepare_private(scene, place.calls);
        o = bench_call(run_client, line);
        o.calls = read_text(place.calls);
        return o;
}

Outcome bench_run_on_terminal(size_t scene, const char *input, char *const *arguments) {
        _cleanup_(place_done) Place place = place_new();
        _cleanup_strv_ char **line = command_line(place.directory, arguments);
        Outcome o;

        prepare_private(scene, place.calls);
        o = bench_call_on_terminal(run_client, line, input);
        o.calls = read_text(place.calls);
        return o;
}

/* A bus for one client. */
static pid_t start_bus(size_t scene, const Place *place) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        ck_assert_int_ge(fd, 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->bus);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
        (void) fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                if (client >= 0)
                        peer_serve(client, scene, true, place->calls);
                _exit(EXIT_SUCCESS);
        }
        return pid;
}

Outcome bench_run_on_bus(size_t scene, char *const *arguments) {
        _cleanup_(place_done) Place place = place_new();
        _cleanup_strv_ char **line = command_line(NULL, arguments);
        _cleanup_free_ char *address = must(strprintf("unix:path=%s", place.bus));
        pid_t bus = start_bus(scene, &place);
        Outcome o;

        ck_assert_int_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, true), 0);
        prepare_private(scene, place.calls);
        o = bench_call(run_client, line);
        (void) wait_for(bus);
        o.calls = read_text(place.calls);
        return o;
}

Connection bench_connect(size_t scene) {
        Connection c = {};
        int fds[2];
        pid_t pid;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        (void) fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) safe_close(fds[0]);
                peer_serve(fds[1], scene, false, "/dev/null");
                _exit(EXIT_SUCCESS);
        }
        (void) safe_close(fds[1]);
        ck_assert_int_ge(sd_bus_new(&c.bus), 0);
        ck_assert_int_ge(sd_bus_set_fd(c.bus, fds[0], fds[0]), 0);
        ck_assert_int_ge(sd_bus_set_anonymous(c.bus, true), 0);
        ck_assert_int_ge(sd_bus_start(c.bus), 0);
        return c;
}

void outcome_done(Outcome *o) {
        free(o->out);
        free(o->err);
        free(o->calls);
        *o = (Outcome){};
}

void assert_contains(const char *text, const char *part) {
        ck_assert_msg(strstr(text, part), "no '%s' in:\n%.*s", part, TEXT_SHOWN, text);
}

void assert_json(const char *text, const char *expect) {
        struct json_object *a = json_tokener_parse(text), *b = json_tokener_parse(expect);

        ck_assert_msg(a && json_object_equal(a, b), "not %s:\n%s", expect, text);
        (void) json_object_put(a);
        (void) json_object_put(b);
}

void assert_lacks(const char *text, const char *part) {
        ck_assert_msg(!strstr(text, part), "'%s' in:\n%.*s", part, TEXT_SHOWN, text);
}
