/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is to be done on one ESP, or with one device or the host's boot variables: ordered steps, as
 * a value. The dry run, the space check, the progress total and the crash order are all this value;
 * the worker only interprets it. */

#include "core/cmdline.h"
#include "core/device-id.h"
#include "core/manifest.h"

typedef enum PlanAction {
        /* looking */
        PLAN_KNOWN, /* path, esp_size, esp_mtime: a text that the daemon has in memory; a scan need
                     * not read it */
        PLAN_SCAN,  /* report space, loader and every file of ours, with the text of entries */
        PLAN_CHECK, /* path, source, stamp: report the verdict. With trust also esp_size, esp_mtime,
                     * sha256: what the manifest says; without, compare the content */
        PLAN_KEEP,  /* path, esp_size, esp_mtime: fail the plan if the file is not as planned */
        /* staging: nothing that boots is touched */
        PLAN_MKDIR,       /* path: may exist */
        PLAN_CLEAR,       /* path: remove a leftover of an interrupted staging */
        PLAN_STAGE,       /* path, source, stamp: copy to path.new, sync, read back, compare */
        PLAN_STAGE_TEXT,  /* path, text: the same with a small text */
        PLAN_GRUB_CONFIG, /* path, text: the same with what grub-mkconfig makes of the kernels in
                           * the root, but for the files named in the text, one a line */
        /* committing */
        PLAN_TOKEN,        /* wait until the engine lets this ESP commit */
        PLAN_REPAIR,       /* before anything is written: no two files share clusters, and the FAT's
                            * dirty bit is cleared */
        PLAN_PLACE,        /* path: rename path.new over it, the old file held open */
        PLAN_REMOVE_ENTRY, /* path */
        PLAN_REMOVE_KERNEL, /* path: the directory of a version, with the kernel files in it */
        PLAN_REMOVE_FILE,   /* path: vmlinuz-VER or initrd.img-VER in the root, or Memtest86+ */
        PLAN_BARRIER,       /* everything so far is on the disk before the next step; old files are
                             * let go */
        PLAN_OPTIONAL, /* what follows, up to a scan, may fail: that is a warning, and nothing of it
                        * is done any more */
        /* setting up an ESP */
        PLAN_INSTALL_LOADER, /* text: "systemd-boot" or "grub", as esp_loader_to_string() says */
        PLAN_BOOT_ENTRY,     /* text: likewise; the firmware has an entry that leads to the loader
                              * on this ESP. What prevents that is a warning, not a failure */
        /* on a device */
        PLAN_PROBE,  /* of a whole disk: report it and each of its partitions */
        PLAN_FORMAT, /* of a partition: make it an empty ESP, and report it; force: even if it holds
                      * a file system */
        /* on the host */
        PLAN_FIRMWARE, /* report the firmware's variables */
        PLAN_ARM,      /* text: id of a loader entry, which systemd-boot takes at the next boot */
        PLAN_DISARM,   /* text: likewise; if that one is armed, none is any more */
        PLAN_UPDATE_GRUB, /* replace boot/grub/grub.cfg by what grub-mkconfig makes; path: that, for
                           * people */
        PLAN_KSM_SET, /* path: a file in sys/kernel/mm/ksm, by its name; text: what it is set to */
        PLAN_KSM_UNMERGE, /* until nothing is merged; REPORT_PROGRESS counts the bytes. force: also
                           * if memory gets short */
        PLAN_KSM_PROCESSES, /* report who gains from KSM */
        _PLAN_ACTION_MAX,
        _PLAN_ACTION_INVALID = -EINVAL,
} PlanAction;

/* "known", "scan", "check", "keep", "mkdir", "clear", "stage", "stage-text", "grub-config",
 * "token", "repair", "place", "remove-entry", "remove-kernel", "remove-file", "barrier",
 * "optional", "install-loader", "boot-entry", "probe", "format", "firmware", "arm", "disarm",
 * "update-grub", "ksm-set", "ksm-unmerge", "ksm-processes" */
DECLARE_STRING_TABLE(plan_action, PlanAction);

typedef struct PlanStep {
        PlanAction action;
        char *path;      /* on the ESP, unless said otherwise above */
        char *source;    /* below the root, PLAN_STAGE and PLAN_CHECK */
        char *text;      /* PLAN_STAGE_TEXT and others, see above */
        FileStamp stamp; /* of the source, as it was planned */
        bool trust;      /* PLAN_CHECK: esp_size and esp_mtime count as equal */
        bool force;      /* PLAN_FORMAT, PLAN_KSM_UNMERGE */
        uint64_t esp_size, esp_mtime;
        char sha256[DIGEST_HEX_SIZE]; /* PLAN_CHECK with trust: to be reported back */
        uint64_t bytes;               /* for people: what the step copies or frees */
} PlanStep;

