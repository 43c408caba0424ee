/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sorts the content of an ESP by what may become of it: kept kernels with what has to be copied of
 * them, what their entries should say, and what that costs in clusters; stale versions, entries
 * that lead nowhere, leftovers of interrupted stagings. Only names that we write are ever sorted
 * into something that can be removed; everything else on the ESP is not ours. Only a file whose
 * content is known to be right counts as right; an entry counts as right only if every byte is. */

#include "core/plan/plan-survey.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "core/loader/esp-path.h"

static const PlanLoader *const plan_loaders[_ESP_LOADER_MAX] = {
#define X(id, object) [ESP_LOADER_##id] = &plan_loader_##object,
        LOADER_TABLE(X)
#undef X
};

static void plan_target_done(PlanTarget *t) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                free(t->path[f]);
        free(t->dir);
        free(t->entry_path);
        free(t->entry_text);
        *t = (PlanTarget){};
}

uint64_t plan_target_need(const PlanTarget *t) {
        bool files = t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD];

        return t->need + (files ? SPACE_RESERVE_BYTES : 0);
}

int plan_target_block(PlanTarget *t, const PlanInput *in, const char *path, Error *problem) {
        t->status = TARGET_BLOCKED;
        (void) error_set(problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is in the way of kernel '%s': it is not what its name "
                         "says; look at it and remove it",
                         path, in->esp_uuid, t->kernel->version);
        return 0;
}

int plan_target_look_for_obstacle(PlanTarget *t, const PlanInput *in, const char *path,
                                  Error *problem) {
        const EspFile *obstacle;
        int r;

        r = esp_image_find_obstacle(in->image, path, &obstacle);
        return r < 0 || !obstacle ? r : plan_target_block(t, in, obstacle->path, problem);
}

static int look_at_files(PlanTarget *t, const PlanInput *in, Error *problem) {
        const EspFile *dir = t->dir ? esp_image_find(in->image, t->dir) : NULL;
        uint64_t cluster = in->image->cluster_bytes;

        t->dir_missing = t->dir && !dir;
        if (dir && dir->type != FILE_DIRECTORY)
                return plan_target_block(t, in, t->dir, problem);

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const FileStamp *stamp =
                                f == KERNEL_FILE_IMAGE ? &t->kernel->image : &t->kernel->initrd;
                const EspFile *file = esp_image_find(in->image, t->path[f]);
                int r;

                t->stale[f] = !file ||
                              (file->verdict != VERDICT_TRUSTED && file->verdict != VERDICT_EQUAL);
                if (!t->stale[f])
                        continue;
                r = plan_target_look_for_obstacle(t, in, t->path[f], problem);
                if (r < 0)
                        return r;
                t->need += space_allocated(stamp->size, cluster);
                t->frees += file ? space_allocated(file->size, cluster) : 0;
        }
        /* A repair takes away a directory that was never written. */
        if (t->dir && in->image->dirty &&
            (t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD]))
                t->dir_missing = true;
        if (t->dir_missing)
                t->need += cluster;
        return 0;
}

/* Compare the files of @kernel with what @in->image holds; the loader's lead() follows. @has_dir:
 * it has a directory of its own. A thing in the way is told in @problem and leaves the target
 * blocked. 0 or -ENOMEM. */
static int plan_target_init(const PlanInput *in, const Kernel *kernel, bool has_dir,
                            PlanTarget *ret, Error *problem) {
        _cleanup_(plan_target_done) PlanTarget t = { .kernel = kernel };
        int r;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                t.path[f] = esp_image_reader(in->image)->kernel_path(kernel->version, f);
                if (!t.path[f])
                        return -ENOMEM;
        }
        if (has_dir) {
                t.dir = esp_kernel_dir(kernel->version);
                if (!t.dir)
                        return -ENOMEM;
        }
        r = look_at_files(&t, in, problem);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(t);
        return 0;
}

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

/* Find the kernel that boots now, by the loader's own rules; if its entry leads nowhere, the one
 * that boots when that is gone. It is not evicted before something else boots. */
