/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A FAT volume tells which files share clusters, by path and slot, however damaged it is. */

#include "core/esp/fat.h"

#include "tests/unit/check-main.h"
#include "tests/unit/core/fat-lab.h"

#define _cleanup_report_ _cleanup_(fat_report_done)

static const unsigned all_bits[] = { 12, 16, 32 };

static void assert_sharer(const FatReport *report, const char *path, uint64_t offset) {
        const FatSharer *sharer = lab_sharer(report, path);

        ck_assert_msg(sharer, "'%s' is not among the sharers", path);
        ck_assert_uint_eq(sharer->offset, offset);
}

/* Check it and expect so much. */
static void assert_report(FatLab *lab, size_t n_sharers, uint64_t n_broken, FatReport *ret) {
        ck_assert_int_eq(lab_check(lab, ret), 0);
        ck_assert_uint_eq(ret->n_sharers, n_sharers);
        ck_assert_uint_eq(ret->n_broken, n_broken);
}

START_TEST(boot_sector_tells_where_everything_lies) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ FatLab lab;
                Fat fat;

                lab_init(&lab, all_bits[i]);
                ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
                ck_assert_uint_eq(fat.bits, all_bits[i]);
                ck_assert_uint_eq(fat.cluster_bytes, LAB_SECTOR);
                ck_assert_uint_eq(fat.n_clusters, lab.n_clusters);
                ck_assert_uint_eq(fat.table_offset, LAB_RESERVED * LAB_SECTOR);
                ck_assert_uint_eq(fat.data_offset, lab_cluster_offset(&lab, 2));
                ck_assert(!fat.dirty);
                if (all_bits[i] == 32)
                        ck_assert_uint_eq(fat.root_cluster, 2);
                else {
                        ck_assert_uint_eq(fat.root_offset, lab_root_offset(&lab));
                        ck_assert_uint_eq(fat.root_bytes, LAB_ROOT * 32);
                }
        }
}
END_TEST

START_TEST(what_is_no_boot_sector_is_refused_for_each_field) {
        static const struct {
                const char *what;
                unsigned at;
                uint32_t value;
                size_t size;
        } cases[] = {
                { "no signature", 510, 0, 1 },
                { "half a signature", 511, 0x55, 1 },
                { "no sector size", 11, 0, 2 },
                { "a small sector", 11, 256, 2 },
                { "a large sector", 11, 8192, 2 },
                { "an odd sector", 11, 768, 2 },
                { "no cluster size", 13, 0, 1 },
                { "an odd cluster", 13, 3, 1 },
                { "no reserved sector", 14, 0, 2 },
                { "reserved sectors beyond the end", 14, 60000, 2 },
                { "no table", 16, 0, 1 },
                { "no length of the table", 22, 0, 2 },
                { "a table beyond the end", 22, 60000, 2 },
                { "a root directory beyond the end", 17, 65535, 2 },
                { "no root directory", 17, 0, 2 },
                { "no length of the volume", 19, 0, 2 },
                { "a volume without clusters", 19, 5, 2 },
        };
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 12);
        /* 1 reserved, 2 of the tables, 2 of the root directory: then comes the first cluster. */
        ck_assert_uint_eq(lab_cluster_offset(&lab, 2), 5 * LAB_SECTOR);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint8_t sector[FAT_BOOT_SECTOR_SIZE];
                Fat fat = { .bits = 99 };

                memcpy(sector, lab.image, sizeof(sector));
                lab_put(sector + cases[i].at, cases[i].value, cases[i].size);
                ck_assert_msg(fat_parse(sector, &fat) == -EINVAL, "%s is accepted", cases[i].what);
                ck_assert_uint_eq(fat.bits, 99);
        }
}
END_TEST

