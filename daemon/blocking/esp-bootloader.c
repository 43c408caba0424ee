/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot loaders on an ESP. systemd-boot is one file in two places, and is put there as kernels are.
 * `bootctl install` is not asked to: it renames a new file over the old one, which on FAT may leave
 * neither when power fails, and it takes nothing but the root of a mounted FAT. GRUB is many files
 * and a piece of the disk outside of any file system; only grub-install knows how to make it. What
 * it prints when it fails is what the user is told. */

#include "blocking/esp-bootloader.h"

#include <fcntl.h>

#include "blocking/esp-commit.h"
#include "blocking/esp-stage.h"
#include "blocking/grub-run.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/grub-config.h"
#include "core/loader-files.h"
#include "sys/block-names.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define SYSTEMD_BOOT_SOURCE "usr/lib/systemd/boot/efi/systemd-boot" EFI_ARCH ".efi"
#define SIGNED_SUFFIX       ".signed"
#define LOADER_CONF_TEXT    "timeout 3\ndefault " ENTRY_PREFIX "*\n"

/* Where Proxmox's own tool is installed beside us, it puts a guard in front of grub-install. */
#define GRUB_INSTALL_DIVERTED "/usr/sbin/grub-install.real"
#define GRUB_INSTALL          "/usr/sbin/grub-install"
#define GRUB_STUB_MAX         4096

#if defined(__aarch64__)
#define GRUB_EFI_TARGET "arm64-efi"
#else
#define GRUB_EFI_TARGET "x86_64-efi"
#endif

#define MOUNTED_AT "/" ESP_MOUNT_PATH

typedef struct Installer {
        EspVolume *volume;
        const Root *root;
        const CopyWatch *watch;
        EspStage stage;
        EspCommit commit;
        Error *error;
} Installer;

/* As the interpreter leaves an ESP: what was replaced is let go only behind a barrier. */
static void installer_done(Installer *i) {
        if (i->commit.open)
                (void) esp_commit_barrier(&i->commit, NULL);
        if (esp_stage_discard(&i->stage))
                (void) esp_commit_barrier(&i->commit, NULL);
        esp_commit_done(&i->commit);
        esp_stage_done(&i->stage);
}

static bool is_there(const EspVolume *v, const char *path) {
        struct stat st;

        return esp_stat(v, path, &st) > 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Stage @step and put it in place, all the way to the disk. */
static int put(Installer *i, const PlanStep *step) {
        _cleanup_free_ char *leftover = strprintf("%s" STAGED_SUFFIX, step->path);
        _cleanup_(esp_file_done) EspFile placed = {};
        char sha256[DIGEST_HEX_SIZE];
        int r;

        if (!leftover)
                return -ENOMEM;
        r = esp_stage_clear(i->volume, leftover, i->error);
        if (r < 0)
                return r;
        if (step->action == PLAN_STAGE)
                r = esp_stage_file(&i->stage, i->root, step, i->watch, i->error);
        else
                r = esp_stage_text(&i->stage, step, i->watch, i->error);
        if (r >= 0)
                r = esp_commit_hold(&i->commit, step->path, i->error);
        if (r >= 0)
                r = esp_stage_take(&i->stage, step->path, sha256, i->error);
        if (r >= 0)
                r = esp_commit_place(&i->commit, step->path, &placed, i->error);
        return r < 0 ? r : esp_commit_barrier(&i->commit, i->error);
}

static int put_text(Installer *i, const char *path, const char *text) {
        const PlanStep step = {
                .action = PLAN_STAGE_TEXT,
                .path = (char *) path,
                .text = (char *) text,
        };

        return put(i, &step);
}

/* The signed one first, as bootctl takes it. NULL if there is none. */
static const char *find_systemd_boot(const Root *root, struct stat *ret) {
        static const char *const paths[] = { SYSTEMD_BOOT_SOURCE SIGNED_SUFFIX,
                                             SYSTEMD_BOOT_SOURCE };

        for (size_t n = 0; n < ELEMENTSOF(paths); n++)
                if (root_stat(root, paths[n], ret) >= 0)
                        return paths[n];
        return NULL;
}

/* An administrator's file stays as it is, whatever is in it. */
static int ensure_loader_conf(Installer *i) {
        struct stat st;
        int r;

        r = esp_stat(i->volume, ESP_LOADER_CONF, &st);
        if (r < 0)
                return esp_fail(i->volume, i->error, r, "look at", ESP_LOADER_CONF);
        return r > 0 ? 0 : put_text(i, ESP_LOADER_CONF, LOADER_CONF_TEXT);
}

static int install_systemd_boot(Installer *i) {
        static const char *const directories[] = { ESP_SYSTEMD_BOOT_DIR, ESP_REMOVABLE_DIR,
                                                   ESP_KERNEL_DIR, ESP_ENTRY_DIR };
        static const char *const paths[] = { ESP_SYSTEMD_BOOT, ESP_REMOVABLE };
        PlanStep step = { .action = PLAN_STAGE };
        const char *source;
        struct stat st;
        int r = 0;

        source = find_systemd_boot(i->root, &st);
        if (!source)
                return error_set(i->error, ERROR_NOT_SUPPORTED,
                                 "'/" SYSTEMD_BOOT_SOURCE "' is needed for ESP '%s' and not there; "
                                 "install the package systemd-boot",
                                 i->volume->uuid);
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(directories); n++)
                r = esp_stage_mkdir(i->volume, directories[n], i->error);
        if (r >= 0)
                r = ensure_loader_conf(i);
        if (r < 0)
                return r;

        step.source = (char *) source;
        file_stamp_from_stat(&st, &step.stamp);
        for (size_t n = 0; r >= 0 && n < ELEMENTSOF(paths); n++) {
                step.path = (char *) paths[n];
                r = put(i, &step);
        }
        return r;
}

