/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks and partitions are told by sysfs alone. Device nodes are made, so this needs root. */

#include "sys/block.h"

#include <sched.h>
#include <sys/mount.h>
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
        ck_assert_uint_eq(minor(d.id.number), number);
}

START_TEST(any_name_below_dev_is_understood) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        put_node(&t, "dev/sda", 0);
        put_node(&t, "dev/sda2", 2);
        put_node(&t, "dev/mapper/mine", 2);
        temp_symlink(&t, "dev/disk/by-id/ata-x-part2", "../../sda2");
        temp_symlink(&t, "dev/chain", "disk/by-id/ata-x-part2");
        assert_found(&t, "/dev/sda2", "sda2", "sda", 2);
        assert_found(&t, "/dev/sda", "sda", "sda", 0);
        assert_found(&t, "/dev//sda", "sda", "sda", 0);
        assert_found(&t, "/dev/mapper/mine", "sda2", "sda", 2);
        assert_found(&t, "/dev/disk/by-id/ata-x-part2", "sda2", "sda", 2);
        assert_found(&t, "/dev/chain", "sda2", "sda", 2);
}
END_TEST

static void assert_not_found(const TempRoot *t, const char *path, int expect) {
        BlockDevice d = {};
        int r = block_device_find(t->root, path, &d);

        ck_assert_msg(r == expect, "%s: %d instead of %d", path, r, expect);
        ck_assert_ptr_null(d.name);
}

START_TEST(no_name_leads_out_of_dev) {
        static const char *const paths[] = {
                "/root/mine",
                "/root/link",
                "/dev/out",
                "/dev/absolute",
                "/dev/chain",
                "/dev/../dev/sda2",
                "/dev/../etc/x",
                "/devices/x",
                "/dev/fd/0",
                "/dev/self/fd/0",
                "dev/sda2",
                "//dev/sda2",
                "/dev/disk/../../dev/sda2",
        };
        _cleanup_temp_root_ TempRoot t = two_partitions();

        put_node(&t, "dev/sda2", 2);
        put_node(&t, "root/mine", 2);
        put_node(&t, "devices/x", 2);
        temp_symlink(&t, "root/link", "/dev/sda2");
        temp_symlink(&t, "dev/out", "../root/mine");
        temp_symlink(&t, "dev/absolute", "/dev/sda2");
        temp_symlink(&t, "dev/chain", "disk/out");
        temp_symlink(&t, "dev/disk/out", "../../root/mine");
        temp_symlink(&t, "dev/fd", "/proc/self/fd");
        temp_symlink(&t, "dev/self", "../../../proc/self");
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                assert_not_found(&t, paths[i], -EXDEV);
}
END_TEST

/* A look into a place that a user may mount to, or put links into, could take for ever. */
START_TEST(what_is_mounted_below_dev_is_not_entered) {
        _cleanup_free_ char *shm = NULL;
        _cleanup_temp_root_ TempRoot t;

        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        t = two_partitions();
        shm = strprintf("%s/dev/shm", t.path);
        temp_mkdir(&t, "dev/shm");
        put_node(&t, "dev/sda2", 2);
        ck_assert_int_eq(mount("lab", shm, "tmpfs", 0, NULL), 0);
        put_node(&t, "dev/shm/sda2", 2);
        temp_symlink(&t, "dev/shm/link", "../sda2");
        assert_not_found(&t, "/dev/shm/sda2", -EXDEV);
        assert_not_found(&t, "/dev/shm/link", -EXDEV);
        assert_not_found(&t, "/dev/shm/../sda2", -EXDEV);
        assert_not_found(&t, "/dev/shm", -EXDEV);
        assert_found(&t, "/dev/sda2", "sda2", "sda", 2);
        ck_assert_int_eq(umount2(shm, MNT_DETACH), 0);
}
END_TEST

START_TEST(diskseq_is_that_of_the_disk_where_the_kernel_has_one) {
        _cleanup_temp_root_ TempRoot t = two_partitions();
        _cleanup_(block_device_done) BlockDevice without = {}, found = {}, got = {};

        put_node(&t, "dev/sda2", 2);
        ck_assert_int_eq(block_device_find(t.root, "/dev/sda2", &without), 0);
        ck_assert_uint_eq(without.id.diskseq, 0);
        temp_puts(&t, "sys/devices/pci0/block/sda/diskseq", "17\n");
        ck_assert_int_eq(block_device_find(t.root, "/dev/sda2", &found), 0);
        ck_assert_uint_eq(found.id.diskseq, 17);
        ck_assert_int_eq(block_device_get(t.root, "sda2", &got), 0);
        ck_assert(device_id_equal(&got.id, &found.id));
        ck_assert(!device_id_equal(&got.id, &without.id));
}
END_TEST

