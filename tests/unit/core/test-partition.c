/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which partitions are formatted, which may become ESPs, and how they travel. */

#include "core/disk/partition.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/partition-lab.h"

static void assert_format(const Partition *p, bool force, ErrorCode code, const char *text) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(partition_check_format(p, force, &error), error_code_to_errno(code));
        ck_assert_int_eq(error.code, code);
        if (code == ERROR_NONE)
                return;
        ck_assert_ptr_nonnull(strstr(error.message, p->device));
        ck_assert_msg(strstr(error.message, text), "%s", error.message);
}

static void assert_init(const Partition *p, const Partitions *all, ErrorCode code,
                        const char *text) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(partition_check_init(p, all, &error), error_code_to_errno(code));
        ck_assert_int_eq(error.code, code);
        if (code == ERROR_NONE)
                return;
        ck_assert_ptr_nonnull(strstr(error.message, p->device));
        ck_assert_msg(strstr(error.message, text), "%s", error.message);
}

START_TEST(empty_partition_of_any_type_is_formatted) {
        Partition p = empty();

        assert_format(&p, false, ERROR_NONE, NULL);
        p.part_type = NULL;
        assert_format(&p, false, ERROR_NONE, NULL);
        p.size_bytes = 256 * MIB;
        assert_format(&p, false, ERROR_NONE, NULL);
}
END_TEST

START_TEST(whole_disk_is_not_formatted) {
        Partition p = empty();

        p.number = 0;
        p.device = p.disk;
        assert_format(&p, false, ERROR_NOT_A_PARTITION, "one of its partitions");
        assert_format(&p, true, ERROR_NOT_A_PARTITION, "one of its partitions");
}
END_TEST

START_TEST(mounted_partition_is_not_formatted_and_the_place_is_named) {
        Partition p = esp();

        p.use = PARTITION_MOUNTED;
        p.in_use = (char *) PARTITION_MOUNTED_ON "/boot/efi";
        assert_format(&p, false, ERROR_ESP_MOUNTED, "mounted on /boot/efi");
        assert_format(&p, true, ERROR_ESP_MOUNTED, "unmount it first");
}
END_TEST

START_TEST(partition_in_use_is_not_formatted_and_its_user_is_named) {
        static const char *const users[] = { "used by md0", "used as swap" };
        Partition p = empty();

        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                p.use = PARTITION_USED;
                p.in_use = (char *) users[i];
                assert_format(&p, false, ERROR_ESP_IN_USE, users[i]);
                assert_format(&p, true, ERROR_ESP_IN_USE, users[i]);
        }
}
END_TEST

START_TEST(small_partition_is_not_formatted_and_both_sizes_are_named) {
        Partition p = empty();

        p.size_bytes = 256 * MIB - 512;
        assert_format(&p, false, ERROR_TOO_SMALL, "255 MiB");
        assert_format(&p, true, ERROR_TOO_SMALL, "needs 256");
}
END_TEST

START_TEST(large_sectors_need_257_mib_for_fat32) {
        Partition p = empty();

        p.sector_bytes = 4096;
        p.size_bytes = 257 * MIB - 4096;
        assert_format(&p, false, ERROR_TOO_SMALL, "needs 257");
        p.size_bytes = 257 * MIB;
        assert_format(&p, false, ERROR_NONE, NULL);
        p.sector_bytes = 2048;
        p.size_bytes = 256 * MIB;
        assert_format(&p, false, ERROR_NONE, NULL);
}
END_TEST

START_TEST(file_system_is_lost_only_by_force) {
        static const char *const types[] = { "vfat", "ext4", "gpt", PARTITION_SEVERAL };
        Partition p = esp();

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                p.fs_type = (char *) types[i];
                assert_format(&p, false, ERROR_ALREADY_FORMATTED, "--force");
                assert_format(&p, true, ERROR_NONE, NULL);
        }
}
END_TEST

START_TEST(inactive_member_is_named_and_lost_only_by_force) {
        static const struct {
                const char *type, *what;
        } cases[] = {
                { "zfs_member", "ZFS pool" },        { "LVM2_member", "LVM volume group" },
                { "linux_raid_member", "md array" }, { "swap", "swap space" },
                { "crypto_LUKS", "encrypted" },      { "bcache", "bcache" },
                { "isw_raid_member", "array" },
        };
        Partition p = empty();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                p.fs_type = (char *) cases[i].type;
                assert_format(&p, false, ERROR_ESP_IN_USE, cases[i].what);
                assert_format(&p, false, ERROR_ESP_IN_USE, cases[i].type);
                assert_format(&p, true, ERROR_NONE, NULL);
        }
}
END_TEST

