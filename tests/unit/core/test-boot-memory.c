/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of boot entries survives its file, and nothing else is taken for one. */

#include "core/firmware/boot-memory.h"

#include "tests/unit/core/guard-lab.h"

#define _cleanup_memory_ _cleanup_(boot_memory_done)

static void fill(BootMemory *m) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        KeptEntry *e;

        fw_add(&f, 3, "proxmox AAAA-0001", PART_A, SD_BOOT);
        fw_add(&f, 0x1a, "proxmox", PART_B, GRUB);
        m->boot_id = strdup(BOOT_2);
        m->repaired = strdup(BOOT_1);
        m->order[m->n_order++] = 0x1a;
        m->order[m->n_order++] = 3;
        m->ordered = (Mend){ .done = true, .again = true };
        ck_assert_int_eq(boot_memory_add(m, "AAAA-0001", &f.entries[0], &e), 0);
        e->put = (Mend){ .done = true, .now = true };
        ck_assert_int_eq(boot_memory_add(m, "BBBB-0002", &f.entries[1], &e), 0);
        e->pruned = (Mend){ .done = true };
}

START_TEST(file_gives_back_all_but_the_repair_that_is_under_way) {
        _cleanup_memory_ BootMemory m = {}, again = {}, copy = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        fill(&m);
        ck_assert_int_eq(boot_memory_copy(&m, &copy), 0);
        ck_assert(copy.entries[0].put.now);
        ck_assert_int_eq(boot_memory_format(&copy, &text, &size), 0);
        ck_assert_int_eq(boot_memory_parse(text, size, &again), 0);
        ck_assert_str_eq(again.boot_id, BOOT_2);
        ck_assert_str_eq(again.repaired, BOOT_1);
        ck_assert_uint_eq(again.n_order, 2);
        ck_assert_uint_eq(again.order[0], 0x1a);
        ck_assert(again.ordered.done && again.ordered.again);
        ck_assert_uint_eq(again.n_entries, 2);
        ck_assert_str_eq(again.entries[0].esp, "AAAA-0001");
        ck_assert_uint_eq(again.entries[0].option.number, 3);
        ck_assert_str_eq(again.entries[0].option.title, "proxmox AAAA-0001");
        ck_assert_str_eq(again.entries[0].option.hex, m.entries[0].option.hex);
        ck_assert(again.entries[0].put.done && !again.entries[0].put.now);
        ck_assert(!again.entries[0].put.again && again.entries[1].pruned.done);
        ck_assert_ptr_eq(boot_memory_find(&again, &m.entries[1].option), &again.entries[1]);
}
END_TEST

START_TEST(file_that_is_another_is_refused_and_so_is_every_cut_one) {
        static const char head[] = "boot-entries version=1 boot-id=" BOOT_1 " order= ordered=0\n";
        static const struct {
                const char *text;
                int expect;
        } cases[] = {
                { head, 0 },
                { "", -EBADMSG },
                { "boot-entries version=2 boot-id=" BOOT_1 " order= ordered=0\n",
                  -EPROTONOSUPPORT },
                { "boot-entries version=1 order= ordered=0\n", -EBADMSG },
                { "boot-entries version=1 boot-id=x order= ordered=0\n", -EBADMSG },
                { "boot-entries version=1 boot-id=" BOOT_1 " order=1 ordered=0\n", -EBADMSG },
                { "boot-entries version=1 boot-id=" BOOT_1 " order= ordered=3\n", -EBADMSG },
                { "boot-entries version=1 boot-id=" BOOT_1 " order= ordered=0 x=1\n", -EBADMSG },
                { "kept-entry esp=AAAA-0001 number=1 put=0 pruned=0 hex=\n", -EBADMSG },
        };
        _cleanup_memory_ BootMemory m = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_memory_ BootMemory ret = {};

                ck_assert_msg(boot_memory_parse(cases[i].text, strlen(cases[i].text), &ret) ==
                                              cases[i].expect,
                              "%s", cases[i].text);
        }
        fill(&m);
        ck_assert_int_eq(boot_memory_format(&m, &text, &size), 0);
        for (size_t n = 0; n < size; n++) {
                _cleanup_memory_ BootMemory ret = {};

                /* A cut between two lines is whole, and tells less. */
                ck_assert(boot_memory_parse(text, n, &ret) == -EBADMSG || text[n - 1] == '\n');
        }
}
END_TEST

START_TEST(entry_that_is_none_of_ours_or_has_no_partition_or_is_there_twice_is_refused) {
        static const char head[] = "boot-entries version=1 boot-id=" BOOT_1 " order= ordered=0\n";
        static const struct {
                const char *esp, *partuuid, *path;
                unsigned times;
                int expect;
        } cases[] = {
                { "AAAA-0001", PART_A, SD_BOOT, 1, 0 },
                { "AAAA-0001", PART_A, SD_BOOT, 2, -EBADMSG },
                { "aaaa-0001", PART_A, SD_BOOT, 1, -EBADMSG },
                { "AAAA0001", PART_A, SD_BOOT, 1, -EBADMSG },
                { "AAAA-0001", NULL, SD_BOOT, 1, -EBADMSG },
                { "AAAA-0001", PART_A, WINDOWS, 1, -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_memory_ BootMemory ret = {};
                _cleanup_free_ char *text = NULL;
                uint8_t data[512];
                size_t size = make_option("T", cases[i].partuuid, cases[i].path, data);
                Buffer b = {};

                buffer_puts(&b, head);
                for (unsigned n = 0; n < cases[i].times; n++) {
                        buffer_printf(&b, "kept-entry esp=%s number=%u put=0 pruned=0 hex=",
                                      cases[i].esp, n);
                        for (size_t k = 0; k < size; k++)
                                buffer_printf(&b, "%02x", data[k]);
                        buffer_puts(&b, "\n");
                }
                ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
                ck_assert_int_eq(boot_memory_parse(text, size, &ret), cases[i].expect);
        }
}
END_TEST

START_TEST(number_of_entries_and_size_of_the_file_are_bounded) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        _cleanup_memory_ BootMemory m = { .boot_id = strdup(BOOT_1) }, again = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        KeptEntry *e;

        fw_add(&f, 1, "A rather long title, so that the file has something to hold", PART_A,
               SD_BOOT);
        f.entries[0].hex = realloc(f.entries[0].hex, 2 * LOAD_OPTION_SIZE_MAX + 1);
        memset(f.entries[0].hex + strlen(f.entries[0].hex), '0',
               2 * LOAD_OPTION_SIZE_MAX - strlen(f.entries[0].hex));
        f.entries[0].hex[2 * LOAD_OPTION_SIZE_MAX] = '\0';
        for (size_t i = 0; i < BOOT_MEMORY_ENTRIES_MAX; i++)
                ck_assert_int_eq(boot_memory_add(&m, "AAAA-0001", &f.entries[0], &e), 0);
        ck_assert_int_eq(boot_memory_add(&m, "AAAA-0001", &f.entries[0], &e), -E2BIG);
        ck_assert_int_eq(boot_memory_format(&m, &text, &size), 0);
        ck_assert_uint_le(size, BOOT_MEMORY_SIZE_MAX);
        ck_assert_uint_gt(size, BOOT_MEMORY_SIZE_MAX / 2);
}
END_TEST

CHECK_MAIN("boot-memory", file_gives_back_all_but_the_repair_that_is_under_way,
           file_that_is_another_is_refused_and_so_is_every_cut_one,
           entry_that_is_none_of_ours_or_has_no_partition_or_is_there_twice_is_refused,
           number_of_entries_and_size_of_the_file_are_bounded)
