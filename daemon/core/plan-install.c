/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A boot loader is put on an ESP under the token, since while that is done the ESP may not boot. A
 * volume that a power cut has left half-way is repaired before, as it is for a sync. */

#include "core/boot-entry.h"
#include "core/plan.h"

static int add_text(Plan *plan, PlanAction action, const char *text) {
        PlanStep *step = plan_add(plan, action, NULL);

        if (!step)
                return -ENOMEM;
        step->text = strdup(text);
        return step->text ? 0 : -ENOMEM;
}

static int add_repair(Plan *plan, const EspImage *image) {
        bool leftovers = false;

        for (size_t i = 0; i < image->n_files; i++)
                leftovers |= image->files[i].type == FILE_REGULAR &&
                             esp_path_is_leftover(image->files[i].path);
        if (!image->dirty && !leftovers)
                return 0;
        if (!plan_add(plan, PLAN_REPAIR, NULL))
                return -ENOMEM;
        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].type == FILE_REGULAR &&
                    esp_path_is_leftover(image->files[i].path) &&
                    !plan_add(plan, PLAN_CLEAR, image->files[i].path))
                        return -ENOMEM;
        return plan_add(plan, PLAN_BARRIER, NULL) ? 0 : -ENOMEM;
}

int plan_build_install(const char *esp_uuid, const EspImage *image, EspLoader loader, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const char *name = esp_loader_to_string(loader);
        int r;

        assert(image);
        assert(loader == ESP_LOADER_SYSTEMD_BOOT || loader == ESP_LOADER_GRUB);
        assert(ret);

        r = plan_new(esp_uuid, &plan);
        if (r < 0)
                return r;
        if (!plan_add(plan, PLAN_TOKEN, NULL))
                return -ENOMEM;
        r = add_repair(plan, image);
        if (r >= 0)
                r = add_text(plan, PLAN_INSTALL_LOADER, name);
        if (r >= 0)
                r = add_text(plan, PLAN_BOOT_ENTRY, name);
        if (r < 0)
                return r;
        if (!plan_add(plan, PLAN_SCAN, NULL))
                return -ENOMEM;
        *ret = TAKE_PTR(plan);
        return 0;
}
