/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dpkg's database as dpkg and others write it, and what apt is told. */

#include "core/kernel/package-db.h"

#include <regex.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define STANZA(name, status)         \
        "Package: " name "\n"        \
        "Status: " status "\n"       \
        "Priority: optional\n"       \
        "Architecture: amd64\n"      \
        "Version: 1.0\n"             \
        "Description: a package\n"   \
        " with text, and a: colon\n" \
        " .\n"                       \
        "\n"
#define INSTALLED(name) STANZA(name, "install ok installed")

static void take(PackageDb *db, const char *text) {
        char *reason = NULL;
        int r = package_db_parse(db, text, strlen(text), &reason);

        ck_assert_msg(r == 0, "%d: %s", r, strempty(reason));
}

static void assert_db(PackageDb *db, const char *kernels, const char *series) {
        _cleanup_free_ char *k = NULL, *s = NULL;

        ck_assert_int_eq(package_db_finish(db), 0);
        k = strv_join(db->kernels, " ");
        s = strv_join(db->series, " ");
        ck_assert_str_eq(k, kernels);
        ck_assert_str_eq(s, series);
}

/* One status file and nothing else. */
static void assert_status(const char *text, const char *kernels, const char *series) {
        _cleanup_(package_db_done) PackageDb db = {};

        take(&db, text);
        assert_db(&db, kernels, series);
}

static void assert_refused(const char *text, size_t size, const char *expect) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *reason = NULL;

        ck_assert_int_eq(package_db_parse(&db, text, size, &reason), -EBADMSG);
        ck_assert_str_eq(reason, expect);
}
#define ASSERT_REFUSED(text, expect) assert_refused(text, sizeof(text) - 1, expect)

START_TEST(kernels_of_both_names_are_found_newest_first) {
        assert_status(INSTALLED("adduser") INSTALLED("pve-kernel-6.2.16-20-pve")
                                      INSTALLED("proxmox-kernel-6.8.12-9-pve-signed")
                                                      INSTALLED("proxmox-kernel-6.8.12-10-pve")
                                                                      INSTALLED("zsh"),
                      "6.8.12-10-pve 6.8.12-9-pve 6.2.16-20-pve", "");
}
END_TEST

START_TEST(signed_and_unsigned_package_are_one_kernel) {
        assert_status(INSTALLED("proxmox-kernel-6.8.12-4-pve-signed")
                                      INSTALLED("proxmox-kernel-6.8.12-4-pve"),
                      "6.8.12-4-pve", "");
        assert_status(STANZA("proxmox-kernel-6.8.12-4-pve-signed", "install ok installed") STANZA(
                                      "proxmox-kernel-6.8.12-4-pve", "deinstall ok config-files"),
                      "6.8.12-4-pve", "");
}
END_TEST

START_TEST(meta_packages_give_the_series) {
        assert_status(INSTALLED("proxmox-kernel-6.8") INSTALLED("pve-kernel-6.2") INSTALLED(
                                      "proxmox-kernel-6.11")
                                      STANZA("proxmox-kernel-6.14", "deinstall ok config-files"),
                      "", "6.11 6.8 6.2");
}
END_TEST

START_TEST(packages_beside_the_kernels_are_none) {
        assert_status(INSTALLED("proxmox-kernel-6.8.12-4-pve-dbgsym")
                                      INSTALLED("pve-kernel-6.2.16-20-pve-dbg") INSTALLED(
                                                      "proxmox-kernel-6.8.12-4-pve-signed-dbgsym")
                                                      INSTALLED("proxmox-headers-6.8.12-4-pve")
                                                                      INSTALLED("proxmox-headers-6."
                                                                                "8"),
                      "", "");
        assert_status(INSTALLED("proxmox-kernel-libc-dev") INSTALLED("proxmox-default-kernel")
                                      INSTALLED("linux-image-6.1.0-18-amd64") INSTALLED(
                                                      "proxmox-kernel-6.8.12-4")
                                                      INSTALLED("my-proxmox-kernel-6.8.12-4-pve"),
                      "", "");
        assert_status(INSTALLED("proxmox-kernel--pve") INSTALLED("proxmox-kernel-pve") INSTALLED(
                                      "proxmox-kernel-x-pve") INSTALLED("proxmox-kernel-6:8-pve")
                                      INSTALLED("proxmox-kernel-6."),
                      "", "");
}
END_TEST

