/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ESP holds, as far as it concerns us. */

#include "blocking/esp-open.h"

/* Size, space, loader and files: EFI/proxmox two levels down, loader/loader.conf (and what a killed
 * run staged for it), loader/entries/X, and whether grub/ is there, with the directories on the
 * way. No symlink is followed, no content is read but the text of loader.conf and entries/X.conf,
 * if it has at most REPORT_TEXT_MAX bytes and no NUL. A text whose size and mtime are those in
 * @known (borrowed; may be empty) is not even opened: it is VERDICT_TRUSTED. Names that
 * plan_path_is_valid() refuses are not ours and are left out. */
int esp_scan(const EspVolume *v, const EspImage *known, EspImage *ret, Error *error);
