/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's files are on the root file system, or on that of boot/, which the daemon reads anyway; a
 * new menu is made by a worker, since grub-mkconfig asks every disk. */

#include "sys/host-grub.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/grub-env.h"
#include "sys/block-names.h"
#include "sys/file.h"

#define PATH_GRUB_ENV  PATH_GRUB_DIR "/grubenv"
#define PATH_MOUNTINFO "proc/self/mountinfo"
#define MENU_MAX       (1024u * 1024)
#define MOUNTINFO_MAX  (1024u * 1024)
#define NEXT_ENTRY     "next_entry"

bool host_grub_exists(const Root *root) {
        struct stat st;

        return root_stat(root, PATH_GRUB_MENU, &st) >= 0 && S_ISREG(st.st_mode);
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

bool host_grub_is_writable(const Root *root) {
        struct stat st;

        /* btrfs and zfs have device numbers of their own, which are none of a disk. */
        return root_stat(root, PATH_GRUB_DIR, &st) >= 0 &&
               has_simple_file_system(root, st.st_dev) && block_is_of_disk(root, st.st_dev);
}

int host_grub_load_menu(const Root *root, HostMenu *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_GRUB_MENU, MENU_MAX, &text, &size);
        return r < 0 ? r : host_menu_read(text, size, ret);
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

/* What is not set is empty to GRUB; NULL where grubenv is damaged. */
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

int host_grub_default(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *saved = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_GRUB_MENU, MENU_MAX, &text, &size);
        if (r >= 0)
                r = read_saved(root, &saved);
        return r < 0 ? r : host_menu_default(text, size, saved, ret);
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