/* fs/fat/inode.c: no 16-bit table length makes it FAT32, above 4084 clusters it is FAT16. */
START_TEST(bits_are_told_apart_as_linux_does) {
        static const struct {
                uint32_t n_clusters, length16, length32;
                unsigned bits; /* 0: refused */
        } cases[] = {
                { 4084, 512, 0, 12 },           { 4085, 512, 0, 16 },
                { 65524, 512, 0, 16 },          { 65525, 1024, 0, 0 },
                { 65525, 0, 1024, 32 },         { 100, 0, 1024, 32 },
                { 100, 512, 1024, 12 },         { 0x0ffffff5, 0, 0x200000, 32 },
                { 0x0ffffff6, 0, 0x200000, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint8_t sector[FAT_BOOT_SECTOR_SIZE] = { [510] = 0x55, [511] = 0xaa };
                uint32_t n_before;
                Fat fat = {};
                int r;

                lab_put(sector + 11, LAB_SECTOR, 2);
                sector[13] = 1;
                lab_put(sector + 14, 1, 2);
                sector[16] = 1;
                lab_put(sector + 17, cases[i].length16 != 0 ? LAB_SECTOR / 32 : 0, 2);
                lab_put(sector + 22, cases[i].length16, 2);
                lab_put(sector + 36, cases[i].length32, 4);
                n_before = 1 + (cases[i].length16 != 0 ? cases[i].length16 + 1 : cases[i].length32);
                lab_put(sector + 32, n_before + cases[i].n_clusters, 4);
                r = fat_parse(sector, &fat);
                ck_assert_int_eq(r, cases[i].bits != 0 ? 0 : -EINVAL);
                ck_assert_uint_eq(fat.bits, cases[i].bits);
                ck_assert_uint_eq(fat.n_clusters, r < 0 ? 0 : cases[i].n_clusters);
        }
}
END_TEST

START_TEST(clusters_that_a_short_table_has_no_entry_for_do_not_count) {
        _cleanup_lab_ FatLab lab;
        Fat fat;

        lab_init(&lab, 32);
        lab_put(lab.image + 36, 1, 2);
        ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
        ck_assert_uint_eq(fat.n_clusters, LAB_SECTOR / 4 - 2);
}
END_TEST

START_TEST(dirty_bit_is_at_0x41_of_fat32_and_at_0x25_of_the_others) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                unsigned at = all_bits[i] == 32 ? 0x41 : 0x25;
                _cleanup_lab_ FatLab lab;
                Fat fat;

                lab_init(&lab, all_bits[i]);
                if (all_bits[i] != 32) /* there 0x25 is a part of the table's length */
                        lab.image[0x41] = 0x01;
                lab.image[at] = 0xfe;
                ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
                ck_assert(!fat.dirty);
                lab.image[at] = 0x01;
                ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
                ck_assert(fat.dirty);
        }
}
END_TEST

START_TEST(account_of_free_clusters_is_in_a_reserved_sector_of_fat32_alone) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ FatLab lab;
                Fat fat;

                lab_init(&lab, all_bits[i]);
                lab_put(lab.image + 14, 2, 2); /* reserved */
                lab_put(lab.image + 48, 1, 2);
                ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
                ck_assert_uint_eq(fat.info_offset, all_bits[i] == 32 ? LAB_SECTOR : 0);
                if (all_bits[i] != 32)
                        continue;
                lab_put(lab.image + 48, 2, 2); /* not reserved */
                ck_assert_int_eq(fat_parse(lab.image, &fat), 0);
                ck_assert_uint_eq(fat.info_offset, 0);
        }
}
END_TEST

START_TEST(account_is_believed_only_with_its_signatures_and_within_bounds) {
        static const unsigned signatures[] = { 0, 3, 484, 487, 510, 511 };
        uint8_t sector[FAT_BOOT_SECTOR_SIZE] = {};
        const Fat fat = { .bits = 32, .n_clusters = 1000 };
        uint32_t n_free = 7;

        memcpy(sector, "RRaA", 4);
        memcpy(sector + 484, "rrAa", 4);
        sector[510] = 0x55;
        sector[511] = 0xaa;
        lab_put(sector + 488, 1000, 4);
        ck_assert_int_eq(fat_parse_info(&fat, sector, &n_free), 0);
        ck_assert_uint_eq(n_free, 1000);
        for (size_t i = 0; i < ELEMENTSOF(signatures); i++) {
                sector[signatures[i]] ^= 1;
                ck_assert_int_eq(fat_parse_info(&fat, sector, &n_free), -ENODATA);
                sector[signatures[i]] ^= 1;
        }
        lab_put(sector + 488, 1001, 4);
        ck_assert_int_eq(fat_parse_info(&fat, sector, &n_free), -ENODATA);
        lab_put(sector + 488, UINT32_MAX, 4); /* "not known" */
        ck_assert_int_eq(fat_parse_info(&fat, sector, &n_free), -ENODATA);
        ck_assert_uint_eq(n_free, 1000);
}
END_TEST

