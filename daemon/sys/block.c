/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sysfs is the kernel's word on what is a disk, what is a partition of it and who uses it. Its
 * attributes are read from memory, whatever state the disk is in. Names that callers give are
 * followed within devtmpfs, which is memory, too: a path of a caller's choice elsewhere could lie
 * on a file system that never answers. Where a name is udev's or the kernel's link, it is taken
 * from where that points, not from what is there: the disk may just have gone. */

#include "sys/block.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/disk/partition.h"
#include "sys/file.h"

#define PATH_DEV         "dev"
#define PATH_CLASS_BLOCK "sys/class/block"
#define PATH_DEV_BLOCK   "sys/dev/block"
#define ATTRIBUTE_MAX    4096 /* a page: sysfs gives no more */
#define PATH_BY_PARTUUID "dev/disk/by-partuuid"

void block_device_done(BlockDevice *d) {
        free(d->name);
        free(d->disk);
        *d = (BlockDevice){};
}

/* Without its newline. */
static int read_below(const Root *root, const char *dir, const char *attribute, char **ret) {
        _cleanup_free_ char *path = strprintf("%s/%s", dir, attribute), *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(root, path, ATTRIBUTE_MAX, &text, &size);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

static int read_attribute(const Root *root, const char *name, const char *attribute, char **ret) {
        _cleanup_free_ char *dir = strprintf(PATH_CLASS_BLOCK "/%s", name);

        return dir ? read_below(root, dir, attribute, ret) : -ENOMEM;
}

int block_device_number(const Root *root, const char *name, const char *attribute, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        int r = read_attribute(root, name, attribute, &text);

        return r < 0 ? r : parse_u64(text, ret);
}

/* Whose names begin so, and go on with a digit: md0, but not mdx. */
static bool is_of_others(const char *name) {
        static const char *const prefixes[] = { "loop", "ram", "zram", "sr",  "fd",
                                                "dm-",  "md",  "zd",   "rbd", "drbd" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = startswith(name, prefixes[i]);

                if (rest && ((*rest >= '0' && *rest <= '9') || *rest == '_'))
                        return true;
        }
        return false;
}

static bool is_disk(const Root *root, const char *name) {
        uint64_t number;

        if (is_of_others(name) || block_device_number(root, name, "partition", &number) >= 0)
                return false;
        if (block_device_number(root, name, "hidden", &number) >= 0 && number != 0)
                return false;
        return block_device_number(root, name, "size", &number) >= 0 && number > 0;
}

int block_disks_list(const Root *root, char ***ret) {
        _cleanup_strv_ char **names = NULL, **disks = NULL;
        int r;

        assert(root);
        assert(ret);

        r = directory_list(root, PATH_CLASS_BLOCK, NULL, &names);
        if (r < 0)
                return r;
        STRV_FOREACH(name, names) {
                if (is_disk(root, *name) && strv_extend(&disks, *name) < 0)
                        return -ENOMEM;
        }
        strv_sort_uniq(disks, strcmp);
        *ret = TAKE_PTR(disks);
        return 0;
}

/* sys/class/block/sda2 and sys/dev/block/8:2 lead to …/block/sda/sda2. */
static int read_names(const Root *root, const char *link, BlockDevice *d) {
        _cleanup_close_ int fd = root_openat(root, link, O_PATH | O_NOFOLLOW, 0);
        _cleanup_free_ char *text = NULL;
        char target[PATH_MAX], *slash;
        uint64_t number;
        ssize_t n;
        int r;

        if (fd < 0)
                return fd;
        n = readlinkat(fd, "", target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        slash = strrchr(target, '/');
        if (!slash)
                return -ENODEV;
        /* nvme-subsystem is virtual, too, but not below "block". */
        d->is_made_of_others = strstr(target, "/virtual/block/");
        d->name = strdup(slash + 1);
        if (!d->name)
                return -ENOMEM;
        r = read_below(root, link, "partition", &text);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                if (parse_u64(text, &number) < 0 || number == 0 || number > UINT32_MAX)
                        return -ENODEV;
                d->number = (uint32_t) number;
                *slash = '\0';
                slash = strrchr(target, '/');
                if (!slash)
                        return -ENODEV;
        }
        d->disk = strdup(slash + 1);
        if (!d->disk)
                return -ENOMEM;
        if (block_device_number(root, d->disk, "diskseq", &number) >= 0)
                d->id.diskseq = number;
        return 0;
}

/* RESOLVE_BENEATH keeps ".." and links within dev; RESOLVE_NO_XDEV keeps the way off dev/shm, where
 * anybody may put links, and off whatever else is mounted there. */
static int open_below_dev(const Root *root, const char *path) {
        const struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
        };
        _cleanup_close_ int dev = -EBADF;
        const char *rest = startswith(path, "/" PATH_DEV "/");
        long fd;

        if (!rest)
                return -EXDEV;
        dev = root_openat(root, PATH_DEV, O_PATH | O_DIRECTORY, 0);
        if (dev < 0)
                return dev;
        rest += strspn(rest, "/");
        fd = syscall(SYS_openat2, dev, rest, &how, sizeof(how));
        return fd < 0 ? -errno : (int) fd;
}

