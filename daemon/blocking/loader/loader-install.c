/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The means that installing a loader has, beside what it brings along: a file of ours is put on an
 * ESP as a kernel is, so a power cut leaves the old one or the new one. */

#include "blocking/loader/loader-install.h"

#include "common/string-util.h"
#include "core/loader/esp-path.h"

bool esp_has_file(const EspVolume *v, const char *path) {
        struct stat st;

        return esp_stat(v, path, &st) > 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

int installer_put(Installer *i, const PlanStep *step) {
        _cleanup_free_ char *leftover = strprintf("%s" STAGED_SUFFIX, step->path);
        _cleanup_(esp_file_done) EspFile placed = {};
        int r;

        if (!leftover)
                return -ENOMEM;
        r = esp_stage_clear(i->volume, leftover, i->error);
        if (r < 0)
                return r;
        r = esp_stage(&i->stage, i->root, step, i->watch, i->error);
        if (r >= 0)
                r = esp_commit_hold(&i->commit, step->path, i->error);
        if (r >= 0)
                r = esp_stage_take(&i->stage, step->path, i->error);
        if (r >= 0)
                r = esp_commit_place(&i->commit, step->path, &placed, i->error);
        return r < 0 ? r : esp_commit_barrier(&i->commit, i->error);
}

int installer_put_text(Installer *i, const char *path, const char *text) {
        const PlanStep step = {
                .action = PLAN_STAGE_TEXT,
                .path = (char *) path,
                .text = (char *) text,
        };

        return installer_put(i, &step);
}
