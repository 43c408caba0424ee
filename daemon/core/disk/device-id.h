/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which block device is meant, whatever it is called: while a job waits, a name may come to lead to
 * another one. */

#include <sys/types.h>

#include "common/macros.h"

typedef struct DeviceId {
        dev_t number;     /* 0: no device is meant */
        uint64_t diskseq; /* of its whole disk: no two disks of one boot have the same, while
                           * numbers are used again. 0: not known, as before Linux 5.15 */
} DeviceId;

static inline bool device_id_is_set(const DeviceId *id) {
        return id->number != 0;
}

static inline bool device_id_equal(const DeviceId *a, const DeviceId *b) {
        return a->number == b->number && a->diskseq == b->diskseq;
}
