/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Systemd, the bus and polkit are asked over the bus; one that does not answer is not known, and
 * none is a fault of its own. */

#include "common/names.h"
#include "tests/unit/client/doctor/doctor-lab.h"

static int answer_units(sd_bus_message *reply, const char *load, const char *active) {
        return sd_bus_message_append(reply, "a(ssssssouso)", 1, "bootsyncd.service", "", load,
                                     active, "", "", "/x", UINT32_C(0), "", "/");
}

static int answer_names(const char *method, sd_bus_message *reply, const char *other) {
        return streq(method, "ListNames") ? sd_bus_message_append(reply, "as", 2, BUS_NAME, other)
                                          : 0;
}

static int answer_well(const char *method, sd_bus_message *reply) {
        static const char *const actions[] = {
                ACTION_REFRESH,     ACTION_MANAGE_KERNELS, ACTION_PIN_KERNEL,
                ACTION_MANAGE_ESP,  ACTION_FORMAT_ESP,     ACTION_CONVERT_SECURE_BOOT,
                ACTION_KSM_CONTROL, ACTION_KSM_PROCESSES,
        };
        int r;

        if (streq(method, "ListUnitsByNames"))
                return answer_units(reply, "loaded", "active");
        if (streq(method, "GetUnitFileState"))
                return sd_bus_message_append(reply, "s", "enabled");
        if (!streq(method, "EnumerateActions"))
                return answer_names(method, reply, "org.freedesktop.PolicyKit1");
        r = sd_bus_message_open_container(reply, 'a', "(ssssssuuua{ss})");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(actions); i++)
                r = sd_bus_message_append(reply, "(ssssssuuua{ss})", actions[i], "", "", "", "", "",
                                          UINT32_C(0), UINT32_C(0), UINT32_C(0), 0);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int answer_ill(const char *method, sd_bus_message *reply) {
        if (streq(method, "ListUnitsByNames"))
                return answer_units(reply, "not-found", "inactive");
        return answer_names(method, reply, "org.example");
}

static int answer_failed(const char *method, sd_bus_message *reply) {
        if (streq(method, "ListUnitsByNames"))
                return answer_units(reply, "loaded", "failed");
        if (streq(method, "EnumerateActions"))
                return sd_bus_message_append(reply, "a(ssssssuuua{ss})", 1, ACTION_REFRESH, "", "",
                                             "", "", "", UINT32_C(0), UINT32_C(0), UINT32_C(0), 0);
        return answer_names(method, reply, "org.freedesktop.PolicyKit1");
}

enum { WELL, ILL, FAILED, SILENT };
const Scene scenes[] = {
        [WELL] = { .answer = answer_well },
        [ILL] = { .answer = answer_ill },
        [FAILED] = { .answer = answer_failed },
        [SILENT] = { .refused = "ListUnitsByNames",
                     .refused_name = "org.freedesktop.DBus.Error.ServiceUnknown",
                     .refused_message = "no" },
};

/* The sentence of one check of a host whose bus answers as in the scene; "" if there is none. */
static char *sentence_of(size_t scene, const char *check) {
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        lab_open(&lab);
        lab.p.connection = bench_connect(scene);
        lab.p.bus = sd_bus_ref(lab.p.connection.bus);
        f = lab_run(&lab, system_checks, check);
        return must(f ? strprintf("%s %s -> %s", severity_word(f->severity), f->sentence, f->action)
                      : strdup(""));
}

static void assert_sentence(size_t scene, const char *check, const char *expect) {
        _cleanup_free_ char *sentence = sentence_of(scene, check);

        ck_assert_str_eq(sentence, expect);
}

START_TEST(system_that_is_well_has_nothing_to_tell) {
        assert_sentence(WELL, "unit", "");
        assert_sentence(WELL, "name", "");
        assert_sentence(WELL, "polkit", "");
        assert_sentence(WELL, "polkit-actions", "ok polkit knows the actions of bootsync -> ");
}
END_TEST