int block_device_at(const Root *root, dev_t number, BlockDevice *ret) {
        _cleanup_(block_device_done) BlockDevice d = { .id.number = number };
        char link[sizeof(PATH_DEV_BLOCK "/4294967295:4294967295")];
        int r;

        assert(root);
        assert(ret);

        (void) snprintf(link, sizeof(link), PATH_DEV_BLOCK "/%u:%u", major(number), minor(number));
        r = read_names(root, link, &d);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(d);
        return 0;
}

int block_device_find(const Root *root, const char *path, BlockDevice *ret) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        assert(root);
        assert(path);
        assert(ret);

        fd = open_below_dev(root, path);
        if (fd < 0)
                return fd == -ENOTDIR ? -ENOENT : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;
        r = block_device_at(root, st.st_rdev, ret);
        return r == -ENOENT ? -ENODEV : r;
}

int block_device_get(const Root *root, const char *name, BlockDevice *ret) {
        _cleanup_free_ char *link = strprintf(PATH_CLASS_BLOCK "/%s", name), *text = NULL;
        _cleanup_(block_device_done) BlockDevice d = {};
        unsigned major_number, minor_number;
        int r;

        if (!link)
                return -ENOMEM;
        r = read_names(root, link, &d);
        if (r >= 0)
                r = read_attribute(root, name, "dev", &text);
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
                return -ENODEV;
        d.id.number = makedev(major_number, minor_number);
        *ret = TAKE_STRUCT(d);
        return 0;
}

/* The first of these files below sys/class/block/@disk that says something. */
static int read_label(const Root *root, const char *disk, const char *const *files, char **ret) {
        for (; *files; files++) {
                _cleanup_free_ char *text = NULL, *label = NULL;
                int r = read_attribute(root, disk, *files, &text);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                label = partition_label(text);
                if (!label)
                        return -ENOMEM;
                if (*label == '\0')
                        continue;
                *ret = TAKE_PTR(label);
                return 0;
        }
        return 0;
}

/* SCSI tells the number in a page of "vital product data": four bytes of head, then text. */
static int read_scsi_serial(const Root *root, const char *disk, char **ret) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s/device/vpd_pg80", disk);
        _cleanup_free_ char *page = NULL, *label = NULL;
        size_t size;
        int r;

        r = path ? file_read(root, path, ATTRIBUTE_MAX, &page, &size) : -ENOMEM;
        if (r < 0 || size <= 4)
                return r == -ENOMEM ? r : 0;
        label = partition_label(page + 4);
        if (!label)
                return -ENOMEM;
        if (*label != '\0')
                *ret = TAKE_PTR(label);
        return 0;
}

int block_disk_labels(const Root *root, const char *disk, char **ret_model, char **ret_serial) {
        /* SCSI, ATA, USB and NVMe; SD cards. NVMe, SD cards; virtio. */
        static const char *const models[] = { "device/model", "device/name", NULL };
        static const char *const serials[] = { "device/serial", "serial", NULL };
        _cleanup_free_ char *model = NULL, *serial = NULL;
        int r;

        r = read_label(root, disk, models, &model);
        if (r >= 0)
                r = read_label(root, disk, serials, &serial);
        if (r >= 0 && !serial)
                r = read_scsi_serial(root, disk, &serial);
        if (r < 0)
                return r;
        *ret_model = TAKE_PTR(model);
        *ret_serial = TAKE_PTR(serial);
        return 0;
}

/* A device-mapper device is known by its own name. */
static int add_holder(const Root *root, const char *holder, char ***holders) {
        _cleanup_free_ char *name = NULL;
        int r = read_attribute(root, holder, "dm/name", &name);

        if (r == -ENOMEM)
                return r;
        return r < 0 ? strv_extend(holders, holder)
                     : strv_extendf(holders, "%s (%s)", name, holder);
}

int block_device_holders(const Root *root, const char *name, char ***ret) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s/holders", name);
        _cleanup_strv_ char **names = NULL, **holders = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = directory_list(root, path, NULL, &names);
        if (r == -ENOMEM)
                return r;
        STRV_FOREACH(holder, names) {
                r = add_holder(root, *holder, &holders);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(holders);
        return 0;
}

int block_disk_partitions(const Root *root, const char *disk, char ***ret) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s", disk);
        _cleanup_strv_ char **names = NULL, **partitions = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = directory_list(root, path, NULL, &names);
        if (r < 0)
                return r;
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *file = strprintf("%s/%s/partition", path, *name);
                struct stat st;

                if (!file)
                        return -ENOMEM;
                if (root_stat(root, file, &st) >= 0 && strv_extend(&partitions, *name) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(partitions);
        return 0;
}

void block_names_done(BlockNames *names) {
        free(names->device);
        free(names->disk);
        free(names->part_uuid);
        *names = (BlockNames){};
}

/* The target of the link at @path; "" if it is none. */
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
