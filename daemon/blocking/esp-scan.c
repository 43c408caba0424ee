/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look at an ESP: stat for everything, content only for the few small texts that decide what
 * boots. It never opens a kernel or an initrd, so that finding an ESP in sync costs next to
 * nothing; comparing content is esp-check's. What is not ours is neither read nor reported. Of
 * grub.cfg, which may be long, a summary is reported in place of the text.
 *
 * Where a boot loader reads more than can be reported the look fails: half of its entries do not
 * tell what it boots. */

#include "blocking/esp-scan.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/statvfs.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "core/esp-name.h"
#include "core/grub-config.h"
#include "core/loader-files.h"
#include "core/grub-env.h"
#include "core/plan-wire.h"
#include "core/report-quota.h"
#include "sys/file.h"

#define ESP_LOADER_DIR "loader"
/* A grub.cfg is read whole to be summarised; what is larger was not made by grub-mkconfig. */
#define GRUB_CONFIG_MAX (1024 * 1024)

typedef struct Scan {
        const EspVolume *volume;
        const EspImage *known;
        const char *grub_inputs;
        EspImage image;
        size_t text_bytes; /* of paths and texts, also of those that are known */
        Error *error;
} Scan;

static void scan_done(Scan *s) {
        esp_image_done(&s->image);
}

/* In any case, as systemd-boot has it. */
static bool has_entry_suffix(const char *path) {
        size_t n = strlen(path), suffix = strlen(ENTRY_SUFFIX);

        return n >= suffix && strcasecmp(path + n - suffix, ENTRY_SUFFIX) == 0;
}

static bool wants_text(const EspFile *file) {
        if (file->type != FILE_REGULAR || file->size > REPORT_TEXT_MAX)
                return false;
        return streq(file->path, ESP_LOADER_CONF) || streq(file->path, ESP_GRUB_ENV) ||
               (startswith(file->path, ESP_ENTRY_DIR "/") && has_entry_suffix(file->path));
}

/* Where @path lies is most likely what is too full. */
static int scan_overflow(Scan *s, const char *path, unsigned max, const char *what) {
        const char *where = startswith(path, ESP_KERNEL_DIR "/")  ? "/" ESP_KERNEL_DIR
                            : startswith(path, ESP_ENTRY_DIR "/") ? "/" ESP_ENTRY_DIR
                                                                  : "/";

        return error_set(s->error, ERROR_FAILED,
                         "ESP '%s' holds more than %u %s where its boot loader looks, so what it "
                         "boots cannot be told; remove what is not needed, beginning in '%s'",
                         s->volume->uuid, max, what, where);
}

/* @bytes more are to be reported of @path. */
static int scan_count(Scan *s, const char *path, size_t bytes) {
        s->text_bytes += bytes;
        if (s->image.n_files > ESP_FILES_MAX)
                return scan_overflow(s, path, ESP_FILES_MAX, "files");
        if (s->text_bytes > ESP_TEXT_MAX)
                return scan_overflow(s, path, ESP_TEXT_MAX >> 20, "MiB of text");
        return 0;
}

static int scan_text(Scan *s, EspFile *file) {
        const EspFile *known = esp_image_find(s->known, file->path);
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        if (known && known->size == file->size && known->mtime == file->mtime) {
                file->verdict = VERDICT_TRUSTED;
                return scan_count(s, file->path, file->size);
        }

        fd = esp_openat(s->volume, file->path, O_RDONLY, 0);
        /* What is on the disk counts, not what the page cache of a mounted ESP has of it. */
        if (fd >= 0)
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        r = fd < 0 ? fd : file_read_fd(fd, REPORT_TEXT_MAX, &text, &size);
        if (r == -EFBIG)
                return 0; /* it grew; the next look sees that */
        if (r < 0)
                return esp_fail(s->volume, s->error, r, "read", file->path);
        if (memchr(text, '\0', size))
                return 0;
        file->text = TAKE_PTR(text);
        return scan_count(s, file->path, size);
}

/* Without a summary the file is one that nobody can tell anything about. */
static int take_grub_config(Scan *s, EspFile *file, const char *text, size_t size) {
        char inputs[DIGEST_HEX_SIZE];
        int r;

        r = grub_config_summarise(text, size, &file->text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (s->grub_inputs)
                file->verdict = grub_config_inputs(text, size, inputs) >= 0 &&
                                                                streq(inputs, s->grub_inputs)
                                                ? VERDICT_EQUAL
                                                : VERDICT_DIFFERS;
        return scan_count(s, file->path, strlen(file->text));
}

/* Never trusted by its stat: the verdict is in the file's last line. */
static int scan_grub_config(Scan *s, EspFile *file) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        if (file->type != FILE_REGULAR || file->size > GRUB_CONFIG_MAX)
                return 0;
        fd = esp_openat(s->volume, file->path, O_RDONLY, 0);
        r = fd < 0 ? fd : file_read_fd(fd, GRUB_CONFIG_MAX, &text, &size);
        if (r == -EFBIG)
                return 0; /* it grew; the next look sees that */
        if (r < 0)
                return esp_fail(s->volume, s->error, r, "read", file->path);
        return take_grub_config(s, file, text, size);
}