START_TEST(sound_volume_has_nothing_to_report) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;

                lab_init(&lab, all_bits[i]);
                (void) lab_mkdir(&lab, 0, "loader", 3);
                LAB_CHAIN(&lab, 20, 10, 30);
                (void) lab_file(&lab, 3, "loader.conf", 20, 3 * LAB_SECTOR);
                LAB_CHAIN(&lab, lab.n_clusters + 1); /* the last one */
                (void) lab_file(&lab, 0, "vmlinuz", lab.n_clusters + 1, 1);
                (void) lab_file(&lab, 0, "empty", 0, 0);
                assert_report(&lab, 0, 0, &report);
                ck_assert_ptr_null(report.sharers);
        }
}
END_TEST

START_TEST(two_files_with_one_first_cluster_are_both_named_with_path_and_slot) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t live, leftover;

                lab_init(&lab, all_bits[i]);
                (void) lab_mkdir(&lab, 0, "EFI", 3);
                (void) lab_mkdir(&lab, 3, "proxmox", 4);
                LAB_CHAIN(&lab, 10, 11, 12);
                LAB_CHAIN(&lab, 13);
                live = lab_file(&lab, 4, "initrd.img-6.8.12-4-pve", 10, 3 * LAB_SECTOR);
                leftover = lab_file(&lab, 4, "initrd.img-6.8.12-4-pve.new", 10, 3 * LAB_SECTOR);
                (void) lab_file(&lab, 4, "vmlinuz", 13, 1);
                assert_report(&lab, 2, 0, &report);
                assert_sharer(&report, "EFI/proxmox/initrd.img-6.8.12-4-pve", live);
                assert_sharer(&report, "EFI/proxmox/initrd.img-6.8.12-4-pve.new", leftover);
                ck_assert(!report.sharers[0].directory && !report.sharers[1].directory);

                /* Cut off, it shares nothing. */
                fat_report_done(&report);
                fat_entry_cut(lab.image + leftover, false);
                assert_report(&lab, 0, 0, &report);
        }
}
END_TEST

START_TEST(files_that_meet_in_mid_chain_are_named_and_others_are_not) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t a, b, c;

        lab_init(&lab, 12);
        LAB_CHAIN(&lab, 10, 11, 12, 13);
        LAB_CHAIN(&lab, 20, 21);
        lab_set(&lab, 21, 12);
        LAB_CHAIN(&lab, 30, 31);
        a = lab_file(&lab, 0, "a", 10, 4 * LAB_SECTOR);
        b = lab_file(&lab, 0, "b", 20, 4 * LAB_SECTOR);
        c = lab_file(&lab, 0, "c", 13, LAB_SECTOR);
        (void) lab_file(&lab, 0, "d", 30, 2 * LAB_SECTOR);
        assert_report(&lab, 3, 0, &report);
        assert_sharer(&report, "a", a);
        assert_sharer(&report, "b", b);
        assert_sharer(&report, "c", c);
}
END_TEST

START_TEST(file_that_shares_with_a_directory_is_told_from_it) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t dir, file;

        lab_init(&lab, 16);
        dir = lab_mkdir(&lab, 0, "loader.new", 3);
        file = lab_file(&lab, 0, "file", 3, 1);
        assert_report(&lab, 2, 0, &report);
        assert_sharer(&report, "loader.new", dir);
        assert_sharer(&report, "file", file);
        ck_assert(lab_sharer(&report, "loader.new")->directory);
        ck_assert(!lab_sharer(&report, "file")->directory);
}
END_TEST

START_TEST(file_that_shares_with_the_root_directory_is_named) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t file;

        lab_init(&lab, 32);
        file = lab_file(&lab, 0, "file", 2, 1);
        assert_report(&lab, 1, 0, &report);
        assert_sharer(&report, "file", file);
}
END_TEST

START_TEST(directory_that_contains_itself_is_named_and_not_entered) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t dir;

                lab_init(&lab, all_bits[i]);
                dir = lab_mkdir(&lab, 0, "dir", 3);
                (void) lab_entry(&lab, 3, "again", LAB_DIRECTORY, 3, 0);
                assert_report(&lab, 1, 0, &report);
                assert_sharer(&report, "dir", dir);
                ck_assert(report.sharers[0].directory);
        }
}
END_TEST

