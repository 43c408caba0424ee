/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A report has its sections, tells nothing of whose it is, and takes no file's place unasked. */

#include "client/doctor/report.h"

#include "tests/unit/client/doctor/doctor-lab.h"

const Scene scenes[] = { {} };

static char *read_file(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        char *text = must((char *) calloc(1, 65536));

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(read(fd, text, 65535), 0);
        (void) safe_close(fd);
        return text;
}

START_TEST(report_without_a_daemon_has_what_the_files_tell) {
        _cleanup_free_ char *file = NULL, *text = NULL;
        _cleanup_lab_ DoctorLab lab;
        struct stat st;

        lab_open(&lab);
        lab_write(&lab, "etc/hostname", "zeus\n");
        lab_write(&lab, "etc/kernel/cmdline", "root=/dev/x ip=192.0.2.1 password=hunter2 h=zeus\n");
        lab_write(&lab, "var/lib/bootsync/history", "job message=on%20zeus\n");
        lab.p.check = host_checks;
        found(&lab.p, SEVERITY_FAULT, "mend zeus", "Something is wrong on %s", "zeus");
        file = lab_path(&lab, "report");
        ck_assert_int_eq(report_write(&lab.p, file), STATUS_DONE);
        text = read_file(file);
        assert_contains(text, "bootsyncd does not answer\n");
        assert_contains(text, "fault modes: Something is wrong on host-1 -> mend host-1\n");
        assert_contains(text, "    root=/dev/x ip=ip-1 password=secret-1 h=host-1\n");
        assert_contains(text, "    job message=on host-1\n");
        assert_contains(text, "== Journal of bootsyncd.service ==\n");
        assert_lacks(text, "zeus");
        ck_assert_int_eq(stat(file, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

typedef struct Write {
        DoctorLab *lab;
        const char *file;
} Write;

static ExitStatus write_report(void *userdata) {
        Write *w = userdata;

        return report_write(&w->lab->p, w->file);
}

static void assert_refused(DoctorLab *lab, const char *file, const char *sentence) {
        _cleanup_outcome_ Outcome o = bench_call(write_report, &(Write){ lab, file });

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, sentence);
}

START_TEST(file_that_is_there_stays_unless_it_is_let_go) {
        _cleanup_free_ char *file = NULL, *before = NULL, *after = NULL;
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab_write(&lab, "report", "mine");
        file = lab_path(&lab, "report");
        assert_refused(&lab, file, "is there already; name another file, or give --force.");
        before = read_file(file);
        ck_assert_str_eq(before, "mine");
        lab.options.given = OPTION_BIT(OPTION_FORCE);
        ck_assert_int_eq(report_write(&lab.p, file), STATUS_DONE);
        after = read_file(file);
        assert_contains(after, "== Findings ==");
}
END_TEST

START_TEST(links_and_directories_are_refused_even_by_force) {
        _cleanup_free_ char *link = NULL, *target = NULL, *text = NULL;
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        lab.options.given = OPTION_BIT(OPTION_FORCE);
        lab_write(&lab, "target", "theirs");
        target = lab_path(&lab, "target");
        lab_link(&lab, "link", target);
        link = lab_path(&lab, "link");
        assert_refused(&lab, link, "is no regular file");
        assert_refused(&lab, lab.directory, "is no regular file");
        text = read_file(target);
        ck_assert_str_eq(text, "theirs");
}
END_TEST

START_TEST(place_that_is_not_there_is_named) {
        _cleanup_free_ char *file = NULL;
        _cleanup_lab_ DoctorLab lab;

        lab_open(&lab);
        file = must(strprintf("%s/nowhere/report", lab.directory));
        assert_refused(&lab, file, "nowhere/report': No such file or directory.");
}
END_TEST

CHECK_MAIN("client-doctor-report", report_without_a_daemon_has_what_the_files_tell,
           file_that_is_there_stays_unless_it_is_let_go,
           links_and_directories_are_refused_even_by_force, place_that_is_not_there_is_named)
