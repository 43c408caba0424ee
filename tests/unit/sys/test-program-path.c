/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which program is started, where the one that asks is installed or not. This test is the one that
 * asks. */

#include "common/program-path.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check-main.h"
#include "common/string-util.h"

#define VARIABLE  "BOOTSYNC_TEST_PROGRAM"
#define INSTALLED "/usr/nowhere/installed"

static char *self(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

        ck_assert_int_gt(n, 0);
        return strndup(path, (size_t) n);
}

/* A name that nothing has, in the directory of this test. */
static char *unused_name(void) {
        _cleanup_free_ char *path = self();
        char *name = strprintf("%s.%d", path, (int) getpid());

        ck_assert_ptr_nonnull(name);
        ck_assert_int_lt(access(name, F_OK), 0);
        return name;
}

/* @beside is given in the directory of this test. */
static void assert_path(const char *where, const char *beside, const char *expect) {
        const ProgramPath p = {
                .self = where,
                .installed = INSTALLED,
                .beside = beside,
                .variable = VARIABLE,
        };
        _cleanup_free_ char *path = program_path(&p);

        ck_assert_str_eq(path, expect);
}

START_TEST(installed_program_does_not_obey_the_environment) {
        _cleanup_free_ char *here = self();

        ck_assert_int_eq(setenv(VARIABLE, "/tmp/evil", true), 0);
        assert_path(here, "absent", INSTALLED);
}
END_TEST

START_TEST(program_that_is_not_installed_starts_what_the_environment_names) {
        ck_assert_int_eq(setenv(VARIABLE, "/tmp/mine", true), 0);
        assert_path("/usr/nowhere/self", "absent", "/tmp/mine");
}
END_TEST

START_TEST(program_whose_path_only_begins_like_the_installed_one_is_not_installed) {
        _cleanup_free_ char *here = self();

        ck_assert_int_eq(setenv(VARIABLE, "/tmp/mine", true), 0);
        here[strlen(here) - 1] = '\0';
        assert_path(here, "absent", "/tmp/mine");
}
END_TEST

START_TEST(program_is_installed_under_another_name_of_its_file_too) {
        _cleanup_free_ char *here = self(), *symlink_name = unused_name();

        ck_assert_int_eq(setenv(VARIABLE, "/tmp/evil", true), 0);
        ck_assert_int_eq(symlink(here, symlink_name), 0);
        assert_path(symlink_name, "absent", INSTALLED);
        ck_assert_int_eq(unlink(symlink_name), 0);
        ck_assert_int_eq(link(here, symlink_name), 0);
        assert_path(symlink_name, "absent", INSTALLED);
        ck_assert_int_eq(unlink(symlink_name), 0);
}
END_TEST

#define COPY "BOOTSYNC_TEST_COPY"

/* In a copy of this test that is told its name: remove its file while it runs, and see. */
__attribute__((constructor)) static void run_as_copy(void) {
        const char *copy = getenv(COPY);
        const ProgramPath p = { copy, INSTALLED, "absent", VARIABLE };
        _cleanup_free_ char *path = NULL;

        if (!copy)
                return;
        if (unlink(copy) < 0)
                _exit(EXIT_FAILURE);
        path = program_path(&p);
        _exit(streq_ptr(path, INSTALLED) ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(program_that_is_upgraded_while_it_runs_is_still_installed) {
        _cleanup_free_ char *here = self(), *copy = unused_name();
        _cleanup_free_ char *script =
                        strprintf("cp '%s' '%s' && " VARIABLE "=/tmp/evil " COPY "='%s' '%s'", here,
                                  copy, copy, copy);

        ck_assert_int_eq(system(script), 0);
        ck_assert_int_lt(access(copy, F_OK), 0);
}
END_TEST

START_TEST(program_of_a_build_tree_starts_the_one_beside_it) {
        _cleanup_free_ char *here = self(), *name = unused_name(), *expect = NULL;
        const char *base = strrchr(here, '/') + 1;

        ck_assert_int_eq(unsetenv(VARIABLE), 0);
        expect = strprintf("%.*s/%s", (int) (base - 1 - here), here, base);
        assert_path("/usr/nowhere/self", base, expect);
        assert_path("/usr/nowhere/self", strrchr(name, '/') + 1, INSTALLED);
        ck_assert_int_eq(setenv(VARIABLE, "/tmp/mine", true), 0);
        assert_path("/usr/nowhere/self", base, "/tmp/mine");
}
END_TEST

CHECK_MAIN("program-path", installed_program_does_not_obey_the_environment,
           program_that_is_not_installed_starts_what_the_environment_names,
           program_whose_path_only_begins_like_the_installed_one_is_not_installed,
           program_is_installed_under_another_name_of_its_file_too,
           program_that_is_upgraded_while_it_runs_is_still_installed,
           program_of_a_build_tree_starts_the_one_beside_it)
