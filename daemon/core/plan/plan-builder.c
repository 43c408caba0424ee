/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps, written down. Nothing is decided here; what holds is that a step which frees or
 * replaces is never written down without the barrier that must follow, and that running out of
 * memory is remembered and told once, at the end. The plan that installs a boot loader has no other
 * steps. */

#include "core/plan/plan-builder.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/plan/plan-loader.h"

PlanStep *plan_builder_add(PlanBuilder *b, PlanAction action, const char *path) {
        PlanStep *step = plan_add(b->plan, action, path);

        if (!step) {
                b->error = -ENOMEM;
                step = &b->nowhere;
        }
        return step;
}

PlanStep *plan_builder_add_text(PlanBuilder *b, PlanAction action, const char *path,
                                const char *text) {
        PlanStep *step = plan_builder_add(b, action, path);

        step->text = b->error < 0 ? NULL : strdup(text);
        if (!step->text)
                b->error = -ENOMEM;
        return step;
}

void plan_builder_stage_text(PlanBuilder *b, const char *path, const char *text) {
        plan_builder_add_text(b, PLAN_STAGE_TEXT, path, text)->bytes = strlen(text);
}

void plan_builder_barrier(PlanBuilder *b) {
        size_t n = b->plan->n_steps;

        if (n == 0 || b->plan->steps[n - 1].action != PLAN_BARRIER)
                plan_builder_add(b, PLAN_BARRIER, NULL);
}

/* True if there is a better entry than the one at @path for the kernel @version. */
static bool is_surplus(const PlanBuilder *b, const char *path, const char *version) {
        const PlanTarget *t = plan_survey_find(&b->survey, version);

        return t && t->status == TARGET_PLACED && !t->taken && !streq(t->entry_path, path);
}

static void remove_entries(PlanBuilder *b, char *const *versions, bool surplus) {
        const EspImage *image = b->in->image;
        bool any = false;

        for (size_t i = 0; i < image->n_files; i++) {
                const char *path = image->files[i].path;
                _cleanup_free_ char *version = NULL;

                /* Those that lead nowhere went before. */
                if (image->files[i].type != FILE_REGULAR ||
                    esp_entry_version(path, &version, NULL) < 0 ||
                    strv_contains(b->survey.dangling, path))
                        continue;
                if (!strv_contains(versions, version) && !(surplus && is_surplus(b, path, version)))
                        continue;
                plan_builder_add(b, PLAN_REMOVE_ENTRY, path);
                any = true;
        }
        if (any)
                plan_builder_barrier(b);
}

void plan_builder_remove(PlanBuilder *b, char *const *versions, bool surplus) {
        bool any = false;

        remove_entries(b, versions, surplus);
        for (char *const *v = versions; v && *v; v++) {
                _cleanup_free_ char *dir = esp_kernel_dir(*v);

                if (!dir) {
                        b->error = -ENOMEM;
                        return;
                }
                if (!plan_survey_dir_is_ours(&b->survey, *v))
                        continue;
                plan_builder_add(b, PLAN_REMOVE_KERNEL, dir)->bytes =
                                plan_survey_dir_bytes(&b->survey, *v);
                any = true;
        }
        if (any)
                plan_builder_barrier(b);
}

void plan_builder_stage(PlanBuilder *b, const char *path, const char *source,
                        const FileStamp *stamp) {
        PlanStep *step = plan_builder_add(b, PLAN_STAGE, path);

        step->stamp = *stamp;
        step->bytes = stamp->size;
        step->source = b->error < 0 || !source ? NULL : strdup(source);
        if (!step->source)
                b->error = -ENOMEM;
}

void plan_builder_write(PlanBuilder *b, const char *path, const char *text) {
        plan_builder_stage_text(b, path, text);
        plan_builder_add(b, PLAN_PLACE, path);
        plan_builder_barrier(b);
}

void plan_builder_remove_file(PlanBuilder *b, const EspFile *file) {
        plan_builder_add(b, PLAN_REMOVE_FILE, file->path)->bytes =
                        space_allocated(file->size, b->in->image->cluster_bytes);
}

void plan_builder_optional(PlanBuilder *b) {
        if (!b->has_optional)
                plan_builder_add(b, PLAN_OPTIONAL, NULL);
        b->has_optional = true;
}

void plan_builder_mkdir_entries(PlanBuilder *b) {
        if (b->has_entry_dir)
                return;
        plan_builder_add(b, PLAN_MKDIR, ESP_ENTRY_DIR);
        plan_builder_barrier(b);
        b->has_entry_dir = true;
}

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

/* One that is there and stays has an entry before the other is first: that of a loader which comes
 * beside it is put behind it. */
static int add_present(Plan *plan, const EspImage *image, EspLoader loader) {
        EspLoader present = esp_image_tell_loader(image);

        if (present == ESP_LOADER_NONE || present == loader || !loader_of(present)->is_there(image))
                return 0;
        return add_text(plan, PLAN_BOOT_ENTRY, esp_loader_to_string(present));
}

int plan_build_install(const char *esp_uuid, const EspImage *image, EspLoader loader, bool entry,
                       Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const char *name = esp_loader_to_string(loader);
        int r;

        assert(image);
        assert(loader_of(loader));
        assert(ret);

        r = plan_new(PLAN_ON_ESP, esp_uuid, &plan);
        if (r < 0)
                return r;
        if (!plan_add(plan, PLAN_TOKEN, NULL))
                return -ENOMEM;
        r = add_repair(plan, image);
        if (r >= 0 && entry)
                r = add_present(plan, image, loader);
        if (r >= 0)
                r = add_text(plan, PLAN_INSTALL_LOADER, name);
        if (r >= 0 && entry)
                r = add_text(plan, PLAN_BOOT_ENTRY, name);
        if (r < 0)
                return r;
        if (loader_of(loader)->by_shim && !plan_add(plan, PLAN_SIGNATURES, NULL))
                return -ENOMEM;
        if (!plan_add(plan, PLAN_SCAN, NULL))
                return -ENOMEM;
        *ret = TAKE_PTR(plan);
        return 0;
}
