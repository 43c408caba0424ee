/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a program prints: handed on to our stderr as it comes, and its last line kept. */

#include "common/macros.h"

#define OUTPUT_LINE_MAX 300 /* bytes of a line that are kept */

typedef struct ProgramOutput {
        int fd;       /* our end of the pipe; negative when all was read */
        int write_fd; /* the program's */
        char line[OUTPUT_LINE_MAX], last[OUTPUT_LINE_MAX];
        size_t line_size, last_size;
} ProgramOutput;

#define PROGRAM_OUTPUT_INIT ((ProgramOutput){ .fd = -EBADF, .write_fd = -EBADF })

int program_output_open(ProgramOutput *o);
void program_output_done(ProgramOutput *o);

/* Take what is there, and do not wait for more. */
void program_output_read(ProgramOutput *o);

/* The last line that was not blank, fit for a message; "" if there was none. NULL when out of
 * memory. */
char *program_output_last_line(const ProgramOutput *o);
