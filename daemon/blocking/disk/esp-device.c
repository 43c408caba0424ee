/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The link in dev/disk/by-uuid was made by udev some time ago; what the disk holds now is asked of
 * libblkid before anything is mounted. The device is opened for reading only, since udev probes a
 * device again whenever one that was open for writing is closed. */

#include "blocking/disk/esp-device.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "blocking/disk/block-fd.h"
#include "blocking/disk/disk-content.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "sys/block.h"
#include "sys/file.h"

/* A worker that was killed leaves its mount to the kernel, which first writes what it had not
 * synced yet: at most COPY_STRIDE, on a slow stick a matter of seconds. */
#define BUSY_TRIES 200

DEFINE_CLEANUP(struct libmnt_table *, mnt_unref_table)

void esp_device_done(EspDevice *d) {
        safe_close(d->fd);
        *d = ESP_DEVICE_INIT;
}

static int check_content(const EspDevice *d, const char *uuid, Error *error) {
        _cleanup_(partition_done) Partition found = {};
        int r;

        r = disk_content_probe(d->fd, 0, 0, &found);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot read the disk of ESP '%s' (it may be failing; check "
                                       "it)",
                                       uuid);
        if (streq_ptr(found.fs_type, PARTITION_SEVERAL))
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "The partition of ESP '%s' holds the signatures of several file "
                                 "systems; look at it with 'wipefs' and remove the wrong ones",
                                 uuid);
        if (!streq_ptr(found.fs_type, "vfat") || strcasecmp(strempty(found.fs_uuid), uuid) != 0)
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "The partition of ESP '%s' holds no FAT file system with that "
                                 "UUID any more; was it formatted?",
                                 uuid);
        return 0;
}

/* RAID, LVM and encryption claim a partition whatever its superblock looks like. */
static int check_holders(const Root *root, const EspDevice *d, const char *uuid, Error *error) {
        _cleanup_free_ char *path = strprintf("sys/dev/block/%u:%u/holders", major(d->number),
                                              minor(d->number));
        _cleanup_strv_ char **holders = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = directory_list(root, path, NULL, &holders);
        if (r == -ENOMEM)
                return r;
        if (strv_isempty(holders))
                return 0;
        return error_set(error, ERROR_ESP_IN_USE,
                         "The partition of ESP '%s' is in use by '%s'; take it out of there first",
                         uuid, holders[0]);
}

static int check_id(const EspDevice *d, const char *uuid, const DeviceId *id, Error *error) {
        int r = device_id_is_set(id) ? block_fd_check(d->fd, id) : 0;

        if (r == -ESTALE)
                return error_set(error, ERROR_DEVICE_CHANGED,
                                 "ESP '%s' is on another device now than on the one that was asked "
                                 "for, and nothing was written to it; look at both with 'lsblk -o "
                                 "+UUID', and ask again",
                                 uuid);
        return r < 0 ? error_set_errno(error, r, "Cannot look at the disk of ESP '%s'", uuid) : 0;
}

int esp_device_open(const Root *root, int path_fd, const char *uuid, const DeviceId *id,
                    EspDevice *ret, Error *error) {
        _cleanup_(esp_device_done) EspDevice d = ESP_DEVICE_INIT;
        struct stat st;
        int r;

        d.fd = fd_reopen(path_fd, O_RDONLY | O_NONBLOCK);
        safe_close(path_fd);
        if (d.fd < 0 || fstat(d.fd, &st) < 0)
                return error_set_errno(error, d.fd < 0 ? d.fd : errno,
                                       "Cannot open the disk of ESP '%s'", uuid);
        d.number = st.st_rdev;
        r = check_id(&d, uuid, id, error);
        if (r < 0)
                return r;
        if (flock(d.fd, LOCK_EX | LOCK_NB) < 0)
                return error_set(error, ERROR_BUSY,
                                 "ESP '%s' is being worked on by another process; try again when "
                                 "that has ended",
                                 uuid);
        r = check_holders(root, &d, uuid, error);
        if (r >= 0)
                r = check_content(&d, uuid, error);
        if (r < 0)
                return r;

        *ret = d;
        d = ESP_DEVICE_INIT;
        return 0;
}

int esp_device_begin_writing(const EspDevice *d, const Root *root, const char *uuid, Error *error) {
        _cleanup_(block_device_done) BlockDevice device = {};
        int r;

        if (block_fd_is_read_only(d->fd) <= 0) {
                block_fd_forget_errors(d->fd);
                return 0;
        }
        r = block_device_at(root, d->number, &device);
        if (r == -ENOMEM)
                return r;
        return error_set(error, ERROR_READ_ONLY,
                         "ESP '%s' is on '%s%s', which is write-protected, by a switch on it or "
                         "because it is worn out; switch that off, or replace the disk",
                         uuid, device.name ? "/dev/" : "",
                         device.name ?: "a device without a name");
}

int esp_device_find_mount(const EspDevice *d, char **ret_target, bool *ret_read_only) {
        _cleanup_(mnt_unref_tablep) struct libmnt_table *table = NULL;
        struct libmnt_fs *fs;
        const char *options;
        char *target;

        errno = 0;
        table = mnt_new_table_from_file("/proc/self/mountinfo");
        if (!table)
                return -(errno ?: EIO);
        fs = mnt_table_find_devno(table, d->number, MNT_ITER_BACKWARD);
        if (!fs)
                return 0;
        target = strdup(strempty(mnt_fs_get_target(fs)));
        if (!target)
                return -ENOMEM;
        options = strempty(mnt_fs_get_fs_options(fs));
        *ret_target = target;
        *ret_read_only = mnt_optstr_get_option(options, "ro", NULL, NULL) == 0;
        return 1;
}

int esp_device_wait_free(const EspDevice *d) {
        _cleanup_close_ int fd = block_fd_claim(d->fd, O_RDONLY, BUSY_TRIES);

        return MIN(fd, 0);
}

int esp_device_read(uint64_t offset, void *buffer, size_t size, void *userdata) {
        const EspDevice *d = userdata;
        size_t have = 0;

        while (have < size) {
                ssize_t n = pread(d->fd, (char *) buffer + have, size - have,
                                  (off_t) (offset + have));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* beyond the end of the partition */
                have += (size_t) n;
        }
        return 0;
}
