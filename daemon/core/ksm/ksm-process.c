/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that gain from KSM, as they travel from the worker, and their order. A guest is known
 * by its cgroup, which only root can choose, never by its name or command line. Of the files of
 * proc(5) little is asked; what else is in them is not looked at, as each kernel adds to it. */

#include "core/ksm/ksm-process.h"

#include <inttypes.h>

#include "common/string-util.h"

#define NAME_SIZE_MAX 64 /* bytes; the kernel gives 15 of a process */

void ksm_process_done(KsmProcess *p) {
        free(p->name);
        *p = (KsmProcess){};
}

void ksm_processes_done(KsmProcesses *l) {
        for (size_t i = 0; i < l->n; i++)
                ksm_process_done(&l->items[i]);
        free(l->items);
        *l = (KsmProcesses){};
}

int ksm_processes_take(KsmProcesses *l, KsmProcess *p) {
        if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                return -ENOMEM;
        l->items[l->n++] = TAKE_STRUCT(*p);
        return 0;
}

/* Merged pages are the next best if the kernel does not tell the profit. */
static int64_t gain(const KsmProcess *p) {
        if (p->has_profit)
                return p->profit_bytes;
        return (int64_t) MIN(p->merged_bytes, (uint64_t) INT64_MAX);
}

static int compare(const void *a, const void *b) {
        const KsmProcess *x = a, *y = b;

        if (gain(x) != gain(y))
                return gain(x) > gain(y) ? -1 : 1;
        if (x->vmid != y->vmid)
                return x->vmid < y->vmid ? -1 : 1;
        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* Leave out the last @n of them, of those that are no guests only, unless @guests. */
static void drop_last(KsmProcesses *l, size_t n, bool guests) {
        for (size_t i = l->n; n > 0 && i-- > 0;) {
                if (l->items[i].vmid != 0 && !guests)
                        continue;
                ksm_process_done(&l->items[i]);
                memmove(&l->items[i], &l->items[i + 1], (--l->n - i) * sizeof(l->items[0]));
                n--;
        }
}

void ksm_processes_sort(KsmProcesses *l, size_t max) {
        if (l->n > 0)
                qsort(l->items, l->n, sizeof(l->items[0]), compare);
        if (l->n > max)
                drop_last(l, l->n - max, false);
        if (l->n > max)
                drop_last(l, l->n - max, true);
}

/* NNN of "…:/qemu.slice/NNN.scope". */
static uint32_t vmid_of_line(const char *line, size_t size) {
        static const char slice[] = ":/qemu.slice/", scope[] = ".scope";
        const char *colon = memchr(line, ':', size);
        char digits[sizeof("4294967295")];
        uint64_t vmid;
        size_t n;

        /* Hierarchy and controllers stand before the path, with a colon behind each. A container
         * may make cgroups of any name below its own, so the path is compared from its start. */
        colon = colon ? memchr(colon + 1, ':', size - (size_t) (colon + 1 - line)) : NULL;
        n = colon ? size - (size_t) (colon - line) : 0;
        if (n <= strlen(slice) + strlen(scope) || memcmp(colon, slice, strlen(slice)) != 0 ||
            memcmp(colon + n - strlen(scope), scope, strlen(scope)) != 0)
                return 0;
        n -= strlen(slice) + strlen(scope);
        if (n >= sizeof(digits))
                return 0;
        memcpy(digits, colon + strlen(slice), n);
        digits[n] = '\0';
        if (digits[0] == '0' || parse_u64(digits, &vmid) < 0 || vmid > UINT32_MAX)
                return 0;
        return (uint32_t) vmid;
}

uint32_t ksm_vmid_of_cgroup(const char *text) {
        const char *line;
        size_t pos = 0, n;

        while (line_next(text, strlen(text), &pos, &line, &n)) {
                uint32_t vmid = vmid_of_line(line, n);

                if (vmid != 0)
                        return vmid;
        }
        return 0;
}

void ksm_process_format(const KsmProcess *p, Buffer *b) {
        const size_t n = strlen(p->name), dots = strlen("...");
        _cleanup_free_ char *shown = string_for_humans(
                        p->name, n, n <= NAME_SIZE_MAX ? n : NAME_SIZE_MAX - dots);
        _cleanup_free_ char *profit = strprintf("%" PRIi64, p->profit_bytes);

        if (!shown || !profit)
                b->failed = true;
        record_add(b, "name", shown);
        record_add_u64(b, "pid", p->pid);
        record_add_u64(b, "vmid", p->vmid);
        if (p->has_merged)
                record_add_u64(b, "merged", p->merged_bytes);
        if (p->has_profit)
                record_add(b, "profit", profit);
}

static int get_u32(const Record *record, const char *key, uint32_t *ret) {
        uint64_t value;

        if (record_get_u64(record, key, &value) < 0 || value > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t) value;
        return 0;
}

static int parse_name(const Record *record, char **ret) {
        const char *name = record_get(record, "name");

        if (!name)
                return -EBADMSG;
        *ret = string_for_humans(name, strlen(name), NAME_SIZE_MAX);
        if (!*ret)
                return -ENOMEM;
        return streq(*ret, name) ? 0 : -EBADMSG;
}

int ksm_process_parse(const Record *record, KsmProcess *ret) {
        _cleanup_(ksm_process_done) KsmProcess p = {};
        const char *profit = record_get(record, "profit");
        int r, n = 3;

        r = parse_name(record, &p.name);
        if (r < 0)
                return r;
        if (get_u32(record, "pid", &p.pid) < 0 || get_u32(record, "vmid", &p.vmid) < 0 ||
            p.pid == 0)
                return -EBADMSG;
        if (record_get(record, "merged")) {
                if (record_get_u64(record, "merged", &p.merged_bytes) < 0)
                        return -EBADMSG;
                p.has_merged = true;
                n++;
        }
        if (profit) {
                if (parse_i64(profit, &p.profit_bytes) < 0)
                        return -EBADMSG;
                p.has_profit = true;
                n++;
        }
        *ret = TAKE_STRUCT(p);
        return n;
}

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

/* The text behind @key on the line that begins so, without blanks around it. */
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
