/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A boot loader: what the content of an ESP means to it, and which one an ESP gets. How such an ESP
 * is brought into sync is told in core/plan/plan-loader.h. Whoever works on an ESP asks the object
 * of its loader and never which one it is. */

#include "common/enum.h"
#include "common/error.h"
#include "core/kernel/boot-dir.h"
#include "core/loader/loader-table.h"
#include "core/secure-boot/secure-boot.h"

typedef struct EspFile EspFile;
typedef struct EspImage EspImage;
typedef struct Firmware Firmware;

typedef enum EspLoader {
        ESP_LOADER_NONE,
#define X(id, object) ESP_LOADER_##id,
        LOADER_TABLE(X)
#undef X
                        _ESP_LOADER_MAX,
        _ESP_LOADER_INVALID = -EINVAL,
} EspLoader;

/* "none", or the name of the loader. */
DECLARE_STRING_TABLE(esp_loader, EspLoader);

/* The kernel that the boot loader of an ESP starts when nobody is at the keyboard and no one-shot
 * is armed. */
typedef struct EspBoot {
        bool known;    /* false: the files do not tell, or it is no kernel of ours */
        char *version; /* NULL: not known, or there is nothing to boot */
        bool complete; /* image and initrd of that version are there, and not empty */
} EspBoot;

void esp_boot_done(EspBoot *boot);

/* How surely an ESP is one of this loader; the surest has it. */
typedef enum LoaderClaim {
        LOADER_CLAIM_NONE,
        LOADER_CLAIM_TRACE,         /* nothing but a directory of its own is there */
        LOADER_CLAIM_CONFIGURATION, /* what it is configured by is there */
        LOADER_CLAIM_PROGRAM,       /* it is there itself, by a name that no other has */
} LoaderClaim;

/* A path that a look at an ESP reads. */
typedef struct LoaderPath {
        const char *path;
        unsigned depth; /* of what is below it: 0: none of it */
} LoaderPath;

/* The program of a boot loader as its package has put it below the root. */
typedef struct LoaderSource {
        const char *path; /* relative to the root, constant; NULL: it is not there */
        FileStamp stamp;
        bool is_signed; /* for Secure Boot */
} LoaderSource;

/* A program that starts this host by a boot loader, as packages bring it. */
typedef struct LoaderProgram {
        const char *path, *instead; /* below the root, absolute; @instead if that is not there. What
                                     * is NULL is not there */
        Checker checker;
} LoaderProgram;

/* A way by which the firmware comes to a boot loader on an ESP. Paths as SignedFile has them. */
typedef struct LoaderChain {
        const char *first; /* what the firmware starts */
        const char *next;  /* what shim, as the first, starts then; NULL: there is no shim */
} LoaderChain;

