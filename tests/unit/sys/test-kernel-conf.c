/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The administrator's files: whatever they hold, a run goes on and says what it does not
 * understand; but a list of ESPs or a package database that cannot be read is never taken for an
 * empty one. */

#include "sys/kernel-conf.h"

#include <sys/syscall.h>

#include "common/names.h"
#include "sys/dpkg.h"
#include "sys/file.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define CMDLINE "root=ZFS=rpool/ROOT/pve-1 boot=zfs"
#define ADOPTED "root=/dev/sda3 ro"

/* Something happens behind our back, between two reads: called before the first read of any file.
 */
static void (*meanwhile)(const TempRoot *t);
static const TempRoot *meanwhile_root;

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
        if (meanwhile && offset == 0)
                meanwhile(meanwhile_root);
        return syscall(SYS_pread64, fd, buffer, size, offset);
}

static KernelConf load(const TempRoot *t) {
        _cleanup_free_ char *reason = NULL;
        KernelConf c = KERNEL_CONF_INIT;

        ck_assert_int_eq(kernel_conf_load(t->root, &c, &reason), 0);
        ck_assert_ptr_null(reason);
        return c;
}

static int load_result(const TempRoot *t) {
        _cleanup_(kernel_conf_done) KernelConf c = KERNEL_CONF_INIT;

        _cleanup_free_ char *reason = NULL;
        int r = kernel_conf_load(t->root, &c, &reason);

        ck_assert(!reason == (r >= 0));
        return r;
}

/* The only warning begins with the file's path and has @what in it. */
static void assert_one_warning(const KernelConf *c, const TempRoot *t, const char *path,
                               const char *what) {
        _cleanup_free_ char *prefix = strprintf("%s/%s: ", t->path, path);

        _cleanup_free_ char *action = strprintf("editor /%s", path);
        const Warning *w = c->warnings.items;

        ck_assert_uint_eq(c->warnings.n, 1);
        ck_assert_msg(startswith(w->sentence, prefix) && strstr(w->sentence, what),
                      "'%s' does not tell that %s has '%s'", w->sentence, prefix, what);
        ck_assert_str_eq(w->action, action);
        ck_assert_int_eq(w->id,
                         strstr(what, "root=") ? WARNING_CMDLINE_WITHOUT_ROOT : WARNING_BAD_LINE);
}

static void assert_list(char *const *l, const char *expected) {
        _cleanup_free_ char *joined = strv_join(l, " ");

        ck_assert_str_eq(joined, expected);
}

START_TEST(nothing_there_is_nothing_configured) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = load(&t);

        assert_list(c.esps.items, "");
        assert_list(c.manual.items, "");
        ck_assert_uint_eq(c.warnings.n, 0);
        ck_assert_ptr_null(c.pin);
        ck_assert_ptr_null(c.next_boot);
        ck_assert_ptr_null(c.cmdline);
        ck_assert_int_eq(c.cmdline_source, CMDLINE_NONE);
        ck_assert_int_eq(c.settings.auto_sync, AUTO_SYNC_UNSET);
        ck_assert_uint_eq(c.settings.settle_sec, SETTLE_SEC_DEFAULT);
}
END_TEST

START_TEST(every_file_is_loaded) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {};

        temp_puts(&t, PATH_ESP_LIST, "# two mirrors\r\nAAAA-0001\r\n\r\nbbbb-0002");
        temp_puts(&t, PATH_MANUAL_KERNELS, "6.5.13-5-pve\n");
        temp_puts(&t, PATH_PIN, "6.8.12-4-pve\n");
        temp_puts(&t, PATH_NEXT_BOOT_PIN, "6.8.12-5-pve\nsecond line\n");
        temp_puts(&t, PATH_CMDLINE, CMDLINE "\nsecond line\n");
        temp_puts(&t, PATH_CONFIG, "[Sync]\nAutoSync=no\nSettleSec=7\n");
        c = load(&t);
        assert_list(c.esps.items, "AAAA-0001 BBBB-0002");
        assert_list(c.manual.items, "6.5.13-5-pve");
        ck_assert_uint_eq(c.warnings.n, 0);
        ck_assert_str_eq(c.pin, "6.8.12-4-pve");
        ck_assert_str_eq(c.next_boot, "6.8.12-5-pve");
        ck_assert_str_eq(c.cmdline, CMDLINE);
        ck_assert_int_eq(c.cmdline_source, CMDLINE_FILE);
        ck_assert_int_eq(c.settings.auto_sync, AUTO_SYNC_NO);
        ck_assert_uint_eq(c.settings.settle_sec, 7);
}
END_TEST

