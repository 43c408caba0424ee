/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way into an ESP. Everything else on this floor works on the directory that is opened and
 * locked here and does not know what kind of ESP it is: a partition with a FAT file system, or a
 * plain directory, which needs no mount and no privileges. Nothing that lies on an ESP is trusted
 * to stay within it. */

#include "blocking/esp-open.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/fat.h"
#include "sys/boot-dir.h"

int esp_volume_close(EspVolume *v, Error *error) {
        v->fd = safe_close(v->fd);
        return v->mount.mounted ? esp_unmount(&v->mount, v->uuid, error) : 0;
}

void esp_volume_done(EspVolume *v) {
        safe_close(v->fd);
        esp_mount_done(&v->mount);
        esp_device_done(&v->device);
        free(v->uuid);
        *v = ESP_VOLUME_INIT;
}

static int fail_open(const char *uuid, Error *error, int error_number) {
        switch (abs(error_number)) {
        case ENOENT:
                return error_set(error, ERROR_ESP_MISSING,
                                 "ESP '%s' is not there; attach its disk, or remove it from the "
                                 "list of ESPs",
                                 uuid);
        case ENOTDIR:
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "'/" PATH_BY_UUID "/%s' is neither a partition nor a directory; "
                                 "remove it from the list of ESPs",
                                 uuid);
        case EWOULDBLOCK:
                return error_set(error, ERROR_BUSY,
                                 "ESP '%s' is being worked on by another process; try again when "
                                 "that has ended",
                                 uuid);
        default: /* errno is not our enum */
                return error_set_errno(error, error_number,
                                       "Cannot open ESP '%s' (check its disk, then refresh again)",
                                       uuid);
        }
}

/* While it is mounted the bit is always set, and tells nothing. */
static int look_at_dirty_bit(EspVolume *v, Error *error) {
        uint8_t sector[FAT_BOOT_SECTOR_SIZE];
        _cleanup_free_ char *target = NULL;
        bool read_only, mounted;
        Fat fat;
        int r;

        r = esp_device_find_mount(&v->device, &target, &read_only);
        mounted = r > 0 || (r == 0 && esp_device_wait_free(&v->device) < 0);
        if (r >= 0)
                r = esp_device_read(0, sector, sizeof(sector), &v->device);
        if (r >= 0)
                r = fat_parse(sector, &fat);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot read the FAT of ESP '%s' (check it with fsck.vfat)",
                                       v->uuid);
        v->dirty = fat.dirty && !mounted;
        v->distrust = fat.dirty;
        return 0;
}

int esp_volume_mount(EspVolume *v, bool writable, Error *error) {
        int r;

        r = look_at_dirty_bit(v, error);
        if (r < 0)
                return r;
        v->fd = esp_mount(&v->mount, &v->device, v->uuid, writable, error);
        return MIN(v->fd, 0);
}

static int open_partition(EspVolume *v, const Root *root, int path_fd, const DeviceId *id,
                          bool writable, Error *error) {
        int r;

        r = esp_device_open(root, path_fd, v->uuid, id, &v->device, error);
        if (r >= 0)
                r = esp_mount_prepare(root, v->uuid, &v->mount, error);
        return r < 0 ? r : esp_volume_mount(v, writable, error);
}

static int open_directory(EspVolume *v, const Root *root, const char *path, Error *error) {
        v->fd = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
        if (v->fd < 0)
                return fail_open(v->uuid, error, v->fd);
        return flock(v->fd, LOCK_EX | LOCK_NB) < 0 ? fail_open(v->uuid, error, errno) : 0;
}

/* True if the name of the directory @path leads to it in the other case, too. */
static bool leads_in_other_case(const EspVolume *v, const char *path) {
        _cleanup_close_ int fd = -EBADF, other_fd = -EBADF;
        _cleanup_free_ char *other = strdup(path);
        struct stat st, other_st;

        for (char *p = other; p && *p; p++)
                *p ^= 'a' ^ 'A';
        fd = esp_openat(v, path, O_PATH, 0);
        other_fd = other ? esp_openat(v, other, O_PATH, 0) : -ENOMEM;
        return fd >= 0 && other_fd >= 0 && fstat(fd, &st) >= 0 && fstat(other_fd, &other_st) >= 0 &&
               same_inode(&st, &other_st);
}

