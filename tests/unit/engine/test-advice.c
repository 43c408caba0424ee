/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever is amiss is told of with the command that mends it, and no more once it is mended. */

#include "engine/advice.h"

#include <sys/stat.h>

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define PIN "etc/kernel/proxmox-boot-pin"
#define DAY (UINT64_C(24) * 3600)

static const Warning *find(const Lab *lab, WarningId id) {
        const Warnings *l = manager_info(lab->m).known->warnings;

        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].id == id)
                        return &l->items[i];
        return NULL;
}

static void assert_warns(Lab *lab, WarningId id, const char *subject, const char *action) {
        const Warning *w;

        LAB_WAIT(lab, find(lab, id));
        w = find(lab, id);
        ck_assert_str_eq(w->subject, subject);
        ck_assert_msg(strstr(w->action, action), "'%s' lacks '%s'", w->action, action);
}

START_TEST(host_that_is_well_has_no_warning_and_its_esps_no_advice) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_uint_eq(manager_info(lab.m).known->warnings->n, 0);
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).why, "");
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).action, "");
}
END_TEST

START_TEST(lost_initrd_is_told_of_until_it_is_there_again) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_eq(unlinkat(lab.t.fd, "boot/initrd.img-" KERNEL_NEW, 0), 0);
        lab_pass(&lab, 3 * SEC);
        assert_warns(&lab, WARNING_KERNEL_WITHOUT_INITRD, KERNEL_NEW,
                     "update-initramfs -c -k " KERNEL_NEW);
        lab_add_kernel(&lab, KERNEL_NEW);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_ptr_null(find(&lab, WARNING_KERNEL_WITHOUT_INITRD));
}
END_TEST

START_TEST(empty_boot_is_told_of) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_eq(unlinkat(lab.t.fd, "boot/vmlinuz-" KERNEL_NEW, 0), 0);
        ck_assert_int_eq(unlinkat(lab.t.fd, "boot/vmlinuz-" KERNEL_OLD, 0), 0);
        lab_pass(&lab, 3 * SEC);
        assert_warns(&lab, WARNING_BOOT_EMPTY, "/boot", "mount /boot");
        ck_assert_str_eq(warning_kind(WARNING_BOOT_EMPTY)->severity, "fault");
        lab_add_kernel(&lab, KERNEL_OLD);
        lab_add_kernel(&lab, KERNEL_NEW);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_ptr_null(find(&lab, WARNING_BOOT_EMPTY));
}
END_TEST

START_TEST(bad_line_is_told_of_by_its_file_and_can_be_edited_away) {
        _cleanup_free_ char *path = NULL;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_list_esps(&lab, ESP_A "\n" ESP_B "\ngarbage line\n");
        lab_start(&lab);
        path = strprintf("%s/" LIST_OF_ESPS, lab.t.path);
        assert_warns(&lab, WARNING_BAD_LINE, path, path);
        ck_assert_ptr_nonnull(strstr(find(&lab, WARNING_BAD_LINE)->sentence, "'garbage line'"));
        lab_list_esps(&lab, ESP_A "\n" ESP_B "\n");
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_ptr_null(find(&lab, WARNING_BAD_LINE));
}
END_TEST

START_TEST(command_line_without_a_root_is_told_of) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        temp_puts(&lab.t, "etc/kernel/cmdline", "quiet\n");
        lab_start(&lab);
        LAB_WAIT(&lab, find(&lab, WARNING_CMDLINE_WITHOUT_ROOT));
        ck_assert_ptr_nonnull(find(&lab, WARNING_CMDLINE_WITHOUT_ROOT));
}
END_TEST

START_TEST(auto_sync_that_is_off_is_told_of_and_by_whom_unless_nobody_expects_it) {
        _cleanup_lab_ Lab lab, private;

        lab_open(&lab);
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        lab_finish(&lab);
        assert_warns(&lab, WARNING_AUTO_SYNC_OFF, "AutoSync", "bootsyncd.conf");

        /* Another reason is another warning, or nobody would be told of it. */
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "");
        temp_puts(&lab.t, "var/lib/dpkg/status",
                  "Package: proxmox-kernel-helper\nStatus: install ok installed\n\n");
        LAB_WAIT(&lab, strcmp(find(&lab, WARNING_AUTO_SYNC_OFF)->subject, "AutoSync") != 0);
        ck_assert_str_eq(find(&lab, WARNING_AUTO_SYNC_OFF)->subject, "proxmox-kernel-helper");

        lab_open(&private);
        private.private = true;
        temp_puts(&private.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab_new(&private);
        ck_assert_int_ge(manager_start(private.m), 0);
        lab_finish(&private);
        ck_assert_ptr_null(find(&private, WARNING_AUTO_SYNC_OFF));
}
END_TEST

