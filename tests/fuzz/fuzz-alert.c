/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of alarms: what is read is written back to the same value, and whatever it says, a
 * good state that lasts ends in nothing to remember, and nobody is told twice. */

#include "core/alert/alert.h"

#include "common/string-util.h"
#include "tests/fuzz/fuzz.h"

#define AFTER UINT64_C(600000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AlertInput in = { .now_usec = UINT64_C(1) << 50, .after_usec = AFTER };
        _cleanup_free_ char *text = NULL;
        AlertMemory memory, again;
        unsigned n_sent = 0;
        size_t text_size;
        int r;

        r = alert_memory_parse((const char *) data, size, &memory);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;
        FUZZ_ASSERT(alert_memory_format(&memory, &text, &text_size) == 0);
        FUZZ_ASSERT(alert_memory_parse(text, text_size, &again) == 0);
        for (AlarmId id = 0; id < _ALARM_MAX; id++)
                FUZZ_ASSERT(memory.alarms[id].bad_usec == again.alarms[id].bad_usec &&
                            memory.alarms[id].good_usec == again.alarms[id].good_usec &&
                            memory.alarms[id].told == again.alarms[id].told);

        in.memory = memory;
        in.redundancy = "redundant";
        for (unsigned i = 0; i < 4; i++) {
                AlertVerdict v = alert_judge(&in);

                FUZZ_ASSERT(v.wait_usec == UINT64_MAX || v.wait_usec <= AFTER);
                n_sent += v.send;
                in.memory = v.told;
                in.now_usec += AFTER;
        }
        FUZZ_ASSERT(alert_memory_is_empty(&in.memory) && n_sent <= 1);
        return 0;
}