/* A signed GRUB has the menu's place not in itself, and looks for it beside itself. grub-install
 * tells it in the directory of the boot entry only. */
static int complete_removable(Installer *i) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        fd = esp_openat(i->volume, ESP_GRUB_STUB, O_RDONLY, 0);
        if (fd == -ENOENT)
                return 0;
        r = fd < 0 ? fd : file_read_fd(fd, GRUB_STUB_MAX, &text, &size);
        if (r < 0)
                return esp_fail(i->volume, i->error, r, "read", ESP_GRUB_STUB);
        return put_text(i, ESP_GRUB_REMOVABLE_STUB, text);
}

static int run_grub_install(Installer *i, const char *const *options) {
        const Root *root = i->volume->mount.root;
        _cleanup_strv_ char **argv = NULL;
        struct stat st;
        int r;

        r = strv_extend(&argv, root_stat(root, GRUB_INSTALL_DIVERTED + 1, &st) >= 0
                                               ? GRUB_INSTALL_DIVERTED
                                               : GRUB_INSTALL);
        for (; r >= 0 && *options; options++)
                r = strv_extend(&argv, *options);
        if (r < 0)
                return r;
        return grub_run(root, (const char *const *) argv, i->watch, i->error);
}

static int install_grub_efi(Installer *i) {
        static const char *const options[] = {
                "--target=" GRUB_EFI_TARGET,
                "--efi-directory=" MOUNTED_AT,
                "--boot-directory=" MOUNTED_AT,
                "--bootloader-id=proxmox",
                "--no-nvram",
                "--force-extra-removable",
                NULL,
        };
        int r;

        r = run_grub_install(i, options);
        return r < 0 ? r : complete_removable(i);
}

static int install_grub_bios(Installer *i) {
        _cleanup_free_ char *disk = NULL;
        const char *options[] = { "--target=i386-pc", "--boot-directory=" MOUNTED_AT, NULL, NULL };
        int r;

        r = block_disk_of(i->volume->mount.root, i->volume->device.number, &disk);
        if (r < 0)
                return error_set_errno(i->error, r,
                                       "Cannot see on which disk ESP '%s' is (is /sys mounted?)",
                                       i->volume->uuid);
        options[2] = disk;
        return run_grub_install(i, options);
}

static int install_grub(Installer *i, bool uefi) {
        if (i->volume->device.fd < 0)
                return error_set(i->error, ERROR_NOT_SUPPORTED,
                                 "GRUB cannot be installed on ESP '%s', which is a directory; give "
                                 "a partition, or choose systemd-boot",
                                 i->volume->uuid);
        return uefi ? install_grub_efi(i) : install_grub_bios(i);
}

static int check(const Installer *i, EspLoader loader, bool uefi) {
        static const char *const systemd_boot[] = { ESP_SYSTEMD_BOOT, ESP_REMOVABLE,
                                                    ESP_LOADER_CONF, NULL };
        static const char *const grub_efi[] = { ESP_GRUB, ESP_REMOVABLE, NULL };
        static const char *const grub_bios[] = { ESP_GRUB_BIOS_IMAGE, NULL };
        const char *const *paths = loader == ESP_LOADER_SYSTEMD_BOOT ? systemd_boot
                                   : uefi                            ? grub_efi
                                                                     : grub_bios;

        for (; *paths; paths++)
                if (!is_there(i->volume, *paths))
                        return error_set(i->error, ERROR_FAILED,
                                         "'%s' is not on ESP '%s' though the boot loader was "
                                         "installed without an error; see the journal",
                                         *paths, i->volume->uuid);
        return 0;
}

int esp_install_loader(EspVolume *v, const Root *root, EspLoader loader, bool uefi,
                       const CopyWatch *watch, Error *error) {
        _cleanup_(installer_done) Installer i = {
                .volume = v,
                .root = root,
                .watch = watch,
                .stage = { .volume = v },
                .commit = { .volume = v },
                .error = error,
        };
        int r;

        assert(v);
        assert(root);
        assert(loader == ESP_LOADER_SYSTEMD_BOOT || loader == ESP_LOADER_GRUB);

        if (loader == ESP_LOADER_SYSTEMD_BOOT)
                r = install_systemd_boot(&i);
        else
                r = install_grub(&i, uefi);
        if (r >= 0)
                r = esp_commit_barrier(&i.commit, error);
        return r < 0 ? r : check(&i, loader, uefi);
}

const char *esp_loader_efi_path(const EspVolume *v, EspLoader loader) {
        switch (loader) {
        case ESP_LOADER_SYSTEMD_BOOT:
                return "\\EFI\\systemd\\systemd-boot" EFI_ARCH ".efi";
        case ESP_LOADER_GRUB:
                return is_there(v, ESP_SHIM) ? "\\EFI\\proxmox\\shim" EFI_ARCH ".efi"
                                             : "\\EFI\\proxmox\\grub" EFI_ARCH ".efi";
        case ESP_LOADER_NONE:
        case _ESP_LOADER_MAX:
        case _ESP_LOADER_INVALID:
                break;
        }
        return NULL;
}

const char *esp_loader_title(EspLoader loader) {
        switch (loader) {
        case ESP_LOADER_SYSTEMD_BOOT:
                return "Linux Boot Manager";
        case ESP_LOADER_GRUB:
                return "proxmox";
        case ESP_LOADER_NONE:
        case _ESP_LOADER_MAX:
        case _ESP_LOADER_INVALID:
                break;
        }
        return NULL;
}
