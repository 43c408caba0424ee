/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `status` and `esp list` have in common. The daemon answers from memory and never waits for a
 * disk; only a private daemon, which has no memory yet, is asked to look first. How that look went
 * is in each ESP's state, so the result of its job is not told. */

#include "client/esp-view.h"

#include "client/job-wait.h"
#include "common/string-util.h"

ExitStatus esp_view_get(Connection *c, EspInfos *ret) {
        if (connection_is_private(c)) {
                _cleanup_job_result_ JobResult result = {};
                ExitStatus status;

                status = job_run(c, METHOD_MANAGER("ProbePartitions"), NULL, NULL, &result);
                if (status != STATUS_DONE)
                        return status;
        }
        return esp_infos_get(c, NULL, ret);
}

json_object *esp_view_json(const EspInfos *infos) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < infos->n; i++) {
                const EspInfo *esp = &infos->esps[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "uuid", esp->uuid);
                json_add_string(object, "device", esp->device);
                json_add_string(object, "disk", esp->disk);
                json_add_string(object, "part_uuid", esp->part_uuid);
                json_add_boolean(object, "present", esp->present);
                json_add_string(object, "loader", esp->loader);
                json_add_string(object, "one_shot_method", esp->one_shot_method);
                json_add_string(object, "state", esp->state);
                json_add_strings(object, "kernels", esp->kernels);
                json_add_string(object, "default", esp->default_kernel);
                json_add_u64(object, "size_bytes", esp->size_bytes);
                json_add_u64(object, "free_bytes", esp->free_bytes);
                json_add_u64(object, "last_sync_usec", esp->last_sync_usec);
                json_add_u64(object, "last_verify_usec", esp->last_verify_usec);
                json_add_string(object, "last_error", esp->last_error);
        }
        return array;
}

Colour esp_view_colour(const EspInfo *esp) {
        if (esp_info_in_sync(esp))
                return COLOUR_GOOD;
        if (esp_info_unusable(esp))
                return COLOUR_BAD;
        return COLOUR_WARNING;
}

char *esp_view_space(const EspInfo *esp) {
        _cleanup_free_ char *size = format_bytes(esp->size_bytes);
        _cleanup_free_ char *left = format_bytes(esp->free_bytes);

        return must(esp->size_bytes == 0 ? strdup("") : strprintf("%s of %s", left, size));
}
