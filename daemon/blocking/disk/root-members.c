/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mount table says what / is, in the words of the kernel. From there on sysfs knows what is
 * made of what, and Btrfs has a list of its own; ZFS tells nobody but its own library, so that a
 * pool is known by the name that libblkid finds in each member. What cannot be followed to its end
 * is left out as a whole: half of an array would be taken for all of it. */

#include "blocking/disk/root-members.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "sys/block.h"
#include "sys/file.h"

#define PATH_MOUNTINFO   "proc/self/mountinfo"
#define PATH_CLASS_BLOCK "sys/class/block"
#define PATH_BTRFS       "sys/fs/btrfs"
#define DEPTH_MAX        16 /* of what is made of what; the kernel allows no circles */
#define ATTRIBUTE_MAX    4096

DEFINE_CLEANUP(struct libmnt_table *, mnt_unref_table)
DEFINE_CLEANUP(FILE *, fclose)

typedef struct RootMembers {
        char *pool;     /* of ZFS; NULL: it is on none */
        char **devices; /* the kernel's names, at any depth; NULL: none is known */
        char *what;     /* for people: "pool rpool", "array md0" */
} RootMembers;

static void root_members_done(RootMembers *m) {
        free(m->pool);
        strv_free(m->devices);
        free(m->what);
        *m = (RootMembers){};
}

/* The mount table as the kernel shows it. *@ret is NULL if it is that of another root. */
static int read_mounts(const Root *root, struct libmnt_table **ret) {
        _cleanup_(mnt_unref_tablep) struct libmnt_table *table = mnt_new_table();
        _cleanup_close_ int fd = root_openat(root, PATH_MOUNTINFO, O_RDONLY, 0);
        _cleanup_(fclosep) FILE *file = NULL;
        struct statfs st;

        *ret = NULL;
        if (!table)
                return -ENOMEM;
        if (fd < 0 || fstatfs(fd, &st) < 0 ||
            (st.f_type == PROC_SUPER_MAGIC && !root_is_host(root)))
                return 0;
        file = fdopen(fd, "re");
        if (!file)
                return -ENOMEM;
        TAKE_FD(fd);
        if (mnt_table_parse_stream(table, file, PATH_MOUNTINFO) >= 0)
                *ret = TAKE_PTR(table);
        return 0;
}

/* "array md0", "volume pve-root", "partition sda2". */
static int name_device(const Root *root, const char *name, char **ret) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s/dm/name", name), *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(root, path, ATTRIBUTE_MAX, &text, &size);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                text[strcspn(text, "\n")] = '\0';
        *ret = r >= 0 ? strprintf("volume %s", text)
                      : strprintf("%s %s", startswith(name, "md") ? "array" : "partition", name);
        return *ret ? 0 : -ENOMEM;
}

/* A disk that is reached by several paths is none of them. */
static bool is_multipath(const Root *root, const char *disk) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s/dm/uuid", disk), *text = NULL;
        size_t size;

        return path && file_read(root, path, ATTRIBUTE_MAX, &text, &size) >= 0 &&
               strstr(text, "mpath-");
}

/* The device and all that it is made of. -ENODEV if that cannot be told. */
static int add_device(const Root *root, const char *name, unsigned depth, RootMembers *m) {
        _cleanup_(block_device_done) BlockDevice d = {};
        _cleanup_free_ char *path = NULL;
        _cleanup_strv_ char **slaves = NULL;
        int r;

        if (depth > DEPTH_MAX)
                return -ENODEV;
        if (strv_contains(m->devices, name))
                return 0;
        r = block_device_get(root, name, &d);
        if (r < 0)
                return r == -ENOMEM ? r : -ENODEV;
        if (is_multipath(root, d.disk))
                return -ENODEV;
        path = strprintf(PATH_CLASS_BLOCK "/%s/slaves", d.disk);
        if (!path)
                return -ENOMEM;
        r = directory_list(root, path, NULL, &slaves);
        if (r == -ENOMEM)
                return r;
        if (d.is_made_of_others && strv_isempty(slaves))
                return -ENODEV;
        r = strv_extend(&m->devices, name);
        STRV_FOREACH(slave, slaves) {
                if (r >= 0)
                        r = add_device(root, *slave, depth + 1, m);
        }
        return r;
}