START_TEST(chain_that_runs_into_itself_is_named) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t file, dir;

                lab_init(&lab, all_bits[i]);
                LAB_CHAIN(&lab, 10, 11, 12);
                lab_set(&lab, 12, 11);
                file = lab_file(&lab, 0, "file", 10, UINT32_MAX);
                dir = lab_mkdir(&lab, 0, "dir", 20);
                lab_set(&lab, 20, 20);
                assert_report(&lab, 2, 0, &report);
                assert_sharer(&report, "file", file);
                assert_sharer(&report, "dir", dir);
        }
}
END_TEST

START_TEST(root_directory_that_runs_into_itself_cannot_be_followed) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 32);
        lab_set(&lab, 2, 2);
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
        lab_set(&lab, 2, 0x0fffffff);
        lab_put(lab.image + 44, 0, 4);
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
        lab_put(lab.image + 44, lab.n_clusters + 2, 4);
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
        ck_assert_ptr_null(report.sharers);
}
END_TEST

START_TEST(chain_that_ends_anywhere_but_at_its_end_is_broken) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                uint32_t ends[] = { 0, 1, 0x0ffffff7, 0 };

                for (size_t k = 0; k < ELEMENTSOF(ends); k++) {
                        _cleanup_report_ FatReport report = {};
                        _cleanup_lab_ FatLab lab;

                        lab_init(&lab, all_bits[i]);
                        ends[3] = lab.n_clusters + 2; /* behind the last one */
                        LAB_CHAIN(&lab, 10, 11);
                        lab_set(&lab, 11, ends[k]);
                        (void) lab_file(&lab, 0, "file", 10, 1);
                        assert_report(&lab, 0, 1, &report);
                }
        }
}
END_TEST

START_TEST(every_value_from_0xff8_on_ends_a_chain) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++)
                for (uint32_t end = 0x0ffffff8; end <= 0x0fffffff; end++) {
                        _cleanup_report_ FatReport report = {};
                        _cleanup_lab_ FatLab lab;

                        lab_init(&lab, all_bits[i]);
                        /* The upper four bits of 32 are not part of it. */
                        lab_set(&lab, 10, all_bits[i] == 32 ? end | 0xa0000000 : end);
                        (void) lab_file(&lab, 0, "file", 10, 1);
                        assert_report(&lab, 0, 0, &report);
                }
}
END_TEST

START_TEST(first_cluster_that_is_none_is_broken) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 32);
        (void) lab_file(&lab, 0, "one", 1, 0);
        (void) lab_file(&lab, 0, "beyond", lab.n_clusters + 2, 0);
        (void) lab_file(&lab, 0, "far", 0xffffffff, 0);
        assert_report(&lab, 0, 3, &report);
}
END_TEST

START_TEST(file_longer_than_its_chain_is_broken_once) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 10, 11);
        (void) lab_file(&lab, 0, "long", 10, 2 * LAB_SECTOR + 1);
        (void) lab_file(&lab, 0, "none", 0, 1);
        LAB_CHAIN(&lab, 20);
        lab_set(&lab, 20, 0);
        (void) lab_file(&lab, 0, "long-and-torn", 20, 2 * LAB_SECTOR);
        assert_report(&lab, 0, 3, &report);
}
END_TEST

START_TEST(file_shorter_than_its_chain_is_sound) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 10, 11);
        (void) lab_file(&lab, 0, "short", 10, 1);
        assert_report(&lab, 0, 0, &report);
}
END_TEST

START_TEST(directory_goes_on_in_its_next_cluster_with_a_name_cut_in_two) {
        static const char alias[] = "LONGNA~1   ";
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint8_t *second;
        uint64_t file;

        lab_init(&lab, 32);
        (void) lab_mkdir(&lab, 0, "dir", 3);
        LAB_CHAIN(&lab, 3, 4);
        for (unsigned i = 0; i < 13; i++)
                *lab_slot(&lab, 3) = 0xe5;
        lab_long(&lab, 4, "a-name-of-13+1", alias);
        second = lab.image + lab_cluster_offset(&lab, 4);
        memcpy(lab_slot(&lab, 3), second, 32);
        memcpy(second, second + 32, 32);
        memset(second + 32, 0, 32);
        file = lab_short(&lab, 4, alias, 0, 2, 0);
        assert_report(&lab, 1, 0, &report);
        assert_sharer(&report, "dir/a-name-of-13+1", file);
}
END_TEST

