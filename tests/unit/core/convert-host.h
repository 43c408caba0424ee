/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host on its way to Secure Boot: what is on its ESPs and in its firmware, the boot of it, and
 * what a person or a job does to it. It is looked at as the daemon would. */

#include "common/string-util.h"
#include "core/conversion/chain.h"
#include "core/conversion/conversion.h"

#define HOST_ESPS_MAX  4
#define HOST_FILES_MAX 8
#define SD_EFI_PATH    "\\EFI\\systemd\\systemd-boot" EFI_ARCH ".efi"
#define GRUB_EFI_PATH  "\\EFI\\proxmox\\grub" EFI_ARCH ".efi"

typedef struct HostEsp {
        char uuid[16], part_uuid[GUID_TEXT_SIZE];
        bool absent, unseen;
        bool systemd_boot, own_keys; /* own_keys: its systemd-boot and kernel are accepted by db */
        bool grub, shim;             /* shim: with the GRUB that it accepts */
        bool torn;                   /* power failed while GRUB was put on it */
        SignedFile files[HOST_FILES_MAX];
        SignedFiles signed_files;
} HostEsp;

typedef struct TestHost {
        bool bios;
        SecureBoot secure_boot;
        bool packages, kernel, custom_kernel, authority, validation_off, module;
        KeyStore key;    /* where the key of DKMS is; _KEY_STORE_INVALID: there is none */
        bool grub_hangs; /* signed or not, it does not find its menu on this firmware */
        HostEsp esps[HOST_ESPS_MAX];
        size_t n_esps;
        Firmware firmware;
        size_t booted; /* ESP, n_esps: not known */
        const char *loader;
        /* As the daemon sees it: */
        ConversionEsp seen[HOST_ESPS_MAX];
        SignedFile packaged[4];
        BootKey keys[2];
        RefusedModule refused;
        SecureBootFacts facts;
        Kernel kernels[2];
        KernelSet set;
        ConversionHost host;
} TestHost;

static inline SignedFile host_file(const char *path, bool is_signed, bool firmware, bool shim) {
        return (SignedFile){
                .path = (char *) path,
                .is_signed = is_signed,
                .issuer = (char *) "Microsoft Corporation UEFI CA 2011",
                .by = { { firmware, (char *) (firmware ? "signed by 'CA', which db has" : "not") },
                        { shim, (char *) (shim ? "signed by 'Debian'" : "it is not signed") } },
        };
}

static inline void host_put(HostEsp *esp, const char *path, bool is_signed, bool firmware,
                            bool shim) {
        assert(esp->signed_files.n < HOST_FILES_MAX);
        esp->files[esp->signed_files.n++] = host_file(path, is_signed, firmware, shim);
        esp->signed_files.items = esp->files;
}

static inline void host_look_esp(TestHost *h, HostEsp *esp) {
        esp->signed_files.n = 0;
        if (esp->shim && !esp->torn) {
                host_put(esp, "/" ESP_SHIM, true, h->authority, false);
                host_put(esp, "/" ESP_GRUB, true, false, true);
                host_put(esp, "/" ESP_REMOVABLE, true, h->authority, false);
                host_put(esp, "/EFI/BOOT/grub" EFI_ARCH ".efi", true, false, true);
                host_put(esp, "/vmlinuz-6.8.12-4-pve", h->kernel, false, h->kernel);
        } else if (esp->grub)
                host_put(esp, "/" ESP_GRUB, false, false, false);
        if (esp->systemd_boot) {
                host_put(esp, "/" ESP_SYSTEMD_BOOT, esp->own_keys, esp->own_keys, false);
                host_put(esp, "/EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve", h->kernel,
                         esp->own_keys, h->kernel);
        }
}

static inline const char *host_key_digest(void) {
        return "9a6b2b1b";
}

static inline void host_look_facts(TestHost *h) {
        SecureBootFacts *f = &h->facts;

        *f = (SecureBootFacts){ .shim_checks_nothing = h->validation_off };
        f->files.items = h->packaged;
        h->packaged[f->files.n++] =
                        host_file("/boot/vmlinuz-6.8.12-4-pve", h->kernel, false, h->kernel);
        if (h->custom_kernel)
                h->packaged[f->files.n++] =
                                host_file("/boot/vmlinuz-6.9.0-custom", false, false, false);
        if (h->packages) {
                h->packaged[f->files.n++] = host_file("/usr/lib/shim/shim" EFI_ARCH ".efi.signed",
                                                      true, h->authority, false);
                h->packaged[f->files.n++] = host_file("/usr/lib/grub/" GRUB_EFI_TARGET
                                                      "-signed/grub" EFI_ARCH ".efi.signed",
                                                      true, false, true);
        }
        if (h->key >= 0) {
                f->keys = h->keys;
                h->keys[f->n_keys++] = (BootKey){
                        .store = KEY_STORE_DKMS,
                        .sha256 = (char *) host_key_digest(),
                        .path = (char *) "/var/lib/dkms/mok.pub",
                };
                if (h->key != KEY_STORE_DKMS)
                        h->keys[f->n_keys++] = (BootKey){
                                .store = h->key,
                                .sha256 = (char *) host_key_digest(),
                        };
        }
        h->refused = (RefusedModule){ .path = (char *) "/lib/modules/6.8.12-4-pve/x.ko",
                                      .package = (char *) "x-dkms" };
        f->modules = &h->refused;
        f->n_modules = h->module;
}

