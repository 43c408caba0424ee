/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Puts together what a host or an ESP has: which files there are to be judged, in which role, and
 * which shim stands before them. Files are found by the names that packages and loaders of ours
 * give them; nobody else's are opened. How a file is judged is not known here. */

#include "blocking/secure-boot/look.h"

#include <fcntl.h>
#include <stdio.h>
#include <strings.h>

#include "blocking/secure-boot/dkms.h"
#include "blocking/secure-boot/judge.h"
#include "blocking/secure-boot/modules.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define SHIM_SOURCE_DIR "usr/lib/shim"
#define SHIM_SOURCE     SHIM_SOURCE_DIR "/shim" EFI_ARCH ".efi.signed"
#define GRUB_SOURCE     "usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"
#define SBAT_LINE_MAX   100

/* Files are judged one after the other into this. */
typedef struct Look {
        const Root *root;
        const Trust *trust;
        SignedFiles files;
} Look;

static int open_file(const Root *root, const char *path) {
        struct stat st;
        int r;

        /* Looked at before it is opened: a pipe or a device is left alone. */
        r = root_stat(root, path, &st);
        if (r < 0 || !S_ISREG(st.st_mode))
                return r < 0 ? r : -EINVAL;
        return root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

/* A file that is not there is passed over, as is one beyond the number that can be told. @keys: see
 * judge_file(). 0 or -ENOMEM. */
static int look_at(Look *look, const char *path, ProgramRole role, const ShimKeys *shim,
                   ShimKeys *keys) {
        _cleanup_close_ int fd = open_file(look->root, path);
        SignedFiles *files = &look->files;
        SignedFile *file;
        char *name;
        int r;

        if (fd < 0 || files->n == SECURE_BOOT_FILES_MAX)
                return fd == -ENOMEM ? fd : 0;
        if (!ARRAY_RESERVE(files->items, files->n_allocated, files->n + 1))
                return -ENOMEM;
        name = strprintf("/%s", path);
        if (!name)
                return -ENOMEM;
        file = &files->items[files->n];
        r = judge_file(fd, role, look->trust, shim, file, keys);
        if (r < 0) {
                free(name);
                return r;
        }
        file->path = name;
        files->n++;
        return 0;
}

static int compare_files(const void *a, const void *b) {
        return strcmp(((const SignedFile *) a)->path, ((const SignedFile *) b)->path);
}

static void sort(SignedFiles *files) {
        if (files->n > 0)
                qsort(files->items, files->n, sizeof(*files->items), compare_files);
}

static int look_at_kernels(Look *look, const ShimKeys *shim) {
        _cleanup_(boot_dir_done) BootDir boot = {};
        int r;

        r = boot_dir_scan(look->root, &boot);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; r >= 0 && i < boot.n_kernels; i++) {
                _cleanup_free_ char *path = NULL;

                if (!boot.kernels[i].has_image)
                        continue;
                path = boot_source_path(boot.kernels[i].version, KERNEL_FILE_IMAGE);
                r = path ? look_at(look, path, PROGRAM_KERNEL, shim, NULL) : -ENOMEM;
        }
        return r;
}

/* The loaders of packages; the keys of their shim are in @keys then. */
static int look_at_packages(Look *look, ShimKeys *keys) {
        static const char *const others[] = {
                SHIM_SOURCE_DIR "/mm" EFI_ARCH ".efi.signed", /* MokManager */
                SHIM_SOURCE_DIR "/fb" EFI_ARCH ".efi.signed", /* makes boot entries anew */
                GRUB_SOURCE,
                SYSTEMD_BOOT_SOURCE,
                SYSTEMD_BOOT_SOURCE ".signed",
        };
        int r;

        r = look_at(look, SHIM_SOURCE, PROGRAM_LOADER, NULL, keys);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(others); i++)
                r = look_at(look, others[i], PROGRAM_LOADER, keys, NULL);
        return r;
}

static int add_keys(SecureBootFacts *facts, KeyStore store, const KeyList *list) {
        facts->n_digests[store] = list->n_programs + list->n_to_be_signed;
        for (size_t i = 0; i < list->n_certificates; i++) {
                int r;

                if (!ARRAY_RESERVE(facts->keys, facts->n_keys_allocated, facts->n_keys + 1))
                        return -ENOMEM;
                r = boot_key_from_certificate(store, list->certificates[i], "",
                                              &facts->keys[facts->n_keys]);
                if (r < 0)
                        return r;
                facts->n_keys++;
        }
        return 0;
}

/* All but the files and the modules; the certificates of DKMS go to @dkms, too. */
static int tell_keys(const Root *root, const Trust *trust, const ShimKeys *shim, KeyList *dkms,
                     SecureBootFacts *facts) {
        const char *level = strempty(trust->sbat_level);
        size_t size = strnlen(level, trust->sbat_level_size);
        int r = 0;

        facts->shim_ignores_db = trust->ignores_db;
        facts->shim_checks_nothing = trust->checks_nothing;
        for (size_t i = 0; i < size; i++)
                if (level[i] == '\n' || level[i] == '\r')
                        size = i;
        facts->sbat_level = string_for_humans(level, size, SBAT_LINE_MAX);
        if (!facts->sbat_level)
                return -ENOMEM;
        for (KeyStore s = 0; r >= 0 && s < _KEY_STORE_MAX; s++)
                r = add_keys(facts, s, s == KEY_STORE_VENDOR ? &shim->accepted : &trust->lists[s]);
        return r < 0 ? r : dkms_read_keys(root, facts, dkms);
}

