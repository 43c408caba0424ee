/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "Did you mean …?" */

/* The one of @candidates (up to a NULL) that @word was meant to be: it differs by one letter, of
 * longer words by two (a change, one more, one less, or two that have changed places), or @word is
 * its beginning. NULL: none is so close, or several are. */
const char *closest_word(const char *word, char *const *candidates);
