/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan that is written for the worker can be read by it, and nothing else can. */

#include "core/wire/plan-wire.h"

#include <sys/sysmacros.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define ID    " major=8 minor=2 diskseq=17"
#define HEAD  "bootsync-plan version=2 esp=AAAA-0001\n"
#define STAMP "inode=1 size=2 mtime=3 ctime=4"

static int parse(const char *text, Plan **ret) {
        return plan_parse(text, strlen(text), ret);
}

static void assert_refused(const char *text) {
        Plan *p = (Plan *) 0x1;

        ck_assert_msg(parse(text, &p) == -EBADMSG, "accepted: %s", text);
        ck_assert_ptr_eq(p, (Plan *) 0x1);
}

static void assert_step(const char *step, int expect) {
        _cleanup_(plan_freep) Plan *p = NULL;
        _cleanup_free_ char *text = strprintf(HEAD "%s\nend\n", step);

        ck_assert_msg(parse(text, &p) == expect, "%s: expected %d", step, expect);
        if (expect == 0)
                ck_assert_uint_eq(p->n_steps, 1);
}

/* A plan of a device or the host with one step. */
static void assert_step_on(const char *subject, const char *step, int expect) {
        _cleanup_(plan_freep) Plan *p = NULL;
        _cleanup_free_ char *text =
                        strprintf("bootsync-plan version=2%s\n%s\nend\n", subject, step);
        _cleanup_free_ char *again = NULL;
        size_t size;

        ck_assert_msg(parse(text, &p) == expect, "%s: expected %d", text, expect);
        if (expect < 0)
                return;
        ck_assert_int_eq(plan_format(p, &again, &size), 0);
        ck_assert_str_eq(again, text);
}

static void assert_format(const Plan *p, const char *expect) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(plan_format(p, &text, &size), 0);
        ck_assert_str_eq(text, expect);
        ck_assert_uint_eq(size, strlen(expect));
}

START_TEST(empty_plan_is_head_and_end) {
        _cleanup_(plan_freep) Plan *p = NULL;

        ck_assert_int_eq(parse(HEAD "end\n", &p), 0);
        ck_assert_str_eq(p->esp_uuid, "AAAA-0001");
        ck_assert_uint_eq(p->n_steps, 0);
        assert_format(p, HEAD "end\n");
}
END_TEST

START_TEST(every_action_is_written_with_exactly_its_fields) {
        _cleanup_(plan_freep) Plan *p = NULL;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &p), 0);
        for (PlanAction a = 0; a < _PLAN_ACTION_MAX; a++) {
                PlanStep *step;

                p->subject = plan_action_kind(a)->subject;
                step = plan_add(p, a, "a b");
                step->source = strdup("boot/x");
                step->text = strdup("title \xc3\xa4\n");
                step->stamp = (FileStamp){ .inode = 1, .size = 2, .mtime = 3, .ctime = UINT64_MAX };
                step->esp_size = 5;
                step->esp_mtime = 6;
                step->bytes = a;
        }
        assert_format(p, HEAD "known path=a%20b esp-size=5 esp-mtime=6\n"
                              "scan bytes=1\n"
                              "check path=a%20b source=boot/x inode=1 size=2 mtime=3"
                              " ctime=18446744073709551615 bytes=2\n"
                              "keep path=a%20b esp-size=5 esp-mtime=6 bytes=3\n"
                              "mkdir path=a%20b bytes=4\n"
                              "clear path=a%20b bytes=5\n"
                              "stage path=a%20b source=boot/x inode=1 size=2 mtime=3"
                              " ctime=18446744073709551615 bytes=6\n"
                              "stage-text path=a%20b text=title%20%C3%A4%0A bytes=7\n"
                              "grub-config path=a%20b text=title%20%C3%A4%0A bytes=8\n"
                              "token bytes=9\n"
                              "repair bytes=10\n"
                              "place path=a%20b bytes=11\n"
                              "remove-entry path=a%20b bytes=12\n"
                              "remove-kernel path=a%20b bytes=13\n"
                              "remove-file path=a%20b bytes=14\n"
                              "barrier bytes=15\n"
                              "optional bytes=16\n"
                              "check-loader text=title%20%C3%A4%0A bytes=17\n"
                              "install-loader text=title%20%C3%A4%0A bytes=18\n"
                              "boot-entry text=title%20%C3%A4%0A bytes=19\n"
                              "signatures bytes=20\n"
                              "probe bytes=21\n"
                              "format force=0 bytes=22\n"
                              "firmware bytes=23\n"
                              "arm text=title%20%C3%A4%0A bytes=24\n"
                              "disarm text=title%20%C3%A4%0A bytes=25\n"
                              "put-entry text=title%20%C3%A4%0A bytes=26\n"
                              "set-order text=title%20%C3%A4%0A bytes=27\n"
                              "drop-entry text=title%20%C3%A4%0A bytes=28\n"
                              "keys text=title%20%C3%A4%0A bytes=29\n"
                              "prefer-shim bytes=30\n"
                              "update-grub bytes=31\n"
                              "ksm-set path=a%20b text=title%20%C3%A4%0A bytes=32\n"
                              "ksm-unmerge force=0 bytes=33\n"
                              "ksm-processes bytes=34\n"
                              "end\n");
}
END_TEST

