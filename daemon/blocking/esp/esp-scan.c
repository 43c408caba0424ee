/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look at an ESP: stat for everything, content only for the few small texts that decide what
 * boots. It never opens a kernel or an initrd, so that finding an ESP in sync costs next to
 * nothing; comparing content is esp-check's. What is not ours is neither read nor reported. Of
 * grub.cfg, which may be long, a summary is reported in place of the text.
 *
 * Where a boot loader reads more than can be reported the look fails: half of its entries do not
 * tell what it boots. */

#include "blocking/esp/esp-scan.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/grub/grub-loader.h"
#include "core/loader/esp-path.h"
#include "core/wire/plan-wire.h"
#include "core/wire/report.h"
#include "sys/file.h"

/* A grub.cfg is read whole to be summarised; what is larger was not made by grub-mkconfig. */
#define GRUB_CONFIG_MAX (1024 * 1024)

/* More than a few texts and a menu can need. */
#define AMPLE_BYTES ((uint64_t) 16 * 1024 * 1024)

typedef struct Scan {
        const EspVolume *volume;
        const EspImage *known;
        const Plan *plan;
        const char *grub_inputs;
        EspImage image;
        size_t text_bytes; /* of paths and texts, also of those that are known */
        Error *error;
} Scan;

static void scan_done(Scan *s) {
        esp_image_done(&s->image);
}

static bool wants_text(const EspFile *file) {
        if (file->type != FILE_REGULAR || file->size > REPORT_TEXT_MAX)
                return false;
        for_each_loader(l) if (loader_of(l)->reads(file->path)) return true;
        return false;
}

/* The directory of @path is most likely the one that is too full. */
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
        /* The disk's bytes count, not those that the page cache of a mounted ESP has. */
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

/* True if what is at step->path may be taken for equal to its source, unread. */
static bool check_is_trusted(const Scan *s, const PlanStep *step) {
        const EspFile *seen = esp_image_find(&s->image, step->path);
        EspFile file = {};
        struct stat st;

        if (!seen && esp_stat(s->volume, step->path, &st) > 0) {
                esp_file_set_stat(&file, &st);
                seen = &file;
        }
        return seen && step->trust && seen->type == FILE_REGULAR && seen->size == step->esp_size &&
               seen->mtime == step->esp_mtime;
}

/* The verdict of a menu tells of what it was made from. */
static bool text_is_known(const EspFile *file) {
        return file && (file->verdict == VERDICT_TRUSTED || file->verdict == VERDICT_EQUAL);
}

/* True if the ESP is as it was when the daemon saw it last, with all that it is to have: nothing is
 * going to be copied to it. */
static bool is_as_known(const Scan *s) {
        for (size_t i = 0; i < s->known->n_files; i++)
                if (!text_is_known(esp_image_find(&s->image, s->known->files[i].path)))
                        return false;
        for (size_t i = 0; i < s->image.n_files; i++) {
                const EspFile *file = &s->image.files[i];

                if (esp_path_is_leftover(file->path) || (file->text && !text_is_known(file)))
                        return false;
        }
        for (size_t i = 0; i < s->plan->n_steps; i++) {
                const PlanStep *step = &s->plan->steps[i];

                if (step->action == PLAN_CHECK && !check_is_trusted(s, step))
                        return false;
        }
        return s->known->n_files > 0;
}

/* How much is free by the volume's own account. False if that tells nothing, or of so little room
 * that a mistake would matter even to a text. */
static bool read_account(Scan *s) {
        const EspVolume *v = s->volume;
        uint8_t sector[FAT_BOOT_SECTOR_SIZE];
        uint32_t n_free;

        if (esp_device_read(v->fat.info_offset, sector, sizeof(sector), (void *) &v->device) < 0 ||
            fat_parse_info(&v->fat, sector, &n_free) < 0 ||
            n_free * v->fat.cluster_bytes < AMPLE_BYTES)
                return false;
        s->image.cluster_bytes = v->fat.cluster_bytes;
        s->image.size_bytes = v->fat.n_clusters * v->fat.cluster_bytes;
        s->image.free_bytes = n_free * v->fat.cluster_bytes;
        return true;
}

/* After each mount vfat counts the free clusters when it is first asked for them, and reads the
 * whole table for that: far more than all else that a look reads. */
static int scan_space(Scan *s) {
        const EspVolume *v = s->volume;
        struct statvfs vfs;

        if (v->fat.info_offset > 0 && !v->distrust && !plan_writes(s->plan) && is_as_known(s) &&
            read_account(s))
                return 0;
        if (fstatvfs(s->volume->fd, &vfs) < 0)
                return esp_fail(s->volume, s->error, errno, "look at", "/");
        s->image.cluster_bytes = MAX(vfs.f_frsize, 1ul);
        s->image.size_bytes = vfs.f_blocks * s->image.cluster_bytes;
        s->image.free_bytes = vfs.f_bavail * s->image.cluster_bytes;
        return 0;
}

/* True if a loader before @loader looks at @path, too. */
static bool is_scanned(EspLoader loader, const char *path) {
        for (EspLoader l = ESP_LOADER_NONE + 1; l < loader; l++)
                for (const LoaderPath *p = loader_of(l)->paths; p->path; p++)
                        if (streq(p->path, path))
                                return true;
        return false;
}

static int scan_trees(Scan *s) {
        for_each_loader(l) for (const LoaderPath *p = loader_of(l)->paths; p->path; p++) {
                int r = is_scanned(l, p->path) ? 0 : scan_tree(s, p->path, p->depth);

                if (r < 0)
                        return r;
        }
        return 0;
}

int esp_scan(const EspVolume *v, const Plan *plan, const EspImage *known, const char *grub_inputs,
             EspImage *ret, Error *error) {
        _cleanup_(scan_done) Scan s = {
                .volume = v,
                .known = known,
                .plan = plan,
                .grub_inputs = grub_inputs,
                .image.folds_case = v->folds_case,
                .error = error,
        };
        int r;

        assert(v);
        assert(plan);
        assert(known);
        assert(ret);

        r = scan_trees(&s);
        if (r >= 0)
                r = scan_root(&s);
        if (r >= 0)
                r = scan_space(&s);
        if (r < 0)
                return r;
        s.image.dirty = v->dirty;
        s.image.loader = esp_image_tell_loader(&s.image);

        *ret = TAKE_STRUCT(s.image);
        return 0;
}
