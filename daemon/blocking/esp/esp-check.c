/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The comparison of an ESP with its source: by stat alone where the plan says what may be trusted,
 * else byte by byte. Bytes are compared with the source itself rather than by two digests, so that
 * the first difference ends the reading. */

#include "blocking/esp/esp-check.h"

#include <fcntl.h>

#include "blocking/copy/source.h"
#include "common/fd.h"

typedef struct Comparison {
        Source *source;
        uint64_t offset;
        CopyMeter meter;
        Error *error;
} Comparison;

/* The source's disk reads what comes next while the ESP's is waited for. */
static void expect(const Comparison *c) {
        (void) posix_fadvise(c->source->fd, (off_t) c->offset, (off_t) 2 * COPY_BLOCK_SIZE,
                             POSIX_FADV_WILLNEED);
}

/* -EILSEQ at the first difference. */
static int compare_block(const void *data, size_t size, void *userdata) {
        Comparison *c = userdata;
        int r;

        r = copy_meter_ask(&c->meter);
        if (r < 0)
                return r;
        r = source_equals(c->source, data, size, c->offset, c->error);
        if (r <= 0)
                return r < 0 ? r : -EILSEQ;
        c->offset += size;
        expect(c);
        copy_meter_add(&c->meter, 2 * size);
        return 0;
}

/* Both files have the same size. */
static int compare_content(const EspVolume *v, Source *source, const CopyWatch *watch,
                           EspFile *file, Error *error) {
        _cleanup_close_ int fd = -EBADF;
        Comparison c = {
                .source = source,
                .meter = { .watch = watch, .move = COPY_READ },
                .error = error,
        };
        uint64_t size;
        int r;

        fd = esp_openat(v, file->path, O_RDONLY, 0);
        if (fd < 0)
                return esp_fail(v, error, fd, "read", file->path);
        copy_bypass_cache(fd);
        expect(&c);
        r = copy_read(fd, compare_block, &c, &size);
        copy_meter_tell(&c.meter);
        if (r == -EIO && !error_is_set(error)) {
                file->verdict = VERDICT_UNREADABLE;
                return 0;
        }
        if (r < 0 && r != -EILSEQ)
                return esp_fail(v, error, r, "read", file->path);

        file->verdict = r == 0 && size == source->stamp.size ? VERDICT_EQUAL : VERDICT_DIFFERS;
        return source_check(source, error);
}

static int compare(const EspVolume *v, const Root *root, const PlanStep *step,
                   const CopyWatch *watch, EspFile *file, Error *error) {
        _cleanup_(source_done) Source source = SOURCE_INIT;
        int r;

        if (file->type == FILE_REGULAR && step->trust && !v->distrust &&
            file->size == step->esp_size && file->mtime == step->esp_mtime) {
                file->verdict = VERDICT_TRUSTED;
                return 0;
        }
        if (file->type != FILE_REGULAR || file->size != step->stamp.size) {
                file->verdict = VERDICT_DIFFERS;
                return 0;
        }
        r = source_open(root, step->source, &step->stamp, &source, error);
        if (r < 0)
                return r;
        return compare_content(v, &source, watch, file, error);
}

int esp_check(const EspVolume *v, const Root *root, const PlanStep *step, const CopyWatch *watch,
              EspFile *ret, Error *error) {
        _cleanup_(esp_file_done) EspFile file = {};
        struct stat st;
        int r;

        assert(step->action == PLAN_CHECK);
        assert(ret);

        r = esp_stat(v, step->path, &st);
        if (r < 0)
                return esp_fail(v, error, r, "look at", step->path);
        if (r == 0)
                return 0;

        file.path = strdup(step->path);
        if (!file.path)
                return -ENOMEM;
        esp_file_set_stat(&file, &st);
        r = compare(v, root, step, watch, &file, error);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(file);
        return 1;
}

int esp_keep(const EspVolume *v, const PlanStep *step, Error *error) {
        EspFile file = {};
        struct stat st;
        int r;

        r = esp_stat(v, step->path, &st);
        if (r < 0)
                return esp_fail(v, error, r, "look at", step->path);
        if (r > 0)
                esp_file_set_stat(&file, &st);
        if (r > 0 && file.type == FILE_REGULAR && file.size == step->esp_size &&
            file.mtime == step->esp_mtime)
                return 0;

        (void) error_set(error, ERROR_FAILED,
                         "'%s' on ESP '%s' changed since it was looked at; it will be tried again",
                         step->path, v->uuid);
        return -ESTALE;
}
