/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which programs of an ESP stand between firmware and kernel, by loader, and whether each would be
 * accepted by the one before it. Nothing is judged here; that was done by a worker, file by file.
 * And the order in which the firmware tries its entries, where several start ours. */

#include "core/conversion/chain.h"

#include "common/string-util.h"

#define SHIM_PATH "/" ESP_SHIM

const char *chain_refusal(const SignedFile *file, Checker checker) {
        if (!file)
                return "is not there";
        return file->by[checker].accepted ? NULL : strempty(file->by[checker].reason);
}

/* As long as Secure Boot is off, what db has may still change; so a signature must do. */
static const char *start_refusal(const SignedFile *file, bool enforced) {
        if (file && !enforced)
                return file->is_signed ? NULL : "it is not signed";
        return chain_refusal(file, CHECKER_FIRMWARE);
}

static bool is_kernel(const SignedFile *file, const Loader *loader) {
        const char *name = strrchr(file->path, '/');
        const char *version = name ? startswith(name, "/vmlinuz-") : NULL;
        _cleanup_free_ char *path =
                        version ? loader->kernel_path(version, KERNEL_FILE_IMAGE) : NULL;

        return path && strcasecmp(file->path + 1, path) == 0;
}

static Checker checker_of(const Loader *loader) {
        return loader->by_shim ? CHECKER_SHIM : CHECKER_FIRMWARE;
}

/* One is enough: which one is the default is the sync's care. *@ret: that, or the last refused one;
 * NULL: there is none. True if one is accepted. */
static bool find_kernel(const SignedFiles *files, const Loader *loader, const SignedFile **ret) {
        *ret = NULL;
        for (size_t i = 0; i < files->n; i++) {
                if (!is_kernel(&files->items[i], loader))
                        continue;
                *ret = &files->items[i];
                if ((*ret)->by[checker_of(loader)].accepted)
                        return true;
        }
        return false;
}

static int tell(const SignedFile *file, const char *path, const char *reason, char **ret) {
        *ret = file ? strprintf("'%s' would be refused: %s", path, reason)
                    : strprintf("'%s' %s", path, reason);
        return *ret ? 0 : -ENOMEM;
}

static int kernel_problem(const SignedFiles *files, const Loader *loader, char **ret) {
        const SignedFile *kernel;

        if (find_kernel(files, loader, &kernel))
                return 0;
        if (kernel)
                return tell(kernel, kernel->path, strempty(kernel->by[checker_of(loader)].reason),
                            ret);
        *ret = strdup("there is no kernel on it");
        return *ret ? 0 : -ENOMEM;
}

/* The firmware starts shim, shim starts GRUB and, for GRUB, checks the kernel; by its own entry and
 * as a removable medium. */
static int shim_problem(const SignedFiles *files, const Loader *loader, bool enforced, char **ret) {
        const struct {
                const char *path, *refusal;
        } chain[] = {
                { SHIM_PATH, start_refusal(signed_files_find(files, SHIM_PATH), enforced) },
                { "/" ESP_GRUB,
                  chain_refusal(signed_files_find(files, "/" ESP_GRUB), CHECKER_SHIM) },
                { "/" ESP_REMOVABLE,
                  start_refusal(signed_files_find(files, "/" ESP_REMOVABLE), enforced) },
                { "/" ESP_GRUB_REMOVABLE,
                  chain_refusal(signed_files_find(files, "/" ESP_GRUB_REMOVABLE), CHECKER_SHIM) },
        };

        if (!signed_files_find(files, SHIM_PATH)) {
                *ret = strdup("there is no shim on it");
                return *ret ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTSOF(chain); i++)
                if (chain[i].refusal)
                        return tell(signed_files_find(files, chain[i].path), chain[i].path,
                                    chain[i].refusal, ret);
        return kernel_problem(files, loader, ret);
}

/* Somebody may have signed it with a key of his own. */
static int program_problem(const SignedFiles *files, const Loader *loader, char **ret) {
        _cleanup_free_ char *path = strprintf("/%s", strempty(loader->program));
        const SignedFile *program = path ? signed_files_find(files, path) : NULL;
        const char *refusal = chain_refusal(program, CHECKER_FIRMWARE);

        if (!path)
                return -ENOMEM;
        return refusal ? tell(program, path, refusal, ret) : kernel_problem(files, loader, ret);
}

int chain_problem(const SignedFiles *files, EspLoader esp_loader, bool enforced, char **ret) {
        const Loader *loader = loader_of(esp_loader);

        assert(ret);

        *ret = NULL;
        if (!files || !loader) {
                *ret = strdup(!files ? "it was not looked at yet"
                                     : "there is no boot loader on it that is known here");
                return *ret ? 0 : -ENOMEM;
        }
        return loader->by_shim ? shim_problem(files, loader, enforced, ret)
                               : program_problem(files, loader, ret);
}

EspLoader chain_loader(void) {
        for_each_loader(l) if (loader_of(l)->by_shim) return l;
        return ESP_LOADER_NONE;
}

/* An entry of ours with shim, or without. */
static bool starts(const Firmware *f, uint16_t number, bool shim) {
        const LoadOption *entry = firmware_entry(f, number);

        return entry && load_option_is_ours(entry) &&
               (strcasecmp(entry->path, SHIM_EFI_PATH) == 0) == shim;
}

/* The places that ours have are filled with those of shim first, and each sort keeps its order. */
int chain_boot_order(const Firmware *f, uint16_t **ret) {
        const size_t n = f->n_boot_order;
        _cleanup_free_ uint16_t *order = NULL, *ours = NULL;
        size_t n_ours = 0, at = 0;

        assert(ret);

        order = calloc(MAX(n, (size_t) 1), sizeof(*order));
        ours = calloc(MAX(n, (size_t) 1), sizeof(*ours));
        if (!order || !ours)
                return -ENOMEM;
        for (int shim = 1; shim >= 0; shim--)
                for (size_t i = 0; i < n; i++)
                        if (starts(f, f->boot_order[i], shim))
                                ours[n_ours++] = f->boot_order[i];
        for (size_t i = 0; i < n; i++) {
                uint16_t number = f->boot_order[i];

                order[i] = starts(f, number, true) || starts(f, number, false) ? ours[at++]
                                                                               : number;
        }
        if (n == 0 || memcmp(order, f->boot_order, n * sizeof(*order)) == 0)
                return 0;
        *ret = TAKE_PTR(order);
        return 1;
}