static void assert_linux_images(const char *text, const char *expect) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *images = NULL;

        take(&db, text);
        assert_db(&db, "", "");
        images = strv_join(db.linux_images, " ");
        ck_assert_str_eq(images, expect);
}

START_TEST(kernels_of_debian_are_found_newest_first) {
        assert_linux_images(INSTALLED("linux-image-6.1.0-9-amd64")
                                            INSTALLED("linux-image-6.1.0-18-amd64") INSTALLED(
                                                            "linux-image-6.12.22+deb12-"
                                                            "cloud-amd64") INSTALLED("linux-image-"
                                                                                     "6.8.0"),
                            "6.12.22+deb12-cloud-amd64 6.8.0 6.1.0-18-amd64 6.1.0-9-amd64");
        assert_linux_images(INSTALLED("linux-image-6.1.0-18-amd64-unsigned")
                                            STANZA("linux-image-6.1.0-18-amd64",
                                                   "deinstall ok config-files"),
                            "6.1.0-18-amd64");
}
END_TEST

START_TEST(kernels_of_debian_for_arm64_are_found_by_the_same_rules) {
        assert_linux_images(INSTALLED("linux-image-arm64") INSTALLED("linux-image-arm64-16k")
                                            INSTALLED("linux-image-6.12.48+deb13-arm64")
                                                            INSTALLED("linux-image-6.12.57+deb13-"
                                                                      "arm64-16k-unsigned"),
                            "6.12.57+deb13-arm64-16k 6.12.48+deb13-arm64");
        assert_linux_images(INSTALLED("linux-image-6.12.48+deb13-arm64-16k-dbg"), "");
}
END_TEST

START_TEST(meta_packages_and_debugging_symbols_of_debian_are_no_kernels) {
        assert_linux_images(INSTALLED("linux-image-amd64") INSTALLED("linux-image-cloud-amd64")
                                            INSTALLED("linux-image-2.6-amd64")
                                                            INSTALLED("linux-image-6.12-amd64")
                                                                            INSTALLED("linux-image-"
                                                                                      "6."),
                            "");
        assert_linux_images(INSTALLED("linux-image-6.1.0-18-amd64-dbg")
                                            INSTALLED("linux-image-6.1.0-18-amd64-dbgsym")
                                                            STANZA("linux-image-6.1.0-18-amd64",
                                                                   "deinstall ok config-files"),
                            "");
}
END_TEST

START_TEST(kernel_helper_beside_us_is_noticed) {
        _cleanup_(package_db_done) PackageDb with = {}, without = {}, removed = {};

        take(&with, INSTALLED("proxmox-kernel-helper"));
        assert_db(&with, "", "");
        ck_assert(with.kernel_helper);

        take(&without, INSTALLED("pve-manager"));
        assert_db(&without, "", "");
        ck_assert(!without.kernel_helper);

        take(&removed, STANZA("proxmox-kernel-helper", "deinstall ok config-files"));
        assert_db(&removed, "", "");
        ck_assert(!removed.kernel_helper);
}
END_TEST

START_TEST(packages_with_something_signed_are_named) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *names = NULL;

        take(&db, INSTALLED("shim-signed") INSTALLED("shim-helpers-amd64-signed") INSTALLED(
                                  "grub-efi-amd64-signed") INSTALLED("grub-efi-amd64")
                                  INSTALLED("proxmox-kernel-6.8.12-4-pve-signed") INSTALLED(
                                                  "proxmox-kernel-6.8.12-5-pve")
                                                  INSTALLED("linux-image-6.1.0-18-amd64") INSTALLED(
                                                                  "linux-image-6.1.0-19-amd64-"
                                                                  "unsigned") INSTALLED("shim-"
                                                                                        "signed-"
                                                                                        "common")
                                                                  INSTALLED("shim-unsigned") STANZA(
                                                                                  "systemd-boot-"
                                                                                  "efi-amd64-"
                                                                                  "signed",
                                                                                  "deinstall ok "
                                                                                  "config-files"));
        ck_assert_int_eq(package_db_finish(&db), 0);
        names = strv_join(db.signed_packages, " ");
        ck_assert_str_eq(names, "grub-efi-amd64-signed linux-image-6.1.0-18-amd64 "
                                "proxmox-kernel-6.8.12-4-pve-signed shim-helpers-amd64-signed "
                                "shim-signed");
}
END_TEST

