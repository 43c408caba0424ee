/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The members of the root file system, on hosts that are a few files of proc and sys. */

#include "blocking/disk/root-members.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "../check-main.h"
#include "../sys/temp-root.h"
#include "blocking/disk/disk-probe.h"
#include "common/string-util.h"
#include "disk-image.h"

#define ROOTFS "1 1 0:2 / / rw - rootfs rootfs rw\n"

static void mount_root(const TempRoot *t, const char *number, const char *type,
                       const char *source) {
        _cleanup_free_ char *line = strprintf(ROOTFS "30 1 %s / / rw,noatime shared:1 - %s %s rw\n"
                                                     "31 30 8:99 / /boot rw - ext4 /dev/sdz9 rw\n",
                                              number, type, source);

        temp_puts(t, "proc/self/mountinfo", line);
}

/* "pci0/block/sda" or "virtual/block/md0", and a partition below its disk. */
static void put_device(const TempRoot *t, const char *path, const char *number) {
        const char *name = strrchr(path, '/') + 1;
        _cleanup_free_ char *dev = strprintf("sys/devices/%s/dev", path),
                            *class = strprintf("sys/class/block/%s", name),
                            *by_number = strprintf("sys/dev/block/%s", number),
                            *target = strprintf("../../devices/%s", path);

        temp_puts(t, dev, number);
        temp_symlink(t, class, target);
        temp_symlink(t, by_number, target);
}

static void put_partition(const TempRoot *t, const char *path, const char *number) {
        _cleanup_free_ char *file = strprintf("sys/devices/%s/partition", path);

        put_device(t, path, number);
        temp_puts(t, file, "3\n");
}

/* @above is made of @below, too. */
static void put_slave(const TempRoot *t, const char *above, const char *below) {
        _cleanup_free_ char *path =
                        strprintf("sys/devices/virtual/block/%s/slaves/%s", above, below);

        temp_mkdir(t, path);
}

/* Two disks with a partition each. */
static TempRoot two_disks(void) {
        TempRoot t = temp_root_new();

        put_device(&t, "pci0/block/sda", "8:0");
        put_partition(&t, "pci0/block/sda/sda3", "8:3");
        put_device(&t, "pci0/block/sdb", "8:16");
        put_partition(&t, "pci0/block/sdb/sdb3", "8:19");
        return t;
}

/* "DEVICE WHAT, DEVICE WHAT" for what is marked of /dev/sda, sda3, sdb and sdb3, the partitions
 * being used members of the pool rpool, if anybody asks. */
static void assert_marked(const TempRoot *t, const char *expect) {
        static const char *const names[] = { "sda", "sda3", "sdb", "sdb3" };
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_strv_ char **found = NULL;
        _cleanup_free_ char *joined = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Partition p = { .device = strprintf("/dev/%s", names[i]),
                                .fs_type = strdup(i % 2 ? "zfs_member" : "gpt"),
                                .label = i % 2 ? strdup("rpool") : NULL,
                                .use = i % 2 ? PARTITION_USED : PARTITION_FREE };

                ck_assert_int_eq(partitions_take(&l, &p), 0);
        }
        ck_assert_int_eq(root_members_mark(t->root, &l), 0);
        for (size_t i = 0; i < l.n; i++)
                if (l.items[i].carries)
                        ck_assert_int_eq(
                                        strv_extendf(&found, "%s %s", names[i], l.items[i].carries),
                                        0);
        joined = found ? strv_join(found, ", ") : strdup("");
        ck_assert_str_eq(joined, expect);
}

START_TEST(partition_that_is_mounted_as_root_carries_it) {
        _cleanup_temp_root_ TempRoot t = two_disks();

        mount_root(&t, "8:3", "ext4", "/dev/sda3");
        assert_marked(&t, "sda3 partition sda3");
        mount_root(&t, "8:16", "xfs", "/dev/sdb");
        assert_marked(&t, "sdb partition sdb");
}
END_TEST

