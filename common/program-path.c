/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finds the program to start. The environment has no say in an installed program: sudo may let
 * somebody run it and keep that. Programs that were only built start each other, so that nothing
 * has to be set to try them. The kernel tells which of both a program is by /proc/self/exe; if that
 * cannot be read it counts as installed. */

#include "common/program-path.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/string-util.h"

#define SELF    "/proc/self/exe"
#define DELETED " (deleted)" /* says the kernel of a program that was replaced while it runs */

/* The path as the kernel knows it. NULL: it cannot be read. */
static char *read_self(void) {
        char path[PATH_MAX];
        ssize_t n = readlink(SELF, path, sizeof(path));

        return n <= 0 || (size_t) n == sizeof(path) ? NULL : strndup(path, (size_t) n);
}

/* By its file, too, which may have another name: /bin for /usr/bin, a hard link. */
static bool is_installed(const char *path, const char *installed) {
        const char *rest = startswith(path, installed);
        struct stat self, there;

        if (rest && (isempty(rest) || streq(rest, DELETED)))
                return true;
        if (stat(SELF, &self) < 0)
                return true;
        return stat(installed, &there) >= 0 && self.st_dev == there.st_dev &&
               self.st_ino == there.st_ino;
}

char *program_path(const ProgramPath *p) {
        _cleanup_free_ char *self = read_self(), *beside = NULL;
        const char *named;

        if (!self || is_installed(self, p->self))
                return strdup(p->installed);
        named = secure_getenv(p->variable);
        if (named)
                return strdup(named);
        *strrchr(self, '/') = '\0';
        beside = strprintf("%s/%s", self, p->beside);
        if (!beside || access(beside, X_OK) >= 0)
                return TAKE_PTR(beside);
        return strdup(p->installed);
}
