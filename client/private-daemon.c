/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starts a daemon where there is no bus: an installer's chroot, a rescue shell, --root. Its stderr
 * is ours, so that its warnings are seen; its stdout too goes to stderr, so that nothing can mix
 * with the client's JSON. The daemon leaves by itself when its peer is gone and no job runs; it is
 * never killed, an ESP may be half written. */

#include "client/private-daemon.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/output.h"
#include "common/fd.h"
#include "common/program-path.h"
#include "common/string-util.h"

#define PEER_FD    3 /* where the daemon is told to find its end */
#define LEAVE_MSEC 10000

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

ExitStatus private_daemon_start(const char *root, sd_bus **ret_bus, pid_t *ret_pid) {
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

void private_daemon_wait(pid_t pid) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);

        if (fd < 0 || poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, LEAVE_MSEC) <= 0)
                return;
        (void) waitpid(pid, NULL, WNOHANG);
}