START_TEST(every_disk_below_arrays_and_volumes_carries_it) {
        _cleanup_temp_root_ TempRoot t = two_disks();

        put_device(&t, "virtual/block/md0", "9:0");
        put_slave(&t, "md0", "sda3");
        put_slave(&t, "md0", "sdb3");
        mount_root(&t, "9:0", "ext4", "/dev/md0");
        assert_marked(&t, "sda3 array md0, sdb3 array md0");

        put_device(&t, "virtual/block/dm-0", "253:0");
        temp_puts(&t, "sys/devices/virtual/block/dm-0/dm/name", "pve-root\n");
        put_slave(&t, "dm-0", "md0");
        mount_root(&t, "253:0", "ext4", "/dev/mapper/pve-root");
        assert_marked(&t, "sda3 volume pve-root, sdb3 volume pve-root");

        /* A partition of an array has none of its own to be made of. */
        put_partition(&t, "virtual/block/md0/md0p1", "259:0");
        mount_root(&t, "259:0", "ext4", "/dev/md0p1");
        assert_marked(&t, "sda3 array md0p1, sdb3 array md0p1");
}
END_TEST

START_TEST(every_device_of_a_btrfs_carries_it) {
        _cleanup_temp_root_ TempRoot t = two_disks();

        temp_make_parent(&t, "dev/sda3");
        ck_assert_int_eq(mknodat(t.fd, "dev/sda3", S_IFBLK | 0600, makedev(8, 3)), 0);
        mount_root(&t, "0:25", "btrfs", "/dev/sda3");
        temp_mkdir(&t, "sys/fs/btrfs/features");
        temp_mkdir(&t, "sys/fs/btrfs/other/devices/sdc3");
        assert_marked(&t, "");
        temp_mkdir(&t, "sys/fs/btrfs/this/devices/sda3");
        temp_mkdir(&t, "sys/fs/btrfs/this/devices/sdb3");
        assert_marked(&t, "sda3 Btrfs, sdb3 Btrfs");
}
END_TEST

START_TEST(members_of_a_pool_are_those_with_its_name_that_are_in_use) {
        Partition items[] = {
                { .device = (char *) "/dev/sda3",
                  .fs_type = (char *) "zfs_member",
                  .label = (char *) "rpool",
                  .use = PARTITION_USED },
                { .device = (char *) "/dev/sdb3",
                  .fs_type = (char *) "zfs_member",
                  .label = (char *) "rpool",
                  .use = PARTITION_FREE },
                { .device = (char *) "/dev/sdc3",
                  .fs_type = (char *) "zfs_member",
                  .label = (char *) "rpool2",
                  .use = PARTITION_USED },
                { .device = (char *) "/dev/sdd3",
                  .fs_type = (char *) "zfs_member",
                  .use = PARTITION_USED },
                { .device = (char *) "/dev/sde3",
                  .fs_type = (char *) "ext4",
                  .label = (char *) "rpool",
                  .use = PARTITION_USED },
        };
        Partitions l = { .items = items, .n = ELEMENTSOF(items) };
        _cleanup_temp_root_ TempRoot t = two_disks();

        mount_root(&t, "0:28", "zfs", "rpool/ROOT/pve-1");
        ck_assert_int_eq(root_members_mark(t.root, &l), 0);
        ck_assert_str_eq(items[0].carries, "pool rpool");
        for (size_t i = 1; i < l.n; i++)
                ck_assert_ptr_null(items[i].carries);
        free(items[0].carries);
}
END_TEST

START_TEST(what_cannot_be_followed_to_its_end_is_not_known) {
        _cleanup_temp_root_ TempRoot t = two_disks();

        assert_marked(&t, "");
        temp_puts(&t, "proc/self/mountinfo", ROOTFS "garbage\n");
        assert_marked(&t, "");
        mount_root(&t, "0:40", "nfs4", "server:/root");
        assert_marked(&t, "");
        mount_root(&t, "0:40", "overlay", "overlay");
        assert_marked(&t, "");
        mount_root(&t, "8:77", "ext4", "/dev/sdx");
        assert_marked(&t, "");

        put_device(&t, "virtual/block/loop0", "7:0");
        mount_root(&t, "7:0", "ext4", "/dev/loop0");
        assert_marked(&t, "");

        /* A member that sysfs does not know leaves the others unknown, too. */
        put_device(&t, "virtual/block/md0", "9:0");
        put_slave(&t, "md0", "sda3");
        put_slave(&t, "md0", "sdq3");
        mount_root(&t, "9:0", "ext4", "/dev/md0");
        assert_marked(&t, "");
}
END_TEST

