/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps are carried out on a copy of the image, and what that would boot is asked of the same
 * functions as of an ESP; so the description cannot tell anything else than a look afterwards
 * would. Texts that only grub-mkconfig knows are not guessed. */

#include "core/plan/plan-describe.h"

#include "common/string-util.h"
#include "core/loader/esp-path.h"

void plan_description_done(PlanDescription *d) {
        for (size_t i = 0; i < d->n_changes; i++) {
                free(d->changes[i].name);
                free(d->changes[i].detail);
        }
        for (size_t i = 0; i < d->n_files; i++) {
                free(d->files[i].path);
                free(d->files[i].old);
                free(d->files[i].new);
        }
        free(d->changes);
        free(d->files);
        *d = (PlanDescription){};
}

/* Add to the change of that kind and name, or begin one. */
static int add_change(PlanDescription *d, const char *kind, const char *name, const char *detail,
                      uint64_t bytes) {
        PlanChange *c;

        for (size_t i = 0; i < d->n_changes; i++)
                if (streq(d->changes[i].kind, kind) && streq(d->changes[i].name, strempty(name))) {
                        d->changes[i].bytes += bytes;
                        return 0;
                }
        if (!ARRAY_RESERVE(d->changes, d->n_changes_allocated, d->n_changes + 1))
                return -ENOMEM;
        c = &d->changes[d->n_changes++];
        *c = (PlanChange){
                .kind = kind,
                .name = strdup(strempty(name)),
                .detail = strdup(strempty(detail)),
                .bytes = bytes,
        };
        return c->name && c->detail ? 0 : -ENOMEM;
}

static size_t text_bytes(const PlanDescription *d) {
        size_t bytes = 0;

        for (size_t i = 0; i < d->n_files; i++)
                bytes += strlen(strempty(d->files[i].old)) + strlen(strempty(d->files[i].new));
        return bytes;
}

/* @new: NULL if it is removed. Of a file that is written twice the last text counts. */
static int add_file(PlanDescription *d, const char *path, const EspFile *old, const char *new) {
        const char *was = old ? old->text : NULL;
        PlanFile *f;

        for (size_t i = 0; i < d->n_files; i++)
                if (streq(d->files[i].path, path)) {
                        free(d->files[i].path);
                        free(d->files[i].old);
                        free(d->files[i].new);
                        memmove(&d->files[i], &d->files[i + 1],
                                (d->n_files - i - 1) * sizeof(PlanFile));
                        d->n_files--;
                        break;
                }
        if (!ARRAY_RESERVE(d->files, d->n_files_allocated, d->n_files + 1))
                return -ENOMEM;
        f = &d->files[d->n_files];
        *f = (PlanFile){ .state = !new ? "removed" : old ? "changed" : "new" };
        if (text_bytes(d) + strlen(strempty(was)) + strlen(strempty(new)) > PLAN_TEXTS_MAX) {
                f->state = "large";
                was = new = NULL;
        } else if (old && !was) {
                f->state = new ? "made" : "removed";
                new = NULL;
        }
        d->n_files++;
        f->path = strdup(path);
        f->old = strdup(strempty(was));
        f->new = strdup(strempty(new));
        return f->path && f->old && f->new ? 0 : -ENOMEM;
}

static int add_made(PlanDescription *d, const char *path) {
        static const EspFile unknown = {};

        return add_file(d, path, &unknown, "");
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The version of "vmlinuz-VERSION", NULL of any other file. */
static const char *file_version(const char *path) {
        const char *version = NULL;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX && !version; f++) {
                version = startswith(base_name(path), kernel_file_stem(f));
                version = version && version[0] == '-' ? version + 1 : NULL;
        }
        return version;
}

static bool is_copied(const Plan *plan, const char *version) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].action == PLAN_STAGE &&
                    streq_ptr(file_version(plan->steps[i].source), version))
                        return true;
        return false;
}

