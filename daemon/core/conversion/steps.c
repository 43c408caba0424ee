/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a step is made, and those that are left once the ESPs are converted. All of the latter are a
 * person's: passwords, what is asked at the console, and the setup of the firmware. They come
 * before Secure Boot is enabled, so that the host boots with it at once. */

#include "core/conversion/steps.h"

#include "common/string-util.h"
#include "core/conversion/chain.h"

#define SHIM          "/" ESP_SHIM
#define INTO_FIRMWARE "systemctl reboot --firmware-setup"
#define STATUS        "bootctl-pve secure-boot status"
#define NAMES_MAX     5 /* that are told one by one */

void conversion_plan_done(ConversionPlan *plan) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                free(plan->steps[i].step);
                free(plan->steps[i].why);
                free(plan->steps[i].command);
        }
        free(plan->steps);
        *plan = (ConversionPlan){};
}

int maker_add(Maker *m, ConversionStep step) {
        ConversionPlan *plan = &m->plan;
        _cleanup_free_ char *s = step.step, *w = step.why, *c = step.command;

        if (!c || step.done) {
                free(c);
                c = strdup("");
        }
        if (!s || !w || !c || !ARRAY_RESERVE(plan->steps, plan->n_allocated, plan->n_steps + 1))
                return -ENOMEM;
        step.step = TAKE_PTR(s);
        step.why = TAKE_PTR(w);
        step.command = TAKE_PTR(c);
        plan->steps[plan->n_steps++] = step;
        return 0;
}

const char *maker_kernel_refusal(const Maker *m, const Kernel *kernel) {
        _cleanup_free_ char *path = strprintf("/boot/vmlinuz-%s", kernel->version);

        return chain_refusal(path ? signed_files_find(&m->host->facts->files, path) : NULL,
                             m->shim ? CHECKER_SHIM : CHECKER_FIRMWARE);
}

bool maker_keeps(const Kernel *kernel) {
        return kernel->reasons != 0 && kernel_is_bootable(kernel);
}

bool maker_may_convert(const ConversionEsp *esp) {
        return esp->present && esp->loader != ESP_LOADER_NONE && esp->files;
}

/* Whoever has switched it off in shim wanted something that would be refused. */
static int add_validation(Maker *m) {
        if (!m->host->facts->shim_checks_nothing)
                return 0;
        return maker_add(m, (ConversionStep){ CONVERSION_VALIDATION, NULL, false,
                                              strdup("Have shim check what it starts"),
                                              strdup("somebody has disabled its validation, so it "
                                                     "would start anything"),
                                              strdup("mokutil --enable-validation") });
}

static bool has_key(const SecureBootFacts *facts, KeyStore store, const char *sha256) {
        for (size_t i = 0; i < facts->n_keys; i++)
                if (facts->keys[i].store == store && streq_ptr(facts->keys[i].sha256, sha256))
                        return true;
        return false;
}

/* The paths, as words for a shell, of the keys of DKMS that are not in @store nor in @or. 0 or
 * -ENOMEM. */