static int look_at_host(const Root *root, const Trust *trust, const char *const *kernels,
                        SecureBootFacts *facts) {
        _cleanup_(shim_keys_done) ShimKeys shim = {};
        _cleanup_(key_list_done) KeyList dkms = {};
        Look look = { .root = root, .trust = trust };
        int r;

        r = look_at_packages(&look, &shim);
        if (r >= 0)
                r = look_at_kernels(&look, &shim);
        sort(&look.files);
        facts->files = look.files;
        if (r >= 0)
                r = tell_keys(root, trust, &shim, &dkms, facts);
        if (r >= 0)
                r = modules_look(root, kernels, trust, &dkms, facts);
        return r < 0 ? r : dkms_find_packages(root, facts);
}

int secure_boot_look(const Root *root, const char *const *kept_kernels, SecureBootFacts *ret,
                     Error *error) {
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {};
        _cleanup_(trust_done) Trust trust = {};
        int r;

        assert(ret);

        r = trust_read(root, &trust, error);
        if (r >= 0 && trust.supported)
                r = look_at_host(root, &trust, kept_kernels, &facts);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(facts);
        return 0;
}

/* A directory of an ESP that the firmware or a person may start programs of. */
typedef struct Directory {
        const char *path;
        const char *names[6];
        ShimKeys shim; /* of the one in it */
        bool has_shim;
} Directory;

#define DIRECTORIES_MAX 3

static bool is_named(const Directory *d, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(d->names) && d->names[i]; i++)
                if (strcasecmp(d->names[i], name) == 0)
                        return true;
        return false;
}

/* FAT has no case, and a name is told as it stands there. */
static int look_at_directory(Look *look, Directory *d) {
        _cleanup_strv_ char **names = NULL;
        size_t first = look->files.n;
        int r;

        r = directory_list(look->root, d->path, NULL, &names);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        strv_sort_uniq(names, strcmp);
        /* First those that may be a shim. */
        for (unsigned pass = 0; pass < 2; pass++)
                STRV_FOREACH(name, names) {
                        _cleanup_free_ char *path = strprintf("%s/%s", d->path, *name);
                        bool may_be_shim = strcasecmp(*name, d->names[0]) == 0;

                        if (!path)
                                return -ENOMEM;
                        if (!is_named(d, *name) || may_be_shim != (pass == 0))
                                continue;
                        r = look_at(look, path, PROGRAM_LOADER, pass > 0 ? &d->shim : NULL,
                                    pass == 0 ? &d->shim : NULL);
                        if (r < 0)
                                return r;
                }
        d->has_shim = look->files.n > first &&
                      (d->shim.accepted.n_certificates > 0 || d->shim.accepted.n_programs > 0);
        return 0;
}

static bool is_kernel_name(const char *name) {
        const char *rest = startswith(name, "vmlinuz-");

        return rest && kernel_version_is_valid(rest);
}

/* Both ways in which our loaders have them: in the root, and in a directory of each version. */
static int look_at_esp_kernels(Look *look, const ShimKeys *shim) {
        _cleanup_strv_ char **names = NULL, **versions = NULL;
        int r;

        if (directory_list(look->root, ".", is_kernel_name, &names) == -ENOMEM ||
            directory_list(look->root, ESP_KERNEL_DIR, kernel_version_is_valid, &versions) ==
                            -ENOMEM)
                return -ENOMEM;
        r = 0;
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = look_at(look, *name, PROGRAM_KERNEL, shim, NULL);
        STRV_FOREACH(version, versions) {
                _cleanup_free_ char *path = esp_kernel_path(*version, KERNEL_FILE_IMAGE);

                if (r >= 0)
                        r = path ? look_at(look, path, PROGRAM_KERNEL, shim, NULL) : -ENOMEM;
        }
        return r;
}

/* The shim before a kernel is that of our own loader, where there is one. */
static int look_at_esp(Look *look) {
        Directory directories[DIRECTORIES_MAX] = {
                { ESP_GRUB_EFI_DIR,
                  { "shim" EFI_ARCH ".efi", "grub" EFI_ARCH ".efi", "mm" EFI_ARCH ".efi",
                    "fb" EFI_ARCH ".efi" } },
                { ESP_REMOVABLE_DIR,
                  { "BOOT" EFI_ARCH_UPPER ".EFI", "grub" EFI_ARCH ".efi", "mm" EFI_ARCH ".efi",
                    "fb" EFI_ARCH ".efi" } },
                { ESP_SYSTEMD_BOOT_DIR,
                  { "shim" EFI_ARCH ".efi", "systemd-boot" EFI_ARCH ".efi" } },
        };
        const ShimKeys *shim = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < DIRECTORIES_MAX; i++) {
                r = look_at_directory(look, &directories[i]);
                if (!shim && directories[i].has_shim)
                        shim = &directories[i].shim;
        }
        if (r >= 0)
                r = look_at_esp_kernels(look, shim);
        for (size_t i = 0; i < DIRECTORIES_MAX; i++)
                shim_keys_done(&directories[i].shim);
        return r;
}

int secure_boot_look_esp(const Root *root, int esp_fd, SignedFiles *ret, Error *error) {
        char path[sizeof("/proc/self/fd/-2147483648")];
        _cleanup_(root_freep) Root *esp = NULL;
        _cleanup_(trust_done) Trust trust = {};
        Look look = { .trust = &trust };
        int r;

        assert(ret);

        r = trust_read(root, &trust, error);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", esp_fd);
        r = root_open(path, &esp);
        if (r < 0)
                return error_set_errno(error, r, "Cannot look at the files of an ESP");
        look.root = esp;
        r = trust.supported ? look_at_esp(&look) : 0;
        if (r < 0) {
                signed_files_done(&look.files);
                return r;
        }
        sort(&look.files);
        *ret = look.files;
        return 0;
}