/* A kernel that only gives way for a while is told by the plan itself, as away. */
static int describe_removal(PlanDescription *d, const Plan *plan, const PlanStep *step) {
        const char *version = step->action == PLAN_REMOVE_KERNEL ? base_name(step->path)
                                                                 : file_version(step->path);

        if (!version)
                return add_change(d, "remove-file", step->path, NULL, step->bytes);
        return is_copied(plan, version)
                               ? 0
                               : add_change(d, "remove-kernel", version, NULL, step->bytes);
}

/* A loader that takes a kernel for one boot by a file has that outside of systemd-boot's directory.
 */
static int describe_text(PlanDescription *d, const PlanStep *step, const EspImage *image,
                         const char *next_boot) {
        const Loader *loader = loader_of(image->loader);

        if (loader && loader->one_shot && !startswith(step->path, ESP_LOADER_DIR "/"))
                return add_change(d, next_boot ? "arm" : "disarm", next_boot, NULL, 0);
        return add_file(d, step->path, esp_image_find(image, step->path), step->text);
}

/* An id is the name of an entry. */
static int describe_arming(PlanDescription *d, const char *kind, const char *id) {
        _cleanup_free_ char *path = strprintf(ESP_ENTRY_DIR "/%s", id), *version = NULL;

        if (!path || esp_entry_version(path, &version, NULL) == -ENOMEM)
                return -ENOMEM;
        return add_change(d, kind, version ?: id, NULL, 0);
}

static int describe_step(PlanDescription *d, const Plan *plan, const PlanStep *step,
                         const EspImage *image, const char *next_boot) {
        const char *version;

        switch ((int) step->action) { /* the others change nothing that anybody asks for */
        case PLAN_STAGE:
                version = file_version(step->source);
                return version ? add_change(d, "copy-kernel", version, NULL, step->bytes)
                               : add_change(d, "copy-file", step->path, NULL, step->bytes);
        case PLAN_STAGE_TEXT:
                return describe_text(d, step, image, next_boot);
        case PLAN_REMOVE_ENTRY:
                return add_file(d, step->path, esp_image_find(image, step->path), NULL);
        case PLAN_REMOVE_KERNEL:
        case PLAN_REMOVE_FILE:
                return describe_removal(d, plan, step);
        case PLAN_CLEAR:
                return add_change(d, "remove-file", step->path, NULL, step->bytes);
        case PLAN_GRUB_CONFIG:
        case PLAN_UPDATE_GRUB:
                return add_made(d, step->path);
        case PLAN_INSTALL_LOADER:
                return add_change(d, "loader", step->text, NULL, 0);
        case PLAN_REPAIR:
                return add_change(d, "repair", NULL, NULL, 0);
        case PLAN_ARM:
                return describe_arming(d, "arm", step->text);
        case PLAN_DISARM:
                return describe_arming(d, "disarm", step->text);
        }
        return 0;
}

/* The file of that path from @image, as a step leaves it. @text may be NULL. */
static int put_file(EspImage *image, const char *path, uint64_t size, const char *text) {
        EspFile *file = esp_image_get(image, path);
        uint64_t old, new = space_allocated(size, image->cluster_bytes);

        if (!file)
                return -ENOMEM;
        old = file->type == FILE_REGULAR ? space_allocated(file->size, image->cluster_bytes) : 0;
        image->free_bytes = image->free_bytes + old > new ? image->free_bytes + old - new : 0;
        file->type = FILE_REGULAR;
        file->size = size;
        free(file->text);
        file->text = text ? strdup(text) : NULL;
        return text && !file->text ? -ENOMEM : 0;
}

static bool is_below(const char *path, const char *dir) {
        const char *rest = startswith(path, dir);

        return rest && (rest[0] == '\0' || rest[0] == '/');
}

