/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's objects as values: in order, those that are wanted, whatever else it has. */

#include "client/daemon/objects.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value from_the_future[] = {
        { "Version", "s", "9" },
        { "Unheard", "as", "of" },
        { "InSync", "b", "yes" },
        {},
};
static const Value wrong_type[] = { { "InSync", "s", "yes" }, {} };
static const Value job_3[] = { { "Id", "t", "3" }, {} }, job_12[] = { { "Id", "t", "12" }, {} };

enum { TWO, FUTURE, WRONG, JOBS, GONE };
const Scene scenes[] = {
        [TWO] = { .manager = manager_redundant, .esps = { esp_in_sync, esp_failed } },
        [FUTURE] = { .manager = from_the_future },
        [WRONG] = { .manager = wrong_type },
        [JOBS] = { .jobs = { job_3, job_12 } },
        [GONE] = { .refused = "GetManagedObjects",
                   .refused_name = "org.bootsync1.Error.Failed",
                   .refused_message = "Not now." },
};

START_TEST(manager_is_read_by_the_names_of_its_properties) {
        _cleanup_connection_ Connection c = bench_connect(TWO);
        _cleanup_manager_info_ ManagerInfo info = {};

        ck_assert_int_eq(manager_info_get(&c, &info), STATUS_DONE);
        ck_assert_str_eq(info.running, "6.8.12-4-pve");
        ck_assert_str_eq(info.manual[0], "6.5.13-5-pve");
        ck_assert(info.in_sync);
        ck_assert(!info.auto_sync);
        ck_assert_ptr_null(info.pinned);
}
END_TEST

START_TEST(properties_of_a_newer_daemon_are_skipped) {
        _cleanup_connection_ Connection c = bench_connect(FUTURE);
        _cleanup_manager_info_ ManagerInfo info = {};

        ck_assert_int_eq(manager_info_get(&c, &info), STATUS_DONE);
        ck_assert_str_eq(info.version, "9");
        ck_assert(info.in_sync);
}
END_TEST

START_TEST(property_of_another_type_is_an_error_and_gives_nothing) {
        _cleanup_connection_ Connection c = bench_connect(WRONG);
        ManagerInfo info = { .in_sync = true };

        ck_assert_int_eq(manager_info_get(&c, &info), STATUS_FAILED);
        ck_assert(info.in_sync);
}
END_TEST

START_TEST(esps_are_in_order_of_their_uuids) {
        _cleanup_connection_ Connection c = bench_connect(TWO);
        _cleanup_esp_infos_ EspInfos infos = {};

        ck_assert_int_eq(esp_infos_get(&c, NULL, &infos), STATUS_DONE);
        ck_assert_uint_eq(infos.n, 2);
        ck_assert_str_eq(infos.esps[0].uuid, "1111-AAAA");
        ck_assert_str_eq(infos.esps[1].uuid, "2222-BBBB");
        ck_assert(infos.esps[0].present);
        ck_assert_uint_eq(infos.esps[0].free_bytes, 524288);
        ck_assert(infos.esps[0].in_sync && !infos.esps[0].unusable);
        ck_assert(!infos.esps[1].in_sync && infos.esps[1].unusable);
}
END_TEST

START_TEST(only_esps_that_are_named_are_given) {
        _cleanup_connection_ Connection c = bench_connect(TWO);
        _cleanup_esp_infos_ EspInfos infos = {};

        ck_assert_int_eq(esp_infos_get(&c, (char *[]){ (char *) "2222-bbbb", NULL }, &infos),
                         STATUS_DONE);
        ck_assert_uint_eq(infos.n, 1);
        ck_assert_str_eq(infos.esps[0].uuid, "2222-BBBB");
}
END_TEST

START_TEST(name_is_the_daemon_s_to_find_but_for_links_of_this_host) {
        _cleanup_connection_ Connection c = bench_connect(TWO);
        char *const names[] = { (char *) "/dev/../proc/self/../../dev/null", (char *) "22", NULL };
        _cleanup_strv_ char **here = NULL, **below = NULL, **none = NULL;
        const Options host = {}, root = { .root = "/x" };

        ck_assert_int_eq(esp_uuids_find(&c, &host, names, &here), STATUS_DONE);
        ck_assert_str_eq(here[0], "/dev/null"); /* the bench's daemon gives names back */
        ck_assert_str_eq(here[1], "22");
        ck_assert_int_eq(esp_uuids_find(&c, &root, names, &below), STATUS_DONE);
        ck_assert_str_eq(below[0], names[0]);
        ck_assert_int_eq(esp_uuids_find(&c, &host, NULL, &none), STATUS_DONE);
        ck_assert(strv_isempty(none));
}
END_TEST

START_TEST(refused_call_gives_nothing) {
        _cleanup_connection_ Connection c = bench_connect(GONE);
        EspInfos infos = { .n = 7 };

        ck_assert_int_eq(esp_infos_get(&c, NULL, &infos), STATUS_FAILED);
        ck_assert_uint_eq(infos.n, 7);
}
END_TEST

START_TEST(jobs_are_in_order_of_their_numbers) {
        _cleanup_connection_ Connection c = bench_connect(JOBS);
        _cleanup_job_infos_ JobInfos infos = {};

        ck_assert_int_eq(job_infos_get(&c, &infos), STATUS_DONE);
        ck_assert_uint_eq(infos.n, 2);
        ck_assert_uint_eq(infos.jobs[0].id, 3);
        ck_assert_uint_eq(infos.jobs[1].id, 12);
}
END_TEST

START_TEST(complaint_names_its_esp_once) {
        EspInfo esp = { .uuid = (char *) "1111-AAAA",
                        .state = (char *) "missing",
                        .last_error = (char *) "ESP '1111-AAAA' is gone." };
        _cleanup_free_ char *named = esp_info_complaint(&esp), *nameless = NULL, *bare = NULL,
                            *nothing = NULL;

        esp.last_error = (char *) "It is gone.";
        nameless = esp_info_complaint(&esp);
        esp.last_error = NULL;
        bare = esp_info_complaint(&esp);
        esp.state = NULL;
        nothing = esp_info_complaint(&esp);
        ck_assert_str_eq(named, "ESP '1111-AAAA' is gone.");
        ck_assert_str_eq(nameless, "ESP '1111-AAAA': It is gone.");
        ck_assert_str_eq(bare, "ESP '1111-AAAA' is missing.");
        ck_assert_str_eq(nothing, "ESP '1111-AAAA' is not in sync.");
}
END_TEST

CHECK_MAIN("client-objects", manager_is_read_by_the_names_of_its_properties,
           properties_of_a_newer_daemon_are_skipped,
           property_of_another_type_is_an_error_and_gives_nothing, esps_are_in_order_of_their_uuids,
           only_esps_that_are_named_are_given,
           name_is_the_daemon_s_to_find_but_for_links_of_this_host, refused_call_gives_nothing,
           jobs_are_in_order_of_their_numbers, complaint_names_its_esp_once)