START_TEST(what_is_not_there_is_told_with_the_command_that_brings_it) {
        assert_sentence(ILL, "unit",
                        "fault bootsyncd.service is not installed -> "
                        "apt-get install --reinstall bootsync");
        assert_sentence(ILL, "polkit",
                        "warning polkit is not there, so that only root may change anything -> "
                        "apt-get install polkitd");
        assert_sentence(ILL, "polkit-actions", "");
        assert_sentence(FAILED, "unit",
                        "fault bootsyncd.service has failed -> "
                        "systemctl restart bootsyncd.service");
}
END_TEST

START_TEST(actions_that_polkit_does_not_know_are_named) {
        _cleanup_free_ char *sentence = sentence_of(FAILED, "polkit-actions");

        assert_contains(sentence, "warning polkit does not know '" ACTION_MANAGE_KERNELS "'");
        assert_contains(sentence, "5 more");
        assert_lacks(sentence, ACTION_REFRESH);
}
END_TEST

START_TEST(systemd_that_does_not_answer_and_no_bus_at_all_are_told) {
        _cleanup_lab_ DoctorLab lab;

        assert_sentence(SILENT, "unit",
                        "warning systemd does not tell how bootsyncd.service is -> "
                        "systemctl status bootsyncd.service");
        lab_open(&lab);
        ck_assert_int_eq(lab_run(&lab, system_checks, "name")->severity, SEVERITY_FAULT);
        ck_assert(lab_run(&lab, system_checks, "polkit")->unknown);
}
END_TEST

START_TEST(service_is_ok_only_if_it_answers_and_systemd_says_that_it_is_enabled) {
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        assert_sentence(WELL, "service",
                        "fault bootsyncd does not answer, so that nobody knows what it does -> "
                        "systemctl restart bootsyncd.service");
        lab_open(&lab);
        lab.p.has_daemon = true;
        f = lab_run(&lab, system_checks, "service");
        ck_assert(f->unknown);
        lab.p.connection = bench_connect(WELL);
        lab.p.bus = sd_bus_ref(lab.p.connection.bus);
        f = lab_run(&lab, system_checks, "service");
        ck_assert_str_eq(f->sentence, "bootsyncd.service runs, and is enabled");
        ck_assert_int_eq(f->severity, SEVERITY_OK);
}
END_TEST

START_TEST(files_for_the_bus_must_be_there_and_readable) {
        _cleanup_lab_ DoctorLab lab;
        const Finding *f;

        lab_open(&lab);
        lab.p.has_packages = true;
        ck_assert_ptr_null(lab_run(&lab, system_checks, "policy"));
        lab_add_package(&lab, "bootsync", "installed");
        ck_assert_int_eq(lab_run(&lab, system_checks, "policy")->severity, SEVERITY_FAULT);
        lab_write(&lab, "usr/share/dbus-1/system.d/org.bootsync1.conf", "");
        lab_write(&lab, "usr/share/dbus-1/system-services/org.bootsync1.service", "");
        lab_write(&lab, "usr/share/polkit-1/actions/org.bootsync1.policy", "");
        ck_assert_ptr_null(lab_run(&lab, system_checks, "policy"));
        lab_chmod(&lab, "usr/share/polkit-1/actions/org.bootsync1.policy", 0600);
        f = lab_run(&lab, system_checks, "policy");
        assert_contains(f->action, "chmod a+r ");
}
END_TEST

CHECK_MAIN("client-doctor-system-checks", system_that_is_well_has_nothing_to_tell,
           what_is_not_there_is_told_with_the_command_that_brings_it,
           actions_that_polkit_does_not_know_are_named,
           systemd_that_does_not_answer_and_no_bus_at_all_are_told,
           service_is_ok_only_if_it_answers_and_systemd_says_that_it_is_enabled,
           files_for_the_bus_must_be_there_and_readable)
