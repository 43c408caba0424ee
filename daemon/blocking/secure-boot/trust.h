/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys that decide: those of the firmware, those of shim's owner (MOK), and those that are
 * built into a shim. */

#include <openssl/x509.h>

#include "common/error.h"
#include "core/secure-boot/secure-boot.h"
#include "sys/root.h"

#define EFI_VENDOR_SECURITY "d719b2cb-3d3a-4596-a3bc-dad00e67656f" /* db and dbx */
#define EFI_VENDOR_SHIM     "605dab50-e046-4300-abb6-3dd810dd8b23"

#define SHA256_SIZE 32

/* Texts for people that are taken out of certificates are cut behind this many bytes. */
#define CERTIFICATE_NAME_MAX 96

typedef uint8_t Sha256[SHA256_SIZE];

/* A variable of EFI_SIGNATURE_LISTs, taken apart. */
typedef struct KeyList {
        X509 **certificates;
        size_t n_certificates, n_certificates_allocated;
        Sha256 *programs; /* Authenticode digests */
        size_t n_programs, n_programs_allocated;
        Sha256 *to_be_signed; /* digests of certificates' to-be-signed parts */
        size_t n_to_be_signed, n_to_be_signed_allocated;
} KeyList;

void key_list_done(KeyList *list);

/* Add all of an EFI_SIGNATURE_LIST. A certificate that libcrypto cannot read is none for the
 * firmware, too, and is passed over. -EBADMSG if the rest is no list; -ENOMEM. */
int key_list_add(KeyList *list, const uint8_t *data, size_t size);
/* Add the certificates in a text with PEM blocks, or the one in DER. -EBADMSG if there is none;
 * -ENOMEM. */
int key_list_add_certificate(KeyList *list, const uint8_t *data, size_t size);

bool key_list_has_program(const KeyList *list, const Sha256 digest) _pure_;
bool key_list_has_certificate(const KeyList *list, const X509 *certificate);
/* True if the digest of the part of @certificate that was to be signed is on the list. */
bool key_list_has_to_be_signed(const KeyList *list, const X509 *certificate);

/* The keys that are built into a shim, and the SBAT level that it sets, NULL: none. */
typedef struct ShimKeys {
        KeyList accepted, refused;
        char *sbat_level;
        size_t sbat_level_size;
} ShimKeys;

void shim_keys_done(ShimKeys *keys);

typedef struct Trust {
        bool supported; /* the firmware has the variable SecureBoot; else nothing is set */
        KeyList lists[_KEY_STORE_MAX]; /* those that are variables */
        bool ignores_db;               /* MokIgnoreDB: shim does not ask db */
        bool checks_nothing;           /* MokSBStateRT: shim has been told to accept everything */
        char *sbat_level;              /* SbatLevelRT, NULL: none */
        size_t sbat_level_size;
} Trust;

void trust_done(Trust *trust);

/* Read it all from the firmware's variables. Those of shim are there only if this boot came through
 * it, but for MokNew. -errno with @error, FirmwareError, if one of them cannot be read or is no
 * list: nothing is judged by half of the keys. -ENOMEM. */
int trust_read(const Root *root, Trust *ret, Error *error);

/* The common name, else the whole name, for people (see string_for_humans()). NULL when out of
 * memory. */
char *certificate_name(const X509_NAME *name);
/* Microseconds since the epoch until which it says it is valid, 0 if it does not say. */
uint64_t certificate_not_after(const X509 *certificate);
/* Fill a key of @store for people and programs. 0 or -ENOMEM. */
int boot_key_from_certificate(KeyStore store, const X509 *certificate, const char *path,
                              BootKey *ret);
