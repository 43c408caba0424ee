/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses between the system bus and a private daemon, by what is there and never by what failed:
 * see connection_open(). Both speak the same API, so nothing above this file asks which it is,
 * except that a private daemon has to be told to look at the ESPs first. Failures are turned into
 * one sentence and an exit status. The daemon's errors are sentences already and pass as they are;
 * only what the daemon cannot say is worded here: that it is not there any more, or that somebody
 * may not.
 *
 * A private daemon is started where there is no bus: an installer's chroot, a rescue shell, --root.
 * Its stderr is ours, so that its warnings are seen; its stdout too goes to stderr, so that nothing
 * can mix with the client's JSON. The daemon leaves by itself when its peer is gone and no job
 * runs; it is never killed, an ESP may be half written. */

#include "client/daemon/connection.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/program-path.h"
#include "common/string-util.h"

#define REGISTER_MSEC 5000
#define PEER_FD       3 /* where the daemon is told to find its end */
#define LEAVE_MSEC    10000

extern char **environ;

/* Returns 0 or a positive errno, as posix_spawn() does. */
static int spawn_with_attributes(const char *path, char *const *arguments, int peer_fd,
                                 posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                                 pid_t *ret) {
        int r;

        /* The socket goes first: what comes after may take over its number. */
        r = posix_spawn_file_actions_adddup2(actions, peer_fd, PEER_FD);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID);
        if (r == 0)
                r = posix_spawn(ret, path, actions, attributes, arguments, environ);
        return r;
}

static int spawn_daemon(const char *path, char *const *arguments, int peer_fd, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = spawn_with_attributes(path, arguments, peer_fd, &actions, &attributes, ret);
                (void) posix_spawnattr_destroy(&attributes);
        }
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* The directory as an absolute path, since a relative one would mean another after a chdir(). */
static ExitStatus resolve_root(const char *root, char **ret) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        path = realpath(root, NULL);
        if (!path || stat(path, &st) < 0)
                return fail(STATUS_FAILED, "Failed to open the root '%s': %s.", root,
                            strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return fail(STATUS_FAILED, "The root '%s' is not a directory.", root);
        *ret = TAKE_PTR(path);
        return STATUS_DONE;
}

static int connect_peer(int *fd, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, *fd, *fd);
        if (r < 0)
                return r;
        (void) TAKE_FD(*fd);
        r = sd_bus_set_anonymous(bus, true);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Start a daemon on @root (NULL: the running system), see ProgramPath, and connect to it as a peer:
 * without a bus, messages carry neither sender nor destination. It runs in a session of its own, so
 * that a Ctrl-C meant for the client leaves its job alone. */
static ExitStatus start_private_daemon(const char *root, sd_bus **ret_bus, pid_t *ret_pid) {
        static const ProgramPath daemon = {
                .self = BOOTCTL_PVE_PATH,
                .installed = BOOTSYNCD_PATH,
                .beside = "../daemon/bootsyncd",
                .variable = "BOOTSYNC_DAEMON",
        };
        _cleanup_free_ char *path = must(program_path(&daemon));
        _cleanup_free_ char *directory = NULL, *root_argument = NULL;
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        char peer_argument[] = "--peer-fd=3";
        pid_t pid;
        int r, pair[2];

        if (root) {
                ExitStatus status = resolve_root(root, &directory);

                if (status != STATUS_DONE)
                        return status;
                root_argument = must(strprintf("--root=%s", directory));
        }
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return fail(STATUS_FAILED, "Failed to create a socket: %s.", strerror(errno));
        ours = pair[0];
        theirs = pair[1];

        r = spawn_daemon(path, (char *[]){ path, peer_argument, root_argument, NULL }, theirs,
                         &pid);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to start '%s': %s.", path, strerror(-r));
        theirs = safe_close(theirs);
        r = connect_peer(&ours, ret_bus);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to connect to '%s': %s.", path, strerror(-r));
        *ret_pid = pid;
        return STATUS_DONE;
}

/* The connection is closed: give the daemon a few seconds to leave. One that still has a job stays
 * behind. */
static void wait_for_private_daemon(pid_t pid) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);

        if (fd < 0 || poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, LEAVE_MSEC) <= 0)
                return;
        (void) waitpid(pid, NULL, WNOHANG);
}

extern char **environ;

ExitStatus connection_bad_reply(int r) {
        return fail(STATUS_FAILED, "The reply of bootsyncd cannot be understood: %s.",
                    strerror(-r));
}

static bool is_gone(const sd_bus_error *error, int r) {
        return r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY);
}

