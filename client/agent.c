/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As systemctl does it: the agent is our child and asks on our terminal. It closes its end of a
 * pipe once it is registered with polkit; a call that is made earlier would be refused. Without
 * --fallback it takes the place of a desktop's agent for this process only, which is right where
 * somebody sits at a terminal, and works without a logind session, too. */

#include "client/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/fd.h"

#define REGISTER_MSEC 5000

extern char **environ;

pid_t agent_start(void) {
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

void agent_stop(pid_t agent) {
        if (agent <= 0)
                return;
        (void) kill(agent, SIGTERM);
        (void) kill(agent, SIGCONT);
        (void) waitpid(agent, NULL, 0);
}