START_TEST(esp_may_be_initialised_whatever_its_size) {
        Partition p = esp();
        Partitions all = { .items = &p, .n = 1 };

        assert_init(&p, &all, ERROR_NONE, NULL);
        p.size_bytes = 100 * MIB;
        assert_init(&p, &all, ERROR_NONE, NULL);
        p.part_type = (char *) PARTITION_TYPE_ESP_MBR;
        assert_init(&p, &all, ERROR_NONE, NULL);
}
END_TEST

START_TEST(what_is_no_esp_is_not_initialised) {
        const Partitions none = {};
        Partition p = esp();

        p.number = 0;
        assert_init(&p, &none, ERROR_NOT_A_PARTITION, "whole disk");
        p = esp();
        p.part_type = (char *) "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";
        assert_init(&p, &none, ERROR_NOT_AN_ESP, "type");
        p.part_type = NULL;
        assert_init(&p, &none, ERROR_NOT_AN_ESP, "type");
        p = esp();
        p.fs_type = (char *) "ext4";
        assert_init(&p, &none, ERROR_NOT_AN_ESP, "'ext4'");
        p.fs_type = NULL;
        assert_init(&p, &none, ERROR_NOT_AN_ESP, "nothing");
        p = esp();
        p.fs_uuid = NULL;
        assert_init(&p, &none, ERROR_NOT_AN_ESP, "UUID");
}
END_TEST

START_TEST(two_partitions_with_one_uuid_are_told_apart_by_nobody) {
        Partition items[] = { esp(), esp(), esp() };
        const Partitions all = { .items = items, .n = ELEMENTSOF(items) };

        items[0].fs_uuid = (char *) "ABCD-9999";
        items[2].device = (char *) "/dev/sdb2";
        items[2].fs_uuid = (char *) "abcd-1234";
        assert_init(&items[1], &all, ERROR_DUPLICATE_UUID, "'/dev/sdb2'");
        assert_init(&items[2], &all, ERROR_DUPLICATE_UUID, "'/dev/sda2'");
        items[2].fs_uuid = NULL;
        assert_init(&items[1], &all, ERROR_NONE, NULL);
}
END_TEST

