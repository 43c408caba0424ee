/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A disk with what lies on it and who uses it, on loop devices, so it needs root. */

#include "blocking/disk/disk-probe.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/swap.h>

#include "../check-main.h"
#include "disk-image.h"
#include "throwaway-esp.h"

#define THREE                                                                    \
        "label: gpt\\nstart=1MiB, size=40MiB, type=U\\nstart=48MiB, size=8MiB, " \
        "type=L\\nstart=64MiB, size=8MiB, type=L"

static void disk_init(DiskImage *d) {
        disk_image_init(d, 80, THREE);
        disk_image_attach(d, 512);
        disk_image_add(d, 1, 1, 40);
        disk_image_add(d, 2, 48, 8);
        disk_image_add(d, 3, 64, 8);
}

static void on_partition(const DiskImage *d, unsigned number, const char *command) {
        _cleanup_free_ char *line = strprintf("%s %s", command, disk_image_name(d, number));

        ck_assert_msg(run_tool(line) == 0, "'%s' failed", line);
}

static void probe(DiskImage *d, Partitions *ret) {
        ck_assert_msg(disk_probe(d->root, d->loop_path + strlen("/dev/"), ret, &d->error) == 0,
                      "%s", d->error.message);
}

static void assert_use(DiskImage *d, unsigned number, const char *in_use) {
        _cleanup_(partitions_done) Partitions l = {};

        probe(d, &l);
        ck_assert_pstr_eq(partition_of(&l, number)->in_use, in_use);
}

START_TEST(disk_and_partitions_are_listed_with_what_is_on_them) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d);
        on_partition(&d, 1, "mkfs.fat -F 32 -i ABCD0123");
        on_partition(&d, 2, "mkfs.ext2 -q -F");
        probe(&d, &l);
        ck_assert_uint_eq(l.n, 4);
        ck_assert_str_eq(l.items[0].device, d.loop_path);
        ck_assert_str_eq(l.items[0].fs_type, "gpt");
        ck_assert_uint_eq(l.items[0].size_bytes, 80 * MIB);
        ck_assert_str_eq(l.items[1].device, disk_image_name(&d, 1));
        ck_assert_str_eq(l.items[1].disk, d.loop_path);
        ck_assert(partition_is_esp(&l.items[1]));
        ck_assert_str_eq(l.items[1].fs_type, "vfat");
        ck_assert_str_eq(l.items[1].fs_uuid, "ABCD-0123");
        ck_assert_str_eq(l.items[2].fs_type, "ext2");
        ck_assert_ptr_null(l.items[3].fs_type);
        for (size_t i = 0; i < l.n; i++)
                ck_assert_ptr_null(l.items[i].in_use);
}
END_TEST

START_TEST(mount_is_found_and_where) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *expect = NULL;
        _cleanup_disk_image_ DiskImage d;
        const char *point;

        throwaway_init(&t);
        throwaway_mkdir(&t, "a mount");
        point = throwaway_path(&t, "a mount");
        disk_init(&d);
        on_partition(&d, 2, "mkfs.ext2 -q -F");
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        ck_assert_int_eq(mount(disk_image_name(&d, 2), point, "ext2", 0, NULL), 0);
        expect = strprintf(PARTITION_MOUNTED_ON "%s", point);
        assert_use(&d, 2, expect);
        assert_use(&d, 1, NULL);
        assert_use(&d, 0, NULL);
        ck_assert_int_eq(umount2(point, 0), 0);
        assert_use(&d, 2, NULL);
}
END_TEST

START_TEST(swap_is_found) {
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d);
        on_partition(&d, 3, "mkswap");
        ck_assert_int_eq(swapon(disk_image_name(&d, 3), 0), 0);
        assert_use(&d, 3, "used as swap");
        ck_assert_int_eq(swapoff(disk_image_name(&d, 3)), 0);
        assert_use(&d, 3, NULL);
}
END_TEST

