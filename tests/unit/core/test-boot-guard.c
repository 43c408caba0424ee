/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All that a firmware loses comes back, once and in an order that any power cut leaves bootable;
 * what a person changes stays, and what belongs to others is never touched. */

#include "core/firmware/boot-guard.h"

#include "tests/unit/core/guard-lab.h"

/* A host whose daemon is started in one boot after the other. */
typedef struct Host {
        Firmware f;
        BootMemory memory; /* as the state file has it */
        GuardEsp esps[2];
        size_t n_esps;
        unsigned n_writes;
        GuardVerdict last;
} Host;

static void host_done(Host *h) {
        firmware_done(&h->f);
        boot_memory_done(&h->memory);
        guard_verdict_done(&h->last);
}
#define _cleanup_host_ _cleanup_(host_done)

static Host host_new(void) {
        Host h = {
                .f = FIRMWARE_INIT,
                .esps = { { "AAAA-0001", PART_A }, { "BBBB-0002", PART_B } },
                .n_esps = 2,
        };

        h.f.uefi = true;
        fw_add(&h.f, 1, "proxmox AAAA-0001", PART_A, SD_BOOT);
        fw_add(&h.f, 2, "proxmox BBBB-0002", PART_B, SD_BOOT);
        fw_add(&h.f, 7, "Windows Boot Manager", PART_X, WINDOWS);
        fw_order(&h.f, "0001,0007,0002");
        return h;
}

static void judge(Host *h, const BootMemory *memory, const char *boot_id, bool may, bool goes_on) {
        guard_verdict_done(&h->last);
        ck_assert_int_eq(boot_guard_judge(&(GuardInput){ .memory = memory,
                                                         .firmware = &h->f,
                                                         .esps = h->esps,
                                                         .n_esps = h->n_esps,
                                                         .boot_id = boot_id,
                                                         .may_begin = may,
                                                         .goes_on = goes_on },
                                          &h->last),
                         0);
        ck_assert((h->last.write == GUARD_WRITES_NOTHING) == strv_isempty(h->last.steps));
        ck_assert_uint_eq(strv_length(h->last.steps), strv_length(h->last.sentences));
}

/* Through the file. */
static void store(Host *h) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        boot_memory_done(&h->memory);
        if (!h->last.memory.boot_id)
                return;
        ck_assert_int_eq(boot_memory_format(&h->last.memory, &text, &size), 0);
        ck_assert_int_eq(boot_memory_parse(text, size, &h->memory), 0);
}

/* As the daemon does it, up to @cut writes of a kind. */
static void look_until(Host *h, const char *boot_id, bool may, unsigned cut) {
        judge(h, &h->memory, boot_id, may, false);
        for (unsigned n = 0; h->last.write != GUARD_WRITES_NOTHING; n++) {
                _cleanup_(boot_memory_done) BootMemory begun = {};

                store(h);
                if (n == cut)
                        return;
                ck_assert_uint_lt(n, 3);
                fw_write(&h->f, &h->last);
                h->n_writes += (unsigned) strv_length(h->last.steps);
                begun = TAKE_STRUCT(h->last.memory);
                judge(h, &begun, boot_id, may, true);
        }
        store(h);
}

/* The daemon starts. */
static void start(Host *h, const char *boot_id) {
        h->n_writes = 0;
        look_until(h, boot_id, true, 3);
}

/* A variable was written. */
static void look(Host *h, const char *boot_id) {
        h->n_writes = 0;
        look_until(h, boot_id, false, 3);
        ck_assert_uint_eq(h->n_writes, 0);
}

static const KeptEntry *kept(const Host *h, const char *partuuid) {
        for (size_t i = 0; i < h->memory.n_entries; i++)
                if (streq(h->memory.entries[i].option.partuuid, partuuid))
                        return &h->memory.entries[i];
        return NULL;
}

