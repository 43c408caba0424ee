/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks and partitions are told by sysfs alone. Device nodes are made, so this needs root. */

#include "sys/block-disks.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

/* A device as the kernel shows it: @parent is "pci0/ata1", or the disk's for a partition. */
static void put_device(const TempRoot *t, const char *parent, const char *name, const char *number,
                       const char *size) {
        _cleanup_free_ char *dir = strprintf("sys/devices/%s/%s", parent, name);
        _cleanup_free_ char *dev = strprintf("%s/dev", dir), *sectors = strprintf("%s/size", dir);
        _cleanup_free_ char *class = strprintf("sys/class/block/%s", name);
        _cleanup_free_ char *by_number = strprintf("sys/dev/block/%s", number);
        _cleanup_free_ char *target = strprintf("../../devices/%s/%s", parent, name);

        temp_puts(t, dev, number);
        temp_puts(t, sectors, size);
        temp_symlink(t, class, target);
        temp_symlink(t, by_number, target);
}

static TempRoot two_partitions(void) {
        TempRoot t = temp_root_new();

        put_device(&t, "pci0/block", "sda", "8:0", "1000\n");
        put_device(&t, "pci0/block/sda", "sda1", "8:1", "10\n");
        put_device(&t, "pci0/block/sda", "sda2", "8:2", "900\n");
        temp_puts(&t, "sys/devices/pci0/block/sda/sda1/partition", "1\n");
        temp_puts(&t, "sys/devices/pci0/block/sda/sda2/partition", "2\n");
        temp_puts(&t, "sys/devices/pci0/block/sda/sda2/start", "100\n");
        temp_mkdir(&t, "sys/devices/pci0/block/sda/queue");
        return t;
}

static void put_node(const TempRoot *t, const char *path, unsigned minor_number) {
        temp_make_parent(t, path);
        ck_assert_msg(mknodat(t->fd, path, S_IFBLK | 0600, makedev(8, minor_number)) == 0,
                      "no device node can be made (%s); this test needs root", strerror(errno));
}

static void assert_list(const TempRoot *t, const char *expect) {
        _cleanup_free_ char *names = NULL;
        _cleanup_strv_ char **disks = NULL;

        ck_assert_int_eq(block_disks_list(t->root, &disks), 0);
        names = strv_join(disks, " ");
        ck_assert_str_eq(names, expect);
}

START_TEST(disks_are_listed_and_partitions_are_not) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        put_device(&t, "pci1/block", "nvme0n1", "259:0", "1000\n");
        put_device(&t, "virtual/block", "nbd3", "43:3", "1000\n");
        assert_list(&t, "nbd3 nvme0n1 sda");
}
END_TEST

START_TEST(what_is_made_of_disks_or_memory_or_is_a_guests_is_left_out) {
        static const char *const names[] = { "loop0", "ram0",  "zram1", "sr0",  "fd0",  "dm-12",
                                             "md127", "md_d0", "zd16",  "rbd0", "drbd1" };
        _cleanup_temp_root_ TempRoot t = two_partitions();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *number = strprintf("100:%zu", i);

                put_device(&t, "virtual/block", names[i], number, "1000\n");
        }
        put_device(&t, "pci1/block", "fdisk", "101:0", "1000\n"); /* only begins so */
        assert_list(&t, "fdisk sda");
}
END_TEST

START_TEST(drive_without_a_medium_and_hidden_path_are_left_out) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        put_device(&t, "usb/block", "sdb", "8:16", "0\n");
        put_device(&t, "pci1", "nvme0c0n1", "259:1", "1000\n");
        temp_puts(&t, "sys/devices/pci1/nvme0c0n1/hidden", "1\n");
        put_device(&t, "pci1", "nvme0n1", "259:2", "1000\n");
        temp_puts(&t, "sys/devices/pci1/nvme0n1/hidden", "0\n");
        assert_list(&t, "nvme0n1 sda");
}
END_TEST

START_TEST(without_sysfs_there_is_no_list) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        char **disks = NULL;

        ck_assert_int_eq(block_disks_list(t.root, &disks), -ENOENT);
}
END_TEST

static void assert_found(const TempRoot *t, const char *path, const char *name, const char *disk,
                         uint32_t number) {
        _cleanup_(block_device_done) BlockDevice d = {};

        ck_assert_int_eq(block_device_find(t->root, path, &d), 0);
        ck_assert_str_eq(d.name, name);
        ck_assert_str_eq(d.disk, disk);
        ck_assert_uint_eq(d.number, number);
        ck_assert_uint_eq(minor(d.device), number);
}

