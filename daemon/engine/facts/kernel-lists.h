/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs about kernels: each changes one file in etc/kernel durably, if the kernel allows it.
 * And the pin for the next boot: when it was set, whether a boot loader is armed for it, and its
 * end. */

#include "common/error.h"
#include "engine/facts/files.h"

typedef enum KernelVerb {
        KERNEL_VERB_ADD,    /* to the manual list */
        KERNEL_VERB_REMOVE, /* from it */
        KERNEL_VERB_PIN,
        KERNEL_VERB_UNPIN,
} KernelVerb;

typedef struct KernelChange {
        KernelVerb verb;
        const char *version; /* not of KERNEL_VERB_UNPIN */
        PinScope scope; /* of a pin; KERNEL_VERB_UNPIN for the next boot leaves the permanent one */
} KernelChange;

/* 0, or InvalidVersion. */
int kernel_list_check(const KernelChange *change, Error *error);
/* Goes by @facts, which were read a moment ago, and returns 1 if a file has changed, 0 if it was so
 * already; or InvalidVersion, NoSuchKernel, NotBootable, LastKernel, ReadOnly or Failed. */
int kernel_list_change(const Root *root, const Facts *facts, const KernelChange *change,
                       Error *error);

/* 0 if a package hook may hand over @version: its image is in boot/, or dpkg knows its package. A
 * database that cannot be read says nothing against it. */
int kernel_list_check_new(const Root *root, const char *version, Error *error);

/* After the pin was set or removed: write down in which boot. */
int boot_pin_record(const Root *root, const Facts *facts);
/* At the start: remove a pin whose boot has happened. 1 if it was removed, 0 if not. */
int boot_pin_expire(const Root *root, const Facts *facts);

/* The firmware is to be told of the next boot: the id of the loader entry to be armed, and of the
 * one that was and is not wanted any more; both may be NULL. 0 or -ENOMEM. */
int boot_pin_plan_one_shot(const Root *root, const Facts *facts, char **ret_arm, char **ret_disarm);
/* The firmware has been told: @version boots once, NULL: none does. */
void boot_pin_record_one_shot(const Root *root, const Facts *facts, const char *version);
