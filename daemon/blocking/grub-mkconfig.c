/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grub-mkconfig takes the kernels that it finds in /boot, and writes their paths as the file system
 * there has them. So the ESP is mounted over /boot, where nobody else sees it; a kernel that is not
 * to be in the menu is hidden behind /dev/null, since GRUB's scripts take regular files only. It
 * writes its output in place, hence into run/bootsync: on the ESP a menu is staged as any file. */

#include "blocking/grub-mkconfig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "blocking/grub-run.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/file.h"

#define MKCONFIG    "/usr/sbin/grub-mkconfig"
#define CONFIG_MAX  (1024u * 1024)
#define INPUT_MAX   (1024u * 1024)
#define DEFAULTS    "etc/default/grub"
#define SNIPPETS    "etc/default/grub.d"
#define SCRIPTS     "etc/grub.d"
#define UNFINISHED  ".new" /* what grub-mkconfig has not found fault with yet */
#define PATH_FD_MAX sizeof("/proc/self/fd/-2147483648")

/* What is mounted, to be undone in the reverse order. */
typedef struct Stage {
        int root_fd;   /* of the system */
        char **mounts; /* paths below it */
} Stage;

static int add_file(Buffer *b, const Root *root, const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(root, path, INPUT_MAX, &data, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        buffer_printf(b, "%s %zu\n", path, size);
        buffer_append(b, data, size);
        return 0;
}

static bool is_snippet(const char *name) {
        return name[0] != '.' && endswith(name, ".cfg");
}

/* As grub-mkconfig takes them: regular files, scripts if they may be executed. */
static bool is_input(const Root *root, const char *path, bool executable) {
        struct stat st;

        return root_stat(root, path, &st) >= 0 && S_ISREG(st.st_mode) &&
               (!executable || st.st_mode & 0111);
}

static int add_directory(Buffer *b, const Root *root, const char *directory, name_filter_t wanted,
                         bool executable) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = directory_list(root, directory, wanted, &names);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf("%s/%s", directory, *name);

                if (!path)
                        return -ENOMEM;
                r = is_input(root, path, executable) ? add_file(b, root, path) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

int grub_inputs_digest(const Root *root, char ret_sha256[static DIGEST_HEX_SIZE]) {
        _cleanup_(buffer_done) Buffer b = {};
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        assert(root);

        r = add_file(&b, root, DEFAULTS);
        if (r >= 0)
                r = add_directory(&b, root, SNIPPETS, is_snippet, false);
        if (r >= 0)
                r = add_directory(&b, root, SCRIPTS, NULL, true);
        if (r >= 0)
                r = add_file(&b, root, MKCONFIG + 1);
        if (r >= 0)
                r = buffer_take(&b, &data, &size);
        return r < 0 ? r : digest_memory(data, size, ret_sha256);
}

static void fd_path(int fd, char ret[static PATH_FD_MAX]) {
        (void) snprintf(ret, PATH_FD_MAX, "/proc/self/fd/%d", fd);
}

/* Mount what @fd is over @path. */
static int cover(Stage *s, int fd, const char *path) {
        _cleanup_free_ char *target = strprintf("/proc/self/fd/%d/%s", s->root_fd, path);
        char source[PATH_FD_MAX];
        int r;

        r = target ? strv_extend(&s->mounts, target) : -ENOMEM;
        if (r < 0)
                return r;
        fd_path(fd, source);
        if (mount(source, target, NULL, MS_BIND, NULL) >= 0)
                return 0;
        r = -errno;
        (void) strv_remove(s->mounts, target);
        return r;
}

/* Should something be left in there that keeps it busy, it goes with that, or with us. */
static void stage_done(Stage *s) {
        for (size_t n = strv_length(s->mounts); n > 0; n--)
                (void) umount2(s->mounts[n - 1], UMOUNT_NOFOLLOW | MNT_DETACH);
        strv_free(s->mounts);
        safe_close(s->root_fd);
        *s = (Stage){ .root_fd = -EBADF };
}

static int hide(Stage *s, const EspVolume *v, const char *name) {
        _cleanup_free_ char *path = strprintf(PATH_BOOT "/%s", name);
        _cleanup_close_ int null_fd = -EBADF;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        r = esp_stat(v, name, &st);
        if (r <= 0)
                return r;
        null_fd = root_openat(v->mount.root, "dev/null", O_PATH, 0);
        return null_fd < 0 ? null_fd : cover(s, null_fd, path);
}

static int set_stage(Stage *s, const EspVolume *v, char *const *hidden, Error *error) {
        _cleanup_close_ int boot_fd = -EBADF;
        int r;

        /* The path of a mount is walked once more when it is undone: no link may be in it. */
        boot_fd = root_openat(v->mount.root, PATH_BOOT, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        r = boot_fd < 0 ? boot_fd : root_openat(v->mount.root, ".", O_PATH | O_DIRECTORY, 0);
        if (r >= 0) {
                s->root_fd = r;
                r = cover(s, v->fd, PATH_BOOT);
        }
        for (; r >= 0 && hidden && *hidden; hidden++)
                r = hide(s, v, *hidden);
        if (r < 0)
                return error_set_errno(error, r, "Cannot show ESP '%s' to grub-mkconfig as '/boot'",
                                       v->uuid);
        return 0;
}

/* GRUB shows a menu without a kernel, too: the one with the firmware's settings. */
static bool boots_something(const char *text, size_t size) {
        const char *line;
        size_t pos = 0, n;

        while (line_next(text, size, &pos, &line, &n) > 0) {
                text_trim(&line, &n);
                if (n > 6 && memcmp(line, "linux", 5) == 0 && (line[5] == ' ' || line[5] == '\t'))
                        return true;
        }
        return false;
}

/* @whose: "ESP 'AAAA-0001'", "this host". */
static int read_config(const Root *root, const char *path, const char *whose, char **ret_text,
                       size_t *ret_size, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, path, CONFIG_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot read the menu that grub-mkconfig has made for %s",
                                       whose);
        if (!boots_something(text, size))
                return error_set(error, ERROR_FAILED,
                                 "The menu that grub-mkconfig makes for %s has no kernel in it; "
                                 "look at '/" DEFAULTS "' and at the scripts in '/" SCRIPTS "'",
                                 whose);
        *ret_text = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

/* Of what is in boot/ now; the file at @path is there only while this runs. */
static int make(const Root *root, const char *path, const char *whose, const CopyWatch *watch,
                char **ret_text, size_t *ret_size, Error *error) {
        _cleanup_free_ char *output = strprintf("/%s", path);
        _cleanup_free_ char *unfinished = strprintf("%s" UNFINISHED, path);
        const char *const argv[] = { MKCONFIG, "-o", output, NULL };
        int r;

        if (!output || !unfinished)
                return -ENOMEM;
        r = grub_run(root, argv, watch, error);
        if (r >= 0)
                r = read_config(root, path, whose, ret_text, ret_size, error);
        (void) file_remove(root, path);
        (void) file_remove(root, unfinished);
        return r;
}

int grub_make_config(EspVolume *v, char *const *hidden, const CopyWatch *watch, char **ret_text,
                     size_t *ret_size, Error *error) {
        _cleanup_free_ char *path = strprintf(PATH_RUN "/grub-%s.cfg", v->uuid);
        _cleanup_free_ char *whose = strprintf("ESP '%s'", v->uuid);
        _cleanup_(stage_done) Stage stage = { .root_fd = -EBADF };
        int r;

        assert(ret_text);
        assert(ret_size);

        if (!v->mount.root)
                return error_set(
                                error, ERROR_NOT_SUPPORTED,
                                "A menu of GRUB cannot be made for ESP '%s', which is a directory; "
                                "give a partition",
                                v->uuid);
        if (!path || !whose)
                return -ENOMEM;
        r = set_stage(&stage, v, hidden, error);
        if (r < 0)
                return r;
        return make(v->mount.root, path, whose, watch, ret_text, ret_size, error);
}

int grub_update_host(const Root *root, const CopyWatch *watch, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = root_mkdir_p(root, PATH_RUN, 0755);
        if (r < 0)
                return error_set_errno(error, r, "Cannot make '/" PATH_RUN "'");
        r = make(root, PATH_RUN "/grub.cfg", "this host", watch, &text, &size, error);
        if (r < 0)
                return r;
        r = file_replace(root, PATH_GRUB_MENU, text, size, 0600);
        return r < 0 ? error_set_errno(error, r, "Cannot replace '/" PATH_GRUB_MENU "'") : 0;
}
