/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs say in their last line why they have failed, and the journal is to have all of it while
 * they run, so what they print goes through a pipe. What cannot be handed on is lost: a full
 * journal is no reason for a boot loader to fail. */

#include "blocking/program-output.h"

#include <fcntl.h>

#include "common/fd.h"
#include "common/string-util.h"

#define READS_MAX 32 /* at once: who prints without end must not keep us from its deadline */

int program_output_open(ProgramOutput *o) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        o->fd = fds[0];
        o->write_fd = fds[1];
        return fcntl(o->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

void program_output_done(ProgramOutput *o) {
        o->fd = safe_close(o->fd);
        o->write_fd = safe_close(o->write_fd);
}

static void end_line(ProgramOutput *o) {
        const char *line = o->line;
        size_t size = o->line_size;

        o->line_size = 0;
        text_trim(&line, &size);
        if (size == 0)
                return;
        memcpy(o->last, line, size);
        o->last_size = size;
}

static void take(ProgramOutput *o, const char *data, size_t size) {
        (void) !write(STDERR_FILENO, data, size);
        for (size_t i = 0; i < size; i++)
                if (data[i] == '\n' || data[i] == '\r')
                        end_line(o);
                else if (o->line_size < sizeof(o->line))
                        o->line[o->line_size++] = data[i];
}

void program_output_read(ProgramOutput *o) {
        char data[4096];

        for (unsigned i = 0; i < READS_MAX && o->fd >= 0; i++) {
                ssize_t n = read(o->fd, data, sizeof(data));

                if (n > 0)
                        take(o, data, (size_t) n);
                else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                        o->fd = safe_close(o->fd);
                else if (errno == EAGAIN)
                        break;
        }
}

char *program_output_last_line(const ProgramOutput *o) {
        ProgramOutput rest = *o;

        end_line(&rest); /* one that was not ended is a line as well */
        return string_for_humans(rest.last, rest.last_size, OUTPUT_LINE_MAX);
}
