/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which steps are left on the way to Secure Boot. All of it follows from what workers have judged;
 * nothing is remembered from one call to the next, so that what somebody has undone is open again.
 *
 * An ESP with shim and GRUB is taken for one that boots only after it has booted: a signature says
 * who made a program, not that it finds its menu on this firmware. So the first ESP is converted
 * alone, its firmware entry behind the others, and is started once by BootNext: if it hangs, the
 * next start is as it always was. On a host with one ESP both boot loaders stand on that. Only
 * after such a boot are the others converted, and is shim put first. What systemd-boot has on an
 * ESP stays there, for a boot without Secure Boot. */

#include "core/conversion/conversion.h"

#include "common/string-util.h"
#include "core/conversion/chain.h"

#define REMOVABLE_EFI_PATH "\\EFI\\BOOT\\BOOT" EFI_ARCH_UPPER ".EFI"
#define PACKAGED_GRUB      "/usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"
/* shim-signed brings mokutil, the modules of GRUB and grub-install along. */
#define PACKAGES "shim-signed grub-efi-" DEBIAN_ARCH "-signed"
#define CONVERT  "bootctl-pve secure-boot convert"

/* Or would have, if it was installed with that. */
static bool has_shim(const ConversionEsp *esp) {
        return esp->loader == chain_loader();
}

/* 1 if it boots with Secure Boot, 0 with *@ret_problem if not, or -ENOMEM. */
static int esp_is_ready(const Maker *m, const ConversionEsp *esp, char **ret_problem) {
        int r = chain_problem(esp->files, esp->loader, m->enforced, ret_problem);

        return r < 0 ? r : !*ret_problem;
}

/* 1 if it does so by shim. */
static int esp_is_converted(const Maker *m, const ConversionEsp *esp) {
        _cleanup_free_ char *problem = NULL;

        if (!esp->present || !has_shim(esp))
                return 0;
        return esp_is_ready(m, esp, &problem);
}

static const ConversionEsp *booted_esp(const Maker *m) {
        for (size_t i = 0; i < m->host->n_esps; i++)
                if (streq(m->host->esps[i].uuid, strempty(m->host->booted_esp)))
                        return &m->host->esps[i];
        return NULL;
}

/* 1 if this boot came through the shim of an ESP that is converted. */
static int is_proven(const Maker *m) {
        const ConversionEsp *esp = booted_esp(m);
        const Firmware *f = m->host->firmware;
        const LoadOption *entry =
                        f->boot_current < 0 ? NULL : firmware_entry(f, (uint16_t) f->boot_current);

        if (!esp || !entry || !streq_ptr(m->host->loader, loader_of(chain_loader())->name) ||
            (strcasecmp(entry->path, SHIM_EFI_PATH) != 0 &&
             strcasecmp(entry->path, REMOVABLE_EFI_PATH) != 0))
                return 0;
        return esp_is_converted(m, esp);
}

/* The steps. */

static int add_no_way(Maker *m, const char *why) {
        return maker_add(
                        m,
                        (ConversionStep){ CONVERSION_SUPPORT, NULL, false,
                                          strdup("Have this host started by UEFI with Secure Boot"),
                                          strdup(why), NULL });
}

static int add_packages(Maker *m) {
        const SignedFiles *files = &m->host->facts->files;
        const char *path = PACKAGED_SHIM;
        const SignedFile *shim = signed_files_find(files, path);
        const char *why = shim ? NULL : "is not there";

        if (!why) {
                path = PACKAGED_GRUB;
                why = chain_refusal(signed_files_find(files, path), CHECKER_SHIM);
        }
        return maker_add(m, (ConversionStep){ CONVERSION_PACKAGES, NULL, !why,
                                              strdup("Install shim and the GRUB that it accepts"),
                                              why ? strprintf("'%s' %s", path, why)
                                                  : strdup("the packages " PACKAGES " are there"),
                                              strdup("apt-get install " PACKAGES) });
}

/* By the kernels that this host has: Proxmox's end so. */
static const char *kernel_package(const KernelSet *kernels) {
        for (size_t i = 0; i < kernels->n_kernels; i++)
                if (endswith(kernels->kernels[i].version, "-pve"))
                        return "proxmox-default-kernel";
        return "linux-image-" DEBIAN_ARCH;
}

static int add_kernel(Maker *m) {
        const KernelSet *kernels = m->host->kernels;
        const Kernel *good = NULL;

        for (size_t i = 0; i < kernels->n_kernels && !good; i++) {
                const Kernel *kernel = &kernels->kernels[i];

                if (maker_keeps(kernel) && !maker_kernel_refusal(m, kernel))
                        good = kernel;
        }
        return maker_add(m, (ConversionStep){ CONVERSION_KERNEL, NULL, good,
                                              strdup("Have a signed kernel"),
                                              good ? strprintf("kernel %s would be accepted",
                                                               good->version)
                                                   : strprintf("none of the kernels that are kept "
                                                               "in '/boot' would be "
                                                               "accepted by the %s",
                                                               m->shim ? "shim" : "firmware"),
                                              strprintf("apt-get install %s",
                                                        kernel_package(kernels)) });
}