static int add_number(const Root *root, dev_t number, RootMembers *m) {
        _cleanup_(block_device_done) BlockDevice d = {};
        int r = block_device_at(root, number, &d);

        if (r < 0)
                return r == -ENOMEM ? r : -ENODEV;
        r = name_device(root, d.name, &m->what);
        return r < 0 ? r : add_device(root, d.name, 0, m);
}

/* A Btrfs has a number that is no device's, and is mounted by any one of its own. */
static int add_btrfs(const Root *root, const char *source, RootMembers *m) {
        _cleanup_(block_device_done) BlockDevice d = {};
        _cleanup_strv_ char **uuids = NULL;
        int r = block_device_find(root, source, &d);

        if (r >= 0)
                r = directory_list(root, PATH_BTRFS, NULL, &uuids);
        if (r < 0)
                return r == -ENOMEM ? r : -ENODEV;
        m->what = strdup("Btrfs");
        if (!m->what)
                return -ENOMEM;
        STRV_FOREACH(uuid, uuids) {
                _cleanup_free_ char *path = strprintf(PATH_BTRFS "/%s/devices", *uuid);
                _cleanup_strv_ char **names = NULL;

                r = path ? directory_list(root, path, NULL, &names) : -ENOMEM;
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || !strv_contains(names, d.name))
                        continue;
                STRV_FOREACH(name, names) {
                        if (r >= 0)
                                r = add_device(root, *name, 0, m);
                }
                return r;
        }
        return -ENODEV;
}

/* "rpool/ROOT/pve-1" */
static int add_pool(const char *source, RootMembers *m) {
        m->pool = strndup(source, strcspn(source, "/"));
        m->what = m->pool ? strprintf("pool %s", m->pool) : NULL;
        return m->what ? 0 : -ENOMEM;
}

/* Nothing is in @ret if it cannot be told. 0 or -ENOMEM. */
static int find_members(const Root *root, RootMembers *ret) {
        _cleanup_(mnt_unref_tablep) struct libmnt_table *table = NULL;
        _cleanup_(root_members_done) RootMembers m = {};
        const char *type, *source;
        struct libmnt_fs *fs;
        int r = read_mounts(root, &table);

        fs = table ? mnt_table_find_target(table, "/", MNT_ITER_BACKWARD) : NULL;
        if (!fs)
                return r;
        type = strempty(mnt_fs_get_fstype(fs));
        source = strempty(mnt_fs_get_source(fs));
        if (streq(type, "zfs"))
                r = add_pool(source, &m);
        else if (streq(type, "btrfs"))
                r = add_btrfs(root, source, &m);
        else
                r = add_number(root, mnt_fs_get_devno(fs), &m);
        if (r >= 0)
                *ret = TAKE_STRUCT(m);
        return r == -ENOMEM ? r : 0;
}

static bool is_member(const RootMembers *m, const Partition *p) {
        const char *name = startswith(p->device, "/dev/");

        if (m->pool)
                return streq_ptr(p->fs_type, "zfs_member") && streq_ptr(p->label, m->pool) &&
                       p->use == PARTITION_USED;
        return name && strv_contains(m->devices, name);
}

int root_members_mark(const Root *root, Partitions *l) {
        _cleanup_(root_members_done) RootMembers m = {};
        int r;

        assert(root);
        assert(l);

        r = find_members(root, &m);
        for (size_t i = 0; r >= 0 && i < l->n; i++) {
                if (!is_member(&m, &l->items[i]))
                        continue;
                l->items[i].carries = strdup(m.what);
                r = l->items[i].carries ? 0 : -ENOMEM;
        }
        return r;
}
