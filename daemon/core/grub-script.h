/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The commands of a GRUB script, one at a time. */

#include "common/macros.h"

/* What becomes of the blocks "{ … }" with a command. */
typedef enum GrubBlock {
        GRUB_BLOCK_SAME,
        GRUB_BLOCK_OPENS,  /* "menuentry 'x' {": the block belongs to the command */
        GRUB_BLOCK_CLOSES, /* behind the command, which may have no words */
} GrubBlock;

typedef struct GrubCommand {
        char **words; /* n_words; quotes and backslashes are taken away, "$x" and "${x}" stay */
        size_t n_words, n_allocated;
        GrubBlock block;
} GrubCommand;

void grub_command_done(GrubCommand *c);

/* The next command of @text. *@pos starts at 0. The words that begin a branch ("then", "else",
 * "do") are skipped. Returns 1, or 0 at the end. -EBADMSG for a quote or "${" that is never closed;
 * or -ENOMEM. */
int grub_script_next(const char *text, size_t size, size_t *pos, GrubCommand *ret);