/* A FAT does not tell case, even where Linux does for a mount ("iocharset=utf8"). Any other file
 * system is asked, by a directory that is there whichever loader an ESP has. */
static bool folds_case(const EspVolume *v) {
        static const char *const directories[] = { "EFI", "loader", "grub" };
        struct statfs fs;

        if (fstatfs(v->fd, &fs) >= 0 && fs.f_type == MSDOS_SUPER_MAGIC)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (leads_in_other_case(v, directories[i]))
                        return true;
        return false;
}

int esp_volume_open(const Root *root, const char *uuid, const DeviceId *id, bool writable,
                    EspVolume *ret, Error *error) {
        _cleanup_(esp_volume_done) EspVolume v = ESP_VOLUME_INIT;
        _cleanup_close_ int path_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        assert(root);
        assert(uuid);
        assert(id);
        assert(ret);

        path = strprintf(PATH_BY_UUID "/%s", uuid);
        v.uuid = strdup(uuid);
        if (!path || !v.uuid)
                return -ENOMEM;

        path_fd = root_openat(root, path, O_PATH, 0);
        if (path_fd < 0 || fstat(path_fd, &st) < 0)
                return fail_open(uuid, error, path_fd < 0 ? path_fd : -errno);
        if (S_ISBLK(st.st_mode))
                r = open_partition(&v, root, TAKE_FD(path_fd), id, writable, error);
        else if (device_id_is_set(id))
                r = error_set(error, ERROR_DEVICE_CHANGED,
                              "ESP '%s' is no device any more, but one was asked for; ask again",
                              uuid);
        else
                r = open_directory(&v, root, path, error);
        if (r < 0)
                return r;
        v.folds_case = folds_case(&v);

        *ret = v;
        v = ESP_VOLUME_INIT;
        return 0;
}

int esp_openat(const EspVolume *v, const char *path, int flags, mode_t mode) {
        struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC | O_NOFOLLOW),
                .mode = mode,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd;

        /* With O_PATH nothing is opened that could block, and openat2() takes no such flag. */
        if (!(flags & O_PATH))
                how.flags |= O_NONBLOCK;
        fd = (int) syscall(SYS_openat2, v->fd, path, &how, sizeof(how));
        return fd < 0 ? -errno : fd;
}

int esp_open_parent(const EspVolume *v, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;
        int fd;

        parent = slash ? strndup(path, (size_t) (slash - path)) : strdup(".");
        if (!parent)
                return -ENOMEM;
        fd = esp_openat(v, parent, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        *ret_name = slash ? slash + 1 : path;
        return fd;
}

bool esp_may_be_torn(const EspVolume *v, int error_number) {
        return v->dirty && abs(error_number) == EIO;
}

int esp_stat(const EspVolume *v, const char *path, struct stat *ret) {
        _cleanup_close_ int fd = -EBADF;

        fd = esp_openat(v, path, O_PATH, 0);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || esp_may_be_torn(v, fd))
                return 0;
        if (fd < 0)
                return fd;
        return fstat(fd, ret) < 0 ? -errno : 1;
}

void esp_file_set_stat(EspFile *file, const struct stat *st) {
        FileStamp stamp;

        file_stamp_from_stat(st, &stamp);
        file->type = S_ISREG(st->st_mode)   ? FILE_REGULAR
                     : S_ISDIR(st->st_mode) ? FILE_DIRECTORY
                                            : FILE_OTHER;
        file->size = stamp.size;
        file->mtime = stamp.mtime;
}

static const char *advice(int error_number) {
        switch (abs(error_number)) {
        case ENOSPC:
        case EDQUOT:
                return "remove a kernel that is not needed, or use a larger ESP";
        case EROFS:
                return "its file system may be damaged; check it with fsck.vfat";
        case EIO:
                return "its disk may be failing; check it";
        default: /* errno is not our enum */
                return "look at the ESP, then refresh again";
        }
}

int esp_fail(const EspVolume *v, Error *error, int error_number, const char *verb,
             const char *path) {
        return error_set_errno(error, error_number, "Cannot %s '%s' on ESP '%s' (%s)", verb, path,
                               v->uuid, advice(error_number));
}
