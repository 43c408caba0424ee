/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB's environment block, grub/grubenv: variables that survive a boot, as lib/envblk.c of GRUB
 * 2.06 reads and writes them. GRUB overwrites the blocks of the file in place, so its size never
 * changes. */

#include "common/macros.h"

#define ESP_GRUB_ENV  "grub/grubenv"
#define GRUB_ENV_SIZE 1024

/* *@ret is NULL if @name is not set; what is set twice has the last value, as it has to GRUB's
 * load_env. -EBADMSG if it is no environment block: not of GRUB_ENV_SIZE bytes, without the first
 * line, or with a line that sets nothing; or -ENOMEM. */
int grub_env_get(const char *text, size_t size, const char *name, char **ret);

/* The new block, GRUB_ENV_SIZE bytes and a NUL; every other variable and comment stays byte for
 * byte. @text == NULL: a fresh block. @value == NULL: unset. @name is a name of GRUB's, without
 * "=". If nothing has to change, the result equals @text. -EBADMSG as above, -ENOSPC if it does not
 * fit, or -ENOMEM. */
int grub_env_set(const char *text, size_t size, const char *name, const char *value, char **ret);
