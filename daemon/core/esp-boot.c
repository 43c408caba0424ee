/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which kernel boots is told by doing in memory what the boot loaders do with the same files:
 * systemd-boot 252 with loader.conf and the entries, GRUB with grub.cfg and grubenv. What cannot be
 * told from the files is unknown, never a guess. */

#include "core/esp-boot.h"

#include <fnmatch.h>
#include <strings.h>

#include "common/string-util.h"
#include "core/grub-env.h"
#include "core/grub-image.h"
#include "core/kernel-version.h"
#include "core/loader-conf.h"

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
        char *id;                              /* the file name in lower case */
        bool matches;                          /* the default of loader.conf */
        bool exhausted;                        /* no tries left */
        char *sort_key, *machine_id, *release; /* as its text has them; NULL where it has none */
        char *version;                         /* NULL: not ours */
        bool complete;                         /* image and initrd are there, and not empty */
} Candidate;

static void candidate_done(Candidate *c) {
        free(c->id);
        free(c->sort_key);
        free(c->machine_id);
        free(c->release);
        free(c->version);
        *c = (Candidate){};
}

/* systemd-boot's filter for loader/entries. */
static const char *entry_file_name(const EspFile *file) {
        const char *name = startswith(file->path, ESP_ENTRY_DIR "/");
        size_t n, suffix = strlen(ENTRY_SUFFIX);

        if (!name || file->type != FILE_REGULAR || strchr(name, '/'))
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

        if (!name || !file->text)
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
        c.sort_key = TAKE_PTR(entry.sort_key);
        c.machine_id = TAKE_PTR(entry.machine_id);
        c.release = TAKE_PTR(entry.version);

        *ret = TAKE_STRUCT(c);
        return 1;
}

/* systemd-boot's config_entry_compare(): negative if @a comes first. */
static int candidate_compare(const Candidate *a, const Candidate *b) {
        int r = a->exhausted - b->exhausted;

        if (r == 0)
                r = !a->sort_key - !b->sort_key;
        if (r == 0 && a->sort_key) {
                r = strcmp(a->sort_key, b->sort_key);
                if (r == 0)
                        r = strcmp(strempty(a->machine_id), strempty(b->machine_id));
                if (r == 0)
                        r = kernel_version_compare(strempty(b->release), strempty(a->release));
        }
        return r != 0 ? r : kernel_version_compare(b->id, a->id);
}

/* The first that matches the default boots, or the first of all. */
static bool candidate_is_before(const Candidate *a, const Candidate *b) {
        if (a->matches != b->matches)
                return a->matches;
        return candidate_compare(a, b) < 0;
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

/* The value of "default" in loader.conf, or NULL. */
static int default_pattern(const EspImage *image, char **ret) {
        const EspFile *conf = esp_image_find(image, ESP_LOADER_CONF);

        *ret = NULL;
        return conf && conf->text ? loader_conf_default(conf->text, ret) : 0;
}

/* What systemd-boot takes; with @complete, of what leads to an image and an initrd of ours. */
static int choose_candidate(const EspImage *image, bool complete, Candidate *ret) {
        _cleanup_(candidate_done) Candidate best = {};
        _cleanup_free_ char *pattern = NULL;
        int r;

        r = default_pattern(image, &pattern);
        if (r < 0)
                return r;
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

        *ret = TAKE_STRUCT(best);
        return 0;
}

static int choose_entry(const EspImage *image, bool complete, char **ret) {
        _cleanup_(candidate_done) Candidate c = {};
        int r;

        r = choose_candidate(image, complete, &c);
        if (r < 0)
                return r;
        *ret = c.complete ? TAKE_PTR(c.version) : NULL;
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

void esp_boot_done(EspBoot *boot) {
        free(boot->version);
        *boot = (EspBoot){};
}

/* False if systemd-boot sees what we do not. */
static bool texts_are_known(const EspImage *image, const char *pattern) {
        const EspFile *conf = esp_image_find(image, ESP_LOADER_CONF);

        if ((conf && !conf->text) || strcasecmp(strempty(pattern), "@saved") == 0)
                return false;
        for (size_t i = 0; i < image->n_files; i++)
                if (entry_file_name(&image->files[i]) && !image->files[i].text)
                        return false;
        return true;
}

static int systemd_boot_boot(const EspImage *image, EspBoot *ret) {
        _cleanup_(candidate_done) Candidate c = {};
        _cleanup_free_ char *pattern = NULL;
        int r;

        r = default_pattern(image, &pattern);
        if (r >= 0)
                r = choose_candidate(image, false, &c);
        if (r < 0)
                return r;
        ret->known = texts_are_known(image, pattern) && (!c.id || c.version);
        if (!ret->known)
                return 0;
        ret->version = TAKE_PTR(c.version);
        ret->complete = c.complete;
        return 0;
}

/* The version that saved_entry leads to. 1, or 0 if nobody can tell. */
static int saved_version(const EspImage *image, const GrubConfig *config, char **ret) {
        const EspFile *env = esp_image_find(image, ESP_GRUB_ENV);
        _cleanup_free_ char *saved = NULL;
        const GrubEntry *e;
        int r;

        if (env) {
                r = env->text ? grub_env_get(env->text, strlen(env->text), "saved_entry", &saved)
                              : -EBADMSG;
                if (r < 0)
                        return r == -ENOMEM ? r : 0;
        }
        e = grub_config_find(config, strempty(saved));
        if (!e || !e->version)
                return 0;
        *ret = strdup(e->version);
        return *ret ? 1 : -ENOMEM;
}

/* Whose default that is, whether it can boot or not. 1, or 0 if nobody can tell. */
static int grub_version(const EspImage *image, GrubConfig *config, char **ret) {
        if (grub_default_is_saved(config->default_value))
                return saved_version(image, config, ret);
        *ret = TAKE_PTR(config->default_version);
        return *ret || config->n_entries == 0;
}

static int grub_boot(const EspImage *image, EspBoot *ret) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_strv_ char **bootable = NULL;
        _cleanup_free_ char *version = NULL;
        int r;

        r = grub_image_config(image, &config);
        if (r <= 0) {
                ret->known = r == 0 && !esp_image_find(image, ESP_GRUB_CONFIG);
                return r;
        }
        r = grub_version(image, &config, &version);
        if (r <= 0)
                return r;
        r = grub_image_kernels(image, &bootable);
        if (r < 0)
                return r;
        ret->known = true;
        ret->complete = version && strv_contains(bootable, version);
        ret->version = TAKE_PTR(version);
        return 0;
}

int esp_image_boot(const EspImage *image, EspBoot *ret) {
        EspBoot boot = {};
        int r = 0;

        assert(ret);

        switch (image->loader) {
        case ESP_LOADER_SYSTEMD_BOOT:
                r = systemd_boot_boot(image, &boot);
                break;
        case ESP_LOADER_GRUB:
                r = grub_boot(image, &boot);
                break;
        case ESP_LOADER_NONE:
                boot.known = true;
                break;
        case _ESP_LOADER_MAX:
        case _ESP_LOADER_INVALID:
                assert(false);
        }
        if (r >= 0)
                *ret = boot;
        return r;
}
