/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot loaders on an ESP: the one that is asked for installs itself, and then all of its files must
 * be seen there. Each ESP has an entry of its own in the firmware's list, so that the firmware goes
 * on to the next one when a disk is gone. Its title has the FAT UUID of the ESP, which everything
 * else calls it by, too, and which stays when the disk is moved to another port: in the firmware's
 * menu the entries of two disks would otherwise look alike, and grub-install deletes those that are
 * called as its own. It comes early in the title, as menus cut. An entry that is there keeps its
 * title. The entry names the partition by its GUID and its place;
 * where that is, sysfs tells. */

#include "blocking/loader/esp-bootloader.h"

#include "blocking/firmware/bootvar.h"
#include "blocking/loader/loader-install.h"
#include "common/string-util.h"
#include "sys/block.h"

#define SYSFS_SECTOR 512 /* bytes, whatever the disk's sectors are */

static const LoaderInstall *const installs[_ESP_LOADER_MAX] = {
#define X(id, object) [ESP_LOADER_##id] = &loader_install_##object,
        LOADER_TABLE(X)
#undef X
};

/* As the interpreter leaves an ESP: what was replaced is let go only behind a barrier. */
static void installer_done(Installer *i) {
        if (i->commit.open)
                (void) esp_commit_barrier(&i->commit, NULL);
        if (esp_stage_discard(&i->stage))
                (void) esp_commit_barrier(&i->commit, NULL);
        esp_commit_done(&i->commit);
        esp_stage_done(&i->stage);
}

static int check(const Installer *i, const LoaderInstall *install) {
        for (const char *const *path = install->files(i->uefi); *path; path++)
                if (!esp_has_file(i->volume, *path))
                        return error_set(i->error, ERROR_FAILED,
                                         "'%s' is not on ESP '%s' though the boot loader was "
                                         "installed without an error; see the journal",
                                         *path, i->volume->uuid);
        return 0;
}

int esp_check_loader(const EspVolume *v, const Root *root, EspLoader loader, Error *error) {
        assert(v);
        assert(root);
        assert(loader_of(loader));

        return installs[loader]->check(v, root, error);
}

int esp_install_loader(EspVolume *v, const Root *root, EspLoader loader, bool uefi,
                       const CopyWatch *watch, Error *error) {
        _cleanup_(installer_done) Installer i = {
                .volume = v,
                .root = root,
                .uefi = uefi,
                .watch = watch,
                .stage = { .volume = v },
                .commit = { .volume = v },
                .error = error,
        };
        int r;

        assert(v);
        assert(root);
        assert(loader_of(loader));

        r = esp_check_loader(v, root, loader, error);
        if (r >= 0)
                r = installs[loader]->install(&i);
        if (r >= 0)
                r = esp_commit_barrier(&i.commit, error);
        return r < 0 ? r : check(&i, installs[loader]);
}

/* Number, start and size of the partition, in logical blocks of its disk. */
static int find_place(const EspVolume *v, const Root *root, BootTarget *target) {
        _cleanup_(block_device_done) BlockDevice device = {};
        uint64_t start, size, block;
        int r;

        r = block_device_at(root, v->device.number, &device);
        if (r >= 0)
                r = block_device_number(root, device.name, "start", &start);
        if (r >= 0)
                r = block_device_number(root, device.name, "size", &size);
        if (r >= 0)
                r = block_device_number(root, device.disk, "queue/logical_block_size", &block);
        if (r < 0)
                return r;
        if (device.number == 0 || block < SYSFS_SECTOR)
                return -ENODEV;
        target->partition = device.number;
        target->start = start / (block / SYSFS_SECTOR);
        target->size = size / (block / SYSFS_SECTOR);
        return 0;
}

int esp_ensure_boot_entry(const EspVolume *v, const Root *root, EspLoader loader, Error *error) {
        _cleanup_(block_names_done) BlockNames names = {};
        _cleanup_(firmware_done) Firmware now = FIRMWARE_INIT;
        _cleanup_free_ char *title = NULL;
        BootTarget target = {};
        int r;

        assert(loader_of(loader));

        if (v->device.fd < 0)
                return 0;
        r = bootvar_read(root, &now, error);
        if (r < 0 || !now.uefi)
                return r;
        r = block_names_load(root, v->uuid, &names);
        if (r >= 0)
                r = find_place(v, root, &target);
        if (r >= 0 && !names.part_uuid)
                r = -ENODEV;
        if (r < 0)
                return error_set_errno(error, r,
                                       "The firmware cannot be told of ESP '%s', as its place on "
                                       "the disk is not known (see whether udev runs)",
                                       v->uuid);
        title = strprintf("proxmox %s%s", v->uuid, installs[loader]->entry_suffix);
        if (!title)
                return -ENOMEM;
        target.title = title;
        target.path = installs[loader]->efi_path(v);
        target.partuuid = names.part_uuid;
        return bootvar_ensure_entry(root, &target, &now, error);
}
