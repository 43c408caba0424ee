/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checks of what only a look at the host tells: the modes of our files, room on its file
 * systems, packages, and what the compatibility package has put in the place of others' files. The
 * daemon may run for years beside a hook that somebody has edited, or a diversion that is gone; it
 * never looks at either. What a package has installed is compared by dpkg itself. */

#include "client/doctor/patient.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define PACKAGE   "bootsync"
#define COMPAT    "bootsync-proxmox-compat"
#define LIBEXEC   "/usr/libexec/bootsync-compat"
#define GRUB      "/usr/sbin/grub-install"
#define REINSTALL "apt-get install --reinstall -o Dpkg::Options::=--force-confask,confnew,confmiss"

/* An image with its initrd, of which Proxmox's take some 100 MiB. */
#define BOOT_BYTES_MIN  ((uint64_t) 128 * 1024 * 1024)
#define STATE_BYTES_MIN ((uint64_t) 4 * 1024 * 1024)

static const char *const old_tools[] = { "proxmox-kernel-helper", "pve-kernel-helper" };

/* The path below the root as a word for a shell. Never NULL. */
static char *word_of(const Patient *p, const char *path) {
        _cleanup_free_ char *whole = must(strprintf("%s/%s", p->prefix, path));

        return must(shell_word(whole));
}

/* Of what is there, also of a link that leads nowhere. 0 or -errno. */
static int stat_of(const Patient *p, const char *path, struct stat *ret) {
        _cleanup_close_ int fd = patient_open_file(p, path, O_PATH | O_NOFOLLOW);

        if (fd < 0)
                return fd;
        return fstat(fd, ret) < 0 ? -errno : 0;
}

static bool exists(const Patient *p, const char *path) {
        struct stat st;

        return stat_of(p, path, &st) >= 0;
}

/* Files */

static void look_at_modes(Patient *p) {
        static const char *const paths[] = {
                PATH_BOOT,     PATH_ETC_KERNEL,     PATH_ESP_LIST,  PATH_MANUAL_KERNELS,
                PATH_PIN,      PATH_NEXT_BOOT_PIN,  PATH_CMDLINE,   PATH_CONFIG_DIR,
                PATH_CONFIG,   PATH_CONFIG_DROPINS, PATH_GRUB_CONF, PATH_GRUB_CONF_DIR,
                PATH_APT_CONF, PATH_STATE,          PATH_HISTORY,   PATH_BOOT_ENTRIES,
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *word = word_of(p, paths[i]);
                _cleanup_free_ char *action = must(strprintf("chmod o-w %s", word));
                struct stat st;

                if (stat_of(p, paths[i], &st) >= 0 && !S_ISLNK(st.st_mode) &&
                    (st.st_mode & S_IWOTH))
                        found(p, SEVERITY_FAULT, action,
                              "Everybody may write to /%s, and so choose what boots", paths[i]);
        }
}

/* From before version 6 of Proxmox VE's old tool. */
static void look_at_legacy_lists(Patient *p) {
        static const char *const lists[][2] = {
                { PATH_ETC_KERNEL "/pve-efiboot-uuids", PATH_ESP_LIST },
                { PATH_ETC_KERNEL "/pve-efiboot-manual-kernels", PATH_MANUAL_KERNELS },
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_free_ char *old = word_of(p, lists[i][0]), *list = word_of(p, lists[i][1]);
                _cleanup_free_ char *action =
                                must(exists(p, lists[i][1]) ? strprintf("mv %s %s.unused", old, old)
                                                            : strprintf("mv %s %s", old, list));

                if (exists(p, lists[i][0]))
                        found(p, SEVERITY_WARNING, action, "/%s is read by nobody, but /%s is",
                              lists[i][0], lists[i][1]);
        }
}

static void look_at_state(Patient *p) {
        _cleanup_free_ char *word = word_of(p, PATH_HISTORY ".damaged");
        _cleanup_free_ char *action = must(strprintf("rm %s", word));

        if (exists(p, PATH_HISTORY ".damaged"))
                found(p, SEVERITY_WARNING, action,
                      "The history was damaged, and is kept as /" PATH_HISTORY ".damaged");
}

/* Space */

