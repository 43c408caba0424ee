/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of boot loaders, and the choice between them. Each is an object in a folder of its own;
 * nothing here knows more of one than its line. The choice is the administrator's, then that of
 * whoever set the ESP up, and only then ours. What is chosen must be able to boot on this host:
 * with Secure Boot enabled that is judged by the very program that would be installed. */

#include "core/loader/loader.h"

#include "common/string-util.h"
#include "core/firmware/firmware.h"

static const Loader *const loaders[_ESP_LOADER_MAX] = {
#define X(id, object) [ESP_LOADER_##id] = &loader_##object,
        LOADER_TABLE(X)
#undef X
};

const Loader *loader_of(EspLoader loader) {
        assert(loader >= 0 && loader < _ESP_LOADER_MAX);
        return loaders[loader];
}

const char *esp_loader_to_string(EspLoader loader) {
        if ((int) loader < 0 || loader >= _ESP_LOADER_MAX)
                return NULL;
        return loaders[loader] ? loaders[loader]->name : "none";
}

EspLoader esp_loader_from_string(const char *s) {
        for (EspLoader l = ESP_LOADER_NONE; s && l < _ESP_LOADER_MAX; l++)
                if (strcmp(esp_loader_to_string(l), s) == 0)
                        return l;
        return _ESP_LOADER_INVALID;
}

void esp_boot_done(EspBoot *boot) {
        free(boot->version);
        *boot = (EspBoot){};
}

unsigned loader_checkers(EspLoader loader) {
        return loader_of(loader) ? 1u << loader_of(loader)->checker : 0;
}

/* NULL if it is not there. What was judged before its package brought another one says nothing. */
static const SignedFile *find_judged(const LoaderHost *host, EspLoader loader, const char *path) {
        const SignedFile *file =
                        host->judged && path ? signed_files_find(host->judged, path) : NULL;
        const LoaderSource *source = &host->sources[loader];

        if (file && source->path && streq(source->path, path + 1) &&
            !file_stamp_equal(&source->stamp, &file->stamp))
                return NULL;
        return file;
}

int loader_tell_refusal(const LoaderHost *host, EspLoader loader, char **ret) {
        *ret = NULL;
        if (host->firmware->secure_boot != SECURE_BOOT_ENABLED)
                return 0;
        for (const LoaderProgram *p = loader_of(loader)->programs; p && p->path; p++) {
                const SignedFile *file = find_judged(host, loader, p->path)
                                                         ?: find_judged(host, loader, p->instead);

                if (file && file->by[p->checker].accepted)
                        continue;
                if (file)
                        *ret = strprintf("Secure Boot is enabled, and refuses '%s': %s", file->path,
                                         file->by[p->checker].reason);
                else if (loader_of(loader)->unjudged_is_refused)
                        *ret = strdup("Secure Boot is enabled, and refuses it");
                else if (host->judged)
                        *ret = strprintf("Secure Boot is enabled, and '%s' is not there", p->path);
                else
                        return 0;
                return *ret ? 0 : -ENOMEM;
        }
        return 0;
}

/* *@ret is NULL if this host can start @loader. 0 or -ENOMEM. */
static int find_refusal(const LoaderHost *host, EspLoader loader, char **ret) {
        const char *refusal = loader_of(loader)->refusal(host->firmware);

        if (!refusal)
                return loader_tell_refusal(host, loader, ret);
        *ret = strdup(refusal);
        return *ret ? 0 : -ENOMEM;
}

static int find_first_that_boots(const LoaderHost *host, EspLoader *ret) {
        *ret = ESP_LOADER_NONE;
        for_each_loader(l) {
                _cleanup_free_ char *refusal = NULL;
                int r = find_refusal(host, l, &refusal);

                if (r < 0)
                        return r;
                if (refusal)
                        continue;
                *ret = l;
                return 0;
        }
        return 0;
}

/* The ESP would still be told as one of the loader that is @present. */
static bool stays_behind(const Loader *loader, const Loader *present, bool uefi) {
        return present && present != loader &&
               loader->claim_when_installed(uefi) <= present->claim_when_installed(true);
}

/* The first link of @chain that is refused; NULL: it leads to the loader. @ret_there: its first
 * link is on the ESP. */
static const SignedFile *find_refused_link(const LoaderChain *chain, const SignedFiles *files,
                                           bool *ret_there, Checker *ret) {
        const char *const paths[] = {
                [CHECKER_FIRMWARE] = chain->first,
                [CHECKER_SHIM] = chain->next,
        };

        *ret_there = signed_files_find(files, chain->first);
        for (Checker c = 0; *ret_there && c < _CHECKER_MAX; c++) {
                const SignedFile *file = paths[c] ? signed_files_find(files, paths[c]) : NULL;

                if (!file || file->by[c].accepted)
                        continue;
                *ret = c;
                return file;
        }
        return NULL;
}

const SignedFile *loader_find_refused(EspLoader loader, const SignedFiles *files, Checker *ret) {
        const Loader *l = loader_of(loader);
        const SignedFile *refused = NULL;

        for (const LoaderChain *chain = l ? l->chains : NULL; chain && chain->first; chain++) {
                bool there;
                const SignedFile *file = find_refused_link(chain, files, &there, ret);

                if (there && !file)
                        return NULL;
                refused = refused ?: file;
        }
        return refused;
}

/* @first: the loader to be given instead. */
static int refuse(const char *esp_uuid, EspLoader loader, EspLoader first, const char *refusal,
                  Error *error) {
        return error_set(error, ERROR_NOT_SUPPORTED, "ESP '%s' cannot boot by %s here: %s; %s%s%s",
                         esp_uuid, loader_of(loader)->title, refusal,
                         first == ESP_LOADER_NONE ? "no boot loader that is known here could"
                                                  : "give '",
                         first == ESP_LOADER_NONE ? "" : esp_loader_to_string(first),
                         first == ESP_LOADER_NONE ? "" : "' instead");
}

/* No loader of the table can boot here; the reason of the last one, which can do most, is told. */
static int refuse_all(const char *esp_uuid, const LoaderHost *host, Error *error) {
        _cleanup_free_ char *refusal = NULL;
        const EspLoader last = _ESP_LOADER_MAX - 1;
        int r = find_refusal(host, last, &refusal);

        if (r < 0)
                return r;
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "There is no boot loader for ESP '%s' that this host can start; %s: %s",
                         esp_uuid, loader_of(last)->title, strempty(refusal));
}

int loader_choose(const char *esp_uuid, EspLoader asked, EspLoader present, const LoaderHost *host,
                  EspLoader *ret, Error *error) {
        _cleanup_free_ char *refusal = NULL;
        const bool uefi = host->firmware->uefi;
        EspLoader first, chosen;
        const Loader *other = loader_of(present);
        int r;

        r = find_first_that_boots(host, &first);
        if (r < 0)
                return r;
        chosen = asked != ESP_LOADER_NONE ? asked : present != ESP_LOADER_NONE ? present : first;
        if (chosen == ESP_LOADER_NONE)
                return refuse_all(esp_uuid, host, error);
        r = find_refusal(host, chosen, &refusal);
        if (r < 0)
                return r;
        if (refusal)
                return refuse(esp_uuid, chosen, first, refusal, error);
        if (stays_behind(loader_of(chosen), other, uefi))
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "ESP '%s' is set up with %s; format it first to set it up with "
                                 "%s%s",
                                 esp_uuid, other->title, loader_of(chosen)->title,
                                 uefi ? "" : " for a legacy BIOS");
        *ret = chosen;
        return 0;
}
