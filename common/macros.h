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

/* Make room for @need elements in the array *@p; grows by half of it from eight. Returns
 * false when out of memory, with the array as it was. */
static inline bool array_reserve(void **p, size_t *allocated, size_t need, size_t element_size) {
        size_t n;
        void *q;

        if (need <= *allocated)
                return true;

        n = MAX(need, MAX(*allocated + *allocated / 2, (size_t) 8));
        q = reallocarray(*p, n, element_size);
        if (!q)
                return false;

        *p = q;
        *allocated = n;
        return true;
}
#define ARRAY_RESERVE(p, allocated, need) \
        array_reserve((void **) &(p), &(allocated), (need), sizeof((p)[0]))

/* How full something of @size bytes is, of which @left are free, rounded up; 0 if that is not
 * known, which @size == 0 says. */
static inline unsigned percent_used(uint64_t size, uint64_t left) {
        return size == 0 || left > size ? 0 : (unsigned) (100 - left / (size / 100 + 1));
}