/* That of the file system which has @path is told. @min: bytes; @action: makes room. */
static void look_at_room(Patient *p, const char *path, uint64_t min, const char *action,
                         const char *why) {
        _cleanup_close_ int fd = patient_open_file(p, path, O_PATH);
        _cleanup_free_ char *left = NULL, *command = command_on(p, "%s", action);
        struct statvfs fs;
        uint64_t bytes;

        if (fd == -ENOENT)
                return; /* the daemon has made none yet, or tells of it */
        if (fd < 0 || fstatvfs(fd, &fs) < 0) {
                found_unknown(p, "df", "It cannot be seen how much room /%s has", path);
                return;
        }
        /* The daemon is root, who may also take what is reserved. */
        bytes = (uint64_t) fs.f_bfree * fs.f_frsize;
        left = must(bytes_for_humans(bytes));
        if (bytes == 0 || (fs.f_files > 0 && fs.f_ffree == 0))
                found(p, SEVERITY_FAULT, command, "/%s is full, so that %s", path, why);
        else if (bytes < min)
                found(p, SEVERITY_WARNING, command, "/%s has no more than %s left, so that %s",
                      path, left, why);
        else
                found(p, SEVERITY_OK, NULL, "/%s has %s left", path, left);
}

static void look_at_boot_room(Patient *p) {
        look_at_room(p, PATH_BOOT, BOOT_BYTES_MIN, "apt-get autoremove --purge",
                     "a new kernel may not fit there");
}

static void look_at_state_room(Patient *p) {
        look_at_room(p, PATH_STATE, STATE_BYTES_MIN, "apt-get clean",
                     "bootsyncd cannot remember what it has done");
}

/* Packages */

static void look_at_packages(Patient *p) {
        static const char *const ours[] = { PACKAGE, COMPAT };
        _cleanup_free_ char *audit = command_on(p, "dpkg --audit");
        _cleanup_free_ char *configure = command_on(p, "dpkg --configure --pending");

        if (!p->has_packages) {
                found_unknown(p, audit, "dpkg does not tell what is installed");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(ours); i++) {
                const Package *package = find_package(p, ours[i]);

                if (!package || streq(package->status, "not-installed") ||
                    streq(package->status, "config-files"))
                        continue;
                if (streq(package->status, "installed"))
                        found(p, SEVERITY_OK, NULL, "%s %s is installed", ours[i],
                              package->version);
                else
                        found(p, SEVERITY_FAULT, configure, "%s is %s, and not installed", ours[i],
                              package->status);
        }
        if (!find_package(p, PACKAGE))
                found(p, SEVERITY_NOTE, NULL, PACKAGE " is not here as a package of dpkg");
}

/* The daemon tells of the other case, in which it leaves the syncing to the old tool. */
static void look_at_old_tool(Patient *p) {
        _cleanup_free_ char *install = command_on(p, "apt-get install " COMPAT);

        for (size_t i = 0; i < ELEMENTSOF(old_tools); i++)
                if (package_is_installed(p, old_tools[i]) && p->has_daemon && p->manager.auto_sync)
                        found(p, SEVERITY_WARNING, install,
                              "%s is installed, so that both it and bootsyncd sync the ESPs",
                              old_tools[i]);
}

/* A purge of it might take the lists along. The compatibility package takes the hooks over. */
static void look_at_leftovers(Patient *p) {
        _cleanup_free_ char *install = command_on(p, "apt-get install " COMPAT);

        for (size_t i = 0; i < ELEMENTSOF(old_tools); i++) {
                const Package *old = find_package(p, old_tools[i]);

                if (old && streq(old->status, "config-files") && !package_is_installed(p, COMPAT))
                        found(p, SEVERITY_WARNING, install,
                              "%s was removed, but its hooks in /etc were not", old_tools[i]);
        }
}

