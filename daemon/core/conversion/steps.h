/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The steps to Secure Boot, what they follow from, and how they are put together. */

#include "core/firmware/firmware.h"
#include "core/kernel/kernel-select.h"
#include "core/loader/loader-files.h"
#include "core/loader/loader.h"
#include "core/secure-boot/secure-boot.h"

typedef enum ConversionKind {
        CONVERSION_SUPPORT,    /* this host or its firmware knows no Secure Boot: there is no way */
        CONVERSION_SET_UP,     /* no ESP is configured that a boot loader could be put on */
        CONVERSION_PACKAGES,   /* shim and the signed GRUB */
        CONVERSION_KERNEL,     /* one in /boot that would be accepted */
        CONVERSION_ESP,        /* an ESP that boots with Secure Boot */
        CONVERSION_PROVE,      /* this boot came from an ESP that is converted */
        CONVERSION_ORDER,      /* the firmware tries shim before systemd-boot */
        CONVERSION_ENTRY,      /* the firmware has an entry that starts shim */
        CONVERSION_VALIDATION, /* shim checks what it starts */
        CONVERSION_IMPORT,     /* the keys of DKMS are enrolled, or wait for MokManager */
        CONVERSION_ENROL,      /* they are enrolled */
        CONVERSION_MODULES,    /* no module would be refused */
        CONVERSION_AUTHORITY,  /* the firmware accepts the shim */
        CONVERSION_ACCEPTED,   /* all else that boots would be accepted */
        CONVERSION_ABSENT,     /* an ESP that is configured and not there */
        CONVERSION_ENABLE,     /* Secure Boot is enabled */
        _CONVERSION_KIND_MAX,
        _CONVERSION_KIND_INVALID = -EINVAL,
} ConversionKind;

typedef struct ConversionStep {
        ConversionKind kind;
        const char *esp; /* of one ESP: its FAT UUID, borrowed; else NULL */
        bool done;
        char *step;    /* a short phrase: "Convert ESP 'AAAA-0001' to shim and GRUB" */
        char *why;     /* half a sentence; of a step that is done, the evidence */
        char *command; /* "": there is none, or it is done */
} ConversionStep;

typedef struct ConversionPlan {
        ConversionStep *steps;
        size_t n_steps, n_allocated;
} ConversionPlan;

/* A configured ESP. Borrowed. */
typedef struct ConversionEsp {
        const char *uuid, *part_uuid; /* of its FAT; of its partition, "" if that has none */
        bool present;
        EspLoader loader;
        const SignedFiles *files; /* NULL: nobody has judged them yet */
} ConversionEsp;

/* All that it follows from. Borrowed. */
typedef struct ConversionHost {
        const Firmware *firmware;
        const SecureBootFacts *facts;
        const char *loader; /* that started the running kernel, see LoaderInUse; NULL: unknown */
        const char *booted_esp; /* FAT UUID of the ESP that it came from; "": not known */
        const KernelSet *kernels;
        const ConversionEsp *esps;
        size_t n_esps;
} ConversionHost;

void conversion_plan_done(ConversionPlan *plan);

/* As the package has put it below the root. */
#define PACKAGED_SHIM "/usr/lib/shim/shim" EFI_ARCH ".efi.signed"

/* A plan while it is made. */
typedef struct Maker {
        const ConversionHost *host;
        bool enforced; /* Secure Boot is enabled */
        bool shim;     /* some ESP has shim, or is to have it */
        ConversionPlan plan;
} Maker;

/* Takes the texts of @step over, of which the command may be NULL: there is none. What is done
 * needs none. 0 or -ENOMEM. */
int maker_add(Maker *m, ConversionStep step);
/* False for an ESP that is to be left as it is, or of which nobody knows what it is. */
bool maker_may_convert(const ConversionEsp *esp);
/* True for a kernel that is on the ESPs. */
bool maker_keeps(const Kernel *kernel);
/* Why the kernel in /boot would be refused, see chain_refusal(). */
const char *maker_kernel_refusal(const Maker *m, const Kernel *kernel);

/* Behind the ESPs: what shim, the modules and the firmware still want, and its switch. 0 or
 * -ENOMEM. */
int maker_add_checks(Maker *m);
