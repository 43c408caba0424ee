/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Damaged volumes are made whole without a live file losing a byte, or left exactly as they are. */

#include "blocking/esp/esp-repair.h"

#include "../check-main.h"
#include "core/esp/fat.h"
#include "fat-image.h"

#define VERSION  "6.8.12-4-pve"
#define DIR      "EFI/proxmox/" VERSION
#define LIVE     DIR "/initrd.img-" VERSION
#define LEFTOVER LIVE ".new"
#define OTHER    DIR "/vmlinuz-" VERSION
#define NEW_DIR  "EFI/proxmox/6.9.1-1-pve"

/* Sizes that nothing else has, so that slots are found by them; of many clusters each. */
#define LIVE_SIZE     300007u
#define LEFTOVER_SIZE 200003u
#define OTHER_SIZE    100019u
#define LIVE_SEED     1
#define LEFTOVER_SEED 2
#define OTHER_SEED    3

static const unsigned all_bits[] = { 16, 32 };

static bool never_stop(void *userdata) {
        return false;
}

static void ignore_move(CopyMove move, uint64_t bytes, void *userdata) {
}

static const CopyWatch watch = { .stop = never_stop, .moved = ignore_move };

typedef struct Lab {
        FatImage image;
        uint64_t live, leftover, other; /* slots */
        Error error;
} Lab;

static void lab_done(Lab *lab) {
        fat_image_done(&lab->image);
        error_done(&lab->error);
}
#define _cleanup_lab_ _cleanup_(lab_done)

static void lab_init_named(Lab *lab, unsigned bits, const char *leftover, bool leftover_first) {
        *lab = (Lab){};
        fat_image_init(&lab->image, bits);
        fat_image_mkdir(&lab->image, "EFI");
        fat_image_mkdir(&lab->image, "EFI/proxmox");
        fat_image_mkdir(&lab->image, DIR);
        fat_image_put(&lab->image, OTHER, OTHER_SEED, OTHER_SIZE);
        if (leftover_first)
                fat_image_put(&lab->image, leftover, LEFTOVER_SEED, LEFTOVER_SIZE);
        fat_image_put(&lab->image, LIVE, LIVE_SEED, LIVE_SIZE);
        if (!leftover_first)
                fat_image_put(&lab->image, leftover, LEFTOVER_SEED, LEFTOVER_SIZE);
        lab->live = fat_image_slot(&lab->image, LIVE_SIZE);
        lab->leftover = fat_image_slot(&lab->image, LEFTOVER_SIZE);
        lab->other = fat_image_slot(&lab->image, OTHER_SIZE);
        ck_assert_int_eq(lab->leftover < lab->live, leftover_first);
}

static void lab_init(Lab *lab, unsigned bits) {
        lab_init_named(lab, bits, LEFTOVER, false);
}

static int repair(Lab *lab) {
        return esp_repair_fat(lab->image.fd, FAT_IMAGE_UUID, &watch, &lab->error);
}

static void assert_repaired(Lab *lab) {
        int r = repair(lab);

        ck_assert_msg(r == 0, "%d: %s", r, strempty(lab->error.message));
        ck_assert(!error_is_set(&lab->error));
        ck_assert_int_eq(fat_image_try(&lab->image, "fsck.vfat -n", ""), 0);
        ck_assert_uint_eq(fat_image_number(&lab->image, fat_image_dirty_at(&lab->image), 1) & 1, 0);
}

static void assert_live(const Lab *lab) {
        ck_assert(fat_image_has(&lab->image, LIVE, LIVE_SEED, LIVE_SIZE));
}

/* The error tells the ESP and @names, and not a byte is another one. */
static void assert_refused(Lab *lab, ErrorCode code, const char *names) {
        char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];

        fat_image_digest(&lab->image, before);
        ck_assert_int_eq(repair(lab), error_code_to_errno(code));
        ck_assert_int_eq(lab->error.code, code);
        ck_assert_ptr_nonnull(strstr(lab->error.message, "'" FAT_IMAGE_UUID "'"));
        ck_assert_msg(strstr(lab->error.message, names), "%s", lab->error.message);
        fat_image_digest(&lab->image, after);
        ck_assert_str_eq(before, after);
}

