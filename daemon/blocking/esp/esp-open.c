/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way into an ESP. Everything else on this floor works on the directory that is opened and
 * locked here and does not know what kind of ESP it is: a partition with a FAT file system, or a
 * plain directory, which needs no mount and no privileges. Nothing that lies on an ESP is trusted
 * to stay within it.
 *
 * An ESP is mounted only here, for as long as a worker works on it. The namespace is a slave of the
 * host's: nothing that is mounted in it shows anywhere else, and nothing that the host unmounts is
 * kept busy by it. All paths go through descriptors, so that no name below a foreign root is
 * followed twice. */

#include "blocking/esp/esp-open.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "blocking/disk/block-fd.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/block.h"
#include "sys/boot-dir.h"

#define PATH_FD_MAX sizeof("/proc/self/fd/-2147483648/" ESP_MOUNT_NAME)

/* A time stamp on FAT is local time. Fixed to UTC, what a manifest says of a file stays true when
 * the time zone or the season changes. */
#define OPTIONS "umask=0077,tz=UTC,nodev,nosuid,noexec"

DEFINE_CLEANUP(struct libmnt_context *, mnt_free_context)

static const char *mount_advice(int error_number) {
        switch (-error_number) {
        case ENODEV:
                return "load the module vfat; it comes with the package of the kernel that runs";
        case EIO:
                return "its disk may be failing; check it";
        default: /* errno is not our enum */
                return "check it with fsck.vfat";
        }
}

static int enter_namespace(void) {
        if (unshare(CLONE_NEWNS) < 0)
                return -errno;
        return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

static void mount_point(const EspMount *m, char ret[static PATH_FD_MAX]) {
        (void) snprintf(ret, PATH_FD_MAX, "/proc/self/fd/%d/" ESP_MOUNT_NAME, m->run_fd);
}

/* Unmount; with this all that was written has been handed to the disk. Nothing below may be open.
 */
static int unmount(EspMount *m, const char *uuid, Error *error) {
        char target[PATH_FD_MAX];

        mount_point(m, target);
        if (umount2(target, UMOUNT_NOFOLLOW) < 0)
                return error_set_errno(error, errno,
                                       "Cannot unmount ESP '%s' (check its disk, then refresh "
                                       "again)",
                                       uuid);
        m->mounted = false;
        return 0;
}

/* Unmounts, whatever that gives. */
static void mount_done(EspMount *m) {
        if (m->mounted)
                (void) unmount(m, "", NULL);
        safe_close(m->run_fd);
        root_free(m->root);
        *m = ESP_MOUNT_INIT;
}

/* Enter a mount namespace that no mount leaves, though the host's mounts and unmounts are still
 * followed, and make the mount point run/bootsync/esp below @root there. Needs CAP_SYS_ADMIN. */
static int prepare_mount(const Root *root, const char *uuid, EspMount *ret, Error *error) {
        _cleanup_(mount_done) EspMount m = ESP_MOUNT_INIT;
        int r;

        r = enter_namespace();
        if (r == -EINVAL) /* propagation belongs to mounts, and "/" is only a directory of one */
                return error_set(error, ERROR_FAILED,
                                 "ESP '%s' cannot be mounted in a chroot whose root is no mount "
                                 "point; bind-mount that directory onto itself and enter it again",
                                 uuid);
        /* A directory that was opened before belongs to the other namespace; nothing may be mounted
         * there. */
        if (r >= 0)
                r = root_open(root_path(root), &m.root);
        if (r >= 0)
                r = root_mkdir_p(m.root, ESP_MOUNT_PATH, 0700);
        if (r >= 0)
                r = m.run_fd = root_openat(m.root, PATH_RUN, O_PATH | O_DIRECTORY, 0);
        if (r < 0)
                return error_set_errno(
                                error, r,
                                "Cannot prepare a private mount point for ESP '%s' (mounting "
                                "needs root)",
                                uuid);
        *ret = m;
        m = ESP_MOUNT_INIT;
        return 0;
}

/* GRUB's programs look up what is mounted by the name of its source, so that is to be the kernel's
 * name of the device, where it leads to it. */
static int mount_source(const EspMount *m, const EspDevice *d, char **ret) {
        _cleanup_(block_device_done) BlockDevice device = {};
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        r = block_device_at(m->root, d->number, &device);
        if (r >= 0)
                r = (path = strprintf("/dev/%s", device.name)) ? 0 : -ENOMEM;
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && stat(path, &st) >= 0 && S_ISBLK(st.st_mode) && st.st_rdev == d->number)
                *ret = TAKE_PTR(path);
        else
                *ret = strprintf("/proc/self/fd/%d", d->fd);
        return *ret ? 0 : -ENOMEM;
}

static int mount_vfat(const EspMount *m, const EspDevice *d, bool read_only) {
        _cleanup_(mnt_free_contextp) struct libmnt_context *context = mnt_new_context();
        _cleanup_free_ char *source = NULL;
        char target[PATH_FD_MAX];
        int r;

        r = context ? mount_source(m, d, &source) : -ENOMEM;
        if (r < 0)
                return r;
        mount_point(m, target);

        /* No fstab, no mount(8) helpers, no utab; and never read-only where writing was meant. */
        r = mnt_context_set_optsmode(context, MNT_OMODE_NOTAB) ?:
            mnt_context_disable_helpers(context, true) ?:
            mnt_context_disable_mtab(context, true) ?:
            mnt_context_disable_canonicalize(context, true) ?:
            mnt_context_enable_rwonly_mount(context, !read_only) ?:
            mnt_context_set_fstype(context, "vfat") ?:
            mnt_context_set_source(context, source) ?:
            mnt_context_set_target(context, target) ?:
            mnt_context_set_options(context, read_only ? "ro," OPTIONS : OPTIONS);
        if (r < 0)
                return r;
        r = mnt_context_mount(context);
        if (mnt_context_syscall_called(context)) {
                int e = mnt_context_get_syscall_errno(context);

                return -e;
        }
        return r > 0 ? -EINVAL : r;
}

