/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One kernel against one ESP: which of its files have to be copied, what its entry should say, and
 * what that costs in clusters. Only a file whose content is known to be right counts as right; an
 * entry counts as right only if every byte is. */

#include "core/plan-target.h"

#include "common/string-util.h"
#include "core/esp-boot.h"
#include "core/grub-image.h"
#include "core/space.h"

void plan_target_done(PlanTarget *t) {
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

static const char *entry_text(const PlanInput *in, const PlanTarget *t) {
        const EspFile *entry = t->entry_path ? esp_image_find(in->image, t->entry_path) : NULL;

        return t->entry_text ?: entry ? entry->text : NULL;
}

uint64_t plan_target_whole_need(const PlanInput *in, const PlanTarget *t) {
        uint64_t cluster = in->image->cluster_bytes;

        return space_allocated(t->kernel->image.size, cluster) +
               space_allocated(t->kernel->initrd.size, cluster) + (t->dir ? cluster : 0) +
               space_allocated(strlen(strempty(entry_text(in, t))), cluster);
}

int plan_target_take_away(const PlanInput *in, PlanTarget *t) {
        uint64_t need = plan_target_whole_need(in, t);

        if (t->entry_path && !t->entry_text) {
                t->entry_text = strdup(strempty(entry_text(in, t)));
                if (!t->entry_text)
                        return -ENOMEM;
        }
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                t->stale[f] = true;
        t->dir_missing = t->dir;
        t->boots = false;
        t->need = need;
        t->frees = 0;
        t->taken = true;
        return 0;
}

int plan_target_is_obstructed(const PlanInput *in, const PlanTarget *t) {
        const char *const paths[] = { t->path[KERNEL_FILE_IMAGE], t->path[KERNEL_FILE_INITRD],
                                      t->entry_path };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const EspFile *obstacle = NULL;
                int r;

                r = paths[i] ? esp_image_find_obstacle(in->image, paths[i], &obstacle) : 0;
                if (r < 0 || obstacle)
                        return r < 0 ? r : 1;
        }
        return 0;
}

bool plan_target_has_work(const PlanTarget *t) {
        return t->stale[KERNEL_FILE_IMAGE] || t->stale[KERNEL_FILE_INITRD] || t->entry_text;
}

int esp_image_find_obstacle(const EspImage *image, const char *path, const EspFile **ret) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, path);
        const EspFile *file = esp_image_find(image, path);

        if (!staged)
                return -ENOMEM;
        if (!file || file->type == FILE_REGULAR)
                file = esp_image_find(image, staged);
        *ret = file && file->type != FILE_REGULAR ? file : NULL;
        return 0;
}

/* The entry of @version: the plain name if it is there, else a boot-counted one, whose counter is
 * part of the name and stays; NULL if there is none. Never a second entry beside a counted one. */
static const EspFile *find_entry(const EspImage *image, const char *version) {
        const EspFile *found = NULL;

        for (size_t i = 0; i < image->n_files; i++) {
                _cleanup_free_ char *v = NULL;
                bool counted;

                if (esp_entry_version(image->files[i].path, &v, &counted) < 0 || !streq(v, version))
                        continue;
                if (!counted)
                        return &image->files[i];
                found = found ?: &image->files[i];
        }
        return found;
}

int esp_image_entry_options(const EspImage *image, const char *version, char **ret) {
        const EspFile *file = find_entry(image, version);
        _cleanup_(boot_entry_done) BootEntry entry = {};
        int r;

        *ret = NULL;
        if (image->loader == ESP_LOADER_GRUB || !file || !file->text)
                return 0;
        r = boot_entry_parse(file->text, strlen(file->text), &entry);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        *ret = TAKE_PTR(entry.options);
        return 0;
}

static int block(PlanTarget *t, const PlanInput *in, const char *path, Error *problem) {
        t->status = TARGET_BLOCKED;
        (void) error_set(problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is in the way of kernel '%s': it is not what its name "
                         "says; look at it and remove it",
                         path, in->esp_uuid, t->kernel->version);
        return 0;
}

/* On a FAT this is the file that we would place, but the menu would never show it. */
static void block_unseen(PlanTarget *t, const PlanInput *in, Error *problem) {
        const EspFile *file = esp_image_find(in->image, t->path[KERNEL_FILE_IMAGE]);

        t->status = TARGET_BLOCKED;
        (void) error_set(problem, ERROR_FAILED,
                         "'%s' on ESP '%s' is called '%s', which grub-mkconfig does not find; look "
                         "at it and remove it",
                         file->path, in->esp_uuid, file->spelled);
}

