/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each ESP has an entry of its own, so that the firmware goes on to the next one when a disk is
 * gone. The entry names the partition by its GUID and its place; where that is, sysfs tells. */

#include "blocking/esp-boot-entry.h"

#include "blocking/bootvar.h"
#include "blocking/esp-bootloader.h"
#include "common/string-util.h"
#include "sys/block-disks.h"
#include "sys/block-names.h"

#define SYSFS_SECTOR 512 /* bytes, whatever the disk's sectors are */

/* Number, start and size of the partition, in logical blocks of its disk. */
static int find_place(const EspVolume *v, const Root *root, BootTarget *target) {
        _cleanup_(block_device_done) BlockDevice device = {};
        _cleanup_free_ char *path = NULL;
        uint64_t start, size, block;
        int r;

        r = block_device_of(root, v->device.number, &path);
        if (r >= 0)
                r = block_device_get(root, strrchr(path, '/') + 1, &device);
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
        BootTarget target = {
                .title = esp_loader_title(loader),
                .path = esp_loader_efi_path(v, loader),
        };
        int r;

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
        target.partuuid = names.part_uuid;
        return bootvar_ensure_entry(root, &target, &now, error);
}
