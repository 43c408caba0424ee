/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The menu that grub-mkconfig makes: what it is shown, and what is taken from it. A mount namespace
 * of the test's own has a grub-mkconfig that is a few lines of shell; without the privilege for it
 * these tests are passed over, and scenarios in tests/vm have the real one. */

#include "blocking/grub/grub-tools.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../check-main.h"
#include "blocking/esp/esp-stage.h"
#include "throwaway-esp.h"

#define MENU "menuentry 'x' {\\n\\tlinux\\t/vmlinuz-1-pve ro\\n}\\n"

START_TEST(digest_follows_every_input_and_nothing_else) {
        static const struct {
                const char *path;
                mode_t mode;
                bool counts;
        } files[] = {
                { "etc/default/grub", 0644, true },
                { "etc/default/grub.d/pin.cfg", 0644, true },
                { "etc/default/grub.d/pin.cfg.dpkg-old", 0644, false },
                { "etc/default/grub.d/.hidden.cfg", 0644, false },
                { "etc/grub.d/10_linux", 0755, true },
                { "etc/grub.d/README", 0644, false },
                { "etc/grub.d/old/11_linux", 0755, false },
                { "usr/sbin/grub-mkconfig", 0755, true },
                { "etc/default/other", 0644, false },
        };
        char last[DIGEST_HEX_SIZE], now[DIGEST_HEX_SIZE];
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        ck_assert_int_eq(grub_inputs_digest(t.root, last), 0);
        ck_assert(digest_is_valid(last));
        for (unsigned round = 0; round < 2; round++)
                for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                        throwaway_put_text(&t, files[i].path, round == 0 ? "one" : "two");
                        ck_assert_int_eq(chmod(throwaway_path(&t, files[i].path), files[i].mode),
                                         0);
                        ck_assert_int_eq(grub_inputs_digest(t.root, now), 0);
                        ck_assert_msg(streq(now, last) != files[i].counts, "%s", files[i].path);
                        memcpy(last, now, sizeof(last));
                }
}
END_TEST

START_TEST(digest_tells_a_script_from_one_that_is_switched_off) {
        char on[DIGEST_HEX_SIZE], off[DIGEST_HEX_SIZE];
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, "etc/grub.d/30_os-prober", "x");
        ck_assert_int_eq(grub_inputs_digest(t.root, off), 0);
        ck_assert_int_eq(chmod(throwaway_path(&t, "etc/grub.d/30_os-prober"), 0755), 0);
        ck_assert_int_eq(grub_inputs_digest(t.root, on), 0);
        ck_assert_str_ne(on, off);
}
END_TEST

START_TEST(menu_is_refused_for_a_directory) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *text = NULL;
        _cleanup_error_ Error error = {};
        Counter counter = {};
        const CopyWatch watch = counter_watch(&counter);
        size_t size;

        throwaway_init(&t);
        ck_assert_int_eq(grub_make_config(&t.volume, NULL, &watch, &text, &size, &error),
                         error_code_to_errno(ERROR_NOT_SUPPORTED));
}
END_TEST

/* In a namespace of its own: tmpfs where things are to be written, and @script as grub-mkconfig. */
static bool enter_world(const char *script) {
        static const char *const covered[] = { "/usr/sbin", "/run", "/boot" };
        FILE *f;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(covered); i++)
                if (mount("tmpfs", covered[i], "tmpfs", 0, NULL) < 0)
                        return false;
        ck_assert_int_eq(mkdir("/run/bootsync", 0700), 0);
        f = fopen("/boot/marker", "w");
        ck_assert_ptr_nonnull(f);
        (void) fclose(f);
        f = fopen("/usr/sbin/grub-mkconfig", "w");
        ck_assert_ptr_nonnull(f);
        (void) fprintf(f, "#!/bin/sh\n%s\n", script);
        ck_assert_int_eq(fclose(f), 0);
        return chmod("/usr/sbin/grub-mkconfig", 0755) >= 0;
}

typedef struct World {
        Throwaway t;
        Counter counter;
        Error error;
        char *text;
        size_t size;
} World;

static void world_done(World *w) {
        error_done(&w->error);
        free(w->text);
        throwaway_done(&w->t);
}

#define _cleanup_world_ _cleanup_(world_done)

