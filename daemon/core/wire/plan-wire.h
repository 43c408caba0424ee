/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Plan <-> text: what the worker reads on fd 3. First line "bootsync-plan version=2" with
 * esp=UUID, device=NAME or neither, and with the id of the device, if it is set, as major, minor
 * and diskseq (0: not known); then one record a step, last line "end". */

#include "core/plan/plan.h"

#define PLAN_TEXT_MAX (4 * 1024 * 1024)
#define PLAN_PATH_MAX 1024

/* A step's fields are those that its action names in plan.h: path, source, text, stamp (inode,
 * size, mtime, ctime), esp-size, esp-mtime, force, and bytes unless it is 0. A check
 * carries esp-size and esp-mtime only together with trust=1. problem is not transported.
 * -E2BIG beyond PLAN_TEXT_MAX, or -ENOMEM. */
int plan_format(const Plan *p, char **ret, size_t *ret_size);

/* -EBADMSG for anything that plan_format() would not write, but for the order of the fields: a path
 * that is not valid, a missing or surplus field, a format without the id of its device, a sha256
 * that is not 64 hex digits, a text without its "end" line or with more behind it; -EPROTONOSUPPORT
 * for another version. */
int plan_parse(const char *text, size_t size, Plan **ret);

/* True for a path fit to be opened below an ESP: relative, 1 to PLAN_PATH_MAX bytes, without empty,
 * "." and ".." components and control characters. @path may be NULL. */
bool plan_path_is_valid(const char *path) _pure_;
