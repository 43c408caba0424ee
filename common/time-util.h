/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Clocks. */

#include <stdint.h>
#include <time.h>

/* The wall clock, as times are shown on the bus: microseconds since the epoch. */
static inline uint64_t realtime_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

/* For measuring: microseconds since boot, without the time that the host was suspended. */
static inline uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}
