/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ownership and small conveniences that every file uses. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _pure_         __attribute__((pure))
#define _const_        __attribute__((const))
#define _unused_       __attribute__((unused))
#define _sentinel_     __attribute__((sentinel))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* Hand a value over and leave the empty value behind, so that cleanup does nothing. */
#define TAKE_GENERIC(var, type, empty) \
        ({                             \
                type *_p = &(var);     \
                type _taken = *_p;     \
                *_p = (empty);         \
                _taken;                \
        })
#define TAKE_PTR(ptr)   TAKE_GENERIC(ptr, typeof(ptr), NULL)
#define TAKE_FD(fd)     TAKE_GENERIC(fd, int, -EBADF)
#define TAKE_STRUCT(st) TAKE_GENERIC(st, typeof(st), (typeof(st)){})

/* x_freep() for _cleanup_, from x_free(). */
#define DEFINE_CLEANUP(type, func)            \
        static inline void func##p(type *p) { \
                if (*p)                       \
                        func(*p);             \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline void *mfree(void *p) {
        free(p);
        return NULL;
}

/* Make room for @need elements in the array *@p; grows by doubling. Returns false when out of
 * memory, with the array as it was. */
bool array_reserve(void **p, size_t *allocated, size_t need, size_t element_size);
#define ARRAY_RESERVE(p, allocated, need) \
        array_reserve((void **) &(p), &(allocated), (need), sizeof((p)[0]))
