/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program of the firmware's as it lies on a disk: its digest, and the signatures that it
 * carries. */

#include <openssl/pkcs7.h>

#include "blocking/secure-boot/trust.h"
#include "core/secure-boot/pe.h"

/* Larger programs are not read. */
#define PE_FILE_SIZE_MAX (UINT64_C(256) * 1024 * 1024)

/* More signatures than Microsoft, a distribution and the host's owner make together. */
#define PE_FILE_SIGNATURES_MAX 16

/* One signature, and who made it. Nothing is said of trust. */
typedef struct PeSignature {
        PKCS7 *pkcs7;
        X509 *signer; /* NULL: it cannot be read, or does not hold the signer's certificate */
        bool holds;   /* it was made by the signer's key, of this very file */
} PeSignature;

typedef struct PeFile {
        Pe pe;
        Sha256 digest;
        /* The same as shim makes it: of a file without signatures, with zeros up to a multiple of
         * eight bytes. */
        Sha256 padded_digest;
        PeSignature signatures[PE_FILE_SIGNATURES_MAX];
        size_t n_signatures;
        bool is_damaged; /* the table of signatures is, or has too many */
        char *sbat;      /* the section; NULL: none */
        size_t sbat_size;
        bool is_shim; /* it has keys built in: */
        ShimKeys keys;
} PeFile;

void pe_file_done(PeFile *file);

/* Read the regular file @fd; in blocks, so that memory stays small. 0; -ENOMEM; -EFBIG beyond
 * PE_FILE_SIZE_MAX; -EBADMSG if it is no program, or one that can be read in two ways; -ESTALE if
 * it became shorter meanwhile; -EINVAL if it is no regular file; or -errno of reading. */
int pe_file_read(int fd, PeFile *ret);

/* True if @signature's signer is @anchor, or was certified by it, by way of certificates that come
 * with the signature: as firmware and shim see it, who take any certificate for the end of a chain,
 * and look at no date and no purpose. */
bool pe_signature_leads_to(const PeSignature *signature, X509 *anchor);

/* The signer's certificate, or one of those above it that come with the signature, if the digest of
 * the part of it that was to be signed is on @list; else NULL. */
X509 *pe_signature_find_revoked(const PeSignature *signature, const KeyList *list);