static int find_unknown_keys(const SecureBootFacts *facts, KeyStore store, KeyStore or,
                             char ***ret) {
        _cleanup_strv_ char **paths = NULL;

        for (size_t i = 0; i < facts->n_keys; i++) {
                const BootKey *key = &facts->keys[i];

                if (key->store == KEY_STORE_DKMS && !has_key(facts, store, key->sha256) &&
                    !has_key(facts, or, key->sha256) &&
                    strv_consume(&paths, shell_word(strempty(key->path))) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

static int add_import(Maker *m, char *const *absent) {
        _cleanup_free_ char *paths = strv_join(absent, " ");

        if (!paths)
                return -ENOMEM;
        return maker_add(
                        m,
                        (ConversionStep){ CONVERSION_IMPORT, NULL, strv_isempty(absent),
                                          strdup("Have the key of DKMS taken by shim"),
                                          strv_isempty(absent)
                                                          ? strdup("it is enrolled, or waits to be")
                                                          : strprintf("modules that are built here "
                                                                      "are signed with "
                                                                      "%s, which shim does not "
                                                                      "know; mokutil asks "
                                                                      "for a password that is "
                                                                      "wanted once, at the "
                                                                      "next boot",
                                                                      paths),
                                          strprintf("mokutil --import %s", paths) });
}

/* The password is a person's, and so is the answer to MokManager. */
static int add_keys(Maker *m) {
        _cleanup_strv_ char **all = NULL, **absent = NULL, **unknown = NULL;
        int r;

        r = find_unknown_keys(m->host->facts, _KEY_STORE_INVALID, _KEY_STORE_INVALID, &all);
        if (r >= 0)
                r = find_unknown_keys(m->host->facts, KEY_STORE_MOK, KEY_STORE_MOK_NEW, &absent);
        if (r >= 0)
                r = find_unknown_keys(m->host->facts, KEY_STORE_MOK, KEY_STORE_MOK, &unknown);
        if (r < 0 || strv_isempty(all) || !m->shim)
                return r;
        r = add_import(m, absent);
        if (r < 0)
                return r;
        return maker_add(m, (ConversionStep){ CONVERSION_ENROL, NULL, strv_isempty(unknown),
                                              strdup("Enrol that key in MokManager"),
                                              strdup(strv_isempty(unknown)
                                                                     ? "shim has every key of DKMS"
                                                                     : "MokManager asks at the "
                                                                       "console of the next boot "
                                                                       "through shim: 'Enroll "
                                                                       "MOK', then the password"),
                                              strdup("systemctl reboot") });
}

static int add_modules(Maker *m) {
        const SecureBootFacts *facts = m->host->facts;
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *list = NULL;
        bool all_known = true;

        for (size_t i = 0; i < facts->n_modules; i++) {
                const RefusedModule *module = &facts->modules[i];
                const char *package = isempty(module->package) ? "of no package" : module->package;

                all_known &= !module->unknown;
                if (!module->unknown &&
                    strv_consume(&names, strprintf("%s (%s)", module->path, package)) < 0)
                        return -ENOMEM;
        }
        list = strv_isempty(names) ? NULL : strv_quote(names, NAMES_MAX);
        if (!list && !strv_isempty(names))
                return -ENOMEM;
        return maker_add(
                        m,
                        (ConversionStep){ CONVERSION_MODULES, NULL, !list,
                                          strdup("Have every module signed"),
                                          list ? strprintf("the kept kernels would refuse %s", list)
                                               : strprintf("no module of a kept kernel would be "
                                                           "refused%s",
                                                           all_known ? ""
                                                                     : ", as far as they could be "
                                                                       "read"),
                                          strdup(STATUS) });
}

/* The shim that is on an ESP, one that would be refused before others; else that of the package. */
static const SignedFile *find_shim(const Maker *m) {
        const SignedFile *found = NULL;

        for (size_t i = 0; i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];
                const SignedFile *shim =
                                maker_may_convert(esp) ? signed_files_find(esp->files, SHIM) : NULL;

                if (shim && (!found || !shim->by[CHECKER_FIRMWARE].accepted))
                        found = shim;
        }
        return found ?: signed_files_find(&m->host->facts->files, PACKAGED_SHIM);
}

static char *explain_authority(const Maker *m, const SignedFile *shim, const char *refusal) {
        bool no_keys = m->host->firmware->secure_boot == SECURE_BOOT_SETUP;
        bool has_issuer = shim && !isempty(shim->issuer);

        if (!shim)
                return strdup("there is no shim yet that could be judged");
        if (!refusal)
                return strprintf("shim is %s", strempty(shim->by[CHECKER_FIRMWARE].reason));
        return strprintf("it would refuse shim%s%s%s: %s; %s",
                         has_issuer ? ", which has a signature vouched for by '" : "",
                         has_issuer ? shim->issuer : "", has_issuer ? "'" : "", refusal,
                         no_keys ? "the firmware has no keys, so restore its factory keys in its "
                                   "setup"
                                 : "allow Microsoft's keys for third parties in its setup, or "
                                   "update the firmware");
}

static int add_authority(Maker *m) {
        const SignedFile *shim = find_shim(m);
        const char *refusal = chain_refusal(shim, CHECKER_FIRMWARE);

        if (!m->shim)
                return 0;
        return maker_add(m, (ConversionStep){ CONVERSION_AUTHORITY, NULL, !refusal,
                                              strdup("Have the firmware accept shim"),
                                              explain_authority(m, shim, refusal),
                                              strdup(INTO_FIRMWARE) });
}

static int add_accepted(Maker *m) {
        const KernelSet *kernels = m->host->kernels;
        _cleanup_strv_ char **refused = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < kernels->n_kernels; i++)
                if (maker_keeps(&kernels->kernels[i]) &&
                    maker_kernel_refusal(m, &kernels->kernels[i]) &&
                    strv_extend(&refused, kernels->kernels[i].version) < 0)
                        return -ENOMEM;
        list = strv_isempty(refused) ? NULL : strv_quote(refused, NAMES_MAX);
        if (!list && !strv_isempty(refused))
                return -ENOMEM;
        return maker_add(m, (ConversionStep){ CONVERSION_ACCEPTED, NULL, !list,
                                              strdup("Keep signed kernels only"),
                                              list ? strprintf("of the kept kernels these would be "
                                                               "refused: %s",
                                                               list)
                                                   : strdup("every kernel that is kept would be "
                                                            "accepted"),
                                              strdup(STATUS) });
}

/* The host boots without them, and it cannot be told whether it would boot from them. */
static int add_absent(Maker *m) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];

                if (maker_may_convert(esp))
                        continue;
                r = maker_add(m,
                              (ConversionStep){ CONVERSION_ABSENT, esp->uuid, false,
                                                strprintf("Have ESP '%s' back, or off the list",
                                                          esp->uuid),
                                                strprintf("it is %s, so it cannot be converted",
                                                          !esp->present ? "missing"
                                                          : !esp->files ? "not looked at"
                                                                        : "without a boot loader "
                                                                          "that is known here"),
                                                strdup("bootctl-pve status") });
        }
        return r;
}

static int add_enable(Maker *m) {
        return maker_add(m, (ConversionStep){ CONVERSION_ENABLE, NULL, m->enforced,
                                              strdup("Enable Secure Boot"),
                                              strdup(m->enforced ? "it is enabled"
                                                                 : "it is switched on in the setup "
                                                                   "of the firmware"),
                                              strdup(INTO_FIRMWARE) });
}

int maker_add_checks(Maker *m) {
        static int (*const sections[])(Maker * m) = {
                add_validation, add_keys,   add_modules, add_authority,
                add_accepted,   add_absent, add_enable,
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sections); i++)
                r = sections[i](m);
        return r;
}
