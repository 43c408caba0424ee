/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SBAT, by which shim refuses old programs without a list of their digests (shim's SBAT.md): a
 * program's section .sbat says which generation each of its components is, and the variable
 * SbatLevelRT the least one of each that is accepted. Text of comma-separated lines; both come from
 * disks and firmware. */

#include "common/macros.h"

/* A level has some dozen lines, a section three or four. */
#define SBAT_SIZE_MAX (64 * 1024)

typedef enum SbatVerdict {
        SBAT_ACCEPTED,
        SBAT_TOO_OLD, /* a component is of a lower generation than the level wants */
        SBAT_MISSING, /* it has no section, which is refused where there is a level */
        SBAT_BAD,     /* the section, or the level, is not as it has to be: refused, too */
} SbatVerdict;

/* True if a shim that has @candidate built in puts it in the place of @level (empty: none): it is
 * of a later date, and @level of no higher version (sbat.c, preserve_sbat_uefi_variable()). What
 * has no such first line is replaced, and replaces nothing. */
bool sbat_level_replaces(const char *candidate, size_t candidate_size, const char *level,
                         size_t level_size);

/* A section @sbat (empty: none) against a level (empty: there is none, all is accepted). For
 * SBAT_TOO_OLD *@ret_component (may be NULL) is the name of the first component, to be freed; NULL
 * when out of memory. */
SbatVerdict sbat_judge(const char *sbat, size_t sbat_size, const char *level, size_t level_size,
                       char **ret_component);
