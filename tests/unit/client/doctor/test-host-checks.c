/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each check of the host's files says what is wrong with which, and the command; and nothing of
 * what is not there. */

#include "tests/unit/client/doctor/doctor-lab.h"

const Scene scenes[] = { {} };

static void assert_finds(DoctorLab *lab, const char *check, Severity severity, const char *sentence,
                         const char *action) {
        const Finding *f = lab_run(lab, host_checks, check);

        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(f->severity, severity);
        assert_contains(f->sentence, sentence);
        assert_contains(f->action, action);
}

START_TEST(empty_host_has_nothing_wrong) {
        static const char *const checks[] = { "modes",      "legacy-lists", "state",
                                              "boot-space", "state-space",  "old-tool",
                                              "leftovers",  "diversions",   "installed-files" };
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                ck_assert_ptr_null(lab_run(&lab, host_checks, checks[i]));
}
END_TEST

START_TEST(file_that_everybody_may_write_is_a_fault) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/kernel/cmdline", "x");
        lab_chmod(&lab, "etc/kernel/cmdline", 0666);
        assert_finds(&lab, "modes", SEVERITY_FAULT, "/etc/kernel/cmdline",
                     "chmod o-w /tmp/doctor-");
        lab_chmod(&lab, "etc/kernel/cmdline", 0664);
        ck_assert_ptr_null(lab_run(&lab, host_checks, "modes"));
}
END_TEST

START_TEST(link_of_a_foreign_tree_is_not_followed_out_of_it) {
        _cleanup_lab_ DoctorLab lab;
        _cleanup_free_ char *text = NULL;

        lab_open(&lab);
        lab_link(&lab, "etc", "/proc/self");
        ck_assert_int_eq(patient_read(&lab.p, "etc/status", &text), -ENOENT);
}
END_TEST

START_TEST(old_list_takes_the_place_of_none_and_is_put_aside_beside_one) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "etc/kernel/pve-efiboot-uuids", "");
        assert_finds(&lab, "legacy-lists", SEVERITY_WARNING, "pve-efiboot-uuids",
                     "/etc/kernel/proxmox-boot-uuids");
        lab_write(&lab, "etc/kernel/proxmox-boot-uuids", "");
        assert_finds(&lab, "legacy-lists", SEVERITY_WARNING, "pve-efiboot-uuids",
                     "pve-efiboot-uuids.unused");
}
END_TEST

START_TEST(room_is_told) {
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        lab_open(&lab);
        lab_write(&lab, "boot/x", "");
        f = lab_run(&lab, host_checks, "boot-space");
        ck_assert_ptr_nonnull(f);
        assert_contains(f->sentence, "/boot ");
        ck_assert(!f->unknown);
}
END_TEST

START_TEST(packages_are_told_and_what_is_not_configured_is_a_fault) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        assert_finds(&lab, "packages", SEVERITY_WARNING, "dpkg does not tell", "dpkg --audit");
        lab_add_package(&lab, "bootsync", "installed");
        assert_finds(&lab, "packages", SEVERITY_OK, "bootsync 1.0 is installed", "");
        lab_add_package(&lab, "bootsync-proxmox-compat", "unpacked");
        assert_finds(&lab, "packages", SEVERITY_FAULT, "bootsync-proxmox-compat is unpacked",
                     "dpkg --configure --pending");
}
END_TEST

START_TEST(hooks_of_an_old_tool_that_was_removed_are_told_unless_they_were_taken_over) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_add_package(&lab, "pve-kernel-helper", "config-files");
        assert_finds(&lab, "leftovers", SEVERITY_WARNING, "pve-kernel-helper was removed",
                     "apt-get install bootsync-proxmox-compat");
        lab_add_package(&lab, "bootsync-proxmox-compat", "installed");
        ck_assert_ptr_null(lab_run(&lab, host_checks, "leftovers"));
}
END_TEST

START_TEST(old_tool_is_told_only_where_the_daemon_syncs_too) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_add_package(&lab, "proxmox-kernel-helper", "installed");
        lab.p.has_daemon = true;
        ck_assert_ptr_null(lab_run(&lab, host_checks, "old-tool"));
        lab.p.manager.auto_sync = true;
        assert_finds(&lab, "old-tool", SEVERITY_WARNING, "proxmox-kernel-helper is installed",
                     "apt-get install bootsync-proxmox-compat");
}
END_TEST

START_TEST(diversions_are_told_where_the_package_is_that_makes_them) {
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "var/lib/dpkg/status", "");
        lab_write(&lab, "var/lib/dpkg/diversions", "");
        lab_add_package(&lab, "bootsync-proxmox-compat", "installed");
        assert_finds(&lab, "diversions", SEVERITY_FAULT, "/usr/sbin/grub-install",
                     "/usr/libexec/bootsync-compat/host take");
        lab_write(&lab, "var/lib/dpkg/diversions",
                  "/usr/sbin/grub-install\n/usr/sbin/grub-install.real\n"
                  "bootsync-proxmox-compat\n");
        lab_link(&lab, "usr/sbin/grub-install", "/usr/libexec/bootsync-compat/grub-install");
        ck_assert_ptr_null(lab_run(&lab, host_checks, "diversions"));
}
END_TEST

CHECK_MAIN("client-doctor-host-checks", empty_host_has_nothing_wrong,
           file_that_everybody_may_write_is_a_fault,
           link_of_a_foreign_tree_is_not_followed_out_of_it,
           old_list_takes_the_place_of_none_and_is_put_aside_beside_one, room_is_told,
           packages_are_told_and_what_is_not_configured_is_a_fault,
           hooks_of_an_old_tool_that_was_removed_are_told_unless_they_were_taken_over,
           old_tool_is_told_only_where_the_daemon_syncs_too,
           diversions_are_told_where_the_package_is_that_makes_them)
