/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All access is libefivar's, which knows efivarfs: that most variables are immutable files, and
 * that a value is one write(2). It goes to a directory by name, chosen from the environment before
 * main() began (engine/task sees to that). So before each use it is made sure that this is the
 * directory below our root, and that there is no symlink in it: none of a foreign root leads to the
 * host's firmware. */

#include "blocking/firmware/efi-variable.h"

#include <efivar/efivar.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define ATTRIBUTES_SIZE 4
#define ATTRIBUTES \
        (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)

/* The reason for -EXDEV, as a part of a sentence. */
#define EFI_VARIABLES_ASTRAY                                            \
        "libefivar would not find them below this root; see whether a " \
        "symlink leads to another place"

/* libefivar does not always say why. */
static int library_error(void) {
        return errno > 0 ? -errno : -EIO;
}

static efi_guid_t vendor_guid(const char *vendor) {
        efi_guid_t guid = {};
        int r = efi_str_to_guid(vendor, &guid);

        assert(r >= 0);
        (void) r;
        return guid;
}

/* The directory of the variables, if libefivar goes there, too; else -EXDEV. -ENOENT if there are
 * none: its functions must not even be called then. */
static int open_directory(const Root *root) {
        _cleanup_close_ int fd = root_openat(root, PATH_EFI_VARIABLES, O_PATH | O_DIRECTORY, 0);
        struct stat ours, theirs;

        if (fd == -ENOTDIR || !efi_variables_supported())
                return -ENOENT;
        if (fd < 0)
                return fd;
        if (fstat(fd, &ours) < 0 ||
            stat(secure_getenv("EFIVARFS_PATH") ?: "/" PATH_EFI_VARIABLES "/", &theirs) < 0)
                return -errno;
        return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino ? TAKE_FD(fd) : -EXDEV;
}

/* The size of the value in the variable's file. -ENOENT, or -EBADMSG if it is no file. */
static int stat_variable(int directory, const char *vendor, const char *name, size_t *ret_size) {
        _cleanup_free_ char *file = strprintf("%s-%s", name, vendor);
        struct stat st;

        if (!file)
                return -ENOMEM;
        if (fstatat(directory, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        *ret_size = st.st_size > ATTRIBUTES_SIZE ? (size_t) st.st_size - ATTRIBUTES_SIZE : 0;
        return 0;
}

static int read_value(const Root *root, const char *vendor, const char *name, uint8_t **ret,
                      size_t *ret_size) {
        _cleanup_close_ int directory = open_directory(root);
        uint32_t attributes;
        uint8_t *data;
        size_t size;
        int r;

        assert(ret);
        assert(ret_size);

        if (directory < 0)
                return directory;
        r = stat_variable(directory, vendor, name, &size);
        if (r < 0)
                return r;
        if (size > EFI_VARIABLE_SIZE_MAX)
                return -EFBIG;
        if (efi_get_variable(vendor_guid(vendor), name, &data, &size, &attributes) < 0)
                return library_error();
        *ret = data;
        *ret_size = size;
        return 0;
}

int efi_variable_read(const Root *root, const char *vendor, const char *name, uint8_t **ret,
                      size_t *ret_size, Error *error) {
        int r = read_value(root, vendor, name, ret, ret_size);

        if (r == -ENOENT) {
                *ret = NULL;
                *ret_size = 0;
                return 0;
        }
        if (r == -EFBIG)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware's variable '%s' is larger than %d KiB, so that it "
                                 "is not read; reset the firmware's settings to its defaults",
                                 name, EFI_VARIABLE_SIZE_MAX / 1024);
        if (r == -EXDEV)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "Cannot read the firmware's variables: " EFI_VARIABLES_ASTRAY);
        if (r < 0 && r != -ENOMEM)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware does not give its variable '%s' (%s); try again "
                                 "after a reboot",
                                 name, strerror(-r));
        return r;
}

int efi_variable_list(const Root *root, const char *vendor, bool (*wanted)(const char *name),
                      char ***ret) {
        _cleanup_close_ int directory = open_directory(root);
        const efi_guid_t guid = vendor_guid(vendor);
        _cleanup_strv_ char **names = NULL;
        efi_guid_t *next = NULL;
        char *name = NULL;
        int r, failed = 0;

        assert(ret);

        if (directory < 0)
                return directory;
        /* To the end in any case: libefivar would begin the next list where this one was left. */
        while ((r = efi_get_next_variable_name(&next, &name)) > 0)
                if (failed >= 0 && efi_guid_cmp(next, &guid) == 0 && wanted(name))
                        failed = strv_extend(&names, name);
        if (r < 0)
                return library_error();
        if (failed < 0)
                return failed;
        strv_sort_uniq(names, strcmp);
        *ret = TAKE_PTR(names);
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
                { EXDEV, ERROR_FIRMWARE_ERROR, EFI_VARIABLES_ASTRAY },
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

static bool has_value(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                      size_t size) {
        _cleanup_free_ uint8_t *now = NULL;
        size_t now_size;

        return read_value(root, vendor, name, &now, &now_size) >= 0 && now_size == size &&
               memcmp(now, data, size) == 0;
}

static int write_variable(int directory, const char *vendor, const char *name, const uint8_t *data,
                          size_t size) {
        const efi_guid_t guid = vendor_guid(vendor);
        size_t old_size = 0;
        struct statfs fs;
        int r;

        r = stat_variable(directory, vendor, name, &old_size);
        if (r < 0 && r != -ENOENT)
                return r;
        /* A plain directory would keep the rest of the old value. */
        if (old_size > size && fstatfs(directory, &fs) >= 0 && fs.f_type != EFIVARFS_MAGIC &&
            efi_del_variable(guid, name) < 0)
                return library_error();
        if (efi_set_variable(guid, name, (uint8_t *) data, size, ATTRIBUTES, 0644) < 0)
                return library_error();
        return 0;
}

int efi_variable_write(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                       size_t size, Error *error) {
        _cleanup_close_ int directory = open_directory(root);
        int r;

        assert(size > 0); /* an empty value would delete it */

        if (has_value(root, vendor, name, data, size))
                return 0;
        r = directory < 0 ? directory : write_variable(directory, vendor, name, data, size);
        if (r == -ENOMEM)
                return r;
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
        _cleanup_close_ int directory = open_directory(root);
        size_t size;
        int r;

        r = directory < 0 ? directory : stat_variable(directory, vendor, name, &size);
        if (r >= 0 && efi_del_variable(vendor_guid(vendor), name) < 0)
                r = library_error();
        if (r == -ENOENT || r == -ENOMEM)
                return r == -ENOENT ? 0 : r;
        return r < 0 ? set_error(error, name, r) : 1;
}
