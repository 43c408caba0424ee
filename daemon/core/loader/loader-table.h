/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every boot loader that there is: one line each, which names the constant ESP_LOADER_… and the
 * objects of its folders, loader_… and plan_loader_… on the core floor and loader_install_… on the
 * blocking one. Where nobody chooses, the first that this host can start is taken. */

#ifndef LOADER_TABLE /* a test has a longer one */
#define LOADER_TABLE(X)               \
        X(SYSTEMD_BOOT, systemd_boot) \
        X(GRUB, grub)
#endif
