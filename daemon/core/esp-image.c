/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an ESP holds, kept as a sorted list of files. The names alone tell the loader; which kernel
 * boots is told by doing in memory what systemd-boot 252 does with the same files. Nothing here
 * knows what the ESP should hold. */

#include "core/esp-image.h"

#include <fnmatch.h>
#include <strings.h>

#include "common/string-util.h"
#include "core/grub-env.h"
#include "core/grub-image.h"
#include "core/kernel-version.h"
#include "core/loader-conf.h"
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

/* The regular file that the value of an entry's "linux" or "initrd" key names. */
static const EspFile *entry_target(const EspImage *image, const char *value) {
        const EspFile *file;

        if (!value)
                return NULL;
        file = esp_image_find(image, value + strspn(value, "/"));
        return file && file->type == FILE_REGULAR ? file : NULL;
}

/* An entry as systemd-boot sees it while it makes its menu. */
typedef struct Candidate {
        char *id;       /* the file name in lower case */
        bool matches;   /* the default of loader.conf */
        bool exhausted; /* no tries left */
        char *version;  /* NULL: not ours */
        bool complete;  /* image and initrd are there, and not empty */
} Candidate;

static void candidate_done(Candidate *c) {
        free(c->id);
        free(c->version);
        *c = (Candidate){};
}

/* systemd-boot's filter for loader/entries. */
static const char *entry_file_name(const EspFile *file) {
        const char *name = startswith(file->path, ESP_ENTRY_DIR "/");
        size_t n, suffix = strlen(ENTRY_SUFFIX);

        if (!name || file->type != FILE_REGULAR || !file->text || strchr(name, '/'))
                return NULL;
        if (name[0] == '.' || startswith(name, "auto-"))
                return NULL;
        n = strlen(name);
        return n >= suffix && strcasecmp(name + n - suffix, ENTRY_SUFFIX) == 0 ? name : NULL;
}

/* Returns 1, or 0 if systemd-boot would not show the entry: the file behind "linux" must exist, the
 * initrd is not looked at. Of entries that are not ours the image does not hold the kernels, so
 * those are taken for granted. */
static int candidate_read(const EspImage *image, const EspFile *file, const char *pattern,
                          Candidate *ret) {
        _cleanup_(boot_entry_done) BootEntry entry = {};
        _cleanup_(candidate_done) Candidate c = {};
        const char *name = entry_file_name(file);
        const EspFile *kernel, *initrd;
        uint64_t left;
        int r;

        if (!name)
                return 0;
        r = boot_entry_parse(file->text, strlen(file->text), &entry);
        if (r < 0)
                return r;
        kernel = entry_target(image, entry.image);
        initrd = entry_target(image, entry.initrd);

        r = esp_entry_version(file->path, &c.version, NULL);
        if (r == -ENOMEM)
                return r;
        if (c.version && !kernel)
                return 0;

        c.id = strdup(name);
        if (!c.id)
                return -ENOMEM;
        for (char *p = c.id; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p - 'A' + 'a');

        c.matches = pattern && fnmatch(pattern, c.id, FNM_CASEFOLD) == 0;
        c.exhausted = boot_entry_counter(name, &left) && left == 0;
        c.complete = kernel && kernel->size > 0 && initrd && initrd->size > 0;

        *ret = TAKE_STRUCT(c);
        return 1;
}

/* systemd-boot's order: entries without tries left last, else by id, newest first; the first that
 * matches the default boots, or the first of all. (Its sort-keys, which our entries do not have,
 * are not looked at.) */
static bool candidate_is_before(const Candidate *a, const Candidate *b) {
        if (a->matches != b->matches)
                return a->matches;
        if (a->exhausted != b->exhausted)
                return b->exhausted;
        return kernel_version_compare(a->id, b->id) > 0;
}

int esp_image_entry_boots(const EspImage *image, const char *path) {
        const EspFile *file = esp_image_find(image, path);
        _cleanup_(candidate_done) Candidate c = {};
        int r;

        if (!file)
                return 0;
        r = candidate_read(image, file, NULL, &c);
        return r > 0 ? c.version && c.complete : r;
}

int esp_image_kernels(const EspImage *image, char ***ret) {
        _cleanup_strv_ char **versions = NULL;

        assert(ret);

        if (image->loader == ESP_LOADER_GRUB)
                return grub_image_kernels(image, ret);
        for (size_t i = 0; i < image->n_files; i++) {
                _cleanup_(candidate_done) Candidate c = {};
                int r;

                r = candidate_read(image, &image->files[i], NULL, &c);
                if (r < 0)
                        return r;
                if (!c.version || !c.complete)
                        continue;
                r = strv_extend(&versions, c.version);
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(versions, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(versions);
        return 0;
}

/* What systemd-boot takes; with @complete, of what leads to an image and an initrd of ours. */
static int choose_entry(const EspImage *image, bool complete, char **ret) {
        const EspFile *conf = esp_image_find(image, ESP_LOADER_CONF);
        _cleanup_(candidate_done) Candidate best = {};
        _cleanup_free_ char *pattern = NULL;
        int r;

        if (conf && conf->text) {
                r = loader_conf_default(conf->text, &pattern);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < image->n_files; i++) {
                _cleanup_(candidate_done) Candidate c = {};

                r = candidate_read(image, &image->files[i], pattern, &c);
                if (r < 0)
                        return r;
                if (r == 0 || (complete && !(c.version && c.complete)))
                        continue;
                if (!best.id || candidate_is_before(&c, &best)) {
                        candidate_done(&best);
                        best = TAKE_STRUCT(c);
                }
        }

        *ret = best.complete ? TAKE_PTR(best.version) : NULL;
        return 0;
}

int esp_image_default(const EspImage *image, char **ret) {
        assert(ret);

        return image->loader == ESP_LOADER_GRUB ? grub_image_default(image, ret)
                                                : choose_entry(image, false, ret);
}

int esp_image_best(const EspImage *image, char **ret) {
        _cleanup_strv_ char **complete = NULL;
        int r;

        assert(ret);

        if (image->loader != ESP_LOADER_GRUB)
                return choose_entry(image, true, ret);
        r = esp_image_kernels(image, &complete);
        if (r >= 0 && strv_isempty(complete))
                r = grub_image_complete(image, &complete);
        if (r < 0)
                return r;
        *ret = strv_isempty(complete) ? NULL : strdup(complete[0]);
        return strv_isempty(complete) || *ret ? 0 : -ENOMEM;
}