/* 1 if @path is a directory. */
static int scan_path(Scan *s, const char *path) {
        struct stat st;
        EspFile *file;
        int r;

        r = esp_stat(s->volume, path, &st);
        if (r < 0)
                return esp_fail(s->volume, s->error, r, "look at", path);
        if (r == 0)
                return 0;
        file = esp_image_get(&s->image, path);
        if (!file)
                return -ENOMEM;
        esp_file_set_stat(file, &st);
        r = scan_count(s, path, strlen(path));
        if (r >= 0 && streq(path, ESP_GRUB_CONFIG))
                r = scan_grub_config(s, file);
        else if (r >= 0 && wants_text(file))
                r = scan_text(s, file);
        if (r < 0)
                return r;
        return file->type == FILE_DIRECTORY;
}

static int open_dir(const Scan *s, const char *path, DIR **ret) {
        _cleanup_close_ int fd = -EBADF;

        fd = esp_openat(s->volume, path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;
        TAKE_FD(fd);
        return 0;
}

static bool ends_in(const char *name, const char *suffix) {
        size_t n = strlen(name), k = strlen(suffix);

        return n >= k && strcasecmp(name + n - k, suffix) == 0;
}

/* In the directory of entries no boot loader reads what has another suffix, and nobody here writes
 * it. */
static bool concerns_us(const char *dir, const char *name) {
        return !streq(dir, ESP_ENTRY_DIR) || ends_in(name, ENTRY_SUFFIX) ||
               ends_in(name, ENTRY_SUFFIX STAGED_SUFFIX);
}

/* @path and, if it is a directory, what is in it, @depth levels down. */
static int scan_tree(Scan *s, const char *path, unsigned depth) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = scan_path(s, path);
        if (r <= 0 || depth == 0)
                return r;
        r = open_dir(s, path, &dir);
        if (r < 0)
                return esp_fail(s->volume, s->error, r, "list", path);

        while (errno = 0, (entry = readdir(dir))) {
                _cleanup_free_ char *child = strprintf("%s/%s", path, entry->d_name);

                if (!child)
                        return -ENOMEM;
                if (!plan_path_is_valid(child) || /* "." and ".." are among these */
                    !concerns_us(path, entry->d_name))
                        continue;
                r = scan_tree(s, child, depth - 1);
                if (r < 0)
                        return r;
        }
        if (errno != 0 && !esp_may_be_torn(s->volume, errno))
                return esp_fail(s->volume, s->error, errno, "list", path);
        return 0;
}

/* GRUB's kernels, Memtest86+, and what an interrupted run has left of them, are in the root. */
static bool is_root_file(const Scan *s, const char *name) {
        _cleanup_free_ char *ours = NULL;

        if (s->image.folds_case && esp_path_respell(name, NULL, &ours) >= 0)
                name = ours;
        return grub_path_version(name) || esp_path_is_memtest(name) || esp_path_is_leftover(name);
}

static int scan_root(Scan *s) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = open_dir(s, ".", &dir);
        if (r < 0)
                return esp_fail(s->volume, s->error, r, "list", "/");
        while (errno = 0, (entry = readdir(dir))) {
                if (!is_root_file(s, entry->d_name))
                        continue;
                r = scan_path(s, entry->d_name);
                if (r < 0)
                        return r;
        }
        return errno != 0 ? esp_fail(s->volume, s->error, errno, "list", "/") : 0;
}

static int scan_space(Scan *s) {
        struct statvfs vfs;

        if (fstatvfs(s->volume->fd, &vfs) < 0)
                return esp_fail(s->volume, s->error, errno, "look at", "/");
        s->image.cluster_bytes = MAX(vfs.f_frsize, 1ul);
        s->image.size_bytes = vfs.f_blocks * s->image.cluster_bytes;
        s->image.free_bytes = vfs.f_bavail * s->image.cluster_bytes;
        return 0;
}

int esp_scan(const EspVolume *v, const EspImage *known, const char *grub_inputs, EspImage *ret,
             Error *error) {
        static const struct {
                const char *path;
                unsigned depth;
        } trees[] = {
                { ESP_KERNEL_DIR, 2 },
                { ESP_LOADER_DIR, 0 },
                { ESP_LOADER_CONF, 0 },
                { ESP_LOADER_CONF STAGED_SUFFIX, 0 }, /* left by a run that was killed */
                { ESP_ENTRY_DIR, 1 },
                { ESP_GRUB_DIR, 0 },
                { ESP_GRUB_CONFIG, 0 },
                { ESP_GRUB_CONFIG STAGED_SUFFIX, 0 },
                { ESP_GRUB_ENV, 0 },
                { ESP_GRUB_ENV STAGED_SUFFIX, 0 },
                { ESP_SYSTEMD_BOOT, 0 },
                { ESP_SYSTEMD_BOOT STAGED_SUFFIX, 0 },
                { ESP_REMOVABLE, 0 },
                { ESP_REMOVABLE STAGED_SUFFIX, 0 },
                { ESP_GRUB_BIOS_IMAGE, 0 },
        };
        _cleanup_(scan_done) Scan s = {
                .volume = v,
                .known = known,
                .grub_inputs = grub_inputs,
                .image.folds_case = v->folds_case,
                .error = error,
        };
        int r;

        assert(v);
        assert(known);
        assert(ret);

        r = scan_space(&s);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(trees); i++) {
                r = scan_tree(&s, trees[i].path, trees[i].depth);
                if (r < 0)
                        return r;
        }
        r = scan_root(&s);
        if (r < 0)
                return r;
        s.image.dirty = v->dirty;
        s.image.loader = esp_image_tell_loader(&s.image);

        *ret = TAKE_STRUCT(s.image);
        return 0;
}
