/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The programs that boot this host: who vouches for them, and whether this firmware would start
 * them: the value that workers hand to the daemon. What it is made from (certificates, signatures)
 * only a worker reads; what follows from it is decided here and above. */

#include "common/enum.h"
#include "core/kernel/boot-dir.h"

/* The lists of keys that count, and those that wait to. */
typedef enum KeyStore {
        KEY_STORE_PK,
        KEY_STORE_KEK,
        KEY_STORE_DB,      /* the firmware accepts what one of these has signed */
        KEY_STORE_DBX,     /* and refuses these, whatever db says */
        KEY_STORE_MOK,     /* MokListRT: shim accepts them, too */
        KEY_STORE_MOKX,    /* MokListXRT: shim refuses them */
        KEY_STORE_MOK_NEW, /* wait for MokManager at the next boot */
        KEY_STORE_VENDOR,  /* built into the shim of the host's package */
        KEY_STORE_DKMS,    /* a file that DKMS signs modules with */
        KEY_STORE_UNREAD,  /* one that it names and that cannot be read: nothing but its path */
        _KEY_STORE_MAX,
        _KEY_STORE_INVALID = -EINVAL,
} KeyStore;

/* "pk", "kek", "db", "dbx", "mok", "mok-blocked", "mok-waiting", "shim", "dkms",
 * "dkms-unread" */
const char *key_store_to_string(KeyStore store);

/* A certificate. Digests of programs are only counted, see SecureBootFacts. */
typedef struct BootKey {
        KeyStore store;
        char *subject;           /* for people: its common name, else the whole name */
        char *sha256;            /* of its DER form, 64 lower-case hex digits; "" if not read */
        uint64_t not_after_usec; /* realtime; 0: it does not tell */
        char *path;              /* of a file of DKMS, below the root; else "" */
} BootKey;

/* Checks a program before it runs. */
typedef enum Checker {
        CHECKER_FIRMWARE, /* by db and dbx */
        CHECKER_SHIM,     /* by dbx and MokListXRT; db, MokListRT, its own keys; and SBAT */
        _CHECKER_MAX,
        _CHECKER_INVALID = -EINVAL,
} Checker;

/* "firmware", "shim" */
const char *checker_to_string(Checker checker);

typedef struct Judgement {
        bool accepted;
        char *reason; /* half a sentence: "signed by 'Microsoft UEFI CA 2023', which db has"; "it is
                       * not signed"; "its digest is in dbx" */
} Judgement;

/* A boot loader or a kernel, judged as if Secure Boot were enabled. */
typedef struct SignedFile {
        char *path;      /* "/boot/vmlinuz-6.8.12-4-pve"; of an ESP "/EFI/BOOT/BOOTX64.EFI" */
        FileStamp stamp; /* when it was judged */
        bool is_signed;  /* it carries a signature, whoever made it */
        char *signer; /* of the signature that holds, else of the first: as a key's subject; "" */
        char *issuer; /* likewise: who vouches for the signer; "" */
        uint64_t not_after_usec; /* of the signer's certificate; 0: none. Firmware ignores it */
        Judgement by[_CHECKER_MAX];
} SignedFile;

typedef struct SignedFiles {
        SignedFile *items; /* sorted by path */
        size_t n, n_allocated;
} SignedFiles;

/* A module of a kept kernel that it would refuse with Secure Boot enabled, or may. */
typedef struct RefusedModule {
        char *kernel;  /* version */
        char *path;    /* "/lib/modules/VERSION/updates/dkms/zfs.ko" */
        char *package; /* "zfs-dkms"; "" if nobody has it */
        char *reason;  /* half a sentence */
        bool unknown;  /* it could not be found out, as the reason says: "not known: …" */
} RefusedModule;

/* The whole host's, without what lies on the ESPs. */
typedef struct SecureBootFacts {
        BootKey *keys; /* in the order of the stores */
        size_t n_keys, n_keys_allocated;
        size_t n_digests[_KEY_STORE_MAX]; /* entries that are no certificates */
        bool shim_ignores_db;             /* MokIgnoreDB */
        bool shim_checks_nothing; /* MokSBStateRT: somebody has disabled validation in shim */
        char *sbat_level;         /* the first line of SbatLevelRT; "" without one */
        SignedFiles files;        /* the kernels in /boot, and the loaders of the packages */
        RefusedModule *modules;
        size_t n_modules, n_modules_allocated;
} SecureBootFacts;

void signed_files_done(SignedFiles *files);
void secure_boot_facts_done(SecureBootFacts *facts);

/* NULL if there is none of that path (of any case: FAT has no case). */
const SignedFile *signed_files_find(const SignedFiles *files, const char *path) _pure_;

/* Tell who checks @file, one of @files of an ESP, or of the host: the firmware, what it starts
 * itself; shim, what is loaded by a program that a shim stands beside. @loader: the name of the
 * boot loader that loads kernels, which its program begins with; may be NULL. */
Checker signed_file_checker(const SignedFiles *files, const SignedFile *file, const char *loader)
                _pure_;

/* So much of it is told; what is beyond is left out, the last ones first. A host has a few of each,
 * and a kernel whose modules nobody has signed is understood by the first of them. */
#define SECURE_BOOT_KEYS_MAX    256
#define SECURE_BOOT_FILES_MAX   256 /* of the host, and of each ESP */
#define SECURE_BOOT_MODULES_MAX 256
#define SECURE_BOOT_TEXT_MAX    256 /* bytes of each text but a path, before "..." */
#define SECURE_BOOT_PATH_MAX    1024
/* So many records can lead to one value, and so long is each. */
#define SECURE_BOOT_RECORDS_MAX                                              \
        (1 + SECURE_BOOT_KEYS_MAX + _KEY_STORE_MAX + SECURE_BOOT_FILES_MAX + \
         SECURE_BOOT_MODULES_MAX)
#define SECURE_BOOT_RECORD_MAX (8 * 1024)
#define SECURE_BOOT_BYTES_MAX  (SECURE_BOOT_RECORDS_MAX * SECURE_BOOT_RECORD_MAX)
/* The last moment that is told of a key, which stands for all later ones: JavaScript knows no
 * larger integers (in 2255). */
#define SECURE_BOOT_USEC_MAX ((UINT64_C(1) << 53) - 1)

/* The records of all of it, a line each, in the order that secure_boot_take() wants: "secure-boot",
 * "key", "digests", "signed-file", "refused-module". Texts are made fit for humans and D-Bus. 0 or
 * -ENOMEM. */
int secure_boot_format(const SecureBootFacts *facts, char **ret);
/* Likewise, only the records "signed-file". */
int signed_files_format(const SignedFiles *files, char **ret);

/* Add what the record @line of @size bytes says (with or without its newline) to @facts, which were
 * zeroed before the first one. -EBADMSG for anything that secure_boot_format() would not write, at
 * this place, but for the order of the fields; @facts is as it was then. -ENOMEM. */
int secure_boot_take(SecureBootFacts *facts, const char *line, size_t size);
/* Likewise, of signed_files_format(). */
int signed_files_take(SignedFiles *files, const char *line, size_t size);
