/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bootsync-worker: reads a plan and lets the interpreter carry it out on one ESP. A process of its
 * own because anything it touches may hang for minutes or for ever. It logs nothing: all there is
 * to say goes to descriptor 4, and to stderr only what cannot be said there. */

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/string-util.h"
#include "core/wire/plan-wire.h"
#include "sys/file.h"
#include "worker/interpreter.h"

#define PLAN_FD    3
#define REPORTS_FD 4
/* Descriptor 5 is the ESP's lock file: it is held by being open, and there is nothing to do with
 * it. */

#define EXIT_UNREPORTED 2

typedef struct Arguments {
        const char *root;
        Hook hook;
} Arguments;

static void print_help(void) {
        puts("bootsync-worker [OPTIONS...] 3<PLAN 4>REPORTS\n"
             "\n"
             "Carries out the plan on descriptor 3 on one EFI System Partition and reports on\n"
             "descriptor 4. It is started by bootsyncd; by hand: bootsync-worker --root=DIR 3<plan "
             "4>&1\n"
             "\n"
             "  -h --help         Show this help\n"
             "     --version      Show the version\n"
             "     --root=DIR     Work on the system below DIR instead of /\n"
             "\n"
             "For tests of bootsync only:\n"
             "     --hook=POINT:N:ACTION\n"
             "                    At the N-th time of POINT, send a signal to itself: ACTION kill\n"
             "                    (SIGKILL) or stop (SIGSTOP). Points: stage (each block of up to\n"
             "                    8 MiB of a copy is written, and then the file was read back),\n"
             "                    place (before and after each rename, before the barrier), entry\n"
             "                    (before and after what is placed or removed under loader/),\n"
             "                    remove (before and after each removal)");
}

/* 1 to go on, 0 if all is said, or -EINVAL. */
static int parse_arguments(int argc, char *argv[], Arguments *ret) {
        enum { OPTION_ROOT = 256, OPTION_HOOK, OPTION_VERSION };
        static const struct option options[] = {
                { "root", required_argument, NULL, OPTION_ROOT },
                { "hook", required_argument, NULL, OPTION_HOOK },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        Arguments a = { .root = "/" };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case OPTION_ROOT:
                        a.root = optarg;
                        break;
                case OPTION_HOOK:
                        if (hook_parse(optarg, &a.hook) < 0) {
                                (void) fprintf(stderr,
                                               "bootsync-worker: --hook= needs POINT:N:ACTION, not "
                                               "'%s'.\n",
                                               optarg);
                                return -EINVAL;
                        }
                        break;
                case OPTION_VERSION:
                        puts("bootsync-worker " BOOTSYNC_VERSION);
                        return 0;
                case 'h':
                        print_help();
                        return 0;
                default: /* getopt_long() has told what is wrong */
                        return -EINVAL;
                }
        if (optind < argc) {
                (void) fprintf(stderr, "bootsync-worker: takes no arguments, such as '%s'.\n",
                               argv[optind]);
                return -EINVAL;
        }
        *ret = a;
        return 1;
}

static int read_plan(Plan **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read_fd(PLAN_FD, PLAN_TEXT_MAX, &text, &size);
        if (r < 0) {
                (void) fprintf(stderr, "bootsync-worker: no plan to read on descriptor %d: %s.\n",
                               PLAN_FD, strerror(-r));
                return r;
        }
        r = plan_parse(text, size, ret);
        if (r < 0)
                (void) fprintf(stderr,
                               "bootsync-worker: what is on descriptor %d is no plan of this "
                               "version: %s.\n",
                               PLAN_FD, strerror(-r));
        return r;
}

int main(int argc, char *argv[]) {
        _cleanup_(channel_freep) Channel *channel = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        Arguments arguments;
        int r;

        r = parse_arguments(argc, argv, &arguments);
        if (r <= 0)
                return r < 0 ? EXIT_UNREPORTED : EXIT_SUCCESS;

        (void) umask(0077);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGIO, SIG_IGN); /* see source_open() */
        if (read_plan(&plan) < 0)
                return EXIT_UNREPORTED;
        r = channel_new(REPORTS_FD, &channel);
        if (r < 0) {
                (void) fprintf(stderr,
                               "bootsync-worker: nobody to report to on descriptor %d: %s.\n",
                               REPORTS_FD, strerror(-r));
                return EXIT_UNREPORTED;
        }

        return interpreter_run(arguments.root, plan, channel, &arguments.hook) < 0 ? EXIT_FAILURE
                                                                                   : EXIT_SUCCESS;
}
