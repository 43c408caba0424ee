/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB as a boot loader of ours. Its kernels and Memtest86+ are in the root of the ESP, what boots
 * is told by the menu that grub-mkconfig makes of them. Only what the worker's summary says is
 * known of grub.cfg; an ESP whose grub.cfg could not be summarised boots nothing that is known
 * here. */

#include "core/grub/grub-loader.h"

#include <fnmatch.h>

#include "common/string-util.h"
#include "core/grub/grub-env.h"
#include "core/kernel/kernel-version.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"

/* grub-install writes less than this (21 MiB for UEFI in the guest of tests/vm), with shim,
 * modules, fonts and translations. */
#define INSTALL_BYTES (32 * 1024 * 1024)

char *grub_kernel_path(const char *version, KernelFile file) {
        return strprintf("%s-%s", kernel_file_stem(file), version);
}

const char *grub_path_version(const char *path) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const char *rest = startswith(path, kernel_file_stem(f));

                if (rest && rest[0] == '-' && kernel_version_is_valid(rest + 1))
                        return rest + 1;
        }
        return NULL;
}

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

static bool is_whole(const GrubEntry *e) {
        const char *stem = kernel_file_stem(KERNEL_FILE_INITRD), *rest;

        rest = e->version && e->initrd ? startswith(e->initrd, stem) : NULL;
        return rest && rest[0] == '-' && streq(rest + 1, e->version);
}

static int respell(const EspImage *image, GrubEntry *e) {
        const EspFile *kernel = e->image ? esp_image_find(image, e->image) : NULL;
        const EspFile *initrd = e->initrd ? esp_image_find(image, e->initrd) : NULL;
        int r;

        r = grub_entry_set_files(e, kernel ? kernel->path : NULL, initrd ? initrd->path : NULL);
        e->is_whole = is_whole(e);
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

static int kernels(const EspImage *image, char ***ret) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_strv_ char **versions = NULL;
        int r;

        assert(ret);

        r = grub_image_config(image, &config);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config.n_entries; i++) {
                const GrubEntry *e = &config.entries[i];

                if (!e->is_whole || !grub_image_is_complete(image, e->version))
                        continue;
                r = strv_extend(&versions, e->version);
                if (r < 0)
                        return r;
        }
        strv_sort_uniq(versions, kernel_version_compare_newest_first);

        *ret = TAKE_PTR(versions);
        return 0;
}

static int default_version(const EspImage *image, char **ret) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_strv_ char **bootable = NULL;
        int r;

        assert(ret);

        r = grub_image_config(image, &config);
        if (r < 0)
                return r;
        r = kernels(image, &bootable);
        if (r < 0)
                return r;
        *ret = config.default_version && strv_contains(bootable, config.default_version)
                               ? TAKE_PTR(config.default_version)
                               : NULL;
        return 0;
}

static bool entry_is_named(const GrubEntry *e, const char *value) {
        const char *rest;

        if (!e->submenu)
                return streq(e->id, value);
        rest = startswith(value, e->submenu);
        return rest && (rest[0] == '\0' || (rest[0] == '>' && streq(rest + 1, e->id)));
}

/* The entry that @value names as GRUB's default, by the ids of its submenu and itself ("A>B"), or
 * by the submenu's alone, which stands for the first in it; empty is the first of all. NULL if none
 * has these ids: it may be a title or an index, which are not kept. */
static const GrubEntry *find_entry(const GrubConfig *c, const char *value) {
        for (size_t i = 0; i < c->n_entries; i++)
                if (isempty(value) || entry_is_named(&c->entries[i], value))
                        return &c->entries[i];
        return NULL;
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
        e = find_entry(config, strempty(saved));
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

static int boot(const EspImage *image, EspBoot *ret) {
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
        r = kernels(image, &bootable);
        if (r < 0)
                return r;
        ret->known = true;
        ret->complete = version && strv_contains(bootable, version);
        ret->version = TAKE_PTR(version);
        return 0;
}

static int best(const EspImage *image, char **ret) {
        _cleanup_strv_ char **complete = NULL;
        int r;

        r = kernels(image, &complete);
        if (r >= 0 && strv_isempty(complete))
                r = grub_image_complete(image, &complete);
        if (r < 0)
                return r;
        *ret = strv_isempty(complete) ? NULL : strdup(complete[0]);
        return strv_isempty(complete) || *ret ? 0 : -ENOMEM;
}

static bool shows_program(const EspImage *image) {
        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].type == FILE_REGULAR &&
                    fnmatch(ESP_GRUB_EFI_DIR "/grub*.efi", image->files[i].path,
                            FNM_CASEFOLD | FNM_PATHNAME | FNM_NOESCAPE) == 0)
                        return true;
        return false;
}

