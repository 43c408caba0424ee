/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one growing-array helper. Everything the daemon holds is a few dozen elements, so doubling
 * from eight is all the cleverness that is needed. */

#include "common/macros.h"

bool array_reserve(void **p, size_t *allocated, size_t need, size_t element_size) {
        size_t n;
        void *q;

        if (need <= *allocated)
                return true;

        n = MAX(need, MAX(*allocated * 2, (size_t) 8));
        q = reallocarray(*p, n, element_size);
        if (!q)
                return false;

        *p = q;
        *allocated = n;
        return true;
}