START_TEST(bad_lines_are_named_with_file_and_line) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {};

        temp_puts(&t, PATH_ESP_LIST, "AAAA-0001\n\nfoo\x1b[31m?\nBBBB-0002\n");
        c = load(&t);
        assert_list(c.esps.items, "AAAA-0001 BBBB-0002");
        assert_one_warning(&c, &t, PATH_ESP_LIST, "line 3: 'foo?[31m?'");
}
END_TEST

START_TEST(esp_list_that_cannot_be_read_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkfifo(&t, PATH_ESP_LIST);
        ck_assert_int_eq(load_result(&t), -EINVAL);
        ck_assert_int_ge(unlinkat(t.fd, PATH_ESP_LIST, 0), 0);

        temp_mkdir(&t, PATH_ESP_LIST);
        ck_assert_int_eq(load_result(&t), -EISDIR);
        ck_assert_int_ge(unlinkat(t.fd, PATH_ESP_LIST, AT_REMOVEDIR), 0);

        temp_symlink(&t, PATH_ESP_LIST, "/mnt/not-mounted/list");
        ck_assert_int_eq(load_result(&t), -ENOENT);
        ck_assert_int_ge(unlinkat(t.fd, PATH_ESP_LIST, 0), 0);

        temp_puts(&t, PATH_ESP_LIST, "AAAA-0001\n");
        ck_assert_int_ge(fchmodat(t.fd, PATH_ESP_LIST, 0, 0), 0);
        temp_drop_privileges();
        ck_assert_int_eq(load_result(&t), -EACCES);
        temp_regain_privileges();
}
END_TEST

