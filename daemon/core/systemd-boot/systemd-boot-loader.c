/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-boot as a boot loader of ours: loader.conf leads to an entry, and an entry to a kernel in
 * a directory of its own. The kernel that boots is told by doing in memory what systemd-boot 252
 * does with loader.conf and the entries. What cannot be told from the files is unknown, never a
 * guess. */

#include "core/systemd-boot/systemd-boot-loader.h"

#include <fnmatch.h>
#include <strings.h>

#include "common/string-util.h"
#include "core/firmware/firmware.h"
#include "core/kernel/kernel-version.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"
#include "core/systemd-boot/systemd-boot-text.h"

#define INSTALL_BYTES (1024 * 1024) /* of two copies */

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

int systemd_boot_entry_boots(const EspImage *image, const char *path) {
        const EspFile *file = esp_image_find(image, path);
        _cleanup_(candidate_done) Candidate c = {};
        int r;

        if (!file)
                return 0;
        r = candidate_read(image, file, NULL, &c);
        return r > 0 ? c.version && c.complete : r;
}

static int kernels(const EspImage *image, char ***ret) {
        _cleanup_strv_ char **versions = NULL;

        assert(ret);

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

/* Choose the entry that systemd-boot takes; with @complete, of those alone that lead to an image
 * and an initrd of ours. */
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

static int boot(const EspImage *image, EspBoot *ret) {
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

static int default_version(const EspImage *image, char **ret) {
        return choose_entry(image, false, ret);
}

static int best(const EspImage *image, char **ret) {
        return choose_entry(image, true, ret);
}

const EspFile *systemd_boot_find_entry(const EspImage *image, const char *version) {
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

static int options(const EspImage *image, const char *version, char **ret) {
        const EspFile *file = systemd_boot_find_entry(image, version);
        _cleanup_(boot_entry_done) BootEntry entry = {};
        int r;

        *ret = NULL;
        if (!file || !file->text)
                return 0;
        r = boot_entry_parse(file->text, strlen(file->text), &entry);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        *ret = TAKE_PTR(entry.options);
        return 0;
}

static LoaderClaim claim(const EspImage *image) {
        return esp_image_shows(image, ESP_LOADER_CONF, FILE_REGULAR) &&
                                               esp_image_shows(image, ESP_KERNEL_DIR,
                                                               FILE_DIRECTORY)
                               ? LOADER_CLAIM_CONFIGURATION
                               : LOADER_CLAIM_NONE;
}

static LoaderClaim claim_when_installed(bool uefi) {
        return LOADER_CLAIM_CONFIGURATION;
}

static const char *refusal(const Firmware *firmware) {
        return firmware->uefi ? NULL : "this host was started by a legacy BIOS";
}

static bool is_there(const EspImage *image) {
        return esp_image_has_file(image, ESP_SYSTEMD_BOOT) ||
               esp_image_has_file(image, ESP_REMOVABLE);
}

static bool owns(const char *path) {
        _cleanup_free_ char *version = NULL;

        return streq(path, ESP_LOADER_CONF) || streq(path, ESP_SYSTEMD_BOOT) ||
               streq(path, ESP_REMOVABLE) || streq(path, ESP_MEMTEST) ||
               streq(path, ESP_MEMTEST_ENTRY) || esp_path_is_kernel(path) ||
               esp_entry_version(path, &version, NULL) >= 0;
}

/* The suffix counts in any case, as systemd-boot has it. */
static bool reads(const char *path) {
        size_t n = strlen(path), suffix = strlen(ENTRY_SUFFIX);

        return streq(path, ESP_LOADER_CONF) ||
               (startswith(path, ESP_ENTRY_DIR "/") && n >= suffix &&
                strcasecmp(path + n - suffix, ENTRY_SUFFIX) == 0);
}

static const char *memtest_path(MemtestFile file) {
        return file == MEMTEST_EFI ? ESP_MEMTEST : NULL;
}

static const LoaderPath paths[] = {
        { ESP_KERNEL_DIR, 2 },
        { ESP_LOADER_DIR, 0 },
        { ESP_LOADER_CONF, 0 },
        { ESP_LOADER_CONF STAGED_SUFFIX, 0 }, /* left by a run that was killed */
        { ESP_ENTRY_DIR, 1 },
        { ESP_SYSTEMD_BOOT, 0 },
        { ESP_SYSTEMD_BOOT STAGED_SUFFIX, 0 },
        { ESP_REMOVABLE, 0 },
        { ESP_REMOVABLE STAGED_SUFFIX, 0 },
        {},
};

static const LoaderChain chains[] = {
        { "/" ESP_SYSTEMD_BOOT, NULL },
        { "/" ESP_REMOVABLE, NULL },
        {},
};

static const LoaderProgram programs[] = {
        { "/" SYSTEMD_BOOT_SOURCE ".signed", "/" SYSTEMD_BOOT_SOURCE, CHECKER_FIRMWARE },
        {},
};

static const char *const names[] = {
        "EFI",
        "proxmox",
        "systemd",
        "BOOT",
        "loader",
        "entries",
        "systemd-boot" EFI_ARCH ".efi",
        "loader.conf",
        "BOOT" EFI_ARCH_UPPER ".EFI",
        "memtest86+x64",
        MEMTEST_EFI_NAME,
        NULL,
};

const Loader loader_systemd_boot = {
        .name = "systemd-boot",
        .title = "systemd-boot",
        .claim = claim,
        .claim_when_installed = claim_when_installed,
        .refusal = refusal,
        .chains = chains,
        .programs = programs,
        .unjudged_is_refused = true,
        .checker = CHECKER_FIRMWARE,
        .is_there = is_there,
        .paths = paths,
        .names = names,
        .program = ESP_SYSTEMD_BOOT,
        .source = SYSTEMD_BOOT_SOURCE,
        .signed_source = SYSTEMD_BOOT_SOURCE ".signed",
        .owns = owns,
        .reads = reads,
        .kernel_path = esp_kernel_path,
        .memtest_path = memtest_path,
        .boot = boot,
        .kernels = kernels,
        .default_version = default_version,
        .best = best,
        .options = options,
        .install_bytes = INSTALL_BYTES,
};
