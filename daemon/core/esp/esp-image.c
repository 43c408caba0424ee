/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps the content of an ESP as a sorted list of files. The names alone tell the loader, whose
 * object then says what they mean; the plan tells what the ESP should hold. FAT hands out whole
 * clusters, so bytes say little about what fits: this is the one place that rounds.
 *
 * FAT keeps the case of a name and does not tell by it: EFI/Proxmox/6.8.12-4-PVE is the directory
 * that we call EFI/proxmox/6.8.12-4-pve. Whoever takes them for two removes the one that he has
 * just filled. So names that were read from a FAT are put in our own spelling here, before anything
 * is compared with them; on the disk they stay as they are. Whether a name means anything where it
 * stands is not asked: that is decided by those who know our paths, which are exact. */

#include "core/esp/esp-image.h"

#include <strings.h>

#include "common/string-util.h"
#include "core/loader/esp-path.h"

#define DIGITS "0123456789"

static char small(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Take the next character that counts off *@s; '\0' at its end. */
static unsigned char take_character(const char **s) {
        char c;

        if (**s == '.') {
                const char *end = *s + strspn(*s, ".");

                if (*end == '/' || *end == '\0')
                        *s = end;
        }
        c = **s;
        *s += c != '\0';
        return (unsigned char) small(c);
}

/* Order of two paths on a FAT; 0: they name the same file. Letters from A to Z count as small ones,
 * and dots at the end of a name do not count, as Linux's vfat drops them. Other characters are
 * compared byte for byte, though FAT folds more: no name of ours has them. */
static int esp_path_compare(const char *a, const char *b) {
        unsigned char c, d;
        size_t same = 0;

        /* The paths of an image are alike for long. Dots count by what follows them. */
        while (a[same] == b[same] && a[same] != '\0')
                same++;
        while (same > 0 && a[same - 1] == '.')
                same--;
        a += same;
        b += same;
        do {
                c = take_character(&a);
                d = take_character(&b);
        } while (c == d && c != '\0');
        return c - d;
}

/* True if @path begins with @start, compared likewise. */
static bool esp_path_begins(const char *path, const char *start) {
        unsigned char c;

        while ((c = take_character(&start)) != '\0')
                if (take_character(&path) != c)
                        return false;
        return true;
}

static bool is_kept(const Kernel *k) {
        return k->reasons != 0 && kernel_is_bootable(k);
}

const Kernel *esp_name_rival(const KernelSet *set, const Kernel *kernel) {
        for (size_t i = 0; i < set->n_kernels && &set->kernels[i] != kernel; i++)
                if (is_kept(&set->kernels[i]) &&
                    esp_path_compare(set->kernels[i].version, kernel->version) == 0)
                        return &set->kernels[i];
        return NULL;
}

/* The rest of @name after @prefix in any case, or NULL. */
static const char *after(const char *name, const char *prefix) {
        size_t n = strlen(prefix);

        return strncasecmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* Which of the suffixes of our names @s is, in any case; NULL: none. */
static const char *our_suffix(const char *s) {
        static const char *const suffixes[] = { "", ENTRY_SUFFIX, STAGED_SUFFIX,
                                                ENTRY_SUFFIX STAGED_SUFFIX };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (strcasecmp(s, suffixes[i]) == 0)
                        return suffixes[i];
        return NULL;
}

static const char *skip_boot_counter(const char *s) {
        const char *p = s;

        if (*p != '+')
                return s;
        p += 1 + strspn(p + 1, DIGITS);
        if (*p == '-')
                p += 1 + strspn(p + 1, DIGITS);
        return p;
}

/* @name without the version that it begins with, if only what we put behind one follows; NULL if
 * that is another version. */
static const char *after_version(const char *name, const char *version) {
        const char *tail = after(name, version);

        if (esp_path_compare(name, version) == 0)
                return "";
        return tail && our_suffix(skip_boot_counter(tail)) ? tail : NULL;
}

static const char *find_version(const KernelSet *kernels, const char *name, bool kept,
                                const char **ret_tail) {
        for (size_t i = 0; kernels && i < kernels->n_kernels; i++) {
                const Kernel *k = &kernels->kernels[i];

                if (is_kept(k) != kept)
                        continue;
                *ret_tail = after_version(name, k->version);
                if (*ret_tail)
                        return k->version;
        }
        return NULL;
}

/* A version and what follows it. */
static void put_version(Buffer *b, const char *name, const KernelSet *kernels) {
        const char *tail, *version, *counter;

        version = find_version(kernels, name, true, &tail)
                                  ?: find_version(kernels, name, false, &tail);
        if (version) {
                counter = tail;
                tail = skip_boot_counter(tail);
                buffer_puts(b, version);
                buffer_append(b, counter, (size_t) (tail - counter));
                buffer_puts(b, our_suffix(tail));
                return;
        }
        for (; *name; name++)
                buffer_append(b, &(char){ small(*name) }, 1);
}

/* Names that have no version in them. */
static const char *find_name(const char *name, const char **ret_suffix) {
        for_each_loader(l) for (const char *const *known = loader_of(l)->names; *known; known++) {
                const char *tail = after(name, *known);

                *ret_suffix = tail ? our_suffix(tail) : NULL;
                if (*ret_suffix)
                        return *known;
        }
        return NULL;
}

static void put_name(Buffer *b, const char *name, const KernelSet *kernels) {
        static const char *const prefixes[] = { "vmlinuz-", "initrd.img-", ENTRY_PREFIX, "" };
        const char *suffix, *ours = find_name(name, &suffix);

        if (ours) {
                buffer_puts(b, ours);
                buffer_puts(b, suffix);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = after(name, prefixes[i]);

                if (!rest || *rest < '0' || *rest > '9')
                        continue;
                buffer_puts(b, prefixes[i]);
                put_version(b, rest, kernels);
                return;
        }
        buffer_puts(b, name);
}

int esp_path_respell(const char *path, const KernelSet *kernels, char **ret) {
        _cleanup_free_ char *names = strdup(path);
        Buffer b = {};

        assert(ret);

        if (!names)
                return -ENOMEM;
        for (char *name = names, *end; name; name = end) {
                end = strchr(name, '/');
                if (end)
                        *end++ = '\0';
                put_name(&b, name, kernels);
                if (end)
                        buffer_puts(&b, "/");
        }
        return buffer_take(&b, ret, NULL);
}

void esp_file_done(EspFile *file) {
        free(file->path);
        free(file->spelled);
        free(file->text);
        *file = (EspFile){};
}

void esp_image_done(EspImage *image) {
        for (size_t i = 0; !image->packed && i < image->n_files; i++)
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

/* The index of @path, or else the one that it would get. */
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

        assert(!image->packed);

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

static size_t string_size(const char *s) {
        return s ? strlen(s) + 1 : 0;
}

/* Copy @s (may be NULL) to *@end, behind which the next one goes. */
static char *pack_string(char **end, const char *s) {
        char *copy = s ? *end : NULL;

        if (s)
                *end = stpcpy(copy, s) + 1;
        return copy;
}

int esp_image_pack(EspImage *image) {
        size_t n = image->n_files, size = n * sizeof(EspFile);
        EspFile *files;
        char *end;

        if (image->packed)
                return 0;
        for (size_t i = 0; i < n; i++) {
                const EspFile *file = &image->files[i];

                size += string_size(file->path) + string_size(file->spelled) +
                        string_size(file->text);
        }
        files = malloc(MAX(size, (size_t) 1));
        if (!files)
                return -ENOMEM;
        end = (char *) (files + n);
        for (size_t i = 0; i < n; i++) {
                EspFile *file = &image->files[i];

                files[i] = *file;
                files[i].path = pack_string(&end, file->path);
                files[i].spelled = pack_string(&end, file->spelled);
                files[i].text = pack_string(&end, file->text);
                esp_file_done(file);
        }
        free(image->files);
        image->files = files;
        image->n_files_allocated = n;
        image->packed = true;
        return 0;
}

/* True if @file is the directory @dir or lies in it. */
static bool esp_file_shows_directory(const EspFile *file, const char *dir) {
        const char *rest = startswith(file->path, dir);

        return rest && (rest[0] == '/' || (rest[0] == '\0' && file->type == FILE_DIRECTORY));
}

bool esp_image_shows(const EspImage *image, const char *path, FileType type) {
        for (size_t i = 0; i < image->n_files; i++) {
                const EspFile *file = &image->files[i];

                if (type == FILE_DIRECTORY ? esp_file_shows_directory(file, path)
                                           : file->type == type && streq(file->path, path))
                        return true;
        }
        return false;
}

EspLoader esp_image_tell_loader(const EspImage *image) {
        LoaderClaim surest = LOADER_CLAIM_NONE;
        EspLoader loader = ESP_LOADER_NONE;

        for_each_loader(l) {
                LoaderClaim claim = loader_of(l)->claim(image);

                if (claim > surest) {
                        surest = claim;
                        loader = l;
                }
        }
        return loader;
}

bool esp_image_has_file(const EspImage *image, const char *path) {
        const EspFile *file = esp_image_find(image, path);

        return file && file->type == FILE_REGULAR && file->size > 0;
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

bool esp_image_has_loader(const EspImage *image) {
        const Loader *loader = loader_of(image->loader);

        return loader && loader->is_there(image);
}

bool esp_path_is_leftover(const char *path) {
        const char *suffix = endswith(path, STAGED_SUFFIX);
        _cleanup_free_ char *base = NULL;

        base = suffix ? strndup(path, (size_t) (suffix - path)) : NULL;
        for_each_loader(l) if (base && loader_of(l)->owns(base)) return true;
        return false;
}

const Loader *esp_image_reader(const EspImage *image) {
        return loader_of(image->loader != ESP_LOADER_NONE ? image->loader : ESP_LOADER_NONE + 1);
}

int esp_image_boot(const EspImage *image, EspBoot *ret) {
        EspBoot boot = { .known = true };
        int r = 0;

        assert(ret);

        if (image->loader != ESP_LOADER_NONE) {
                boot.known = false;
                r = loader_of(image->loader)->boot(image, &boot);
        }
        if (r >= 0)
                *ret = boot;
        return r;
}

int esp_image_is_bootable(const EspImage *image) {
        _cleanup_(esp_boot_done) EspBoot boot = {};
        _cleanup_strv_ char **kernels = NULL;
        int r;

        r = esp_image_reader(image)->kernels(image, &kernels);
        if (r >= 0)
                r = esp_image_boot(image, &boot);
        return r < 0 ? r : !strv_isempty(kernels) && (!boot.known || boot.complete);
}

uint64_t space_allocated(uint64_t size, uint64_t cluster_bytes) {
        uint64_t clusters, bytes;

        assert(cluster_bytes > 0);

        clusters = size / cluster_bytes + (size % cluster_bytes != 0);
        return __builtin_mul_overflow(clusters, cluster_bytes, &bytes) ? UINT64_MAX : bytes;
}