START_TEST(only_wanted_packages_that_are_there_count) {
        static const struct {
                const char *word;
                bool counts;
        } wants[] = {
                { "install", true },   { "hold", true },   { "unknown", false },
                { "deinstall", false }, { "purge", false },
        }, states[] = {
                { "installed", true },        { "half-installed", true }, { "unpacked", true },
                { "half-configured", true },  { "triggers-awaited", true },
                { "triggers-pending", true }, { "config-files", false },
                { "not-installed", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(wants); i++)
                for (size_t k = 0; k < ELEMENTSOF(states); k++) {
                        _cleanup_free_ char *text = strprintf(
                                        "Package: proxmox-kernel-6.8.12-4-pve\n"
                                        "Status: %s %s %s\n\n",
                                        wants[i].word, k % 2 ? "reinstreq" : "ok", states[k].word);

                        assert_status(text,
                                      wants[i].counts && states[k].counts ? "6.8.12-4-pve" : "",
                                      "");
                }
}
END_TEST

START_TEST(update_adds_the_package_that_is_being_installed) {
        _cleanup_(package_db_done) PackageDb db = {};

        take(&db, INSTALLED("proxmox-kernel-6.8.12-3-pve"));
        take(&db, STANZA("proxmox-kernel-6.8.12-4-pve", "install reinstreq half-installed"));
        take(&db, STANZA("proxmox-kernel-6.8.12-4-pve", "install ok unpacked"));
        assert_db(&db, "6.8.12-4-pve 6.8.12-3-pve", "");
}
END_TEST

START_TEST(update_removes_the_package_that_is_gone) {
        _cleanup_(package_db_done) PackageDb db = {};

        take(&db, INSTALLED("proxmox-kernel-6.8.12-3-pve") INSTALLED("proxmox-kernel-6.8"));
        take(&db, STANZA("proxmox-kernel-6.8.12-3-pve", "deinstall ok half-configured"));
        take(&db, STANZA("proxmox-kernel-6.8.12-3-pve", "deinstall ok config-files"));
        /* After a purge dpkg writes little more than the name. */
        take(&db, "Package: proxmox-kernel-6.8\nStatus: unknown ok not-installed\n");
        assert_db(&db, "", "");
}
END_TEST

START_TEST(last_update_wins) {
        _cleanup_(package_db_done) PackageDb db = {};

        take(&db, INSTALLED("proxmox-kernel-6.8.12-3-pve"));
        take(&db, STANZA("proxmox-kernel-6.8.12-3-pve", "deinstall ok config-files"));
        take(&db, INSTALLED("proxmox-kernel-6.8.12-3-pve"));
        assert_db(&db, "6.8.12-3-pve", "");
}
END_TEST

START_TEST(update_of_another_package_changes_nothing) {
        _cleanup_(package_db_done) PackageDb db = {};

        take(&db, INSTALLED("proxmox-kernel-6.8.1-1-pve"));
        take(&db, STANZA("proxmox-kernel-6.8.1-11-pve", "deinstall ok config-files"));
        take(&db, STANZA("proxmox-kernel-6.8.1-1-pve-signed", "purge ok not-installed"));
        take(&db, "");
        assert_db(&db, "6.8.1-1-pve", "");
}
END_TEST

START_TEST(empty_database_is_no_database) {
        _cleanup_(package_db_done) PackageDb db = {};

        ck_assert_int_eq(package_db_finish(&db), -ENODATA);
        take(&db, "");
        ck_assert_int_eq(package_db_finish(&db), -ENODATA);
        take(&db, "\n\n\r\n");
        ck_assert_int_eq(package_db_finish(&db), -ENODATA);
        take(&db, INSTALLED("adduser"));
        assert_db(&db, "", "");
}
END_TEST

START_TEST(crlf_and_odd_spacing_are_accepted) {
        assert_status("\r\nPackage:\tproxmox-kernel-6.8.12-4-pve \r\n"
                      "Status:install ok installed\r\n"
                      "\r\n\r\n"
                      "Status:  hold ok installed\t\n"
                      "Package:proxmox-kernel-6.8\n",
                      "6.8.12-4-pve", "6.8");
}
END_TEST

START_TEST(names_of_fields_are_matched_whole) {
        assert_status("Package: proxmox-kernel-6.8.12-4-pve\n"
                      "Package-Type: deb\n"
                      "Status: install ok installed\n"
                      "Config-Version: 1\n"
                      "Original-Status: deinstall ok config-files\n\n",
                      "6.8.12-4-pve", "");
}
END_TEST

START_TEST(text_in_a_continuation_line_is_no_field) {
        assert_status("Package: vim\n"
                      "Status: install ok installed\n"
                      "Description: x\n"
                      " Package: proxmox-kernel-6.8.12-4-pve\n"
                      "\tStatus: install ok installed\n\n",
                      "", "");
}
END_TEST

START_TEST(garbage_is_refused_with_its_line) {
        ASSERT_REFUSED("Package: a\nStatus: install ok installed\ngarbage\n",
                       "line 3 is not a field");
        ASSERT_REFUSED(": x\n", "line 1 is not a field");
        ASSERT_REFUSED("Pack age: x\n", "line 1 is not a field");
        ASSERT_REFUSED("\x7f"
                       "ELF: x\n",
                       "line 1 is not a field");
        ASSERT_REFUSED("\xff\xfe\x01:\n", "line 1 is not a field");
        ASSERT_REFUSED(INSTALLED("a") "#padding\n", "line 10 is not a field");
        ASSERT_REFUSED(" continued\n", "line 1 continues no field");
        ASSERT_REFUSED("Package: a\n\n continued\n", "line 3 continues no field");
}
END_TEST

START_TEST(nul_byte_is_refused_wherever_it_stands) {
        ASSERT_REFUSED("Package: a\nDescription: \0\n", "line 2 holds a NUL byte");
        ASSERT_REFUSED("Package: a\n \0\n", "line 2 holds a NUL byte");
        ASSERT_REFUSED("\0\0\0\0\n", "line 1 holds a NUL byte");
        ASSERT_REFUSED("Package: a\n\n\0", "line 3 holds a NUL byte");
}
END_TEST

START_TEST(truncated_file_is_refused) {
        static const char text[] = INSTALLED("proxmox-kernel-6.8.12-4-pve") INSTALLED("zsh");

        ASSERT_REFUSED("Package: proxmox-kernel-6.8.12-4-pve\nStatus: install ok inst",
                       "line 2 is cut off");
        for (size_t n = 1; n < sizeof(text); n++) {
                _cleanup_(package_db_done) PackageDb db = {};
                _cleanup_free_ char *reason = NULL;
                int r = package_db_parse(&db, text, n, &reason);

                /* A cut between two lines shows only before the Status of a kernel. */
                ck_assert_msg(r == -EBADMSG || text[n - 1] == '\n', "accepted: %.*s", (int) n,
                              text);
                if (r == 0)
                        assert_db(&db, "6.8.12-4-pve", "");
        }
}
END_TEST

START_TEST(stanza_needs_exactly_one_package) {
        ASSERT_REFUSED("Status: install ok installed\n\n", "line 2 ends a stanza without Package");
        ASSERT_REFUSED("Version: 1\n", "line 1 ends a stanza without Package");
        ASSERT_REFUSED("Package:\nStatus: install ok installed\n\n",
                       "line 3 ends a stanza without Package");
        ASSERT_REFUSED("Package: a\nPackage: proxmox-kernel-6.8\n",
                       "line 2 repeats a field of its stanza");
        ASSERT_REFUSED("Package: a\nStatus: install ok installed\n \nPackage: b\n",
                       "line 4 repeats a field of its stanza");
        ASSERT_REFUSED("Package: a\nStatus: hold ok installed\nStatus: hold ok installed\n",
                       "line 3 repeats a field of its stanza");
}
END_TEST

START_TEST(kernel_needs_a_status_that_dpkg_knows) {
        static const char *const bad[] = {
                "",
                "Status:\n",
                "Status: install\n",
                "Status: install ok\n",
                "Status: install installed\n",
                "Status: install ok installed now\n",
                "Status: Install ok installed\n",
                "Status: install ok install\n",
                "Status: wanted ok installed\n",
                "Status: install ok installed,\n",
                "Status: installed ok install\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = strprintf("Package: pve-kernel-6.2\n%s\n", bad[i]);
                _cleanup_(package_db_done) PackageDb db = {};
                _cleanup_free_ char *reason = NULL;

                ck_assert_msg(package_db_parse(&db, text, strlen(text), &reason) == -EBADMSG, "%s",
                              bad[i]);
                ck_assert(endswith(reason, " ends a kernel's stanza without a known Status"));
        }
        /* Packages that are no kernels are not judged. */
        assert_status("Package: vim\nStatus: strange\n\nPackage: zsh\n\n", "", "");
}
END_TEST

START_TEST(line_of_a_megabyte_is_read) {
        static const char head[] = "Package: proxmox-kernel-6.8\nStatus: hold ok installed\nTag: ";
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *text = NULL, *reason = NULL, *filler = malloc(1024 * 1024);
        Buffer b = {};
        size_t size;

        memset(filler, 'x', 1024 * 1024);
        buffer_puts(&b, head);
        buffer_append(&b, filler, 1024 * 1024);
        buffer_puts(&b, "\n\n");
        ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
        ck_assert_int_eq(package_db_parse(&db, text, size, &reason), 0);
        assert_db(&db, "", "6.8");

        assert_refused(filler, 1024 * 1024, "line 1 is not a field");
}
END_TEST

START_TEST(name_of_a_megabyte_is_no_kernel) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *text = NULL, *filler = malloc(1024 * 1024 + 1);

        memset(filler, '6', 1024 * 1024);
        filler[1024 * 1024] = '\0';
        text = strprintf("Package: proxmox-kernel-6.%s\nStatus: install ok installed\n\n"
                         "Package: proxmox-kernel-%s-pve\nStatus: install ok installed\n\n",
                         filler, filler);
        take(&db, text);
        assert_db(&db, "", "");
}
END_TEST

