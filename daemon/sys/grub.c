/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's files are on the root file system, or on that of boot/, which the daemon reads anyway; a
 * new menu is made by a worker, since grub-mkconfig asks every disk. Of the files in etc/default,
 * the administrator's are only looked at; one is ours, and where nothing of GRUB is configured, it
 * is not made. */

#include "sys/grub.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/grub/grub-env.h"
#include "core/grub/grub-config.h"
#include "sys/block.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define PATH_GRUB_ENV  PATH_GRUB_DIR "/grubenv"
#define PATH_MOUNTINFO "proc/self/mountinfo"
#define MENU_MAX       (1024u * 1024)
#define MOUNTINFO_MAX  (1024u * 1024)
#define NEXT_ENTRY     "next_entry"
#define PIN_MAX        4096u
#define NO_PIN         "# No kernel is pinned any more; bootsync removes this file with the next menu.\n"

static bool is_read(const char *name) {
        return endswith(name, ".cfg") && name[0] != '.';
}

static void add_stamp(Buffer *b, const Root *root, const char *path) {
        FileStamp stamp;
        struct stat st;

        if (root_stat(root, path, &st) < 0)
                return;
        file_stamp_from_stat(&st, &stamp);
        buffer_printf(b, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", path, stamp.inode,
                      stamp.size, stamp.mtime, stamp.ctime);
}

int grub_conf_stamp(const Root *root, char **ret) {
        _cleanup_strv_ char **names = NULL;
        Buffer b = {};
        int r;

        r = directory_list(root, PATH_GRUB_CONF_DIR, is_read, &names);
        if (r == -ENOMEM)
                return r;
        strv_sort_uniq(names, strcmp);
        add_stamp(&b, root, PATH_GRUB_CONF);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf(PATH_GRUB_CONF_DIR "/%s", *name);

                if (!path) {
                        buffer_done(&b);
                        return -ENOMEM;
                }
                add_stamp(&b, root, path);
        }
        return buffer_take(&b, ret, NULL);
}

static int pin_exists(const Root *root) {
        struct stat st;
        int r = root_stat(root, PATH_GRUB_PIN, &st);

        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int void_pin(const Root *root) {
        int r = pin_exists(root);

        if (r <= 0)
                return r;
        r = file_replace(root, PATH_GRUB_PIN, NO_PIN, strlen(NO_PIN), 0644);
        return r < 0 ? r : 1;
}

int grub_conf_store_pin(const Root *root, const char *version, const char *root_id, bool keep) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (!version)
                return keep ? void_pin(root) : file_remove(root, PATH_GRUB_PIN);
        if (!root_id)
                return 0;
        r = grub_pin_render(version, root_id, &text);
        if (r < 0)
                return r;
        r = root_mkdir_p(root, PATH_GRUB_CONF_DIR, 0755);
        if (r < 0)
                return r;
        return file_replace(root, PATH_GRUB_PIN, text, strlen(text), 0644);
}

int grub_conf_pin_differs(const Root *root, const char *version, const char *root_id) {
        _cleanup_free_ char *text = NULL, *found = NULL;
        size_t size;
        int r;

        if (!version)
                return pin_exists(root);
        if (!root_id)
                return 0;
        r = grub_pin_render(version, root_id, &text);
        if (r < 0)
                return r;
        r = file_read(root, PATH_GRUB_PIN, PIN_MAX, &found, &size);
        if (r == -ENOENT || r == -EFBIG)
                return 1;
        return r < 0 ? r : size != strlen(text) || memcmp(found, text, size) != 0;
}

/* "36 35 8:2 / /boot rw,noatime shared:1 - ext4 /dev/sda2 rw": the third word, and the first behind
 * the dash. */
static bool mounts_writable(const char *line, const char *number) {
        static const char *const types[] = { "ext2", "ext3", "ext4", "xfs", "vfat" };
        const char *type = strstr(line, " - ");
        char found[24];

        if (!type || sscanf(line, "%*u %*u %23s", found) != 1 || !streq(found, number))
                return false;
        type += strlen(" - ");
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const char *rest = startswith(type, types[i]);

                if (rest && *rest == ' ')
                        return true;
        }
        return false;
}

