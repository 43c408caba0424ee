/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP is mounted only here, for as long as a worker works on it. The namespace is a slave of the
 * host's: nothing that is mounted in it shows anywhere else, and nothing that the host unmounts is
 * kept busy by it. All paths go through descriptors, so that no name below a foreign root is
 * followed twice. */

#include "blocking/esp-mount.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "sys/block-names.h"

#define PATH_FD_MAX sizeof("/proc/self/fd/-2147483648/" ESP_MOUNT_NAME)

/* A time stamp on FAT is local time. Fixed to UTC, what a manifest says of a file stays true when
 * the time zone or the season changes. */
#define OPTIONS "umask=0077,tz=UTC,nodev,nosuid,noexec"

DEFINE_CLEANUP(struct libmnt_context *, mnt_free_context)

static int enter_namespace(void) {
        if (unshare(CLONE_NEWNS) < 0)
                return -errno;
        return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

int esp_mount_prepare(const Root *root, const char *uuid, EspMount *ret, Error *error) {
        _cleanup_(esp_mount_done) EspMount m = ESP_MOUNT_INIT;
        int r;

        r = enter_namespace();
        if (r == -EINVAL) /* propagation belongs to mounts, and "/" is only a directory of one */
                return error_set(error, ERROR_FAILED,
                                 "ESP '%s' cannot be mounted in a chroot whose root is no mount "
                                 "point; bind-mount that directory onto itself and enter it again",
                                 uuid);
        /* What was opened before belongs to the other namespace, where nothing may be mounted. */
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

static void mount_point(const EspMount *m, char ret[static PATH_FD_MAX]) {
        (void) snprintf(ret, PATH_FD_MAX, "/proc/self/fd/%d/" ESP_MOUNT_NAME, m->run_fd);
}

void esp_mount_done(EspMount *m) {
        if (m->mounted)
                (void) esp_unmount(m, "", NULL);
        safe_close(m->run_fd);
        root_free(m->root);
        *m = ESP_MOUNT_INIT;
}

/* GRUB's programs look up what is mounted by the name of its source, so that is to be the kernel's
 * name of the device, where it leads to it. */
static int mount_source(const EspMount *m, const EspDevice *d, char **ret) {
        _cleanup_free_ char *device = NULL;
        struct stat st;
        int r;

        r = block_device_of(m->root, d->number, &device);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || stat(device, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != d->number) {
                free(device);
                device = strprintf("/proc/self/fd/%d", d->fd);
        }
        *ret = TAKE_PTR(device);
        return *ret ? 0 : -ENOMEM;
}

/* One try. */
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

int esp_mount(EspMount *m, const EspDevice *d, const char *uuid, bool writable, Error *error) {
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
        r = mount_vfat(m, d, read_only);
        if (r == -EBUSY)
                return error_set(
                                error, ERROR_ESP_MOUNTED,
                                "ESP '%s' is mounted where it cannot be seen from here, such as in "
                                "a container; unmount it there",
                                uuid);
        if (r < 0)
                return error_set_errno(error, r, "Cannot mount ESP '%s' (%s)", uuid,
                                       r == -ENODEV ? "load the module vfat; it comes with the "
                                                      "package of the kernel that runs"
                                                    : "check it with fsck.vfat");
        m->mounted = true;
        return open_mounted(m, d, uuid, error);
}

int esp_unmount(EspMount *m, const char *uuid, Error *error) {
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