/* @name and "x" share cluster 10; the path of the first is @expect. */
static void assert_named(const char *name, const char *expect) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t file;

        lab_init(&lab, 12);
        LAB_CHAIN(&lab, 10);
        (void) lab_file(&lab, 0, "x", 10, 1);
        file = lab_file(&lab, 0, name, 10, 1);
        assert_report(&lab, 2, 0, &report);
        assert_sharer(&report, expect, file);
}

START_TEST(long_name_may_have_any_length) {
        char name[128];

        for (size_t n = 1; n < sizeof(name); n++) {
                memset(name, 'n', n);
                name[n] = '\0';
                assert_named(name, name);
        }
}
END_TEST

START_TEST(what_a_path_or_a_log_cannot_hold_is_a_question_mark) {
        assert_named("a/b\\c", "a?b?c");
        assert_named("../etc", "..?etc");
        assert_named("line\nline\x1b[m\x7f", "line?line?[m?");
        assert_named("\xfc", "?");
}
END_TEST

START_TEST(short_name_is_read_without_blanks_and_in_the_case_that_it_says) {
        static const struct {
                const char *name, *expect;
                uint8_t lower;
        } cases[] = {
                { "EFI        ", "EFI", 0 },
                { "LOADER  CON", "LOADER.CON", 0 },
                { "LOADER  CON", "loader.CON", 0x08 },
                { "LOADER  CON", "LOADER.con", 0x10 },
                { "A1~Z4567NEW", "a1~z4567.new", 0x18 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t file;

                lab_init(&lab, 12);
                LAB_CHAIN(&lab, 10);
                (void) lab_file(&lab, 0, "x", 10, 1);
                file = lab_short(&lab, 0, cases[i].name, 0, 10, 1);
                lab.image[file + 12] = cases[i].lower;
                assert_report(&lab, 2, 0, &report);
                assert_sharer(&report, cases[i].expect, file);
        }
}
END_TEST

START_TEST(stale_long_name_does_not_name_the_next_short_entry) {
        static const struct {
                const char *what, *name;
                unsigned slot; /* the one that is spoiled, of the three of the name */
                unsigned at;
                uint8_t value;
        } cases[] = {
                { "its alias is another", "LIVE", 3, 0, 'L' },
                { "its last part was freed", "LIVE", 0, 0, 0xe5 },
                { "a part in the middle was freed", "LIVE", 1, 0, 0xe5 },
                { "its first part was freed", "LIVE", 2, 0, 0xe5 },
                { "a part is of another name", "LIVE", 1, 13, 0x77 },
                { "its parts are out of order", "LIVE", 1, 0, 1 },
                { "a part has no number", "LIVE", 2, 0, 0 + 0x80 },
                { "it has too many parts", "LIVE", 0, 0, 0x40 | 21 },
        };
        static const char name[] = "a-name-of-three-parts-and-a-bit.new";

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t file;

                lab_init(&lab, 16);
                LAB_CHAIN(&lab, 10);
                (void) lab_file(&lab, 0, "x", 10, 1);
                if (cases[i].slot == 3) {
                        lab_long(&lab, 0, name, "OTHER      ");
                        file = lab_short(&lab, 0, "LIVE       ", 0, 10, 1);
                } else {
                        lab_long(&lab, 0, name, "LIVE       ");
                        file = lab_short(&lab, 0, "LIVE       ", 0, 10, 1);
                        lab.image[file - 96 + cases[i].slot * 32 + cases[i].at] = cases[i].value;
                }
                ck_assert_int_eq(lab_check(&lab, &report), 0);
                ck_assert_msg(lab_sharer(&report, "LIVE"), "%s", cases[i].what);
                assert_sharer(&report, "LIVE", file);
        }
}
END_TEST

