/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A repair is one kind of writes after the other, by workers; what comes of it is remembered, told,
 * and not tried without end. */

#include "engine/boot-keeper.h"

#include "common/names.h"
#include "sys/file.h"
#include "tests/unit/core/guard-lab.h"
#include "tests/unit/engine/lab.h"

typedef struct Keeping {
        Lab lab;
        Firmware firmware;
        BootKeeper *keeper;
        unsigned n_changed;
} Keeping;

static BootKeeperView on_view(void *userdata) {
        Keeping *k = userdata;
        const StateView *known = manager_info(k->lab.m).known;

        return (BootKeeperView){
                .firmware = &k->firmware,
                .esps = known->esps,
                .facts = known->facts,
        };
}

static void on_heard(Firmware *firmware, void *userdata) {
        Keeping *k = userdata;

        firmware_done(&k->firmware);
        k->firmware = TAKE_FIRMWARE(*firmware);
        boot_keeper_look(k->keeper, false);
}

static void on_changed(void *userdata) {
        Keeping *k = userdata;

        k->n_changed++;
        boot_keeper_look(k->keeper, false);
}

static const BootKeeperListener listener = {
        .view = on_view,
        .heard = on_heard,
        .changed = on_changed,
};

/* The ESP becomes what udev's link leads to. */
static void place(const Lab *lab) {
        temp_mkdir(&lab->t, "dev/disk/by-partuuid");
        ck_assert_int_eq(renameat(lab->t.fd, "dev/disk/by-uuid/" ESP_A, lab->t.fd, "dev/sda2"), 0);
        temp_symlink(&lab->t, "dev/disk/by-uuid/" ESP_A, "../../sda2");
        temp_symlink(&lab->t, "dev/disk/by-partuuid/" PART_A, "../../sda2");
}

/* As an earlier boot has left it: the ESP's entry is the first, before a foreign one. */
static void write_memory(const Lab *lab) {
        BootMemory m = { .boot_id = strdup(BOOT_1), .order = { 1, 7 }, .n_order = 2 };
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        _cleanup_free_ char *text = NULL;
        size_t size;
        KeptEntry *e;

        fw_add(&f, 1, "proxmox", PART_A, SD_BOOT);
        ck_assert_int_eq(boot_memory_add(&m, ESP_A, &f.entries[0], &e), 0);
        ck_assert_int_eq(boot_memory_format(&m, &text, &size), 0);
        ck_assert_int_eq(file_store_state(lab->t.root, PATH_BOOT_ENTRIES, text, size), 1);
        boot_memory_done(&m);
}

static void open_keeping(Keeping *k, const char *conf) {
        lab_open(&k->lab);
        place(&k->lab);
        temp_puts(&k->lab.t, PATH_CONFIG, conf);
        write_memory(&k->lab);
        lab_new(&k->lab);
        k->lab.hold = "*";
        k->firmware = FIRMWARE_INIT;
        k->firmware.uefi = true;
        fw_add(&k->firmware, 7, "Windows", PART_X, WINDOWS);
        fw_order(&k->firmware, "0007");
        ck_assert_int_ge(
                        boot_keeper_new(lab_workers(&k->lab, NULL, NULL), &listener, k, &k->keeper),
                        0);
        boot_keeper_look(k->keeper, false);
}

static void close_keeping(Keeping *k) {
        boot_keeper_free(k->keeper);
        firmware_done(&k->firmware);
        lab_close(&k->lab);
}
#define _cleanup_keeping_ _cleanup_(close_keeping)

static char *memory(const Keeping *k) {
        char *text = NULL;

        (void) file_read(k->lab.t.root, PATH_BOOT_ENTRIES, BOOT_MEMORY_SIZE_MAX, &text, NULL);
        return text;
}

static bool remembers(const Keeping *k, const char *word) {
        _cleanup_free_ char *text = memory(k);

        return text && strstr(text, word);
}

/* The next worker does what its plan says, with the firmware that the test plays. */
static void work(Keeping *k, PlanAction expect) {
        Worker *w = lab_worker(&k->lab, NULL);
        const PlanStep *step = &w->plan->steps[0];
        Report report = { .type = REPORT_FIRMWARE };

        ck_assert_int_eq(step->action, expect);
        ck_assert_int_eq(w->plan->steps[w->plan->n_steps - 1].action, PLAN_FIRMWARE);
        if (expect == PLAN_PUT_ENTRY)
                fw_put(&k->firmware, step->text);
        else
                fw_set_order(&k->firmware, step->text);
        ck_assert_int_eq(firmware_format(&k->firmware, &report.text, NULL), 0);
        worker_say(w, &report);
        worker_done(w);
        free(report.text);
}

static const Warning *find(const Keeping *k, Warnings *l, WarningId id) {
        warnings_done(l);
        ck_assert_int_eq(boot_keeper_warn(k->keeper, l), 0);
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].id == id)
                        return &l->items[i];
        return NULL;
}

static void settle(Keeping *k) {
        for (unsigned n = 0; n < 20; n++)
                lab_turn(&k->lab);
        ck_assert_ptr_null(lab_held(&k->lab, NULL));
}

