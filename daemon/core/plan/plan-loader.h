/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The differences between the boot loaders when a plan is built; a part of plan-build. A loader has
 * a state of its own in the builder, which nobody else looks at. */

#include "common/error.h"
#include "core/esp/esp-image.h"

typedef struct PlanLoader PlanLoader;
typedef struct PlanBuilder PlanBuilder;
typedef struct PlanSurvey PlanSurvey;
typedef struct PlanTarget PlanTarget;

struct PlanLoader {
        size_t state_size;               /* of PlanBuilder.state, which begins zeroed; not 0 */
        void (*state_done)(void *state); /* may be NULL */

        bool has_entries; /* each kernel has a directory and an entry, and Memtest86+ an entry */
        /* The versions that it can boot without those that come, newest first. 0 or -ENOMEM. */
        int (*complete)(const EspImage *image, char ***ret);
        /* Sort a file or directory, which is no leftover, into the survey. 0 or -ENOMEM. */
        int (*collect)(PlanSurvey *s, const EspFile *file);
        /* Compare what leads to the kernel of @t, whose files were compared. 0 or -ENOMEM. */
        int (*lead)(PlanTarget *t, const PlanSurvey *s, const char *default_options,
                    Error *problem);

        /* Compare what decides the default with what it should be. 0 or -ENOMEM. */
        int (*look)(PlanBuilder *b);
        /* Bytes that settle() takes beside the old. */
        uint64_t (*need)(const PlanBuilder *b);
        /* Write what decides the default, as far as the kernels that are placed allow. */
        void (*settle)(PlanBuilder *b);
        bool (*is_settled)(const PlanBuilder *b);
        /* True if the default, once it is settled, is the kernel that it should be. */
        bool (*takes_first)(const PlanBuilder *b);
        /* True if @version, although stale, must not be evicted yet. */
        bool (*holds)(const PlanBuilder *b, const char *version);
        /* Bytes that must be free besides, so that a kept kernel can be off the ESP for a while and
         * nothing leads to it meanwhile; UINT64_MAX if it must stay. */
        uint64_t (*away_need)(const PlanBuilder *b, const char *version);
        /* Nothing must lead to the files of @versions any more when they go. @last: nothing comes
         * behind it. */
        void (*remove)(PlanBuilder *b, char *const *versions, bool last);
        /* Let the menu show what of Memtest86+ is there by now; NULL where there is no menu. */
        void (*show_memtest)(PlanBuilder *b);
};

/* One of each loader of the table: plan_loader_… */
#define X(id, object) extern const PlanLoader plan_loader_##object;
LOADER_TABLE(X)
#undef X