START_TEST(without_a_memory_nothing_is_written_and_ours_are_remembered) {
        _cleanup_host_ Host h = host_new();

        fw_add(&h.f, 3, "double", PART_A, SD_BOOT);
        start(&h, BOOT_1);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(!h.last.waits);
        ck_assert_uint_eq(h.memory.n_entries, 2);
        ck_assert_uint_eq(kept(&h, PART_A)->option.number, 1);
        ck_assert_str_eq(kept(&h, PART_B)->esp, "BBBB-0002");
}
END_TEST

START_TEST(nothing_is_written_where_nothing_differs) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert_str_eq(h.memory.boot_id, BOOT_2);
        ck_assert_ptr_null(h.memory.repaired);
}
END_TEST

START_TEST(what_the_firmware_has_dropped_comes_back_as_it_was_and_where_it_was) {
        _cleanup_free_ char *hex = NULL;
        _cleanup_host_ Host h = host_new();

        hex = strdup(h.f.entries[0].hex);
        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        fw_order(&h.f, "0007,0002");
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 2);
        assert_order(&h.f, "0001,0007,0002");
        ck_assert_str_eq(firmware_entry(&h.f, 1)->hex, hex);
        ck_assert(kept(&h, PART_A)->put.done);
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(!kept(&h, PART_A)->put.done);
}
END_TEST

START_TEST(number_that_another_has_taken_is_left_to_it) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 2);
        fw_add(&h.f, 2, "USB", NULL, "\\x");
        fw_order(&h.f, "0001,0002,0007");
        start(&h, BOOT_2);
        ck_assert_str_eq(firmware_entry(&h.f, 2)->title, "USB");
        ck_assert_str_eq(firmware_entry(&h.f, 3)->title, "proxmox BBBB-0002");
        assert_order(&h.f, "0001,0002,0007,0003");
}
END_TEST

START_TEST(all_of_ours_dropped_come_back_around_the_foreign_one) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        fw_remove(&h.f, 2);
        fw_order(&h.f, "0007");
        start(&h, BOOT_2);
        assert_order(&h.f, "0001,0007,0002");
        ck_assert_uint_eq(h.n_writes, 3);
}
END_TEST

START_TEST(order_that_is_gone_is_made_of_ours) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_order(&h.f, "");
        start(&h, BOOT_2);
        assert_order(&h.f, "0001,0002");
        ck_assert_uint_eq(h.n_writes, 1);
}
END_TEST

START_TEST(order_among_ours_is_restored_and_foreign_ones_keep_their_places) {
        _cleanup_host_ Host h = host_new();

        fw_add(&h.f, 8, "PXE", NULL, "\\y");
        fw_order(&h.f, "0008,0001,0007,0002");
        start(&h, BOOT_1);
        fw_order(&h.f, "0002,0007,0001,0008");
        start(&h, BOOT_2);
        assert_order(&h.f, "0001,0007,0002,0008");
        ck_assert_uint_eq(h.n_writes, 1);
        fw_order(&h.f, "0007,0001,0002,0008");
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 0);
}
END_TEST

START_TEST(doubles_go_when_no_order_names_them_and_the_remembered_one_stays) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_add(&h.f, 0, "UEFI OS", PART_A, "\\EFI\\SYSTEMD\\SYSTEMD-BOOTX64.EFI");
        fw_add(&h.f, 9, "once more", PART_A, SD_BOOT);
        fw_order(&h.f, "0000,0007,0001,0002");
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 3);
        ck_assert_uint_eq(h.f.n_entries, 3);
        ck_assert_ptr_nonnull(firmware_entry(&h.f, 1));
        assert_order(&h.f, "0007,0001,0002");
}
END_TEST

START_TEST(of_doubles_the_one_that_the_firmware_tries_is_kept) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_add(&h.f, 3, "double", PART_A, SD_BOOT);
        fw_order(&h.f, "0003,0007,0002");
        start(&h, BOOT_2);
        ck_assert_ptr_null(firmware_entry(&h.f, 1));
        assert_order(&h.f, "0003,0007,0002");
        ck_assert_uint_eq(h.n_writes, 1);
}
END_TEST

