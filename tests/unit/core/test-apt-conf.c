/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What apt is told: patterns that match the kernels kept, and not one package more. */

#include "core/apt-conf.h"

#include <regex.h>

#include "common/string-util.h"
#include "tests/unit/check-main.h"

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

CHECK_MAIN("apt-conf", each_kernel_gives_three_escaped_patterns,
           patterns_match_the_packages_of_the_kernel, patterns_match_no_other_package,
           kernels_of_debian_are_protected_by_their_own_name, nothing_to_protect_is_still_valid,
           string_that_is_no_version_is_refused)
