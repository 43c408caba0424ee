/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* efivarfs: four bytes of attributes, then the value; all of it is written by one write(2), which
 * the kernel hands to the firmware. Most variables are immutable files, so that 'rm -rf' does no
 * harm; we mean it.
 *
 * Not by libefivar: it chooses its directory from the environment in a constructor, before main(),
 * and goes there by name, so that a symlink below a foreign root could lead it to the host's
 * firmware. */

#include "blocking/efi-variable.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "sys/file.h"

#define ATTRIBUTES_SIZE 4
/* EFI_VARIABLE_NON_VOLATILE, _BOOTSERVICE_ACCESS, _RUNTIME_ACCESS */
#define ATTRIBUTES 0x07

static char *variable_path(const char *vendor, const char *name) {
        return strprintf(PATH_EFI_VARIABLES "/%s-%s", name, vendor);
}

int efi_variable_read(const Root *root, const char *vendor, const char *name, uint8_t **ret,
                      size_t *ret_size) {
        _cleanup_free_ char *path = variable_path(vendor, name), *data = NULL;
        size_t size;
        int r;

        assert(ret);
        assert(ret_size);

        if (!path)
                return -ENOMEM;
        r = file_read(root, path, EFI_VARIABLE_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        if (size < ATTRIBUTES_SIZE)
                return -EBADMSG;
        memmove(data, data + ATTRIBUTES_SIZE, size - ATTRIBUTES_SIZE);
        *ret = (uint8_t *) TAKE_PTR(data);
        *ret_size = size - ATTRIBUTES_SIZE;
        return 0;
}

static int set_error(Error *error, const char *name, int error_number) {
        static const struct {
                int error_number;
                ErrorCode code;
                const char *reason;
        } reasons[] = {
                { EROFS, ERROR_READ_ONLY,
                  "they are mounted read-only; run 'mount -o remount,rw "
                  "/sys/firmware/efi/efivars'" },
                { ENOENT, ERROR_NOT_SUPPORTED,
                  "there are none; was the host booted by UEFI, and is efivarfs mounted?" },
                { ENOSPC, ERROR_FIRMWARE_ERROR,
                  "its memory is full; delete boot entries that nobody needs with 'efibootmgr'" },
                { EACCES, ERROR_FIRMWARE_ERROR, "access is denied; this needs root" },
                { EPERM, ERROR_FIRMWARE_ERROR,
                  "access is denied; a setting of the firmware may protect it" },
        };

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i].error_number == abs(error_number))
                        return error_set(error, reasons[i].code,
                                         "Cannot change '%s' among the firmware's variables: %s",
                                         name, reasons[i].reason);
        return error_set(error, ERROR_FIRMWARE_ERROR,
                         "Cannot change '%s' among the firmware's variables (%s); try again after "
                         "a reboot, and look for an update of the firmware",
                         name, strerror(abs(error_number)));
}

/* True if that changed something. Plain directories have file systems that know no such flag. */
static bool set_immutable(int fd, bool immutable) {
        int flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !!(flags & FS_IMMUTABLE_FL) == immutable)
                return false;
        flags ^= FS_IMMUTABLE_FL;
        return ioctl(fd, FS_IOC_SETFLAGS, &flags) >= 0;
}

/* The directory of the variables. Where efivarfs is not mounted, sysfs has an empty one. */
static int open_directory(const Root *root) {
        _cleanup_close_ int fd = root_openat(root, PATH_EFI_VARIABLES, O_RDONLY | O_DIRECTORY, 0);
        struct statfs fs;

        if (fd < 0)
                return fd == -ENOTDIR ? -ENOENT : fd;
        if (fstatfs(fd, &fs) < 0)
                return -errno;
        return fs.f_type == SYSFS_MAGIC ? -ENOENT : TAKE_FD(fd);
}

static int write_once(int fd, const uint8_t *data, size_t size) {
        struct stat st;
        ssize_t n;

        do
                n = write(fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if ((size_t) n != size || fstat(fd, &st) < 0)
                return -EIO;
        /* A plain directory keeps the rest of a longer old value. */
        if ((uint64_t) st.st_size > size && ftruncate(fd, (off_t) size) < 0)
                return -errno;
        return 0;
}

static int write_file(int directory, const char *file, const uint8_t *data, size_t size) {
        const int flags = O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
        _cleanup_close_ int old = openat(directory, file, O_RDONLY | flags), fd = -EBADF;
        const bool create = old < 0;
        bool immutable;
        int r;

        if (create && errno != ENOENT)
                return -errno;
        immutable = !create && set_immutable(old, false);
        fd = openat(directory, file, O_WRONLY | flags | (create ? O_CREAT | O_EXCL : 0), 0644);
        r = fd < 0 ? -errno : write_once(fd, data, size);
        if (immutable)
                (void) set_immutable(old, true);
        if (r < 0 && fd >= 0 && create) {
                (void) set_immutable(fd, false);
                (void) unlinkat(directory, file, 0);
        }
        return r;
}

static bool has_value(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                      size_t size) {
        _cleanup_free_ uint8_t *now = NULL;
        size_t now_size;

        return efi_variable_read(root, vendor, name, &now, &now_size) >= 0 && now_size == size &&
               memcmp(now, data, size) == 0;
}

int efi_variable_write(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                       size_t size, Error *error) {
        _cleanup_free_ char *file = strprintf("%s-%s", name, vendor);
        _cleanup_free_ uint8_t *bytes = calloc(1, ATTRIBUTES_SIZE + size);
        _cleanup_close_ int directory = -EBADF;
        int r;

        assert(size > 0); /* an empty value would delete it */

        if (!file || !bytes)
                return -ENOMEM;
        if (has_value(root, vendor, name, data, size))
                return 0;
        bytes[0] = ATTRIBUTES;
        memcpy(bytes + ATTRIBUTES_SIZE, data, size);

        directory = open_directory(root);
        r = directory < 0 ? directory : write_file(directory, file, bytes, ATTRIBUTES_SIZE + size);
        if (r < 0)
                return set_error(error, name, r);
        if (!has_value(root, vendor, name, data, size))
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware took a new value of its variable '%s' and does not "
                                 "have it now; look for an update of the firmware",
                                 name);
        return 1;
}

int efi_variable_remove(const Root *root, const char *vendor, const char *name, Error *error) {
        _cleanup_free_ char *file = strprintf("%s-%s", name, vendor);
        _cleanup_close_ int directory = open_directory(root), fd = -EBADF;

        if (!file)
                return -ENOMEM;
        if (directory == -ENOENT)
                return 0;
        if (directory < 0)
                return set_error(error, name, directory);
        fd = openat(directory, file, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
                (void) set_immutable(fd, false);
        if (unlinkat(directory, file, 0) < 0)
                return errno == ENOENT ? 0 : set_error(error, name, errno);
        return 1;
}