START_TEST(devices_and_the_host_have_plans_of_their_own) {
        _cleanup_(plan_freep) Plan *p = NULL;

        assert_step_on(" device=sda", "probe", 0);
        assert_step_on(" device=nvme0n1p2" ID, "format force=1", 0);
        assert_step_on(" device=cciss!c0d0" ID, "format force=0", 0);
        assert_step_on("", "firmware", 0);
        assert_step_on("", "arm text=proxmox-6.8.12-4-pve.conf", 0);
        assert_step_on("", "disarm text=proxmox-6.8.12-4-pve.conf", 0);
        assert_step_on("", "prefer-shim", 0);
        assert_step_on("", "update-grub", 0);
        assert_step_on("", "ksm-set path=sleep_millisecs text=20", 0);
        assert_step_on("", "ksm-unmerge force=1", 0);
        assert_step_on("", "ksm-processes", 0);
        assert_step_on("", "keys text=6.8.12-4-pve%0A6.5.13-5-pve%0A", 0);
        assert_step_on("", "keys text=", 0);

        ck_assert_int_eq(parse("bootsync-plan version=2 device=sda2\nend\n", &p), 0);
        ck_assert_str_eq(p->device, "sda2");
        ck_assert_ptr_null(p->esp_uuid);
}
END_TEST

START_TEST(a_step_that_does_not_fit_its_subject_is_refused) {
        static const char *const of_an_esp[] = { "scan",
                                                 "token",
                                                 "signatures",
                                                 "mkdir path=a",
                                                 "check-loader text=grub",
                                                 "install-loader text=grub",
                                                 "boot-entry text=grub" };
        static const char *const of_a_device[] = { "probe", "format force=0" };
        static const char *const of_the_host[] = { "firmware",
                                                   "keys text=a",
                                                   "arm text=a",
                                                   "disarm text=a",
                                                   "prefer-shim",
                                                   "update-grub",
                                                   "ksm-set path=run text=0",
                                                   "ksm-unmerge",
                                                   "ksm-processes" };

        for (size_t i = 0; i < ELEMENTSOF(of_an_esp); i++) {
                assert_step_on(" device=sda", of_an_esp[i], -EBADMSG);
                assert_step_on("", of_an_esp[i], -EBADMSG);
        }
        for (size_t i = 0; i < ELEMENTSOF(of_a_device); i++) {
                assert_step(of_a_device[i], -EBADMSG);
                assert_step_on("", of_a_device[i], -EBADMSG);
        }
        for (size_t i = 0; i < ELEMENTSOF(of_the_host); i++) {
                assert_step(of_the_host[i], -EBADMSG);
                assert_step_on(" device=sda", of_the_host[i], -EBADMSG);
        }
        assert_step_on("", "firmware\narm text=a\ndisarm text=a", 0);
        assert_step_on("", "firmware\nksm-unmerge force=0", -EBADMSG);
        assert_step_on("", "ksm-processes\nupdate-grub", -EBADMSG);
        assert_step("check-loader text=none", -EBADMSG);
        assert_step("install-loader text=none", -EBADMSG);
        assert_step_on("", "ksm-set path=run", -EBADMSG);
        assert_step_on("", "ksm-set path=a/b text=0", -EBADMSG);
        assert_step_on("", "ksm-set path=.. text=0", -EBADMSG);
        assert_step_on("", "ksm-set path=a%20b text=0", -EBADMSG);
        assert_step("boot-entry text=lilo", -EBADMSG);
        assert_step("boot-entry text=none", -EBADMSG);
        assert_step_on(" device=../sda", "probe", -EBADMSG);
        assert_step_on(" device=mapper/x", "probe", -EBADMSG);
        assert_step_on(" device=", "probe", -EBADMSG);
        assert_step_on(" device=sda esp=AAAA-0001", "probe", -EBADMSG);
        assert_step_on(" device=sda" ID, "format force=2", -EBADMSG);
        assert_step_on(" device=sda" ID, "format", -EBADMSG);
}
END_TEST