START_TEST(two_loaders_of_one_esp_are_no_doubles) {
        _cleanup_host_ Host h = host_new();

        fw_add(&h.f, 3, "proxmox", PART_A, GRUB);
        start(&h, BOOT_1);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert_uint_eq(h.memory.n_entries, 3);
}
END_TEST

START_TEST(entry_that_vanished_without_a_reboot_stays_removed) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        fw_order(&h.f, "0007,0002");
        look(&h, BOOT_1);
        ck_assert_ptr_null(kept(&h, PART_A));
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        assert_order(&h.f, "0007,0002");
}
END_TEST

START_TEST(restart_of_the_daemon_within_a_boot_finds_a_removed_entry_removed) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        start(&h, BOOT_1);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert_ptr_null(kept(&h, PART_A));
}
END_TEST

START_TEST(order_that_a_person_sets_is_the_one_that_is_restored) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_order(&h.f, "0002,0007,0001");
        look(&h, BOOT_1);
        fw_order(&h.f, "0001,0007,0002");
        start(&h, BOOT_2);
        assert_order(&h.f, "0002,0007,0001");
}
END_TEST

START_TEST(entry_of_a_listed_esp_whose_disk_is_away_is_kept_and_put_back) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        h.esps[1].part_uuid = "";
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        fw_remove(&h.f, 2);
        fw_order(&h.f, "0001,0007");
        start(&h, BOOT_3);
        assert_order(&h.f, "0001,0007,0002");
        ck_assert_str_eq(firmware_entry(&h.f, 2)->partuuid, PART_B);
}
END_TEST

START_TEST(entry_of_an_esp_that_is_not_listed_any_more_is_nobodys) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        h.n_esps = 1;
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert_uint_eq(h.memory.n_entries, 1);
        fw_remove(&h.f, 2);
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 0);
}
END_TEST

START_TEST(entry_of_a_partition_that_was_replaced_is_not_put_back) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        h.esps[0].part_uuid = PART_X;
        fw_remove(&h.f, 1);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert_ptr_null(kept(&h, PART_A));
}
END_TEST

START_TEST(firmware_that_drops_it_again_is_told_of_and_not_fought) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        fw_order(&h.f, "0007,0002");
        start(&h, BOOT_2);
        fw_remove(&h.f, 1);
        fw_order(&h.f, "0007,0002");
        for (unsigned n = 0; n < 2; n++) {
                start(&h, n == 0 ? BOOT_3 : BOOT_4);
                ck_assert_uint_eq(h.n_writes, 0);
                ck_assert(kept(&h, PART_A)->put.again);
                look(&h, n == 0 ? BOOT_3 : BOOT_4);
                ck_assert(kept(&h, PART_A)->put.again);
        }
        /* A person makes it anew. */
        fw_add(&h.f, 4, "proxmox AAAA-0001", PART_A, SD_BOOT);
        look(&h, BOOT_4);
        ck_assert(!kept(&h, PART_A)->put.again && !kept(&h, PART_A)->put.done);
}
END_TEST

START_TEST(dropped_again_is_told_while_another_repair_is_begun_or_waits) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        start(&h, BOOT_2);
        fw_remove(&h.f, 1);
        fw_remove(&h.f, 2);
        look(&h, BOOT_3);
        ck_assert(h.last.waits && kept(&h, PART_A)->put.again && !kept(&h, PART_B)->put.again);
        look_until(&h, BOOT_3, true, 0);
        ck_assert(kept(&h, PART_A)->put.again);
        ck_assert_ptr_null(firmware_entry(&h.f, 2));
        start(&h, BOOT_4);
        ck_assert(kept(&h, PART_A)->put.again);
        ck_assert_ptr_nonnull(firmware_entry(&h.f, 2));
        ck_assert_ptr_null(firmware_entry(&h.f, 1));
}
END_TEST

