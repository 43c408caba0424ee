/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One number in a partition table is changed; sfdisk says what the table was and is. */

#include "blocking/disk/partition-type.h"

#include "../check-main.h"
#include "blocking/disk/disk-content.h"
#include "disk-image.h"

#define SIZE ((size_t) (8 * MIB))

/* Boot code, names, attributes, gaps and an order that is not that of the numbers. */
#define GPT                                                                                     \
        "label: gpt\\nlabel-id: 11111111-2222-3333-4444-555555555555\\n"                        \
        "2 : start=1MiB, size=512KiB, type=L, name=\"second\", attrs=\"LegacyBIOSBootable\"\\n" \
        "1 : start=2MiB, size=2MiB, type=L, name=\"first, and its name\"\\n"                    \
        "7 : start=6MiB, size=1MiB, type=U"
#define MBR                                                           \
        "label: dos\\nlabel-id: 0x1234ABCD\\nstart=1MiB, size=1MiB, " \
        "type=83, bootable\\nstart=3MiB, type=5\\nstart=4MiB, size=2MiB, type=83"

static char *dump(const DiskImage *d, const char *filter) {
        _cleanup_close_ int out = -EBADF;
        _cleanup_free_ char *command = NULL;
        char path[64];
        char *text = calloc(1, 8192);

        out = anonymous_file("dump", 0, path);
        command = strprintf("sh -c 'sfdisk -d %s | sed \"%s\" >%s'", d->path, filter, path);
        ck_assert_int_eq(run_tool(command), 0);
        ck_assert_int_gt(pread(out, text, 8191, 0), 0);
        return text;
}

static int set_esp(DiskImage *d, unsigned number) {
        _cleanup_(partitions_done) Partitions l = {};

        error_done(&d->error);
        ck_assert_int_eq(disk_content_read_table(d->fd, "/dev/sdx", &l, &d->error), 0);
        return partition_type_set_esp(d->fd, partition_of(&l, number), &d->error);
}

/* How many bytes of @a are other ones in @b. */
static size_t count_changes(const DiskImage *d, const uint8_t *before, size_t size) {
        _cleanup_free_ uint8_t *now = malloc(size);
        size_t n = 0;

        ck_assert_int_eq(pread(d->fd, now, size, 0), (ssize_t) size);
        for (size_t i = 0; i < size; i++)
                n += now[i] != before[i];
        return n;
}

static uint8_t *save(const DiskImage *d, size_t size) {
        uint8_t *data = malloc(size);

        ck_assert_int_eq(pread(d->fd, data, size, 0), (ssize_t) size);
        return data;
}

START_TEST(type_of_gpt_is_set_and_all_else_stays) {
        _cleanup_free_ char *before = NULL, *after = NULL, *type = NULL;
        _cleanup_free_ uint8_t *bytes = NULL;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, SIZE / MIB, GPT);
        ck_assert_int_eq(pwrite(d.fd, "boot code", 9, 0), 9);
        ck_assert_int_eq(pwrite(d.fd, "more of it", 10, 430), 10);
        bytes = save(&d, SIZE);
        before = dump(&d, "/start= *4096/s/type=[^,]*/type=X/");
        ck_assert_int_eq(set_esp(&d, 1), 1);
        after = dump(&d, "/start= *4096/s/type=[^,]*/type=X/");
        ck_assert_ptr_nonnull(strstr(before, "type=X"));
        ck_assert_str_eq(before, after);
        type = dump(&d, "/start= *4096/!d");
        ck_assert_ptr_nonnull(strstr(type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"));
        /* In two copies: 16 bytes of the type and two checksums. */
        ck_assert_uint_le(count_changes(&d, bytes, SIZE), 2 * (16 + 4 + 4));
}
END_TEST

START_TEST(type_of_mbr_is_set_in_one_byte) {
        _cleanup_free_ uint8_t *bytes = NULL;
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, SIZE / MIB, MBR);
        ck_assert_int_eq(pwrite(d.fd, "boot code", 9, 0), 9);
        bytes = save(&d, SIZE);
        ck_assert_int_eq(set_esp(&d, 1), 1);
        ck_assert_uint_eq(count_changes(&d, bytes, SIZE), 1);
        ck_assert_int_eq(set_esp(&d, 5), 1);
        ck_assert_uint_eq(count_changes(&d, bytes, SIZE), 2);
        ck_assert_int_eq(disk_content_read_table(d.fd, "/dev/sdx", &l, &d.error), 0);
        ck_assert(partition_is_esp(partition_of(&l, 1)));
        ck_assert(partition_is_esp(partition_of(&l, 5)));
}
END_TEST