/* For a BIOS there is no program in the file system. A directory beside what systemd-boot has is
 * what somebody else has left. */
static LoaderClaim claim(const EspImage *image) {
        if (shows_program(image))
                return LOADER_CLAIM_PROGRAM;
        return esp_image_shows(image, ESP_GRUB_DIR, FILE_DIRECTORY) &&
                                               !esp_image_shows(image, ESP_LOADER_CONF,
                                                                FILE_REGULAR) &&
                                               !esp_image_shows(image, ESP_KERNEL_DIR,
                                                                FILE_DIRECTORY)
                               ? LOADER_CLAIM_TRACE
                               : LOADER_CLAIM_NONE;
}

static LoaderClaim claim_when_installed(bool uefi) {
        return uefi ? LOADER_CLAIM_PROGRAM : LOADER_CLAIM_TRACE;
}

/* A BIOS starts it, UEFI does, and Secure Boot takes Debian's signed one. */
static const char *refusal(const Firmware *firmware) {
        return NULL;
}

static bool is_there(const EspImage *image) {
        return esp_image_has_file(image, ESP_GRUB) ||
               esp_image_has_file(image, ESP_GRUB_BIOS_IMAGE);
}

/* The other files are grub-install's. */
static bool owns(const char *path) {
        return streq(path, ESP_GRUB_REMOVABLE_STUB) || streq(path, ESP_GRUB_REMOVABLE) ||
               streq(path, ESP_MOK_MANAGER_REMOVABLE) || streq(path, ESP_GRUB_CONFIG) ||
               streq(path, ESP_GRUB_ENV) || grub_path_version(path) ||
               streq(path, MEMTEST_EFI_NAME) || streq(path, MEMTEST_BIN_NAME);
}

/* grub.cfg is read, too, but only its summary is told. */
static bool reads(const char *path) {
        return streq(path, ESP_GRUB_ENV);
}

/* It has them from the host's own configuration. */
static int no_options(const EspImage *image, const char *version, char **ret) {
        *ret = NULL;
        return 0;
}

static int pin_root_id(const EspImage *image, char **ret) {
        _cleanup_(grub_config_done) GrubConfig menu = {};
        int r;

        *ret = NULL;
        r = grub_image_config(image, &menu);
        if (r > 0)
                r = grub_config_root_id(&menu, ret);
        return r == -ENOENT ? 0 : r;
}

static const LoaderPath paths[] = {
        { ESP_KERNEL_DIR, 2 },
        { ESP_GRUB_DIR, 0 },
        { ESP_GRUB_CONFIG, 0 },
        { ESP_GRUB_CONFIG STAGED_SUFFIX, 0 },
        { ESP_GRUB_ENV, 0 },
        { ESP_GRUB_ENV STAGED_SUFFIX, 0 },
        { ESP_REMOVABLE, 0 },
        { ESP_REMOVABLE STAGED_SUFFIX, 0 },
        { ESP_GRUB_REMOVABLE STAGED_SUFFIX, 0 },
        { ESP_MOK_MANAGER_REMOVABLE STAGED_SUFFIX, 0 },
        { ESP_GRUB_BIOS_IMAGE, 0 },
        {},
};

static const LoaderChain chains[] = {
        { "/" ESP_SHIM, "/" ESP_GRUB },
        { "/" ESP_REMOVABLE, "/" ESP_GRUB_REMOVABLE },
        {},
};

static const LoaderProgram programs[] = {
        { "/" SHIM_SIGNED_SOURCE, NULL, CHECKER_FIRMWARE },
        { "/" GRUB_SIGNED_SOURCE, NULL, CHECKER_SHIM },
        {},
};

static const char *const names[] = {
        "EFI",
        "proxmox",
        "BOOT",
        "BOOT" EFI_ARCH_UPPER ".EFI",
        "grub",
        "grub.cfg",
        "grubenv",
        "memtest86+x64",
        MEMTEST_EFI_NAME,
        MEMTEST_BIN_NAME,
        NULL,
};

const Loader loader_grub = {
        .name = "grub",
        .title = "GRUB",
        .claim = claim,
        .claim_when_installed = claim_when_installed,
        .refusal = refusal,
        .chains = chains,
        .programs = programs,
        .checker = CHECKER_SHIM,
        .is_there = is_there,
        .paths = paths,
        .names = names,
        .owns = owns,
        .reads = reads,
        .kernel_path = grub_kernel_path,
        .memtest_path = memtest_file_name,
        .boot = boot,
        .kernels = kernels,
        .default_version = default_version,
        .best = best,
        .options = no_options,
        .one_shot = "grubenv",
        .pin_root_id = pin_root_id,
        .install_bytes = INSTALL_BYTES,
        .by_shim = true,
};