START_TEST(any_path_to_a_device_is_understood) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        put_node(&t, "dev/sda", 0);
        put_node(&t, "dev/sda2", 2);
        put_node(&t, "root/mine", 2);
        temp_symlink(&t, "dev/disk/by-id/ata-x-part2", "../../sda2");
        temp_symlink(&t, "root/link", "/dev/sda2");
        assert_found(&t, "/dev/sda2", "sda2", "sda", 2);
        assert_found(&t, "/dev/sda", "sda", "sda", 0);
        assert_found(&t, "/root/mine", "sda2", "sda", 2);
        assert_found(&t, "/dev/disk/by-id/ata-x-part2", "sda2", "sda", 2);
        assert_found(&t, "/root/link", "sda2", "sda", 2);
}
END_TEST

START_TEST(what_is_no_device_is_told_from_what_is_not_there) {
        _cleanup_temp_root_ TempRoot t = two_partitions();
        BlockDevice d = {};

        temp_puts(&t, "file", "");
        put_node(&t, "dev/sdz", 99);
        ck_assert_int_eq(block_device_find(t.root, "/dev/sdb", &d), -ENOENT);
        ck_assert_int_eq(block_device_find(t.root, "/file/x", &d), -ENOENT);
        ck_assert_int_eq(block_device_find(t.root, "/file", &d), -ENOTBLK);
        ck_assert_int_eq(block_device_find(t.root, "/dev", &d), -ENOTBLK);
        ck_assert_int_eq(block_device_find(t.root, "", &d), -ENOENT);
        ck_assert_int_eq(block_device_find(t.root, "/dev/sdz", &d), -ENODEV);
        ck_assert_ptr_null(d.name);
}
END_TEST

START_TEST(kernel_name_gives_disk_and_number) {
        _cleanup_temp_root_ TempRoot t = two_partitions();
        _cleanup_(block_device_done) BlockDevice d = {};
        uint64_t start = 0;

        ck_assert_int_eq(block_device_get(t.root, "sda3", &d), -ENOENT);
        ck_assert_int_eq(block_device_get(t.root, "sda2", &d), 0);
        ck_assert_str_eq(d.disk, "sda");
        ck_assert_uint_eq(d.number, 2);
        ck_assert_uint_eq(d.device, makedev(8, 2));
        ck_assert_int_eq(block_device_number(t.root, "sda2", "start", &start), 0);
        ck_assert_uint_eq(start, 100);
        ck_assert_int_eq(block_device_number(t.root, "sda1", "start", &start), -ENOENT);
}
END_TEST

START_TEST(holders_are_called_as_users_call_them) {
        _cleanup_temp_root_ TempRoot t = two_partitions();
        _cleanup_strv_ char **none = NULL, **one = NULL, **mapped = NULL;

        ck_assert_int_eq(block_device_holders(t.root, "sda2", &none), 0);
        ck_assert(strv_isempty(none));
        temp_mkdir(&t, "sys/devices/pci0/block/sda/sda1/holders/md0");
        ck_assert_int_eq(block_device_holders(t.root, "sda1", &one), 0);
        ck_assert_str_eq(one[0], "md0");
        ck_assert_ptr_null(one[1]);
        put_device(&t, "virtual/block", "dm-3", "253:3", "10\n");
        temp_puts(&t, "sys/devices/virtual/block/dm-3/dm/name", "pve-root\n");
        temp_mkdir(&t, "sys/devices/pci0/block/sda/sda2/holders/dm-3");
        ck_assert_int_eq(block_device_holders(t.root, "sda2", &mapped), 0);
        ck_assert_str_eq(mapped[0], "pve-root (dm-3)");
}
END_TEST

START_TEST(partitions_of_a_disk_are_those_that_the_kernel_has) {
        _cleanup_temp_root_ TempRoot t = two_partitions();
        _cleanup_strv_ char **names = NULL;

        ck_assert_int_eq(block_disk_partitions(t.root, "sda", &names), 0);
        ck_assert_uint_eq(strv_length(names), 2);
        ck_assert(strv_contains(names, "sda1") && strv_contains(names, "sda2"));
        ck_assert_int_eq(block_disk_partitions(t.root, "sdb", &names), -ENOENT);
}
END_TEST

CHECK_MAIN("block-disks", disks_are_listed_and_partitions_are_not,
           what_is_made_of_disks_or_memory_or_is_a_guests_is_left_out,
           drive_without_a_medium_and_hidden_path_are_left_out, without_sysfs_there_is_no_list,
           any_path_to_a_device_is_understood, what_is_no_device_is_told_from_what_is_not_there,
           kernel_name_gives_disk_and_number, holders_are_called_as_users_call_them,
           partitions_of_a_disk_are_those_that_the_kernel_has)
