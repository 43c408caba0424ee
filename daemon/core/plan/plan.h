/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The work to be done on one ESP, with one device, or for the host: ordered steps, as a value. The
 * dry run, the space check, the progress total and the crash order are all this value; the worker
 * only interprets it. */

#include "common/error.h"
#include "core/disk/device-id.h"
#include "core/esp/manifest.h"

/* The steps that a plan can have: how each is called, on what it works, which fields it has, and
 * what it does to an ESP. All that the floors know of an action is in one table; only how to run it
 * is the worker's. */
typedef enum PlanAction {
        /* looking */
        PLAN_KNOWN, /* a text that the daemon has in memory; a scan need not read it */
        PLAN_SCAN,  /* report space, loader and every file of ours, with the text of entries */
        PLAN_CHECK, /* report the verdict. With trust also esp_size, esp_mtime: what the
                     * manifest says; without, compare the content */
        PLAN_KEEP,  /* fail the plan if the file is not as planned */
        /* staging: nothing that boots is touched */
        PLAN_MKDIR,       /* may exist */
        PLAN_CLEAR,       /* remove a leftover of an interrupted staging */
        PLAN_STAGE,       /* copy to path.new, sync, read back, compare */
        PLAN_STAGE_TEXT,  /* the same with a small text */
        PLAN_GRUB_CONFIG, /* the same with what grub-mkconfig makes of the kernels in the root, but
                           * for the files named in the text, one a line */
        /* committing */
        PLAN_TOKEN,         /* wait until the engine lets this ESP commit */
        PLAN_REPAIR,        /* before anything is written: no two files share clusters, and the
                             * FAT's dirty bit is cleared */
        PLAN_PLACE,         /* rename path.new over it, the old file held open */
        PLAN_REMOVE_ENTRY,  /* of a kernel, or of Memtest86+ */
        PLAN_REMOVE_KERNEL, /* the directory of a version, with the kernel files in it */
        PLAN_REMOVE_FILE,   /* vmlinuz-VER or initrd.img-VER in the root, or Memtest86+ */
        PLAN_BARRIER,       /* everything so far is on the disk before the next step; old files are
                             * let go */
        PLAN_OPTIONAL, /* what follows, up to a scan, may fail: that is a warning, and nothing of it
                        * is done any more */
        /* setting up an ESP */
        PLAN_CHECK_LOADER,   /* text: the loader's name; fail the plan if it can be told that it
                              * cannot be installed */
        PLAN_INSTALL_LOADER, /* text: likewise */
        PLAN_BOOT_ENTRY,     /* text: likewise; the firmware has an entry that leads to the loader
                              * on this ESP. What prevents that is a warning, not a failure */
        PLAN_SIGNATURES,     /* report who has signed the boot loaders and kernels on it, judged */
        /* on a device */
        PLAN_PROBE,  /* of a whole disk: report it and each of its partitions */
        PLAN_FORMAT, /* of a partition: make it an empty ESP, and report it; force: even if it holds
                      * a file system */
        /* on the host */
        PLAN_FIRMWARE,   /* report the firmware's variables */
        PLAN_ARM,        /* text: id of a loader entry, which systemd-boot takes at the next boot */
        PLAN_DISARM,     /* text: likewise; if that one is armed, none is any more */
        PLAN_PUT_ENTRY,  /* text: "0003 HEX", a boot entry that is to be there again, with that
                          * number if it is free; nothing if one that does the same is there */
        PLAN_SET_ORDER,  /* text: "OLD NEW": what BootOrder is to be, if it still is the old one;
                          * "-" is an empty one */
        PLAN_DROP_ENTRY, /* text: "0003 HEX", a boot entry that no order names and that is deleted,
                          * if it still is that */
        PLAN_KEYS, /* text: versions of kernels, one a line; report the keys of firmware and host,
                    * and who has signed the kernels in boot/, the loaders of packages, and the
                    * modules of those versions, judged */
        PLAN_PREFER_SHIM, /* in the firmware's order shim comes before other loaders of ours */
        PLAN_UPDATE_GRUB, /* replace boot/grub/grub.cfg by what grub-mkconfig makes; in a dry run
                           * the path is that, for people */
        PLAN_KSM_SET, /* path: a file in sys/kernel/mm/ksm, by its name; text: what it is set to */
        PLAN_KSM_UNMERGE, /* until nothing is merged; REPORT_PROGRESS counts the bytes. force: also
                           * if memory gets short */
        PLAN_KSM_PROCESSES, /* report who gains from KSM */
        _PLAN_ACTION_MAX,
        _PLAN_ACTION_INVALID = -EINVAL,
} PlanAction;

