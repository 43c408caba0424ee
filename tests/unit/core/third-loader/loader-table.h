/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The table of core/loader/loader-table.h with one line more; a test compares the two. */

#define LOADER_TABLE(X)               \
        X(SYSTEMD_BOOT, systemd_boot) \
        X(GRUB, grub)                 \
        X(NONESUCH, nonesuch)
