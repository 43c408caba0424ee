/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports become an image, images teach the manifest. The manifest is only ever told what a worker
 * has read or written itself: an entry means "this content was seen to be that source's". */

#include "engine/esp/look.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/loader/esp-path.h"
#include "core/plan/plan-survey.h"

static int take_space(EspImage **image, const Report *report) {
        EspImage *fresh = calloc(1, sizeof(*fresh));

        if (!fresh)
                return -ENOMEM;
        fresh->loader = report->loader;
        fresh->size_bytes = report->size_bytes;
        fresh->free_bytes = report->free_bytes;
        fresh->cluster_bytes = MAX(report->cluster_bytes, (uint64_t) 1);
        fresh->dirty = report->dirty;
        fresh->folds_case = report->folds_case;
        esp_image_free(*image);
        *image = fresh;
        return 0;
}

static int take_file(EspImage *image, EspFile *seen, const EspImage *known) {
        EspFile *file = esp_image_get(image, seen->path);
        const EspFile *old;

        if (!file)
                return -ENOMEM;
        file->type = seen->type;
        file->size = seen->size;
        file->mtime = seen->mtime;
        file->verdict = seen->verdict;
        if (seen->text) {
                free(file->text);
                file->text = TAKE_PTR(seen->text);
                return 0;
        }

        /* A text that is as we know it is not sent again. */
        old = known && !file->text && seen->verdict == VERDICT_TRUSTED
                              ? esp_image_find(known, seen->path)
                              : NULL;
        if (old && old->text && old->size == seen->size && old->mtime == seen->mtime) {
                file->text = strdup(old->text);
                if (!file->text)
                        return -ENOMEM;
        }
        return 0;
}

static int learn_placed(Manifest *manifest, const Plan *plan, const Report *report) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                if (step->action == PLAN_STAGE && streq(step->path, report->file.path))
                        return manifest_put(manifest, step->path, &step->stamp, report->file.size,
                                            report->file.mtime);
        }
        return 0;
}

int look_take_report(EspImage **image, Manifest *manifest, const Plan *plan, Report *report,
                     const EspImage *known) {
        if (report->type == REPORT_PLACED)
                return learn_placed(manifest, plan, report);
        if (report->type == REPORT_SPACE)
                return take_space(image, report);
        if (!*image)
                return -EBADMSG;
        return take_file(*image, &report->file, known);
}

int look_learn(Manifest *manifest, const EspImage *image, const Plan *plan, bool trust) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];
                const EspFile *file;

                if (step->action != PLAN_CHECK)
                        continue;
                file = esp_image_find(image, step->path);
                if (!file || file->verdict == VERDICT_DIFFERS ||
                    file->verdict == VERDICT_UNREADABLE)
                        manifest_remove(manifest, step->path);
                else if (trust && file->verdict == VERDICT_EQUAL) {
                        int r = manifest_put(manifest, step->path, &step->stamp, file->size,
                                             file->mtime);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* A grub.cfg has a text, and is equal by what it was made from. */
bool look_needs_barrier(const EspImage *image) {
        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].verdict == VERDICT_EQUAL && !image->files[i].text)
                        return true;
        return false;
}

static void trust_file(EspImage *image, const Manifest *manifest, const char *path,
                       const FileStamp *stamp) {
        const ManifestEntry *entry = manifest_find(manifest, path);
        EspFile *file;

        if (!entry || !esp_image_find(image, path))
                return;
        file = esp_image_get(image, path);
        if (file_stamp_equal(&entry->source, stamp) && entry->size == file->size &&
            entry->mtime == file->mtime)
                file->verdict = VERDICT_TRUSTED;
}

int look_trust(EspImage *image, const Manifest *manifest, const KernelSet *kernels) {
        for (size_t i = 0; i < kernels->n_kernels; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const Kernel *k = &kernels->kernels[i];
                        _cleanup_free_ char *path =
                                        esp_image_reader(image)->kernel_path(k->version, f);

                        if (!path)
                                return -ENOMEM;
                        trust_file(image, manifest, path,
                                   f == KERNEL_FILE_IMAGE ? &k->image : &k->initrd);
                }
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                const char *path = esp_image_reader(image)->memtest_path(f);

                if (path)
                        trust_file(image, manifest, path, &kernels->memtest[f]);
        }
        return 0;
}

int look_options(const EspImage *image, char **ret) {
        _cleanup_free_ char *version = NULL, *options = NULL;
        int r;

        r = esp_image_reader(image)->default_version(image, &version);
        if (r < 0)
                return r;
        if (version) {
                r = esp_image_reader(image)->options(image, version, &options);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; !options && i < image->n_files; i++) {
                _cleanup_free_ char *other = NULL;

                if (esp_entry_version(image->files[i].path, &other, NULL) < 0)
                        continue;
                r = esp_image_reader(image)->options(image, other, &options);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(options);
        return 0;
}
