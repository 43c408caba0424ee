/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps, written down. Nothing is decided here; what holds is that a step which frees or
 * replaces is never written down without the barrier that must follow, and that running out of
 * memory is remembered and told once, at the end. */

#include "core/plan-builder.h"

#include "common/string-util.h"
#include "core/grub-config.h"
#include "core/space.h"

void plan_builder_done(PlanBuilder *b) {
        plan_survey_done(&b->survey);
        free(b->loader_conf);
        strv_free(b->grub.complete);
        strv_free(b->grub.shown);
        strv_free(b->grub.gone);
        free(b->grub.root_id);
        free(b->grub.env);
        free(b->grub.next);
        error_done(&b->problem);
        error_done(&b->left_out);
        plan_free(b->plan);
}

static PlanStep *emit(PlanBuilder *b, PlanAction action, const char *path) {
        PlanStep *step = plan_add(b->plan, action, path);

        if (!step) {
                b->error = -ENOMEM;
                step = &b->nowhere;
        }
        return step;
}

static PlanStep *emit_with_text(PlanBuilder *b, PlanAction action, const char *path,
                                const char *text) {
        PlanStep *step = emit(b, action, path);

        step->text = b->error < 0 ? NULL : strdup(text);
        if (!step->text)
                b->error = -ENOMEM;
        return step;
}

static void emit_text(PlanBuilder *b, const char *path, const char *text) {
        emit_with_text(b, PLAN_STAGE_TEXT, path, text)->bytes = strlen(text);
}

void plan_builder_keep(PlanBuilder *b) {
        for (size_t i = 0; i < b->survey.n_targets; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const PlanTarget *t = &b->survey.targets[i];
                        const EspFile *file = esp_image_find(b->in->image, t->path[f]);
                        PlanStep *step;

                        if (t->status == TARGET_BLOCKED || t->stale[f] || !file)
                                continue;
                        step = emit(b, PLAN_KEEP, t->path[f]);
                        step->esp_size = file->size;
                        step->esp_mtime = file->mtime;
                }
}

void plan_builder_tell_away(PlanBuilder *b, char *const *versions, const PlanTarget *t) {
        _cleanup_free_ char *names = strv_join(versions, "', '"), *more = NULL;

        more = strprintf("%s%s'%s' is taken off ESP '%s' to make room for '%s', and then copied "
                         "again",
                         strempty(b->plan->away), b->plan->away ? "; " : "", strempty(names),
                         b->in->esp_uuid, t->kernel->version);
        if (!names || !more) {
                b->error = -ENOMEM;
                return;
        }
        free(b->plan->away);
        b->plan->away = TAKE_PTR(more);
}

void plan_builder_token(PlanBuilder *b) {
        if (!b->has_token)
                emit(b, PLAN_TOKEN, NULL);
        b->has_token = true;
}

void plan_builder_barrier(PlanBuilder *b) {
        size_t n = b->plan->n_steps;

        if (n == 0 || b->plan->steps[n - 1].action != PLAN_BARRIER)
                emit(b, PLAN_BARRIER, NULL);
}

/* One after the other, and a barrier behind the last. */
static void emit_each(PlanBuilder *b, PlanAction action, char *const *paths) {
        if (strv_isempty(paths))
                return;
        for (; *paths; paths++)
                emit(b, action, *paths);
        plan_builder_barrier(b);
}

void plan_builder_repair(PlanBuilder *b) {
        emit(b, PLAN_REPAIR, NULL);
}

void plan_builder_clear_leftovers(PlanBuilder *b) {
        emit_each(b, PLAN_CLEAR, b->survey.leftovers);
}

void plan_builder_remove_dangling(PlanBuilder *b) {
        emit_each(b, PLAN_REMOVE_ENTRY, b->survey.dangling);
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
                emit(b, PLAN_REMOVE_ENTRY, path);
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
                emit(b, PLAN_REMOVE_KERNEL, dir)->bytes = plan_survey_dir_bytes(&b->survey, *v);
                any = true;
        }
        if (any)
                plan_builder_barrier(b);
}

bool plan_builder_mkdir(PlanBuilder *b, const PlanTarget *t) {
        bool entries = t->entry_text && !b->has_entry_dir;

        if (entries) {
                emit(b, PLAN_MKDIR, ESP_ENTRY_DIR);
                b->has_entry_dir = true;
        }
        if (t->dir_missing)
                emit(b, PLAN_MKDIR, t->dir);
        return t->dir_missing || entries;
}