/* "known", "scan" and so on. */
DECLARE_STRING_TABLE(plan_action, PlanAction);

/* The thing that a plan works on: an ESP or a device, which has a name, or something of the host.
 */
typedef enum PlanSubject {
        PLAN_ON_ESP,
        PLAN_ON_DEVICE, /* a disk or a partition */
        PLAN_ON_FIRMWARE,
        PLAN_ON_KEYS,      /* a look at them keeps nobody off the firmware */
        PLAN_ON_HOST_GRUB, /* GRUB's menu of a host without ESPs */
        PLAN_ON_KSM,
        PLAN_ON_KSM_PROCESSES, /* a look at them keeps nobody off KSM */
        _PLAN_SUBJECT_MAX,
        _PLAN_SUBJECT_INVALID = -EINVAL,
} PlanSubject;

typedef enum PlanField {
        PLAN_FIELD_PATH = 1 << 0,
        PLAN_FIELD_SOURCE = 1 << 1,
        PLAN_FIELD_TEXT = 1 << 2,
        PLAN_FIELD_STAMP = 1 << 3,
        PLAN_FIELD_ESP = 1 << 4, /* esp_size, esp_mtime */
        PLAN_FIELD_FORCE = 1 << 5,
        PLAN_FIELD_LOADER = 1 << 6, /* the text is a loader's name */
} PlanField;

typedef struct PlanActionKind {
        const char *name;
        PlanSubject subject;
        unsigned fields; /* bits of PlanField that each such step has; "bytes" may be in any */
        bool writes;     /* to an ESP. A barrier only flushes what others wrote, the token waits */
        bool copies;     /* its bytes to an ESP */
} PlanActionKind;

const PlanActionKind *plan_action_kind(PlanAction action) _const_;

typedef struct PlanStep {
        PlanAction action;
        char *path;   /* on the ESP, unless its action says otherwise */
        char *source; /* below the root */
        char *text;
        FileStamp stamp; /* of the source, as it was planned */
        bool trust;      /* PLAN_CHECK: esp_size and esp_mtime count as equal */
        bool force;      /* PLAN_FORMAT, PLAN_KSM_UNMERGE */
        uint64_t esp_size, esp_mtime;
        uint64_t bytes; /* for people: what the step copies or frees */
} PlanStep;

typedef struct Plan {
        PlanSubject subject;
        char *esp_uuid; /* PLAN_ON_ESP, else NULL */
        char *device;   /* PLAN_ON_DEVICE, as the kernel names it: "sda", "sda2"; else NULL */
        DeviceId id; /* of that device, or of the one that the ESP is on: nothing is written to any
                      * other. Not set: any; a plan that formats must have it */
        PlanStep *steps;
        size_t n_steps, n_allocated;
        Error problem;  /* why the plan cannot bring the ESP fully into sync (no room, no command
                         * line …). The steps still do what can be done */
        char *left_out; /* why something optional is not among the steps: one sentence, or NULL */
        char *away; /* which kept kernels are off the ESP during the plan: one sentence, or NULL */
} Plan;

Plan *plan_free(Plan *p);
DEFINE_CLEANUP(Plan *, plan_free)
/* @name: the UUID of the ESP, or the device; NULL for what the host has once. 0 or -ENOMEM. */
int plan_new(PlanSubject subject, const char *name, Plan **ret);
/* The thing that the plan works on, as a part of a sentence: "ESP 'AAAA-0001'", "'/dev/sda'", "the
 * boot variables of this host", "the menu of GRUB on this host", "KSM". 0 or -ENOMEM. */
