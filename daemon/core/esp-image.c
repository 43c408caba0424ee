/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an ESP holds, kept as a sorted list of files. The names alone tell the loader; which kernel
 * boots is esp-boot's business, and what the ESP should hold the plan's. */

#include "core/esp-image.h"

#include <fnmatch.h>

#include "common/string-util.h"
#include "core/esp-name.h"
#include "core/grub-env.h"
#include "core/grub-image.h"
#include "core/loader-files.h"

static const char *const esp_loader_table[_ESP_LOADER_MAX] = {
        [ESP_LOADER_NONE] = "none",
        [ESP_LOADER_SYSTEMD_BOOT] = "systemd-boot",
        [ESP_LOADER_GRUB] = "grub",
};
DEFINE_STRING_TABLE(esp_loader, EspLoader)

static const char *const file_type_table[_FILE_TYPE_MAX] = {
        [FILE_REGULAR] = "file",
        [FILE_DIRECTORY] = "directory",
        [FILE_OTHER] = "other",
};
DEFINE_STRING_TABLE(file_type, FileType)

static const char *const file_verdict_table[_FILE_VERDICT_MAX] = {
        [VERDICT_UNCHECKED] = "unchecked",   [VERDICT_TRUSTED] = "trusted",
        [VERDICT_EQUAL] = "equal",           [VERDICT_DIFFERS] = "differs",
        [VERDICT_UNREADABLE] = "unreadable",
};
DEFINE_STRING_TABLE(file_verdict, FileVerdict)

bool digest_is_valid(const char *s) {
        return s && strlen(s) == DIGEST_HEX_SIZE - 1 &&
               strspn(s, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

void esp_file_done(EspFile *file) {
        free(file->path);
        free(file->spelled);
        free(file->text);
        *file = (EspFile){};
}

void esp_image_done(EspImage *image) {
        for (size_t i = 0; i < image->n_files; i++)
                esp_file_done(&image->files[i]);
        free(image->files);
        *image = (EspImage){};
}

EspImage *esp_image_free(EspImage *image) {
        if (!image)
                return NULL;
        esp_image_done(image);
        return mfree(image);
}

static int compare_paths(const EspImage *image, const char *a, const char *b) {
        int r = esp_path_compare(a, b);

        return r != 0 || image->folds_case ? r : strcmp(a, b);
}

/* Where @path is, or belongs. */
static size_t esp_image_position(const EspImage *image, const char *path) {
        size_t low = 0, high = image->n_files;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_paths(image, image->files[middle].path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const EspFile *esp_image_find(const EspImage *image, const char *path) {
        size_t i = esp_image_position(image, path);

        return i < image->n_files && compare_paths(image, image->files[i].path, path) == 0
                               ? &image->files[i]
                               : NULL;
}

const EspFile *esp_image_below(const EspImage *image, const char *dir, size_t *ret_n) {
        size_t begin = esp_image_position(image, dir), end = begin;

        while (end < image->n_files && esp_path_begins(image->files[end].path, dir))
                end++;
        *ret_n = end - begin;
        return image->files + begin;
}

EspFile *esp_image_get(EspImage *image, const char *path) {
        size_t i = esp_image_position(image, path);
        char *copy;

        if (i < image->n_files && compare_paths(image, image->files[i].path, path) == 0)
                return &image->files[i];

        if (!ARRAY_RESERVE(image->files, image->n_files_allocated, image->n_files + 1))
                return NULL;
        copy = strdup(path);
        if (!copy)
                return NULL;

        memmove(image->files + i + 1, image->files + i, (image->n_files - i) * sizeof(EspFile));
        image->files[i] = (EspFile){ .path = copy };
        image->n_files++;
        return &image->files[i];
}

int esp_image_respell(EspImage *image, const KernelSet *kernels) {
        for (size_t i = 0; image->folds_case && i < image->n_files; i++) {
                EspFile *file = &image->files[i];
                _cleanup_free_ char *path = NULL;
                int r;

                r = esp_path_respell(file->path, kernels, &path);
                if (r < 0)
                        return r;
                if (streq(path, file->path))
                        continue;
                if (file->spelled)
                        free(file->path);
                else
                        file->spelled = file->path;
                file->path = TAKE_PTR(path);
        }
        return 0;
}

/* True if @file is the directory @dir or lies in it. */
static bool esp_file_shows_directory(const EspFile *file, const char *dir) {
        const char *rest = startswith(file->path, dir);

        return rest && (rest[0] == '/' || (rest[0] == '\0' && file->type == FILE_DIRECTORY));
}

EspLoader esp_image_tell_loader(const EspImage *image) {
        bool loader_conf = false, kernel_dir = false, grub_dir = false;

        for (size_t i = 0; i < image->n_files; i++) {
                const EspFile *file = &image->files[i];

                if (file->type == FILE_REGULAR &&
                    fnmatch(ESP_KERNEL_DIR "/grub*.efi", file->path,
                            FNM_CASEFOLD | FNM_PATHNAME | FNM_NOESCAPE) == 0)
                        return ESP_LOADER_GRUB;
                if (file->type == FILE_REGULAR && streq(file->path, ESP_LOADER_CONF))
                        loader_conf = true;
                if (esp_file_shows_directory(file, ESP_KERNEL_DIR))
                        kernel_dir = true;
                if (esp_file_shows_directory(file, ESP_GRUB_DIR))
                        grub_dir = true;
        }
        if (loader_conf && kernel_dir)
                return ESP_LOADER_SYSTEMD_BOOT;
        return grub_dir && !loader_conf && !kernel_dir ? ESP_LOADER_GRUB : ESP_LOADER_NONE;
}

static bool has_file(const EspImage *image, const char *path) {
        const EspFile *file = esp_image_find(image, path);

        return file && file->type == FILE_REGULAR && file->size > 0;
}

bool esp_image_has_loader(const EspImage *image) {
        switch (image->loader) {
        case ESP_LOADER_SYSTEMD_BOOT:
                return has_file(image, ESP_SYSTEMD_BOOT) || has_file(image, ESP_REMOVABLE);
        case ESP_LOADER_GRUB:
                return has_file(image, ESP_GRUB) || has_file(image, ESP_GRUB_BIOS_IMAGE);
        case ESP_LOADER_NONE:
        case _ESP_LOADER_MAX:
        case _ESP_LOADER_INVALID:
                break;
        }
        return false;
}

bool esp_path_is_leftover(const char *path) {
        const char *suffix = endswith(path, STAGED_SUFFIX);
        _cleanup_free_ char *base = NULL, *version = NULL;

        base = suffix ? strndup(path, (size_t) (suffix - path)) : NULL;
        return base &&
               (streq(base, ESP_LOADER_CONF) || esp_path_is_loader(base) ||
                streq(base, ESP_GRUB_CONFIG) || streq(base, ESP_GRUB_ENV) ||
                esp_path_is_kernel(base) || grub_path_version(base) || esp_path_is_memtest(base) ||
                streq(base, ESP_MEMTEST_ENTRY) || esp_entry_version(base, &version, NULL) >= 0);
}

char *esp_image_kernel_path(const EspImage *image, const char *version, KernelFile file) {
        return image->loader == ESP_LOADER_GRUB ? grub_kernel_path(version, file)
                                                : esp_kernel_path(version, file);
}

const char *esp_image_memtest_path(const EspImage *image, MemtestFile file) {
        return image->loader == ESP_LOADER_GRUB ? memtest_file_name(file)
                                                : memtest_systemd_boot_path(file);
}
