/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The processes in proc, looked at one by one. Most have nothing merged, and of these only two
 * small files are read. */

#include "sys/ksm-processes.h"

#include <unistd.h>

#include "common/string-util.h"
#include "core/ksm-proc.h"
#include "sys/proc.h"

/* 0, or -ENOMEM: what cannot be read is not told. */
static int look_at_merged(const Root *root, const char *pid, KsmProcess *p) {
        const uint64_t page_bytes = (uint64_t) sysconf(_SC_PAGESIZE);
        _cleanup_free_ char *text = NULL;
        uint64_t pages;
        int r;

        r = proc_read(root, pid, "ksm_merging_pages", &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        text[strcspn(text, "\n")] = '\0';
        if (parse_u64(text, &pages) < 0 || pages > UINT64_MAX / page_bytes)
                return 0;
        p->merged_bytes = pages * page_bytes;
        p->has_merged = true;
        return 0;
}

static int look_at_profit(const Root *root, const char *pid, KsmProcess *p) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = proc_read(root, pid, "ksm_stat", &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        p->has_profit = ksm_stat_parse(text, size, &p->profit_bytes) >= 0;
        return 0;
}

static int look_at_guest(const Root *root, const char *pid, KsmProcess *p) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = proc_read(root, pid, "cgroup", &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        p->vmid = ksm_vmid_of_cgroup(text);
        return 0;
}

static int look_at(const Root *root, const char *pid, KsmProcesses *l) {
        _cleanup_(ksm_process_done) KsmProcess p = { .pid = (uint32_t) strtoul(pid, NULL, 10) };
        int r;

        r = look_at_guest(root, pid, &p);
        if (r >= 0)
                r = look_at_merged(root, pid, &p);
        if (r < 0 || (p.merged_bytes == 0 && p.vmid == 0))
                return r;
        r = look_at_profit(root, pid, &p);
        if (r < 0)
                return r;
        r = proc_read(root, pid, "comm", &p.name, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0; /* it has ended */
        p.name[strcspn(p.name, "\n")] = '\0';
        return ksm_processes_take(l, &p);
}

int ksm_processes_list(const Root *root, KsmProcesses *ret) {
        _cleanup_(ksm_processes_done) KsmProcesses l = {};
        _cleanup_strv_ char **pids = NULL;
        int r;

        assert(root);
        assert(ret);

        r = proc_list(root, &pids);
        if (r == -ENOMEM)
                return r;
        STRV_FOREACH(pid, pids) {
                r = look_at(root, *pid, &l);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(l);
        return 0;
}