START_TEST(what_is_written_can_be_read_back) {
        static const char text[] = HEAD
                        "known path=loader/loader.conf esp-size=5 esp-mtime=6\n"
                        "scan\n"
                        "check path=a source=b " STAMP " esp-size=5 esp-mtime=6 trust=1 bytes=9\n"
                        "check path=a source=b " STAMP "\n"
                        "keep path=a esp-size=5 esp-mtime=6\n"
                        "mkdir path=EFI/proxmox/6.8.12-4-pve\n"
                        "clear path=a.new\n"
                        "stage path=a source=boot/vmlinuz " STAMP " bytes=18446744073709551615\n"
                        "stage-text path=a text=\n"
                        "stage-text path=a%20%25%C3%A4 text=x%0D%0A\n"
                        "grub-config path=grub/grub.cfg text=vmlinuz-6.5%0A\n"
                        "token\n"
                        "repair\n"
                        "place path=a\n"
                        "remove-entry path=a\n"
                        "remove-kernel path=a\n"
                        "remove-file path=a\n"
                        "barrier\n"
                        "end\n";
        _cleanup_(plan_freep) Plan *p = NULL;

        ck_assert_int_eq(parse(text, &p), 0);
        ck_assert_uint_eq(p->n_steps, 18);
        ck_assert(p->steps[2].trust);
        ck_assert_uint_eq(p->steps[2].esp_mtime, 6);
        ck_assert_uint_eq(p->steps[2].stamp.ctime, 4);
        ck_assert(!p->steps[3].trust);
        ck_assert_str_eq(p->steps[7].source, "boot/vmlinuz");
        ck_assert_uint_eq(p->steps[7].bytes, UINT64_MAX);
        ck_assert_str_eq(p->steps[8].text, "");
        ck_assert_str_eq(p->steps[9].path, "a %\xc3\xa4");
        ck_assert_str_eq(p->steps[9].text, "x\r\n");
        assert_format(p, text);
}
END_TEST

START_TEST(problem_does_not_travel) {
        _cleanup_(plan_freep) Plan *p = NULL;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &p), 0);
        p->problem.message = strdup("no room");
        p->problem.code = 17;
        assert_format(p, HEAD "end\n");
}
END_TEST

START_TEST(every_missing_field_is_noticed) {
        static const char *const complete[] = {
                "known path=a esp-size=5 esp-mtime=6",
                "check path=a source=b " STAMP,
                "check trust=1 path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "keep path=a esp-size=5 esp-mtime=6",
                "mkdir path=a",
                "clear path=a",
                "stage path=a source=b " STAMP,
                "stage-text path=a text=b",
                "place path=a",
                "remove-entry path=a",
                "remove-kernel path=a",
                "remove-file path=a",
                "grub-config path=a text=b",
        };

        for (size_t i = 0; i < ELEMENTSOF(complete); i++) {
                assert_step(complete[i], 0);

                /* Take out each field in turn. */
                for (const char *field = strchr(complete[i], ' '); field;
                     field = strchr(field + 1, ' ')) {
                        size_t length = strcspn(field + 1, " ") + 1;
                        _cleanup_free_ char *cut = strprintf("%.*s%s", (int) (field - complete[i]),
                                                             complete[i], field + length);

                        assert_step(cut, -EBADMSG);
                }
        }
}
END_TEST