START_TEST(claim_of_nobody_who_is_known_is_told) {
        _cleanup_disk_image_ DiskImage d;
        int fd;

        disk_init(&d);
        on_partition(&d, 2, "mkfs.ext2 -q -F");
        fd = open(disk_image_name(&d, 2), O_RDONLY | O_EXCL | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        assert_use(&d, 2, "used by the kernel (device busy)");
        assert_use(&d, 1, NULL);
        safe_close(fd);
        assert_use(&d, 2, NULL);
        fd = open(d.loop_path, O_RDONLY | O_EXCL | O_CLOEXEC);
        assert_use(&d, 1, "used by the kernel (device busy)");
        safe_close(fd);
}
END_TEST

START_TEST(partition_that_the_kernel_does_not_know_is_listed_with_that) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_free_ char *command = NULL;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 80, NULL);
        disk_image_attach(&d, 512);
        disk_image_run(&d, "printf '" THREE "\\n' | sfdisk -q --no-tell-kernel");
        command = strprintf("mkfs.fat -F 32 -i ABCD0123 --offset=2048 %s %d", d.path, 40 * 1024);
        ck_assert_int_eq(run_tool(command), 0);
        probe(&d, &l);
        ck_assert_uint_eq(l.n, 4);
        ck_assert_str_eq(l.items[1].device, disk_image_name(&d, 1));
        ck_assert_str_eq(l.items[1].fs_type, "vfat");
        ck_assert_ptr_nonnull(strstr(l.items[1].in_use, "does not know it"));
}
END_TEST

START_TEST(partition_that_the_kernel_has_elsewhere_is_in_use) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 80, NULL);
        disk_image_attach(&d, 512);
        disk_image_add(&d, 1, 2, 40);
        disk_image_add(&d, 2, 48, 9);
        disk_image_add(&d, 3, 64, 8);
        disk_image_run(&d, "printf '" THREE "\\n' | sfdisk -q --no-tell-kernel");
        probe(&d, &l);
        ck_assert_ptr_nonnull(strstr(l.items[1].in_use, "partprobe"));
        ck_assert_ptr_nonnull(strstr(l.items[2].in_use, "partprobe"));
        ck_assert_ptr_null(l.items[3].in_use);
}
END_TEST

START_TEST(sectors_of_4096_bytes_are_told) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;
        _cleanup_free_ char *line = NULL;

        disk_image_init(&d, 80, NULL);
        disk_image_attach(&d, 4096);
        line = strprintf("printf '" THREE "\\n' | sfdisk -q --no-tell-kernel %s", d.loop_path);
        ck_assert_int_eq(run_tool(line), 0);
        disk_image_add(&d, 2, 48, 8);
        probe(&d, &l);
        ck_assert_uint_eq(l.n, 4);
        ck_assert_uint_eq(l.items[0].sector_bytes, 4096);
        ck_assert_uint_eq(l.items[2].sector_bytes, 4096);
        ck_assert_uint_eq(l.items[2].start_sector, 48 * 2048);
        ck_assert_uint_eq(l.items[2].size_bytes, 8 * MIB);
        ck_assert_ptr_null(l.items[2].in_use);
}
END_TEST

START_TEST(disk_that_is_not_there_is_named) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_error_ Error error = {};
        Root *root;

        ck_assert_int_eq(root_open("/", &root), 0);
        ck_assert_int_eq(disk_probe(root, "sdxyz", &l, &error), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error.message, "'/dev/sdxyz'"));
        root_free(root);
}
END_TEST

CHECK_MAIN("disk-probe", disk_and_partitions_are_listed_with_what_is_on_them,
           mount_is_found_and_where, swap_is_found, claim_of_nobody_who_is_known_is_told,
           partition_that_the_kernel_does_not_know_is_listed_with_that,
           partition_that_the_kernel_has_elsewhere_is_in_use, sectors_of_4096_bytes_are_told,
           disk_that_is_not_there_is_named)