START_TEST(pin_that_is_older_than_30_days_is_told_of) {
        _cleanup_lab_ Lab lab;
        struct timespec times[2];

        lab_open(&lab);
        temp_puts(&lab.t, PIN, KERNEL_OLD "\n");
        (void) clock_gettime(CLOCK_REALTIME, &times[0]);
        times[0].tv_sec -= (time_t) (29 * DAY);
        times[1] = times[0];
        ck_assert_int_eq(utimensat(lab.t.fd, PIN, times, 0), 0);
        lab_start(&lab);
        ck_assert_ptr_null(find(&lab, WARNING_PIN_OLD));

        times[0].tv_sec -= (time_t) (3 * DAY);
        times[1] = times[0];
        ck_assert_int_eq(utimensat(lab.t.fd, PIN, times, 0), 0);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        assert_warns(&lab, WARNING_PIN_OLD, KERNEL_OLD, "kernel unpin");
        ck_assert_ptr_nonnull(strstr(find(&lab, WARNING_PIN_OLD)->sentence, "for 32 days"));
}
END_TEST

START_TEST(command_is_one_for_the_root_that_it_is_about) {
        _cleanup_free_ char *expect = NULL;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab_pass(&lab, 3 * SEC);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        expect = strprintf("bootctl-pve --root=%s refresh", lab.t.path);
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).action, expect);
}
END_TEST

START_TEST(outdated_esp_tells_what_it_boots_and_what_it_lacks) {
        _cleanup_lab_ Lab lab;
        const char *why;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab_pass(&lab, 3 * SEC);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_OUTDATED);
        why = esp_info(lab_esp(&lab, ESP_A)).why;
        ck_assert_msg(strstr(why, "the default is still " KERNEL_NEW), "%s", why);
        ck_assert_msg(strstr(why, "kernel " KERNEL_NEXT " is not there"), "%s", why);
        ck_assert_ptr_null(strstr(why, "loader.conf"));

        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).why, "");
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).action, "");
}
END_TEST

START_TEST(missing_esp_is_to_be_connected_or_forgotten) {
        EspInfo info;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_list_esps(&lab, ESP_A "\n" ESP_B "\n3333-CCCC\n");
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        lab_finish(&lab);
        info = esp_info(lab_esp(&lab, "3333-CCCC"));
        ck_assert_int_eq(info.state, ESP_MISSING);
        ck_assert_ptr_nonnull(strstr(info.why, "/dev/disk/by-uuid/3333-CCCC"));
        ck_assert_ptr_nonnull(strstr(info.action, "clean"));
}
END_TEST

static bool never(const Esp *esp, void *userdata) {
        return false;
}

/* The warnings of the host as it is, but for what the test says. */
static Warnings make(const Lab *lab, const Facts *facts, const Firmware *firmware,
                     const Partitions *partitions) {
        const StateView *known = manager_info(lab->m).known;
        const VerdictInput verdict = {
                .root = lab->t.root,
                .facts = facts ?: known->facts,
                .esps = known->esps,
                .partitions = partitions ?: &(const Partitions){},
                .firmware = firmware,
                .is_about_to_sync = never,
        };
        Warnings l = {};

        ck_assert_int_eq(warnings_make(&(WarningsInput){ .verdict = &verdict,
                                                         .watching_reason = "",
                                                         .watching_remedy = "",
                                                         .now_usec = 1 },
                                       &l),
                         0);
        return l;
}

START_TEST(entry_that_leads_nowhere_is_told_of_only_if_no_disk_can_be_what_it_waits_for) {
        LoadOption options[] = {
                { .number = 3,
                  .title = (char *) "proxmox",
                  .partuuid = "aaaa-1",
                  .path = (char *) "\\EFI\\systemd\\systemd-bootx64.efi" },
                { .number = 4,
                  .title = (char *) "proxmox",
                  .partuuid = "bbbb-2",
                  .path = (char *) "\\EFI\\systemd\\systemd-bootx64.efi" },
                { .number = 5,
                  .title = (char *) "other",
                  .partuuid = "cccc-3",
                  .path = (char *) "\\EFI\\other\\x.efi" },
        };
        const Firmware firmware = { .uefi = true, .entries = options, .n_entries = 3 };
        Partition partition = { .part_uuid = (char *) "aaaa-1" };
        const Partitions partitions = { .items = &partition, .n = 1 };
        _cleanup_warnings_ Warnings found = {}, unseen = {}, away = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        found = make(&lab, NULL, &firmware, &partitions);
        ck_assert_uint_eq(found.n, 1);
        ck_assert_int_eq(found.items[0].id, WARNING_ENTRY_WITHOUT_ESP);
        ck_assert_str_eq(found.items[0].subject, "Boot0004");
        ck_assert_str_eq(found.items[0].action, "efibootmgr --bootnum 0004 --delete-bootnum");
        unseen = make(&lab, NULL, &firmware, NULL);
        ck_assert_uint_eq(unseen.n, 0);

        ck_assert_int_eq(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_MISSING);
        away = make(&lab, NULL, &firmware, &partitions);
        ck_assert_uint_eq(away.n, 0);
}
END_TEST

