/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The changes that decide which kernel boots, in the order that survives a power cut on FAT. */

#include "blocking/esp/esp-open.h"
#include "core/plan/plan.h"

typedef struct EspCommit {
        const EspVolume *volume;
        int *holds; /* open descriptors that keep replaced and removed files allocated */
        size_t n_holds, n_allocated;
        char **keeps; /* paths that must stay: nothing is removed that is one of them */
        bool open;    /* something was placed or removed since the last barrier */
} EspCommit;

/* Lets the holds go as they are: only after a barrier, or when the process ends anyway. */
void esp_commit_done(EspCommit *c);

/* Hold the file at @path, so that its clusters stay its own whatever happens to its name. 0 also if
 * there is none; an error if there is something that is no regular file. */
int esp_commit_hold(EspCommit *c, const char *path, Error *error);

/* From now on the file at @path, and the directory that it is in, must stay: the removals below
 * refuse what is the same inode, by whatever name the plan calls it. 0 or -ENOMEM. */
int esp_commit_keep(EspCommit *c, const char *path);

/* PLAN_PLACE, after esp_commit_hold(): rename @path.new over @path, sync the directory and the
 * file, hold it too. It must stay from then on. @ret_file gets its path, type, size and mtime. */
int esp_commit_place(EspCommit *c, const char *path, EspFile *ret_file, Error *error);

/* Remove what is at @path; 0 also if it is gone already.
 * PLAN_REMOVE_ENTRY: unlink the file while it is held, sync the directory, let go.
 * PLAN_REMOVE_KERNEL: unlink vmlinuz-VER and initrd.img-VER, and what was staged for them, in the
 * directory, whose name is VER; then remove it, unless it holds something that is not ours. Files
 * and directory are held until the barrier.
 * PLAN_REMOVE_FILE: unlink the kernel file, a grub_kernel_path(), or one that esp_path_is_memtest()
 * knows; it is held until the barrier. -EINVAL for any other name, and an error for what is no
 * regular file. */
int esp_commit_remove(EspCommit *c, PlanAction action, const char *path, Error *error);

/* PLAN_BARRIER: all that was done so far is on the disk, then the holds go, and that is on the disk
 * too. If it fails the holds stay. */
int esp_commit_barrier(EspCommit *c, Error *error);