static int add_esp(Maker *m, const ConversionEsp *esp, const char *problem) {
        return maker_add(
                        m,
                        (ConversionStep){ CONVERSION_ESP, esp->uuid, !problem,
                                          strprintf("Convert ESP '%s' to shim and GRUB", esp->uuid),
                                          problem ? strprintf("it would not boot with Secure Boot: "
                                                              "%s",
                                                              problem)
                                                  : strprintf("%s and a kernel on it would be "
                                                              "accepted",
                                                              has_shim(esp) ? "shim, GRUB"
                                                                            : "its boot loader"),
                                          strdup(CONVERT) });
}

/* Those whose step is done, or that are left to be converted; but for @but. */
static int add_esps(Maker *m, bool done, const ConversionEsp *but) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];
                _cleanup_free_ char *problem = NULL;

                if (!maker_may_convert(esp) || esp == but)
                        continue;
                r = esp_is_ready(m, esp, &problem);
                if (r >= 0)
                        r = (r > 0) == done ? add_esp(m, esp, problem) : 0;
        }
        return r;
}

/* The one that is converted while nothing is proven: rather one that this boot did not come from.
 * *@ret is NULL if there is none, or if one is converted already. 0 or -ENOMEM. */
static int find_first(const Maker *m, const ConversionEsp **ret) {
        const ConversionEsp *first = NULL;

        *ret = NULL;
        for (size_t i = 0; i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];
                _cleanup_free_ char *problem = NULL;
                int r = esp_is_converted(m, esp);

                if (r != 0)
                        return MIN(r, 0);
                r = maker_may_convert(esp) ? esp_is_ready(m, esp, &problem) : 1;
                if (r < 0)
                        return r;
                if (r == 0 && (!first || first == booted_esp(m)))
                        first = esp;
        }
        *ret = first;
        return 0;
}

static bool is_alone(const Maker *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->host->n_esps; i++)
                n += maker_may_convert(&m->host->esps[i]);
        return n < 2;
}

static bool has_entry(const Firmware *f, const char *part_uuid) {
        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *entry = firmware_entry(f, f->boot_order[i]);

                if (entry && entry->active && load_option_is_ours(entry) &&
                    strcasecmp(entry->partuuid, part_uuid) == 0)
                        return true;
        }
        return false;
}

/* The place of a removable medium will be shim's. So what boots now needs an entry of its own, or
 * nothing would start it but shim. */
static int add_first(Maker *m, const ConversionEsp *esp) {
        _cleanup_free_ char *problem = NULL;
        int r = 0;

        if (is_alone(m) && !has_entry(m->host->firmware, esp->part_uuid))
                r = maker_add(m,
                              (ConversionStep){ CONVERSION_ENTRY, NULL, false,
                                                strdup("Have the firmware know what boots now"),
                                                strdup("its list has no entry that starts it, so "
                                                       "only shim would be started once that is "
                                                       "there"),
                                                strdup("bootctl-pve reinit") });
        if (r >= 0)
                r = esp_is_ready(m, esp, &problem);
        return r < 0 ? r : add_esp(m, esp, problem);
}

/* Started once: whatever becomes of it, the boot after that is as it was. */
static char *prove_command(const Maker *m) {
        for (size_t i = 0; i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];
                const LoadOption *entry;

                if (isempty(esp->part_uuid) || esp_is_converted(m, esp) <= 0)
                        continue;
                entry = firmware_find(m->host->firmware, esp->part_uuid, SHIM_EFI_PATH);
                if (entry)
                        return strprintf("efibootmgr --bootnext %04X && systemctl reboot",
                                         entry->number);
        }
        return strdup("systemctl reboot");
}

static int add_prove(Maker *m) {
        int r = is_proven(m);

        if (r < 0)
                return r;
        return maker_add(m, (ConversionStep){ CONVERSION_PROVE, NULL, r > 0,
                                              strdup("Boot once by shim and GRUB"),
                                              r > 0 ? strprintf("this boot came through the shim "
                                                                "on ESP '%s'",
                                                                m->host->booted_esp)
                                                    : strdup("only a boot proves that they do; all "
                                                             "that boots now "
                                                             "stays, with "
                                                             "its files and its entries in the "
                                                             "firmware's list, and is "
                                                             "taken "
                                                             "again at the boot after that"),
                                              prove_command(m) });
}

static bool orders_shim(const Firmware *f) {
        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *entry = firmware_entry(f, f->boot_order[i]);

                if (entry && strcasecmp(entry->path, SHIM_EFI_PATH) == 0)
                        return true;
        }
        return false;
}

static bool has_open(const Maker *m, ConversionKind kind) {
        for (size_t i = 0; i < m->plan.n_steps; i++)
                if (m->plan.steps[i].kind == kind && !m->plan.steps[i].done)
                        return true;
        return false;
}

