/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* FAT hands out whole clusters, so bytes say little about what fits. This is the one place that
 * rounds; what a plan needs at its peak is counted where the plan is made. */

#include "core/space.h"

uint64_t space_allocated(uint64_t size, uint64_t cluster_bytes) {
        uint64_t clusters, bytes;

        assert(cluster_bytes > 0);

        clusters = size / cluster_bytes + (size % cluster_bytes != 0);
        return __builtin_mul_overflow(clusters, cluster_bytes, &bytes) ? UINT64_MAX : bytes;
}
