/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All that is read of KSM: files of sysfs and proc, the file of what is remembered, and processes
 * as the daemon hears of them from a worker. Each reader gets the same bytes. */

#include "core/ksm/ksm-model.h"
#include "core/ksm/ksm-process.h"
#include "tests/fuzz/fuzz.h"

static void check_config(const char *text, size_t size) {
        _cleanup_(ksm_config_done) KsmConfig c = {};
        _cleanup_free_ char *again = NULL;

        FUZZ_ASSERT(ksm_config_parse(text, size, &c) == 0);
        FUZZ_ASSERT(c.tunables.n <= KSM_ATTRIBUTES_MAX);
        FUZZ_ASSERT(ksm_config_format(&c, &again) == 0);
        FUZZ_ASSERT((again != NULL) == (c.run || c.tunables.n > 0));
        FUZZ_ASSERT(!again || (strlen(again) == size && memcmp(again, text, size) == 0));
}

static void check_sentence(const Error *error) {
        const char *s = strempty(error->message);

        FUZZ_ASSERT(text_is_clean(s, strlen(s)) && utf8_is_valid(s, strlen(s)));
}

/* "NAME=VALUE" is a counter, a setting, and what somebody wants to set. */
static void check_model(const char *text, size_t size) {
        _cleanup_free_ char *name = strndup(text, size), *value = NULL;
        _cleanup_(ksm_done) Ksm k = { .page_bytes = 4096 };
        _cleanup_error_ Error error = {}, memory = {};
        const char *equals = memchr(text, '=', size);
        int r;

        FUZZ_ASSERT(name);
        if (!equals)
                return;
        name[strcspn(name, "=")] = '\0';
        r = ksm_value_parse(equals + 1, size - (size_t) (equals + 1 - text), &value);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;

        FUZZ_ASSERT(!isempty(value) && strlen(value) <= KSM_VALUE_MAX);
        FUZZ_ASSERT(ksm_add(&k, name, false, value) == 0 && ksm_add(&k, name, true, value) == 0);
        FUZZ_ASSERT(k.counters.n <= 1 && k.tunables.n <= 1);
        FUZZ_ASSERT(ksm_figures(&k).saved_bytes <= INT64_MAX);
        FUZZ_ASSERT(ksm_figures(&k).profit_bytes ==
                    (int64_t) (ksm_figures(&k).saved_bytes - ksm_figures(&k).metadata_bytes));
        FUZZ_ASSERT(ksm_state_to_string(ksm_state_of(value, value)));
        FUZZ_ASSERT((ksm_check_memory(&k, size, 0, &memory) < 0) ==
                    (ksm_figures(&k).saved_bytes > 0));
        FUZZ_ASSERT((ksm_tunable_check(&k, name, value, &error) < 0) == error_is_set(&error));
        check_sentence(&error);
        check_sentence(&memory);
}

static int parse(const char *text, size_t size, KsmProcess *ret) {
        _cleanup_(record_done) Record record = {};
        int r;

        r = record_parse(text, size, &record);
        return r < 0 ? r : ksm_process_parse(&record, ret);
}

static char *format(const KsmProcess *p) {
        Buffer b = {};
        char *line;

        record_begin(&b, "process");
        ksm_process_format(p, &b);
        FUZZ_ASSERT(buffer_take(&b, &line, NULL) == 0);
        return line;
}

static void check_process(const char *text, size_t size) {
        _cleanup_(ksm_process_done) KsmProcess p = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        int r;

        r = parse(text, size, &p);
        FUZZ_ASSERT(r >= 3 || r == -EBADMSG);
        if (r < 0)
                return;
        FUZZ_ASSERT(p.pid > 0 && text_is_clean(p.name, strlen(p.name)));
        first = format(&p);
        FUZZ_ASSERT(parse(first, strlen(first), &again) == r);
        second = format(&again);
        FUZZ_ASSERT(streq(first, second));
}

static void check_proc(const char *text, size_t size) {
        _cleanup_free_ char *s = strndup(text, size);
        uint64_t available = 0, total = 0, ticks = 0;
        int64_t profit;
        int r;

        FUZZ_ASSERT(s);
        (void) ksm_vmid_of_cgroup(s);
        r = meminfo_parse(text, size, &available, &total);
        FUZZ_ASSERT(r == 0 || r == -ENOENT || r == -EBADMSG);
        FUZZ_ASSERT(available <= INT64_MAX && total <= INT64_MAX);
        r = ksmd_stat_parse(text, size, &ticks);
        FUZZ_ASSERT(r == 0 || r == -ESRCH);
        FUZZ_ASSERT(r == 0 || ticks == 0);
        r = ksm_stat_parse(text, size, &profit);
        FUZZ_ASSERT(r == 0 || r == -ENOENT || r == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;

        check_config(text, size);
        check_model(text, size);
        check_process(text, size);
        check_proc(text, size);
        return 0;
}