static inline const ConversionHost *host_look(TestHost *h) {
        for (size_t i = 0; i < h->n_esps; i++) {
                HostEsp *esp = &h->esps[i];

                host_look_esp(h, esp);
                h->seen[i] = (ConversionEsp){
                        .uuid = esp->uuid,
                        .part_uuid = esp->part_uuid,
                        .present = !esp->absent,
                        .loader = esp->grub || esp->shim ? ESP_LOADER_GRUB
                                  : esp->systemd_boot    ? ESP_LOADER_SYSTEMD_BOOT
                                                         : ESP_LOADER_NONE,
                        .files = esp->unseen ? NULL : &esp->signed_files,
                };
        }
        host_look_facts(h);
        h->kernels[0] = (Kernel){ .version = (char *) "6.8.12-4-pve", .reasons = 1 };
        h->kernels[1] = (Kernel){ .version = (char *) "6.9.0-custom", .reasons = h->custom_kernel };
        h->set = (KernelSet){ .kernels = h->kernels, .n_kernels = 2 };
        h->firmware.uefi = !h->bios;
        h->firmware.secure_boot = h->secure_boot;
        h->host = (ConversionHost){
                .firmware = &h->firmware,
                .facts = &h->facts,
                .loader = h->loader,
                .booted_esp = h->booted < h->n_esps ? h->esps[h->booted].uuid : "",
                .kernels = &h->set,
                .esps = h->seen,
                .n_esps = h->n_esps,
        };
        return &h->host;
}

/* Behind the last one. */
static inline void host_add_entry(TestHost *h, size_t esp, const char *path) {
        LoadOption *o;
        Firmware *f = &h->firmware;

        if (firmware_find(f, h->esps[esp].part_uuid, path))
                return;
        f->entries = reallocarray(f->entries, f->n_entries + 1, sizeof(*f->entries));
        f->boot_order = reallocarray(f->boot_order, f->n_boot_order + 1, sizeof(uint16_t));
        o = &f->entries[f->n_entries];
        *o = (LoadOption){
                .number = (uint16_t) f->n_entries,
                .active = true,
                .title = strdup("proxmox"),
                .path = strdup(path),
        };
        memcpy(o->partuuid, h->esps[esp].part_uuid, sizeof(o->partuuid));
        f->n_entries++;
        f->boot_order[f->n_boot_order++] = o->number;
}

static inline HostEsp *host_add_esp(TestHost *h) {
        size_t i = h->n_esps++;
        HostEsp *esp = &h->esps[i];

        (void) snprintf(esp->uuid, sizeof(esp->uuid), "AAAA-000%zu", i + 1);
        (void) snprintf(esp->part_uuid, sizeof(esp->part_uuid),
                        "11111111-2222-3333-4444-00000000000%zu", i + 1);
        return esp;
}

/* @kinds: a letter for each ESP: s: systemd-boot, o: signed with a key of the owner's, g: GRUB
 * alone, S: shim and GRUB, n: nothing, a: absent. */
static inline void host_make(TestHost *h, const char *kinds) {
        *h = (TestHost){
                .secure_boot = SECURE_BOOT_DISABLED,
                .kernel = true,
                .authority = true,
                .key = _KEY_STORE_INVALID,
                .firmware = FIRMWARE_INIT,
                .loader = "systemd-boot",
        };
        for (const char *k = kinds; *k; k++) {
                HostEsp *esp = host_add_esp(h);

                esp->systemd_boot = *k == 's' || *k == 'o' || *k == 'a';
                esp->own_keys = *k == 'o';
                esp->grub = *k == 'g';
                esp->shim = *k == 'S';
                esp->absent = *k == 'a';
                if (*k != 'n')
                        host_add_entry(h, h->n_esps - 1,
                                       esp->shim   ? SHIM_EFI_PATH
                                       : esp->grub ? GRUB_EFI_PATH
                                                   : SD_EFI_PATH);
        }
        h->firmware.boot_current = h->firmware.n_entries > 0 ? 0 : -1;
        h->loader = kinds[0] == 'S' || kinds[0] == 'g' ? "grub" : "systemd-boot";
        h->packages = strchr(kinds, 'S');
}

static inline void host_done(TestHost *h) {
        firmware_done(&h->firmware);
}

/* True if the firmware gets a kernel to run by the entry; with @hangs GRUB does not find its menu.
 */
static inline bool host_entry_boots(const TestHost *h, const LoadOption *o, bool hangs) {
        bool enforced = h->secure_boot == SECURE_BOOT_ENABLED;

        for (size_t i = 0; i < h->n_esps; i++) {
                const HostEsp *esp = &h->esps[i];

                if (esp->absent || !streq(esp->part_uuid, o->partuuid))
                        continue;
                if (streq(o->path, SD_EFI_PATH))
                        return esp->systemd_boot && (!enforced || esp->own_keys);
                if (streq(o->path, SHIM_EFI_PATH))
                        return esp->shim && !esp->torn && !hangs &&
                               (!enforced || (h->authority && h->kernel));
                return esp->grub && !enforced;
        }
        return false;
}

/* The first in the order that boots; a firmware goes on from what it refuses, and from what is not
 * there, but not from what hangs. NULL: nothing boots. */
static inline const LoadOption *host_choose(const TestHost *h, bool hangs) {
        for (size_t i = 0; i < h->firmware.n_boot_order; i++) {
                const LoadOption *o = firmware_entry(&h->firmware, h->firmware.boot_order[i]);

                if (host_entry_boots(h, o, hangs))
                        return o;
                if (host_entry_boots(h, o, false))
                        return NULL;
        }
        return NULL;
}

/* True if it did. */
static inline bool host_boot(TestHost *h, const LoadOption *o) {
        if (!o)
                return false;
        h->firmware.boot_current = o->number;
        h->loader = streq(o->path, SD_EFI_PATH) ? "systemd-boot" : "grub";
        for (size_t i = 0; i < h->n_esps; i++)
                if (streq(h->esps[i].part_uuid, o->partuuid))
                        h->booted = i;
        return true;
}