/* A host may do without these. */
static bool is_documentation(const char *path) {
        static const char *const folders[] = { "/usr/share/doc/", "/usr/share/man/",
                                               "/usr/share/locale/", "/usr/share/lintian/" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (startswith(path, folders[i]))
                        return true;
        return false;
}

/* A line of it: "??5?????? c /etc/x" or "missing   c /etc/x", "c" if it is a conffile. */
static void tell_of_file(Patient *p, const char *package, const char *line) {
        const char *path = strchr(line, '/');
        bool missing = startswith(line, "missing"),
             conffile = path && strstr(line, " c ") < path && strstr(line, " c ");
        _cleanup_free_ char *action = command_on(p, REINSTALL " %s", package);

        if (!path || is_documentation(path))
                return;
        found(p, missing || !conffile ? SEVERITY_FAULT : SEVERITY_WARNING, action, "%s of %s is %s",
              path, package, missing ? "not there" : "not as it was installed");
}

static void look_at_installed(Patient *p) {
        static const char *const ours[] = { PACKAGE, COMPAT };
        size_t before = p->n_findings, n = 0;

        for (size_t i = 0; i < ELEMENTSOF(ours); i++) {
                char *verify[] = { (char *) "dpkg", (char *) "--verify", (char *) ours[i], NULL };
                _cleanup_free_ char *text = NULL, *again = NULL;
                char *rest, *line;
                int r;

                if (!package_is_installed(p, ours[i]))
                        continue;
                n++;
                r = run_dpkg(p, verify, &text);
                if (r != 0 && r != 1) {
                        again = command_on(p, REINSTALL " %s", ours[i]);
                        found_unknown(p, again, "dpkg does not tell how the files of %s are",
                                      ours[i]);
                        continue;
                }
                for (rest = text; (line = strsep(&rest, "\n"));)
                        tell_of_file(p, ours[i], line);
        }
        if (n > 0 && p->n_findings == before)
                found(p, SEVERITY_OK, NULL, "All files of " PACKAGE " are as they were installed");
}

/* Diversions */

static bool is_guarded(const Patient *p) {
        _cleanup_close_ int fd = patient_open_file(p, GRUB, O_PATH | O_NOFOLLOW);
        char target[64] = "";

        return fd >= 0 && readlinkat(fd, "", target, sizeof(target) - 1) > 0 &&
               streq(target, LIBEXEC "/grub-install");
}

static void expect_diversion(Patient *p, const char *list, const char *path, const char *to) {
        _cleanup_free_ char *line =
                        must(strprintf("diversion of %s to %s by " COMPAT "\n", path, to));
        _cleanup_free_ char *take = command_on(p, LIBEXEC "/host take");

        if (!strstr(list, line))
                found(p, SEVERITY_FAULT, take, "%s is not diverted to %s", path, to);
}

/* The rest of what "host take" does, where there are ESPs. */
static void look_at_hooks(Patient *p, const char *list) {
        static const char *const hooks[] = { "/etc/kernel/postinst.d/zz-systemd-boot",
                                             "/etc/kernel/postrm.d/zz-systemd-boot",
                                             "/etc/initramfs/post-update.d/systemd-boot" };
        static const char *const hidden[] = {
                "/etc/systemd/system-generators/systemd-gpt-auto-generator",
                "/etc/systemd/system/systemd-boot-update.service",
        };
        _cleanup_free_ char *take = command_on(p, LIBEXEC "/host take");

        for (size_t i = 0; i < ELEMENTSOF(hooks); i++) {
                _cleanup_free_ char *to = must(strprintf("%s.bootsync-off", hooks[i]));

                expect_diversion(p, list, hooks[i], to);
        }
        for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                if (!exists(p, hidden[i]))
                        found(p, SEVERITY_WARNING, take,
                              "There is no %s, so that somebody else may write to an ESP",
                              hidden[i]);
}

static void look_at_diversions(Patient *p) {
        char *divert[] = { (char *) "dpkg-divert", (char *) "--list", NULL };
        _cleanup_free_ char *list = NULL, *take = command_on(p, LIBEXEC "/host take");

        if (!package_is_installed(p, COMPAT))
                return;
        if (run_dpkg(p, divert, &list) != 0) {
                found_unknown(p, "dpkg-divert --list", "dpkg does not tell what is diverted");
                return;
        }
        expect_diversion(p, list, GRUB, GRUB ".real");
        if (!is_guarded(p))
                found(p, SEVERITY_FAULT, take,
                      GRUB " is not the one of " COMPAT ", so that it could write to an ESP");
        if (p->esps.n > 0)
                look_at_hooks(p, list);
}

const Check host_checks[] = {
        { "modes", GROUP_FILES, NEEDS_FILES, NULL, "Nobody but root may change what boots",
          look_at_modes },
        { "legacy-lists", GROUP_FILES, NEEDS_FILES, NULL, NULL, look_at_legacy_lists },
        { "state", GROUP_FILES, NEEDS_FILES, NULL, NULL, look_at_state },
        { "boot-space", GROUP_SPACE, NEEDS_FILES, NULL, NULL, look_at_boot_room },
        { "state-space", GROUP_SPACE, NEEDS_FILES, NULL, NULL, look_at_state_room },
        { "packages", GROUP_PACKAGES, NEEDS_FILES, "packages-unreadable", NULL, look_at_packages },
        { "old-tool", GROUP_PACKAGES, NEEDS_FILES, NULL, NULL, look_at_old_tool },
        { "leftovers", GROUP_PACKAGES, NEEDS_FILES, NULL, NULL, look_at_leftovers },
        { "installed-files", GROUP_PACKAGES, NEEDS_FILES, NULL, NULL, look_at_installed },
        { "diversions", GROUP_PACKAGES, NEEDS_FILES, NULL, NULL, look_at_diversions },
        {},
};
