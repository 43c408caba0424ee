/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an ESP holds, kept as a sorted list of files. The names alone tell the loader; which kernel
 * boots is told by doing in memory what systemd-boot 252 does with the same files. Nothing here
 * knows what the ESP should hold. */

#include "core/esp-image.h"

#include "common/string-util.h"

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
        [VERDICT_UNCHECKED] = "unchecked",
        [VERDICT_TRUSTED] = "trusted",
        [VERDICT_EQUAL] = "equal",
        [VERDICT_DIFFERS] = "differs",
};
DEFINE_STRING_TABLE(file_verdict, FileVerdict)

bool digest_is_valid(const char *s) {
        return s && strlen(s) == DIGEST_HEX_SIZE - 1 &&
               strspn(s, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

void esp_file_done(EspFile *file) {
        free(file->path);
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

/* Where @path is, or belongs. */
static size_t esp_image_position(const EspImage *image, const char *path) {
        size_t low = 0, high = image->n_files;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(image->files[middle].path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const EspFile *esp_image_find(const EspImage *image, const char *path) {
        size_t i = esp_image_position(image, path);

        return i < image->n_files && streq(image->files[i].path, path) ? &image->files[i] : NULL;
}

EspFile *esp_image_get(EspImage *image, const char *path) {
        size_t i = esp_image_position(image, path);
        char *copy;

        if (i < image->n_files && streq(image->files[i].path, path))
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