START_TEST(esp_list_over_16_mib_is_an_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        const off_t limit = 16 * 1024 * 1024;
        _cleanup_close_ int fd = -EBADF;

        temp_puts(&t, PATH_ESP_LIST, "AAAA-0001\n");
        fd = openat(t.fd, PATH_ESP_LIST, O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(ftruncate(fd, limit), 0);
        ck_assert_int_eq(load_result(&t), 0);
        ck_assert_int_ge(ftruncate(fd, limit + 1), 0);
        ck_assert_int_eq(load_result(&t), -EFBIG);
}
END_TEST

START_TEST(what_is_no_file_is_warned_about_and_empty) {
        static const char *const paths[] = { PATH_MANUAL_KERNELS,
                                             PATH_PIN,
                                             PATH_NEXT_BOOT_PIN,
                                             PATH_CMDLINE,
                                             PATH_ADOPTED_CMDLINE,
                                             PATH_CONFIG,
                                             PATH_CONFIG_DROPINS "/10.conf" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(kernel_conf_done) KernelConf fifo = {}, directory = {}, dangling = {};

                temp_mkfifo(&t, paths[i]);
                fifo = load(&t);
                assert_one_warning(&fifo, &t, paths[i], strerror(EINVAL));
                ck_assert_int_ge(unlinkat(t.fd, paths[i], 0), 0);

                temp_mkdir(&t, paths[i]);
                directory = load(&t);
                assert_one_warning(&directory, &t, paths[i], strerror(EISDIR));
                ck_assert_int_ge(unlinkat(t.fd, paths[i], AT_REMOVEDIR), 0);

                temp_symlink(&t, paths[i], "/etc/../absent");
                dangling = load(&t);
                assert_one_warning(&dangling, &t, paths[i], strerror(ENOENT));
                ck_assert_int_ge(unlinkat(t.fd, paths[i], 0), 0);
        }
}
END_TEST

START_TEST(files_that_are_there_and_cannot_be_read_are_an_error_that_names_them) {
        static const char *const paths[] = { PATH_MANUAL_KERNELS,
                                             PATH_PIN,
                                             PATH_NEXT_BOOT_PIN,
                                             PATH_CMDLINE,
                                             PATH_ADOPTED_CMDLINE,
                                             PATH_CONFIG,
                                             PATH_CONFIG_DROPINS "/10.conf" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(kernel_conf_done) KernelConf c = KERNEL_CONF_INIT;
                _cleanup_free_ char *reason = NULL;

                temp_puts(&t, paths[i], "6.8.12-4-pve\n");
                ck_assert_int_ge(fchmodat(t.fd, paths[i], 0, 0), 0);
                temp_drop_privileges();
                ck_assert_int_eq(kernel_conf_load(t.root, &c, &reason), -EACCES);
                temp_regain_privileges();
                ck_assert_ptr_nonnull(strstr(reason, paths[i]));
                ck_assert_ptr_nonnull(strstr(reason, strerror(EACCES)));
                ck_assert_int_ge(unlinkat(t.fd, paths[i], 0), 0);
        }
}
END_TEST

START_TEST(huge_lines_and_nul_bytes_break_nothing) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char *const paths[] = { PATH_ESP_LIST,      PATH_MANUAL_KERNELS, PATH_PIN,
                                             PATH_NEXT_BOOT_PIN, PATH_CMDLINE,        PATH_CONFIG };
        const size_t size = 1024 * 1024;
        _cleanup_free_ char *data = malloc(size);

        for (int c = 0; c < 256; c += 'A') {
                _cleanup_(kernel_conf_done) KernelConf conf = {};

                memset(data, c, size);
                for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                        temp_write(&t, paths[i], data, size);
                conf = load(&t);
                assert_list(conf.esps.items, "");
                assert_list(conf.manual.items, "");
                ck_assert_uint_eq(conf.warnings.n, ELEMENTSOF(paths));
                for (size_t i = 0; i < conf.warnings.n; i++) {
                        const char *sentence = conf.warnings.items[i].sentence;

                        ck_assert_uint_lt(strlen(sentence), 500);
                        ck_assert(text_is_clean(sentence, strlen(sentence)));
                }
        }
}
END_TEST

START_TEST(pin_that_is_no_version_is_warned_about) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {}, empty = {};

        temp_puts(&t, PATH_PIN, "\n");
        temp_puts(&t, PATH_NEXT_BOOT_PIN, "");
        empty = load(&t);
        ck_assert_uint_eq(empty.warnings.n, 0);
        ck_assert_ptr_null(empty.pin);

        temp_puts(&t, PATH_PIN, "../../etc/passwd\n");
        c = load(&t);
        ck_assert_ptr_null(c.pin);
        assert_one_warning(&c, &t, PATH_PIN, "not a kernel version");
}
END_TEST

START_TEST(cmdline_without_root_gives_way_to_the_adopted_one) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf adopted = {}, bad = {}, none = {}, both = {};

        temp_puts(&t, PATH_ADOPTED_CMDLINE, ADOPTED "\n");
        adopted = load(&t);
        ck_assert_str_eq(adopted.cmdline, ADOPTED);
        ck_assert_int_eq(adopted.cmdline_source, CMDLINE_ADOPTED);
        ck_assert_uint_eq(adopted.warnings.n, 0);

        temp_puts(&t, PATH_CMDLINE, "quiet\n" CMDLINE "\n");
        bad = load(&t);
        ck_assert_str_eq(bad.cmdline, ADOPTED);
        ck_assert_int_eq(bad.cmdline_source, CMDLINE_ADOPTED);
        assert_one_warning(&bad, &t, PATH_CMDLINE, "root=");

        temp_puts(&t, PATH_ADOPTED_CMDLINE, "");
        none = load(&t);
        ck_assert_ptr_null(none.cmdline);
        ck_assert_int_eq(none.cmdline_source, CMDLINE_NONE);
        ck_assert_uint_eq(none.warnings.n, 2);

        temp_puts(&t, PATH_CMDLINE, CMDLINE);
        both = load(&t);
        ck_assert_str_eq(both.cmdline, CMDLINE);
        ck_assert_uint_eq(both.warnings.n, 0);
}
END_TEST