START_TEST(firmware_that_reorders_again_has_its_order) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_order(&h.f, "0002,0007,0001");
        start(&h, BOOT_2);
        assert_order(&h.f, "0001,0007,0002");
        fw_order(&h.f, "0002,0007,0001");
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(h.memory.ordered.again);
        look(&h, BOOT_3);
        ck_assert(h.memory.ordered.again);
        start(&h, BOOT_4);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(!h.memory.ordered.again);
}
END_TEST

START_TEST(firmware_that_doubles_again_keeps_its_double) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_add(&h.f, 3, "double", PART_A, SD_BOOT);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 1);
        fw_add(&h.f, 3, "double", PART_A, SD_BOOT);
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(kept(&h, PART_A)->pruned.again);
}
END_TEST

START_TEST(there_is_one_repair_in_a_boot) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        start(&h, BOOT_2);
        ck_assert_uint_gt(h.n_writes, 0);
        fw_add(&h.f, 3, "double", PART_B, SD_BOOT);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
        ck_assert(h.last.waits);
        start(&h, BOOT_3);
        ck_assert_uint_eq(h.n_writes, 1);
}
END_TEST

START_TEST(look_out_of_time_repairs_nothing_and_forgets_nothing) {
        _cleanup_host_ Host h = host_new();

        start(&h, BOOT_1);
        fw_remove(&h.f, 1);
        look(&h, BOOT_2);
        ck_assert(h.last.waits);
        ck_assert_str_eq(h.memory.boot_id, BOOT_1);
        start(&h, BOOT_2);
        ck_assert_ptr_nonnull(firmware_entry(&h.f, 1));
}
END_TEST

START_TEST(repair_that_power_cut_is_done_at_the_next_boot) {
        for (unsigned cut = 0; cut < 3; cut++) {
                _cleanup_host_ Host h = host_new();

                start(&h, BOOT_1);
                fw_remove(&h.f, 1);
                fw_add(&h.f, 3, "double", PART_B, SD_BOOT);
                fw_order(&h.f, "0003,0007,0002");
                look_until(&h, BOOT_2, true, cut);
                start(&h, BOOT_2);
                ck_assert_uint_eq(h.n_writes, 0);
                start(&h, BOOT_3);
                assert_order(&h.f, "0001,0007,0002");
                ck_assert_uint_eq(h.f.n_entries, 3);
        }
}
END_TEST

START_TEST(order_that_may_be_cut_is_left) {
        _cleanup_host_ Host h = host_new();
        uint8_t data[2 * FIRMWARE_ORDER_MAX];

        start(&h, BOOT_1);
        for (unsigned i = 0; i < FIRMWARE_ORDER_MAX; i++)
                efi_put_u16(data + 2 * i, (uint16_t) (0x100 + i));
        efi_put_u16(data, 2);
        efi_put_u16(data + 2, 1);
        ck_assert_int_eq(firmware_set_boot_order(&h.f, data, sizeof(data)), 0);
        start(&h, BOOT_2);
        ck_assert_uint_eq(h.n_writes, 0);
}
END_TEST

static uint64_t seed;

static unsigned chance(unsigned n) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned) (seed % n);
}

static uint16_t free_number(const Firmware *f) {
        uint16_t number;

        do
                number = (uint16_t) chance(64);
        while (firmware_entry(f, number));
        return number;
}

static void shuffle_order(Firmware *f) {
        for (size_t i = 0; i + 1 < f->n_boot_order; i++) {
                size_t k = i + chance((unsigned) (f->n_boot_order - i));
                uint16_t number = f->boot_order[i];

                f->boot_order[i] = f->boot_order[k];
                f->boot_order[k] = number;
        }
}

