/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look before the plan. The manifest decides here, in pure code, which files may be believed by
 * their stat alone; the worker then compares the content of the others. A file is believed only if
 * the source is still the one that was copied: source and ESP both have to match what the manifest
 * remembers. */

#include "core/esp/esp-image.h"
#include "core/loader/esp-path.h"
#include "core/plan/plan.h"

/* Texts that the daemon read earlier need not be read again while their stat is the same. */
static int add_known_texts(Plan *plan, const EspImage *known) {
        if (!known || known->dirty)
                return 0;

        for (size_t i = 0; i < known->n_files; i++) {
                const EspFile *file = &known->files[i];
                PlanStep *step;

                if (!file->text)
                        continue;
                step = plan_add(plan, PLAN_KNOWN, file->path);
                if (!step)
                        return -ENOMEM;
                step->esp_size = file->size;
                step->esp_mtime = file->mtime;
        }
        return 0;
}

/* @path is where the file would be on the ESP. */
static int add_check(Plan *plan, const char *path, const char *source, const FileStamp *stamp,
                     const Manifest *manifest) {
        const ManifestEntry *entry = manifest ? manifest_find(manifest, path) : NULL;
        PlanStep *step = plan_add(plan, PLAN_CHECK, path);

        if (!step)
                return -ENOMEM;
        step->source = strdup(source);
        if (!step->source)
                return -ENOMEM;
        step->stamp = *stamp;
        step->bytes = stamp->size;

        if (entry && file_stamp_equal(&entry->source, stamp)) {
                step->trust = true;
                step->esp_size = entry->size;
                step->esp_mtime = entry->mtime;
        }
        return 0;
}

static int check_kernel(Plan *plan, const Kernel *kernel, const EspImage *place,
                        const Manifest *manifest) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path =
                                esp_image_reader(place)->kernel_path(kernel->version, f);
                _cleanup_free_ char *source = boot_source_path(kernel->version, f);
                int r;

                if (!path || !source)
                        return -ENOMEM;
                r = add_check(plan, path, source,
                              f == KERNEL_FILE_IMAGE ? &kernel->image : &kernel->initrd, manifest);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_kernels(Plan *plan, const KernelSet *kernels, const EspImage *place,
                         const Manifest *manifest) {
        for (size_t i = 0; i < kernels->n_kernels; i++) {
                const Kernel *kernel = &kernels->kernels[i];
                int r;

                if (kernel->reasons == 0 || !kernel_is_bootable(kernel) ||
                    esp_name_rival(kernels, kernel))
                        continue;
                r = check_kernel(plan, kernel, place, manifest);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_memtest(Plan *plan, const KernelSet *kernels, const EspImage *place,
                         const Manifest *manifest) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                const FileStamp *stamp = &kernels->memtest[f];
                const char *path = esp_image_reader(place)->memtest_path(f);
                int r;

                if (!path || stamp->size == 0)
                        continue;
                if (!plan_add(plan, PLAN_OPTIONAL, NULL))
                        return -ENOMEM;
                r = add_check(plan, path, memtest_source_path(f), stamp, manifest);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The files where the loader looks for them; before the first look, where any loader does: a check
 * of what is not there costs nothing and reports nothing. */
static int add_checks(Plan *plan, const KernelSet *kernels, EspLoader known,
                      const Manifest *manifest) {
        static int (*const checks[])(Plan * plan, const KernelSet *kernels, const EspImage *place,
                                     const Manifest *manifest) = { check_kernels, check_memtest };

        for (size_t c = 0; c < ELEMENTSOF(checks); c++)
                for_each_loader(l) {
                        int r;

                        if (known != ESP_LOADER_NONE && known != l)
                                continue;
                        r = checks[c](plan, kernels, &(EspImage){ .loader = l }, manifest);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int plan_probe_loader(Plan *plan, EspLoader known, const LoaderSource *sources,
                      const Manifest *manifest) {
        for_each_loader(l) {
                const LoaderSource *source = &sources[l];
                int r;

                if (!source->path || (known != ESP_LOADER_NONE && known != l))
                        continue;
                r = add_check(plan, loader_of(l)->program, source->path, &source->stamp, manifest);
                if (r < 0)
                        return r;
        }
        return 0;
}

int plan_build_probe(const char *esp_uuid, const KernelSet *kernels, const Manifest *manifest,
                     const EspImage *known, bool verify, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        r = plan_new(PLAN_ON_ESP, esp_uuid, &plan);
        if (r < 0)
                return r;
        r = add_known_texts(plan, verify ? NULL : known);
        if (r < 0)
                return r;
        if (!plan_add(plan, PLAN_SCAN, NULL))
                return -ENOMEM;
        r = add_checks(plan, kernels, known ? known->loader : ESP_LOADER_NONE,
                       verify ? NULL : manifest);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(plan);
        return 0;
}
