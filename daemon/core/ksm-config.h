/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What KSM is to be set to when the host boots: var/lib/bootsync/ksm.
 *
 *     v1
 *     run=1
 *     sleep_millisecs=50
 */

#include "core/ksm-model.h"

typedef struct KsmConfig {
        bool run;               /* ksmd is to be started: no unit does it */
        KsmAttributes tunables; /* what was set by hand */
} KsmConfig;

void ksm_config_done(KsmConfig *c);
/* An unknown version, and a file with any line that ksm_config_format() would not write, count as
 * empty: nothing is guessed. 0 or -ENOMEM. */
int ksm_config_parse(const char *text, size_t size, KsmConfig *ret);
/* NULL in *@ret: there is nothing to be remembered. 0 or -ENOMEM. */
int ksm_config_format(const KsmConfig *c, char **ret);
/* Add or replace. A new advisor_mode makes the kernel choose another pages_to_scan, so that one is
 * forgotten. 0 or -ENOMEM. */
int ksm_config_set(KsmConfig *c, const char *name, const char *value);
