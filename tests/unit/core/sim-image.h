/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of an ESP in memory and the clusters that they take, before and after a barrier. */

#include <inttypes.h>
#include <stdio.h>

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/wire/plan-wire.h"
#include "tests/unit/check-main.h"

/* Kinds of writes that may still be unflushed. */
typedef enum SimPending {
        SIM_MKDIR = 1 << 0,
        SIM_STAGED = 1 << 1,
        SIM_KERNEL = 1 << 2,
        SIM_ENTRY = 1 << 3,
        SIM_CONF = 1 << 4, /* loader.conf, grub.cfg, grubenv */
        SIM_REMOVED = 1 << 5,
} SimPending;

/* The mtime of a file in the image is the id of its content. What is not ours has this bit. */
#define SIM_FOREIGN (UINT64_C(1) << 63)

/* More than any menu of the tests is thought to take beside the old one. */
#define SIM_ROOM_FOR_MENU (256 * 1024)

/* Secure Boot in memory: the word on an image follows from its content, so everybody has the same
 * one. */
typedef enum SimTrust {
        SIM_UNKNOWN,
        SIM_REFUSED,
        SIM_ACCEPTED,
} SimTrust;

static inline SimTrust sim_trust(uint64_t content) {
        uint64_t n = (content & ~SIM_FOREIGN) * UINT64_C(0x9e3779b97f4a7c15) >> 60;

        return n < 6 ? SIM_ACCEPTED : n < 13 ? SIM_REFUSED : SIM_UNKNOWN;
}

typedef struct SimEsp {
        EspImage image;
        uint64_t held;    /* bytes of replaced and removed files, free after the next barrier */
        unsigned pending; /* of SimPending */
        bool token;
        bool repaired;
        bool half;     /* of a kernel, the image is new and the initrd is not yet, or the reverse */
        char **staged; /* paths that this plan has staged and not placed yet */
        char **needed; /* versions that must not be away, not even for a step */
        char **complete; /* entries, with GRUB versions in its menu, that led to a complete kernel
                          * before the step */
        const char *grub_default; /* GRUB_DEFAULT of the host; NULL: "0" */
        uint64_t grub_inputs;     /* identifies the rest of its configuration */
        bool booted;              /* it booted a complete kernel before the step */
        bool tested;              /* the entry of Memtest86+ led to its file before the step */
        size_t n_foreign;
        bool secure;       /* Secure Boot is enabled */
        SimTrust trust;    /* of the kernel that booted by default before the step */
        size_t n_accepted; /* complete kernels that were accepted then */
        /* for sim_fail() */
        unsigned number;
        const Plan *plan;
        size_t step;
} SimEsp;

static inline void sim_done(SimEsp *s) {
        esp_image_done(&s->image);
        strv_free(s->staged);
        strv_free(s->complete);
        strv_free(s->needed);
        *s = (SimEsp){};
}

static inline void sim_dump(const SimEsp *s) {
        _cleanup_free_ char *text = NULL;

        printf("# case %u, step %zu, loader '%s', cluster %" PRIu64 ", free %" PRIu64
               ", held %" PRIu64 "\n",
               s->number, s->step, esp_loader_to_string(s->image.loader), s->image.cluster_bytes,
               s->image.free_bytes, s->held);
        for (size_t i = 0; i < s->image.n_files; i++) {
                const EspFile *f = &s->image.files[i];

                printf("#   %s type=%d size=%" PRIu64 " content=%" PRIx64 " verdict=%d %s\n",
                       f->path, f->type, f->size, f->mtime, f->verdict, strempty(f->spelled));
                if (f->text)
                        printf("----\n%s----\n", f->text);
        }
        if (s->plan && plan_format(s->plan, &text, NULL) >= 0)
                printf("%s# problem: %s\n", text, strempty(s->plan->problem.message));
        fflush(stdout);
}

#define sim_assert(s, condition)                        \
        do {                                            \
                if (!(condition)) {                     \
                        sim_dump(s);                    \
                        ck_abort_msg("%s", #condition); \
                }                                       \
        } while (false)

static inline uint64_t sim_allocated(const SimEsp *s, uint64_t size) {
        return space_allocated(size, s->image.cluster_bytes);
}

/* Put a file there without a plan. */
static inline EspFile *sim_put(SimEsp *s, const char *path, FileType type, uint64_t size,
                               uint64_t content, const char *text) {
        EspFile *file = esp_image_get(&s->image, path);

        sim_assert(s, file);
        free(file->text);
        *file = (EspFile){ .path = file->path,
                           .spelled = file->spelled,
                           .type = type,
                           .size = size,
                           .mtime = content,
                           .text = text ? strdup(text) : NULL };
        return file;
}

static inline void sim_drop(SimEsp *s, const char *path) {
        EspImage *image = &s->image;
        const EspFile *file = esp_image_find(image, path);
        size_t i = file ? (size_t) (file - image->files) : 0;

        if (!file)
                return;
        esp_file_done(&image->files[i]);
        image->n_files--;
        memmove(image->files + i, image->files + i + 1, (image->n_files - i) * sizeof(EspFile));
}

static inline bool sim_is(const SimEsp *s, const char *path, FileType type) {
        const EspFile *file = esp_image_find(&s->image, path);

        return file && file->type == type;
}

/* As the kernel does it, a name without its directory cannot be made. */
static inline void sim_create(SimEsp *s, const char *path, FileType type, uint64_t size,
                              uint64_t content, const char *text) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t) (slash - path)) : NULL;
        uint64_t bytes = type == FILE_DIRECTORY ? s->image.cluster_bytes : sim_allocated(s, size);

        sim_assert(s, !slash || sim_is(s, parent, FILE_DIRECTORY));
        sim_assert(s, !esp_image_find(&s->image, path));
        sim_assert(s, bytes <= s->image.free_bytes);
        s->image.free_bytes -= bytes;
        sim_put(s, path, type, size, content, text);
}

/* The file stays allocated until the barrier. */
static inline void sim_hold(SimEsp *s, const char *path) {
        const EspFile *file = esp_image_find(&s->image, path);

        sim_assert(s, file && !(file->mtime & SIM_FOREIGN));
        s->held += file->type == FILE_DIRECTORY ? s->image.cluster_bytes
                                                : sim_allocated(s, file->size);
        sim_drop(s, path);
}

static inline bool sim_has_children(const SimEsp *s, const char *dir) {
        for (size_t i = 0; i < s->image.n_files; i++) {
                const char *rest = startswith(s->image.files[i].path, dir);

                if (rest && rest[0] == '/')
                        return true;
        }
        return false;
}
