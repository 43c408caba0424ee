/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs that wait for something. */

#include "tests/unit/engine/lab.h"

static inline Job *submit(Lab *lab, const JobRequest *request) {
        _cleanup_error_ Error error = {};
        Job *job;

        ck_assert_msg(manager_submit(lab->m, request, &job, &error) == 0, "%s", error.message);
        return job;
}

static inline void assert_waits(const Lab *lab, const char *what) {
        ck_assert(manager_job(lab->m, 0));
        ck_assert_str_eq(job_info(manager_job(lab->m, 0))->status.waiting_for, what);
}

/* The one disk, which sysfs names, says that this is on its one partition. */
static inline void put_disk(const Lab *lab) {
        temp_puts(&lab->t, "sys/devices/pci0/block/sda/dev", "8:0");
        temp_puts(&lab->t, "sys/devices/pci0/block/sda/size", "2000000\n");
        temp_symlink(&lab->t, "sys/class/block/sda", "../../devices/pci0/block/sda");
}
