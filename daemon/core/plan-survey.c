/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is on an ESP, sorted by what may become of it: kept kernels with what they still need, stale
 * versions, entries that lead nowhere, leftovers of interrupted stagings. Only names that we write
 * are ever sorted into something that can be removed; everything else on the ESP is not ours. */

#include "core/plan-survey.h"

#include "common/string-util.h"
#include "core/esp-boot.h"
#include "core/esp-name.h"
#include "core/grub-image.h"
#include "core/kernel-version.h"
#include "core/space.h"

void plan_survey_done(PlanSurvey *s) {
        for (size_t i = 0; i < s->n_targets; i++)
                plan_target_done(&s->targets[i]);
        free(s->targets);
        strv_free(s->complete);
        strv_free(s->stale);
        strv_free(s->dangling);
        strv_free(s->tolerated);
        strv_free(s->copies);
        strv_free(s->leftovers);
        free(s->current);
        *s = (PlanSurvey){};
}

/* What boots now, by the loader's own rules; where that is an entry which leads nowhere, what boots
 * when that is gone. It is not evicted before something else boots. */
static int find_current(PlanSurvey *s) {
        int r;

        r = esp_image_default(s->in->image, &s->current);
        return r < 0 || s->current ? r : esp_image_best(s->in->image, &s->current);
}

/* One of two kernels would be placed over the other, and the next time the other way round. */
static void block_rival(const PlanSurvey *s, PlanTarget *t, Error *problem) {
        const Kernel *rival = esp_name_rival(s->in->kernels, t->kernel);

        if (!rival)
                return;
        t->status = TARGET_BLOCKED;
        (void) error_set(problem, ERROR_FAILED,
                         "The kernels '%s' and '%s' have the same names on ESP '%s', where case "
                         "does "
                         "not count, so the second is left out; remove one of them from /boot",
                         rival->version, t->kernel->version, s->in->esp_uuid);
}

static int collect_targets(PlanSurvey *s, Error *problem) {
        const KernelSet *set = s->in->kernels;
        _cleanup_free_ char *options = NULL;
        int r;

        r = find_current(s);
        if (r < 0)
                return r;
        if (s->current) {
                r = esp_image_entry_options(s->in->image, s->current, &options);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *kernel = &set->kernels[i];

                if (kernel->reasons == 0 || !kernel_is_bootable(kernel))
                        continue;
                if (!ARRAY_RESERVE(s->targets, s->n_targets_allocated, s->n_targets + 1))
                        return -ENOMEM;
                r = plan_target_init(s->in, kernel, options, &s->targets[s->n_targets], problem);
                if (r < 0)
                        return r;
                block_rival(s, &s->targets[s->n_targets], problem);
                s->n_targets++;
        }
        return 0;
}

PlanTarget *plan_survey_find(const PlanSurvey *s, const char *version) {
        for (size_t i = 0; i < s->n_targets; i++)
                if (streq(s->targets[i].kernel->version, version))
                        return &s->targets[i];
        return NULL;
}

static bool is_kept(const PlanSurvey *s, const char *version) {
        const Kernel *kernel = kernel_set_find(s->in->kernels, version);

        return kernel && kernel->reasons != 0;
}

/* The version whose directory @path is, or NULL. */
static const char *kernel_dir_version(const char *path) {
        const char *version = startswith(path, ESP_KERNEL_DIR "/");

        return version && !strchr(version, '/') && kernel_version_is_valid(version) ? version
                                                                                    : NULL;
}

static bool is_our_leftover(const EspFile *file) {
        return file->type == FILE_REGULAR && esp_path_is_leftover(file->path);
}

bool plan_survey_dir_is_ours(const PlanSurvey *s, const char *version) {
        _cleanup_free_ char *dir = strprintf(ESP_KERNEL_DIR "/%s/", version);
        const EspFile *file, *below;
        bool empty = true;
        size_t n;

        if (!dir)
                return false;
        below = esp_image_below(s->in->image, dir, &n);
        for (size_t i = 0; i < n; i++) {
                /* Where case tells, a directory of the same name in another case is another one. */
                if (!s->in->image->folds_case && !startswith(below[i].path, dir))
                        continue;
                empty = false;
                if (is_our_leftover(&below[i]) ||
                    (below[i].type == FILE_REGULAR && esp_path_is_kernel(below[i].path)))
                        return true;
        }
        dir[strlen(dir) - 1] = '\0';
        file = esp_image_find(s->in->image, dir);
        return empty && file && file->type == FILE_DIRECTORY;
}

