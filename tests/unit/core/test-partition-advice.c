/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which partitions could become ESPs, and what is said of disks, those of the root above all. */

#include "core/disk/partition-advice.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/partition-lab.h"

static void assert_advice(const Partition *p, const Partitions *all, bool listed,
                          const char *commands, const char *why) {
        _cleanup_(partition_advice_done) PartitionAdvice advice = {};
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(partition_advise(p, all, listed, &advice), 0);
        joined = strv_join(advice.commands, "; ");
        ck_assert_str_eq(joined, commands);
        ck_assert_int_eq(advice.usable, !isempty(commands));
        ck_assert_msg(strstr(advice.why, why), "%s", advice.why);
        ck_assert_int_eq(isempty(advice.why), isempty(why));
}

START_TEST(partition_that_could_become_an_esp_is_told_with_its_next_commands) {
        Partition ready = esp(), blank = empty();
        Partitions all = { .items = &ready, .n = 1 };

        assert_advice(&ready, &all, false, "bootctl-pve init /dev/sda2", "");
        assert_advice(&blank, &all, false,
                      "bootctl-pve format /dev/sda2; bootctl-pve init /dev/sda2", "");
        assert_advice(&ready, &all, true, "", "'/dev/sda2' is an ESP on the list");
}
END_TEST

START_TEST(partition_that_could_not_is_told_with_the_reason) {
        Partition items[] = { esp(), esp() }, p = empty();
        Partitions all = { .items = items, .n = 2 };

        p.size_bytes = 100 * MIB;
        assert_advice(&p, &all, false, "", "'/dev/sda2' has 100 MiB, and an ESP");
        p = empty();
        p.use = PARTITION_USED;
        p.in_use = (char *) "used by md0";
        assert_advice(&p, &all, false, "", "used by md0");
        p = empty();
        p.fs_type = (char *) "ext4";
        assert_advice(&p, &all, false, "", "holds data already ('ext4')");
        p.fs_type = (char *) "zfs_member";
        assert_advice(&p, &all, false, "", "belongs to a ZFS pool");
        /* Whoever has data on a FAT is not told to format it. */
        items[0].part_type = NULL;
        assert_advice(&items[0], &all, false, "", "is not of the type of an ESP");
        items[0] = esp();
        items[1].device = (char *) "/dev/sdb2";
        assert_advice(&items[0], &all, false, "", "have the same UUID");
}
END_TEST

static void assert_disk(const Partitions *all, bool listed, const char *expect) {
        _cleanup_free_ char *sentence = NULL;

        ck_assert_int_eq(disk_advise(&all->items[0], all, listed, &sentence), 0);
        ck_assert_pstr_eq(sentence, expect);
}

START_TEST(disk_without_an_esp_on_the_list_has_a_sentence) {
        Partition items[] = { { .device = (char *) "/dev/sda", .disk = (char *) "/dev/sda" },
                              empty(),
                              empty() };
        Partitions all = { .items = items, .n = 3 };

        items[1].part_type = items[2].part_type = NULL;
        assert_disk(&all, true, NULL);
        assert_disk(&all, false, "'/dev/sda' has no ESP");
        items[2].device = (char *) "/dev/sda3";
        items[2].fs_type = (char *) "zfs_member";
        assert_disk(&all, false,
                    "'/dev/sda' has no ESP, and is part of a ZFS pool by '/dev/sda3'; the host "
                    "cannot boot from it");
        items[1] = esp();
        assert_disk(&all, false, "'/dev/sda' has an ESP, '/dev/sda2', that is not on the list");
        all.n = 1;
        assert_disk(&all, false, "'/dev/sda' has no partitions");
        items[0].fs_type = (char *) "LVM2_member";
        assert_disk(&all, false,
                    "'/dev/sda' as a whole is part of an LVM volume group, which leaves no room "
                    "for an ESP");
}
END_TEST

/* A mirror as Proxmox's installer partitions it, on sda and sdb; each test spoils one thing. */
typedef struct Mirror {
        Partition items[8];
        Partitions all;
        char *esp_disks[3]; /* both, and NULL */
} Mirror;