static void lose_from_order(Firmware *f) {
        size_t at = f->n_boot_order > 0 ? chance((unsigned) f->n_boot_order) : 0;

        if (f->n_boot_order == 0)
                return;
        f->n_boot_order--;
        memmove(f->boot_order + at, f->boot_order + at + 1,
                (f->n_boot_order - at) * sizeof(*f->boot_order));
}

static void add_to_order(Firmware *f, uint16_t number) {
        size_t n = f->n_boot_order, at = chance((unsigned) n + 1);
        uint16_t *order = calloc(n + 1, sizeof(*order));

        ck_assert_ptr_nonnull(order);
        for (size_t i = 0, k = 0; i <= n; i++)
                order[i] = i == at ? number : f->boot_order[k++];
        free(f->boot_order);
        f->boot_order = order;
        f->n_boot_order = n + 1;
}

static void add_something(Firmware *f) {
        static const char *const parts[] = { PART_A, PART_B, PART_X, NULL }, *const paths[] = {
                SD_BOOT, GRUB, WINDOWS
        };
        uint16_t number = free_number(f);

        fw_add(f, number, "T", parts[chance(4)], paths[chance(3)]);
        if (chance(3) > 0)
                add_to_order(f, number);
}

/* Whatever a firmware, a person or a tool may do. */
static void mangle(Firmware *f) {
        for (unsigned n = chance(4); n > 0; n--)
                switch (chance(5)) {
                case 0:
                        if (f->n_entries > 0)
                                fw_remove(f, f->entries[chance((unsigned) f->n_entries)].number);
                        break;
                case 1:
                        if (f->n_entries < 12)
                                add_something(f);
                        break;
                case 2:
                        shuffle_order(f);
                        break;
                case 3:
                        lose_from_order(f);
                        break;
                default:
                        if (f->n_entries > 0)
                                f->entries[chance((unsigned) f->n_entries)].active ^= true;
                }
}

static bool is_foreign(const LoadOption *o) {
        return !o->hex || streq(o->partuuid, PART_X) || isempty(o->partuuid);
}

/* The numbers of foreign entries in the order's order, and each such entry. */
static char *describe_foreign(const Firmware *f) {
        Buffer b = {};
        char *text;

        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *o = firmware_entry(f, f->boot_order[i]);

                if (o && is_foreign(o))
                        buffer_printf(&b, "%04X ", f->boot_order[i]);
        }
        for (size_t i = 0; i < f->n_entries; i++)
                if (is_foreign(&f->entries[i]))
                        buffer_printf(&b, "%04X=%s/%s/%d ", f->entries[i].number,
                                      f->entries[i].partuuid, f->entries[i].path,
                                      f->entries[i].active);
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

/* True if the firmware would boot something of ours, or anything at all. */
static bool boots(const Firmware *f, bool ours) {
        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *o = firmware_entry(f, f->boot_order[i]);

                if (o && o->active && (!ours || !is_foreign(o)))
                        return true;
        }
        return false;
}

/* One write after the other, each checked. */
static void write_checked(Firmware *f, const GuardVerdict *v) {
        STRV_FOREACH(step, v->steps) {
                char *one[] = { *step, NULL };
                const GuardVerdict single = { .write = v->write, .steps = one };
                _cleanup_free_ char *before = describe_foreign(f), *after = NULL;
                const bool ours = boots(f, true), any = boots(f, false), order = f->n_boot_order;

                fw_write(f, &single);
                after = describe_foreign(f);
                ck_assert_str_eq(after, before);
                ck_assert(!order || f->n_boot_order > 0);
                ck_assert(!ours || boots(f, true));
                ck_assert(!any || boots(f, false));
        }
}