/* The ESP with two kernels, as if it were mounted. False if that cannot be here. */
static bool world_init(World *w, const char *script) {
        bool entered;

        *w = (World){};
        entered = enter_world(script); /* first: a mount is bound only in its own namespace */
        throwaway_init(&w->t);
        if (!entered)
                return false;
        ck_assert_int_eq(root_open("/", &w->t.volume.mount.root), 0);
        throwaway_put_text(&w->t, ESP("vmlinuz-1-pve"), "kernel");
        throwaway_put_text(&w->t, ESP("vmlinuz-2-pve"), "kernel");
        return true;
}

static int make(World *w, char *const *hidden) {
        const CopyWatch watch = counter_watch(&w->counter);

        return grub_make_config(&w->t.volume, hidden, &watch, &w->text, &w->size, &w->error);
}

static void assert_nothing_left(void) {
        ck_assert_int_eq(access("/boot/marker", F_OK), 0);
        ck_assert_int_lt(access("/boot/vmlinuz-1-pve", F_OK), 0);
        ck_assert_int_eq(rmdir("/run/bootsync"), 0);
}

START_TEST(esp_is_shown_as_boot_and_the_menu_is_returned) {
        _cleanup_world_ World w;

        if (!world_init(&w, "[ \"$1\" = -o ] && [ -f /boot/vmlinuz-1-pve ] && "
                            "[ ! -e /boot/marker ] && [ \"$PVE_EFIBOOT_UNSHARED\" = 1 ] && "
                            "printf \"" MENU "\" >\"$2\""))
                return;
        ck_assert_int_eq(make(&w, NULL), 0);
        ck_assert_str_eq(w.text, "menuentry 'x' {\n\tlinux\t/vmlinuz-1-pve ro\n}\n");
        ck_assert_uint_eq(w.size, strlen(w.text));
        assert_nothing_left();
}
END_TEST

START_TEST(hidden_kernel_is_no_regular_file_for_grub) {
        char *const hidden[] = { (char *) "vmlinuz-1-pve", (char *) "vmlinuz-9-pve", NULL };
        _cleanup_world_ World w;

        if (!world_init(&w,
                        "for f in /boot/vmlinuz-*; do [ -f $f ] && echo \"linux $f\"; done >$2"))
                return;
        ck_assert_int_eq(make(&w, hidden), 0);
        ck_assert_str_eq(w.text, "linux /boot/vmlinuz-2-pve\n");
        assert_nothing_left();
        throwaway_assert_text(&w.t, ESP("vmlinuz-1-pve"), "kernel");
}
END_TEST

START_TEST(failure_has_the_words_of_the_program_and_leaves_nothing) {
        char *const hidden[] = { (char *) "vmlinuz-1-pve", NULL };
        _cleanup_world_ World w;

        if (!world_init(&w, "echo x >$2.new; echo 'Syntax errors are detected.' >&2; exit 1"))
                return;
        ck_assert_int_eq(make(&w, hidden), error_code_to_errno(ERROR_FAILED));
        ck_assert_ptr_nonnull(strstr(w.error.message, "Syntax errors are detected."));
        assert_nothing_left();
}
END_TEST

START_TEST(menu_without_a_kernel_is_refused) {
        static const char *const scripts[] = {
                ":",
                ": >$2",
                "echo \"menuentry 'UEFI Firmware Settings' { fwsetup }\" >$2",
                "echo 'linuxrc x' >$2",
                "head -c 1100000 /dev/zero >$2",
        };

        for (size_t i = 0; i < ELEMENTSOF(scripts); i++) {
                _cleanup_world_ World w;

                if (!world_init(&w, scripts[i]))
                        return;
                ck_assert_int_lt(make(&w, NULL), 0);
                ck_assert(error_is_set(&w.error));
                ck_assert_ptr_null(w.text);
                assert_nothing_left();
        }
}
END_TEST

START_TEST(missing_grub_is_not_supported) {
        _cleanup_world_ World w;

        if (!world_init(&w, ""))
                return;
        ck_assert_int_eq(unlink("/usr/sbin/grub-mkconfig"), 0);
        ck_assert_int_eq(make(&w, NULL), error_code_to_errno(ERROR_NOT_SUPPORTED));
        ck_assert_ptr_nonnull(strstr(w.error.message, "/usr/sbin/grub-mkconfig"));
        assert_nothing_left();
}
END_TEST

CHECK_MAIN("grub-tools", digest_follows_every_input_and_nothing_else,
           digest_tells_a_script_from_one_that_is_switched_off, menu_is_refused_for_a_directory,
           esp_is_shown_as_boot_and_the_menu_is_returned, hidden_kernel_is_no_regular_file_for_grub,
           failure_has_the_words_of_the_program_and_leaves_nothing,
           menu_without_a_kernel_is_refused, missing_grub_is_not_supported)