START_TEST(large_database_is_read_and_only_kernels_are_remembered) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *text = NULL;
        Buffer b = {};

        for (size_t i = 0; b.size < 5 * 1024 * 1024; i++) {
                buffer_printf(&b,
                              "Package: library-%zu\nStatus: install ok installed\n"
                              "Description: short\n%s\n",
                              i, " A long description of what this package is good for.\n");
                if (i == 100)
                        buffer_puts(&b, INSTALLED("proxmox-kernel-6.8.12-4-pve"));
        }
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        take(&db, text);
        ck_assert_uint_eq(db.n_packages, 1);
        assert_db(&db, "6.8.12-4-pve", "");
}
END_TEST

START_TEST(more_kernels_than_any_host_has_are_no_database) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        Buffer b = {};

        for (unsigned i = 0; i <= PACKAGE_DB_KERNELS_MAX; i++)
                buffer_printf(&b,
                              "Package: proxmox-kernel-6.8.12-%u-pve\nStatus: install ok "
                              "installed\n\n",
                              i);
        ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
        assert_refused(text, size, "line 6147 names more kernel packages than any host has");
}
END_TEST

static char *render(char *const *kernels) {
        char *text = NULL;

        ck_assert_int_eq(apt_conf_render(kernels, &text), 0);
        return text;
}

