/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon starts a program, not a script. This one, started in place of the worker, becomes the
 * script that $BOOTSYNC_SCRIPT names, with our arguments. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
        char *script = getenv("BOOTSYNC_SCRIPT");

        if (argc > 0 && script) {
                argv[0] = script;
                (void) execv(script, argv);
        }
        perror("run-script");
        return 127;
}