static void run_boot(Host *h, const char *boot_id, bool cut) {
        GuardWrite last = GUARD_WRITES_NOTHING;

        judge(h, &h->memory, boot_id, true, false);
        while (h->last.write != GUARD_WRITES_NOTHING) {
                _cleanup_(boot_memory_done) BootMemory begun = {};

                ck_assert_int_gt(h->last.write, last);
                last = h->last.write;
                store(h);
                write_checked(&h->f, &h->last);
                if (cut && chance(2))
                        return;
                begun = TAKE_STRUCT(h->last.memory);
                judge(h, &begun, boot_id, false, true);
        }
        ck_assert(!h->last.waits || streq_ptr(h->memory.repaired, boot_id));
        store(h);
}

/* Of all that is remembered and not given up, each is there once. */
static void assert_kept(const Host *h) {
        for (size_t i = 0; i < h->memory.n_entries; i++) {
                const KeptEntry *e = &h->memory.entries[i];
                unsigned n = 0;

                for (size_t k = 0; k < h->f.n_entries; k++)
                        n += strcasecmp(h->f.entries[k].path, e->option.path) == 0 &&
                             streq(h->f.entries[k].partuuid, e->option.partuuid);
                ck_assert(e->put.again ? n == 0 : n >= 1);
        }
}

START_TEST(whatever_happens_others_are_untouched_and_a_second_look_writes_nothing) {
        for (unsigned round = 0; round < 3000; round++) {
                static const char *const boots_of[] = { BOOT_1, BOOT_2, BOOT_3, BOOT_4 };
                _cleanup_host_ Host h = host_new();

                seed = 0x9e3779b97f4a7c15u * (round + 1);
                for (unsigned boot = 0; boot < 4; boot++) {
                        const bool cut = chance(4) == 0, known = h.memory.boot_id;

                        mangle(&h.f);
                        h.esps[1].part_uuid = chance(5) == 0 ? "" : PART_B;
                        run_boot(&h, boots_of[boot], cut);
                        if (cut)
                                continue;
                        assert_kept(&h);
                        /* A double that was there from the beginning goes as soon as it is known.
                         */
                        judge(&h, &h.memory, boots_of[boot], known, false);
                        ck_assert_int_eq(h.last.write, GUARD_WRITES_NOTHING);
                        mangle(&h.f);
                        look(&h, boots_of[boot]);
                }
        }
}
END_TEST

CHECK_MAIN("boot-guard", without_a_memory_nothing_is_written_and_ours_are_remembered,
           nothing_is_written_where_nothing_differs,
           what_the_firmware_has_dropped_comes_back_as_it_was_and_where_it_was,
           number_that_another_has_taken_is_left_to_it,
           all_of_ours_dropped_come_back_around_the_foreign_one, order_that_is_gone_is_made_of_ours,
           order_among_ours_is_restored_and_foreign_ones_keep_their_places,
           doubles_go_when_no_order_names_them_and_the_remembered_one_stays,
           of_doubles_the_one_that_the_firmware_tries_is_kept,
           two_loaders_of_one_esp_are_no_doubles,
           entry_that_vanished_without_a_reboot_stays_removed,
           restart_of_the_daemon_within_a_boot_finds_a_removed_entry_removed,
           order_that_a_person_sets_is_the_one_that_is_restored,
           entry_of_a_listed_esp_whose_disk_is_away_is_kept_and_put_back,
           entry_of_an_esp_that_is_not_listed_any_more_is_nobodys,
           entry_of_a_partition_that_was_replaced_is_not_put_back,
           firmware_that_drops_it_again_is_told_of_and_not_fought,
           dropped_again_is_told_while_another_repair_is_begun_or_waits,
           firmware_that_reorders_again_has_its_order, firmware_that_doubles_again_keeps_its_double,
           there_is_one_repair_in_a_boot, look_out_of_time_repairs_nothing_and_forgets_nothing,
           repair_that_power_cut_is_done_at_the_next_boot, order_that_may_be_cut_is_left,
           whatever_happens_others_are_untouched_and_a_second_look_writes_nothing)
