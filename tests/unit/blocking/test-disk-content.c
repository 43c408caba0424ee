/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables and signatures as sfdisk and the mkfs programs write them, read from image files. */

#include "blocking/disk/disk-content.h"

#include "../check-main.h"
#include "disk-image.h"

#define DISK "/dev/sdx"

static void read_table(DiskImage *d, const char *disk, Partitions *ret) {
        ck_assert_int_eq(disk_content_read_table(d->fd, disk, ret, &d->error), 0);
        ck_assert(!error_is_set(&d->error));
}

START_TEST(gpt_is_read_with_types_uuids_and_places) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;
        const Partition *p;

        disk_image_init(&d, 64,
                        "label: gpt\\nstart=1MiB, size=2MiB, type=U, "
                        "uuid=5E1BC1C9-A9D1-4B6E-B0D4-7A8F5D5D0B52\\n"
                        "start=8MiB, size=16MiB, type=L");
        read_table(&d, DISK, &l);
        ck_assert_uint_eq(l.n, 3);
        p = &l.items[0];
        ck_assert_uint_eq(p->number, 0);
        ck_assert_str_eq(p->device, DISK);
        ck_assert_str_eq(p->disk, DISK);
        ck_assert_uint_eq(p->size_bytes, 64 * MIB);
        ck_assert_ptr_null(p->part_type);
        p = &l.items[1];
        ck_assert_uint_eq(p->number, 1);
        ck_assert_str_eq(p->device, DISK "1");
        ck_assert_str_eq(p->disk, DISK);
        ck_assert_str_eq(p->part_uuid, "5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52");
        ck_assert(partition_is_esp(p));
        ck_assert_uint_eq(p->start_sector, 2048);
        ck_assert_uint_eq(p->size_bytes, 2 * MIB);
        ck_assert_uint_eq(p->sector_bytes, 512);
        p = &l.items[2];
        ck_assert_str_eq(p->part_type, TYPE_LINUX_GPT);
        ck_assert_uint_eq(p->start_sector, 8 * 2048);
        ck_assert_uint_eq(p->size_bytes, 16 * MIB);
}
END_TEST

START_TEST(mbr_is_read_with_logical_partitions_and_without_their_container) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 64,
                        "label: dos\\nlabel-id: 0x1234ABCD\\nstart=1MiB, size=2MiB, type=ef\\n"
                        "start=4MiB, type=5\\nstart=5MiB, size=8MiB, type=83");
        read_table(&d, "/dev/nvme0n1", &l);
        ck_assert_uint_eq(l.n, 3);
        ck_assert_str_eq(l.items[1].part_type, PARTITION_TYPE_ESP_MBR);
        ck_assert(partition_is_esp(&l.items[1]));
        ck_assert_str_eq(l.items[1].part_uuid, "1234abcd-01");
        ck_assert_str_eq(l.items[1].device, "/dev/nvme0n1p1");
        ck_assert_uint_eq(l.items[2].number, 5);
        ck_assert_str_eq(l.items[2].part_type, "0x83");
        ck_assert_str_eq(l.items[2].device, "/dev/nvme0n1p5");
        ck_assert_uint_eq(l.items[2].start_sector, 5 * 2048);
}
END_TEST

START_TEST(disk_without_a_table_has_no_partitions) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 8, NULL);
        read_table(&d, DISK, &l);
        ck_assert_uint_eq(l.n, 1);
}
END_TEST

static void assert_content(const char *command, const char *fs_type, const char *fs_uuid) {
        _cleanup_(partition_done) Partition p = {};
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 64, NULL);
        if (command)
                disk_image_run(&d, command);
        ck_assert_int_eq(disk_content_probe(d.fd, 0, 0, &p), 0);
        ck_assert_pstr_eq(p.fs_type, fs_type);
        ck_assert_pstr_eq(p.fs_uuid, fs_uuid);
}

START_TEST(file_systems_swap_and_tables_are_found) {
        assert_content(NULL, NULL, NULL);
        assert_content("mkfs.fat -F 32 -i ABCD0123", "vfat", "ABCD-0123");
        assert_content("mkfs.ext2 -q -F -U 5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52", "ext2",
                       "5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52");
        assert_content("mkswap -U 5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52", "swap",
                       "5e1bc1c9-a9d1-4b6e-b0d4-7a8f5d5d0b52");
        assert_content("echo 'label: gpt' | sfdisk -q", "gpt", NULL);
        assert_content("printf 'label: dos\\n,,83\\n' | sfdisk -q", "dos", NULL);
}
END_TEST

