/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-boot is one file in two places, and is put there as kernels are. `bootctl install` is not
 * asked to: it renames a new file over the old one, which on FAT may leave neither when power
 * fails, and it takes nothing but the root of a mounted FAT. */

#include "blocking/loader/loader-install.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"
#include "sys/boot-dir.h"

#define LOADER_CONF_TEXT "timeout 3\ndefault " ENTRY_PREFIX "*\n"

/* An administrator's file stays as it is, whatever is in it. */
static int ensure_loader_conf(Installer *i) {
        struct stat st;
        int r;

        r = esp_stat(i->volume, ESP_LOADER_CONF, &st);
        if (r < 0)
                return esp_fail(i->volume, i->error, r, "look at", ESP_LOADER_CONF);
        return r > 0 ? 0 : installer_put_text(i, ESP_LOADER_CONF, LOADER_CONF_TEXT);
}

static int refuse_package(const EspVolume *v, Error *error) {
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "'/" SYSTEMD_BOOT_SOURCE "' is needed for ESP '%s' and not there; "
                         "install the package systemd-boot-efi",
                         v->uuid);
}

static int check(const EspVolume *v, const Root *root, Error *error) {
        LoaderSource source;

        loader_source_find(root, &loader_systemd_boot, &source);
        return source.path ? 0 : refuse_package(v, error);
}

static int install(Installer *i) {
        static const char *const directories[] = { ESP_SYSTEMD_BOOT_DIR, ESP_REMOVABLE_DIR,
                                                   ESP_KERNEL_DIR, ESP_ENTRY_DIR };
        static const char *const paths[] = { ESP_SYSTEMD_BOOT, ESP_REMOVABLE };
        PlanStep step = { .action = PLAN_STAGE };
        LoaderSource source;
        int r = 0;

        loader_source_find(i->root, &loader_systemd_boot, &source);
        if (!source.path)
                return refuse_package(i->volume, i->error);
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(directories); n++)
                r = esp_stage_mkdir(i->volume, directories[n], i->error);
        if (r >= 0)
                r = ensure_loader_conf(i);
        if (r < 0)
                return r;

        step.source = (char *) source.path;
        step.stamp = source.stamp;
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(paths); n++) {
                step.path = (char *) paths[n];
                r = installer_put(i, &step);
        }
        return r;
}

static const char *const *files(bool uefi) {
        static const char *const paths[] = { ESP_SYSTEMD_BOOT, ESP_REMOVABLE, ESP_LOADER_CONF,
                                             NULL };

        return paths;
}

static const char *efi_path(const EspVolume *v) {
        return "\\EFI\\systemd\\systemd-boot" EFI_ARCH ".efi";
}

const LoaderInstall loader_install_systemd_boot = {
        .check = check,
        .install = install,
        .files = files,
        .efi_path = efi_path,
        .entry_suffix = " systemd-boot",
};
