/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which kernels dpkg has installed, from the text of var/lib/dpkg/status and updates/NNNN; and what
 * apt's autoremove must not remove of them: etc/apt/apt.conf.d/76pveconf. */

#include "common/macros.h"

/* A host has a few dozen; a text with more of them is not one that dpkg wrote, and would only cost
 * time. */
#define PACKAGE_DB_KERNELS_MAX 2048

typedef struct PackageState PackageState;

typedef struct PackageDb {
        char **kernels; /* versions that Proxmox's packages have installed, "6.8.12-4-pve",
                         * newest first, unique */
        char **series;  /* series of the installed meta-packages, "6.8", newest first, unique */
        /* Names of the installed packages that bring something signed for Secure Boot: shim, GRUB,
         * systemd-boot, a kernel; sorted. */
        char **signed_packages;
        char **linux_images;    /* the same of Debian's own packages, "6.1.0-18-amd64" */
        bool kernel_helper;     /* proxmox-kernel-helper is installed beside us */
        bool has_stanza;        /* while parsing: a package was seen, of whatever name */
        PackageState *packages; /* while parsing: the last known state of each relevant package */
        size_t n_packages, n_packages_allocated;
} PackageDb;

void package_db_done(PackageDb *db);

/* Take in one file's text; a later file's stanza for a package replaces an earlier one, as
 * dpkg's own updates/ directory works. Installed means: wanted "install" or "hold", state neither
 * "not-installed" nor "config-files", not -dbg or -dbgsym (the kernel packages are
 * (proxmox|pve)-kernel-VERSION-pve[-signed] and linux-image-VERSION[-unsigned], where VERSION
 * begins with three numbers, as every kernel's release does and no meta-package's name; series
 * meta-packages (proxmox|pve)-kernel-X.Y; each version must pass kernel_version_is_valid()).
 *
 * Returns 0, -ENOMEM, or -EBADMSG with a sentence fragment in @ret_reason ("line 7 is not a field")
 * when the text is not what dpkg writes: a line that is no field, continuation or separator, a NUL
 * byte, a last line without its end (the file is truncated), a stanza without Package or with two,
 * a kernel without a Status that dpkg knows. A database that cannot be understood must not lead to
 * removals, so nothing is guessed. CRLF line ends are accepted. An empty text is fine (updates may
 * be). After an error @db is only good for package_db_done(). */
int package_db_parse(PackageDb *db, const char *text, size_t size, char **ret_reason);

/* Fill kernels, linux_images, series, signed_packages and kernel_helper from the packages seen. 0,
 * -ENOMEM, or -ENODATA if no stanza at all was seen: an empty status file is not a readable
 * database. */
int package_db_finish(PackageDb *db);

/* APT::NeverAutoRemove with, for each K of @protected_kernels (versions and series), the anchored
 * patterns ^pve-kernel-K$, ^proxmox-kernel-K$ and ^proxmox-kernel-K-signed$, and ^linux-image-K$
 * where K is a version that does not end in "-pve", every character that a POSIX extended regular
 * expression treats specially escaped. -EINVAL if one of them cannot be a
 * version, so that none can end its pattern or the file's syntax early; -ENOMEM. */
int apt_conf_render(char *const *protected_kernels, char **ret);
