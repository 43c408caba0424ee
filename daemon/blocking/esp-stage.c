/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Staging: write, sync, and ask the disk whether it has what was written, all under a name that no
 * loader looks at. A file counts as staged only when it was read back. Files are remembered from
 * the moment they are made, so that a run that stops leaves nothing behind; what somebody else left
 * is never written over, because on FAT it may share its clusters with a live file. */

#include "blocking/esp-stage.h"

#include <fcntl.h>

#include "blocking/source.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/boot-entry.h"

#define FAT_MTIME_SEC 2 /* the resolution of a FAT time stamp */

typedef struct Writer {
        const EspVolume *volume;
        const char *path; /* with STAGED_SUFFIX */
        int fd;
        CopyMeter meter;
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

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* Synced as it goes: a slow stick shows life, and the page cache never holds much that is dirty. */
static int write_block(const void *data, size_t size, void *userdata) {
        Writer *w = userdata;
        int r;

        r = copy_meter_ask(&w->meter);
        if (r < 0)
                return r;
        r = write_all(w->fd, data, size);
        if (r < 0)
                return esp_fail(w->volume, w->error, r, "write", w->path);
        if (!copy_meter_add(&w->meter, size))
                return 0;
        if (fdatasync(w->fd) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        copy_meter_tell(&w->meter);
        return 0;
}

/* The file and its name are on the disk. */
static int writer_finish(Writer *w) {
        _cleanup_close_ int dir = -EBADF;
        const char *name;

        if (fsync(w->fd) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        copy_meter_tell(&w->meter);

        dir = esp_open_parent(w->volume, w->path, &name);
        if (dir < 0)
                return esp_fail(w->volume, w->error, dir, "write", w->path);
        if (fsync(dir) < 0)
                return esp_fail(w->volume, w->error, errno, "write", w->path);
        return 0;
}

static int read_back_block(const void *data, size_t size, void *userdata) {
        CopyMeter *meter = userdata;

        if (copy_meter_add(meter, size))
                copy_meter_tell(meter);
        return copy_meter_ask(meter);
}

static int stage_verify(const EspStage *s, const char *staged, const char *sha256,
                        const CopyWatch *watch, Error *error) {
        CopyMeter meter = { .watch = watch, .move = COPY_READ };
        _cleanup_close_ int fd = -EBADF;
        char found[DIGEST_HEX_SIZE];
        uint64_t size;
        int r;

        fd = esp_openat(s->volume, staged, O_RDONLY, 0);
        if (fd < 0)
                return esp_fail(s->volume, error, fd, "read back", staged);
        digest_bypass_cache(fd);
        r = digest_read(fd, read_back_block, &meter, &size, found);
        copy_meter_tell(&meter);
        if (r < 0)
                return esp_fail(s->volume, error, r, "read back", staged);
        if (!streq(found, sha256))
                return error_set(error, ERROR_VERIFY_FAILED,
                                 "'%s' on ESP '%s' reads back other than it was written; its disk "
                                 "is failing, replace it",
                                 staged, s->volume->uuid);
        return 0;
}

static int copy_source(Writer *w, const Source *source, char *ret_sha256) {
        struct timespec times[2];
        uint64_t size;
        int r;

        r = reserve(w, source->stamp.size);
        if (r < 0)
                return r;
        r = digest_read(source->fd, write_block, w, &size, ret_sha256);
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

static int copy_text(Writer *w, const char *text, char *ret_sha256) {
        size_t size = strlen(text);
        int r;

        r = digest_memory(text, size, ret_sha256);
        if (r < 0)
                return r;
        return size > 0 ? write_block(text, size, w) : 0;
}

/* @source or @text. */
static int stage(EspStage *s, const char *path, const Source *source, const char *text,
                 const CopyWatch *watch, Error *error) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, path);
        _cleanup_close_ int fd = -EBADF;
        char sha256[DIGEST_HEX_SIZE];
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
                .fd = fd,
                .meter = { .watch = watch, .move = COPY_WRITTEN },
                .error = error,
        };

        r = source ? copy_source(&w, source, sha256) : copy_text(&w, text, sha256);
        if (r < 0)
                return r;
        r = writer_finish(&w);
        if (r < 0)
                return r;
        r = stage_verify(s, staged, sha256, watch, error);
        if (r < 0)
                return r;

        memcpy(file->sha256, sha256, DIGEST_HEX_SIZE);
        file->verified = true;
        return 0;
}

int esp_stage_file(EspStage *s, const Root *root, const PlanStep *step, const CopyWatch *watch,
                   Error *error) {
        _cleanup_(source_done) Source source = SOURCE_INIT;
        int r;

        assert(step->action == PLAN_STAGE);

        r = source_open(root, step->source, &step->stamp, &source, error);
        if (r < 0)
                return r;
        return stage(s, step->path, &source, NULL, watch, error);
}

int esp_stage_text(EspStage *s, const PlanStep *step, const CopyWatch *watch, Error *error) {
        assert(step->action == PLAN_STAGE_TEXT);

        return stage(s, step->path, NULL, step->text, watch, error);
}

int esp_stage_take(EspStage *s, const char *path, char ret_sha256[static DIGEST_HEX_SIZE],
                   Error *error) {
        for (size_t i = 0; i < s->n_files; i++)
                if (s->files[i].verified && streq(s->files[i].path, path)) {
                        memcpy(ret_sha256, s->files[i].sha256, DIGEST_HEX_SIZE);
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
