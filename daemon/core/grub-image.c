/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP with GRUB: which kernels are in its root, and which of them its grub.cfg leads to. Only
 * what the worker's summary says is known of grub.cfg; an ESP whose grub.cfg could not be
 * summarised boots nothing that is known here. */

#include "core/grub-image.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

const char *grub_image_spelling(const EspImage *image, const char *version) {
        _cleanup_free_ char *path = grub_kernel_path(version, KERNEL_FILE_IMAGE);
        const EspFile *file = path ? esp_image_find(image, path) : NULL;

        return file && file->spelled ? startswith(file->spelled, "vmlinuz-") : version;
}

const char *grub_image_version(const EspImage *image, const char *version) {
        _cleanup_free_ char *path = grub_kernel_path(version, KERNEL_FILE_IMAGE);
        const EspFile *file = path ? esp_image_find(image, path) : NULL;

        return (file ? grub_path_version(file->path) : NULL) ?: version;
}

bool grub_image_is_complete(const EspImage *image, const char *version) {
        if (!grub_image_spelling(image, version))
                return false;
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = grub_kernel_path(version, f);
                const EspFile *file = path ? esp_image_find(image, path) : NULL;

                if (!file || file->type != FILE_REGULAR || file->size == 0)
                        return false;
        }
        return true;
}

int grub_image_complete(const EspImage *image, char ***ret) {
        _cleanup_strv_ char **versions = NULL;

        assert(ret);

        for (size_t i = 0; i < image->n_files; i++) {
                const char *version = grub_path_version(image->files[i].path);

                if (!version || !grub_image_is_complete(image, version))
                        continue;
                if (strv_extend(&versions, version) < 0)
                        return -ENOMEM;
        }
        strv_sort_uniq(versions, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(versions);
        return 0;
}

static int respell(const EspImage *image, GrubEntry *e) {
        const EspFile *kernel = e->image ? esp_image_find(image, e->image) : NULL;
        const EspFile *initrd = e->initrd ? esp_image_find(image, e->initrd) : NULL;
        int r = 0;

        if (kernel)
                r = grub_entry_set_image(e, kernel->path);
        if (r >= 0 && initrd)
                r = grub_entry_set_initrd(e, initrd->path);
        return r;
}

static int respell_default(const EspImage *image, GrubConfig *config) {
        char *version;

        if (!config->default_version)
                return 0;
        version = strdup(grub_image_version(image, config->default_version));
        if (!version)
                return -ENOMEM;
        free(config->default_version);
        config->default_version = version;
        return 0;
}

int grub_image_config(const EspImage *image, GrubConfig *ret) {
        const EspFile *file = esp_image_find(image, ESP_GRUB_CONFIG);
        _cleanup_(grub_config_done) GrubConfig config = {};
        int r;

        if (!file || file->type != FILE_REGULAR || !file->text)
                return 0;
        r = grub_config_parse_summary(file->text, &config);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = respell_default(image, &config);
        for (size_t i = 0; r >= 0 && i < config.n_entries; i++)
                r = respell(image, &config.entries[i]);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(config);
        return 1;
}

bool grub_entry_is_ours(const GrubEntry *e) {
        return e->version && startswith(e->id, "gnulinux-");
}

bool grub_entry_is_whole(const GrubEntry *e) {
        const char *stem = kernel_file_stem(KERNEL_FILE_INITRD), *rest;

        rest = e->version && e->initrd ? startswith(e->initrd, stem) : NULL;
        return rest && rest[0] == '-' && streq(rest + 1, e->version);
}

int grub_image_kernels(const EspImage *image, char ***ret) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_strv_ char **versions = NULL;
        int r;

        assert(ret);

        r = grub_image_config(image, &config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config.n_entries; i++) {
                const GrubEntry *e = &config.entries[i];

                if (!grub_entry_is_whole(e) || !grub_image_is_complete(image, e->version))
                        continue;
                r = strv_extend(&versions, e->version);
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(versions, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(versions);
        return 0;
}

int grub_image_default(const EspImage *image, char **ret) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_strv_ char **bootable = NULL;
        int r;

        assert(ret);

        r = grub_image_config(image, &config);
        if (r < 0)
                return r;
        r = grub_image_kernels(image, &bootable);
        if (r < 0)
                return r;
        *ret = config.default_version && strv_contains(bootable, config.default_version)
                               ? TAKE_PTR(config.default_version)
                               : NULL;
        return 0;
}