/* The superblock of ext2 lies in sectors that FAT32 reserves and does not use. */
START_TEST(several_signatures_are_told) {
        _cleanup_(partition_done) Partition p = {};
        _cleanup_disk_image_ DiskImage d, ext;
        uint8_t superblock[1024];

        disk_image_init(&ext, 64, NULL);
        disk_image_init(&d, 64, NULL);
        disk_image_run(&ext, "mkfs.ext2 -q -F");
        disk_image_run(&d, "mkfs.fat -F 32");
        ck_assert_int_eq(pread(ext.fd, superblock, sizeof(superblock), 1024), 1024);
        ck_assert_int_eq(pwrite(d.fd, superblock, sizeof(superblock), 1024), 1024);
        ck_assert_int_eq(disk_content_probe(d.fd, 0, 0, &p), 0);
        ck_assert_pstr_eq(p.fs_type, PARTITION_SEVERAL);
        ck_assert_ptr_null(p.fs_uuid);
}
END_TEST

/* A disk that cannot be read must not look empty: it could be formatted then. */
START_TEST(what_cannot_be_read_is_an_error_and_not_empty) {
        _cleanup_(partition_done) Partition p = {};
        _cleanup_close_ int write_only = -EBADF;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 64, NULL);
        disk_image_run(&d, "mkfs.fat -F 32");
        write_only = open(d.path, O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(write_only, 0);
        ck_assert_int_eq(disk_content_probe(write_only, 0, 0, &p), -EBADF);
        ck_assert_ptr_null(p.fs_type);
}
END_TEST

/* A hole of the disk, looked at from the disk. */
START_TEST(content_at_an_offset_is_found) {
        _cleanup_(partition_done) Partition inside = {}, before = {};
        _cleanup_free_ char *command = NULL;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 80, NULL);
        command = strprintf("mkfs.fat -F 32 -i ABCD0123 --offset=4096 %s %d", d.path, 64 * 1024);
        ck_assert_int_eq(run_tool(command), 0);
        ck_assert_int_eq(disk_content_probe(d.fd, 2 * MIB, 64 * MIB, &inside), 0);
        ck_assert_pstr_eq(inside.fs_type, "vfat");
        ck_assert_int_eq(disk_content_probe(d.fd, 0, 2 * MIB, &before), 0);
        ck_assert_ptr_null(before.fs_type);
}
END_TEST

static bool go_on(void *userdata) {
        return false;
}

static void count(CopyMove move, uint64_t bytes, void *userdata) {
        (*(unsigned *) userdata)++;
}

START_TEST(wiping_leaves_nothing_to_be_found) {
        static const char *const commands[] = { "mkfs.fat -F 32", "mkfs.ext2 -q -F", "mkswap",
                                                "echo 'label: gpt' | sfdisk -q",
                                                "printf 'label: dos\\n,,83\\n' | sfdisk -q" };
        const Partition name = { .device = (char *) DISK "1" };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                _cleanup_(partition_done) Partition before = {}, after = {};
                _cleanup_disk_image_ DiskImage d;
                unsigned n = 0;
                const CopyWatch watch = { .stop = go_on, .moved = count, .userdata = &n };

                disk_image_init(&d, 64, NULL);
                disk_image_run(&d, commands[i]);
                ck_assert_int_eq(disk_content_probe(d.fd, 0, 0, &before), 0);
                ck_assert_ptr_nonnull(before.fs_type);
                ck_assert_int_eq(disk_content_wipe(d.fd, &name, &watch, &d.error), 0);
                ck_assert_uint_ge(n, 1);
                ck_assert_int_eq(disk_content_probe(d.fd, 0, 0, &after), 0);
                ck_assert_ptr_null(after.fs_type);
        }
}
END_TEST

START_TEST(wiping_of_what_cannot_be_written_fails) {
        const Partition name = { .device = (char *) DISK "1" };
        const CopyWatch watch = { .stop = go_on, .moved = count };
        _cleanup_close_ int fd = -EBADF;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, 64, NULL);
        disk_image_run(&d, "mkswap");
        fd = open(d.path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_lt(disk_content_wipe(fd, &name, &watch, &d.error), 0);
        ck_assert_ptr_nonnull(strstr(d.error.message, DISK "1"));
}
END_TEST

CHECK_MAIN("disk-content", gpt_is_read_with_types_uuids_and_places,
           mbr_is_read_with_logical_partitions_and_without_their_container,
           disk_without_a_table_has_no_partitions, file_systems_swap_and_tables_are_found,
           several_signatures_are_told, what_cannot_be_read_is_an_error_and_not_empty,
           content_at_an_offset_is_found, wiping_leaves_nothing_to_be_found,
           wiping_of_what_cannot_be_written_fails)
