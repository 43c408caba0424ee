/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The links in dev/disk are udev's, and those in sys/class/block the kernel's. A name is taken from
 * where a link points, not from what is there: the disk may just have gone. */

#include "sys/block-names.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/file.h"

#define PATH_BY_PARTUUID "dev/disk/by-partuuid"
#define PATH_CLASS_BLOCK "sys/class/block"
#define PATH_DEV_BLOCK   "sys/dev/block"

void block_names_done(BlockNames *names) {
        free(names->device);
        free(names->disk);
        free(names->part_uuid);
        *names = (BlockNames){};
}

/* Where the link at @path points; "" if it is none. */
static void read_link(const Root *root, const char *path, char ret[static PATH_MAX]) {
        _cleanup_close_ int fd = root_openat(root, path, O_PATH | O_NOFOLLOW, 0);
        ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", ret, PATH_MAX - 1);

        ret[MAX(n, 0)] = '\0';
}

static const char *last_component(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int find_part_uuid(const Root *root, const char *kernel_name, char **ret) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = directory_list(root, PATH_BY_PARTUUID, NULL, &names);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf(PATH_BY_PARTUUID "/%s", *name);
                char target[PATH_MAX];

                if (!path)
                        return -ENOMEM;
                read_link(root, path, target);
                if (!streq(last_component(target), kernel_name))
                        continue;
                *ret = strdup(*name);
                return *ret ? 0 : -ENOMEM;
        }
        return 0;
}

/* @link leads to …/block/sda/sda2, where a partition has a file of that name. */
static int find_disk(const Root *root, const char *link, char **ret) {
        _cleanup_free_ char *partition = strprintf("%s/partition", link);
        char target[PATH_MAX], *slash;
        struct stat st;

        if (!partition)
                return -ENOMEM;
        read_link(root, link, target);
        if (target[0] == '\0')
                return 0;
        slash = strrchr(target, '/');
        if (slash && root_stat(root, partition, &st) >= 0)
                *slash = '\0';
        *ret = strprintf("/dev/%s", last_component(target));
        return *ret ? 0 : -ENOMEM;
}

static int find_disk_by_name(const Root *root, const char *kernel_name, char **ret) {
        _cleanup_free_ char *link = strprintf(PATH_CLASS_BLOCK "/%s", kernel_name);

        return link ? find_disk(root, link, ret) : -ENOMEM;
}

static char *link_of(dev_t number) {
        return strprintf(PATH_DEV_BLOCK "/%u:%u", major(number), minor(number));
}

int block_disk_of(const Root *root, dev_t number, char **ret) {
        _cleanup_free_ char *link = link_of(number);
        _cleanup_free_ char *disk = NULL;
        int r;

        assert(root);
        assert(ret);

        r = link ? find_disk(root, link, &disk) : -ENOMEM;
        if (r < 0)
                return r;
        if (!disk)
                return -ENOENT;
        *ret = TAKE_PTR(disk);
        return 0;
}

int block_device_of(const Root *root, dev_t number, char **ret) {
        _cleanup_free_ char *link = link_of(number);
        char target[PATH_MAX], *device;

        assert(root);
        assert(ret);

        if (!link)
                return -ENOMEM;
        read_link(root, link, target);
        if (target[0] == '\0')
                return -ENOENT;
        device = strprintf("/dev/%s", last_component(target));
        if (!device)
                return -ENOMEM;
        *ret = device;
        return 0;
}

/* nvme-subsystem is virtual, too, but not below "block". */
bool block_is_of_disk(const Root *root, dev_t number) {
        _cleanup_free_ char *link = link_of(number);
        char target[PATH_MAX] = "";

        assert(root);

        if (link)
                read_link(root, link, target);
        return target[0] != '\0' && !strstr(target, "/virtual/block/");
}

int block_names_load(const Root *root, const char *uuid, BlockNames *ret) {
        _cleanup_free_ char *path = strprintf(PATH_BY_UUID "/%s", uuid);
        _cleanup_(block_names_done) BlockNames names = {};
        char target[PATH_MAX];
        const char *name;
        int r;

        assert(root);
        assert(ret);

        if (!path)
                return -ENOMEM;
        read_link(root, path, target);
        name = last_component(target);
        if (*name != '\0') {
                names.device = strprintf("/dev/%s", name);
                if (!names.device)
                        return -ENOMEM;
                r = find_part_uuid(root, name, &names.part_uuid);
                if (r >= 0)
                        r = find_disk_by_name(root, name, &names.disk);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(names);
        return 0;
}
