/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of an ESP, as far as it concerns us. */

#include "blocking/esp/esp-open.h"
#include "core/plan/plan.h"

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
 * The space is counted by the file system. By its own account (FSInfo) it goes only in a look at a
 * FAT that was unmounted cleanly, where all texts are those in @known, each file that @plan checks
 * is one that it trusts, nothing is left over and 16 MiB are free: then no byte is going to be
 * copied, and a FAT's whole table need not be read to count.
 *
 * The text of grub.cfg is its grub_config_summarise(). Where that can be told, its verdict is
 * whether it was made from @grub_inputs, a digest in hex; NULL: unknown, so it is unchecked. */
int esp_scan(const EspVolume *v, const Plan *plan, const EspImage *known, const char *grub_inputs,
             EspImage *ret, Error *error);