START_TEST(torn_rename_keeps_the_live_file_and_empties_the_leftover) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++)
                for (int leftover_first = 0; leftover_first < 2; leftover_first++)
                        for (int dirty = 0; dirty < 2; dirty++) {
                                _cleanup_lab_ Lab lab;

                                lab_init_named(&lab, all_bits[i], LEFTOVER, leftover_first);
                                fat_image_share(&lab.image, lab.live, lab.leftover);
                                fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image),
                                                     (uint32_t) dirty, 1);
                                assert_repaired(&lab);
                                assert_live(&lab);
                                ck_assert(fat_image_has(&lab.image, LEFTOVER, 0, 0));
                                ck_assert(fat_image_has(&lab.image, OTHER, OTHER_SEED, OTHER_SIZE));
                        }
}
END_TEST

/* The chain that the leftover had before the torn rename belongs to nobody. fsck.vfat makes a file
 * of it, which is what esp-salvage expects. */
START_TEST(clusters_that_nobody_owns_become_a_file_to_be_dropped) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ Lab lab;
                uint32_t orphan, salvaged_size;

                lab_init(&lab, all_bits[i]);
                /* Whole clusters; the size of the file was lost. */
                salvaged_size = 512 * fat_image_number(&lab.image, 13, 1);
                salvaged_size *= (LEFTOVER_SIZE + salvaged_size - 1) / salvaged_size;
                orphan = fat_image_first_cluster(&lab.image, lab.leftover);
                fat_image_share(&lab.image, lab.live, lab.leftover);
                ck_assert_uint_ne(fat_image_next(&lab.image, orphan), 0);
                assert_repaired(&lab);
                ck_assert_uint_eq(
                                fat_image_first_cluster(&lab.image,
                                                        fat_image_slot(&lab.image, salvaged_size)),
                                orphan);
                ck_assert(!fat_image_has(&lab.image, "FSCK0000.REC", 0, 0));
        }
}
END_TEST

START_TEST(leftover_that_joins_the_live_file_in_mid_chain_is_cut) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ Lab lab;
                uint32_t second;

                lab_init(&lab, all_bits[i]);
                second = fat_image_next(&lab.image, fat_image_first_cluster(&lab.image, lab.live));
                fat_image_set_next(&lab.image, fat_image_first_cluster(&lab.image, lab.leftover),
                                   second);
                assert_repaired(&lab);
                assert_live(&lab);
                ck_assert(fat_image_has(&lab.image, LEFTOVER, 0, 0));
        }
}
END_TEST

/* The slots of its name lie in two sectors, and of these only the first one was written. */
START_TEST(leftover_whose_long_name_was_cleared_already_is_cut) {
        static const char *const leftovers[] = { LEFTOVER, OTHER ".new",
                                                 "loader/entries/proxmox-" VERSION ".conf.new",
                                                 "loader/loader.conf.new" };

        for (size_t i = 0; i < ELEMENTSOF(leftovers); i++)
                for (int n_left = 0; n_left < 2; n_left++) {
                        static const uint8_t freed = 0xe5;
                        _cleanup_lab_ Lab lab = {};
                        uint64_t slot;
                        size_t n;

                        fat_image_init(&lab.image, 32);
                        fat_image_mkdir(&lab.image, "EFI");
                        fat_image_mkdir(&lab.image, "EFI/proxmox");
                        fat_image_mkdir(&lab.image, DIR);
                        fat_image_mkdir(&lab.image, "loader");
                        fat_image_mkdir(&lab.image, "loader/entries");
                        fat_image_put(&lab.image, LIVE, LIVE_SEED, LIVE_SIZE);
                        fat_image_put(&lab.image, leftovers[i], LEFTOVER_SEED, LEFTOVER_SIZE);
                        slot = fat_image_slot(&lab.image, LEFTOVER_SIZE);
                        fat_image_share(&lab.image, fat_image_slot(&lab.image, LIVE_SIZE), slot);
                        n = (strlen(strrchr(leftovers[i], '/') + 1) + 12) / 13;
                        for (size_t k = n; k > (size_t) n_left; k--)
                                fat_image_write(&lab.image, slot - 32 * k, &freed, 1);
                        /* The part of the name that is left may be complained of by fsck.vfat. */
                        ck_assert_msg(repair(&lab) == 0, "%s", strempty(lab.error.message));
                        ck_assert(fat_image_has(&lab.image, LIVE, LIVE_SEED, LIVE_SIZE));
                        ck_assert_uint_eq(fat_image_first_cluster(&lab.image, slot), 0);
                        ck_assert_uint_eq(fat_image_number(&lab.image, slot + 28, 4), 0);
                }
}
END_TEST