START_TEST(cmdline_that_is_unusable_tells_why) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf binary = {}, large = {};
        char line[CMDLINE_LENGTH_MAX + sizeof("root=")] = "root=";

        temp_write(&t, PATH_CMDLINE, "root=\0x\n", 8);
        binary = load(&t);
        assert_one_warning(&binary, &t, PATH_CMDLINE, "plain text");

        memset(line + strlen(line), 'x', CMDLINE_LENGTH_MAX);
        temp_puts(&t, PATH_CMDLINE, line);
        large = load(&t);
        ck_assert_ptr_null(large.cmdline);
        assert_one_warning(&large, &t, PATH_CMDLINE, "too long");
}
END_TEST

START_TEST(dropins_are_read_after_the_main_file_in_order) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {};

        for (int i = 9; i < 60; i++) {
                _cleanup_free_ char *path = strprintf(PATH_CONFIG_DROPINS "/%d.conf", i);
                _cleanup_free_ char *text = strprintf("[Sync]\nSettleSec=%d\n", i);

                temp_puts(&t, path, text);
        }
        temp_puts(&t, PATH_CONFIG_DROPINS "/B.conf", "[Sync]\nAutoSync=no\n");
        temp_puts(&t, PATH_CONFIG_DROPINS "/a.conf", "[Sync]\nAutoSync=yes\n");
        temp_puts(&t, PATH_CONFIG_DROPINS "/z.conf.bak", "[Sync]\nAutoSync=no\n");
        temp_puts(&t, PATH_CONFIG_DROPINS "/.z.conf", "[Sync]\nAutoSync=no\n");
        temp_puts(&t, PATH_CONFIG_DROPINS "/conf", "[Sync]\nAutoSync=no\n");
        temp_puts(&t, PATH_CONFIG, "[Sync]\nAutoSync=no\nSettleSec=3\n");
        c = load(&t);
        ck_assert_uint_eq(c.settings.settle_sec, 9);
        ck_assert_int_eq(c.settings.auto_sync, AUTO_SYNC_YES);
        ck_assert_uint_eq(c.warnings.n, 0);
}
END_TEST

START_TEST(unknown_settings_are_named_with_their_file) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {}, file = {};

        temp_puts(&t, PATH_CONFIG_DROPINS "/a\nb.conf", "[Sync]\nFoo=1\nSettleSec=5\n");
        c = load(&t);
        ck_assert_uint_eq(c.settings.settle_sec, 5);
        assert_one_warning(&c, &t, PATH_CONFIG_DROPINS "/a?b.conf", "line 2");

        ck_assert_int_ge(unlinkat(t.fd, PATH_CONFIG_DROPINS "/a\nb.conf", 0), 0);
        ck_assert_int_ge(unlinkat(t.fd, PATH_CONFIG_DROPINS, AT_REMOVEDIR), 0);
        temp_puts(&t, PATH_CONFIG_DROPINS, "");
        file = load(&t);
        assert_one_warning(&file, &t, PATH_CONFIG_DROPINS, strerror(ENOTDIR));
}
END_TEST

