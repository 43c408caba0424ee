/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line is for the unit file, for the client that starts a private daemon and for tests;
 * an administrator's settings live in bootsyncd.conf. */

#include "options.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "common/program-path.h"
#include "common/string-util.h"

#define DEADLINE_PERCENT_MAX 1000

enum {
        OPTION_ROOT = 256,
        OPTION_PEER_FD,
        OPTION_WORKER,
        OPTION_DEBUG,
        OPTION_VERSION,
        OPTION_TEST_DEADLINE_PERCENT,
        OPTION_TEST_NO_KILL,
        OPTION_TEST_HOOK,
};

static const struct option long_options[] = {
        { "root", required_argument, NULL, OPTION_ROOT },
        { "peer-fd", required_argument, NULL, OPTION_PEER_FD },
        { "worker", required_argument, NULL, OPTION_WORKER },
        { "debug", no_argument, NULL, OPTION_DEBUG },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "test-deadline-percent", required_argument, NULL, OPTION_TEST_DEADLINE_PERCENT },
        { "test-no-kill", no_argument, NULL, OPTION_TEST_NO_KILL },
        { "test-hook", required_argument, NULL, OPTION_TEST_HOOK },
        {},
};

void options_done(Options *o) {
        o->worker = mfree(o->worker);
}

static void print_help(void) {
        puts("bootsyncd [OPTIONS...]\n"
             "\n"
             "Keeps kernels and boot entries on all EFI System Partitions in sync.\n"
             "\n"
             "  -h --help         Show this help\n"
             "     --version      Show the version\n"
             "     --root=DIR     Work on the system below DIR instead of /\n"
             "     --peer-fd=N    Serve the peer of the socket N instead of the system bus\n"
             "     --worker=PATH  Program that works on an ESP\n"
             "     --debug        Log more\n"
             "\n"
             "See bootsyncd(8).");
}

/* @s as an unsigned number of at most @max. */
static int parse_number(const char *option, const char *s, unsigned max, unsigned *ret) {
        uint64_t value;

        if (parse_u64(s, &value) < 0 || value > max) {
                (void) fprintf(stderr, "bootsyncd: --%s= needs a number up to %u, not '%s'.\n",
                               option, max, s);
                return -EINVAL;
        }
        *ret = (unsigned) value;
        return 0;
}

static int parse_fd(const char *s, int *ret) {
        unsigned fd;
        int r;

        r = parse_number("peer-fd", s, INT32_MAX, &fd);
        if (r < 0)
                return r;
        if (fd <= STDERR_FILENO || fcntl((int) fd, F_SETFD, FD_CLOEXEC) < 0) {
                (void) fprintf(stderr,
                               "bootsyncd: --peer-fd=%u is not an open descriptor above 2.\n", fd);
                return -EINVAL;
        }
        *ret = (int) fd;
        return 0;
}

static int parse_option(int c, Options *o) {
        switch (c) {
        case OPTION_ROOT:
                o->root = optarg;
                return 1;
        case OPTION_PEER_FD:
                return parse_fd(optarg, &o->peer_fd) < 0 ? -EINVAL : 1;
        case OPTION_WORKER:
                free(o->worker);
                o->worker = strdup(optarg);
                return o->worker ? 1 : -ENOMEM;
        case OPTION_DEBUG:
                o->debug = true;
                return 1;
        case OPTION_TEST_DEADLINE_PERCENT:
                return parse_number("test-deadline-percent", optarg, DEADLINE_PERCENT_MAX,
                                    &o->deadline_percent) < 0
                                       ? -EINVAL
                                       : 1;
        case OPTION_TEST_NO_KILL:
                o->no_kill = true;
                return 1;
        case OPTION_TEST_HOOK:
                o->hook = optarg;
                return 1;
        case OPTION_VERSION:
                puts("bootsyncd " BOOTSYNC_VERSION);
                return 0;
        case 'h':
                print_help();
                return 0;
        default: /* getopt_long() has told what is wrong */
                return -EINVAL;
        }
}

int options_parse(int argc, char *argv[], Options *ret) {
        static const ProgramPath worker = {
                .self = BOOTSYNCD_PATH,
                .installed = BOOTSYNC_WORKER_PATH,
                .beside = "worker/bootsync-worker",
                .variable = "BOOTSYNC_WORKER",
        };
        _cleanup_(options_done) Options o = {
                .root = "/",
                .peer_fd = -EBADF,
                .deadline_percent = 100,
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
                r = parse_option(c, &o);
                if (r <= 0)
                        return r;
        }
        if (optind < argc) {
                (void) fprintf(stderr, "bootsyncd: takes no arguments, such as '%s'.\n",
                               argv[optind]);
                return -EINVAL;
        }
        if (!o.worker && !(o.worker = program_path(&worker)))
                return -ENOMEM;
        *ret = TAKE_STRUCT(o);
        return 1;
}
