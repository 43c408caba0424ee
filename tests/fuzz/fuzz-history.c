/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Histories: whatever is in the file, the result is within its bounds, says the same when it is
 * written and read again, and what it shows may go to the bus. */

#include "core/history/history.h"
#include "tests/fuzz/fuzz.h"

#define NUMBER_MAX (UINT64_C(1) << 53)

static void check_text(const char *s) {
        FUZZ_ASSERT(s && text_is_clean(s, strlen(s)) && utf8_is_valid(s, strlen(s)));
}

static void check_deed(const Deed *d) {
        check_text(d->type);
        check_text(d->by);
        check_text(d->result);
        check_text(d->error);
        check_text(d->message);
        FUZZ_ASSERT(d->id < NUMBER_MAX && d->start_usec < NUMBER_MAX && d->end_usec < NUMBER_MAX);
        for (size_t i = 0; i < d->n_esps; i++) {
                check_text(d->esps[i].uuid);
                check_text(d->esps[i].error);
                fuzz_check_warnings(d->esps[i].copied);
                fuzz_check_warnings(d->esps[i].removed);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(history_done) History history = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;

        FUZZ_ASSERT(history_parse((const char *) data, size, &history) == 0);
        FUZZ_ASSERT(history.n <= HISTORY_JOBS_MAX && history.size <= HISTORY_SIZE_MAX);
        for (size_t i = 0; i < history.n; i++)
                if (history.entries[i].known)
                        check_deed(&history.entries[i].deed);

        FUZZ_ASSERT(history_format(&history, &first, &first_size) == 0);
        FUZZ_ASSERT(history_parse(first, first_size, &again) == 0);
        FUZZ_ASSERT(!again.damaged && again.n == history.n);
        FUZZ_ASSERT(history_format(&again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