START_TEST(running_cmdline_is_adopted_without_the_words_of_the_loader) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(kernel_conf_done) KernelConf c = {};
        _cleanup_free_ char *line = NULL;

        temp_puts(&t, PATH_PROC_CMDLINE, "BOOT_IMAGE=/vmlinuz-6.8 " ADOPTED " initrd=\\x.img\n");
        ck_assert_int_eq(kernel_conf_adopt_cmdline(t.root, &line), 0);
        ck_assert_str_eq(line, ADOPTED);
        temp_assert_text(&t, PATH_ADOPTED_CMDLINE, ADOPTED "\n");
        ck_assert_uint_eq(temp_stat(&t, PATH_STATE).st_mode, S_IFDIR | 0700);
        c = load(&t);
        ck_assert_str_eq(c.cmdline, ADOPTED);
        ck_assert_int_eq(c.cmdline_source, CMDLINE_ADOPTED);
}
END_TEST

START_TEST(running_cmdline_without_root_is_not_adopted) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        char *line = NULL;

        ck_assert_int_eq(kernel_conf_adopt_cmdline(t.root, &line), -ENOENT);
        temp_puts(&t, PATH_PROC_CMDLINE, "quiet\n");
        ck_assert_int_eq(kernel_conf_adopt_cmdline(t.root, &line), -ENODATA);
        ck_assert_ptr_null(line);
        ck_assert(!temp_exists(&t, PATH_ADOPTED_CMDLINE));
}
END_TEST

START_TEST(list_is_changed_and_sorted_and_keeps_strange_lines) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_MANUAL_KERNELS,
                  "6.8.12-10-pve\r\nwhat is this?\n6.8.12-9-pve\n# note\n");
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.5.13-5-pve", true), 1);
        temp_assert_text(&t, PATH_MANUAL_KERNELS,
                         "what is this?\n# note\n6.5.13-5-pve\n6.8.12-9-pve\n6.8.12-10-pve\n");
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.8.12-9-pve", false), 1);
        temp_assert_text(&t, PATH_MANUAL_KERNELS,
                         "what is this?\n# note\n6.5.13-5-pve\n6.8.12-10-pve\n");
}
END_TEST

START_TEST(list_that_says_so_already_is_not_touched) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char text[] = "b-no-kernel\n6.8.12-9-pve\n6.5.13-5-pve\n6.8.12-9-pve\n";

        temp_puts(&t, PATH_MANUAL_KERNELS, text);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.8.12-9-pve", true), 0);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.8.12-8-pve", false), 0);
        temp_assert_text(&t, PATH_MANUAL_KERNELS, text);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.8.12-9-pve", false), 1);
        temp_assert_text(&t, PATH_MANUAL_KERNELS, "b-no-kernel\n6.5.13-5-pve\n");
}
END_TEST

START_TEST(list_is_made_where_there_is_none) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        mode_t old = umask(0077);

        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "AAAA-0001", false), 0);
        ck_assert(!temp_exists(&t, PATH_ESP_LIST));
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "AAAA-0001", true), 1);
        (void) umask(old);
        temp_assert_text(&t, PATH_ESP_LIST, "AAAA-0001\n");
        ck_assert_uint_eq(temp_stat(&t, PATH_ESP_LIST).st_mode, S_IFREG | 0644);
        ck_assert_uint_eq(temp_stat(&t, PATH_ETC_KERNEL).st_mode, S_IFDIR | 0755);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "AAAA-0001", false), 1);
        temp_assert_text(&t, PATH_ESP_LIST, "");
}
END_TEST

START_TEST(uuid_is_the_same_in_either_case) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_ESP_LIST, "abcd-0001\n");
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "ABCD-0001", true), 0);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "aBcD-0001", true), 0);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "dcba-0002", true), 1);
        temp_assert_text(&t, PATH_ESP_LIST, "ABCD-0001\nDCBA-0002\n");
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "dcba-0002", false), 1);
        temp_assert_text(&t, PATH_ESP_LIST, "ABCD-0001\n");
}
END_TEST

START_TEST(what_is_no_item_is_not_listed) {
        static const char *const items[] = { "",      "\n",        "# comment",
                                             "..",    "AAAA-0001", "6.8.12-4-pve\n6.8.12-5-pve",
                                             "6.8 12" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                ck_assert_msg(kernel_conf_change_list(t.root, LIST_KERNELS, items[i], true) ==
                                              -EINVAL,
                              "'%s' was listed", items[i]);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "6.8.12-4-pve", true), -EINVAL);
        ck_assert(!temp_exists(&t, PATH_ETC_KERNEL));
}
END_TEST

