/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A property of the daemon becomes a finding with the daemon's own reason and action. */

#include "tests/unit/client/doctor/doctor-lab.h"

const Scene scenes[] = { {} };

static const Finding *run_with_esps(DoctorLab *lab, const char *check, EspInfo *esps, size_t n) {
        const Finding *f;

        lab->p.has_daemon = true;
        lab->p.esps = (EspInfos){ .esps = esps, .n = n };
        f = lab_run(lab, daemon_checks, check);
        lab->p.esps = (EspInfos){};
        return f;
}

static EspInfo esp(const char *state, const char *why, bool in_sync, bool unusable) {
        return (EspInfo){
                .uuid = (char *) "1111-AAAA",
                .device = (char *) "/dev/sda2",
                .loader = (char *) "grub",
                .state = (char *) state,
                .why = (char *) why,
                .action = (char *) "mend it",
                .default_kernel = (char *) "6.8.12-4-pve",
                .in_sync = in_sync,
                .unusable = unusable,
        };
}

static void assert_esp(const EspInfo *info, Severity severity, const char *sentence) {
        _cleanup_lab_ DoctorLab lab;
        EspInfo copy = *info;
        const Finding *f;

        lab_open(&lab);
        f = run_with_esps(&lab, "esps", &copy, 1);
        ck_assert_int_eq(f->severity, severity);
        assert_contains(f->sentence, sentence);
        ck_assert_str_eq(f->action, severity == SEVERITY_OK ? "" : "mend it");
}

START_TEST(esp_has_the_severity_of_its_state) {
        const EspInfo good = esp("in-sync", "", true, false);
        const EspInfo empty = esp("in-sync", "nothing on it would boot", true, false);
        const EspInfo old = esp("outdated", "a kernel is not there", false, false);
        const EspInfo stuck = esp("stuck", "it hangs", false, false);
        const EspInfo gone = esp("missing", "there is no link", false, true);

        assert_esp(&good, SEVERITY_OK, "is in-sync and boots 6.8.12-4-pve");
        assert_esp(&empty, SEVERITY_FAULT, "nothing on it would boot");
        assert_esp(&old, SEVERITY_WARNING, "'1111-AAAA' is outdated: a kernel is not there");
        assert_esp(&stuck, SEVERITY_FAULT, "is stuck: it hangs");
        assert_esp(&gone, SEVERITY_FAULT, "is missing");
}
END_TEST

START_TEST(boot_loaders_are_counted_and_different_ones_are_a_note) {
        EspInfo esps[] = { esp("in-sync", "", true, false), esp("in-sync", "", true, false),
                           esp("in-sync", "", true, false) };
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        lab_open(&lab);
        f = run_with_esps(&lab, "loaders", esps, 3);
        ck_assert_int_eq(f->severity, SEVERITY_OK);
        ck_assert_str_eq(f->sentence, "grub is the boot loader of 3 of 3 ESPs");
        esps[1].loader = (char *) "systemd-boot";
        f = run_with_esps(&lab, "loaders", esps, 3);
        ck_assert_int_eq(f->severity, SEVERITY_NOTE);
}
END_TEST

START_TEST(default_that_is_not_the_wanted_one_is_told_but_not_while_it_is_mended) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab.p.manager.default_kernel = must(strdup("6.5.13-5-pve"));
        lab.p.manager.wanted = must(strdup("6.8.12-4-pve"));
        lab.p.manager.redundancy = must(strdup("degraded"));
        ck_assert_int_eq(lab_run(&lab, daemon_checks, "default")->severity, SEVERITY_WARNING);
        free(lab.p.manager.redundancy);
        lab.p.manager.redundancy = must(strdup("syncing"));
        ck_assert_ptr_null(lab_run(&lab, daemon_checks, "default"));
}
END_TEST

START_TEST(esp_without_an_entry_and_signatures_that_are_not_known_are_told) {
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        lab_open(&lab);
        ck_assert(lab_run(&lab, daemon_checks, "entries")->unknown);
        lab.p.boot_state.firmware = must(strdup("uefi"));
        ck_assert_int_eq(lab_run(&lab, daemon_checks, "entries")->severity, SEVERITY_OK);
        ck_assert_int_eq(strv_extend(&lab.p.boot_state.esps_without_entry, "1111-AAAA"), 0);
        f = lab_run(&lab, daemon_checks, "entries");
        assert_contains(f->sentence, "'1111-AAAA'");
        ck_assert_str_eq(f->action, "bootctl-pve reinit");

        ck_assert(lab_run(&lab, daemon_checks, "signatures")->unknown);
        lab.p.boot_state.secure_boot = must(strdup("enabled"));
        f = lab_run(&lab, daemon_checks, "signatures");
        ck_assert(f->unknown);
        lab.p.boot_state.signatures_known = true;
        ck_assert_int_eq(lab_run(&lab, daemon_checks, "signatures")->severity, SEVERITY_OK);
}
END_TEST

CHECK_MAIN("client-doctor-daemon-checks", esp_has_the_severity_of_its_state,
           boot_loaders_are_counted_and_different_ones_are_a_note,
           default_that_is_not_the_wanted_one_is_told_but_not_while_it_is_mended,
           esp_without_an_entry_and_signatures_that_are_not_known_are_told)
