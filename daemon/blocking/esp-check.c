/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The comparison of an ESP with its source: by stat alone where the plan says what may be trusted,
 * else byte by byte. Bytes are compared with the source itself rather than by two digests, so that
 * the first difference ends the reading; the digest of an equal file comes with the same pass. */

#include "blocking/esp-check.h"

#include <fcntl.h>

#include "blocking/source.h"
#include "common/fd.h"

typedef struct Comparison {
        const Source *source;
        char *block; /* of the source */
        uint64_t offset;
        CopyMeter meter;
        Error *error;
} Comparison;

/* -EILSEQ at the first difference. */
static int compare_block(const void *data, size_t size, void *userdata) {
        Comparison *c = userdata;
        size_t have = 0;
        int r;

        r = copy_meter_ask(&c->meter);
        if (r < 0)
                return r;
        while (have < size) {
                ssize_t n = pread(c->source->fd, c->block + have, size - have,
                                  (off_t) (c->offset + have));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return source_fail(c->source, c->error, errno);
                if (n == 0)
                        return -EILSEQ;
                have += (size_t) n;
        }
        if (memcmp(c->block, data, size) != 0)
                return -EILSEQ;
        c->offset += size;
        if (copy_meter_add(&c->meter, 2 * size))
                copy_meter_tell(&c->meter);
        return 0;
}

/* Both files have the same size. */
static int compare_content(const EspVolume *v, const Source *source, const CopyWatch *watch,
                           EspFile *file, Error *error) {
        _cleanup_free_ char *block = malloc(COPY_BLOCK_SIZE);
        _cleanup_close_ int fd = -EBADF;
        Comparison c = {
                .source = source,
                .block = block,
                .meter = { .watch = watch, .move = COPY_READ },
                .error = error,
        };
        uint64_t size;
        int r;

        if (!block)
                return -ENOMEM;
        fd = esp_openat(v, file->path, O_RDONLY, 0);
        if (fd < 0)
                return esp_fail(v, error, fd, "read", file->path);
        digest_bypass_cache(fd);
        r = digest_read(fd, compare_block, &c, &size, file->sha256);
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
                memcpy(file->sha256, step->sha256, DIGEST_HEX_SIZE);
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
