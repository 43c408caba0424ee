/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* With --root the programs of a tree are run by the host's root, and a tree may come from anywhere.
 * So they get namespaces and few capabilities, which is as much as still lets them look at disks:
 * who owns what the tree's dev/ leads to can be overwritten all the same. Namespaces are begun by
 * clone(2) itself, or the program would not be in that of processes. */

#include "blocking/program/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/string-util.h"

#define DEVICE_MAPPER "/dev/mapper/control"

#define CAPABILITY(name) (UINT64_C(1) << (name))
/* Files of the tree may be anybody's. */
#define NEEDED                                                                           \
        (CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_FOWNER) | \
         CAPABILITY(CAP_FSETID))

static const unsigned long flags[_CONFINE_LEVEL_MAX] = {
        [CONFINE_ALL] = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                        CLONE_NEWCGROUP,
        [CONFINE_MOUNTS] = CLONE_NEWNS,
        [CONFINE_NONE] = 0,
};

pid_t confine_fork(ConfineLevel *ret, int *ret_why) {
        int why = 0;

        for (ConfineLevel level = 0; level < _CONFINE_LEVEL_MAX; level++) {
                pid_t pid;

                *ret = level;
                *ret_why = why;
                /* Without a stack of its own the child goes on with a copy of ours. */
                pid = (pid_t) syscall(SYS_clone, flags[level] | SIGCHLD, NULL, NULL, NULL, NULL);
                if (pid >= 0)
                        return pid;
                if (why == 0)
                        why = -errno;
        }
        return -errno;
}

/* Among what the program prints, as there is nobody else in this process to tell it. */
static void tell(const char *verb, const char *what, int error) {
        (void) dprintf(STDERR_FILENO, "The program %s the host's %s: %s.\n", verb, what,
                       strerror(error));
}

static bool is_file_system(const char *path, unsigned long magic) {
        struct statfs st;

        return statfs(path, &st) >= 0 && (unsigned long) st.f_type == magic;
}

/* To /proc belong switches of the whole kernel, such as kernel.core_pattern, and the processes of
 * whoever has mounted it. One that cannot be replaced is taken away. */
static void limit_proc(void) {
        if (!is_file_system("/proc", PROC_SUPER_MAGIC) ||
            mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) >=
                            0 ||
            umount2("/proc", MNT_DETACH) >= 0)
                return;
        tell("sees", "/proc", errno);
}

/* The firmware's variables are below it; nothing that we run writes them. */
static void limit_sys(void) {
        struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

        if (is_file_system("/sys", SYSFS_MAGIC) &&
            mount_setattr(AT_FDCWD, "/sys", AT_RECURSIVE, &attributes, sizeof(attributes)) < 0)
                tell("can write to", "/sys", errno);
}

/* Ways to talk to other programs of the host, where somebody has mounted them into the tree. */
static void limit_talk(void) {
        static const char *const detached[] = { "/dev/pts", "/dev/shm", "/dev/mqueue" };
        static const char *const covered[] = { "/run/dbus", "/run/systemd" };

        for (size_t i = 0; i < ELEMENTSOF(detached); i++)
                if (umount2(detached[i], MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
                        tell("can use", detached[i], errno);
        for (size_t i = 0; i < ELEMENTSOF(covered); i++)
                if (mount("none", covered[i], "tmpfs", MS_RDONLY, "size=4k") < 0 &&
                    errno != ENOENT && errno != ENOTDIR)
                        tell("can use", covered[i], errno);
}

/* The host's mounts are gone then, but for those below the root. */
static int enter_mounts(const char *root) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(root) < 0)
                return -errno;
        /* A root that is no mount point, as in a chroot, cannot be exchanged. */
        if (syscall(SYS_pivot_root, ".", ".") >= 0) {
                if (umount2(".", MNT_DETACH) < 0)
                        return -errno;
        } else if (chroot(".") < 0)
                return -errno;
        if (chdir("/") < 0)
                return -errno;
        limit_proc();
        limit_sys();
        limit_talk();
        return 0;
}

/* An exec by root gives what is in the bounding set, or inheritable. The ioctls of the device
 * mapper, by which GRUB asks for LVM and the like, are for CAP_SYS_ADMIN only. */
static int drop_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
        uint64_t needed = NEEDED;

        if (access(DEVICE_MAPPER, F_OK) >= 0)
                needed |= CAPABILITY(CAP_SYS_ADMIN);
        for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++)
                if (!(i < 64 && needed & CAPABILITY(i)) && prctl(PR_CAPBSET_DROP, i) < 0)
                        return -errno;
        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(data); i++) {
                data[i].permitted &= (uint32_t) (needed >> (32 * i));
                data[i].effective = data[i].permitted;
                data[i].inheritable = 0;
        }
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int confine_enter(const char *root, ConfineLevel level) {
        int r = level == CONFINE_NONE ? -EOPNOTSUPP : enter_mounts(root);

        /* Some containers allow a namespace of mounts, and no mount in it. */
        if (r < 0 && level != CONFINE_NONE && geteuid() == 0)
                tell("has", "mounts", -r);
        if (r < 0)
                r = chroot(root) < 0 || chdir("/") < 0 ? -errno : 0;
        if (r >= 0)
                r = drop_capabilities();
        if (r >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        return r;
}
