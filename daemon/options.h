/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of bootsyncd. */

#include "common/macros.h"

typedef struct Options {
        const char *root; /* directory below which everything is found */
        char *worker;     /* program */
        int peer_fd;      /* -EBADF: speak on the system bus */
        bool debug;
        /* for tests of the program, see WorkerConfig */
        unsigned deadline_percent;
        bool no_kill;
        const char *hook;
} Options;

void options_done(Options *o);

/* 1: go on. 0: --help or --version was answered, exit. -EINVAL: a mistake, which was told on
 * stderr. */
int options_parse(int argc, char *argv[], Options *ret);