START_TEST(esp_that_is_over_85_percent_full_is_told_of_with_the_kernel_that_can_go) {
        Kernel kernels[] = {
                { .version = (char *) KERNEL_NEW, .reasons = 1u << KERNEL_NEWEST },
                { .version = (char *) KERNEL_OLD, .reasons = 1u << KERNEL_MANUAL },
        };
        _cleanup_warnings_ Warnings full = {}, kept = {}, room = {};
        EspImage *image;
        _cleanup_lab_ Lab lab;
        Facts facts;

        lab_open(&lab);
        lab_start(&lab);
        facts = *lab_facts(&lab);
        facts.kernels.kernels = kernels;
        facts.kernels.n_kernels = 2;
        for (uint64_t left = 20; left >= 10; left -= 10) {
                ESPS_FOREACH(esp, manager_info(lab.m).known->esps) {
                        image = calloc(1, sizeof(*image));
                        ck_assert_ptr_nonnull(image);
                        image->size_bytes = 100 * 1024 * 1024;
                        image->free_bytes = left * 1024 * 1024;
                        image->cluster_bytes = 1;
                        ck_assert_int_eq(esp_set_image(esp, image), 0);
                }
                if (left == 20)
                        room = make(&lab, &facts, NULL, NULL);
        }
        ck_assert_uint_eq(room.n, 0);
        full = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(full.n, 2);
        ck_assert_int_eq(full.items[0].id, WARNING_ESP_FULL);
        ck_assert_ptr_nonnull(strstr(full.items[0].sentence, "91 % full"));
        ck_assert_ptr_nonnull(strstr(full.items[0].action, "kernel remove " KERNEL_OLD));
        kernels[1].reasons |= 1u << KERNEL_RUNNING;
        kept = make(&lab, &facts, NULL, NULL);
        ck_assert_ptr_nonnull(strstr(kept.items[0].action, "apt-get autoremove"));
}
END_TEST

START_TEST(next_boot_pin_that_an_esp_does_not_know_of_is_told_of) {
        _cleanup_warnings_ Warnings known = {}, unknown = {};
        _cleanup_lab_ Lab lab;
        Facts facts;

        lab_open(&lab);
        lab_start(&lab);
        facts = *lab_facts(&lab);
        facts.conf.next_boot = (char *) KERNEL_OLD;
        known = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(known.n, 0);
        esp_set_state(lab_esp(&lab, ESP_B), ESP_OUTDATED, ERROR_NONE, NULL);
        unknown = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(unknown.n, 1);
        ck_assert_int_eq(unknown.items[0].id, WARNING_NEXT_BOOT_NOT_ARMED);
        ck_assert_ptr_nonnull(strstr(unknown.items[0].sentence, ESP_B));
}
END_TEST

START_TEST(tool_that_syncs_in_our_place_and_files_that_cannot_be_read_are_told_of) {
        _cleanup_warnings_ Warnings l = {};
        _cleanup_lab_ Lab lab;
        Facts facts;

        lab_open(&lab);
        lab_start(&lab);
        facts = *lab_facts(&lab);
        facts.conf.settings.auto_sync = AUTO_SYNC_UNSET;
        facts.packages.kernel_helper = true;
        facts.unreadable = (char *) "/etc/kernel/cmdline: Input/output error";
        l = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(l.n, 2);
        ck_assert_int_eq(l.items[0].id, WARNING_FILES_UNREADABLE);
        ck_assert_ptr_nonnull(strstr(l.items[0].sentence, "/etc/kernel/cmdline"));
        ck_assert_int_eq(l.items[1].id, WARNING_AUTO_SYNC_OFF);
        ck_assert_ptr_nonnull(strstr(l.items[1].action, "remove proxmox-kernel-helper"));
}
END_TEST

