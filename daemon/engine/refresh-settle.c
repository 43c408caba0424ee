/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a look amounts to: the ESP's state, what is told of it, and what the manifest may say. An
 * ESP is in sync only if a plan made from the last look has nothing to do. */

#include "common/log.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "engine/look.h"
#include "engine/refresh-part.h"

/* File by file, as far as anybody reads. */
static void tell_differences(Part *part, const Plan *rest) {
        _cleanup_free_ char *names = NULL, *unreadable = NULL;
        _cleanup_strv_ char **paths = NULL;

        if (look_unreadable(part->image, &unreadable) >= 0 && unreadable)
                (void) error_set(&part->error, ERROR_VERIFY_FAILED,
                                 "The disk of ESP '%s' does not give %s; a refresh writes that "
                                 "anew, but check the disk",
                                 esp_uuid(part->esp), unreadable);
        if (plan_changes(rest, &paths) >= 0)
                names = strv_quote(paths, LOOK_NAMES_MAX);
        (void) error_set(&part->error, ERROR_VERIFY_FAILED,
                         "On ESP '%s' these are not as they should be, and a refresh repairs them: "
                         "%s",
                         esp_uuid(part->esp), strempty(names));
}

/* It does not count when it is judged whether the ESP is in sync. */
static void tell_optional(const Part *part, const Plan *rest) {
        if (rest->left_out)
                log_warning("%s.", rest->left_out);
        else if (rest->n_steps > 0 && !plan_is_due(rest))
                log_warning("Memtest86+ on ESP '%s' is not as it should be; a refresh repairs it.",
                            esp_uuid(part->esp));
}

void part_remember_bad(Part *part) {
        if (job_verify(part->refresh->job) && part->image &&
            look_learn(&part->manifest, part->image, part->plan, false) >= 0)
                manifest_store(part->refresh->config->root, part->esp, &part->manifest,
                               part->image);
}

void part_settle(Part *part, const Plan *rest, bool synced) {
        Refresh *refresh = part->refresh;
        JobType type = job_get_type(refresh->job);
        EspState state = ESP_IN_SYNC;
        int r;

        if (rest->problem_code != ERROR_NONE) {
                (void) error_set(&part->error, (ErrorCode) rest->problem_code, "%s", rest->problem);
                state = part->image->loader != ESP_LOADER_NONE ? ESP_OUTDATED : ESP_FAILED;
        } else if (plan_is_due(rest)) {
                state = ESP_OUTDATED;
                if (synced || type == JOB_VERIFY)
                        tell_differences(part, rest);
        }

        if (job_syncs(refresh->job) || type == JOB_VERIFY) {
                tell_optional(part, rest);
                manifest_store(refresh->config->root, part->esp, &part->manifest, part->image);
        }
        r = esp_set_image(part->esp, TAKE_PTR(part->image));
        if (r < 0) {
                part_fail(part, r, "remember what is on");
                return;
        }
        if (state == ESP_IN_SYNC && job_syncs(refresh->job))
                esp_set_synced(part->esp, realtime_usec());
        if (state == ESP_IN_SYNC && job_verify(refresh->job))
                esp_set_verified(part->esp, realtime_usec());
        part->compared = true;
        part_end(part, state);
        /* A plan's problem is the ESP's; a job that was only to look has done so. */
        if (type == JOB_PROBE || type == JOB_PLAN)
                error_done(&part->error);
}