/* A power cut between the writes of the two copies. */
START_TEST(first_copy_of_the_table_counts) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ Lab lab;
                uint32_t first;

                lab_init(&lab, all_bits[i]);
                first = fat_image_first_cluster(&lab.image, lab.live);
                fat_image_set_number(&lab.image, fat_image_table(&lab.image, 1, first), 0,
                                     all_bits[i] / 8);
                fat_image_share(&lab.image, lab.live, lab.leftover);
                assert_repaired(&lab);
                assert_live(&lab);
        }
}
END_TEST

START_TEST(leftover_in_directories_of_another_case_is_cut) {
        static const char *const cases[][3] = {
                { "LOADER", "LOADER/ENTRIES", "LOADER/ENTRIES/proxmox-" VERSION ".conf.new" },
                { "Loader", NULL, "Loader/loader.conf.new" },
                { "loader", NULL, "loader/loader.conf.new" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_lab_ Lab lab = {};

                fat_image_init(&lab.image, 32);
                fat_image_mkdir(&lab.image, "efi");
                fat_image_mkdir(&lab.image, cases[i][0]);
                if (cases[i][1])
                        fat_image_mkdir(&lab.image, cases[i][1]);
                fat_image_put(&lab.image, "efi/live", LIVE_SEED, LIVE_SIZE);
                fat_image_put(&lab.image, cases[i][2], LEFTOVER_SEED, LEFTOVER_SIZE);
                fat_image_share(&lab.image, fat_image_slot(&lab.image, LIVE_SIZE),
                                fat_image_slot(&lab.image, LEFTOVER_SIZE));
                assert_repaired(&lab);
                ck_assert(fat_image_has(&lab.image, "efi/live", LIVE_SEED, LIVE_SIZE));
                ck_assert(fat_image_has(&lab.image, cases[i][2], 0, 0));
        }
}
END_TEST

START_TEST(dirty_bit_alone_is_cleared_and_nothing_else_changes) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
                _cleanup_lab_ Lab lab;

                lab_init(&lab, all_bits[i]);
                fat_image_digest(&lab.image, before);
                fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);
                assert_repaired(&lab);
                fat_image_digest(&lab.image, after);
                ck_assert_str_eq(before, after);
        }
}
END_TEST

START_TEST(sound_volume_is_not_written_and_fsck_is_not_asked) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
                _cleanup_close_ int read_only = -EBADF;
                _cleanup_lab_ Lab lab;

                lab_init(&lab, all_bits[i]);
                fat_image_digest(&lab.image, before);
                read_only = open(lab.image.path, O_RDONLY | O_CLOEXEC);
                ck_assert_int_ge(read_only, 0);
                ck_assert_int_eq(esp_repair_fat(read_only, FAT_IMAGE_UUID, &watch, &lab.error), 0);
                fat_image_digest(&lab.image, after);
                ck_assert_str_eq(before, after);
        }
}
END_TEST

START_TEST(chain_into_a_free_cluster_is_repaired_and_costs_nobody_else) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ Lab lab;
                uint32_t first;

                lab_init(&lab, all_bits[i]);
                first = fat_image_first_cluster(&lab.image, lab.other);
                fat_image_set_next(&lab.image, fat_image_next(&lab.image, first), 0);
                assert_repaired(&lab);
                assert_live(&lab);
                ck_assert(fat_image_has(&lab.image, LEFTOVER, LEFTOVER_SEED, LEFTOVER_SIZE));
                ck_assert(!fat_image_has(&lab.image, OTHER, OTHER_SEED, OTHER_SIZE));
        }
}
END_TEST