static bool has_simple_file_system(const Root *root, dev_t number) {
        _cleanup_free_ char *text = NULL;
        char wanted[24];
        size_t size, pos = 0, n;
        const char *line;

        (void) snprintf(wanted, sizeof(wanted), "%u:%u", major(number), minor(number));
        if (file_read(root, PATH_MOUNTINFO, MOUNTINFO_MAX, &text, &size) < 0)
                return false;
        while (line_next(text, size, &pos, &line, &n)) {
                _cleanup_free_ char *copy = strndup(line, n);

                if (copy && mounts_writable(copy, wanted))
                        return true;
        }
        return false;
}

static bool is_writable(const Root *root) {
        _cleanup_(block_device_done) BlockDevice device = {};
        struct stat st;

        /* btrfs and zfs have device numbers of their own, which are none of a disk. */
        return root_stat(root, PATH_GRUB_DIR, &st) >= 0 &&
               has_simple_file_system(root, st.st_dev) &&
               block_device_at(root, st.st_dev, &device) >= 0 && !device.is_made_of_others;
}

int host_grub_load_menu(const Root *root, HostMenu *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_GRUB_MENU, MENU_MAX, &text, &size);
        return r < 0 ? r : host_menu_read(text, size, NULL, ret);
}

/* *@ret is NULL if there is no file. */
static int read_env(const Root *root, char **ret, size_t *ret_size) {
        int r = file_read(root, PATH_GRUB_ENV, GRUB_ENV_SIZE, ret, ret_size);

        if (r == -ENOENT) {
                *ret = NULL;
                *ret_size = 0;
                return 0;
        }
        return r == -EFBIG ? -EBADMSG : r;
}

int host_grub_get_next(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *ret = NULL;
        r = read_env(root, &text, &size);
        return r < 0 || !text ? r : grub_env_get(text, size, NEXT_ENTRY, ret);
}

/* Read the entry that GRUB has saved. A variable that is not set is empty to GRUB; NULL if grubenv
 * is damaged. */
static int read_saved(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *saved = NULL;
        size_t size;
        int r;

        r = read_env(root, &text, &size);
        if (r >= 0 && text)
                r = grub_env_get(text, size, "saved_entry", &saved);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        *ret = saved ? TAKE_PTR(saved) : strdup("");
        return *ret ? 0 : -ENOMEM;
}

static int find_default(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *saved = NULL;
        _cleanup_(host_menu_done) HostMenu menu = {};
        size_t size;
        int r;

        r = file_read(root, PATH_GRUB_MENU, MENU_MAX, &text, &size);
        if (r >= 0)
                r = read_saved(root, &saved);
        if (r >= 0)
                r = host_menu_read(text, size, saved, &menu);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(menu.default_version);
        return 0;
}

int host_grub_look(const Root *root, HostGrub *ret) {
        HostGrub grub = {};
        struct stat st;

        grub.exists = root_stat(root, PATH_GRUB_MENU, &st) >= 0 && S_ISREG(st.st_mode);
        if (grub.exists) {
                grub.writable = is_writable(root);
                grub.pinned = pin_exists(root) > 0;
                if (find_default(root, &grub.default_version) == -ENOMEM)
                        return -ENOMEM;
        }
        *ret = grub;
        return 0;
}

static int overwrite(const Root *root, const char *block) {
        _cleanup_close_ int fd = root_openat(root, PATH_GRUB_ENV, O_WRONLY, 0);
        ssize_t n;

        if (fd < 0)
                return fd;
        n = pwrite(fd, block, GRUB_ENV_SIZE, 0);
        if (n < 0 || fsync(fd) < 0)
                return -errno;
        return n == GRUB_ENV_SIZE ? 0 : -EIO;
}

int host_grub_set_next(const Root *root, const char *value) {
        _cleanup_free_ char *text = NULL, *block = NULL;
        size_t size;
        int r;

        r = read_env(root, &text, &size);
        if (r >= 0)
                r = grub_env_set(text, size, NEXT_ENTRY, value, &block);
        if (r < 0)
                return r;
        if (!text)
                return MIN(file_replace(root, PATH_GRUB_ENV, block, GRUB_ENV_SIZE, 0600), 0);
        return memcmp(text, block, GRUB_ENV_SIZE) == 0 ? 0 : overwrite(root, block);
}