bool connection_is_refused(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

ExitStatus connection_failed(Connection *c, const sd_bus_error *error, int r) {
        const char *message = error && error->message ? error->message : strerror(-r);

        if (connection_is_refused(error))
                return fail(STATUS_NOT_AUTHORISED, "Not authorised; try it as root. (%s)", message);
        if (!is_gone(error, r))
                return fail(STATUS_FAILED, "%s", message);
        if (c->host)
                return fail(STATUS_FAILED, "The connection to '%s' was lost.", c->host);
        if (connection_is_private(c))
                return fail(STATUS_FAILED, "The private bootsyncd ended too early.");
        return fail(STATUS_FAILED, "bootsyncd went away; 'journalctl -u bootsyncd' may tell why.");
}

/* For a process in a chroot "/" is not what it is for PID 1. Who may not look (another user, a
 * container with a hidden /proc) is not in a chroot of its own making. */
bool connection_in_chroot(void) {
        struct stat here, init;

        if (geteuid() != 0 || stat("/", &here) < 0 || stat("/proc/1/root", &init) < 0)
                return false;
        return here.st_dev != init.st_dev || here.st_ino != init.st_ino;
}

static ExitStatus bus_call(sd_bus *bus, const char *method, const char *argument,
                           sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, BUS_DRIVER, "/org/freedesktop/DBus", BUS_DRIVER, method, &error,
                               ret, argument ? "s" : "", argument);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to talk to the bus: %s.",
                            error.message ?: strerror(-r));
        return STATUS_DONE;
}

/* Is the service there, or would a call start it? It is systemd that a bus asks to start it, and on
 * another host it is not for us to see whether that runs. */
static ExitStatus find_service(sd_bus *bus, bool has_systemd, bool *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *owner = NULL, *names = NULL;
        _cleanup_strv_ char **activatable = NULL;
        ExitStatus status;
        int r, owned;

        status = bus_call(bus, "NameHasOwner", BUS_NAME, &owner);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read(owner, "b", &owned);
        if (r < 0)
                return connection_bad_reply(r);
        if (owned) {
                *ret = true;
                return STATUS_DONE;
        }

        status = bus_call(bus, "ListActivatableNames", NULL, &names);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read_strv(names, &activatable);
        if (r < 0)
                return connection_bad_reply(r);
        *ret = has_systemd && strv_contains(activatable, BUS_NAME);
        return STATUS_DONE;
}

static ExitStatus open_private(const char *root, Connection *ret) {
        Connection c = { .root = root };
        ExitStatus status;

        status = start_private_daemon(root, &c.bus, &c.daemon);
        if (status == STATUS_DONE)
                *ret = c;
        return status;
}

/* Start ssh with a file in memory in the place of our stderr, which it would write to otherwise:
 * its reason becomes a part of our sentence. It asks for passwords on the terminal itself. */
static int open_ssh(const char *host, int said, sd_bus **ret) {
        _cleanup_close_ int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        int r;

        if (said < 0 || before < 0)
                return -EMFILE;
        (void) dup2(said, STDERR_FILENO);
        r = sd_bus_open_system_remote(ret, host);
        (void) dup2(before, STDERR_FILENO);
        return r;
}

/* The last line of it; "" if there is none. Never NULL. */
static char *read_reason(int said) {
        char text[2048] = "", *line;
        ssize_t n = pread(said, text, sizeof(text) - 1, 0);

        while (n > 0 && strchr("\r\n. ", text[n - 1]))
                text[--n] = '\0';
        line = strrchr(text, '\n');
        return must(strdup(line ? line + 1 : text));
}

/* A connection is begun at once and fails later, if it does. */
static ExitStatus reach(const char *host, sd_bus **ret) {
        _cleanup_close_ int said = memfd_create("ssh-stderr", MFD_CLOEXEC);
        _cleanup_free_ char *reason = NULL;
        const char *name;
        int r;

        r = open_ssh(host, said, ret);
        if (r == -EINVAL)
                return fail(STATUS_USAGE, "'%s' is not a valid host.", host);
        if (r >= 0)
                r = sd_bus_get_unique_name(*ret, &name);
        if (r >= 0)
                return STATUS_DONE;
        reason = read_reason(said);
        return fail(STATUS_FAILED,
                    "Failed to reach '%s': %s; see that ssh gets there, and that bootsync is "
                    "installed there.",
                    host, isempty(reason) ? strerror(-r) : reason);
}

static ExitStatus open_remote(const char *host, Connection *ret) {
        _cleanup_connection_ Connection c = { .destination = BUS_NAME, .host = host };
        ExitStatus status;
        bool found;

        status = reach(host, &c.bus);
        if (status != STATUS_DONE)
                return status;
        status = find_service(c.bus, true, &found);
        if (status != STATUS_DONE)
                return status;
        if (!found)
                return fail(STATUS_FAILED, "'%s' does not offer %s. Is bootsync installed there?",
                            host, BUS_NAME);
        *ret = TAKE_STRUCT(c);
        return STATUS_DONE;
}

