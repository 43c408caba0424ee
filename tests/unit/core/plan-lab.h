/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host and an ESP for tests of plans. Kernels are kept and put on the ESP newest first; the plan
 * is read as lines of "verb name", the name being the last part of the path. */

#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/unit/core/sim-esp.h"

#define MIB         (1024 * 1024)
#define CLUSTER     4096
#define IMAGE_SIZE  (8 * MIB)
#define INITRD_SIZE (40 * MIB)
#define TITLE       "Proxmox Virtual Environment"

#define V614 "6.14.8-2-pve"
#define V611 "6.11.11-2-pve"
#define V68  "6.8.12-4-pve"
#define V65  "6.5.13-5-pve"
#define V62  "6.2.16-3-pve"

typedef struct Lab {
        SimEsp esp;
        KernelSet kernels;
        PlanInput in;
        Plan *plan;
} Lab;

/* An ESP as it is after its loader was installed, with room for everything. */
static inline void lab_init(Lab *lab) {
        static const char conf[] = "timeout 3\ndefault proxmox-*\n";

        *lab = (Lab){ .kernels.database_readable = true };
        lab->esp.image.loader = ESP_LOADER_SYSTEMD_BOOT;
        lab->esp.image.cluster_bytes = CLUSTER;
        lab->esp.image.free_bytes = UINT64_C(1024) * MIB;
        sim_put(&lab->esp, "loader", FILE_DIRECTORY, 0, 0, NULL);
        sim_put(&lab->esp, ESP_ENTRY_DIR, FILE_DIRECTORY, 0, 0, NULL);
        sim_put(&lab->esp, ESP_KERNEL_DIR, FILE_DIRECTORY, 0, 0, NULL);
        sim_put(&lab->esp, ESP_LOADER_CONF, FILE_REGULAR, strlen(conf), 0, conf);
        lab->in = (PlanInput){ .esp_uuid = "AAAA-0001",
                               .image = &lab->esp.image,
                               .kernels = &lab->kernels,
                               .title = TITLE,
                               .cmdline = "root=a" };
}

static inline void lab_done(Lab *lab) {
        sim_done(&lab->esp);
        kernel_set_done(&lab->kernels);
        plan_free(lab->plan);
}

/* Called newest first. */
static inline Kernel *lab_keep(Lab *lab, const char *version) {
        KernelSet *set = &lab->kernels;
        Kernel *k;

        ck_assert(ARRAY_RESERVE(set->kernels, set->n_allocated, set->n_kernels + 1));
        k = &set->kernels[set->n_kernels++];
        *k = (Kernel){ .version = strdup(version),
                       .reasons = 1u << KERNEL_NEWEST,
                       .image = { .inode = set->n_kernels * 2, .size = IMAGE_SIZE },
                       .initrd = { .inode = set->n_kernels * 2 + 1, .size = INITRD_SIZE } };
        return k;
}

static inline EspFile *lab_put_file(Lab *lab, const char *version, KernelFile f, uint64_t size,
                                    FileVerdict verdict) {
        _cleanup_free_ char *path = esp_kernel_path(version, f);
        EspFile *file = sim_put(&lab->esp, path, FILE_REGULAR, size, 0, NULL);

        file->verdict = verdict;
        return file;
}

/* The entry named proxmox-@name.conf, as it should be but for @options. */
static inline EspFile *lab_put_entry(Lab *lab, const char *name, const char *version,
                                     const char *options) {
        _cleanup_free_ char *path = esp_entry_path(name), *text = NULL;

        ck_assert_int_eq(boot_entry_render(TITLE, version, options, &text), 0);
        return sim_put(&lab->esp, path, FILE_REGULAR, strlen(text), 0, text);
}

/* A complete kernel on the ESP, as it should be. */
static inline void lab_put_kernel(Lab *lab, const char *version) {
        _cleanup_free_ char *dir = esp_kernel_dir(version);

        sim_put(&lab->esp, dir, FILE_DIRECTORY, 0, 0, NULL);
        lab_put_file(lab, version, KERNEL_FILE_IMAGE, IMAGE_SIZE, VERDICT_TRUSTED);
        lab_put_file(lab, version, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_EQUAL);
        lab_put_entry(lab, version, version, "root=a");
}

static inline void lab_put_conf(Lab *lab, const char *text) {
        sim_put(&lab->esp, ESP_LOADER_CONF, FILE_REGULAR, strlen(text), 0, text);
}

static inline void lab_plan(Lab *lab) {
        plan_free(lab->plan);
        lab->plan = NULL;
        ck_assert_int_eq(plan_build(&lab->in, &lab->plan), 0);
}

static inline char *lab_steps(const Lab *lab) {
        Buffer b = {};
        char *text;

        for (size_t i = 0; i < lab->plan->n_steps; i++) {
                const PlanStep *step = &lab->plan->steps[i];
                const char *slash = step->path ? strrchr(step->path, '/') : NULL;
                const char *name = slash ? slash + 1 : step->path;

                if (step->action == PLAN_KEEP)
                        continue;
                buffer_puts(&b, plan_action_to_string(step->action));
                if (name)
                        buffer_printf(&b, " %s", name);
                buffer_puts(&b, "\n");
        }
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

/* Plan and compare the steps but for "keep"; no problem is expected. */
static inline void lab_assert_steps(Lab *lab, const char *expect) {
        _cleanup_free_ char *steps = NULL;

        lab_plan(lab);
        steps = lab_steps(lab);
        ck_assert_str_eq(steps, expect);
        ck_assert_msg(lab->plan->problem.code == ERROR_NONE, "%s",
                      strempty(lab->plan->problem.message));
}

/* The same where something cannot be done. @names is in the sentence. */
static inline void lab_assert_problem(Lab *lab, const char *expect, ErrorCode code,
                                      const char *names) {
        _cleanup_free_ char *steps = NULL;

        lab_plan(lab);
        steps = lab_steps(lab);
        ck_assert_str_eq(steps, expect);
        ck_assert_msg(lab->plan->problem.code == code, "%s", strempty(lab->plan->problem.message));
        ck_assert_msg(strstr(lab->plan->problem.message, names), "%s", lab->plan->problem.message);
        ck_assert_msg(strstr(lab->plan->problem.message, "AAAA-0001"), "%s",
                      lab->plan->problem.message);
}

static inline const PlanStep *lab_find_step(const Lab *lab, PlanAction action, const char *path) {
        for (size_t i = 0; i < lab->plan->n_steps; i++)
                if (lab->plan->steps[i].action == action &&
                    streq_ptr(lab->plan->steps[i].path, path))
                        return &lab->plan->steps[i];
        return NULL;
}
