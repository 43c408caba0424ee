/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Staging: write, sync, and ask the disk whether it has what was written, all under a name that no
 * loader looks at. A file counts as staged only when it was read back; that is done stride by
 * stride, behind the writing. Files are remembered from the moment they are made, so that a run
 * that stops leaves nothing behind; what somebody else left is never written over, because on FAT
 * it may share its clusters with a live file. */

#include "blocking/esp/esp-stage.h"

#include <fcntl.h>

#include "blocking/esp/esp-read-back.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/loader/esp-path.h"

#define FAT_MTIME_SEC 2 /* the resolution of a FAT time stamp */

/* Is written out at once. What follows the last whole one has nobody to work beside, so it is to be
 * small. */
#define STRIDE (2 * COPY_BLOCK_SIZE)

typedef struct Writer {
        const EspVolume *volume;
        const char *path; /* with STAGED_SUFFIX */
        Source *source;   /* of what is written; NULL: the text */
        const char *text;
        int fd;
        uint64_t size;      /* is written, */
        uint64_t submitted; /* is on its way to the disk, */
        uint64_t arrived;   /* is on the disk */
        CopyMeter written;
        ReadBack back;
        Error *error;
} Writer;

void esp_stage_done(EspStage *s) {
        for (size_t i = 0; i < s->n_files; i++)
                free(s->files[i].path);
        free(s->files);
        *s = (EspStage){};
}

static void stage_forget(EspStage *s, size_t i) {
        free(s->files[i].path);
        s->files[i] = s->files[--s->n_files];
}

/* Make @staged, remember @path. Returns the descriptor. */
static int stage_create(EspStage *s, const char *path, const char *staged, Error *error) {
        _cleanup_free_ char *copy = strdup(path);
        int fd;

        if (!copy || !ARRAY_RESERVE(s->files, s->n_allocated, s->n_files + 1))
                return -ENOMEM;
        fd = esp_openat(s->volume, staged, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
                return esp_fail(s->volume, error, fd, "create", staged);
        s->files[s->n_files++] = (StagedFile){ .path = TAKE_PTR(copy) };
        return fd;
}

/* Find out now, not after half an hour of copying, that there is no room. */
static int reserve(const Writer *w, uint64_t size) {
        if (fallocate(w->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) size) >= 0)
                return 0;
        /* Elsewhere it is a favour that a file system need not do. */
        if (errno != ENOSPC && errno != EDQUOT)
                return 0;
        return esp_fail(w->volume, w->error, errno, "write", w->path);
}

