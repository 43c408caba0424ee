/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Plan <-> text: what the worker reads on fd 3. First line "bootsync-plan version=1 esp=UUID", then
 * one record a step, last line "end". */

#include "core/plan.h"

#define PLAN_TEXT_MAX (4 * 1024 * 1024)

int plan_format(const Plan *p, char **ret, size_t *ret_size);
/* -EBADMSG for anything that plan_format() would not write: a path that is absolute, empty, has
 * "." or ".." components, is longer than 1024 bytes or holds control characters; a missing field, a sha256 that is not 64 hex digits; -EPROTONOSUPPORT for another version. problem is not transported. */
int plan_parse(const char *text, size_t size, Plan **ret);

/* True for a relative path without "." and ".." components, fit to be opened below an ESP. */
bool plan_path_is_valid(const char *path) _pure_;
