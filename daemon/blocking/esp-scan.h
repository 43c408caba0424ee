/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ESP holds, as far as it concerns us. */

#include "blocking/esp-open.h"

/* Size, space, loader and files: EFI/proxmox two levels down, loader/loader.conf (and what a killed
 * run staged for it), loader/entries/X.conf, grub/ with grub.cfg and grubenv likewise, and the
 * kernel files in the root, with the directories on the way. No symlink is followed, no content is
 * read but the text of loader.conf, entries/X.conf and grubenv, if it has at most REPORT_TEXT_MAX
 * bytes and no NUL. A text whose size and mtime are those in @known (borrowed; may be empty) is not
 * even opened: it is VERDICT_TRUSTED. Names that plan_path_is_valid() refuses are not ours and are
 * left out.
 *
 * Fails, with @error, where there are more than ESP_FILES_MAX files, or more than ESP_TEXT_MAX
 * bytes of paths and texts.
 *
 * The text of grub.cfg is its grub_config_summarise(). Where that can be told, its verdict is
 * whether it was made from @grub_inputs, a digest in hex; NULL: unknown, so it is unchecked. */
int esp_scan(const EspVolume *v, const EspImage *known, const char *grub_inputs, EspImage *ret,
             Error *error);