/* A firmware that has not kept the entry of an ESP starts shim as on a removable medium. */
static int add_order(Maker *m) {
        static const char step[] = "Have the firmware try shim first";
        _cleanup_free_ uint16_t *order = NULL;
        int r;

        if (!orders_shim(m->host->firmware) && !has_open(m, CONVERSION_ESP))
                return maker_add(m, (ConversionStep){ CONVERSION_ENTRY, NULL, false, strdup(step),
                                                      strdup("the firmware's list has no entry "
                                                             "that starts it"),
                                                      strdup("bootctl-pve reinit") });
        r = chain_boot_order(m->host->firmware, &order);
        if (r < 0)
                return r;
        r = r == 0 && orders_shim(m->host->firmware);
        return maker_add(m, (ConversionStep){ CONVERSION_ORDER, NULL, r, strdup(step),
                                              strdup(r ? "no other boot loader of an ESP is before "
                                                         "it in the firmware's "
                                                         "list"
                                                       : "another boot loader of an ESP is before "
                                                         "it in the firmware's "
                                                         "list; it stays there behind shim, for a "
                                                         "boot without Secure "
                                                         "Boot"),
                                              strdup(CONVERT) });
}

/* Between the first ESP and the rest comes the boot that proves it. */
static int add_conversion(Maker *m) {
        const ConversionEsp *first;
        int r;

        r = find_first(m, &first);
        if (r >= 0)
                r = add_esps(m, true, NULL);
        if (r >= 0 && first)
                r = add_first(m, first);
        if (r >= 0 && m->shim)
                r = add_prove(m);
        if (r >= 0)
                r = add_esps(m, false, first);
        if (r >= 0 && m->shim)
                r = add_order(m);
        return r;
}

static int add_set_up(Maker *m) {
        return maker_add(m,
                         (ConversionStep){ CONVERSION_SET_UP, NULL, false, strdup("Set up an ESP"),
                                           strdup("no ESP is configured that could be given shim "
                                                  "and GRUB"),
                                           strdup("bootctl-pve esp candidates") });
}

/* 1 if some ESP has shim or, as it is, would not boot without it; or 0, or -ENOMEM. */
static int wants_shim(const Maker *m) {
        for (size_t i = 0; i < m->host->n_esps; i++) {
                const ConversionEsp *esp = &m->host->esps[i];
                _cleanup_free_ char *problem = NULL;
                int r;

                if (!maker_may_convert(esp))
                        continue;
                r = has_shim(esp) ? 0 : esp_is_ready(m, esp, &problem);
                if (r <= 0)
                        return r < 0 ? r : 1;
        }
        return 0;
}

static int make(Maker *m) {
        int r;

        if (m->host->n_esps == 0)
                return add_set_up(m);
        r = wants_shim(m);
        if (r < 0)
                return r;
        m->shim = r > 0;
        r = m->shim ? add_packages(m) : 0;
        if (r >= 0)
                r = add_kernel(m);
        if (r >= 0)
                r = add_conversion(m);
        return r < 0 ? r : maker_add_checks(m);
}

int conversion_plan_make(const ConversionHost *host, ConversionPlan *ret) {
        Maker m = { .host = host };
        int r;

        assert(host->firmware);
        assert(host->facts);
        assert(host->kernels);
        assert(ret);

        m.enforced = host->firmware->secure_boot == SECURE_BOOT_ENABLED;
        if (!host->firmware->uefi)
                r = add_no_way(&m, "it has booted as with a BIOS, which has no Secure Boot");
        else if (host->firmware->secure_boot == SECURE_BOOT_UNSUPPORTED)
                r = add_no_way(&m, "its firmware has no Secure Boot");
        else
                r = make(&m);
        if (r < 0) {
                conversion_plan_done(&m.plan);
                return r;
        }
        *ret = TAKE_STRUCT(m.plan);
        return 0;
}

static int refuse(const ConversionStep *step, Error *error) {
        if (step->kind == CONVERSION_SUPPORT)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "This host cannot boot with Secure Boot: %s", step->why);
        return error_set(error, ERROR_NOT_BOOTABLE, "Something else comes before: %s (%s)%s%s%s",
                         step->step, step->why, isempty(step->command) ? "" : "; run '",
                         step->command, isempty(step->command) ? "" : "'");
}

int conversion_next(const ConversionPlan *plan, char ***ret_esps, bool *ret_order, Error *error) {
        _cleanup_strv_ char **esps = NULL;
        bool order = false;
        size_t first = 0;

        assert(ret_esps);
        assert(ret_order);

        while (first < plan->n_steps && plan->steps[first].done)
                first++;
        if (first == plan->n_steps)
                return 0;
        for (size_t i = first; i < plan->n_steps; i++) {
                const ConversionStep *step = &plan->steps[i];

                if (step->done)
                        continue;
                if (step->kind != CONVERSION_ESP && step->kind != CONVERSION_ORDER)
                        break;
                order |= step->kind == CONVERSION_ORDER;
                if (step->kind == CONVERSION_ESP && strv_extend(&esps, step->esp) < 0)
                        return -ENOMEM;
        }
        if (strv_isempty(esps) && !order)
                return refuse(&plan->steps[first], error);
        *ret_esps = TAKE_PTR(esps);
        *ret_order = order;
        return 1;
}