/* Of an ESP, a device, or, with neither, the host. */
typedef struct Plan {
        char *esp_uuid;
        char *device; /* as the kernel names it: "sda", "sda2" */
        DeviceId id;  /* of that device, or of the one that the ESP is on: nothing is written to any
                       * other. Not set: any; a plan that formats must have it */
        PlanStep *steps;
        size_t n_steps, n_allocated;
        /* Why the plan cannot bring the ESP fully into sync (no room, no command line …): one
         * sentence, and its code. The steps still do what can be done. */
        int problem_code; /* ErrorCode, 0: none */
        char *problem;
        char *left_out; /* why something optional is not among the steps: one sentence, or NULL */
        char *away; /* which kept kernels are off the ESP during the plan: one sentence, or NULL */
} Plan;

Plan *plan_free(Plan *p);
DEFINE_CLEANUP(Plan *, plan_free)
int plan_new(const char *esp_uuid, Plan **ret);
int plan_new_device(const char *device, Plan **ret);
int plan_new_host(Plan **ret);
/* What the plan works on, as a part of a sentence: "ESP 'AAAA-0001'", "'/dev/sda'", "the boot
 * variables of this host", "the menu of GRUB on this host", "KSM". 0 or -ENOMEM. */
int plan_subject(const Plan *p, char **ret);
/* The name of the lock that keeps others off it: a look at processes keeps nobody off KSM. 0 or
 * -ENOMEM. */
int plan_lock_name(const Plan *p, char **ret);
/* A new zeroed step at the end, with a copy of @path (NULL allowed); NULL when out of memory. */
PlanStep *plan_add(Plan *p, PlanAction action, const char *path);

/* Drop all steps. */
void plan_clear(Plan *p);
/* Drop the PLAN_KEEP of @path, if there is one. */
void plan_drop_keep(Plan *p, const char *path);

/* True if the plan writes to the ESP. */
bool plan_writes(const Plan *p) _pure_;
/* True if it does so before what is optional: the ESP is not in sync. */
bool plan_is_due(const Plan *p) _pure_;
/* True if the plan repairs the FAT first, which must not be mounted writable before. */
bool plan_repairs(const Plan *p) _pure_;
/* Bytes that the staging steps copy. */
uint64_t plan_bytes(const Plan *p) _pure_;
/* What REPORT_PROGRESS counts up to: a staged file is written and read back; a check that trusts
 * nothing reads the file and its source. */
uint64_t plan_work_bytes(const Plan *p) _pure_;
/* The paths that it changes, each once and in order, "/" for what concerns all of the ESP: the
 * files that are not as they should be. 0 or -ENOMEM. */
int plan_changes(const Plan *p, char ***ret);

/* Put @loader (not ESP_LOADER_NONE) on the ESP whose content is @image, let the firmware know it,
 * and look again. 0 or -ENOMEM. */
int plan_build_install(const char *esp_uuid, const EspImage *image, EspLoader loader, Plan **ret);

typedef struct PlanInput {
        const char *esp_uuid;
        const EspImage *image;
        const KernelSet *kernels;
        const char *title;            /* of the entries */
        const char *cmdline;          /* NULL: options of existing entries stay */
        const char *fallback_cmdline; /* for entries that have none; may be NULL */
        const char *pin;              /* what must be the default; NULL: any, so the newest */
        const char *next_boot; /* with GRUB: what boots once, before the default; may be NULL */
        bool grub_stale;       /* GRUB's configuration has changed since the look */
        bool memtest_stays;    /* as it is, or is not there, though it should be otherwise */
} PlanInput;

/* The look that must come before a plan: known texts (of @known, may be NULL), scan, and a check of
 * the files of each kept bootable kernel and of Memtest86+, where the loader of @known has them, or
 * in both places. @manifest may be NULL. With @verify nothing is trusted. */
int plan_build_probe(const char *esp_uuid, const KernelSet *kernels, const Manifest *manifest,
                     const EspImage *known, bool verify, Plan **ret);

/* The steps from @in->image to an ESP in sync, in the crash order. An ESP in sync gives a plan
 * without steps. Fails only with -ENOMEM; what cannot be done is in the plan's problem. */
int plan_build(const PlanInput *in, Plan **ret);
