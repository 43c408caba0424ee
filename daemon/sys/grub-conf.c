/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The administrator's files are only looked at; one of them is ours. Where nothing of GRUB is
 * configured, nothing is made. */

#include "sys/grub-conf.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/grub-pin.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define PIN_MAX 4096u
#define NO_PIN  "# No kernel is pinned any more; bootsync removes this file with the next menu.\n"

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

int grub_conf_store_pin(const Root *root, const char *version, const char *root_id) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (!version)
                return file_remove(root, PATH_GRUB_PIN);
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

static int exists(const Root *root) {
        struct stat st;
        int r = root_stat(root, PATH_GRUB_PIN, &st);

        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int grub_conf_pin_differs(const Root *root, const char *version, const char *root_id) {
        _cleanup_free_ char *text = NULL, *found = NULL;
        size_t size;
        int r;

        if (!version)
                return exists(root);
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

int grub_conf_void_pin(const Root *root) {
        int r = exists(root);

        if (r <= 0)
                return r;
        r = file_replace(root, PATH_GRUB_PIN, NO_PIN, strlen(NO_PIN), 0644);
        return r < 0 ? r : 1;
}