/* All that is at @path and below. */
static void drop_files(EspImage *image, const char *path) {
        size_t n = 0;

        for (size_t i = 0; i < image->n_files; i++) {
                EspFile *file = &image->files[i];

                if (!is_below(file->path, path)) {
                        image->files[n++] = *file;
                        continue;
                }
                image->free_bytes +=
                                file->type == FILE_REGULAR
                                                ? space_allocated(file->size, image->cluster_bytes)
                                                : image->cluster_bytes;
                esp_file_done(file);
        }
        image->n_files = n;
}

static int carry_out(EspImage *image, const PlanStep *step) {
        EspFile *dir;

        switch ((int) step->action) {
        case PLAN_STAGE:
                return put_file(image, step->path, step->bytes, NULL);
        case PLAN_STAGE_TEXT:
                return put_file(image, step->path, step->bytes, step->text);
        case PLAN_MKDIR:
                dir = esp_image_get(image, step->path);
                if (!dir)
                        return -ENOMEM;
                dir->type = FILE_DIRECTORY;
                image->free_bytes -= MIN(image->free_bytes, image->cluster_bytes);
                return 0;
        case PLAN_CLEAR:
        case PLAN_REMOVE_ENTRY:
        case PLAN_REMOVE_FILE:
        case PLAN_REMOVE_KERNEL:
                drop_files(image, step->path);
                return 0;
        }
        return 0;
}

static int copy_image(const EspImage *image, EspImage *ret) {
        _cleanup_(esp_image_done) EspImage copy = {
                .loader = image->loader,
                .size_bytes = image->size_bytes,
                .free_bytes = image->free_bytes,
                .cluster_bytes = image->cluster_bytes,
                .folds_case = image->folds_case,
        };

        for (size_t i = 0; i < image->n_files; i++) {
                const EspFile *from = &image->files[i];
                EspFile *file = esp_image_get(&copy, from->path);

                if (!file)
                        return -ENOMEM;
                file->type = from->type;
                file->size = from->size;
                file->text = from->text ? strdup(from->text) : NULL;
                if (from->text && !file->text)
                        return -ENOMEM;
        }
        *ret = TAKE_STRUCT(copy);
        return 0;
}

static bool makes_menu(const Plan *plan) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].action == PLAN_GRUB_CONFIG)
                        return true;
        return false;
}

static int describe_end(PlanDescription *d, const Plan *plan, const EspImage *image,
                        const char *wanted) {
        _cleanup_(esp_boot_done) EspBoot before = {}, after = {};
        _cleanup_(esp_image_done) EspImage end = {};
        const char *becomes;
        int r;

        r = copy_image(image, &end);
        for (size_t i = 0; r >= 0 && i < plan->n_steps; i++)
                r = carry_out(&end, &plan->steps[i]);
        if (r >= 0)
                r = esp_image_boot(image, &before);
        if (r >= 0)
                r = esp_image_boot(&end, &after);
        if (r < 0)
                return r;
        d->free_bytes = end.free_bytes;
        becomes = makes_menu(plan) ? error_is_set(&plan->problem) ? NULL : wanted : after.version;
        if (isempty(becomes) || streq_ptr(becomes, before.version))
                return 0;
        return add_change(d, "default", becomes, before.version, 0);
}

int plan_describe(const Plan *plan, const EspImage *image, const char *wanted,
                  const char *next_boot, PlanDescription *ret) {
        _cleanup_(plan_description_done) PlanDescription d = {};
        int r = 0;

        assert(plan);
        assert(image || plan->subject != PLAN_ON_ESP);
        assert(ret);

        for (size_t i = 0; r >= 0 && i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                r = describe_step(&d, plan, step, image, next_boot);
                if (plan_action_kind(step->action)->copies)
                        d.write_bytes += step->bytes;
        }
        if (r >= 0 && image)
                r = describe_end(&d, plan, image, wanted);
        if (r >= 0)
                *ret = TAKE_STRUCT(d);
        return r;
}