static int find_current(PlanSurvey *s) {
        int r;

        r = esp_image_reader(s->in->image)->default_version(s->in->image, &s->current);
        return r < 0 || s->current
                               ? r
                               : esp_image_reader(s->in->image)->best(s->in->image, &s->current);
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

static int init_target(PlanSurvey *s, const Kernel *kernel, const char *options, Error *problem) {
        _cleanup_(plan_target_done) PlanTarget t = {};
        int r;

        r = plan_target_init(s->in, kernel, s->loader->has_entries, &t, problem);
        if (r >= 0)
                r = s->loader->lead(&t, s, options, problem);
        if (r < 0)
                return r;
        s->targets[s->n_targets] = TAKE_STRUCT(t);
        return 0;
}

static int collect_targets(PlanSurvey *s, Error *problem) {
        const KernelSet *set = s->in->kernels;
        _cleanup_free_ char *options = NULL;
        int r;

        r = find_current(s);
        if (r < 0)
                return r;
        if (s->current) {
                r = esp_image_reader(s->in->image)->options(s->in->image, s->current, &options);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *kernel = &set->kernels[i];

                if (kernel->reasons == 0 || !kernel_is_bootable(kernel))
                        continue;
                if (!ARRAY_RESERVE(s->targets, s->n_targets_allocated, s->n_targets + 1))
                        return -ENOMEM;
                r = init_target(s, kernel, options, problem);
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
                /* On a file system that tells case, a directory of the same name in another case is
                 * another one. */
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

const char *plan_survey_dir_version(const PlanSurvey *s, const char *path) {
        const char *version = kernel_dir_version(path);

        return version && plan_survey_dir_is_ours(s, version) ? version : NULL;
}

/* Repetitions are dropped at the end. */
int plan_survey_add(PlanSurvey *s, const char *version) {
        return is_kept(s, version) ? 0 : strv_extend(&s->stale, version);
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

static Acceptance acceptance_of(const PlanSurvey *s, const Kernel *kernel) {
        if (kernel->refused & s->checkers)
                return ACCEPTANCE_REFUSED;
        return kernel->accepted & s->checkers ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_UNKNOWN;
}

/* The word on the file that was there when the ESP was judged. */
static Acceptance judged_there(const PlanSurvey *s, const char *version) {
        _cleanup_free_ char *path =
                        esp_image_reader(s->in->image)->kernel_path(version, KERNEL_FILE_IMAGE);
        _cleanup_free_ char *whole = path ? strprintf("/%s", path) : NULL;
        const EspFile *file = path ? esp_image_find(s->in->image, path) : NULL;
        const SignedFile *judged =
                        whole && s->in->judged ? signed_files_find(s->in->judged, whole) : NULL;

        if (!file || !judged || judged->stamp.size != file->size ||
            judged->stamp.mtime != file->mtime)
                return ACCEPTANCE_UNKNOWN;
        return judged->by[loader_of(s->in->image->loader)->checker].accepted ? ACCEPTANCE_ACCEPTED
                                                                             : ACCEPTANCE_REFUSED;
}

Acceptance plan_survey_acceptance(const PlanSurvey *s, const char *version) {
        const PlanTarget *t = plan_survey_find(s, version);

        return t && (t->status == TARGET_PLACED || !t->stale[KERNEL_FILE_IMAGE])
                               ? acceptance_of(s, t->kernel)
                               : judged_there(s, version);
}

/* By the steps so far. */
static bool target_is_there(const PlanSurvey *s, const PlanTarget *t) {
        return t->status == TARGET_PLACED ||
               (!t->taken && strv_contains(s->complete, t->kernel->version));
}

bool plan_survey_is_last_accepted(const PlanSurvey *s, const char *version) {
        const char *newest = NULL;

        if (s->first && s->first->status == TARGET_PLACED &&
            acceptance_of(s, s->first->kernel) == ACCEPTANCE_ACCEPTED)
                return false;
        for (size_t i = 0; i < s->n_targets; i++) {
                const char *v = s->targets[i].kernel->version;

                if (!newest && target_is_there(s, &s->targets[i]) &&
                    plan_survey_acceptance(s, v) == ACCEPTANCE_ACCEPTED)
                        newest = v;
        }
        STRV_FOREACH(v, s->complete)
                if (!plan_survey_find(s, *v) &&
                    (!newest || kernel_version_compare(*v, newest) > 0) &&
                    plan_survey_acceptance(s, *v) == ACCEPTANCE_ACCEPTED)
                        newest = *v;
        return streq_ptr(newest, version);
}

const char *plan_survey_title(const PlanSurvey *s, const char *version) {
        const Kernel *k = kernel_set_find(s->in->kernels, version);
        bool replaces = k && kernel_has_reason(k, KERNEL_SECURE_BOOT) &&
                        !kernel_has_reason(k, KERNEL_PIN) &&
                        !kernel_has_reason(k, KERNEL_NEXT_BOOT);

        return replaces ? "Kernel" : "The pinned kernel";
}

const char *plan_survey_find_endangered(const PlanSurvey *s) {
        if (!s->first || acceptance_of(s, s->first->kernel) != ACCEPTANCE_REFUSED)
                return NULL;
        STRV_FOREACH(v, s->complete)
                if (plan_survey_acceptance(s, *v) != ACCEPTANCE_REFUSED)
                        return *v;
        return NULL;
}

/* It can take nobody's place, since it would not boot, and another one would. */
static bool is_useless(const PlanSurvey *s, const char *version) {
        return s->first && s->first->status == TARGET_PLACED &&
               acceptance_of(s, s->first->kernel) != ACCEPTANCE_REFUSED &&
               plan_survey_acceptance(s, version) == ACCEPTANCE_REFUSED;
}

bool plan_survey_spares(const PlanSurvey *s, const char *version) {
        size_t missing = count_missing(s);

        if (is_useless(s, version))
                return false;
        for (char **v = s->complete; missing > 0 && v && *v; v++) {
                if (streq(*v, version))
                        return true;
                missing -= strv_contains(s->stale, *v);
        }
        return false;
}

/* The default is named as long as a kernel that is refused could be taken for it, be it for a
 * moment. */
static const char *choose_pin(const PlanSurvey *s) {
        const KernelSet *set = s->in->kernels;
        const char *pin = kernel_set_name_default(set, s->in->pin, s->checkers);
        const Kernel *newest = kernel_set_default(set, false, s->checkers);
        bool refused = false;

        if (pin || !newest || acceptance_of(s, newest) == ACCEPTANCE_REFUSED)
                return pin;
        for (size_t i = 0; i < set->n_kernels; i++)
                refused |= set->kernels[i].reasons != 0 &&
                           acceptance_of(s, &set->kernels[i]) == ACCEPTANCE_REFUSED;
        STRV_FOREACH(v, s->complete)
                refused |= plan_survey_acceptance(s, *v) == ACCEPTANCE_REFUSED;
        return refused && s->loader->has_entries ? newest->version : NULL;
}

static const char *choose_next_boot(const PlanSurvey *s) {
        const char *version = s->in->next_boot;
        const Kernel *k = version ? kernel_set_find(s->in->kernels, version) : NULL;

        return k && acceptance_of(s, k) == ACCEPTANCE_REFUSED ? NULL : version;
}

/* A pin that is not complete in boot/ is none of the targets. */
static PlanTarget *find_first(const PlanSurvey *s) {
        PlanTarget *t = s->pin ? plan_survey_find(s, s->pin) : NULL;
        const Kernel *better;

        if (!t && s->n_targets > 0)
                t = &s->targets[0];
        if (!t || acceptance_of(s, t->kernel) != ACCEPTANCE_REFUSED)
                return t;
        better = kernel_set_default(s->in->kernels, false, s->checkers);
        return (better ? plan_survey_find(s, better->version) : NULL) ?: t;
}

/* With entries whatever is placed may boot at once. In a menu that is made at last nothing does,
 * but what is there already may be led to. */
static void let_refused_wait(PlanSurvey *s) {
        if (!s->first || acceptance_of(s, s->first->kernel) == ACCEPTANCE_REFUSED)
                return;
        for (size_t i = 0; i < s->n_targets; i++)
                s->targets[i].waits =
                                acceptance_of(s, s->targets[i].kernel) == ACCEPTANCE_REFUSED &&
                                (s->loader->has_entries || s->targets[i].boots);
}

static int collect_file(PlanSurvey *s, const EspFile *file) {
        if (!is_our_leftover(file))
                return s->loader->collect(s, file);
        s->leftover_bytes += space_allocated(file->size, s->in->image->cluster_bytes);
        return strv_extend(&s->leftovers, file->path);
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
                _cleanup_free_ char *path = esp_image_reader(s->in->image)->kernel_path(version, f);

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
        _cleanup_(plan_survey_done) PlanSurvey s = {
                .in = in,
                .loader = plan_loaders[in->image->loader],
                .checkers = loader_checkers(in->image->loader),
                .may_remove = in->kernels->database_readable && !in->kernels->boot_is_empty,
        };
        int r;

        r = s.loader->complete(in->image, &s.complete);
        if (r < 0)
                return r;
        s.pin = choose_pin(&s);
        s.next_boot = choose_next_boot(&s);
        r = collect_targets(&s, problem);
        if (r < 0)
                return r;
        s.first = find_first(&s);
        let_refused_wait(&s);
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