START_TEST(entry_is_put_back_before_the_order_names_it_and_all_is_told) {
        _cleanup_keeping_ Keeping k = {};
        _cleanup_warnings_ Warnings l = {};

        open_keeping(&k, "[Sync]\nAutoSync=yes\n");
        (void) lab_worker(&k.lab, NULL);
        ck_assert(remembers(&k, "repaired=00000001-") && remembers(&k, BOOT_1));
        work(&k, PLAN_PUT_ENTRY);
        work(&k, PLAN_SET_ORDER);
        LAB_WAIT(&k.lab, remembers(&k, "boot-id=00000001-"));
        settle(&k);
        assert_order(&k.firmware, "0001,0007");
        ck_assert_ptr_nonnull(strstr(boot_keeper_word(k.keeper), "put Boot0001"));
        ck_assert_ptr_nonnull(strstr(boot_keeper_word(k.keeper), "0001,0007"));
        ck_assert_uint_eq(l.n, 0);
        ck_assert_ptr_null(find(&k, &l, WARNING_ENTRIES_NOT_KEPT));
        boot_keeper_look(k.keeper, true);
        settle(&k);
        ck_assert(remembers(&k, " put=1 "));
}
END_TEST

START_TEST(read_only_variables_are_warned_of_and_tried_again_after_a_refresh) {
        _cleanup_keeping_ Keeping k = {};
        _cleanup_warnings_ Warnings l = {};
        const Warning *w;

        open_keeping(&k, "");
        worker_fail(lab_worker(&k.lab, NULL), ERROR_READ_ONLY, "They are read-only");
        LAB_WAIT(&k.lab, (w = find(&k, &l, WARNING_ENTRIES_NOT_KEPT)));
        ck_assert_ptr_nonnull(strstr(w->sentence, "They are read-only"));
        ck_assert_ptr_nonnull(strstr(w->sentence, "\\EFI\\BOOT"));
        ck_assert_str_eq(w->action, "mount -o remount,rw /sys/firmware/efi/efivars && "
                                    "systemctl restart bootsyncd");
        settle(&k);
        ck_assert(!remembers(&k, "repaired=") && remembers(&k, BOOT_1));
        boot_keeper_look(k.keeper, true);
        work(&k, PLAN_PUT_ENTRY);
        work(&k, PLAN_SET_ORDER);
        LAB_WAIT(&k.lab, !find(&k, &l, WARNING_ENTRIES_NOT_KEPT));
}
END_TEST

START_TEST(firmware_that_fails_is_not_written_again_in_this_boot) {
        _cleanup_keeping_ Keeping k = {};
        _cleanup_warnings_ Warnings l = {};

        open_keeping(&k, "");
        worker_fail(lab_worker(&k.lab, NULL), ERROR_FIRMWARE_ERROR, "Its memory is full");
        LAB_WAIT(&k.lab, find(&k, &l, WARNING_ENTRIES_NOT_KEPT));
        ck_assert_str_eq(find(&k, &l, WARNING_ENTRIES_NOT_KEPT)->action, "bootctl-pve reinit");
        boot_keeper_look(k.keeper, true);
        settle(&k);
        ck_assert(remembers(&k, "repaired=00000001-"));
        /* reinit makes the entry. */
        fw_add(&k.firmware, 2, "proxmox", PART_A, SD_BOOT);
        fw_order(&k.firmware, "0002,0007");
        boot_keeper_look(k.keeper, false);
        LAB_WAIT(&k.lab, !find(&k, &l, WARNING_ENTRIES_NOT_KEPT));
        ck_assert_str_eq(boot_keeper_word(k.keeper), "");
        ck_assert(remembers(&k, "number=2 put=0"));
}
END_TEST

START_TEST(write_that_has_no_effect_is_not_repeated) {
        _cleanup_keeping_ Keeping k = {};
        _cleanup_warnings_ Warnings l = {};

        open_keeping(&k, "");
        worker_done(lab_worker(&k.lab, NULL));
        LAB_WAIT(&k.lab, find(&k, &l, WARNING_ENTRIES_NOT_KEPT));
        settle(&k);
}
END_TEST

START_TEST(memory_is_dropped_where_nobody_keeps_entries) {
        static const char *const confs[] = { "[Firmware]\nEntries=init\n",
                                             "[Firmware]\nEntries=off\n", "[Sync]\nAutoSync=no\n" };

        for (size_t i = 0; i < ELEMENTSOF(confs); i++) {
                _cleanup_keeping_ Keeping k = {};

                open_keeping(&k, confs[i]);
                LAB_WAIT(&k.lab, !remembers(&k, BOOT_1));
                settle(&k);
                ck_assert_int_eq(boot_entries_mode(lab_facts(&k.lab)),
                                 i == 1 ? ENTRIES_OFF : ENTRIES_INIT);
        }
}
END_TEST

START_TEST(no_repair_is_begun_that_could_not_be_remembered) {
        _cleanup_keeping_ Keeping k = {};

        open_keeping(&k, "");
        ck_assert_int_eq(unlinkat(k.lab.t.fd, PATH_BOOT_ENTRIES, 0), 0);
        temp_mkdir(&k.lab.t, PATH_BOOT_ENTRIES "/x");
        settle(&k);
        assert_order(&k.firmware, "0007");
}
END_TEST

CHECK_MAIN("boot-keeper", entry_is_put_back_before_the_order_names_it_and_all_is_told,
           read_only_variables_are_warned_of_and_tried_again_after_a_refresh,
           firmware_that_fails_is_not_written_again_in_this_boot,
           write_that_has_no_effect_is_not_repeated, memory_is_dropped_where_nobody_keeps_entries,
           no_repair_is_begun_that_could_not_be_remembered)