static void emit_stage(PlanBuilder *b, const char *path, const char *source,
                       const FileStamp *stamp) {
        PlanStep *step = emit(b, PLAN_STAGE, path);

        step->stamp = *stamp;
        step->bytes = stamp->size;
        step->source = b->error < 0 || !source ? NULL : strdup(source);
        if (!step->source)
                b->error = -ENOMEM;
}

void plan_builder_stage_files(PlanBuilder *b, const PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *source = boot_source_path(t->kernel->version, f);

                if (t->stale[f])
                        emit_stage(b, t->path[f], source,
                                   f == KERNEL_FILE_IMAGE ? &t->kernel->image : &t->kernel->initrd);
        }
}

void plan_builder_stage_entry(PlanBuilder *b, const PlanTarget *t) {
        if (t->entry_text)
                emit_text(b, t->entry_path, t->entry_text);
}

void plan_builder_place_files(PlanBuilder *b, const PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                if (t->stale[f])
                        emit(b, PLAN_PLACE, t->path[f]);
}

void plan_builder_place_entry(PlanBuilder *b, PlanTarget *t) {
        if (t->entry_text)
                emit(b, PLAN_PLACE, t->entry_path);
        t->status = TARGET_PLACED;
}

void plan_builder_write(PlanBuilder *b, const char *path, const char *text) {
        emit_text(b, path, text);
        emit(b, PLAN_PLACE, path);
        plan_builder_barrier(b);
}

void plan_builder_write_grub_config(PlanBuilder *b, char *const *hidden) {
        _cleanup_free_ char *names = strv_join(hidden, "\n");

        if (!b->grub.has_dir) {
                emit(b, PLAN_MKDIR, ESP_GRUB_DIR);
                plan_builder_barrier(b);
                b->grub.has_dir = true;
        }
        if (names)
                emit_with_text(b, PLAN_GRUB_CONFIG, ESP_GRUB_CONFIG, names);
        else
                b->error = -ENOMEM;
        emit(b, PLAN_PLACE, ESP_GRUB_CONFIG);
        plan_builder_barrier(b);
}

static void emit_remove_file(PlanBuilder *b, const EspFile *file) {
        emit(b, PLAN_REMOVE_FILE, file->path)->bytes =
                        space_allocated(file->size, b->in->image->cluster_bytes);
}

void plan_builder_remove_root_files(PlanBuilder *b, const char *version) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = grub_kernel_path(version, f);
                const EspFile *file = path ? esp_image_find(b->in->image, path) : NULL;

                if (!path)
                        b->error = -ENOMEM;
                if (file && file->type == FILE_REGULAR)
                        emit_remove_file(b, file);
        }
}

void plan_builder_optional(PlanBuilder *b) {
        if (!b->has_optional)
                emit(b, PLAN_OPTIONAL, NULL);
        b->has_optional = true;
}

void plan_builder_remove_memtest(PlanBuilder *b, const bool *files, bool entry) {
        if (entry && b->memtest.entry) {
                emit(b, PLAN_REMOVE_ENTRY, ESP_MEMTEST_ENTRY);
                plan_builder_barrier(b);
                b->memtest.entry = false;
        }
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f] && b->memtest.there[f]) {
                        emit_remove_file(b,
                                         esp_image_find(b->in->image,
                                                        esp_image_memtest_path(b->in->image, f)));
                        b->memtest.there[f] = false;
                }
        plan_builder_barrier(b);
}

void plan_builder_bring_memtest(PlanBuilder *b, const bool *files) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f])
                        emit_stage(b, esp_image_memtest_path(b->in->image, f),
                                   memtest_source_path(f), &b->in->kernels->memtest[f]);
        plan_builder_barrier(b);
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f]) {
                        emit(b, PLAN_PLACE, esp_image_memtest_path(b->in->image, f));
                        b->memtest.there[f] = true;
                }
        plan_builder_barrier(b);
}

void plan_builder_write_memtest_entry(PlanBuilder *b) {
        if (!b->has_entry_dir) {
                emit(b, PLAN_MKDIR, ESP_ENTRY_DIR);
                plan_builder_barrier(b);
                b->has_entry_dir = true;
        }
        emit_text(b, ESP_MEMTEST_ENTRY, MEMTEST_ENTRY_TEXT);
        plan_builder_barrier(b);
        emit(b, PLAN_PLACE, ESP_MEMTEST_ENTRY);
        plan_builder_barrier(b);
        b->memtest.entry = true;
}
