/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts about the host come from below the root, whatever this machine is. */

#include "sys/host.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define BOOT_ID "3e0ee2a4-9b7c-4d7e-8f6a-0123456789ab"

static Host load(const TempRoot *t) {
        Host host = {};

        ck_assert_int_eq(host_load(t->root, &host), 0);
        return host;
}

START_TEST(facts_are_read_below_the_root) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(host_done) Host host = {};

        temp_puts(&t, PATH_OSRELEASE, "6.8.12-4-pve\n");
        temp_puts(&t, PATH_BOOT_ID, BOOT_ID "\n");
        host = load(&t);
        ck_assert_str_eq(host.running, "6.8.12-4-pve");
        ck_assert_str_eq(host.boot_id, BOOT_ID);
}
END_TEST

START_TEST(what_is_absent_is_unknown) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(host_done) Host host = load(&t);

        ck_assert_ptr_null(host.running);
        ck_assert_ptr_null(host.boot_id);
        ck_assert_str_eq(host.title, "Proxmox Virtual Environment");
}
END_TEST

START_TEST(facts_of_this_machine_can_be_read) {
        _cleanup_(root_freep) Root *root = NULL;
        _cleanup_(host_done) Host host = {};

        ck_assert_int_eq(root_open("/", &root), 0);
        ck_assert_int_eq(host_load(root, &host), 0);
        ck_assert_ptr_nonnull(host.boot_id);
        ck_assert_uint_eq(strlen(host.boot_id), 36);
}
END_TEST

START_TEST(what_is_no_version_is_no_running_kernel) {
        static const char *const texts[] = { "",           "\n",      "../../etc\n",
                                             "\x1b[31m\n", "linux\n", " 6.8\n" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(host_done) Host host = {};

                temp_puts(&t, PATH_OSRELEASE, texts[i]);
                host = load(&t);
                ck_assert_ptr_null(host.running);
        }
}
END_TEST

START_TEST(what_is_no_boot_id_is_unknown) {
        static const char *const texts[] = { "", "\n", "3e0ee2a4\n", BOOT_ID "0\n",
                                             "3e0ee2a4-9b7c-4d7e-8f6a-0123456789a/\n" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(host_done) Host plain = {};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(host_done) Host host = {};

                temp_puts(&t, PATH_BOOT_ID, texts[i]);
                host = load(&t);
                ck_assert_ptr_null(host.boot_id);
        }
        temp_puts(&t, PATH_BOOT_ID, "3e0ee2a49b7c4d7e8f6a0123456789ab");
        plain = load(&t);
        ck_assert_str_eq(plain.boot_id, "3e0ee2a49b7c4d7e8f6a0123456789ab");
}
END_TEST

START_TEST(hostile_files_are_unknown) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(host_done) Host host = {};

        memset(large, '6', 1024 * 1024);
        temp_write(&t, PATH_OSRELEASE, large, 1024 * 1024);
        temp_mkfifo(&t, PATH_BOOT_ID);
        host = load(&t);
        ck_assert_ptr_null(host.running);
        ck_assert_ptr_null(host.boot_id);
}
END_TEST

START_TEST(title_tells_the_product) {
        static const struct {
                const char *path, *title;
        } products[] = {
                { "usr/share/doc/proxmox-backup", "Proxmox Backup Server" },
                { "usr/share/doc/proxmox-mailgateway", "Proxmox Mailgateway" },
                { "etc/pve", "Proxmox Virtual Environment" },
        };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        /* Each one wins over those before it. */
        for (size_t i = 0; i < ELEMENTSOF(products); i++) {
                _cleanup_(host_done) Host host = {};

                temp_mkdir(&t, products[i].path);
                host = load(&t);
                ck_assert_str_eq(host.title, products[i].title);
        }
}
END_TEST

START_TEST(boot_time_is_a_line_of_proc_stat) {
        static const struct {
                const char *text;
                uint64_t expect;
        } cases[] = {
                { "cpu 1 2 3\nintr 5 6\nbtime 1700000000\nprocesses 7\n", 1700000000 },
                { "btime 5", 5 },
                { "cpu 1 2 3\n", 0 },
                { "btime soon\n", 0 },
                { "xbtime 5\n", 0 },
                { "", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_temp_root_ TempRoot t = temp_root_new();
                uint64_t boot_time = 1;

                temp_puts(&t, "proc/stat", cases[i].text);
                ck_assert_int_eq(host_boot_time(t.root, &boot_time), 0);
                ck_assert_uint_eq(boot_time, cases[i].expect);
        }
}
END_TEST

START_TEST(boot_time_is_unknown_without_proc) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        uint64_t boot_time = 1;

        ck_assert_int_eq(host_boot_time(t.root, &boot_time), 0);
        ck_assert_uint_eq(boot_time, 0);
}
END_TEST

CHECK_MAIN("host", facts_are_read_below_the_root, what_is_absent_is_unknown,
           facts_of_this_machine_can_be_read, what_is_no_version_is_no_running_kernel,
           what_is_no_boot_id_is_unknown, hostile_files_are_unknown, title_tells_the_product,
           boot_time_is_a_line_of_proc_stat, boot_time_is_unknown_without_proc)
