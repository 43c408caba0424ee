/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans as the worker reads them, with full privileges: no path leads out of the ESP or the root,
 * and what is read is written back to the same text. */

#include "common/string-util.h"
#include "core/conf/conf-file.h"
#include "core/wire/plan-wire.h"
#include "tests/fuzz/fuzz.h"

static void check_steps(const Plan *plan) {
        _cleanup_strv_ char **changes = NULL;

        FUZZ_ASSERT(!plan->esp_uuid || fat_uuid_is_valid(plan->esp_uuid));
        FUZZ_ASSERT(!plan->device || (!plan->esp_uuid && plan_path_is_valid(plan->device)));
        FUZZ_ASSERT(!device_id_is_set(&plan->id) || plan->esp_uuid || plan->device);
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                FUZZ_ASSERT(step->action >= 0 && step->action < _PLAN_ACTION_MAX);
                FUZZ_ASSERT(step->action != PLAN_FORMAT || device_id_is_set(&plan->id));
                FUZZ_ASSERT(!step->path || plan_path_is_valid(step->path));
                FUZZ_ASSERT(!step->source || plan_path_is_valid(step->source));
                FUZZ_ASSERT(step->action != PLAN_STAGE || (step->path && step->source));
                FUZZ_ASSERT(step->action != PLAN_STAGE_TEXT || (step->path && step->text));
                FUZZ_ASSERT(!step->trust || step->action == PLAN_CHECK);
        }
        (void) plan_writes(plan);
        FUZZ_ASSERT(plan_changes(plan, &changes) == 0);
        FUZZ_ASSERT(plan_writes(plan) == !strv_isempty(changes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(plan_freep) Plan *plan = NULL, *again = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = plan_parse((const char *) data, size, &plan);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        FUZZ_ASSERT((r == 0) == (plan != NULL));
        if (r < 0)
                return 0;

        check_steps(plan);
        FUZZ_ASSERT(plan_format(plan, &first, &first_size) == 0);
        FUZZ_ASSERT(plan_parse(first, first_size, &again) == 0);
        FUZZ_ASSERT(plan_format(again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