/* Whoever looks at the disk claims the partition for a moment, which may be this one. */
static int mount_patiently(const EspMount *m, const EspDevice *d, bool read_only) {
        int r = mount_vfat(m, d, read_only);

        for (unsigned i = 1; i < BLOCK_CLAIM_TRIES && r == -EBUSY; i++) {
                block_claim_pause();
                r = mount_vfat(m, d, read_only);
        }
        return r;
}

/* All mounts of one file system are either writable or not, so a look at one that is mounted
 * writable elsewhere is writable, too, and writes nothing for that. */
static int choose_mode(const EspDevice *d, const char *uuid, bool writable, bool *ret_read_only,
                       Error *error) {
        _cleanup_free_ char *elsewhere = NULL;
        bool read_only = false;
        int r;

        r = esp_device_find_mount(d, &elsewhere, &read_only);
        if (r < 0)
                return error_set_errno(error, r, "Cannot see where ESP '%s' is mounted", uuid);
        if (r > 0 && read_only && writable)
                return error_set(error, ERROR_ESP_MOUNTED,
                                 "ESP '%s' is mounted read-only on '%s', so it cannot be written; "
                                 "unmount it there",
                                 uuid, elsewhere);
        *ret_read_only = r > 0 ? read_only : !writable;
        return 0;
}

/* A name may have come to another device since it was looked up. */
static int open_mounted(const EspMount *m, const EspDevice *d, const char *uuid, Error *error) {
        _cleanup_close_ int fd =
                        openat(m->run_fd, ESP_MOUNT_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(error, errno, "Cannot open ESP '%s' after mounting it",
                                       uuid);
        if (st.st_dev != d->number)
                return error_set(error, ERROR_FAILED,
                                 "Another device than ESP '%s' was mounted, since devices came and "
                                 "went meanwhile; refresh again",
                                 uuid);
        return TAKE_FD(fd);
}

/* Mount @d as vfat with umask=0077: read-only, or with @writable so that an earlier dirty bit
 * stays. Returns its root directory, O_RDONLY | O_DIRECTORY. Errors: ReadOnly if it is to be
 * written and is write-protected; EspMounted if it is mounted read-only elsewhere and is to be
 * written, or mounted where it is not seen. */
static int mount_device(EspMount *m, const EspDevice *d, const char *uuid, bool writable,
                        Error *error) {
        bool read_only = true;
        int r;

        if (writable) {
                r = esp_device_begin_writing(d, m->root, uuid, error);
                if (r < 0)
                        return r;
        }
        r = choose_mode(d, uuid, writable, &read_only, error);
        if (r < 0)
                return r;
        r = mount_patiently(m, d, read_only);
        if (r == -EBUSY)
                return error_set(
                                error, ERROR_ESP_MOUNTED,
                                "ESP '%s' is mounted where it cannot be seen from here, such as in "
                                "a container; unmount it there",
                                uuid);
        if (r < 0)
                return error_set_errno(error, r, "Cannot mount ESP '%s' (%s)", uuid,
                                       mount_advice(r));
        m->mounted = true;
        return open_mounted(m, d, uuid, error);
}

int esp_volume_close(EspVolume *v, Error *error) {
        v->fd = safe_close(v->fd);
        return v->mount.mounted ? unmount(&v->mount, v->uuid, error) : 0;
}

void esp_volume_done(EspVolume *v) {
        safe_close(v->fd);
        mount_done(&v->mount);
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
        int r;

        r = esp_device_find_mount(&v->device, &target, &read_only);
        mounted = r > 0 || (r == 0 && esp_device_wait_free(&v->device) < 0);
        if (r >= 0)
                r = esp_device_read(0, sector, sizeof(sector), &v->device);
        if (r >= 0)
                r = fat_parse(sector, &v->fat);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot read the FAT of ESP '%s' (check it with fsck.vfat)",
                                       v->uuid);
        v->dirty = v->fat.dirty && !mounted;
        v->distrust = v->fat.dirty;
        return 0;
}

int esp_volume_mount(EspVolume *v, bool writable, Error *error) {
        int r;

        r = look_at_dirty_bit(v, error);
        if (r < 0)
                return r;
        v->fd = mount_device(&v->mount, &v->device, v->uuid, writable, error);
        return MIN(v->fd, 0);
}

static int open_partition(EspVolume *v, const Root *root, int path_fd, const DeviceId *id,
                          bool writable, Error *error) {
        int r;

        r = esp_device_open(root, path_fd, v->uuid, id, &v->device, error);
        if (r >= 0)
                r = prepare_mount(root, v->uuid, &v->mount, error);
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

        /* A mount of ours is a FAT; asked for its kind, it would count its free clusters. */
        if (v->mount.mounted)
                return true;
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