/* Repetitions are dropped at the end. */
static int collect_stale(PlanSurvey *s, const char *version) {
        return is_kept(s, version) ? 0 : strv_extend(&s->stale, version);
}

bool plan_survey_may_remove(const PlanSurvey *s) {
        return s->in->kernels->database_readable && !s->in->kernels->boot_is_empty;
}

/* Kernels that took another's place and are not there. What a list or a pin names pushes no other
 * kernel out, and may be missing for ever. */
static size_t count_missing(const PlanSurvey *s) {
        const KernelSet *set = s->in->kernels;
        size_t n = 0;

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *k = &set->kernels[i];
                const PlanTarget *t;

                if (!kernel_has_reason(k, KERNEL_NEWEST) && !kernel_has_reason(k, KERNEL_SERIES))
                        continue;
                t = plan_survey_find(s, k->version);
                if ((!t || t->status != TARGET_PLACED) && !strv_contains(s->complete, k->version))
                        n++;
        }
        return n;
}

bool plan_survey_spares(const PlanSurvey *s, const char *version) {
        size_t missing = count_missing(s);

        for (char **v = s->complete; missing > 0 && v && *v; v++) {
                if (streq(*v, version))
                        return true;
                missing -= strv_contains(s->stale, *v);
        }
        return false;
}

/* The entry of a kernel that is about to come goes in any case: while only one of its files is in
 * place, a loader would boot that. */
static int collect_dangling(PlanSurvey *s, const EspFile *file, const char *version) {
        const PlanTarget *t = plan_survey_find(s, version);
        bool goes = plan_survey_may_remove(s) || (t && t->status == TARGET_PENDING);
        int r;

        if (!file->text)
                return 0;
        r = esp_image_entry_boots(s->in->image, file->path);
        if (r != 0)
                return MIN(r, 0);
        return strv_extend(goes ? &s->dangling : &s->tolerated, file->path);
}

/* What GRUB boots is in the root; a directory is what systemd-boot's time has left. */
static int collect_directory(PlanSurvey *s, const EspFile *file) {
        const char *version = kernel_dir_version(file->path);

        if (!version || !plan_survey_dir_is_ours(s, version))
                return 0;
        return s->in->image->loader == ESP_LOADER_GRUB ? strv_extend(&s->copies, version)
                                                       : collect_stale(s, version);
}

static int collect_file(PlanSurvey *s, const EspFile *file) {
        _cleanup_free_ char *version = NULL;
        int r;

        if (file->type == FILE_DIRECTORY)
                return collect_directory(s, file);
        if (file->type != FILE_REGULAR)
                return 0;
        if (is_our_leftover(file)) {
                s->leftover_bytes += space_allocated(file->size, s->in->image->cluster_bytes);
                return strv_extend(&s->leftovers, file->path);
        }
        if (s->in->image->loader == ESP_LOADER_GRUB) {
                const char *in_root = grub_path_version(file->path);

                return in_root ? collect_stale(s, in_root) : 0;
        }
        r = esp_entry_version(file->path, &version, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = collect_dangling(s, file, version);
        return r < 0 ? r : collect_stale(s, version);
}

static uint64_t file_bytes(const PlanSurvey *s, const char *path) {
        const EspFile *file = path ? esp_image_find(s->in->image, path) : NULL;

        return file && file->type == FILE_REGULAR
                               ? space_allocated(file->size, s->in->image->cluster_bytes)
                               : 0;
}

uint64_t plan_survey_version_bytes(const PlanSurvey *s, const char *version) {
        uint64_t bytes = 0;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = esp_image_kernel_path(s->in->image, version, f);

                bytes += file_bytes(s, path);
        }
        return bytes;
}

uint64_t plan_survey_dir_bytes(const PlanSurvey *s, const char *version) {
        uint64_t bytes = 0;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = esp_kernel_path(version, f);

                bytes += file_bytes(s, path);
        }
        return bytes;
}

int plan_survey_make(const PlanInput *in, PlanSurvey *ret, Error *problem) {
        _cleanup_(plan_survey_done) PlanSurvey s = { .in = in };
        int r;

        r = collect_targets(&s, problem);
        if (r >= 0)
                r = in->image->loader == ESP_LOADER_GRUB
                                    ? grub_image_complete(in->image, &s.complete)
                                    : esp_image_kernels(in->image, &s.complete);
        if (r < 0)
                return r;
        for (size_t i = 0; i < in->image->n_files; i++) {
                r = collect_file(&s, &in->image->files[i]);
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(s.stale, kernel_version_compare);
        strv_sort_uniq(s.copies, kernel_version_compare);

        *ret = TAKE_STRUCT(s);
        return 0;
}