START_TEST(freed_entries_and_labels_own_nothing) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t freed;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 10);
        (void) lab_file(&lab, 0, "live", 10, 1);
        freed = lab_file(&lab, 0, "freed", 10, 1);
        lab.image[freed] = 0xe5;
        (void) lab_short(&lab, 0, "LABEL      ", 0x08, 10, 0);
        assert_report(&lab, 0, 0, &report);
}
END_TEST

START_TEST(nothing_follows_the_end_of_a_directory) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint64_t last;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 10);
        (void) lab_file(&lab, 0, "live", 10, 1);
        last = lab_short(&lab, 0, "LAST       ", 0, 0, 0);
        (void) lab_file(&lab, 0, "behind", 10, 1);
        lab.image[last] = 0;
        assert_report(&lab, 0, 0, &report);
}
END_TEST

START_TEST(only_dot_and_dot_dot_are_skipped) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 10);
        (void) lab_mkdir(&lab, 0, "dir", 3);
        (void) lab_short(&lab, 3, ".HIDDEN    ", 0, 10, 1);
        (void) lab_file(&lab, 3, ".hidden", 10, 1);
        assert_report(&lab, 2, 0, &report);
        ck_assert_ptr_nonnull(lab_sharer(&report, "dir/.HIDDEN"));
        ck_assert_ptr_nonnull(lab_sharer(&report, "dir/.hidden"));
}
END_TEST

START_TEST(upper_half_of_a_cluster_counts_on_fat32_only) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                uint64_t file;

                lab_init(&lab, all_bits[i]);
                LAB_CHAIN(&lab, 10);
                file = lab_file(&lab, 0, "file", 10, 1);
                lab_put(lab.image + file + 20, 1, 2);
                assert_report(&lab, 0, all_bits[i] == 32, &report);
        }
}
END_TEST

START_TEST(directory_without_a_cluster_cannot_be_followed) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 16);
        (void) lab_entry(&lab, 0, "dir", LAB_DIRECTORY, 0, 0);
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
}
END_TEST

START_TEST(sixteen_directories_deep_is_followed_and_more_is_not) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint32_t dir = 0;

        lab_init(&lab, 16);
        LAB_CHAIN(&lab, 100);
        (void) lab_file(&lab, 0, "x", 100, 1);
        for (uint32_t cluster = 3; cluster < 3 + 16; cluster++) {
                (void) lab_mkdir(&lab, dir, "d", cluster);
                dir = cluster;
        }
        (void) lab_file(&lab, dir, "y", 100, 1);
        assert_report(&lab, 2, 0, &report);
        ck_assert_ptr_nonnull(lab_sharer(&report, "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/y"));
        fat_report_done(&report);
        (void) lab_mkdir(&lab, dir, "d", 50);
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
}
END_TEST

START_TEST(error_of_reading_is_returned_and_no_report) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;

        lab_init(&lab, 16);
        (void) lab_mkdir(&lab, 0, "dir", lab.n_clusters + 1);
        lab.size -= LAB_SECTOR;
        ck_assert_int_eq(lab_check(&lab, &report), -EIO);
        ck_assert_ptr_null(report.sharers);
        lab.size = LAB_SECTOR;
        ck_assert_int_eq(lab_check(&lab, &report), -EIO);
}
END_TEST

/* 4,700 entries that all lead to one chain of 4,000 clusters. */
START_TEST(time_grows_with_the_volume_and_not_with_files_times_clusters) {
        _cleanup_report_ FatReport report = {};
        _cleanup_lab_ FatLab lab;
        uint8_t *p;

        lab_init(&lab, 16);
        for (uint32_t cluster = 1000; cluster < 4999; cluster++)
                lab_set(&lab, cluster, cluster + 1);
        lab_set(&lab, 4999, 0xffff);
        (void) lab_mkdir(&lab, 0, "dir", 3);
        for (uint32_t cluster = 3; cluster < 300; cluster++)
                lab_set(&lab, cluster, cluster + 1);
        lab_set(&lab, 300, 0xffff);
        p = lab_slot(&lab, 3);
        for (unsigned i = 0; i < 297 * LAB_SECTOR / 32; i++, p += 32) {
                memset(p, ' ', 11);
                (void) snprintf((char *) p, 8, "F%u", i);
                lab_put(p + 26, 1000, 2);
        }
        /* So many sharers are no torn rename. */
        ck_assert_int_eq(lab_check(&lab, &report), -EUCLEAN);
        ck_assert_uint_lt(lab.n_reads, 5000);
        ck_assert_ptr_null(report.sharers);
}
END_TEST

