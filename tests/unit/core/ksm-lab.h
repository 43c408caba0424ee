/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* KSM as four kernels show it: the files of /sys/kernel/mm/ksm with their modes and the text that
 * their show functions print (ksm_attrs[] of mm/ksm.c). From 5.11 to 6.3 it has 14 of them; then
 * came general_profit (6.4), ksm_zero_pages and pages_scanned (6.6), pages_skipped and smart_scan
 * (6.7) and the advisor (6.8), and none until 6.18.
 *
 * 1000 pages stand for 25000 more; 6000 others are remembered in vain. */

#include <check.h>

#include "common/string-util.h"
#include "core/ksm/ksm-model.h"

#define LAB_PAGE_BYTES UINT64_C(4096)

typedef enum LabKernel {
        LAB_5_15,
        LAB_6_2,
        LAB_6_8,
        LAB_6_14,
        _LAB_KERNEL_MAX,
} LabKernel;

typedef struct LabFile {
        const char *name;
        mode_t mode;
        const char *text;
        LabKernel since;
} LabFile;

static const LabFile lab_files[] = {
        { "advisor_max_cpu", 0644, "70\n", LAB_6_8 },
        { "advisor_max_pages_to_scan", 0644, "30000\n", LAB_6_8 },
        { "advisor_min_pages_to_scan", 0644, "500\n", LAB_6_8 },
        { "advisor_mode", 0644, "[none] scan-time\n", LAB_6_8 },
        { "advisor_target_scan_time", 0644, "200\n", LAB_6_8 },
        { "full_scans", 0444, "42\n", LAB_5_15 },
        { "general_profit", 0444, "102400000\n", LAB_6_8 },
        { "ksm_zero_pages", 0444, "500\n", LAB_6_8 },
        { "max_page_sharing", 0644, "256\n", LAB_5_15 },
        { "merge_across_nodes", 0644, "1\n", LAB_5_15 },
        { "pages_scanned", 0444, "1344000\n", LAB_6_8 },
        { "pages_shared", 0444, "1000\n", LAB_5_15 },
        { "pages_sharing", 0444, "25000\n", LAB_5_15 },
        { "pages_skipped", 0444, "777\n", LAB_6_8 },
        { "pages_to_scan", 0644, "100\n", LAB_5_15 },
        { "pages_unshared", 0444, "4000\n", LAB_5_15 },
        { "pages_volatile", 0444, "2000\n", LAB_5_15 },
        { "run", 0644, "1\n", LAB_5_15 },
        { "sleep_millisecs", 0644, "20\n", LAB_5_15 },
        { "smart_scan", 0644, "1\n", LAB_6_8 },
        { "stable_node_chains", 0444, "0\n", LAB_5_15 },
        { "stable_node_chains_prune_millisecs", 0644, "2000\n", LAB_5_15 },
        { "stable_node_dups", 0444, "0\n", LAB_5_15 },
        { "use_zero_pages", 0644, "0\n", LAB_5_15 },
};

/* The figures that must come of them. */
static const struct {
        size_t n_counters, n_tunables;
        uint64_t saved, metadata;
        int64_t profit;
} lab_expect[_LAB_KERNEL_MAX] = {
        [LAB_5_15] = { 7, 6, 102400000, 2048000, 100352000 },
        [LAB_6_2] = { 7, 6, 102400000, 2048000, 100352000 },
        [LAB_6_8] = { 11, 12, 104448000, 2048000, 102400000 },
        [LAB_6_14] = { 11, 12, 104448000, 2048000, 102400000 },
};

#define LAB_FOREACH_FILE(f, kernel)                                                    \
        for (const LabFile *f = lab_files; f < lab_files + ELEMENTSOF(lab_files); f++) \
                if (f->since <= (kernel))

/* As a look at the files gives it. */
static inline Ksm lab_ksm(LabKernel kernel) {
        Ksm k = { .state = KSM_RUNNING, .page_bytes = LAB_PAGE_BYTES };

        LAB_FOREACH_FILE(f, kernel) {
                _cleanup_free_ char *value = NULL;

                ck_assert_int_eq(ksm_value_parse(f->text, strlen(f->text), &value), 0);
                ck_assert_int_eq(ksm_add(&k, f->name, f->mode & 0222, value), 0);
        }
        return k;
}