START_TEST(two_live_files_that_share_are_named_and_left_alone) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_lab_ Lab lab;

                lab_init(&lab, all_bits[i]);
                fat_image_share(&lab.image, lab.live, lab.other);
                fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);
                assert_refused(&lab, ERROR_NOT_AN_ESP, "'" OTHER "', '" LIVE "'");
        }
}
END_TEST

START_TEST(file_of_somebody_else_is_not_cut_whatever_its_suffix) {
        static const char *const names[] = { "EFI/theirs.new", DIR "/vmlinuz-6.9.new",
                                             "EFI/proxmox/loader.conf.new",
                                             "EFI/proxmox/INITRD~1.NEW", DIR "/OTHERS~1.NEW" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_lab_ Lab lab;

                lab_init_named(&lab, 32, names[i], !startswith(names[i], DIR));
                fat_image_share(&lab.image, lab.live, lab.leftover);
                assert_refused(&lab, ERROR_NOT_AN_ESP, names[i]);
        }
}
END_TEST

START_TEST(directory_is_not_cut_whatever_its_name) {
        static const uint8_t directory = 0x10;
        _cleanup_lab_ Lab lab;
        uint32_t first;

        lab_init(&lab, 32);
        fat_image_mkdir(&lab.image, "EFI/full");
        first = fat_image_first_cluster(&lab.image, lab.live);
        /* The slot of the leftover becomes that of a directory whose second cluster is the live
         * file's. */
        fat_image_write(&lab.image, lab.leftover + 11, &directory, 1);
        fat_image_set_number(&lab.image, lab.leftover + 28, 0, 4);
        fat_image_set_next(&lab.image, fat_image_first_cluster(&lab.image, lab.leftover), first);
        assert_refused(&lab, ERROR_NOT_AN_ESP, "'" LEFTOVER "'");
}
END_TEST

START_TEST(many_sharers_are_not_all_named) {
        _cleanup_lab_ Lab lab;

        lab_init(&lab, 32);
        for (unsigned i = 0; i < 6; i++) {
                _cleanup_free_ char *path = strprintf("EFI/file-%u", i);

                fat_image_put(&lab.image, path, 9, 5000 + i);
                fat_image_share(&lab.image, lab.live, fat_image_slot(&lab.image, 5000 + i));
        }
        assert_refused(&lab, ERROR_NOT_AN_ESP, "' and others ");
}
END_TEST

START_TEST(volume_that_cannot_be_read_to_its_end_is_left_alone) {
        _cleanup_lab_ Lab lab;

        lab_init(&lab, 32);
        fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);
        ck_assert_int_eq(ftruncate(lab.image.fd, 64 * 1024), 0);
        ck_assert_int_eq(repair(&lab), -EIO);
        ck_assert_ptr_nonnull(strstr(lab.error.message, "fsck.vfat"));
        ck_assert_uint_eq(fat_image_number(&lab.image, fat_image_dirty_at(&lab.image), 1), 1);
}
END_TEST

START_TEST(what_is_no_fat_is_refused) {
        _cleanup_lab_ Lab lab;

        lab_init(&lab, 32);
        fat_image_set_number(&lab.image, 510, 0, 2);
        ck_assert_int_eq(repair(&lab), -EINVAL);
        ck_assert_ptr_nonnull(strstr(lab.error.message, "fsck.vfat"));
}
END_TEST

/* fsck.vfat opens the disk a second time, which we hold with O_EXCL. */
START_TEST(disk_that_is_held_exclusively_is_repaired) {
        _cleanup_close_ int loop = -EBADF, fd = -EBADF;
        _cleanup_lab_ Lab lab;
        char path[64];
        int r;

        lab_init(&lab, 32);
        fat_image_share(&lab.image, lab.live, lab.leftover);
        loop = loop_attach(lab.image.fd, path);
        fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        r = esp_repair_fat(fd, FAT_IMAGE_UUID, &watch, &lab.error);
        ck_assert_msg(r == 0, "%d: %s", r, strempty(lab.error.message));
        assert_live(&lab);
        ck_assert(fat_image_has(&lab.image, LEFTOVER, 0, 0));
}
END_TEST

#define SECTOR      512
#define SECTORS_MAX 64

typedef struct Change {
        uint64_t offset;
        uint8_t before[SECTOR], after[SECTOR];
} Change;