START_TEST(list_that_cannot_be_read_is_not_replaced) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkfifo(&t, PATH_ESP_LIST);
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_ESPS, "AAAA-0001", true), -EINVAL);
        ck_assert(S_ISFIFO(temp_stat(&t, PATH_ESP_LIST).st_mode));
        temp_symlink(&t, PATH_MANUAL_KERNELS, "/mnt/not-mounted/list");
        ck_assert_int_eq(kernel_conf_change_list(t.root, LIST_KERNELS, "6.8.12-4-pve", true),
                         -ENOENT);
        ck_assert(S_ISLNK(temp_stat(&t, PATH_MANUAL_KERNELS).st_mode));
}
END_TEST

START_TEST(pins_are_stored_and_removed_each_by_itself) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_PERMANENT, NULL), 0);
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_PERMANENT, "6.8.12-4-pve"), 1);
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_PERMANENT, "6.8.12-4-pve"), 0);
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_NEXT_BOOT, "6.8.12-5-pve"), 1);
        temp_assert_text(&t, PATH_PIN, "6.8.12-4-pve\n");
        temp_assert_text(&t, PATH_NEXT_BOOT_PIN, "6.8.12-5-pve\n");
        ck_assert_uint_eq(temp_stat(&t, PATH_PIN).st_mode, S_IFREG | 0644);

        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_NEXT_BOOT, NULL), 1);
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_NEXT_BOOT, NULL), 0);
        ck_assert(!temp_exists(&t, PATH_NEXT_BOOT_PIN));
        ck_assert(temp_exists(&t, PATH_PIN));
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_PERMANENT, "../x"), -EINVAL);
        ck_assert_int_eq(kernel_conf_store_pin(t.root, PIN_PERMANENT, ""), -EINVAL);
        temp_assert_text(&t, PATH_PIN, "6.8.12-4-pve\n");
}
END_TEST

#define STANZA(version, status) \
        "Package: proxmox-kernel-" version "-pve-signed\nStatus: " status "\nVersion: 1\n\n"
#define INSTALLED "install ok installed"
#define REMOVED   "deinstall ok config-files"

static void assert_kernels(const TempRoot *t, const char *expected) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *reason = NULL;

        ck_assert_msg(package_db_load(t->root, &db, &reason) == 0, "%s", strempty(reason));
        ck_assert_ptr_null(reason);
        assert_list(db.kernels, expected);
}

/* The database is refused with @error, and the reason begins with @path and has @what in it. */
static void assert_refused(const TempRoot *t, int error, const char *path, const char *what) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *reason = NULL, *prefix = strprintf("%s/%s: ", t->path, path);

        ck_assert_int_eq(package_db_load(t->root, &db, &reason), error);
        ck_assert_ptr_null(db.kernels);
        ck_assert_ptr_nonnull(reason);
        ck_assert_msg(startswith(reason, prefix) && strstr(reason, what),
                      "'%s' does not tell that %s has '%s'", reason, prefix, what);
}

START_TEST(installed_kernels_are_loaded) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_DPKG_STATUS,
                  STANZA("6.5.13-5", INSTALLED) STANZA("6.8.12-4", INSTALLED));
        assert_kernels(&t, "6.8.12-4-pve 6.5.13-5-pve");
}
END_TEST

START_TEST(updates_are_applied_in_numeric_order) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_DPKG_STATUS,
                  STANZA("6.5.13-5", INSTALLED) STANZA("6.8.12-4", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/9", STANZA("6.8.12-5", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/0010", STANZA("6.8.12-5", REMOVED));
        temp_puts(&t, PATH_DPKG_UPDATES "/00000000000000000000000011", STANZA("6.8.12-6", REMOVED));
        temp_puts(&t, PATH_DPKG_UPDATES "/99999999999999999999999999",
                  STANZA("6.8.12-6", INSTALLED) STANZA("6.5.13-5", REMOVED));
        assert_kernels(&t, "6.8.12-6-pve 6.8.12-4-pve");
}
END_TEST

