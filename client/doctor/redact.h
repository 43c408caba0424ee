/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes out of a text what tells which host it is from, or opens something. The same value becomes
 * the same placeholder everywhere, such as "host-1" or "serial-2", so that a reader can still
 * follow it. */

#include "common/macros.h"

typedef struct Redactor Redactor;

Redactor *redactor_new(void);
Redactor *redactor_free(Redactor *r);
DEFINE_CLEANUP(Redactor *, redactor_free)

/* From now on @value, as a word, becomes "WHAT-N", whatever its case. Does nothing for one of less
 * than three characters. @what is a string that stays. */
void redactor_learn(Redactor *r, const char *what, const char *value);
/* @uuid of a FAT file system may stay as it is: it is one of ours. */
void redactor_keep(Redactor *r, const char *uuid);

/* @text without what was learned, nor what looks like it: values of keys that are called like
 * secrets, addresses, identifiers of disks and machines, digests, UUIDs. Never NULL. */
char *redact(Redactor *r, const char *text);