START_TEST(advice_is_none_while_a_job_mends_the_esp_and_the_error_s_otherwise) {
        _cleanup_lab_ Lab lab;
        Esp *esp;

        lab_open(&lab);
        lab_start(&lab);
        esp = lab_esp(&lab, ESP_A);
        esp_set_state(esp, ESP_SYNCING, ERROR_FAILED, "It failed before");
        advise_esp(lab.t.root, &lab_facts(&lab)->kernels, esp);
        ck_assert_str_eq(esp_info(esp).why, "");
        ck_assert_str_eq(esp_info(esp).action, "");
        esp_set_state(esp, ESP_FAILED, ERROR_ESP_MOUNTED, "It is mounted read-only");
        advise_esp(lab.t.root, &lab_facts(&lab)->kernels, esp);
        ck_assert_str_eq(esp_info(esp).why, "It is mounted read-only");
        ck_assert_ptr_nonnull(strstr(esp_info(esp).action, "umount "));
        esp_set_state(esp, ESP_OUTDATED, ERROR_NO_SPACE, "It does not fit");
        advise_esp(lab.t.root, &lab_facts(&lab)->kernels, esp);
        ck_assert_ptr_nonnull(strstr(esp_info(esp).action, "apt-get autoremove"));
}
END_TEST

START_TEST(what_secure_boot_refuses_is_told_of_while_it_is_enabled) {
        Kernel kernels[] = {
                { .version = (char *) KERNEL_NEW, .reasons = 1u << KERNEL_PIN, .refused = 1 },
                { .version = (char *) KERNEL_OLD, .reasons = 1u << KERNEL_NEWEST, .accepted = 1 },
        };
        SignedFile image = { .path = (char *) "/boot/vmlinuz-" KERNEL_NEW,
                             .by[0].reason = (char *) "it is not signed" };
        RefusedModule modules[] = {
                { (char *) KERNEL_OLD, (char *) "/lib/zfs.ko", (char *) "zfs-dkms", (char *) "x" },
                { (char *) KERNEL_OLD, (char *) "/lib/spl.ko", (char *) "zfs-dkms", (char *) "x" },
        };
        BootKey keys[] = {
                { KEY_STORE_DKMS, (char *) "DKMS", (char *) "aa", 0, (char *) "/var/lib/mok.pub" },
                { KEY_STORE_MOK_NEW, (char *) "DKMS", (char *) "aa", 0, (char *) "" },
        };
        SecureBootFacts judged = { .files = { .items = &image, .n = 1 },
                                   .modules = modules,
                                   .n_modules = 2,
                                   .keys = keys,
                                   .n_keys = 1 };
        _cleanup_warnings_ Warnings off = {}, on = {}, waits = {}, enrolled = {};
        _cleanup_lab_ Lab lab;
        Facts facts;

        lab_open(&lab);
        lab_start(&lab);
        facts = *lab_facts(&lab);
        facts.kernels.kernels = kernels;
        facts.kernels.n_kernels = 2;
        facts.checkers = 1;
        off = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(off.n, 0);
        facts.secure_boot = &judged;
        on = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(on.n, 3);
        ck_assert_int_eq(on.items[0].id, WARNING_KERNEL_REFUSED);
        ck_assert_str_eq(on.items[0].subject, KERNEL_NEW);
        ck_assert_str_eq(on.items[0].sentence,
                         "Secure Boot is enabled, and refuses kernel '" KERNEL_NEW
                         "', so that it does not boot though it is pinned: it is not signed");
        ck_assert_int_eq(on.items[1].id, WARNING_MODULES_REFUSED);
        ck_assert_str_eq(on.items[1].subject, KERNEL_OLD);
        ck_assert_ptr_nonnull(strstr(on.items[1].sentence,
                                     "refuses 2 of its modules, among them '/lib/zfs.ko' of "
                                     "'zfs-dkms': x"));
        ck_assert_int_eq(on.items[2].id, WARNING_KEY_NOT_ENROLLED);
        ck_assert_ptr_nonnull(strstr(on.items[2].action, "mokutil --import /var/lib/mok.pub"));

        judged.n_keys = 2;
        waits = make(&lab, &facts, NULL, NULL);
        ck_assert_ptr_nonnull(strstr(waits.items[2].action, "systemctl reboot"));
        keys[1].store = KEY_STORE_MOK;
        enrolled = make(&lab, &facts, NULL, NULL);
        ck_assert_uint_eq(enrolled.n, 2);
}
END_TEST

