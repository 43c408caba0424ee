/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing to KSM, with a directory as /sys. The kernel is played: run is a FIFO that is full, so
 * that who writes 2 waits in the write, as it does while the kernel unmerges, and each look at the
 * progress is one of the kernel's steps. */

#include "blocking/ksm/ksm-control.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

#include "check-main.h"
#include "common/string-util.h"
#include "sys/temp-root.h"

#define DIR_KSM "sys/kernel/mm/ksm/"
#define PAGE    UINT64_C(4096)

static void put(const TempRoot *t, const char *name, const char *value) {
        _cleanup_free_ char *path = strprintf(DIR_KSM "%s", name);

        temp_puts(t, path, value);
        if (startswith(name, "pages_"))
                ck_assert_int_ge(fchmodat(t->fd, path, 0444, 0), 0);
}

/* A pages_sharing that is read-only is replaced, since only root may write to it. */
static void put_sharing(const TempRoot *t, unsigned pages) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%u\n", pages);
        (void) unlinkat(t->fd, DIR_KSM "pages_sharing", 0);
        put(t, "pages_sharing", text);
}

static TempRoot make_ksm(void) {
        TempRoot t = temp_root_new();

        put(&t, "run", "1\n");
        put(&t, "sleep_millisecs", "2000\n");
        put_sharing(&t, 1000);
        return t;
}

START_TEST(a_value_is_written_and_read_back) {
        _cleanup_temp_root_ TempRoot t = make_ksm();
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(ksm_write(t.root, "sleep_millisecs", "50", &error), 0);
        temp_assert_text(&t, DIR_KSM "sleep_millisecs", "50");
        ck_assert_int_eq(ksm_write(t.root, "run", "0", &error), 0);
        temp_assert_text(&t, DIR_KSM "run", "0");
}
END_TEST

START_TEST(a_file_that_is_not_there_is_not_made) {
        _cleanup_temp_root_ TempRoot t = make_ksm();
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(ksm_write(t.root, "smart_scan", "1", &error), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error.message, "smart_scan"));
        ck_assert(!temp_exists(&t, DIR_KSM "smart_scan"));
}
END_TEST

START_TEST(neither_another_name_nor_a_link_leads_elsewhere) {
        _cleanup_temp_root_ TempRoot t = make_ksm();
        static const char *const names[] = { "../ksm/run", "", ".", "..", "a b", "/etc/passwd" };

        temp_puts(&t, "etc/passwd", "root\n");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_error_ Error error = {};

                ck_assert_int_lt(ksm_write(t.root, names[i], "1", &error), 0);
                ck_assert_int_eq(error.code, ERROR_INVALID_OPTION);
        }
        temp_symlink(&t, DIR_KSM "smart_scan", "/etc/passwd");
        ck_assert_int_eq(ksm_write(t.root, "smart_scan", "1", NULL), -ELOOP);
        temp_assert_text(&t, "etc/passwd", "root\n");
        temp_assert_text(&t, DIR_KSM "run", "1\n");
}
END_TEST

START_TEST(to_run_no_plan_writes_anything_but_0_and_1) {
        _cleanup_temp_root_ TempRoot t = make_ksm();
        static const char *const values[] = { "2", "3", "", "01", "1\n", "-1" };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                ck_assert_int_lt(ksm_write(t.root, "run", values[i], NULL), 0);
        temp_assert_text(&t, DIR_KSM "run", "1\n");
}
END_TEST

static void put_memory(const TempRoot *t, unsigned available) {
        char text[64];

        (void) snprintf(text, sizeof(text), "MemTotal: 1048576 kB\nMemAvailable: %u kB\n",
                        available * 1024);
        temp_puts(t, "proc/meminfo", text);
}

/* The kernel that unmerges. */
typedef struct Kernel {
        TempRoot t;
        int run; /* the FIFO */
        unsigned pages, each_step;
        bool stops, kills, takes_memory, force;
        uint64_t last_bytes;
        unsigned n_looks;
} Kernel;

static void kernel_done(Kernel *k) {
        (void) safe_close(k->run);
        temp_root_done(&k->t);
}

static void fill(int fd) {
        static const char block[4096];

        while (write(fd, block, sizeof(block)) > 0)
                ;
        while (write(fd, block, 1) > 0)
                ;
        ck_assert_int_eq(errno, EAGAIN);
        ck_assert_int_ge(fcntl(fd, F_SETFL, O_RDWR), 0);
}