START_TEST(other_names_in_updates_are_not_read) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/tmp.i", "half a lin");
        temp_puts(&t, PATH_DPKG_UPDATES "/0001~", "garbage");
        temp_puts(&t, PATH_DPKG_UPDATES "/0002", "");
        assert_kernels(&t, "6.5.13-5-pve");
}
END_TEST

START_TEST(root_without_dpkg_has_no_database) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        assert_refused(&t, -ENOENT, PATH_DPKG_STATUS, strerror(ENOENT));
        temp_puts(&t, PATH_DPKG_UPDATES "/0001", STANZA("6.5.13-5", INSTALLED));
        assert_refused(&t, -ENOENT, PATH_DPKG_STATUS, strerror(ENOENT));
}
END_TEST

START_TEST(database_that_is_not_understood_is_refused_whole) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        static const char nul[] = "Package: a\nStatus: \0\n\n";

        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED) "garbage\n");
        assert_refused(&t, -EBADMSG, PATH_DPKG_STATUS, "line 5");
        temp_write(&t, PATH_DPKG_STATUS, nul, sizeof(nul) - 1);
        assert_refused(&t, -EBADMSG, PATH_DPKG_STATUS, "line 2");
        temp_puts(&t, PATH_DPKG_STATUS, "");
        assert_refused(&t, -ENODATA, PATH_DPKG_STATUS, "no package");

        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/0001", "garbage\n");
        assert_refused(&t, -EBADMSG, PATH_DPKG_UPDATES "/0001", "line 1");
}
END_TEST

START_TEST(database_that_cannot_be_read_is_refused) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_mkdir(&t, PATH_DPKG_STATUS);
        assert_refused(&t, -EISDIR, PATH_DPKG_STATUS, strerror(EISDIR));
        ck_assert_int_ge(unlinkat(t.fd, PATH_DPKG_STATUS, AT_REMOVEDIR), 0);
        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED));
        temp_mkfifo(&t, PATH_DPKG_UPDATES "/0001");
        assert_refused(&t, -EINVAL, PATH_DPKG_UPDATES "/0001", strerror(EINVAL));
        ck_assert_int_ge(unlinkat(t.fd, PATH_DPKG_UPDATES "/0001", 0), 0);
        ck_assert_int_ge(unlinkat(t.fd, PATH_DPKG_UPDATES, AT_REMOVEDIR), 0);
        temp_puts(&t, PATH_DPKG_UPDATES, "");
        assert_refused(&t, -ENOTDIR, PATH_DPKG_UPDATES, strerror(ENOTDIR));
}
END_TEST

/* As dpkg does: merge the updates into a new status file, then remove them. */
static void checkpoint(const TempRoot *t) {
        meanwhile = NULL;
        temp_puts(t, PATH_DPKG "/status-new",
                  STANZA("6.5.13-5", INSTALLED) STANZA("6.8.12-4", INSTALLED));
        ck_assert_int_ge(renameat(t->fd, PATH_DPKG "/status-new", t->fd, PATH_DPKG_STATUS), 0);
        ck_assert_int_ge(unlinkat(t->fd, PATH_DPKG_UPDATES "/0001", 0), 0);
}

START_TEST(kernel_is_not_missed_while_dpkg_merges_its_updates) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/0001", STANZA("6.8.12-4", INSTALLED));
        meanwhile_root = &t;
        meanwhile = checkpoint;
        assert_kernels(&t, "6.8.12-4-pve 6.5.13-5-pve");
        ck_assert_ptr_null(meanwhile);
}
END_TEST