START_TEST(hostile_volumes_end) {
        uint64_t seed = 88172645463325252u;

        for (unsigned round = 0; round < 1000; round++) {
                _cleanup_report_ FatReport report = {};
                _cleanup_lab_ FatLab lab;
                int r;

                lab_init(&lab, all_bits[round % ELEMENTSOF(all_bits)]);
                for (size_t at = LAB_SECTOR; at < MIN(lab.size, 65536); at += 1 + seed % 8) {
                        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                        /* Low numbers, which are clusters, and directories. */
                        lab.image[at] = at % 32 == 11 && seed & 0x100 ? LAB_DIRECTORY
                                        : at % 2 && seed & 0xe00      ? 0
                                                                      : (uint8_t) seed;
                }
                r = lab_check(&lab, &report);
                ck_assert(r == 0 || r == -EUCLEAN);
                for (size_t i = 0; i < report.n_sharers; i++)
                        ck_assert_uint_le(report.sharers[i].offset, lab.size - 32);
        }
}
END_TEST

START_TEST(cut_entry_is_that_of_an_empty_file_and_else_the_same) {
        uint8_t entry[32], before[32];

        memset(entry, 0xaa, sizeof(entry));
        memcpy(before, entry, sizeof(entry));
        fat_entry_cut(entry, false);
        for (size_t i = 0; i < sizeof(entry); i++) {
                bool cut = i == 20 || i == 21 || i >= 26;

                ck_assert_uint_eq(entry[i], cut ? 0 : before[i]);
        }
}
END_TEST

START_TEST(cut_entry_of_a_directory_is_a_free_one) {
        uint8_t entry[32], before[32];

        memset(entry, 0xaa, sizeof(entry));
        memcpy(before, entry, sizeof(entry));
        fat_entry_cut(entry, true);
        ck_assert_uint_eq(entry[0], 0xe5);
        ck_assert_mem_eq(entry + 1, before + 1, sizeof(entry) - 1);
}
END_TEST

CHECK_MAIN("fat", boot_sector_tells_where_everything_lies,
           what_is_no_boot_sector_is_refused_for_each_field, bits_are_told_apart_as_linux_does,
           clusters_that_a_short_table_has_no_entry_for_do_not_count,
           dirty_bit_is_at_0x41_of_fat32_and_at_0x25_of_the_others,
           account_of_free_clusters_is_in_a_reserved_sector_of_fat32_alone,
           account_is_believed_only_with_its_signatures_and_within_bounds,
           sound_volume_has_nothing_to_report,
           two_files_with_one_first_cluster_are_both_named_with_path_and_slot,
           files_that_meet_in_mid_chain_are_named_and_others_are_not,
           file_that_shares_with_a_directory_is_told_from_it,
           file_that_shares_with_the_root_directory_is_named,
           directory_that_contains_itself_is_named_and_not_entered,
           chain_that_runs_into_itself_is_named,
           root_directory_that_runs_into_itself_cannot_be_followed,
           chain_that_ends_anywhere_but_at_its_end_is_broken,
           every_value_from_0xff8_on_ends_a_chain, first_cluster_that_is_none_is_broken,
           file_longer_than_its_chain_is_broken_once, file_shorter_than_its_chain_is_sound,
           directory_goes_on_in_its_next_cluster_with_a_name_cut_in_two,
           long_name_may_have_any_length, what_a_path_or_a_log_cannot_hold_is_a_question_mark,
           short_name_is_read_without_blanks_and_in_the_case_that_it_says,
           stale_long_name_does_not_name_the_next_short_entry, freed_entries_and_labels_own_nothing,
           nothing_follows_the_end_of_a_directory, only_dot_and_dot_dot_are_skipped,
           upper_half_of_a_cluster_counts_on_fat32_only,
           directory_without_a_cluster_cannot_be_followed,
           sixteen_directories_deep_is_followed_and_more_is_not,
           error_of_reading_is_returned_and_no_report,
           time_grows_with_the_volume_and_not_with_files_times_clusters, hostile_volumes_end,
           cut_entry_is_that_of_an_empty_file_and_else_the_same,
           cut_entry_of_a_directory_is_a_free_one)
