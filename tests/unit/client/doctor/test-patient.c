/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon is asked once, the checks run group by group, and what could not be looked at is no
 * success. */

#include "tests/unit/client/doctor/doctor-lab.h"

static const Value manager_warned[] = {
        { "Redundancy", "s", "redundant" },
        { "Version", "s", BOOTSYNC_VERSION },
        { "Warnings", "a(sssss)",
          "bad-line|warning|x|Line 1 is bad.|editor /x;brand-new|fault|x|It is new|mend it" },
        {},
};

enum { WELL, WARNED, LOST };
const Scene scenes[] = {
        [WELL] = { .manager = manager_redundant, .esps = { esp_in_sync }, .job = "done" },
        [WARNED] = { .manager = manager_warned, .esps = { esp_in_sync }, .job = "done" },
        [LOST] = { .manager = manager_redundant, .job = "done", .lost = "GetAll" },
};

START_TEST(daemon_is_asked_once_before_all_checks) {
        _cleanup_outcome_ Outcome o = RUN(WELL, "doctor");

        ck_assert_str_eq(o.calls, "ProbePartitions keys\nGetManagedObjects\n"
                                  "GetAll org.bootsync1.Boot\nGetAll org.bootsync1.Manager\n");
}
END_TEST

START_TEST(warnings_stand_where_their_check_is_and_new_ones_at_the_end) {
        _cleanup_outcome_ Outcome o = RUN(WARNED, "doctor");

        assert_contains(o.out, "Files:\n  warning  Line 1 is bad\n           action: editor /x\n");
        assert_contains(o.out,
                        "Other warnings:\n  fault    It is new\n           action: mend it\n");
        ck_assert_int_eq(o.status, STATUS_FAILED);
}
END_TEST

START_TEST(daemon_that_is_lost_leaves_the_rest) {
        _cleanup_outcome_ Outcome o = RUN(LOST, "doctor");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "warning  Not known, as bootsyncd does not answer\n");
        assert_contains(o.out, "ok       Nobody but root may change what boots\n");
}
END_TEST

START_TEST(files_are_read_below_the_root_and_no_further_than_a_mebibyte) {
        _cleanup_lab_ DoctorLab lab;
        _cleanup_free_ char *text = NULL, *path = NULL;

        lab_open(&lab);
        lab_write(&lab, "etc/x", "content\n");
        lab_link(&lab, "link", "../../../etc/x");
        ck_assert_int_eq(patient_read(&lab.p, "link", &text), 0);
        ck_assert_str_eq(text, "content\n");
        path = lab_path(&lab, "pipe");
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(patient_read(&lab.p, "pipe", &text), -EBADFD);
        ck_assert_int_eq(patient_read(&lab.p, "etc", &text), -EBADFD);
}
END_TEST

START_TEST(large_file_is_cut) {
        _cleanup_lab_ DoctorLab lab;
        _cleanup_free_ char *text = NULL, *path = NULL;

        lab_open(&lab);
        lab_write(&lab, "x", "");
        path = lab_path(&lab, "x");
        ck_assert_int_eq(truncate(path, 3 * 1024 * 1024), 0);
        ck_assert_int_eq(patient_read(&lab.p, "x", &text), 0);
}
END_TEST

START_TEST(programs_of_dpkg_work_on_the_root) {
        char *query[] = { (char *) "dpkg-query", (char *) "--show",
                          (char *) "--showformat=${Package} ${Version}\n", NULL };
        char *none[] = { (char *) "/nonexistent/program", NULL };
        _cleanup_lab_ DoctorLab lab;
        _cleanup_free_ char *text = NULL;

        lab_open(&lab);
        lab_write(&lab, "var/lib/dpkg/status",
                  "Package: a\nStatus: install ok installed\nMaintainer: T <t@example.org>\n"
                  "Architecture: all\nVersion: 7\nDescription: x\n");
        ck_assert_int_eq(run_dpkg(&lab.p, query, &text), 0);
        ck_assert_str_eq(text, "a 7\n");
        ck_assert_int_eq(run_dpkg(&lab.p, none, &text), -ENOENT);
}
END_TEST

START_TEST(commands_are_for_the_root) {
        _cleanup_lab_ DoctorLab lab;
        _cleanup_free_ char *command = NULL;

        lab_open(&lab);
        free(lab.p.prefix);
        lab.p.prefix = must(strdup("/it's"));
        command = command_on(&lab.p, "dpkg --configure %s", "x");
        ck_assert_str_eq(command, "chroot '/it'\\''s' dpkg --configure x");
}
END_TEST

CHECK_MAIN("client-doctor-patient", daemon_is_asked_once_before_all_checks,
           warnings_stand_where_their_check_is_and_new_ones_at_the_end,
           daemon_that_is_lost_leaves_the_rest,
           files_are_read_below_the_root_and_no_further_than_a_mebibyte, large_file_is_cut,
           programs_of_dpkg_work_on_the_root, commands_are_for_the_root)
