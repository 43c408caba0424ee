/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sysfs is the kernel's word on what is a disk, what is a partition of it and who uses it. Its
 * attributes are read from memory, whatever state the disk is in. Names that callers give are
 * followed within devtmpfs, which is memory, too: a path of a caller's choice elsewhere could lie
 * on a file system that never answers. */

#include "sys/block-disks.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "core/partition.h"
#include "sys/file.h"

#define PATH_DEV         "dev"
#define PATH_CLASS_BLOCK "sys/class/block"
#define PATH_DEV_BLOCK   "sys/dev/block"
#define ATTRIBUTE_MAX    4096 /* a page: sysfs gives no more */

void block_device_done(BlockDevice *d) {
        free(d->name);
        free(d->disk);
        *d = (BlockDevice){};
}

/* Without its newline. */
static int read_attribute(const Root *root, const char *name, const char *attribute, char **ret) {
        _cleanup_free_ char *path = strprintf(PATH_CLASS_BLOCK "/%s/%s", name, attribute);
        _cleanup_free_ char *text = NULL;
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
        char target[PATH_MAX], *slash;
        uint64_t number;
        ssize_t n;

        if (fd < 0)
                return fd;
        n = readlinkat(fd, "", target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = '\0';
        slash = strrchr(target, '/');
        if (!slash)
                return -ENODEV;
        d->name = strdup(slash + 1);
        if (!d->name)
                return -ENOMEM;
        if (block_device_number(root, d->name, "partition", &number) >= 0) {
                if (number == 0 || number > UINT32_MAX)
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

int block_device_find(const Root *root, const char *path, BlockDevice *ret) {
        _cleanup_(block_device_done) BlockDevice d = {};
        char link[sizeof(PATH_DEV_BLOCK "/4294967295:4294967295")];
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
        d.id.number = st.st_rdev;
        (void) snprintf(link, sizeof(link), PATH_DEV_BLOCK "/%u:%u", major(st.st_rdev),
                        minor(st.st_rdev));
        r = read_names(root, link, &d);
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        *ret = TAKE_STRUCT(d);
        return 0;
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