/* As apt does it: each quoted string of the text is an extended regular expression. */
static bool is_protected(const char *text, const char *package) {
        bool found = false;

        for (const char *start = strchr(text, '"'); start; start = strchr(start, '"')) {
                const char *end = strchr(++start, '"');
                _cleanup_free_ char *pattern = strndup(start, (size_t) (end - start));
                regex_t regex;

                ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
                found = found || regexec(&regex, package, 0, NULL, 0) == 0;
                regfree(&regex);
                start = end + 1;
        }
        return found;
}

START_TEST(each_kernel_gives_three_escaped_patterns) {
        char *kernels[] = { (char *) "6.8.12-4-pve", (char *) "6.8", NULL };
        _cleanup_free_ char *text = render(kernels);

        ck_assert_ptr_nonnull(strstr(text, "APT::NeverAutoRemove\n"
                                           "{\n"
                                           "        \"^pve-kernel-6\\.8\\.12-4-pve$\";\n"
                                           "        \"^proxmox-kernel-6\\.8\\.12-4-pve$\";\n"
                                           "        \"^proxmox-kernel-6\\.8\\.12-4-pve-signed$\";\n"
                                           "        \"^pve-kernel-6\\.8$\";\n"
                                           "        \"^proxmox-kernel-6\\.8$\";\n"
                                           "        \"^proxmox-kernel-6\\.8-signed$\";\n"
                                           "};\n"));
        ck_assert_int_eq(text[0], '/');
        ck_assert_int_eq(text[1], '/');
}
END_TEST

