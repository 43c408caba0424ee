/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text that keeps apt's autoremove away from kernels that we keep. apt matches package names
 * against POSIX extended regular expressions (regcomp(3)) and searches, so each pattern is anchored
 * and escaped: 6.8.1-1-pve must not protect 6.8.1-11-pve. */

#include "core/apt-conf.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

static void append_pattern(Buffer *b, const char *prefix, const char *kernel, const char *suffix) {
        buffer_printf(b, "        \"^%s", prefix);
        for (const char *c = kernel; *c; c++) {
                if (strchr(".[\\()*+?{|^$", *c))
                        buffer_puts(b, "\\");
                buffer_append(b, c, 1);
        }
        buffer_printf(b, "%s$\";\n", suffix);
}

/* Proxmox's kernels end in "-pve", and the X.Y of a series is in the names of its meta-packages
 * alone. */
static bool is_of_debian(const char *kernel) {
        const char *dot = strchr(kernel, '.');

        return !endswith(kernel, "-pve") && dot && strchr(dot + 1, '.');
}

int apt_conf_render(char *const *protected_kernels, char **ret) {
        Buffer b = {};

        buffer_puts(&b, "// Written by bootsyncd: the kernels that it keeps. Changes are lost.\n"
                        "APT::NeverAutoRemove\n"
                        "{\n");
        for (char *const *k = protected_kernels; k && *k; k++) {
                if (!kernel_version_is_valid(*k)) {
                        buffer_done(&b);
                        return -EINVAL;
                }
                append_pattern(&b, "pve-kernel-", *k, "");
                append_pattern(&b, "proxmox-kernel-", *k, "");
                append_pattern(&b, "proxmox-kernel-", *k, "-signed");
                if (is_of_debian(*k))
                        append_pattern(&b, "linux-image-", *k, "");
        }
        buffer_puts(&b, "};\n");
        return buffer_take(&b, ret, NULL);
}
