/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker of the engine's tests: it hands its plan and its socket to the test that waits at
 * ROOT/gate, and does what the test says: become the real worker, or end. While it waits it is a
 * process like any other, which holds its lock and dies by signals. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/engine/gate.h"

static int hand_over(const char *root) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char control[CMSG_SPACE(2 * sizeof(int))] = {}, byte = 0;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/" GATE_NAME, root);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(c), (int[]){ 3, 4 }, 2 * sizeof(int));
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            sendmsg(fd, &message, 0) != 1)
                return -1;
        return fd;
}

int main(int argc, char *argv[]) {
        unsigned char word[2] = {};
        const char *root;
        int fd;

        if (argc < 2 || strncmp(argv[1], "--root=", 7) != 0)
                return EXIT_FAILURE;
        root = argv[1] + 7;
        fd = hand_over(root);
        if (fd < 0 || read(fd, word, sizeof(word)) != sizeof(word))
                return EXIT_FAILURE;
        if (word[0] == GATE_EXIT)
                return word[1];
        (void) execv(BOOTSYNC_REAL_WORKER, argv);
        return EXIT_FAILURE;
}
