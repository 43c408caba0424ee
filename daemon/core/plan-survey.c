/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is on an ESP, sorted by what may become of it: kept kernels with what they still need, stale
 * versions, entries that must not stand, leftovers of interrupted stagings. Only names that we
 * write are ever sorted into something that can be removed; everything else on the ESP is not ours.
 */

#include "core/plan-survey.h"

#include "common/string-util.h"
#include "core/kernel-version.h"
#include "core/space.h"

void plan_survey_done(PlanSurvey *s) {
        for (size_t i = 0; i < s->n_targets; i++)
                plan_target_done(&s->targets[i]);
        free(s->targets);
        strv_free(s->stale);
        strv_free(s->surplus);
        strv_free(s->leftovers);
        free(s->current);
        *s = (PlanSurvey){};
}

/* What boots now, by the loader's own rules; where that cannot be told, the newest complete kernel.
 * It is not evicted before something else boots. */
static int find_current(PlanSurvey *s) {
        _cleanup_strv_ char **present = NULL;
        int r;

        r = esp_image_default(s->in->image, &s->current);
        if (r < 0 || s->current)
                return r;
        r = esp_image_kernels(s->in->image, &present);
        if (r < 0 || strv_isempty(present))
                return r;
        s->current = strdup(present[0]);
        return s->current ? 0 : -ENOMEM;
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

/* True for NAME.new where NAME is a file that only we write. */
static bool is_our_leftover(const EspFile *file) {
        const char *suffix = endswith(file->path, STAGED_SUFFIX), *rest, *slash;
        _cleanup_free_ char *base = NULL, *version = NULL;

        if (!suffix || file->type != FILE_REGULAR)
                return false;
        base = strndup(file->path, (size_t) (suffix - file->path));
        if (!base)
                return false;
        if (streq(base, ESP_LOADER_CONF) || esp_entry_version(base, &version, NULL) >= 0)
                return true;

        rest = startswith(base, ESP_KERNEL_DIR "/");
        slash = rest ? strchr(rest, '/') : NULL;
        if (!slash)
                return false;
        version = strndup(rest, (size_t) (slash - rest));
        if (!version || !kernel_version_is_valid(version))
                return false;
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = esp_kernel_path(version, f);

                if (path && streq(path, base))
                        return true;
        }
        return false;
}

static int collect_rest(PlanSurvey *s) {
        const EspImage *image = s->in->image;
        int r;

        for (size_t i = 0; i < image->n_files; i++) {
                const EspFile *file = &image->files[i];
                _cleanup_free_ char *owned = NULL;
                const char *version = NULL;
                const PlanTarget *target;
                bool is_entry = false;

                if (is_our_leftover(file)) {
                        r = strv_extend(&s->leftovers, file->path);
                        if (r < 0)
                                return r;
                        s->leftover_bytes += space_allocated(file->size, image->cluster_bytes);
                        continue;
                }
                if (file->type == FILE_DIRECTORY)
                        version = kernel_dir_version(file->path);
                else if (file->type == FILE_REGULAR &&
                         esp_entry_version(file->path, &owned, NULL) >= 0) {
                        version = owned;
                        is_entry = true;
                }
                if (!version)
                        continue;

                target = plan_survey_find(s, version);
                if (!is_kept(s, version))
                        r = strv_contains(s->stale, version) ? 0 : strv_extend(&s->stale, version);
                else if (target && is_entry && !streq(target->entry_path, file->path))
                        r = strv_extend(&s->surplus, file->path);
                else
                        r = 0;
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(s->stale, kernel_version_compare);
        return 0;
}

uint64_t plan_survey_version_bytes(const PlanSurvey *s, const char *version) {
        uint64_t bytes = 0;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = esp_kernel_path(version, f);
                const EspFile *file = path ? esp_image_find(s->in->image, path) : NULL;

                if (file && file->type == FILE_REGULAR)
                        bytes += space_allocated(file->size, s->in->image->cluster_bytes);
        }
        return bytes;
}

int plan_survey_make(const PlanInput *in, PlanSurvey *ret, Error *problem) {
        _cleanup_(plan_survey_done) PlanSurvey s = { .in = in };
        int r;

        r = collect_targets(&s, problem);
        if (r < 0)
                return r;
        r = collect_rest(&s);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(s);
        return 0;
}
