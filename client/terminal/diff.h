/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The difference of two small texts, as diff -u shows it. */

/* Its lines, without line breaks, beginning with those that name both sides; empty for equal texts.
 * A text of more than 512 lines is replaced as a whole. To be freed as a strv; never NULL unless
 * the texts are equal. Nothing in it was made fit for a terminal. */
char **diff_unified(const char *old_name, const char *new_name, const char *old, const char *new);
