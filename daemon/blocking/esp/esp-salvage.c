/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* fsck.vfat -a knows no other way: clusters without an owner become a file. After a power cut these
 * are half an initrd, whose source is in boot/, and a few such files fill an ESP. What was there
 * before we called fsck.vfat is somebody else's and stays. */

#include "blocking/esp/esp-salvage.h"

#include <fcntl.h>
#include <fnmatch.h>

#include "blocking/esp/esp-commit.h"
#include "common/fd.h"
#include "common/string-util.h"

#define SALVAGED "FSCK[0-9][0-9][0-9][0-9].REC"

int esp_salvage_list(const EspVolume *v, char ***ret, Error *error) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_strv_ char **names = NULL;
        struct dirent *entry;
        int fd;

        fd = esp_openat(v, ".", O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return esp_fail(v, error, fd, "open", "/");
        dir = fdopendir(fd);
        if (!dir) {
                safe_close(fd);
                return esp_fail(v, error, errno, "open", "/");
        }
        while (errno = 0, (entry = readdir(dir)))
                if (fnmatch(SALVAGED, entry->d_name, FNM_CASEFOLD | FNM_NOESCAPE) == 0 &&
                    strv_extend(&names, entry->d_name) < 0)
                        return -ENOMEM;
        if (errno != 0)
                return esp_fail(v, error, errno, "list", "/");
        *ret = TAKE_PTR(names);
        return 0;
}

static bool is_regular(const EspVolume *v, const char *name) {
        struct stat st;

        return esp_stat(v, name, &st) > 0 && S_ISREG(st.st_mode);
}

int esp_salvage_drop(const EspVolume *v, char *const *keep, Error *error) {
        _cleanup_(esp_commit_done) EspCommit commit = { .volume = v };
        _cleanup_strv_ char **names = NULL;
        bool dropped = false;
        int r;

        r = esp_salvage_list(v, &names, error);
        if (r < 0)
                return r;
        STRV_FOREACH(name, names) {
                if (strv_contains(keep, *name) || !is_regular(v, *name))
                        continue;
                r = esp_commit_hold(&commit, *name, error);
                if (r >= 0)
                        r = esp_commit_remove(&commit, PLAN_REMOVE_ENTRY, *name, error);
                if (r < 0)
                        return r;
                dropped = true;
        }
        return dropped ? esp_commit_barrier(&commit, error) : 0;
}
