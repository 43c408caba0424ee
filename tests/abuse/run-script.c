/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon starts a program, not a script, and gives it no environment. This one, started in
 * place of the worker, becomes the script "worker" in the directory that --root= names, with our
 * arguments. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
        char script[PATH_MAX];

        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "--root=", strlen("--root=")) != 0)
                        continue;
                (void) snprintf(script, sizeof(script), "%s/worker", argv[i] + strlen("--root="));
                argv[0] = script;
                (void) execv(script, argv);
        }
        return 127;
}
