/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files in boot/ are replaced by package hooks at any time, also while they are copied. A stamp
 * that is the same before and after the copy says that what was read is one version of the file,
 * the one that the plan was made for; anything else is left to the next refresh. */

#include "blocking/copy/source.h"

#include <fcntl.h>

#include "blocking/copy/copy.h"
#include "common/fd.h"
#include "sys/boot-dir.h"
#include "sys/file.h"
#include "sys/kernel-conf.h"

/* Bytes to be compared come out of the page cache, most often, and should still be in the
 * processor's own cache when they are compared. */
#define PIECE_SIZE ((size_t) 128 * 1024)

void source_done(Source *s) {
        safe_close(s->fd);
        free(s->name);
        free(s->piece);
        *s = SOURCE_INIT;
}

static int changed(const Source *s, Error *error) {
        return error_set(error, ERROR_SOURCE_CHANGED,
                         "'%s' changed while it was being read; it will be tried again", s->name);
}

int source_fail(const Source *s, Error *error, int error_number) {
        return error_set_errno(
                        error, error_number,
                        "Cannot read '%s' (check the disk that it is on, then refresh again)",
                        s->name);
}

int source_check(const Source *s, Error *error) {
        struct stat st;
        FileStamp now;

        if (fstat(s->fd, &st) < 0)
                return source_fail(s, error, errno);
        if (!S_ISREG(st.st_mode))
                return changed(s, error);
        file_stamp_from_stat(&st, &now);
        return file_stamp_equal(&now, &s->stamp) ? 0 : changed(s, error);
}

/* Half an initrd has a stamp too, and its writer may pause. A read lease is refused while anybody
 * has the file open for writing (fcntl(2), F_SETLEASE); where leases cannot be had, the stamps must
 * do. */
static int refuse_unfinished(const Source *s, Error *error) {
        if (fcntl(s->fd, F_SETLEASE, F_RDLCK) >= 0) {
                (void) fcntl(s->fd, F_SETLEASE, F_UNLCK);
                return 0;
        }
        if (errno != EAGAIN)
                return 0;
        return error_set(error, ERROR_SOURCE_CHANGED,
                         "'%s' is still being written; it will be tried again when it is complete",
                         s->name);
}

int source_open(const Root *root, const char *path, const FileStamp *stamp, Source *ret,
                Error *error) {
        _cleanup_(source_done) Source s = SOURCE_INIT;
        int r;

        assert(root);
        assert(path);
        assert(ret);

        s.stamp = *stamp;
        s.name = path_for_humans(root, path);
        if (!s.name)
                return -ENOMEM;
        /* Not a regular file is found by the check; a FIFO must not block until then. */
        s.fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (s.fd == -ENOENT)
                return changed(&s, error);
        if (s.fd < 0)
                return source_fail(&s, error, s.fd);
        r = source_check(&s, error);
        if (r >= 0)
                r = refuse_unfinished(&s, error);
        if (r < 0)
                return r;

        *ret = s;
        s = SOURCE_INIT;
        return 0;
}

static int piece_equals(const Source *s, const char *data, size_t size, uint64_t offset,
                        Error *error) {
        ssize_t n = copy_read_block(s->fd, s->piece, size, offset);

        if (n < 0)
                return source_fail(s, error, (int) n);
        return (size_t) n == size && memcmp(s->piece, data, size) == 0;
}

int source_equals(Source *s, const void *data, size_t size, uint64_t offset, Error *error) {
        int r = 1;

        s->piece = s->piece ?: malloc(PIECE_SIZE);
        if (!s->piece)
                return -ENOMEM;
        for (size_t done = 0; r > 0 && done < size; done += PIECE_SIZE)
                r = piece_equals(s, (const char *) data + done, MIN(size - done, PIECE_SIZE),
                                 offset + done, error);
        return r;
}
