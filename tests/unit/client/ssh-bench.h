/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An ssh that is a script, in a place of its own: what a host does is told by its name. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

/* The name is a part of the address. "echo" shows what it was started with, "deep" what leaves its
 * process group running. */
#define SSH                                                                                \
        "#!/bin/sh\n"                                                                      \
        "for last; do address=$command command=$last; done\n"                              \
        "echo \"$$ $address\" >>\"$BENCH/started\"\n"                                      \
        "case $address in\n"                                                               \
        "*gone*) echo 'a banner' >&2; echo 'ssh: no route to host' >&2; exit 255 ;;\n"     \
        "*bare*) echo 'sh: 1: bootctl-pve: not found' >&2; exit 127 ;;\n"                  \
        "*echo*) echo \"$*\"; exit 0 ;;\n"                                                 \
        "*shot*) kill -KILL $$ ;;\n"                                                       \
        "*endless*) exec yes ;;\n"                                                         \
        "*master*) sleep 300 2>&1 & echo $! >>\"$BENCH/masters\"; echo done; exit 0 ;;\n"  \
        "*slow*) sleep 300 & wait ;;\n"                                                    \
        "*meets*) sleep 0.5; echo >>\"$BENCH/here\"; i=0\n"                                \
        "         until [ $(wc -l <\"$BENCH/here\") = 8 ]; do\n"                           \
        "         sleep 0.05; i=$((i + 1)); [ $i -lt 600 ] || exit 1; done; echo met ;;\n" \
        "*counts*) cat \"$BENCH/here\" 2>/dev/null | wc -l ;;\n"                           \
        "*says*) printf '\\342\\227\\217 %s\\033[1m\\nmore\\n' \"$address\"; exit 3 ;;\n"  \
        "*json*) echo '{\"a\": 1}' ;;\n"                                                   \
        "*noise*) echo 'Welcome'; echo '{\"a\": 1}' ;;\n"                                  \
        "*refuses*) echo 'bootctl-pve: It is refused; log in as root.' >&2; exit 4 ;;\n"   \
        "esac\n"

static char ssh_directory[] = "/tmp/bootsync-fleet-XXXXXX";

static char *place(const char *name) {
        return must(strprintf("%s/%s", ssh_directory, name));
}

static const char *set_up(void) {
        _cleanup_free_ char *ssh = NULL, *path = NULL;
        FILE *f;

        ck_assert_ptr_nonnull(mkdtemp(ssh_directory));
        ssh = place("ssh");
        path = must(strprintf("%s:%s", ssh_directory, getenv("PATH")));
        f = fopen(ssh, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(SSH, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(ssh, 0755), 0);
        ck_assert_int_eq(setenv("PATH", path, true), 0);
        ck_assert_int_eq(setenv("BENCH", ssh_directory, true), 0);
        ck_assert_int_eq(setenv("LC_ALL", "C.UTF-8", true), 0);
        return ssh_directory;
}

static void tear_down(const char **bench) {
        _cleanup_free_ char *command = must(strprintf(
                        "cat %1$s/masters 2>/dev/null | xargs -r kill; rm -r %1$s", *bench));

        ck_assert_int_eq(system(command), 0);
}
#define _needs_bench_ _cleanup_(tear_down) const char *bench = set_up()

static int number_of_lines(const char *name) {
        _cleanup_free_ char *path = place(name);
        FILE *f = fopen(path, "re");
        int n = 0;

        if (!f)
                return 0;
        for (int c; (c = fgetc(f)) != EOF;)
                n += c == '\n';
        (void) fclose(f);
        return n;
}
