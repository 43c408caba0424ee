/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A root below a temporary directory with one ESP that is a directory in it. Paths of the helpers
 * are relative to the root; ESP("x") is the path of x on the ESP. */

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/plan/plan.h"
#include "sys/boot-dir.h"

#define UUID      "ABCD-0123"
#define ESP(path) "dev/disk/by-uuid/" UUID "/" path

typedef struct Throwaway {
        char dir[32];
        Root *root;
        EspVolume volume;
} Throwaway;

static inline int throwaway_remove(const char *path, const struct stat *st, int type,
                                   struct FTW *ftw) {
        return remove(path);
}

static inline void throwaway_done(Throwaway *t) {
        esp_volume_done(&t->volume);
        root_free(t->root);
        (void) nftw(t->dir, throwaway_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *throwaway_path(const Throwaway *t, const char *path) {
        static char buffer[4][PATH_MAX];
        static unsigned n;
        char *p = buffer[n++ % ELEMENTSOF(buffer)];

        (void) snprintf(p, PATH_MAX, "%s/%s", t->dir, path);
        return p;
}

static inline void throwaway_mkdir(const Throwaway *t, const char *path) {
        ck_assert_int_eq(root_mkdir_p(t->root, path, 0700), 0);
}

static inline void throwaway_init(Throwaway *t) {
        Error error = {};

        *t = (Throwaway){ .dir = "/tmp/bootsync-test.XXXXXX", .volume = ESP_VOLUME_INIT };
        ck_assert_ptr_nonnull(mkdtemp(t->dir));
        ck_assert_int_eq(root_open(t->dir, &t->root), 0);
        throwaway_mkdir(t, ESP("EFI/proxmox"));
        throwaway_mkdir(t, ESP("loader/entries"));
        throwaway_mkdir(t, "boot");
        ck_assert_int_eq(esp_volume_open(t->root, UUID, &(DeviceId){}, true, &t->volume, &error),
                         0);
}

#define _cleanup_throwaway_ _cleanup_(throwaway_done)

/* Write a file, making its directory. */
static inline void throwaway_put(const Throwaway *t, const char *path, const void *data,
                                 size_t size) {
        _cleanup_free_ char *parent = strdup(path);
        FILE *f;

        ck_assert_ptr_nonnull(parent);
        *strrchr(parent, '/') = '\0';
        throwaway_mkdir(t, parent);
        f = fopen(throwaway_path(t, path), "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, size, f), size);
        ck_assert_int_eq(fclose(f), 0);
}

static inline void throwaway_put_text(const Throwaway *t, const char *path, const char *text) {
        throwaway_put(t, path, text, strlen(text));
}

/* The content of a file as a string; NULL if it is not there. */
static inline char *throwaway_get(const Throwaway *t, const char *path) {
        FILE *f = fopen(throwaway_path(t, path), "r");
        char *data = NULL;
        size_t size = 0;

        if (!f)
                return NULL;
        if (getdelim(&data, &size, EOF, f) < 0) {
                free(data);
                data = strdup("");
        }
        (void) fclose(f);
        return data;
}

static inline bool throwaway_has(const Throwaway *t, const char *path) {
        struct stat st;

        return lstat(throwaway_path(t, path), &st) >= 0;
}

static inline void throwaway_assert_text(const Throwaway *t, const char *path, const char *text) {
        _cleanup_free_ char *found = throwaway_get(t, path);

        ck_assert_ptr_nonnull(found);
        ck_assert_str_eq(found, text);
}

/* @size bytes that differ from block to block. */
static inline char *pattern(size_t size) {
        char *data = malloc(size + 1);

        ck_assert_ptr_nonnull(data);
        for (size_t i = 0; i < size; i++)
                data[i] = (char) ('a' + (i + i / COPY_BLOCK_SIZE) % 26);
        data[size] = '\0';
        return data;
}

static inline FileStamp throwaway_stamp(const Throwaway *t, const char *path) {
        struct stat st;
        FileStamp stamp;

        ck_assert_int_eq(stat(throwaway_path(t, path), &st), 0);
        file_stamp_from_stat(&st, &stamp);
        return stamp;
}

/* A watch that counts, and can be told to stop, or to do something, when so much was moved. */
typedef struct Counter {
        uint64_t written, read;
        unsigned n_written, n_read;
        unsigned asked, stop_at; /* stop at the so manieth question; 0: never */
        void (*when_asked)(void *userdata);
        void (*when_written)(void *userdata);
        void *userdata;
} Counter;

static inline bool counter_stop(void *userdata) {
        Counter *c = userdata;

        if (c->when_asked)
                c->when_asked(c->userdata);
        return ++c->asked == c->stop_at;
}

static inline void counter_moved(CopyMove move, uint64_t bytes, void *userdata) {
        Counter *c = userdata;

        if (move == COPY_WRITTEN) {
                c->written += bytes;
                c->n_written++;
                if (c->when_written)
                        c->when_written(c->userdata);
        } else {
                c->read += bytes;
                c->n_read++;
        }
}

static inline CopyWatch counter_watch(Counter *c) {
        return (CopyWatch){ .stop = counter_stop, .moved = counter_moved, .userdata = c };
}