START_TEST(patterns_match_the_packages_of_the_kernel) {
        char *kernels[] = { (char *) "6.12.22+deb12-1-pve", (char *) "6.8", NULL };
        _cleanup_free_ char *text = render(kernels);

        ck_assert(is_protected(text, "pve-kernel-6.12.22+deb12-1-pve"));
        ck_assert(is_protected(text, "proxmox-kernel-6.12.22+deb12-1-pve"));
        ck_assert(is_protected(text, "proxmox-kernel-6.12.22+deb12-1-pve-signed"));
        ck_assert(is_protected(text, "proxmox-kernel-6.8"));
}
END_TEST

START_TEST(patterns_match_no_other_package) {
        char *kernels[] = { (char *) "6.8.1-1-pve", (char *) "6.8", NULL };
        _cleanup_free_ char *text = render(kernels);

        ck_assert(!is_protected(text, "proxmox-kernel-6.8.1-11-pve"));
        ck_assert(!is_protected(text, "proxmox-kernel-16.8.1-1-pve"));
        ck_assert(!is_protected(text, "proxmox-kernel-6.8.1-1-pve-dbgsym"));
        ck_assert(!is_protected(text, "proxmox-kernel-6x8.1-1-pve"));
        ck_assert(!is_protected(text, "proxmox-kernel-6.81"));
        ck_assert(!is_protected(text, "my-proxmox-kernel-6.8"));
        ck_assert(!is_protected(text, "proxmox-kernel-6.8.12-4-pve"));
}
END_TEST

START_TEST(kernels_of_debian_are_protected_by_their_own_name) {
        char *kernels[] = { (char *) "6.12.22+deb12-amd64", (char *) "6.8.0",
                            (char *) "6.8.12-4-pve", (char *) "6.12", NULL };
        _cleanup_free_ char *text = render(kernels);

        ck_assert(is_protected(text, "linux-image-6.12.22+deb12-amd64"));
        ck_assert(is_protected(text, "linux-image-6.8.0"));
        ck_assert(!is_protected(text, "linux-image-6.12.22+deb12-amd64-dbg"));
        ck_assert(!is_protected(text, "linux-image-6.8.12-4-pve"));
        ck_assert(!is_protected(text, "linux-image-6.12"));
        ck_assert(!is_protected(text, "linux-image-amd64"));
}
END_TEST

START_TEST(nothing_to_protect_is_still_valid) {
        char *none[] = { NULL };
        _cleanup_free_ char *from_null = render(NULL), *from_empty = render(none);

        ck_assert_str_eq(from_null, from_empty);
        ck_assert(endswith(from_null, "APT::NeverAutoRemove\n{\n};\n"));
}
END_TEST

START_TEST(string_that_is_no_version_is_refused) {
        static const char *const bad[] = { "", "6.8\"; };", "6.8$|.*", "6.8\n", "(6.8" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *kernels[] = { (char *) "6.8", (char *) bad[i], NULL };
                char *text = (char *) "untouched";

                ck_assert_msg(apt_conf_render(kernels, &text) == -EINVAL, "%s", bad[i]);
                ck_assert_str_eq(text, "untouched");
        }
}
END_TEST

CHECK_MAIN("package-db", kernels_of_both_names_are_found_newest_first,
           kernels_of_debian_are_found_newest_first,
           kernels_of_debian_for_arm64_are_found_by_the_same_rules,
           meta_packages_and_debugging_symbols_of_debian_are_no_kernels,
           signed_and_unsigned_package_are_one_kernel, meta_packages_give_the_series,
           packages_beside_the_kernels_are_none, kernel_helper_beside_us_is_noticed,
           packages_with_something_signed_are_named, only_wanted_packages_that_are_there_count,
           update_adds_the_package_that_is_being_installed, update_removes_the_package_that_is_gone,
           last_update_wins, update_of_another_package_changes_nothing,
           empty_database_is_no_database, crlf_and_odd_spacing_are_accepted,
           names_of_fields_are_matched_whole, text_in_a_continuation_line_is_no_field,
           garbage_is_refused_with_its_line, nul_byte_is_refused_wherever_it_stands,
           truncated_file_is_refused, stanza_needs_exactly_one_package,
           kernel_needs_a_status_that_dpkg_knows, line_of_a_megabyte_is_read,
           name_of_a_megabyte_is_no_kernel, large_database_is_read_and_only_kernels_are_remembered,
           more_kernels_than_any_host_has_are_no_database, each_kernel_gives_three_escaped_patterns,
           patterns_match_the_packages_of_the_kernel, patterns_match_no_other_package,
           kernels_of_debian_are_protected_by_their_own_name, nothing_to_protect_is_still_valid,
           string_that_is_no_version_is_refused)