static Kernel make_kernel(unsigned pages, unsigned each_step) {
        Kernel k = { .t = make_ksm(), .run = -EBADF, .pages = pages, .each_step = each_step };

        ck_assert_int_ge(unlinkat(k.t.fd, DIR_KSM "run", 0), 0);
        temp_mkfifo(&k.t, DIR_KSM "run");
        k.run = openat(k.t.fd, DIR_KSM "run", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        ck_assert_int_ge(k.run, 0);
        fill(k.run);
        put_sharing(&k.t, pages);
        return k;
}

static void let_go(const Kernel *k) {
        char block[4096];

        ck_assert_int_ge(read(k->run, block, sizeof(block)), 1);
}

/* The one child of this process. */
static pid_t find_child(void) {
        DIR *proc = opendir("/proc");
        pid_t child = 0;
        struct dirent *entry;

        ck_assert_ptr_nonnull(proc);
        while (child == 0 && (entry = readdir(proc))) {
                char path[300], text[512] = "";
                const char *after;
                FILE *f;

                (void) snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
                f = fopen(path, "re");
                if (!f)
                        continue;
                (void) !fgets(text, sizeof(text), f);
                (void) fclose(f);
                after = strrchr(text, ')');
                if (after && atoi(after + 4) == getpid())
                        child = atoi(entry->d_name);
        }
        (void) closedir(proc);
        return child;
}

static void on_progress(uint64_t bytes, void *userdata) {
        Kernel *k = userdata;

        ck_assert_uint_ge(bytes, k->last_bytes);
        k->last_bytes = bytes;
        k->n_looks++;
        if (k->kills && k->n_looks == 2)
                ck_assert_int_ge(kill(find_child(), SIGKILL), 0);
        if (k->takes_memory && k->n_looks == 2)
                put_memory(&k->t, 31);
        k->pages -= MIN(k->pages, k->each_step);
        put_sharing(&k->t, k->pages);
        if (k->pages == 0)
                let_go(k);
}

static bool on_wants_stop(void *userdata) {
        Kernel *k = userdata;

        return k->stops && k->n_looks >= 2;
}

static int unmerge(Kernel *k, Error *error) {
        const KsmUnmergeWatch watch = {
                .progress = on_progress,
                .wants_stop = on_wants_stop,
                .userdata = k,
        };

        return ksm_unmerge(k->t.root, k->force, &watch, error);
}

START_TEST(an_unmerge_tells_its_progress_and_ends_when_nothing_is_merged) {
        _cleanup_(kernel_done) Kernel k = make_kernel(1000, 300);
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(unmerge(&k, &error), 0);
        ck_assert_uint_ge(k.n_looks, 4);
        ck_assert_uint_eq(k.last_bytes, 900 * PAGE);
        ck_assert_int_eq(find_child(), 0);
}
END_TEST

START_TEST(an_unmerge_that_is_stopped_says_what_is_still_merged) {
        _cleanup_(kernel_done) Kernel k = make_kernel(1024, 256);
        _cleanup_error_ Error error = {};
        sigset_t blocked;

        /* As in the worker, which reads its signals from a descriptor. */
        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGTERM);
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
        k.stops = true;
        ck_assert_int_lt(unmerge(&k, &error), 0);
        ck_assert_int_eq(error.code, ERROR_CANCELED);
        ck_assert_ptr_nonnull(strstr(error.message, "still counts 2 MiB as merged"));
        ck_assert_int_eq(find_child(), 0);
}
END_TEST

START_TEST(a_writer_that_the_kernel_kills_is_a_lack_of_memory) {
        _cleanup_(kernel_done) Kernel k = make_kernel(1024, 256);
        _cleanup_error_ Error error = {};

        k.kills = true;
        ck_assert_int_lt(unmerge(&k, &error), 0);
        ck_assert_int_eq(error.code, ERROR_INSUFFICIENT_MEMORY);
        ck_assert_ptr_nonnull(strstr(error.message, "still counts 2 MiB as merged"));
}
END_TEST

START_TEST(an_unmerge_is_stopped_when_memory_gets_short) {
        _cleanup_(kernel_done) Kernel k = make_kernel(1024, 256);
        _cleanup_error_ Error error = {};

        put_memory(&k.t, 32);
        k.takes_memory = true;
        ck_assert_int_lt(unmerge(&k, &error), 0);
        ck_assert_int_eq(error.code, ERROR_INSUFFICIENT_MEMORY);
        ck_assert_ptr_nonnull(strstr(error.message, "stopped as memory got short"));
        ck_assert_int_eq(find_child(), 0);
}
END_TEST

START_TEST(a_forced_unmerge_is_not_stopped_when_memory_gets_short) {
        _cleanup_(kernel_done) Kernel k = make_kernel(1024, 256);
        _cleanup_error_ Error error = {};

        put_memory(&k.t, 32);
        k.takes_memory = k.force = true;
        ck_assert_int_eq(unmerge(&k, &error), 0);
}
END_TEST

START_TEST(a_kernel_that_says_it_is_done_is_not_believed) {
        _cleanup_temp_root_ TempRoot t = make_ksm();
        _cleanup_error_ Error error = {};
        Kernel k = { .t = t };
        const KsmUnmergeWatch watch = { on_progress, on_wants_stop, &k };

        ck_assert_int_lt(ksm_unmerge(t.root, false, &watch, &error), 0);
        ck_assert_int_eq(error.code, ERROR_VERIFY_FAILED);
        temp_assert_text(&t, DIR_KSM "run", "2");
}
END_TEST

START_TEST(without_ksm_nothing_is_started) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_error_ Error error = {};
        Kernel k = { .t = t };
        const KsmUnmergeWatch watch = { on_progress, on_wants_stop, &k };

        ck_assert_int_eq(ksm_unmerge(t.root, false, &watch, &error), -ENOENT);
        ck_assert_uint_eq(k.n_looks, 0);
}
END_TEST

CHECK_MAIN("ksm-control", a_value_is_written_and_read_back, a_file_that_is_not_there_is_not_made,
           neither_another_name_nor_a_link_leads_elsewhere,
           to_run_no_plan_writes_anything_but_0_and_1,
           an_unmerge_tells_its_progress_and_ends_when_nothing_is_merged,
           an_unmerge_that_is_stopped_says_what_is_still_merged,
           a_writer_that_the_kernel_kills_is_a_lack_of_memory,
           an_unmerge_is_stopped_when_memory_gets_short,
           a_forced_unmerge_is_not_stopped_when_memory_gets_short,
           a_kernel_that_says_it_is_done_is_not_believed, without_ksm_nothing_is_started)
