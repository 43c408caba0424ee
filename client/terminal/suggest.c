/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guesses which word somebody meant. Only a guess that is near and the only one is made: a wrong
 * one sends people astray, and nothing is ever done because of one. */

#include "client/terminal/suggest.h"

#include "common/string-util.h"

#define WORD_MAX       63 /* letters; longer ones are not compared */
#define LONG_FROM      5  /* letters; in such a word two may be wrong */
#define BEGINNING_FROM 3  /* letters, that stand for a word */

/* The distance of Damerau and Levenshtein, of which no part is changed twice. */
static size_t distance(const char *a, const char *b) {
        size_t rows[3][WORD_MAX + 2] = {}, n = strlen(b);
        size_t *before = rows[0], *last = rows[1], *row = rows[2];

        for (size_t j = 0; j <= n; j++)
                last[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t *free_row = before;

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        row[j] = MIN(MIN(last[j], row[j - 1]) + 1,
                                     last[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
                before = last;
                last = row;
                row = free_row;
        }
        return last[n];
}

/* SIZE_MAX: it is not close. */
static size_t how_far(const char *word, const char *candidate) {
        size_t n = strlen(word), far;

        if (n > WORD_MAX || strlen(candidate) > WORD_MAX)
                return SIZE_MAX;
        if (n >= BEGINNING_FROM && startswith(candidate, word))
                return 1;
        far = distance(word, candidate);
        return far < n && far <= (n < LONG_FROM ? 1 : 2) ? far : SIZE_MAX;
}

const char *closest_word(const char *word, char *const *candidates) {
        const char *closest = NULL;
        size_t least = SIZE_MAX;

        for (; candidates && *candidates; candidates++) {
                size_t far = how_far(word, *candidates);

                if (far == SIZE_MAX || far > least)
                        continue;
                closest = far < least ? *candidates : NULL;
                least = far;
        }
        return closest;
}