static Partition on(const char *disk, const char *device, uint32_t number) {
        return (Partition){ .disk = (char *) disk,
                            .device = (char *) device,
                            .number = number,
                            .size_bytes = 512 * MIB,
                            .sector_bytes = 512 };
}

static Mirror *mirror(Mirror *m) {
        *m = (Mirror){
                .items = { on("/dev/sda", "/dev/sda", 0), on("/dev/sda", "/dev/sda1", 1),
                           on("/dev/sda", "/dev/sda2", 2), on("/dev/sda", "/dev/sda3", 3),
                           on("/dev/sdb", "/dev/sdb", 0), on("/dev/sdb", "/dev/sdb1", 1),
                           on("/dev/sdb", "/dev/sdb2", 2), on("/dev/sdb", "/dev/sdb3", 3) },
                .esp_disks = { (char *) "/dev/sda", (char *) "/dev/sdb" },
        };
        m->all = (Partitions){ .items = m->items, .n = ELEMENTSOF(m->items) };
        for (size_t i = 0; i < ELEMENTSOF(m->items); i += 4) {
                m->items[i + 1].part_type = (char *) "21686148-6449-6e6f-744e-656564454649";
                m->items[i + 2].part_type = (char *) PARTITION_TYPE_ESP_GPT;
                m->items[i + 3].fs_type = (char *) "zfs_member";
                m->items[i + 3].carries = (char *) "pool rpool";
        }
        return m;
}

static void assert_bare(const Mirror *m, const char *disk, const char *sentence,
                        const char *action) {
        _cleanup_warnings_ Warnings l = {};

        ck_assert_int_eq(root_disks_advise(&m->all, m->esp_disks, &l), 0);
        ck_assert_uint_eq(l.n, disk ? 1 : 0);
        if (!disk)
                return;
        ck_assert_int_eq(l.items[0].id, WARNING_ROOT_DISK_WITHOUT_ESP);
        ck_assert_str_eq(l.items[0].subject, disk);
        ck_assert_str_eq(l.items[0].sentence, sentence);
        ck_assert_str_eq(l.items[0].action, action);
}

#define BARE "Disk '/dev/sdb' carries the root (pool rpool) but has no synced ESP"

START_TEST(root_disk_without_an_esp_is_told_with_what_makes_it_one) {
        Mirror m;

        assert_bare(mirror(&m), NULL, NULL, NULL);
        m.esp_disks[1] = NULL;
        assert_bare(&m, "/dev/sdb", BARE,
                    "bootctl-pve format /dev/sdb2 && bootctl-pve init /dev/sdb2");
        m.items[6].fs_type = (char *) "vfat";
        m.items[6].fs_uuid = (char *) "ABCD-1234";
        assert_bare(&m, "/dev/sdb", BARE, "bootctl-pve init /dev/sdb2");
        /* As it comes out of sgdisk, before its type is set. */
        m.items[6].fs_type = m.items[6].fs_uuid = NULL;
        m.items[6].part_type = NULL;
        assert_bare(&m, "/dev/sdb", BARE,
                    "bootctl-pve format /dev/sdb2 && bootctl-pve init /dev/sdb2");
        m.items[7].carries = NULL;
        assert_bare(&m, NULL, NULL, NULL);
}
END_TEST

