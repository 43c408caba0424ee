/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that gain from KSM, as they travel from the worker, and their order. A guest is known
 * by its cgroup, which only root can choose, never by its name or command line. */

#include "core/ksm-process.h"

#include <inttypes.h>

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

/* Where the kernel does not tell the profit, merged pages are the next best. */
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