/* Blocks the target if something is in the way of its file at @path. */
static int look_for_obstacle(PlanTarget *t, const PlanInput *in, const char *path, Error *problem) {
        const EspFile *obstacle;
        int r;

        r = esp_image_find_obstacle(in->image, path, &obstacle);
        return r < 0 || !obstacle ? r : block(t, in, obstacle->path, problem);
}

static int look_at_files(PlanTarget *t, const PlanInput *in, Error *problem) {
        const EspFile *dir = t->dir ? esp_image_find(in->image, t->dir) : NULL;
        uint64_t cluster = in->image->cluster_bytes;

        t->dir_missing = t->dir && !dir;
        if (dir && dir->type != FILE_DIRECTORY)
                return block(t, in, t->dir, problem);

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const FileStamp *stamp =
                                f == KERNEL_FILE_IMAGE ? &t->kernel->image : &t->kernel->initrd;
                const EspFile *file = esp_image_find(in->image, t->path[f]);
                int r;

                t->stale[f] = !file ||
                              (file->verdict != VERDICT_TRUSTED && file->verdict != VERDICT_EQUAL);
                if (!t->stale[f])
                        continue;
                r = look_for_obstacle(t, in, t->path[f], problem);
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

/* A default that names the entry does not match its name with a boot counter, so a pinned kernel
 * has the plain one. */
static int choose_entry(PlanTarget *t, const PlanInput *in) {
        const EspFile *file = find_entry(in->image, t->kernel->version);
        uint64_t left;
        int r;

        t->entry_path = file && !streq_ptr(in->pin, t->kernel->version)
                                        ? strdup(file->path)
                                        : esp_entry_path(t->kernel->version);
        if (!t->entry_path)
                return -ENOMEM;
        t->exhausted = boot_entry_counter(t->entry_path, &left) && left == 0;
        r = esp_image_entry_boots(in->image, t->entry_path);
        if (r < 0)
                return r;
        t->boots = r > 0;
        return 0;
}

static int look_at_entry(PlanTarget *t, const PlanInput *in, const char *default_options,
                         Error *problem) {
        _cleanup_free_ char *own = NULL, *text = NULL;
        uint64_t cluster = in->image->cluster_bytes;
        const EspFile *file, *dir = esp_image_find(in->image, ESP_ENTRY_DIR);
        const char *options;
        int r;

        r = choose_entry(t, in);
        if (r < 0)
                return r;
        r = esp_image_entry_options(in->image, t->kernel->version, &own);
        if (r < 0)
                return r;
        options = in->cmdline ?: own ?: default_options ?: in->fallback_cmdline;
        if (!options) {
                t->status = TARGET_BLOCKED;
                (void) error_set(problem, ERROR_FAILED,
                                 "There is no kernel command line for kernel '%s' on ESP '%s'; "
                                 "write one with root= into /etc/kernel/cmdline",
                                 t->kernel->version, in->esp_uuid);
                return 0;
        }

        r = boot_entry_render(in->title, t->kernel->version, options, &text);
        if (r < 0)
                return r;
        /* An entry that leads nowhere does not stay until its kernel is there. */
        file = esp_image_find(in->image, t->entry_path);
        if (t->boots && streq_ptr(file->text, text))
                return 0;
        if (dir && dir->type != FILE_DIRECTORY)
                return block(t, in, dir->path, problem);
        r = look_for_obstacle(t, in, t->entry_path, problem);
        if (r < 0)
                return r;
        t->need += space_allocated(strlen(text), cluster) + (dir ? 0 : cluster);
        t->frees += file ? space_allocated(file->size, cluster) : 0;
        t->entry_text = TAKE_PTR(text);
        return 0;
}

int plan_target_init(const PlanInput *in, const Kernel *kernel, const char *default_options,
                     PlanTarget *ret, Error *problem) {
        _cleanup_(plan_target_done) PlanTarget t = { .kernel = kernel };
        bool grub = in->image->loader == ESP_LOADER_GRUB;
        int r;

        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                t.path[f] = esp_image_kernel_path(in->image, kernel->version, f);
                if (!t.path[f])
                        return -ENOMEM;
        }
        if (!grub) {
                t.dir = esp_kernel_dir(kernel->version);
                if (!t.dir)
                        return -ENOMEM;
        }

        r = look_at_files(&t, in, problem);
        if (r < 0)
                return r;
        /* GRUB's menu is made of the files that are there. */
        if (grub && !grub_image_spelling(in->image, kernel->version))
                block_unseen(&t, in, problem);
        if (grub)
                t.boots = grub_image_is_complete(in->image, kernel->version);
        else {
                r = look_at_entry(&t, in, default_options, problem);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(t);
        return 0;
}
