/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a boot loader gets on an ESP, and what the firmware's entry for it names; an object in a
 * folder of its own for each, as core/loader/loader.h has them. */

#include "blocking/esp/esp-commit.h"
#include "blocking/esp/esp-stage.h"
#include "core/loader/loader.h"

typedef struct Installer {
        EspVolume *volume;
        const Root *root; /* the packages are below it */
        bool uefi;
        const CopyWatch *watch;
        EspStage stage;
        EspCommit commit;
        Error *error;
} Installer;

typedef struct LoaderInstall {
        /* NotSupported if it can be seen without trying that it cannot be installed on @v; or 0. */
        int (*check)(const EspVolume *v, const Root *root, Error *error);
        /* Put it there; a barrier follows. -errno with the installer's error. */
        int (*install)(Installer *i);
        /* The files that must be there then, and not empty; up to NULL. */
        const char *const *(*files)(bool uefi);
        /* The program that a Boot#### variable is to name: "\\EFI\\proxmox\\shimx64.efi" if there
         * is a shim on the ESP, else the loader itself. */
        const char *(*efi_path)(const EspVolume *v);
        /* Behind "proxmox AAAA-0001" in that variable's title, where there is more than
         * one loader to be told apart: " systemd-boot", "". */
        const char *entry_suffix;
} LoaderInstall;

#define X(id, object) extern const LoaderInstall loader_install_##object;
LOADER_TABLE(X)
#undef X

/* Stage @step (PLAN_STAGE or PLAN_STAGE_TEXT) and put it in place, all the way to the disk. */
int installer_put(Installer *i, const PlanStep *step);
int installer_put_text(Installer *i, const char *path, const char *text);

/* True if there is a regular file at @path, and it is not empty. */
bool esp_has_file(const EspVolume *v, const char *path);
