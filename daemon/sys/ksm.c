/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM as the kernel shows it. Of ksmd only its stat is read: to tell the command line of a process
 * the kernel takes a lock of it, which one that hangs may hold for ever. Processes come and go
 * while one looks, so each file of each of them may be gone. Most have nothing merged, and of these
 * only two small files are read. */

#include "sys/ksm.h"

#include <inttypes.h>
#include <unistd.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/ksm/ksm-process.h"
#include "sys/file.h"

#define ATTRIBUTE_MAX    4096 /* a page: sysfs gives no more */
#define MEMINFO_SIZE_MAX (64 * 1024)
#define USEC_PER_SEC     UINT64_C(1000000)
#define PROC_SIZE_MAX    4096

static bool is_pid(const char *name) {
        uint64_t pid;

        return name[0] != '0' && parse_u64(name, &pid) >= 0 && pid <= INT32_MAX;
}

/* The pids of all processes, as the names of their directories, in no order. 0 or -errno. */
static int proc_list(const Root *root, char ***ret) {
        return directory_list(root, PATH_PROC, is_pid, ret);
}

/* Read file @name of process @pid as file_read() does, a page at most. -ENOENT or -ESRCH if it has
 * ended. */
static int proc_read(const Root *root, const char *pid, const char *name, char **ret,
                     size_t *ret_size) {
        _cleanup_free_ char *path = strprintf(PATH_PROC "/%s/%s", pid, name);

        if (!path)
                return -ENOMEM;
        return file_read(root, path, PROC_SIZE_MAX, ret, ret_size);
}

static int read_value(const Root *root, const char *name, char **ret, bool *ret_writable) {
        _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", name), *text = NULL;
        struct stat st;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = root_stat(root, path, &st);
        if (r >= 0)
                r = file_read(root, path, ATTRIBUTE_MAX, &text, &size);
        if (r >= 0)
                r = ksm_value_parse(text, size, ret);
        if (r < 0)
                return r;
        *ret_writable = st.st_mode & 0222;
        return 0;
}

static int look_at_files(const Root *root, char *const *names, Ksm *k) {
        STRV_FOREACH(name, (char **) names) {
                _cleanup_free_ char *value = NULL;
                bool writable;
                int r;

                r = read_value(root, *name, &value, &writable);
                if (r >= 0)
                        r = ksm_add(k, *name, writable, value);
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

static int look_at_state(const Root *root, Ksm *k) {
        const char *sharing = ksm_attributes_get(&k->counters, "pages_sharing");
        _cleanup_free_ char *run = NULL;
        bool writable;
        int r;

        r = read_value(root, "run", &run, &writable);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                k->state = KSM_UNKNOWN;
        else
                k->state = ksm_state_of(run, sharing);
        return 0;
}

int ksm_look(const Root *root, Ksm *ret) {
        _cleanup_(ksm_done) Ksm k = { .page_bytes = (uint64_t) sysconf(_SC_PAGESIZE) };
        _cleanup_strv_ char **names = NULL;
        int r;

        assert(root);
        assert(ret);

        r = directory_list(root, PATH_KSM, NULL, &names);
        if (r == -ENOMEM)
                return r;
        strv_sort_uniq(names, strcmp);
        r = look_at_files(root, names, &k);
        if (r >= 0)
                r = look_at_state(root, &k);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(k);
        return 0;
}

int memory_look(const Root *root, uint64_t *ret_available, uint64_t *ret_total) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_MEMINFO, MEMINFO_SIZE_MAX, &text, &size);
        return r < 0 ? r : meminfo_parse(text, size, ret_available, ret_total);
}

/* 0, -ESRCH if process @pid is not ksmd, or -ENOMEM. */
static int read_ticks(const Root *root, const char *pid, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = proc_read(root, pid, "stat", &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : -ESRCH;
        return ksmd_stat_parse(text, size, ret);
}

static int find_ksmd(const Root *root, pid_t *pid, uint64_t *ret_ticks) {
        _cleanup_strv_ char **pids = NULL;
        int r;

        r = proc_list(root, &pids);
        if (r == -ENOMEM)
                return r;
        STRV_FOREACH(p, pids) {
                r = read_ticks(root, *p, ret_ticks);
                if (r >= 0)
                        *pid = (pid_t) strtol(*p, NULL, 10);
                if (r != -ESRCH)
                        return r;
        }
        return -ESRCH;
}

int ksmd_cpu_usec(const Root *root, pid_t *pid, uint64_t *ret) {
        _cleanup_free_ char *known = strprintf("%" PRIi32, *pid);
        uint64_t ticks;
        int r;

        if (!known)
                return -ENOMEM;
        r = *pid > 0 ? read_ticks(root, known, &ticks) : -ESRCH;
        if (r == -ESRCH)
                r = find_ksmd(root, pid, &ticks);
        if (r < 0)
                return r;
        *ret = MIN(ticks, UINT64_MAX / USEC_PER_SEC) * USEC_PER_SEC /
               (uint64_t) sysconf(_SC_CLK_TCK);
        return 0;
}

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