/* The sectors in which @after differs from @before. */
static size_t find_changes(const FatImage *before, const FatImage *after, Change *ret) {
        static uint8_t blocks[2][MIB];
        struct stat st;
        size_t n = 0;

        ck_assert_int_eq(fstat(before->fd, &st), 0);
        for (uint64_t block = 0; block < (uint64_t) st.st_size; block += MIB) {
                fat_image_read(before, block, blocks[0], MIB);
                fat_image_read(after, block, blocks[1], MIB);
                for (size_t i = 0; i < MIB; i += SECTOR) {
                        if (memcmp(blocks[0] + i, blocks[1] + i, SECTOR) == 0)
                                continue;
                        ck_assert_uint_lt(n, SECTORS_MAX);
                        ret[n].offset = block + i;
                        memcpy(ret[n].before, blocks[0] + i, SECTOR);
                        memcpy(ret[n].after, blocks[1] + i, SECTOR);
                        n++;
                }
        }
        return n;
}

static void image_copy(const FatImage *from, FatImage *ret) {
        static uint8_t block[MIB];
        struct stat st;

        ck_assert_int_eq(fstat(from->fd, &st), 0);
        *ret = (FatImage){ .bits = from->bits };
        ret->fd = anonymous_file("copy", (uint64_t) st.st_size, ret->path);
        for (off_t at = 0; (at = lseek(from->fd, at, SEEK_DATA)) >= 0;) {
                off_t end = lseek(from->fd, at, SEEK_HOLE);

                for (; at < end; at += MIN((off_t) MIB, end - at)) {
                        size_t size = (size_t) MIN((off_t) MIB, end - at);

                        fat_image_read(from, (uint64_t) at, block, size);
                        fat_image_write(ret, (uint64_t) at, block, size);
                }
        }
}

/* Power fails when some of @changes are on the disk. */
static void assert_live_with_any(const FatImage *image, const Change *changes, size_t n) {
        enum { PREFIX, ONE, ALL_BUT_ONE, _WAY_MAX };

        for (int way = 0; way < _WAY_MAX; way++)
                for (size_t k = 0; k <= n; k++) {
                        for (size_t i = 0; i < n; i++) {
                                bool written = way == PREFIX ? i < k : way == ONE ? i == k : i != k;

                                fat_image_write(image, changes[i].offset,
                                                written ? changes[i].after : changes[i].before,
                                                SECTOR);
                        }
                        ck_assert_msg(fat_image_has(image, LIVE, LIVE_SEED, LIVE_SIZE),
                                      "way %d, %zu of %zu sectors", way, k, n);
                }
        for (size_t i = 0; i < n; i++)
                fat_image_write(image, changes[i].offset, changes[i].after, SECTOR);
}

START_TEST(live_file_is_complete_whenever_power_fails_during_the_repair) {
        for (size_t i = 0; i < ELEMENTSOF(all_bits); i++) {
                _cleanup_fat_image_ FatImage image = { .fd = -EBADF }, cut = { .fd = -EBADF };
                static Change changes[SECTORS_MAX];
                uint8_t entry[32];
                _cleanup_lab_ Lab lab;
                size_t n;

                lab_init(&lab, all_bits[i]);
                fat_image_share(&lab.image, lab.live, lab.leftover);
                fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);
                image_copy(&lab.image, &image);

                /* Our own write, which is synced before fsck.vfat starts: one sector. */
                fat_image_read(&lab.image, lab.leftover, entry, sizeof(entry));
                fat_entry_cut(entry, false);
                image_copy(&lab.image, &cut);
                fat_image_write(&cut, lab.leftover, entry, sizeof(entry));
                n = find_changes(&image, &cut, changes);
                ck_assert_uint_eq(n, 1);
                assert_live_with_any(&image, changes, n);

                /* And then those of fsck.vfat. */
                assert_repaired(&lab);
                n = find_changes(&image, &lab.image, changes);
                ck_assert_uint_gt(n, 1);
                assert_live_with_any(&image, changes, n);
        }
}
END_TEST

