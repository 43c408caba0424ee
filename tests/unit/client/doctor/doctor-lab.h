/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host that is a directory, without a daemon, for one check or one module at a time. */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/doctor/patient.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

typedef struct DoctorLab {
        char directory[sizeof("/tmp/doctor-lab.XXXXXX")];
        Options options;
        Patient p;
} DoctorLab;

static inline int lab_remove_one(const char *path, const struct stat *st, int type,
                                 struct FTW *ftw) {
        return remove(path);
}

static inline void lab_open(DoctorLab *lab) {
        *lab = (DoctorLab){ .directory = "/tmp/doctor-lab.XXXXXX" };
        ck_assert_ptr_nonnull(mkdtemp(lab->directory));
        lab->options.root = lab->directory;
        lab->p = (Patient){
                .options = &lab->options,
                .root = open(lab->directory, O_PATH | O_DIRECTORY | O_CLOEXEC),
                .prefix = must(strdup(lab->directory)),
                .command = must(strdup("bootctl-pve")),
        };
        ck_assert_int_ge(lab->p.root, 0);
}

static inline void lab_close(DoctorLab *lab) {
        patient_close(&lab->p);
        (void) nftw(lab->directory, lab_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
#define _cleanup_lab_ _cleanup_(lab_close)

/* The path of a file of it, whose directories are made. To be freed. */
static inline char *lab_path(const DoctorLab *lab, const char *name) {
        char *path = must(strprintf("%s/%s", lab->directory, name));

        for (char *p = path + strlen(lab->directory) + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void) mkdir(path, 0755);
                *p = '/';
        }
        return path;
}

static inline void lab_write(const DoctorLab *lab, const char *name, const char *text) {
        _cleanup_free_ char *path = lab_path(lab, name);
        FILE *f = fopen(path, "we");

        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

static inline void lab_chmod(const DoctorLab *lab, const char *name, mode_t mode) {
        _cleanup_free_ char *path = lab_path(lab, name);

        ck_assert_int_eq(chmod(path, mode), 0);
}

static inline void lab_link(const DoctorLab *lab, const char *name, const char *to) {
        _cleanup_free_ char *path = lab_path(lab, name);

        ck_assert_int_eq(symlink(to, path), 0);
}

static inline void lab_add_package(DoctorLab *lab, const char *name, const char *status) {
        Patient *p = &lab->p;

        ck_assert(ARRAY_RESERVE(p->packages, p->n_packages_allocated, p->n_packages + 1));
        p->packages[p->n_packages++] =
                        (Package){ must(strdup(name)), must(strdup(status)), must(strdup("1.0")) };
        p->has_packages = true;
}

/* Run the check @name of @table, and give the worst of what it has found; NULL: nothing. */
static inline const Finding *lab_run(DoctorLab *lab, const Check *table, const char *name) {
        Patient *p = &lab->p;
        const Finding *worst = NULL;

        for (; p->n_findings > 0; p->n_findings--) {
                free(p->findings[p->n_findings - 1].sentence);
                free(p->findings[p->n_findings - 1].action);
        }
        while (table->name && !streq(table->name, name))
                table++;
        ck_assert_ptr_nonnull(table->name);
        p->check = table;
        table->look(p);
        for (size_t i = 0; i < p->n_findings; i++)
                if (!worst || p->findings[i].severity > worst->severity)
                        worst = &p->findings[i];
        return worst;
}