START_TEST(paths_to_one_disk_are_no_disks_of_the_root) {
        _cleanup_temp_root_ TempRoot t = two_disks();

        put_device(&t, "virtual/block/dm-0", "253:0");
        put_slave(&t, "dm-0", "sda");
        put_slave(&t, "dm-0", "sdb");
        put_device(&t, "virtual/block/dm-1", "253:1");
        put_slave(&t, "dm-1", "dm-0");
        temp_puts(&t, "sys/devices/virtual/block/dm-1/dm/name", "mpatha-part3\n");
        temp_puts(&t, "sys/devices/virtual/block/dm-0/dm/uuid", "CRYPT-something\n");
        mount_root(&t, "253:1", "ext4", "/dev/mapper/mpatha-part3");
        assert_marked(&t, "sda volume mpatha-part3, sdb volume mpatha-part3");
        temp_puts(&t, "sys/devices/virtual/block/dm-0/dm/uuid", "mpath-3600508b400105e21\n");
        assert_marked(&t, "");
}
END_TEST

START_TEST(proc_of_the_system_that_runs_is_not_that_of_another_root) {
        _cleanup_temp_root_ TempRoot t = {};
        char proc[PATH_MAX + 8];

        /* Before the root is opened, or it would stay one of the namespace without that mount. */
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        t = two_disks();
        mount_root(&t, "8:3", "ext4", "/dev/sda3");
        (void) snprintf(proc, sizeof(proc), "%s/proc", t.path);
        ck_assert_int_eq(mount("proc", proc, "proc", 0, NULL), 0);
        assert_marked(&t, "");
        ck_assert_int_eq(umount2(proc, 0), 0);
        assert_marked(&t, "sda3 partition sda3");
}
END_TEST

static void put_node(const TempRoot *t, const char *device, char ret_number[static 24]) {
        struct stat st;

        temp_make_parent(t, device + 1);
        ck_assert_int_eq(stat(device, &st), 0);
        ck_assert_int_eq(mknodat(t->fd, device + 1, S_IFBLK | 0600, st.st_rdev), 0);
        (void) snprintf(ret_number, 24, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
}

/* A loop device, which the sysfs of this host shows as a disk. */
static void put_disk(const TempRoot *t, const DiskImage *d, char ret_partition[static 24]) {
        const char *disk = d->loop_path + strlen("/dev/");
        _cleanup_free_ char *path = strprintf("pci0/block/%s", disk),
                            *part = strprintf("%s/%sp2", path, disk),
                            *number = strprintf("sys/devices/%s/partition", part),
                            *start = strprintf("sys/devices/%s/start", part),
                            *size = strprintf("sys/devices/%s/size", part);
        char number_of_disk[24];

        put_node(t, d->loop_path, number_of_disk);
        put_device(t, path, number_of_disk);
        put_node(t, disk_image_name(d, 2), ret_partition);
        put_device(t, part, ret_partition);
        temp_puts(t, number, "2\n");
        temp_puts(t, start, "12288\n");
        temp_puts(t, size, "16384\n");
}

START_TEST(look_at_a_disk_tells_of_it) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;
        char number[24];

        disk_image_init(&d, 16, "label: gpt\\n2: start=6MiB, size=8MiB");
        disk_image_attach(&d, 512);
        disk_image_add(&d, 2, 6, 8);
        put_disk(&t, &d, number);
        mount_root(&t, number, "ext4", disk_image_name(&d, 2));
        ck_assert_int_eq(disk_probe(t.root, d.loop_path + strlen("/dev/"), &l, &d.error), 0);
        ck_assert_ptr_null(partition_of(&l, 2)->in_use);
        ck_assert_ptr_nonnull(partition_of(&l, 2)->carries);
        ck_assert_ptr_nonnull(strstr(disk_image_name(&d, 2),
                                     partition_of(&l, 2)->carries + strlen("partition ")));
        ck_assert_ptr_null(partition_of(&l, 0)->carries);
}
END_TEST

CHECK_MAIN("root-members", partition_that_is_mounted_as_root_carries_it,
           every_disk_below_arrays_and_volumes_carries_it, every_device_of_a_btrfs_carries_it,
           members_of_a_pool_are_those_with_its_name_that_are_in_use,
           what_cannot_be_followed_to_its_end_is_not_known,
           paths_to_one_disk_are_no_disks_of_the_root,
           proc_of_the_system_that_runs_is_not_that_of_another_root, look_at_a_disk_tells_of_it)