START_TEST(what_is_an_esp_is_not_written) {
        _cleanup_free_ uint8_t *bytes = NULL;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, SIZE / MIB, GPT);
        bytes = save(&d, SIZE);
        ck_assert_int_eq(set_esp(&d, 7), 0);
        ck_assert_uint_eq(count_changes(&d, bytes, SIZE), 0);
}
END_TEST

START_TEST(damaged_copy_of_gpt_is_repaired) {
        _cleanup_free_ char *before = NULL, *after = NULL;
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, SIZE / MIB, GPT);
        before = dump(&d, "/start= *4096/s/type=[^,]*/type=X/");
        ck_assert_int_eq(pwrite(d.fd, "xxxxxxxx", 8, 512 + 16), 8);
        ck_assert_int_eq(set_esp(&d, 1), 1);
        after = dump(&d, "/start= *4096/s/type=[^,]*/type=X/");
        ck_assert_str_eq(before, after);
}
END_TEST

static void assert_untouched(DiskImage *d, const Partition *p, ErrorCode code) {
        _cleanup_free_ uint8_t *bytes = save(d, SIZE);

        error_done(&d->error);
        ck_assert_int_eq(partition_type_set_esp(d->fd, p, &d->error), error_code_to_errno(code));
        ck_assert_int_eq(d->error.code, code);
        ck_assert_ptr_nonnull(strstr(d->error.message, p->device));
        ck_assert_uint_eq(count_changes(d, bytes, SIZE), 0);
}

START_TEST(table_that_has_changed_is_left_alone) {
        Partition p = { .device = (char *) "/dev/sdx1",
                        .disk = (char *) "/dev/sdx",
                        .start_sector = 2 * 2048,
                        .size_bytes = 2 * MIB,
                        .number = 1 };
        _cleanup_disk_image_ DiskImage d;

        disk_image_init(&d, SIZE / MIB, GPT);
        p.start_sector++;
        assert_untouched(&d, &p, ERROR_NOT_A_PARTITION);
        p.start_sector--;
        p.size_bytes += 512;
        assert_untouched(&d, &p, ERROR_NOT_A_PARTITION);
        p.size_bytes -= 512;
        for (p.number = 3; p.number < 300; p.number *= 3)
                assert_untouched(&d, &p, ERROR_NOT_A_PARTITION);
        p.number = 0;
        assert_untouched(&d, &p, ERROR_NOT_A_PARTITION);
}
END_TEST

START_TEST(other_tables_are_refused) {
        static const char *const tables[] = { "label: sun\\n1 : start=0, size=16065", NULL };
        const Partition p = { .device = (char *) "/dev/sdx1",
                              .disk = (char *) "/dev/sdx",
                              .start_sector = 0,
                              .size_bytes = 16065 * 512,
                              .number = 1 };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                _cleanup_disk_image_ DiskImage d;

                disk_image_init(&d, SIZE / MIB, tables[i]);
                assert_untouched(&d, &p, ERROR_NOT_SUPPORTED);
        }
}
END_TEST

CHECK_MAIN("partition-type", type_of_gpt_is_set_and_all_else_stays, type_of_mbr_is_set_in_one_byte,
           what_is_an_esp_is_not_written, damaged_copy_of_gpt_is_repaired,
           table_that_has_changed_is_left_alone, other_tables_are_refused)
