/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* New content beside the old, under PATH.new: nothing that boots is touched here. */

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"
#include "core/plan/plan.h"

typedef struct StagedFile {
        char *path;    /* without STAGED_SUFFIX */
        bool verified; /* synced, read back and found equal */
} StagedFile;

/* The files that this run staged and did not hand over to be placed. Their clusters are nobody
 * else's. */
typedef struct EspStage {
        const EspVolume *volume;
        StagedFile *files;
        size_t n_files, n_allocated;
} EspStage;

/* Forgets the files; they stay on the ESP. */
void esp_stage_done(EspStage *s);

/* PLAN_STAGE and PLAN_STAGE_TEXT: copy the source, or the text, to PATH.new (mode 0600; mtime that
 * of the source, rounded down to what FAT can store), sync, read back past the page cache, compare.
 * -EEXIST if there is a PATH.new already; -ESTALE if the source is not the one that was planned;
 * VerifyFailed if the disk gives back something else; -ECANCELED if @watch stopped it. */
int esp_stage(EspStage *s, const Root *root, const PlanStep *step, const CopyWatch *watch,
              Error *error);

/* Hand @path.new over to be put in place: it is forgotten, since once a rename was tried its
 * clusters may be those of the live file. Fails for what this run did not stage and verify. */
int esp_stage_take(EspStage *s, const char *path, Error *error);

/* Unlink all that was staged and not taken; what cannot be unlinked is a leftover for the next run.
 * True if there was anything; a barrier must follow then. */
bool esp_stage_discard(EspStage *s);

/* PLAN_MKDIR: make @path and its missing parents (0700), each synced into its parent. */
int esp_stage_mkdir(const EspVolume *v, const char *path, Error *error);

/* PLAN_CLEAR: unlink a leftover of an earlier run, and nothing else. */
int esp_stage_clear(const EspVolume *v, const char *path, Error *error);
