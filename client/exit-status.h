/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the program ends with; scripts rely on the numbers. A client function of this type has
 * already told the user why when it returns anything but STATUS_DONE. */

typedef enum ExitStatus {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,  /* failed or refused */
        STATUS_USAGE = 2,   /* bad usage; `status` without a configured ESP */
        STATUS_PARTIAL = 3, /* some ESP is not in sync */
        STATUS_NOT_AUTHORISED = 4,
} ExitStatus;