int plan_subject(const Plan *p, char **ret);
/* The name of the lock that keeps others off it. 0 or -ENOMEM. */
int plan_lock_name(const Plan *p, char **ret);
/* A new zeroed step of the plan's subject at the end, with a copy of @path (NULL allowed); NULL
 * when out of memory. */
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
/* The total that REPORT_PROGRESS counts up to: a staged file is written and read back; a check that
 * trusts nothing reads the file and its source. */
uint64_t plan_work_bytes(const Plan *p) _pure_;
/* The paths that it changes, each once and in order, "/" for what concerns all of the ESP: the
 * files that are not as they should be. 0 or -ENOMEM. */
int plan_changes(const Plan *p, char ***ret);

/* Append to @parts, once each, why the plan has something to do, in words for people: "kernel
 * 6.8.12-5-pve is not there as it is in '/boot'", "kernel 6.5.13-5-pve is not kept any more". Only
 * if there was nothing: "'loader/loader.conf' is not as it should be", for the first such file. 0
 * or -ENOMEM. */
int plan_explain(const Plan *p, char ***parts);

/* The plan that puts @loader (not ESP_LOADER_NONE) on the ESP whose content is @image, with @entry
 * lets the firmware know it, has what shim starts judged, and looks again. The look must find
 * something to boot there, see esp_image_is_bootable(). 0 or -ENOMEM. */
int plan_build_install(const char *esp_uuid, const EspImage *image, EspLoader loader, bool entry,
                       Plan **ret);

/* With Secure Boot enabled: a kernel that is refused does not become the default while one is kept
 * that is not, and the last one that is accepted stays on the ESP. An ESP that boots, where all
 * that is kept would be refused, is left as it is. */
typedef struct PlanInput {
        const char *esp_uuid;
        const EspImage *image;
        const KernelSet *kernels;
        const char *title;            /* of the entries */
        const char *cmdline;          /* NULL: options of existing entries stay */
        const char *fallback_cmdline; /* for entries that have none; may be NULL */
        const char *pin; /* what should be the default; NULL: any, so the newest. If it is refused,
                          * another takes its place, see kernel_set_name_default() */
        const SignedFiles *judged; /* what is on the ESP, while Secure Boot is enabled; NULL: not
                                    * known, or it is not */
        const char *next_boot;     /* with GRUB: what boots once, before the default; may be NULL */
        bool grub_stale;           /* GRUB's configuration has changed since the look */
        bool memtest_stays;        /* as it is, or is not there, though it should be otherwise */
        bool loader_stale;         /* the image's loader is there, but as another program */
        bool loader_comes; /* the image's loader is only put on the ESP when this is done: room is
                            * left for it, and what another one boots stays until then */
        bool copies_stay;  /* what another one boots stays in any case */
} PlanInput;

/* The look that must come before a plan: known texts (of @known, may be NULL), scan, and a check of
 * the files of each kept bootable kernel and of Memtest86+, where the loader of @known has them, or
 * in both places. @manifest may be NULL. With @verify nothing is trusted. */
int plan_build_probe(const char *esp_uuid, const KernelSet *kernels, const Manifest *manifest,
                     const EspImage *known, bool verify, Plan **ret);

/* Add to that look a check of the boot loader's own program, where that is one file: of @known, or
 * of any (ESP_LOADER_NONE). @sources are by loader; @manifest may be NULL. 0 or -ENOMEM. */
int plan_probe_loader(Plan *plan, EspLoader known, const LoaderSource *sources,
                      const Manifest *manifest);

/* The steps from @in->image to an ESP in sync, in the crash order. An ESP in sync gives a plan
 * without steps. Fails only with -ENOMEM; what cannot be done is in the plan's problem. */
int plan_build(const PlanInput *in, Plan **ret);