/* The ESP, a directory all the same, is known as the second partition of @disk. */
static void put_on_disk(const Lab *lab, const char *uuid, const char *disk) {
        _cleanup_free_ char *link = strprintf("dev/disk/by-uuid/%s", uuid),
                            *name = strprintf("%s2", disk), *node = strprintf("dev/%s", name),
                            *target = strprintf("../../%s", name),
                            *class = strprintf("sys/class/block/%s", name),
                            *device = strprintf("../../devices/pci0/%s/%s", disk, name),
                            *number = strprintf("sys/devices/pci0/%s/%s/partition", disk, name);

        ck_assert_int_eq(renameat(lab->t.fd, link, lab->t.fd, node), 0);
        temp_symlink(&lab->t, link, target);
        temp_symlink(&lab->t, class, device);
        temp_puts(&lab->t, number, "2\n");
}

static char *redundancy_of(const Lab *lab, const Partitions *partitions, const char *expect) {
        const StateView *known = manager_info(lab->m).known;
        Verdict v = verdict_make(&(VerdictInput){ .root = lab->t.root,
                                                  .facts = known->facts,
                                                  .esps = known->esps,
                                                  .partitions = partitions,
                                                  .is_about_to_sync = never });
        char *reason = TAKE_PTR(v.redundancy_reason);

        ck_assert_str_eq(v.redundancy, expect);
        verdict_done(&v);
        return reason;
}

START_TEST(disk_of_the_root_without_an_esp_is_told_of_beside_a_verdict_that_stays) {
        Partition items[] = {
                { .disk = (char *) "/dev/sda",
                  .device = (char *) "/dev/sda3",
                  .number = 3,
                  .carries = (char *) "pool rpool" },
                { .disk = (char *) "/dev/sdc",
                  .device = (char *) "/dev/sdc2",
                  .number = 2,
                  .size_bytes = UINT64_C(1) << 30,
                  .sector_bytes = 512,
                  .part_type = (char *) PARTITION_TYPE_ESP_GPT },
                { .disk = (char *) "/dev/sdc",
                  .device = (char *) "/dev/sdc3",
                  .number = 3,
                  .carries = (char *) "pool rpool" },
        };
        const Partitions partitions = { .items = items, .n = ELEMENTSOF(items) };
        _cleanup_warnings_ Warnings found = {}, unknown = {};
        _cleanup_free_ char *reason = NULL, *before = NULL, *action = NULL;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        put_on_disk(&lab, ESP_A, "sda");
        put_on_disk(&lab, ESP_B, "sdb");
        lab_start(&lab);
        found = make(&lab, NULL, NULL, &partitions);
        ck_assert_uint_eq(found.n, 1);
        ck_assert_int_eq(found.items[0].id, WARNING_ROOT_DISK_WITHOUT_ESP);
        ck_assert_str_eq(found.items[0].subject, "/dev/sdc");
        action = strprintf("bootctl-pve --root=%s format /dev/sdc2 && bootctl-pve --root=%s init "
                           "/dev/sdc2",
                           lab.t.path, lab.t.path);
        ck_assert_str_eq(found.items[0].action, action);
        reason = redundancy_of(&lab, &partitions, "redundant");
        ck_assert_str_eq(reason, "2 ESPs are in sync; disk '/dev/sdc' carries the root (pool "
                                 "rpool) but has no synced ESP.");

        items[2].carries = NULL;
        unknown = make(&lab, NULL, NULL, &partitions);
        ck_assert_uint_eq(unknown.n, 0);
        before = redundancy_of(&lab, &partitions, "redundant");
        ck_assert_str_eq(before, "2 ESPs are in sync.");
}
END_TEST

CHECK_MAIN("engine-advice", host_that_is_well_has_no_warning_and_its_esps_no_advice,
           lost_initrd_is_told_of_until_it_is_there_again, empty_boot_is_told_of,
           bad_line_is_told_of_by_its_file_and_can_be_edited_away,
           command_line_without_a_root_is_told_of,
           auto_sync_that_is_off_is_told_of_and_by_whom_unless_nobody_expects_it,
           pin_that_is_older_than_30_days_is_told_of, command_is_one_for_the_root_that_it_is_about,
           outdated_esp_tells_what_it_boots_and_what_it_lacks,
           missing_esp_is_to_be_connected_or_forgotten,
           entry_that_leads_nowhere_is_told_of_only_if_no_disk_can_be_what_it_waits_for,
           esp_that_is_over_85_percent_full_is_told_of_with_the_kernel_that_can_go,
           next_boot_pin_that_an_esp_does_not_know_of_is_told_of,
           tool_that_syncs_in_our_place_and_files_that_cannot_be_read_are_told_of,
           advice_is_none_while_a_job_mends_the_esp_and_the_error_s_otherwise,
           what_secure_boot_refuses_is_told_of_while_it_is_enabled,
           disk_of_the_root_without_an_esp_is_told_of_beside_a_verdict_that_stays)