/* There is none where there could be one, which is told before the other one looks at disks: to
 * people, since a program that asks for JSON has it among the warnings of `status`. */
static ExitStatus fall_back(const Options *options, const char *why, Connection *ret) {
        if (!option_given(options, OPTION_QUIET) && !options->json)
                (void) fail(STATUS_DONE, "%s; a bootsyncd for this command alone is started.", why);
        return open_private(NULL, ret);
}

static ExitStatus open_any(const Options *options, Connection *ret) {
        _cleanup_connection_ Connection c = { .destination = BUS_NAME };
        ExitStatus status;
        bool found;
        int r;

        if (options->host)
                return open_remote(options->host, ret);
        if (options->root || connection_in_chroot())
                return open_private(options->root, ret);

        r = sd_bus_open_system(&c.bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return fall_back(options, "There is no system bus", ret);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to connect to the system bus: %s.",
                            strerror(-r));
        status = find_service(c.bus, sd_booted() != 0, &found);
        if (status != STATUS_DONE)
                return status;
        if (!found)
                return fall_back(options, "bootsyncd does not run, and nothing here would start it",
                                 ret);
        *ret = TAKE_STRUCT(c);
        return STATUS_DONE;
}

ExitStatus connection_open(const Options *options, Connection *ret) {
        ExitStatus status = open_any(options, ret);

        if (status == STATUS_DONE)
                ret->quiet = option_given(options, OPTION_QUIET);
        return status;
}

/* As systemctl does it: polkit's pkttyagent(1) is our child and asks on our terminal. It closes its
 * end of a pipe once it is registered with polkit; a call that is made earlier would be refused.
 * Without
 * --fallback it takes the place of a desktop's agent for this process only, which is right if
 * somebody sits at a terminal, and works without a logind session, too. 0: there is none to be had;
 * then polkit says what it says. */
static pid_t agent_start(void) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        char notify_fd[sizeof("-2147483648")];
        char *argv[] = { (char *) "pkttyagent", (char *) "--notify-fd", notify_fd, NULL };
        int pipe_fds[2];
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return 0;
        ours = pipe_fds[0];
        /* The one descriptor that the agent inherits. */
        theirs = fcntl(pipe_fds[1], F_DUPFD, 0);
        (void) safe_close(pipe_fds[1]);
        if (theirs < 0)
                return 0;
        (void) snprintf(notify_fd, sizeof(notify_fd), "%d", theirs);

        if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
                return 0;
        theirs = safe_close(theirs);
        (void) poll(&(struct pollfd){ .fd = ours, .events = POLLHUP }, 1, REGISTER_MSEC);
        return pid;
}

static void agent_stop(pid_t agent) {
        if (agent <= 0)
                return;
        (void) kill(agent, SIGTERM);
        (void) kill(agent, SIGCONT);
        (void) waitpid(agent, NULL, 0);
}

/* Root is not asked, a private daemon trusts its peer, and an agent of this host is none for
 * another. */
void connection_start_agent(Connection *c) {
        if (c->agent == 0 && geteuid() != 0 && !connection_is_private(c) && !c->host &&
            is_interactive())
                c->agent = agent_start();
}

char *connection_command(const Connection *c) {
        const char *where = c->host ?: strempty(c->root);
        _cleanup_free_ char *word = must(shell_word(where));

        if (isempty(where))
                return must(strdup("bootctl-pve"));
        return must(strprintf("bootctl-pve %s%s", c->host ? "-H " : "--root=", word));
}

bool connection_is_from(const Connection *c, sd_bus_message *m, const char *owner) {
        return !c->destination || streq_ptr(sd_bus_message_get_sender(m), owner);
}

int connection_match_owner(Connection *c, sd_bus_slot **ret, sd_bus_message_handler_t handler,
                           void *userdata) {
        return sd_bus_add_match(c->bus, ret,
                                "type='signal',sender='" BUS_DRIVER "',interface='" BUS_DRIVER "',"
                                "member='NameOwnerChanged',arg0='" BUS_NAME "'",
                                handler, userdata);
}

int connection_read_owner(sd_bus_message *m, const char **ret_old, const char **ret_new) {
        const char *name, *old_owner, *new_owner;
        int r;

        if (!streq_ptr(sd_bus_message_get_sender(m), BUS_DRIVER))
                return 0;
        r = sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner);
        if (r < 0)
                return r;
        if (!streq(name, BUS_NAME))
                return 0;
        *ret_old = old_owner;
        *ret_new = new_owner;
        return 1;
}

void connection_close(Connection *c) {
        agent_stop(c->agent);
        c->bus = sd_bus_flush_close_unref(c->bus);
        if (connection_is_private(c))
                wait_for_private_daemon(c->daemon);
        *c = (Connection){};
}
