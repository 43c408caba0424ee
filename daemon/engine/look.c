/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports become an image, images teach the manifest. The manifest is only ever told what a worker
 * has read or written itself: an entry means "this content was seen to be that source's". It saves
 * time and no more, so that no sync fails for it: where it can be neither written nor removed, it
 * is not believed. */

#include "engine/look.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/esp-boot.h"
#include "core/plan-target.h"
#include "sys/file.h"

#define MANIFEST_SIZE_MAX (1024 * 1024)

static char *manifest_path(const char *esp_uuid) {
        return strprintf(PATH_STATE "/esp-%s.manifest", esp_uuid);
}

int manifest_load(const Root *root, const Esp *esp, Manifest *ret) {
        _cleanup_free_ char *path = manifest_path(esp_uuid(esp)), *text = NULL;
        size_t size;
        int r;

        *ret = (Manifest){};
        if (esp_manifest_is_stale(esp))
                return 0;
        if (!path)
                return -ENOMEM;
        r = file_read(root, path, MANIFEST_SIZE_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = manifest_parse(text, size, ret);
        return r == -ENOMEM ? r : 0;
}

static int store(const Root *root, const char *esp_uuid, Manifest *manifest,
                 const EspImage *image) {
        _cleanup_free_ char *path = manifest_path(esp_uuid), *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        for (size_t i = manifest->n_entries; i > 0; i--)
                if (!esp_image_find(image, manifest->entries[i - 1].path))
                        manifest_remove(manifest, manifest->entries[i - 1].path);
        r = manifest_format(manifest, &text, &size);
        if (r < 0)
                return r;
        r = root_mkdir_p(root, PATH_STATE, 0700);
        if (r < 0)
                return r;
        return file_replace(root, path, text, size, 0600);
}

static int drop(const Root *root, const char *esp_uuid) {
        _cleanup_free_ char *path = manifest_path(esp_uuid);

        return path ? file_remove(root, path) : -ENOMEM;
}

static void warn(const Esp *esp, const char *what, int r) {
        log_event(LOG_WARNING, NULL, FIELD_ESP_UUID, esp_uuid(esp), NULL,
                  "Cannot %s the manifest of ESP '%s' in /" PATH_STATE
                  ": %s; all of the ESP is compared by content until it can be stored.",
                  what, esp_uuid(esp), strerror(-r));
}

/* On a full file system the old one can still be removed. */
void manifest_store(const Root *root, Esp *esp, Manifest *manifest, const EspImage *image) {
        int r, q = 0;

        r = store(root, esp_uuid(esp), manifest, image);
        if (r < 0) {
                warn(esp, "store", r);
                q = drop(root, esp_uuid(esp));
        }
        esp_set_manifest_stale(esp, q < 0);
}

/* Who believes it later, after a crash, finds in it no file that was replaced in the meantime: it
 * names the source of each, its size and its time. */
void manifest_drop(const Root *root, Esp *esp) {
        int r = drop(root, esp_uuid(esp));

        if (r < 0)
                warn(esp, "remove", r);
        esp_set_manifest_stale(esp, r < 0);
}

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
        memcpy(file->sha256, seen->sha256, DIGEST_HEX_SIZE);
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

int look_take_report(EspImage **image, Report *report, const EspImage *known) {
        if (report->type == REPORT_SPACE)
                return take_space(image, report);
        if (!*image)
                return -EBADMSG;
        return take_file(*image, &report->file, known);
}

int look_learn(Manifest *manifest, const EspImage *image, const Plan *probe, bool trust) {
        for (size_t i = 0; i < probe->n_steps; i++) {
                const PlanStep *step = &probe->steps[i];
                const EspFile *file;

                if (step->action != PLAN_CHECK)
                        continue;
                file = esp_image_find(image, step->path);
                if (!file || file->verdict == VERDICT_DIFFERS ||
                    file->verdict == VERDICT_UNREADABLE)
                        manifest_remove(manifest, step->path);
                else if (trust && file->verdict == VERDICT_EQUAL) {
                        int r = manifest_put(manifest, step->path, &step->stamp, file->size,
                                             file->mtime, file->sha256);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

bool look_needs_barrier(const EspImage *image) {
        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].verdict == VERDICT_EQUAL && image->files[i].sha256[0] != '\0')
                        return true;
        return false;
}

int look_learn_placed(Manifest *manifest, const Plan *plan, const Report *report) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                if (step->action == PLAN_STAGE && streq(step->path, report->file.path))
                        return manifest_put(manifest, step->path, &step->stamp, report->file.size,
                                            report->file.mtime, report->file.sha256);
        }
        return 0;
}

static void judge_file(EspImage *image, const Manifest *manifest, const char *path,
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

int look_judge(EspImage *image, const Manifest *manifest, const KernelSet *kernels) {
        for (size_t i = 0; i < kernels->n_kernels; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const Kernel *k = &kernels->kernels[i];
                        _cleanup_free_ char *path = esp_image_kernel_path(image, k->version, f);

                        if (!path)
                                return -ENOMEM;
                        judge_file(image, manifest, path,
                                   f == KERNEL_FILE_IMAGE ? &k->image : &k->initrd);
                }
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                const char *path = esp_image_memtest_path(image, f);

                if (path)
                        judge_file(image, manifest, path, &kernels->memtest[f]);
        }
        return 0;
}

int look_unreadable(const EspImage *image, char **ret) {
        _cleanup_strv_ char **paths = NULL;

        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].verdict == VERDICT_UNREADABLE &&
                    strv_extend(&paths, image->files[i].path) < 0)
                        return -ENOMEM;
        if (strv_isempty(paths)) {
                *ret = NULL;
                return 0;
        }
        *ret = strv_quote(paths, LOOK_NAMES_MAX);
        return *ret ? 0 : -ENOMEM;
}

int look_options(const EspImage *image, char **ret) {
        _cleanup_free_ char *version = NULL, *options = NULL;
        int r;

        r = esp_image_default(image, &version);
        if (r < 0)
                return r;
        if (version) {
                r = esp_image_entry_options(image, version, &options);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; !options && i < image->n_files; i++) {
                _cleanup_free_ char *other = NULL;

                if (esp_entry_version(image->files[i].path, &other, NULL) < 0)
                        continue;
                r = esp_image_entry_options(image, other, &options);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(options);
        return 0;
}