static void assert_labels(const TempRoot *t, const char *model, const char *serial) {
        _cleanup_free_ char *found_model = NULL, *found_serial = NULL;

        ck_assert_int_eq(block_disk_labels(t->root, "sda", &found_model, &found_serial), 0);
        ck_assert_pstr_eq(found_model, model);
        ck_assert_pstr_eq(found_serial, serial);
}

START_TEST(disk_is_called_as_it_calls_itself) {
        static const char page[] = "\0\x80\0\x0e  S45NNE0M1234";
        _cleanup_temp_root_ TempRoot t = two_partitions();

        assert_labels(&t, NULL, NULL);
        temp_puts(&t, "sys/devices/pci0/block/sda/serial", "vm-disk-1\n"); /* virtio */
        assert_labels(&t, NULL, "vm-disk-1");
        temp_puts(&t, "sys/devices/pci0/block/sda/serial", "\n");
        temp_puts(&t, "sys/devices/pci0/block/sda/device/name", "SD128\n"); /* an SD card */
        assert_labels(&t, "SD128", NULL);
        temp_puts(&t, "sys/devices/pci0/block/sda/device/model", "SAMSUNG MZ7LH480\n");
        temp_write(&t, "sys/devices/pci0/block/sda/device/vpd_pg80", page, sizeof(page) - 1);
        assert_labels(&t, "SAMSUNG MZ7LH480", "S45NNE0M1234");
        temp_puts(&t, "sys/devices/pci0/block/sda/device/serial", "  20313ABC   \n"); /* NVMe */
        assert_labels(&t, "SAMSUNG MZ7LH480", "20313ABC");
}
END_TEST

START_TEST(what_a_hostile_stick_calls_itself_is_harmless) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        temp_puts(&t, "sys/devices/pci0/block/sda/device/model",
                  "<b>$(id)'\x1b[2J\"\xe2\x80\xae\n");
        temp_puts(&t, "sys/devices/pci0/block/sda/device/serial", "`&lt;`\t%s\\n\n");
        assert_labels(&t, "?b???id????2J????", "??lt????s?n");
}
END_TEST

START_TEST(what_is_no_device_is_told_from_what_is_not_there) {
        _cleanup_temp_root_ TempRoot t = two_partitions();

        temp_puts(&t, "dev/file", "");
        temp_mkfifo(&t, "dev/fifo");
        put_node(&t, "dev/sdz", 99);
        assert_not_found(&t, "/dev/sdb", -ENOENT);
        assert_not_found(&t, "/dev/file/x", -ENOENT);
        assert_not_found(&t, "/dev/file", -ENOTBLK);
        assert_not_found(&t, "/dev/fifo", -ENOTBLK);
        assert_not_found(&t, "/dev/.", -ENOTBLK);
        assert_not_found(&t, "/dev/", -ENOENT);
        assert_not_found(&t, "/dev", -EXDEV);
        assert_not_found(&t, "", -EXDEV);
        assert_not_found(&t, "/dev/sdz", -ENODEV);
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
        ck_assert_uint_eq(d.id.number, makedev(8, 2));
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

CHECK_MAIN("block", disks_are_listed_and_partitions_are_not,
           what_is_made_of_disks_or_memory_or_is_a_guests_is_left_out,
           drive_without_a_medium_and_hidden_path_are_left_out, without_sysfs_there_is_no_list,
           any_name_below_dev_is_understood, no_name_leads_out_of_dev,
           what_is_mounted_below_dev_is_not_entered,
           diskseq_is_that_of_the_disk_where_the_kernel_has_one, disk_is_called_as_it_calls_itself,
           what_a_hostile_stick_calls_itself_is_harmless,
           what_is_no_device_is_told_from_what_is_not_there, kernel_name_gives_disk_and_number,
           holders_are_called_as_users_call_them,
           partitions_of_a_disk_are_those_that_the_kernel_has)