/* Length 0 would mean up to the end of the file. */
static int flush_range(const Writer *w, uint64_t begin, uint64_t end, unsigned how) {
        if (begin < end && sync_file_range(w->fd, (off_t) begin, (off_t) (end - begin), how) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        return 0;
}

/* One stride is put into the page cache, the one before it is written out, and the one before that
 * is read back: a slow stick shows life, and the page cache never holds much that is dirty. What
 * was written out is not yet sure to outlast a power cut; see writer_finish(). */
static int next_stride(Writer *w) {
        const uint64_t end = w->submitted;
        int r;

        r = flush_range(w, end, w->size, SYNC_FILE_RANGE_WRITE);
        if (r >= 0)
                r = flush_range(w, w->arrived, end, SYNC_FILE_RANGE_WAIT_BEFORE);
        if (r < 0)
                return r;
        copy_meter_add(&w->written, end - w->arrived);
        r = read_back_wait(&w->back, w->arrived);
        if (r < 0)
                return r;
        w->arrived = end;
        w->submitted = w->size;
        read_back_offer(&w->back, end);
        return 0;
}

static int write_block(const void *data, size_t size, void *userdata) {
        Writer *w = userdata;
        int r;

        r = copy_meter_ask(&w->written);
        if (r < 0)
                return r;
        r = fd_write_all(w->fd, data, size);
        if (r < 0)
                return esp_fail(w->volume, w->error, r, "write", w->path);
        w->size += size;
        return w->size - w->submitted < STRIDE ? 0 : next_stride(w);
}

/* The file and its name are on the disk, which gives back what was written. */
static int writer_finish(Writer *w) {
        _cleanup_close_ int dir = -EBADF;
        const char *name;
        int r;

        /* The rest of a file that has a thread: that reads it while the name is synced. */
        for (int i = 0; i < 2 && w->submitted > 0; i++) {
                r = next_stride(w);
                if (r < 0)
                        return r;
        }
        if (fsync(w->fd) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        copy_meter_add(&w->written, w->size - w->arrived);
        copy_meter_tell(&w->written);

        dir = esp_open_parent(w->volume, w->path, &name);
        if (dir < 0)
                return esp_fail(w->volume, w->error, dir, "write", w->path);
        if (fsync(dir) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        r = read_back_wait(&w->back, w->size);
        copy_meter_tell(&w->back.meter);
        return r;
}

static int copy_source(Writer *w) {
        Source *source = w->source;
        struct timespec times[2];
        uint64_t size;
        int r;

        r = reserve(w, source->stamp.size);
        if (r < 0)
                return r;
        r = copy_read(source->fd, write_block, w, &size);
        if (r < 0)
                return source_fail(source, w->error, r);
        r = source_check(source, w->error);
        if (r < 0)
                return r;

        times[0].tv_sec = (time_t) (source->stamp.mtime / 1000000000u);
        times[0].tv_sec -= times[0].tv_sec % FAT_MTIME_SEC;
        times[0].tv_nsec = 0;
        times[1] = times[0];
        if (futimens(w->fd, times) < 0)
                return esp_fail(w->volume, w->error, errno, "set the time of", w->path);
        return 0;
}

static int copy_text(Writer *w) {
        size_t size = strlen(w->text);

        return size > 0 ? write_block(w->text, size, w) : 0;
}

static int write_file(Writer *w) {
        int r;

        r = read_back_open(&w->back);
        if (r >= 0)
                r = w->source ? copy_source(w) : copy_text(w);
        return r < 0 ? r : writer_finish(w);
}

/* @source or @text. */
static int stage_as(EspStage *s, const char *path, Source *source, const char *text,
                    const CopyWatch *watch, Error *error) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, path);
        _cleanup_close_ int fd = -EBADF;
        StagedFile *file;
        Writer w;
        int r;

        if (!staged)
                return -ENOMEM;
        fd = stage_create(s, path, staged, error);
        if (fd < 0)
                return fd;
        file = &s->files[s->n_files - 1];
        w = (Writer){
                .volume = s->volume,
                .path = staged,
                .source = source,
                .text = text,
                .fd = fd,
                .written = { .watch = watch, .move = COPY_WRITTEN },
                .back = { .volume = s->volume,
                          .path = staged,
                          .source = source,
                          .text = text,
                          .meter = { .watch = watch, .move = COPY_READ },
                          .error = error,
                          READ_BACK_INIT },
                .error = error,
        };
        r = write_file(&w);
        read_back_done(&w.back);
        if (r < 0)
                return r;

        file->verified = true;
        return 0;
}

int esp_stage(EspStage *s, const Root *root, const PlanStep *step, const CopyWatch *watch,
              Error *error) {
        _cleanup_(source_done) Source source = SOURCE_INIT;
        int r;

        assert(step->action == PLAN_STAGE || step->action == PLAN_STAGE_TEXT);

        if (step->action == PLAN_STAGE_TEXT)
                return stage_as(s, step->path, NULL, step->text, watch, error);
        r = source_open(root, step->source, &step->stamp, &source, error);
        if (r < 0)
                return r;
        return stage_as(s, step->path, &source, NULL, watch, error);
}

int esp_stage_take(EspStage *s, const char *path, Error *error) {
        for (size_t i = 0; i < s->n_files; i++)
                if (s->files[i].verified && streq(s->files[i].path, path)) {
                        stage_forget(s, i);
                        return 0;
                }
        return error_set(error, ERROR_FAILED,
                         "'%s' on ESP '%s' is to be put in place, but the plan did not stage it; "
                         "please report this error",
                         path, s->volume->uuid);
}

bool esp_stage_discard(EspStage *s) {
        bool any = s->n_files > 0;

        while (s->n_files > 0) {
                const char *path = s->files[s->n_files - 1].path, *name;
                _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, path);
                _cleanup_close_ int dir = -EBADF;

                dir = staged ? esp_open_parent(s->volume, staged, &name) : -ENOMEM;
                if (dir >= 0 && unlinkat(dir, name, 0) >= 0)
                        (void) fsync(dir);
                stage_forget(s, s->n_files - 1);
        }
        return any;
}

/* 0 if @path is a directory, made now or there before. */
static int make_directory(const EspVolume *v, const char *path) {
        _cleanup_close_ int parent = -EBADF;
        const char *name;
        struct stat st;
        int r;

        parent = esp_open_parent(v, path, &name);
        if (parent < 0)
                return parent;
        if (mkdirat(parent, name, 0700) >= 0)
                return fsync(parent) < 0 ? -errno : 0;
        if (errno != EEXIST)
                return -errno;
        r = esp_stat(v, path, &st);
        if (r < 0)
                return r;
        return r > 0 && S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int esp_stage_mkdir(const EspVolume *v, const char *path, Error *error) {
        _cleanup_free_ char *partial = strdup(path);
        int r;

        if (!partial)
                return -ENOMEM;
        for (char *p = partial; p;) {
                p = strchr(p, '/');
                if (p)
                        *p = '\0';
                r = make_directory(v, partial);
                if (r < 0)
                        return esp_fail(v, error, r, "make the directory", partial);
                if (p)
                        *p++ = '/';
        }
        return 0;
}

int esp_stage_clear(const EspVolume *v, const char *path, Error *error) {
        _cleanup_close_ int dir = -EBADF;
        const char *name;

        if (!esp_path_is_leftover(path))
                return error_set(error, ERROR_FAILED,
                                 "'%s' on ESP '%s' is no leftover of an interrupted refresh and "
                                 "will not be removed; please report this error",
                                 path, v->uuid);
        dir = esp_open_parent(v, path, &name);
        if (dir == -ENOENT)
                return 0;
        if (dir < 0)
                return esp_fail(v, error, dir, "remove", path);
        if (unlinkat(dir, name, 0) < 0)
                return errno == ENOENT ? 0 : esp_fail(v, error, errno, "remove", path);
        if (fsync(dir) < 0)
                return esp_fail(v, error, errno, "remove", path);
        return 0;
}