typedef struct Loader {
        const char *name;  /* "systemd-boot": on the bus, in plans and for options */
        const char *title; /* "GRUB": for people */

        LoaderClaim (*claim)(const EspImage *image);
        /* The claim that it will have once it is installed. */
        LoaderClaim (*claim_when_installed)(bool uefi);
        /* Why this host cannot start it, whatever Secure Boot says, as a part of a sentence; NULL
         * if it can. */
        const char *(*refusal)(const Firmware *firmware);
        const LoaderChain *chains;     /* on an ESP; up to one without a path */
        const LoaderProgram *programs; /* that Secure Boot would check; up to one without a path */
        bool unjudged_is_refused; /* as Debian ships it, it would be; else, what is not there is */
        Checker checker;          /* of the kernels that it starts */
        /* True if it is there itself, as far as it is a file. */
        bool (*is_there)(const EspImage *image);

        const LoaderPath *paths;  /* up to one without a path */
        const char *const *names; /* of its files and directories, but for those with a version in
                                   * them; up to NULL */
        /* Of one that is a single file: on the ESP, and below the root, relative to that. NULL: it
         * is made on the spot, and an ESP that has it gets it anew only by who asks for that. */
        const char *program, *source, *signed_source;
        /* True for the path of a file that only we write, and stage. */
        bool (*owns)(const char *path);
        /* True if the text of the file at @path tells what boots. */
        bool (*reads)(const char *path);
        /* The path that the file of @version should have. NULL when out of memory. */
        char *(*kernel_path)(const char *version, KernelFile file);
        /* The same of Memtest86+; NULL where it has no use for @file. */
        const char *(*memtest_path)(MemtestFile file);

        int (*boot)(const EspImage *image, EspBoot *ret); /* see esp_image_boot() */
        /* Versions with an entry of ours that names an image and an initrd which are in the ESP and
         * not empty, newest first. 0 or -ENOMEM, as all of these. */
        int (*kernels)(const EspImage *image, char ***ret);
        /* The version that this ESP boots as it is, whatever grubenv says about the next boot.
         * *@ret is NULL if nothing boots, or an entry that is not ours, or one that lacks its
         * initrd. Entries whose text was not read do not count. */
        int (*default_version)(const EspImage *image, char **ret);
        /* The version that would boot if there were no entries but those which lead to a complete
         * kernel of ours. *@ret is NULL if there is none. */
        int (*best)(const EspImage *image, char **ret);
        /* The options of the entry of @version; *@ret is NULL if there is no such entry or it has
         * none. GRUB has its options from the host's own configuration, so none are told. */
        int (*options)(const EspImage *image, const char *version, char **ret);

        const char *one_shot; /* how it takes a kernel for one boot, by a file on the ESP:
                               * "grubenv"; NULL: by a variable of the firmware, if at all */
        /* The identity of the root file system in the menu (*@ret NULL if it has none), since the
         * host's configuration tells the loader of a pin, in such ids. NULL: the ESP tells it. */
        int (*pin_root_id)(const EspImage *image, char **ret);
        uint64_t install_bytes; /* kept free for it while it is not there yet */
        /* With Secure Boot it is started by shim, with which it is installed where the packages are
         * there, and which checks the kernel, too; else the firmware must accept both. */
        bool by_shim;
} Loader;

#define X(id, object) extern const Loader loader_##object;
LOADER_TABLE(X)
#undef X

/* NULL for ESP_LOADER_NONE. */
const Loader *loader_of(EspLoader loader) _const_;
/* The checker of its kernels as a bit, 0 for ESP_LOADER_NONE: see BootKernel. */
unsigned loader_checkers(EspLoader loader) _const_;

#define for_each_loader(l) for (EspLoader l = ESP_LOADER_NONE + 1; l < _ESP_LOADER_MAX; l++)

/* Of the programs of @loader on an ESP, which holds @files, one that Secure Boot refuses, so that
 * none of its chains leads to it, and who refuses it; NULL if one does, or nothing is known. */
const SignedFile *loader_find_refused(EspLoader loader, const SignedFiles *files, Checker *ret);

/* All that says which boot loaders this host can start. Borrowed. */
typedef struct LoaderHost {
        const Firmware *firmware;
        const SignedFiles *judged;   /* the programs of packages, among others; NULL: not known */
        const LoaderSource *sources; /* by loader, as they are now: what was judged is to be that */
} LoaderHost;

/* Secure Boot is enabled, and would not let the firmware start @loader as its package has it: why,
 * as a part of a sentence; else *@ret is NULL. Of what was not judged the loader itself tells. 0 or
 * -ENOMEM. */
int loader_tell_refusal(const LoaderHost *host, EspLoader loader, char **ret);

/* Choose the loader of the ESP @esp_uuid: the one that was @asked for; else (ESP_LOADER_NONE) the
 * one that is @present; else the first of the table that this host can start: systemd-boot with
 * UEFI, and GRUB with a BIOS, or where Secure Boot refuses systemd-boot, as it does what Debian
 * ships. NotSupported, with @error, for what would not boot here, and where the loader that is
 * present would still be the one that counts. */
int loader_choose(const char *esp_uuid, EspLoader asked, EspLoader present, const LoaderHost *host,
                  EspLoader *ret, Error *error);
