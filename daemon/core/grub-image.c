/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP with GRUB: which kernels are in its root, and which of them its grub.cfg leads to. Only
 * what the worker's summary says is known of grub.cfg; an ESP whose grub.cfg could not be
 * summarised boots nothing that is known here. */

#include "core/grub-image.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

bool grub_image_is_complete(const EspImage *image, const char *version) {
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

int grub_image_config(const EspImage *image, GrubConfig *ret) {
        const EspFile *file = esp_image_find(image, ESP_GRUB_CONFIG);
        int r;

        if (!file || file->type != FILE_REGULAR || !file->text)
                return 0;
        r = grub_config_parse_summary(file->text, ret);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
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