/* The second file read is the first update: its like that comes next is gone. */
static void remove_updates(const TempRoot *t) {
        static unsigned n_reads;

        if (++n_reads < 2)
                return;
        meanwhile = NULL;
        ck_assert_int_ge(unlinkat(t->fd, PATH_DPKG_UPDATES "/0001", 0), 0);
        ck_assert_int_ge(unlinkat(t->fd, PATH_DPKG_UPDATES "/0002", 0), 0);
}

START_TEST(update_that_goes_while_they_are_read_is_no_error) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        temp_puts(&t, PATH_DPKG_STATUS, STANZA("6.5.13-5", INSTALLED));
        temp_puts(&t, PATH_DPKG_UPDATES "/0001", STANZA("6.5.13-5", REMOVED));
        temp_puts(&t, PATH_DPKG_UPDATES "/0002", STANZA("6.5.13-5", INSTALLED));
        meanwhile_root = &t;
        meanwhile = remove_updates;
        assert_kernels(&t, "6.5.13-5-pve");
        ck_assert_ptr_null(meanwhile);
}
END_TEST

static void rewrite(const TempRoot *t) {
        temp_puts(t, PATH_DPKG "/status-new", STANZA("6.5.13-5", INSTALLED));
        ck_assert_int_ge(renameat(t->fd, PATH_DPKG "/status-new", t->fd, PATH_DPKG_STATUS), 0);
}

START_TEST(database_that_never_rests_is_given_up) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();

        rewrite(&t);
        meanwhile_root = &t;
        meanwhile = rewrite;
        assert_refused(&t, -EAGAIN, PATH_DPKG, "keeps writing");
        meanwhile = NULL;
        assert_kernels(&t, "6.5.13-5-pve");
}
END_TEST

START_TEST(paths_for_humans_name_the_root_and_hide_control_characters) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(root_freep) Root *host = NULL;
        _cleanup_free_ char *below = path_for_humans(t.root, PATH_PIN), *plain = NULL, *odd = NULL;
        _cleanup_free_ char *expected = strprintf("%s/" PATH_PIN, t.path);

        ck_assert_int_eq(root_open("/", &host), 0);
        plain = path_for_humans(host, PATH_PIN);
        odd = path_for_humans(host, "a\n\xff");
        ck_assert_str_eq(below, expected);
        ck_assert_str_eq(plain, "/etc/kernel/proxmox-boot-pin");
        ck_assert_str_eq(odd, "/a??");
}
END_TEST

CHECK_MAIN("kernel-conf", nothing_there_is_nothing_configured, every_file_is_loaded,
           bad_lines_are_named_with_file_and_line, esp_list_that_cannot_be_read_is_an_error,
           esp_list_over_16_mib_is_an_error, what_is_no_file_is_warned_about_and_empty,
           files_that_are_there_and_cannot_be_read_are_an_error_that_names_them,
           huge_lines_and_nul_bytes_break_nothing, pin_that_is_no_version_is_warned_about,
           cmdline_without_root_gives_way_to_the_adopted_one, cmdline_that_is_unusable_tells_why,
           dropins_are_read_after_the_main_file_in_order,
           unknown_settings_are_named_with_their_file,
           running_cmdline_is_adopted_without_the_words_of_the_loader,
           running_cmdline_without_root_is_not_adopted,
           list_is_changed_and_sorted_and_keeps_strange_lines,
           list_that_says_so_already_is_not_touched, list_is_made_where_there_is_none,
           uuid_is_the_same_in_either_case, what_is_no_item_is_not_listed,
           list_that_cannot_be_read_is_not_replaced, pins_are_stored_and_removed_each_by_itself,
           installed_kernels_are_loaded, updates_are_applied_in_numeric_order,
           other_names_in_updates_are_not_read, root_without_dpkg_has_no_database,
           database_that_is_not_understood_is_refused_whole,
           database_that_cannot_be_read_is_refused,
           kernel_is_not_missed_while_dpkg_merges_its_updates,
           update_that_goes_while_they_are_read_is_no_error, database_that_never_rests_is_given_up,
           paths_for_humans_name_the_root_and_hide_control_characters)
