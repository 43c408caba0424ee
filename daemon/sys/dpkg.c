/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dpkg's database as a value. It is written in several files, one after the other, so it is only
 * believed if it did not change meanwhile; and one without any package is an error, since it would
 * look like a reason to remove all kernels. */

#include "sys/dpkg.h"

#include "common/names.h"
#include "common/string-util.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define DATABASE_LOOK_MAX 5

static int take_packages(PackageDb *db, const Root *root, const char *path, char **ret_reason) {
        _cleanup_free_ char *text = NULL, *what = NULL;
        size_t size;
        int r;

        r = file_read(root, path, FILE_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = package_db_parse(db, text, size, &what);
        return r < 0 ? file_explain(root, path, r, what, ret_reason) : 0;
}

static bool is_update(const char *name) {
        return name[strspn(name, "0123456789")] == '\0';
}

/* By value; the names may be too long for any integer. */
static int compare_numbers(const char *a, const char *b) {
        size_t n, m;

        a += strspn(a, "0");
        b += strspn(b, "0");
        n = strlen(a);
        m = strlen(b);
        return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static int take_updates(PackageDb *db, const Root *root, char **ret_reason) {
        _cleanup_strv_ char **updates = NULL;
        int r;

        r = directory_list(root, PATH_DPKG_UPDATES, is_update, &updates);
        if (r < 0)
                return r == -ENOENT ? 0
                                    : file_explain(root, PATH_DPKG_UPDATES, r, NULL, ret_reason);
        strv_sort_uniq(updates, compare_numbers);
        STRV_FOREACH(name, updates) {
                _cleanup_free_ char *path = strprintf(PATH_DPKG_UPDATES "/%s", *name);

                r = path ? take_packages(db, root, path, ret_reason) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int stamp_database(const Root *root, FileStamp *ret) {
        struct stat st;
        int r;

        r = root_stat(root, PATH_DPKG_STATUS, &st);
        if (r >= 0)
                file_stamp_from_stat(&st, ret);
        return r;
}

/* dpkg merges its updates into a new status file, and then removes them. -EAGAIN if it did so while
 * we read: what we saw is then neither the old state nor the new one. */
static int look_at_database(const Root *root, PackageDb *ret, char **ret_reason) {
        _cleanup_(package_db_done) PackageDb db = {};
        FileStamp before, after;
        int r, q;

        r = stamp_database(root, &before);
        if (r < 0)
                return file_explain(root, PATH_DPKG_STATUS, r, NULL, ret_reason);
        r = take_packages(&db, root, PATH_DPKG_STATUS, ret_reason);
        if (r >= 0)
                r = take_updates(&db, root, ret_reason);
        q = stamp_database(root, &after);
        if (r != -ENOMEM && (r == -ENOENT || q < 0 || !file_stamp_equal(&before, &after)))
                return file_explain(root, PATH_DPKG, -EAGAIN, "dpkg keeps writing to it",
                                    ret_reason);
        if (r < 0)
                return r;

        r = package_db_finish(&db);
        if (r < 0)
                return file_explain(root, PATH_DPKG_STATUS, r, "there is no package in it",
                                    ret_reason);
        *ret = TAKE_STRUCT(db);
        return 0;
}

int package_db_load(const Root *root, PackageDb *ret, char **ret_reason) {
        _cleanup_free_ char *reason = NULL;
        int r = -EAGAIN;

        for (unsigned i = 0; r == -EAGAIN && i < DATABASE_LOOK_MAX; i++)
                r = look_at_database(root, ret, &reason);
        if (r < 0)
                *ret_reason = TAKE_PTR(reason);
        return r;
}

int kernel_is_known(const Root *root, const char *version) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_free_ char *image = strprintf(PATH_BOOT "/vmlinuz-%s", version), *reason = NULL;
        struct stat st;
        int r;

        if (!image)
                return -ENOMEM;
        if (root_stat(root, image, &st) >= 0 && S_ISREG(st.st_mode))
                return 1;
        r = package_db_load(root, &db, &reason);
        return r < 0 ? r
                     : strv_contains(db.kernels, version) ||
                                               strv_contains(db.linux_images, version);
}