START_TEST(surplus_fields_are_refused) {
        static const char *const steps[] = {
                "scan path=a",
                "token path=a",
                "barrier esp-size=1",
                "mkdir path=a source=b",
                "mkdir path=a foo=1",
                "mkdir path=a trust=1",
                "mkdir path=a trust=1 esp-size=5 esp-mtime=6",
                "place path=a text=x",
                "keep path=a esp-size=5 esp-mtime=6 size=1",
                "stage path=a source=b text=c " STAMP,
                "stage path=a source=b trust=1 esp-size=5 esp-mtime=6 " STAMP,
                "check path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "check trust=1 path=a source=b " STAMP " esp-size=5 esp-mtime=6 sha256=00",
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                assert_step(steps[i], -EBADMSG);
}
END_TEST

START_TEST(bad_values_are_refused) {
        static const char *const steps[] = {
                "format path=a",
                "Scan",
                "scan bytes=",
                "scan bytes=-1",
                "scan bytes=18446744073709551616",
                "keep path=a esp-size=5 esp-mtime=",
                "keep path=a esp-size=0x5 esp-mtime=6",
                "stage path=a source=b inode=1 size=2 mtime=3.5 ctime=4",
                "check trust=0 path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "check trust=yes path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "check trust= path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "check trust=2 path=a source=b " STAMP " esp-size=5 esp-mtime=6",
                "stage path=a source=../b " STAMP,
                "stage path=a source=/boot/b " STAMP,
                "stage-text path=a text=%00",
                "mkdir path=a path=b",
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                assert_step(steps[i], -EBADMSG);
}
END_TEST

START_TEST(paths_that_could_lead_elsewhere_are_refused) {
        static const char *const bad[] = {
                "",
                "/",
                "/a",
                "a/",
                "a//b",
                ".",
                "..",
                "a/..",
                "a/../b",
                "../a",
                "./a",
                "a/.",
                "a/./b",
                "a\n",
                "a\x7f"
                "b",
                "\t",
                "\x01",
                "a/b/c/..",
        };
        static const char *const good[] = { "a",  "a/b", "...", "a/..b",
                                            ".a", "a.",  "a b", "\xc3\xa4" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!plan_path_is_valid(bad[i]), "accepted: '%s'", bad[i]);
        ck_assert(!plan_path_is_valid(NULL));
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ck_assert_msg(plan_path_is_valid(good[i]), "refused: '%s'", good[i]);

        assert_step("remove-kernel path=EFI/proxmox/..", -EBADMSG);
        assert_step("remove-kernel path=", -EBADMSG);
        assert_step("place path=/etc/shadow", -EBADMSG);
        assert_step("place path=a%0Ab", -EBADMSG);
}
END_TEST

START_TEST(path_length_is_limited) {
        char path[PLAN_PATH_MAX + 2];

        memset(path, 'a', sizeof(path));
        path[PLAN_PATH_MAX] = '\0';
        ck_assert(plan_path_is_valid(path));
        path[PLAN_PATH_MAX] = 'a';
        path[PLAN_PATH_MAX + 1] = '\0';
        ck_assert(!plan_path_is_valid(path));
}
END_TEST

START_TEST(malformed_frames_are_refused) {
        static const char *const texts[] = {
                "",
                "\n",
                "end\n",
                HEAD,
                HEAD "end",
                HEAD "end\nend\n",
                HEAD "end\n\n",
                HEAD "end\nscan\n",
                HEAD "end x=1\n",
                HEAD "\nend\n",
                HEAD "scan\r\nend\n",
                HEAD HEAD "end\n",
                HEAD "scan\n",
                HEAD "scan",
                "scan\nend\n",
                "bootsync-plan esp=AAAA-0001\nend\n",
                "bootsync-plan version=one esp=AAAA-0001\nend\n",
                "bootsync-plan version=2 esp=\nend\n",
                "bootsync-plan version=2 esp=../AAAA\nend\n",
                "bootsync-plan version=2 esp=AAAA-0001 x=1\nend\n",
                "bootsync-plan version=2 esp=AAAA-0001\r\nend\r\n",
                "\xef\xbb\xbf" HEAD "end\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_refused(texts[i]);
        ck_assert_int_eq(plan_parse(HEAD "end\n\0", strlen(HEAD) + 5, &(Plan *){ NULL }), -EBADMSG);
        ck_assert_int_eq(plan_parse(HEAD "\0end\n", strlen(HEAD) + 5, &(Plan *){ NULL }), -EBADMSG);
}
END_TEST

START_TEST(no_prefix_of_a_plan_is_a_plan) {
        static const char text[] = HEAD "stage path=a source=b " STAMP "\nbarrier\nend\n";

        for (size_t n = 0; n + 1 < sizeof(text) - 1; n++)
                ck_assert_int_eq(plan_parse(text, n, &(Plan *){ NULL }), -EBADMSG);
}
END_TEST

START_TEST(another_version_is_told_from_garbage) {
        Plan *p = NULL;

        ck_assert_int_eq(parse("bootsync-plan version=1 esp=AAAA-0001\nend\n", &p),
                         -EPROTONOSUPPORT);
        ck_assert_int_eq(parse("bootsync-plan version=3 new=field\nwhatever", &p),
                         -EPROTONOSUPPORT);
        ck_assert_ptr_null(p);
}
END_TEST

START_TEST(size_is_limited_both_ways) {
        _cleanup_free_ char *big = malloc(PLAN_TEXT_MAX + 1), *text = NULL;
        _cleanup_(plan_freep) Plan *p = NULL;
        size_t size;

        memset(big, 'a', PLAN_TEXT_MAX);
        big[PLAN_TEXT_MAX] = '\0';
        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &p), 0);
        plan_add(p, PLAN_STAGE_TEXT, "a")->text = strdup(big);
        ck_assert_int_eq(plan_format(p, &text, &size), -E2BIG);
        ck_assert_ptr_null(text);

        p->steps[0].text[1024 * 1024] = '\0';
        ck_assert_int_eq(plan_format(p, &text, &size), 0);
        p = plan_free(p);
        ck_assert_int_eq(plan_parse(text, size, &p), 0);
        ck_assert_uint_eq(strlen(p->steps[0].text), 1024 * 1024);

        memset(big, '\n', PLAN_TEXT_MAX + 1);
        ck_assert_int_eq(plan_parse(big, PLAN_TEXT_MAX + 1, &(Plan *){ NULL }), -EBADMSG);
}
END_TEST

START_TEST(plan_may_be_for_one_device_only_and_to_format_it_must_be) {
        static const char *const bad[] = {
                " device=sda2 major=8",
                " device=sda2 major=8 minor=2",
                " device=sda2 major=8 diskseq=17",
                " device=sda2 minor=2 diskseq=17",
                " device=sda2 diskseq=17",
                " device=sda2 major=0 minor=0 diskseq=17",
                " device=sda2 major=4294967296 minor=2 diskseq=17",
                " device=sda2 major=8 minor=x diskseq=17",
                " device=sda2 major=8 minor=2 diskseq=-1",
                " device=sda2" ID " x=1",
                ID,
        };
        _cleanup_(plan_freep) Plan *p = NULL;

        assert_step_on(" device=sda2", "format force=1", -EBADMSG);
        assert_step_on(" device=sda2" ID, "format force=1", 0);
        assert_step_on(" device=sda2 major=8 minor=2 diskseq=0", "format force=1", 0);
        assert_step_on(" device=sda" ID, "probe", 0);
        assert_step_on(" esp=AAAA-0001" ID, "scan", 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_step_on(bad[i], "probe", -EBADMSG);

        ck_assert_int_eq(parse("bootsync-plan version=2 esp=AAAA-0001" ID "\nend\n", &p), 0);
        ck_assert_uint_eq(p->id.number, makedev(8, 2));
        ck_assert_uint_eq(p->id.diskseq, 17);
}
END_TEST

CHECK_MAIN("plan-wire", plan_may_be_for_one_device_only_and_to_format_it_must_be,
           empty_plan_is_head_and_end, every_action_is_written_with_exactly_its_fields,
           devices_and_the_host_have_plans_of_their_own,
           a_step_that_does_not_fit_its_subject_is_refused, what_is_written_can_be_read_back,
           problem_does_not_travel, every_missing_field_is_noticed, surplus_fields_are_refused,
           bad_values_are_refused, paths_that_could_lead_elsewhere_are_refused,
           path_length_is_limited, malformed_frames_are_refused, no_prefix_of_a_plan_is_a_plan,
           another_version_is_told_from_garbage, size_is_limited_both_ways)
