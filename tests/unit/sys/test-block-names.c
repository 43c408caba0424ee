/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A partition's names are read from links, whatever they lead to. */

#include "sys/block.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define UUID      "1A2B-3C4D"
#define PART_UUID "5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52"

static void put_link(const TempRoot *t, const char *path, const char *target) {
        _cleanup_free_ char *full = strprintf("%s/%s", t->path, path);

        ck_assert_int_eq(symlink(target, full), 0);
}

static void assert_names(const TempRoot *t, const char *device, const char *disk,
                         const char *part_uuid) {
        _cleanup_(block_names_done) BlockNames names = {};

        ck_assert_int_eq(block_names_load(t->root, UUID, &names), 0);
        ck_assert_pstr_eq(names.device, device);
        ck_assert_pstr_eq(names.disk, disk);
        ck_assert_pstr_eq(names.part_uuid, part_uuid);
}

START_TEST(links_tell_device_disk_and_partuuid) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dev/disk/by-uuid");
        temp_mkdir(&t, "dev/disk/by-partuuid");
        temp_mkdir(&t, "sys/class/block");
        temp_write(&t, "sys/devices/pci0/nvme0/nvme0n1/nvme0n1p2/partition", "2\n", 2);
        put_link(&t, "dev/disk/by-uuid/" UUID, "../../nvme0n1p2");
        put_link(&t, "dev/disk/by-partuuid/11111111-0000-0000-0000-000000000000",
                 "../../nvme0n1p3");
        put_link(&t, "dev/disk/by-partuuid/" PART_UUID, "../../nvme0n1p2");
        put_link(&t, "sys/class/block/nvme0n1p2", "../../devices/pci0/nvme0/nvme0n1/nvme0n1p2");
        assert_names(&t, "/dev/nvme0n1p2", "/dev/nvme0n1", PART_UUID);
}
END_TEST

START_TEST(file_system_on_a_whole_disk_is_its_own_disk) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dev/disk/by-uuid");
        temp_mkdir(&t, "sys/class/block");
        temp_mkdir(&t, "sys/devices/virtual/block/sdb");
        put_link(&t, "dev/disk/by-uuid/" UUID, "../../sdb");
        put_link(&t, "sys/class/block/sdb", "../../devices/virtual/block/sdb");
        assert_names(&t, "/dev/sdb", "/dev/sdb", NULL);
}
END_TEST

START_TEST(link_to_a_disk_that_has_gone_still_tells_its_name) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, "dev/disk/by-uuid");
        put_link(&t, "dev/disk/by-uuid/" UUID, "../../sdc2");
        assert_names(&t, "/dev/sdc2", NULL, NULL);
}
END_TEST

START_TEST(without_a_link_nothing_is_known) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        assert_names(&t, NULL, NULL, NULL);
        temp_mkdir(&t, "dev/disk/by-uuid/" UUID);
        assert_names(&t, NULL, NULL, NULL);
}
END_TEST

START_TEST(device_and_disk_of_a_number_are_told_by_sysfs) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(block_device_done) BlockDevice d = {}, none = {};

        temp_mkdir(&t, "sys/dev/block");
        ck_assert_int_eq(block_device_at(t.root, makedev(259, 2), &none), -ENOENT);
        temp_write(&t, "sys/devices/pci0/nvme0/nvme0n1/nvme0n1p2/partition", "2\n", 2);
        put_link(&t, "sys/dev/block/259:2", "../../devices/pci0/nvme0/nvme0n1/nvme0n1p2");
        ck_assert_int_eq(block_device_at(t.root, makedev(259, 3), &none), -ENOENT);
        ck_assert_int_eq(block_device_at(t.root, makedev(259, 2), &d), 0);
        ck_assert_str_eq(d.disk, "nvme0n1");
        ck_assert_str_eq(d.name, "nvme0n1p2");
        ck_assert_uint_eq(d.number, 2);
        ck_assert(!d.is_made_of_others);
}
END_TEST

CHECK_MAIN("block-names", links_tell_device_disk_and_partuuid,
           file_system_on_a_whole_disk_is_its_own_disk,
           link_to_a_disk_that_has_gone_still_tells_its_name, without_a_link_nothing_is_known,
           device_and_disk_of_a_number_are_told_by_sysfs)