START_TEST(root_disk_whose_place_is_taken_is_told_with_the_reason) {
        Mirror m;

        mirror(&m)->esp_disks[1] = NULL;
        m.items[6].fs_type = (char *) "ext4";
        assert_bare(&m, "/dev/sdb",
                    BARE ": '/dev/sdb2' holds data already ('ext4'); look at what it is, and "
                         "insist with --force to lose it",
                    "bootctl-pve esp candidates");
        /* A second partition of another layout is nobody's to take. */
        m.items[6].part_type = m.items[5].part_type = NULL;
        assert_bare(&m, "/dev/sdb",
                    BARE ", nor a partition that could become one; make one of 512 MiB, of the "
                         "type of an ESP",
                    "bootctl-pve esp candidates");
        /* One that is free goes before one that is not, whatever their order. */
        m.items[6].part_type = m.items[5].part_type = (char *) PARTITION_TYPE_ESP_GPT;
        m.items[5].use = PARTITION_MOUNTED;
        m.items[5].in_use = (char *) "mounted on /mnt";
        m.items[6].fs_type = NULL;
        assert_bare(&m, "/dev/sdb", BARE,
                    "bootctl-pve format /dev/sdb2 && bootctl-pve init /dev/sdb2");
}
END_TEST

/* A log device, or the eighth disk of an array, is not to be partitioned anew. */
START_TEST(root_disk_without_room_is_left_alone_where_two_others_have_esps) {
        Mirror m;

        mirror(&m);
        m.items[6].part_type = m.items[5].part_type = NULL;
        m.esp_disks[1] = (char *) "/dev/sdc";
        assert_bare(&m, NULL, NULL, NULL);
        m.esp_disks[1] = (char *) "/dev/sda";
        assert_bare(&m, "/dev/sdb",
                    BARE ", nor a partition that could become one; make one of 512 MiB, of the "
                         "type of an ESP",
                    "bootctl-pve esp candidates");
        m.esp_disks[1] = (char *) "/dev/sdc";
        m.items[6].part_type = (char *) PARTITION_TYPE_ESP_GPT;
        assert_bare(&m, "/dev/sdb", BARE,
                    "bootctl-pve format /dev/sdb2 && bootctl-pve init /dev/sdb2");
}
END_TEST

START_TEST(nothing_is_said_of_the_root_where_something_is_not_known) {
        static const char *const unknown[] = { "", "/dev/md127", "/dev/dm-3" };
        Mirror m;

        mirror(&m);
        m.esp_disks[0] = m.esp_disks[1] = NULL;
        assert_bare(&m, NULL, NULL, NULL);
        m.esp_disks[0] = (char *) "/dev/sda";
        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                m.esp_disks[1] = (char *) unknown[i];
                assert_bare(&m, NULL, NULL, NULL);
        }
        /* The disk of an ESP that cannot be read is known all the same. */
        m.esp_disks[1] = NULL;
        m.esp_disks[0] = (char *) "/dev/sdz";
        m.items[7].carries = NULL;
        assert_bare(&m, "/dev/sda",
                    "Disk '/dev/sda' carries the root (pool rpool) but has no synced ESP",
                    "bootctl-pve format /dev/sda2 && bootctl-pve init /dev/sda2");
}
END_TEST

START_TEST(disk_of_the_root_has_a_sentence_with_and_without_an_esp) {
        Mirror m;

        mirror(&m);
        ck_assert_str_eq(disk_carries(&m.all, "/dev/sdb"), "pool rpool");
        ck_assert_ptr_null(disk_carries(&m.all, "/dev/sdc"));
        assert_disk(&m.all, true, "'/dev/sda' carries the root (pool rpool)");
        assert_disk(&m.all, false,
                    "'/dev/sda' carries the root (pool rpool), and has an ESP, '/dev/sda2', that "
                    "is not on the list");
        m.items[2].part_type = NULL;
        assert_disk(&m.all, false,
                    "'/dev/sda' carries the root (pool rpool), and has no ESP; the host cannot "
                    "boot from it");
}
END_TEST

CHECK_MAIN("partition-advice", partition_that_could_become_an_esp_is_told_with_its_next_commands,
           partition_that_could_not_is_told_with_the_reason,
           disk_without_an_esp_on_the_list_has_a_sentence,
           root_disk_without_an_esp_is_told_with_what_makes_it_one,
           root_disk_whose_place_is_taken_is_told_with_the_reason,
           root_disk_without_room_is_left_alone_where_two_others_have_esps,
           nothing_is_said_of_the_root_where_something_is_not_known,
           disk_of_the_root_has_a_sentence_with_and_without_an_esp)
