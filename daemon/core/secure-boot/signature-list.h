/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* EFI_SIGNATURE_LIST, of which db, dbx, KEK, PK and shim's MokListRT are made (UEFI 2.10, 32.4.1).
 * The bytes come from the firmware. */

#include "common/macros.h"
#include "core/firmware/load-option.h"

typedef enum SignatureType {
        SIGNATURE_X509,        /* a certificate in DER */
        SIGNATURE_SHA256,      /* the Authenticode digest of a program */
        SIGNATURE_X509_SHA256, /* the digest of a certificate's to-be-signed part, and when it was
                                * revoked */
        SIGNATURE_OTHER,       /* of no meaning for us */
} SignatureType;

typedef struct Signature {
        SignatureType type;
        char owner[GUID_TEXT_SIZE]; /* who brought it there */
        const uint8_t *data;        /* of the type; within what is read */
        size_t size;
} Signature;

/* The place that the reading of @data has come to; begins as { .data = …, .size = … }. */
typedef struct SignatureReader {
        const uint8_t *data;
        size_t size;
        /* of the list that is being read */
        const uint8_t *next;
        size_t n_left, entry_size;
        SignatureType type;
} SignatureReader;

/* The next one: 1; 0: there is no more; -EBADMSG if the rest is no list of signatures, after which
 * it must not be called again. What came before that counts. */
int signature_next(SignatureReader *reader, Signature *ret);
