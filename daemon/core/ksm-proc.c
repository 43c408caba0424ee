/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of proc(5), in the little that is asked of them. What else is in them is not looked at, as
 * each kernel adds to it. */

#include "core/ksm-proc.h"

#include "common/string-util.h"

/* Fields of proc/PID/stat, as proc(5) numbers them; the name is the second. */
#define STAT_FLAGS 9
#define STAT_UTIME 14
#define STAT_STIME 15

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

static int parse_number(const char *s, size_t size, int64_t *ret) {
        char copy[sizeof("-9223372036854775808")];

        if (size >= sizeof(copy))
                return -EBADMSG;
        memcpy(copy, s, size);
        copy[size] = '\0';
        return strlen(copy) != size || parse_i64(copy, ret) < 0 ? -EBADMSG : 0;
}

/* What stands behind @key on the line that begins so, without blanks around it. */
static int find_value(const char *text, size_t size, const char *key, const char **ret,
                      size_t *ret_size) {
        const size_t key_size = strlen(key);
        const char *line;
        size_t pos = 0, n;

        while (line_next(text, size, &pos, &line, &n)) {
                if (n < key_size || memcmp(line, key, key_size) != 0)
                        continue;
                line += key_size;
                n -= key_size;
                text_trim(&line, &n);
                *ret = line;
                *ret_size = n;
                return 0;
        }
        return -ENOENT;
}

static int find_memory(const char *text, size_t size, const char *key, uint64_t *ret) {
        static const char unit[] = " kB";
        const size_t unit_size = strlen(unit);
        const char *value;
        size_t n;
        int64_t kb;
        int r;

        r = find_value(text, size, key, &value, &n);
        if (r < 0)
                return r;
        if (n < unit_size || memcmp(value + n - unit_size, unit, unit_size) != 0 ||
            parse_number(value, n - unit_size, &kb) < 0 || kb < 0 || kb > INT64_MAX / 1024)
                return -EBADMSG;
        *ret = (uint64_t) kb * 1024;
        return 0;
}

int meminfo_parse(const char *text, size_t size, uint64_t *ret_available, uint64_t *ret_total) {
        uint64_t available, total;
        int r;

        r = find_memory(text, size, "MemAvailable:", &available);
        if (r >= 0)
                r = find_memory(text, size, "MemTotal:", &total);
        if (r < 0)
                return r;
        *ret_available = available;
        *ret_total = total;
        return 0;
}

/* Field @number of those that @fields begins with the third of; -EBADMSG if it is not there. */
static int stat_field(const char *fields, size_t size, unsigned number, uint64_t *ret) {
        const char *at = fields, *end = fields + size, *blank;
        int64_t value;

        for (unsigned i = 3; i < number; i++) {
                at = memchr(at, ' ', (size_t) (end - at));
                if (!at)
                        return -EBADMSG;
                at++;
        }
        blank = memchr(at, ' ', (size_t) (end - at));
        if (parse_number(at, (size_t) ((blank ?: end) - at), &value) < 0 || value < 0)
                return -EBADMSG;
        *ret = (uint64_t) value;
        return 0;
}

int ksmd_stat_parse(const char *text, size_t size, uint64_t *ret_ticks) {
        /* A name may hold brackets and blanks; it ends with the last bracket. */
        const char *open = memchr(text, '(', size), *close = memrchr(text, ')', size);
        uint64_t flags, user, system;
        size_t n;

        if (!open || !close || close < open || close + 2 > text + size ||
            !text_is(open + 1, (size_t) (close - open - 1), "ksmd"))
                return -ESRCH;
        close += strlen(") ");
        n = (size_t) (text + size - close);
        if (stat_field(close, n, STAT_FLAGS, &flags) < 0 || !(flags & PF_KTHREAD) ||
            stat_field(close, n, STAT_UTIME, &user) < 0 ||
            stat_field(close, n, STAT_STIME, &system) < 0)
                return -ESRCH;
        *ret_ticks = user + system; /* neither is above INT64_MAX */
        return 0;
}

int ksm_stat_parse(const char *text, size_t size, int64_t *ret_profit) {
        const char *value;
        size_t n;
        int r;

        r = find_value(text, size, "ksm_process_profit ", &value, &n);
        return r < 0 ? r : parse_number(value, n, ret_profit);
}