static char *format(const Partition *p) {
        Buffer b = {};
        char *text;

        record_begin(&b, "partition");
        partition_format(p, &b);
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

static int parse(const char *text, Partition *ret) {
        _cleanup_(record_done) Record record = {};

        ck_assert_int_eq(record_parse(text, strlen(text), &record), 0);
        return partition_parse(&record, ret);
}

#define PLAIN "partition device=/dev/sdb disk=/dev/sdb diskseq=0"

START_TEST(partition_survives_the_round_trip) {
        Partition whole = { .device = (char *) "/dev/sdb",
                            .disk = (char *) "/dev/sdb",
                            .sector_bytes = 4096 };
        Partition items[] = { esp(), empty(), whole };
        static const int n_fields[] = { 15, 9, 7 };

        items[0].model = (char *) "SAMSUNG MZ7LH480";
        items[0].serial = (char *) "S45NNE0M";
        items[0].label = (char *) "EFI SYSTEM";
        items[0].carries = (char *) "pool rpool";
        items[0].diskseq = 17;
        items[1].use = PARTITION_MOUNTED;
        items[1].in_use = (char *) PARTITION_MOUNTED_ON "/a b";
        items[1].part_uuid = NULL;
        for (size_t i = 0; i < ELEMENTSOF(items); i++) {
                _cleanup_(partition_done) Partition again = {};
                _cleanup_free_ char *text = format(&items[i]), *second = NULL;

                ck_assert_int_eq(parse(text, &again), n_fields[i]);
                ck_assert_pstr_eq(again.device, items[i].device);
                ck_assert_pstr_eq(again.disk, items[i].disk);
                ck_assert_pstr_eq(again.part_uuid, items[i].part_uuid);
                ck_assert_pstr_eq(again.part_type, items[i].part_type);
                ck_assert_pstr_eq(again.fs_type, items[i].fs_type);
                ck_assert_pstr_eq(again.fs_uuid, items[i].fs_uuid);
                ck_assert_pstr_eq(again.model, items[i].model);
                ck_assert_pstr_eq(again.label, items[i].label);
                ck_assert_pstr_eq(again.serial, items[i].serial);
                ck_assert_uint_eq(again.diskseq, items[i].diskseq);
                ck_assert_pstr_eq(again.in_use, items[i].in_use);
                ck_assert_int_eq(again.use, items[i].use);
                ck_assert_pstr_eq(again.carries, items[i].carries);
                ck_assert_uint_eq(again.size_bytes, items[i].size_bytes);
                ck_assert_uint_eq(again.start_sector, items[i].start_sector);
                ck_assert_uint_eq(again.number, items[i].number);
                ck_assert_uint_eq(again.sector_bytes, items[i].sector_bytes);
                second = format(&again);
                ck_assert_str_eq(text, second);
        }
}
END_TEST

START_TEST(incomplete_or_impossible_records_are_refused) {
        static const char *const bad[] = {
                "partition",
                "partition device=/dev/sdb diskseq=0 size=1 start=0 number=0 sector=512",
                "partition disk=/dev/sdb diskseq=0 size=1 start=0 number=0 sector=512",
                "partition device= disk=/dev/sdb diskseq=0 size=1 start=0 number=0 sector=512",
                "partition device=/dev/sdb disk=/dev/sdb size=1 start=0 number=0 sector=512",
                PLAIN " size=1 start=0 number=0 sector=512 model=",
                PLAIN " size=1 start=0 number=0 sector=512 model=%20a",
                PLAIN " size=1 start=0 number=0 sector=512 model=a%20%20b",
                PLAIN " size=1 start=0 number=0 sector=512 model=$(device)",
                PLAIN " size=1 start=0 number=0 sector=512 serial=%C3%A4",
                PLAIN " start=0 number=0 sector=512",
                PLAIN " size=1 number=0 sector=512",
                PLAIN " size=1 start=0 sector=512",
                PLAIN " size=1 start=0 number=0",
                PLAIN " size=1 start=0 number=0 sector=0",
                PLAIN " size=-1 start=0 number=0 sector=512",
                PLAIN " size=1 start=0 number=4294967296 sector=512",
                PLAIN " size=1 start=0 number=0 sector=512 fs-type=",
                PLAIN " size=1 start=0 number=0 sector=512 in-use=a%0Ab",
                PLAIN " size=1 start=0 number=0 sector=512 fs-uuid=%FF",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Partition p = {};

                ck_assert_msg(parse(bad[i], &p) == -EBADMSG, "%s", bad[i]);
        }
}
END_TEST

START_TEST(names_from_a_disk_arrive_fit_for_the_bus) {
        _cleanup_(partition_done) Partition again = {}, third = {};
        _cleanup_free_ char *text = NULL, *second = NULL;
        Partition p = esp();
        char mount[6000];

        memset(mount, 'x', sizeof(mount));
        memcpy(mount, PARTITION_MOUNTED_ON "\xff\x1b", strlen(PARTITION_MOUNTED_ON) + 2);
        mount[sizeof(mount) - 1] = '\0';
        p.in_use = mount;
        p.part_type = (char *) "Apple\xc3\x28";
        text = format(&p);
        ck_assert_int_eq(parse(text, &again), 12);
        ck_assert_str_eq(again.part_type, "Apple?(");
        ck_assert_ptr_nonnull(startswith(again.in_use, PARTITION_MOUNTED_ON "??xx"));
        ck_assert_ptr_nonnull(endswith(again.in_use, "x..."));
        ck_assert_uint_eq(strlen(again.in_use), PARTITION_TEXT_MAX + 3);
        second = format(&again);
        ck_assert_int_eq(parse(second, &third), 12);
        ck_assert_str_eq(again.in_use, third.in_use);
}
END_TEST

static void assert_label(const char *text, const char *expect) {
        _cleanup_free_ char *label = partition_label(text), *again = partition_label(expect);

        ck_assert_str_eq(label, expect);
        ck_assert_str_eq(again, expect);
}

START_TEST(label_of_a_disk_is_words_and_nothing_that_a_dialog_or_terminal_obeys) {
        assert_label("", "");
        assert_label("    ", "");
        assert_label("  SAMSUNG   MZ7LH480  ", "SAMSUNG MZ7LH480");
        assert_label("WD_Blue-SA510 2.5/1:0+#", "WD_Blue-SA510 2.5/1:0+#");
        assert_label("a') is empty. Format (", "a?? is empty. Format ?");
        assert_label("$(device) <b>&amp;\"`\\%s", "??device? ?b??amp?????s");
        assert_label("\x1b[2J\r\n\t\x7f", "??2J????");
        assert_label("\xc3\xa4\xe2\x80\xae", "?????");
        assert_label("0123456789012345678901234567890123456789xyz",
                     "0123456789012345678901234567890123456789");
        assert_label("012345678901234567890123456789012345678 xyz",
                     "012345678901234567890123456789012345678");
}
END_TEST

CHECK_MAIN("partition", label_of_a_disk_is_words_and_nothing_that_a_dialog_or_terminal_obeys,
           empty_partition_of_any_type_is_formatted, whole_disk_is_not_formatted,
           mounted_partition_is_not_formatted_and_the_place_is_named,
           partition_in_use_is_not_formatted_and_its_user_is_named,
           small_partition_is_not_formatted_and_both_sizes_are_named,
           large_sectors_need_257_mib_for_fat32, file_system_is_lost_only_by_force,
           inactive_member_is_named_and_lost_only_by_force,
           esp_may_be_initialised_whatever_its_size, what_is_no_esp_is_not_initialised,
           two_partitions_with_one_uuid_are_told_apart_by_nobody, partition_survives_the_round_trip,
           incomplete_or_impossible_records_are_refused, names_from_a_disk_arrive_fit_for_the_bus)
