/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `boot status` says what is known of firmware, loader and entries, and what is not known. */

#include "tests/unit/client/bench.h"

static const Value uefi[] = {
        { "Firmware", "s", "uefi" },
        { "Loader", "s", "systemd-boot" },
        { "LoaderCertain", "b", "y" },
        { "LoaderEvidence", "s", "LoaderInfo says so" },
        { "SecureBoot", "s", "disabled" },
        { "BootedEsp", "s", "1111-AAAA" },
        { "EspsWithoutEntry", "as", "2222-BBBB" },
        { "EntriesKept", "s", "keep" },
        { "EntriesWord", "s", "set the boot order to 0003" },
        { "BootCurrent", "i", "3" },
        { "BootOrder", "aq", "3" },
        { "Entries", "a(qsssssbb)", "3 proxmox \\EFI\\x.efi ours" },
        {},
};
static const Value bios[] = {
        { "Firmware", "s", "bios" },          { "Loader", "s", "grub" },
        { "LoaderCertain", "b", "" },         { "LoaderEvidence", "s", "BOOT_IMAGE= is there" },
        { "SecureBoot", "s", "unsupported" }, { "BootCurrent", "i", "-1" },
        { "EspsWithoutEntry", "as", "" },     {},
};
static const Value unknown[] = {
        { "Firmware", "s", "unknown" },
        { "BootCurrent", "i", "-1" },
        {},
};
static const Value doubled[] = {
        { "Firmware", "s", "uefi" },
        { "BootCurrent", "i", "-1" },
        { "Entries", "a(qsssssbb)", "255 T\033[1m \\EFI\\x.efi double" },
        {},
};

enum { UEFI, BIOS, UNKNOWN, DOUBLED };
const Scene scenes[] = {
        [UEFI] = { .boot = uefi, .job = "done" },
        [BIOS] = { .boot = bios, .job = "done" },
        [UNKNOWN] = { .boot = unknown, .job = "done" },
        [DOUBLED] = { .boot = doubled, .job = "done" },
};

START_TEST(firmware_loader_and_entries_are_told_with_the_evidence) {
        _cleanup_outcome_ Outcome o = RUN(UEFI, "boot", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "Firmware         UEFI\n");
        assert_contains(o.out, "Boot loader      systemd-boot (LoaderInfo says so)\n");
        assert_contains(o.out, "Booted from ESP  1111-AAAA\n");
        assert_contains(o.out, "Boot order       Boot0003\n");
        assert_contains(o.out, "Entries          what the firmware loses is put back (set the boot "
                               "order to 0003)\n");
        assert_contains(o.out,
                        "ESPs not in it   2222-BBBB (bootctl-pve reinit gives each an entry)");
        assert_contains(o.out, "Boot0003  proxmox  ours   on     /dev/sda  0123-02");
}
END_TEST

START_TEST(bios_is_told_and_what_is_a_guess_is_called_likely) {
        _cleanup_outcome_ Outcome o = RUN(BIOS, "boot", "status");

        assert_contains(o.out, "legacy BIOS");
        assert_contains(o.out, "grub (likely: BOOT_IMAGE= is there)");
        assert_lacks(o.out, "ENTRY");
        assert_lacks(o.out, "Boot order");
}
END_TEST

START_TEST(firmware_that_was_not_asked_is_not_known) {
        _cleanup_outcome_ Outcome o = RUN(UNKNOWN, "boot", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "not known yet");
}
END_TEST

START_TEST(title_of_a_firmware_steers_no_terminal_and_an_entry_outside_the_order_is_told) {
        _cleanup_outcome_ Outcome o = RUN(DOUBLED, "boot", "status");

        assert_lacks(o.out, "\033");
        assert_contains(o.out, "Boot00FF  T?[1m  double  not in the order");
}
END_TEST

START_TEST(all_is_in_json) {
        _cleanup_outcome_ Outcome o = RUN(UEFI, "--json", "boot", "status");

        assert_json(o.out,
                    "{ \"firmware\": \"uefi\", \"secure_boot\": \"disabled\","
                    " \"loader\": \"systemd-boot\", \"loader_certain\": true,"
                    " \"loader_evidence\": \"LoaderInfo says so\", \"loader_info\": \"\","
                    " \"entry_selected\": \"\", \"entry_one_shot\": \"\","
                    " \"booted_esp\": \"1111-AAAA\", \"esps_without_entry\": [ \"2222-BBBB\" ],"
                    " \"boot_current\": 3, \"boot_order\": [ \"Boot0003\" ],"
                    " \"entries_kept\": \"keep\","
                    " \"entries_word\": \"set the boot order to 0003\","
                    " \"entries\": [ { \"number\": 3, \"title\": \"proxmox\","
                    " \"part_uuid\": \"0123-02\", \"disk\": \"\\/dev\\/sda\","
                    " \"path\": \"\\\\EFI\\\\x.efi\", \"whose\": \"ours\","
                    " \"active\": true, \"present\": true, \"in_order\": true } ] }");
}
END_TEST

CHECK_MAIN("client-verb-boot", firmware_loader_and_entries_are_told_with_the_evidence,
           bios_is_told_and_what_is_a_guess_is_called_likely,
           firmware_that_was_not_asked_is_not_known,
           title_of_a_firmware_steers_no_terminal_and_an_entry_outside_the_order_is_told,
           all_is_in_json)