START_TEST(repair_that_was_cut_short_is_taken_up_again) {
        _cleanup_lab_ Lab lab;
        uint8_t entry[32];

        lab_init(&lab, 32);
        fat_image_share(&lab.image, lab.live, lab.leftover);
        fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);
        fat_image_read(&lab.image, lab.leftover, entry, sizeof(entry));
        fat_entry_cut(entry, false);
        fat_image_write(&lab.image, lab.leftover, entry, sizeof(entry));
        assert_repaired(&lab);
        assert_live(&lab);
}
END_TEST

/* mkdir had written the slot of the directory and not yet the directory: what lies in its cluster
 * is of a file that is long gone, and may lead anywhere. */
static void assert_unwritten_is_taken_away(const char *path) {
        enum { ZEROS, NOISE, OLD_DIRECTORY, _CONTENT_MAX };
        static const uint8_t directory = 0x10;

        for (int content = 0; content < _CONTENT_MAX; content++)
                for (int allocated = 0; allocated < 2; allocated++) {
                        uint8_t cluster[512] = {};
                        uint32_t first;
                        _cleanup_lab_ Lab lab;
                        uint64_t slot;

                        lab_init(&lab, 32);
                        fat_image_mkdir(&lab.image, "loader");
                        fat_image_put(&lab.image, path, 5, sizeof(cluster) - 1);
                        slot = fat_image_slot(&lab.image, sizeof(cluster) - 1);
                        first = fat_image_first_cluster(&lab.image, slot);
                        fat_image_write(&lab.image, slot + 11, &directory, 1);
                        fat_image_set_number(&lab.image, slot + 28, 0, 4);
                        if (!allocated)
                                fat_image_set_next(&lab.image, first, 0);
                        for (size_t i = 0; i < sizeof(cluster); i++)
                                if (content == NOISE)
                                        cluster[i] = (uint8_t) (0x41 + i * 7 + i / 251);
                                else if (content == OLD_DIRECTORY)
                                        fat_image_read(&lab.image, lab.live + i % 32, &cluster[i],
                                                       1);
                        fat_image_write(&lab.image, fat_image_cluster(&lab.image, first), cluster,
                                        sizeof(cluster));
                        fat_image_set_number(&lab.image, fat_image_dirty_at(&lab.image), 1, 1);

                        assert_repaired(&lab);
                        assert_live(&lab);
                        ck_assert(fat_image_has(&lab.image, OTHER, OTHER_SEED, OTHER_SIZE));
                        ck_assert_uint_eq(fat_image_number(&lab.image, slot, 1), 0xe5);
                }
}

START_TEST(directory_that_was_never_written_is_taken_away) {
        assert_unwritten_is_taken_away(NEW_DIR);
        assert_unwritten_is_taken_away("loader/entries");
}
END_TEST

START_TEST(directory_without_mount_has_nothing_to_repair) {
        EspVolume volume = ESP_VOLUME_INIT;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(esp_repair(&volume, &watch, &error), 0);
        ck_assert(!error_is_set(&error));
}
END_TEST

CHECK_MAIN("esp-repair", directory_that_was_never_written_is_taken_away,
           torn_rename_keeps_the_live_file_and_empties_the_leftover,
           clusters_that_nobody_owns_become_a_file_to_be_dropped,
           leftover_that_joins_the_live_file_in_mid_chain_is_cut,
           leftover_whose_long_name_was_cleared_already_is_cut, first_copy_of_the_table_counts,
           leftover_in_directories_of_another_case_is_cut,
           dirty_bit_alone_is_cleared_and_nothing_else_changes,
           sound_volume_is_not_written_and_fsck_is_not_asked,
           chain_into_a_free_cluster_is_repaired_and_costs_nobody_else,
           two_live_files_that_share_are_named_and_left_alone,
           file_of_somebody_else_is_not_cut_whatever_its_suffix,
           directory_is_not_cut_whatever_its_name, many_sharers_are_not_all_named,
           volume_that_cannot_be_read_to_its_end_is_left_alone, what_is_no_fat_is_refused,
           disk_that_is_held_exclusively_is_repaired,
           live_file_is_complete_whenever_power_fails_during_the_repair,
           repair_that_was_cut_short_is_taken_up_again,
           directory_without_mount_has_nothing_to_repair)
