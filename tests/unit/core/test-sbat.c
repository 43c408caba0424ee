/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Generations, as shim compares them. The sections are those of Debian's shim and GRUB, the level
 * is one that shim brings. */

#include "core/secure-boot/sbat.h"

#include "tests/unit/check-main.h"
#include "tests/unit/core/corpus.h"

#define LEVEL "sbat,1,2025051000\nshim,4\ngrub,5\ngrub.proxmox,2\n"

static SbatVerdict judge(const char *sbat, const char *level, char **ret_component) {
        return sbat_judge(sbat, strlen(sbat), level, strlen(level), ret_component);
}

START_TEST(shim_and_grub_of_debian_are_new_enough) {
        static const char *const names[] = { "sbat/shim", "sbat/grub" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size;

                data = read_corpus(names[i], &size);
                ck_assert_int_eq(judge((const char *) data, LEVEL, NULL), SBAT_ACCEPTED);
        }
}
END_TEST

START_TEST(first_component_that_is_too_old_is_named) {
        _cleanup_free_ char *component = NULL;

        ck_assert_int_eq(judge("sbat,1,x\ngrub,5,x\ngrub.proxmox,1,x\nshim,3,x\n", LEVEL,
                               &component),
                         SBAT_TOO_OLD);
        ck_assert_str_eq(component, "grub.proxmox");
}
END_TEST

START_TEST(component_that_no_level_names_is_accepted) {
        ck_assert_int_eq(judge("sbat,1,x\nsystemd,1,x\n", LEVEL, NULL), SBAT_ACCEPTED);
        ck_assert_int_eq(judge("sbat,1\ngrub.pro,1\ngrub.proxmox.x,1\n", LEVEL, NULL),
                         SBAT_ACCEPTED);
}
END_TEST

START_TEST(without_a_level_all_is_accepted_and_with_one_a_section_is_needed) {
        ck_assert_int_eq(judge("", "", NULL), SBAT_ACCEPTED);
        ck_assert_int_eq(judge("nonsense", "", NULL), SBAT_ACCEPTED);
        ck_assert_int_eq(judge("", LEVEL, NULL), SBAT_MISSING);
        ck_assert_int_eq(sbat_judge(NULL, 0, LEVEL, strlen(LEVEL), NULL), SBAT_MISSING);
}
END_TEST

START_TEST(what_is_no_section_is_refused) {
        static const char *const bad[] = {
                "sbat",      ",1,x",       "sbat,,x",     "sbat,-1,x", "sbat,1x",
                "sbat, 1,x", "sbat,65536", "sbat,999999", "\n\n",      "shim,4\nsbat",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(judge(bad[i], LEVEL, NULL) == SBAT_BAD, "'%s'", bad[i]);
        ck_assert_int_eq(judge("shim,4,x\n", "nonsense", NULL), SBAT_BAD);
}
END_TEST

static bool replaces(const char *candidate, const char *level) {
        return sbat_level_replaces(candidate, strlen(candidate), level, strlen(level));
}

START_TEST(level_of_a_later_date_replaces_an_older_one) {
        static const char old[] = "sbat,1,2021030218\n", new[] = "sbat,1,2025021800\nshim,4\n";

        ck_assert(replaces(new, old));
        ck_assert(!replaces(old, new));
        ck_assert(!replaces(new, new));
        ck_assert(replaces(old, ""));
        ck_assert(replaces(old, "nonsense"));
        ck_assert(!replaces("nonsense", ""));
        ck_assert(!replaces("", ""));
        ck_assert(!sbat_level_replaces(NULL, 0, NULL, 0));
        ck_assert(replaces("sbat,2,2025021800", old));
        ck_assert(!replaces(new, "sbat,2,2021030218"));
        ck_assert(!replaces("sbat,1,202502180", ""));
        ck_assert(!replaces("sbat,1,20250218x0", ""));
        ck_assert(!replaces("sbat,1,20250218 00", ""));
        ck_assert(!replaces("shim,1,2025021800", ""));
        ck_assert(!replaces("sba,1,2025021800", ""));
        ck_assert(!replaces("sbat,1\n2025021800", ""));
}
END_TEST

CHECK_MAIN("sbat", shim_and_grub_of_debian_are_new_enough, first_component_that_is_too_old_is_named,
           component_that_no_level_names_is_accepted,
           without_a_level_all_is_accepted_and_with_one_a_section_is_needed,
           what_is_no_section_is_refused, level_of_a_later_date_replaces_an_older_one)
