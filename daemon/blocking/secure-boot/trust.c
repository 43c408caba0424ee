/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys as the firmware and shim hold them. All lists are read, or nothing is: by half of dbx a
 * program would be called accepted that the firmware refuses. Nobody is judged here, and no
 * certificate is believed; libcrypto alone reads them. */

#include "blocking/secure-boot/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "blocking/firmware/efi-variable.h"
#include "common/content.h"
#include "common/string-util.h"
#include "core/secure-boot/signature-list.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* A list that is too long for one variable is mirrored by shim as MokListRT0 and so on, too. */
#define PARTS_MAX 64

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(X509 *, X509_free)

static inline void openssl_freep(unsigned char **p) {
        OPENSSL_free(*p);
}
#define _cleanup_openssl_ _cleanup_(openssl_freep)

void key_list_done(KeyList *list) {
        for (size_t i = 0; i < list->n_certificates; i++)
                X509_free(list->certificates[i]);
        free(list->certificates);
        free(list->programs);
        free(list->to_be_signed);
        *list = (KeyList){};
}

bool key_list_has_certificate(const KeyList *list, const X509 *certificate) {
        for (size_t i = 0; i < list->n_certificates; i++)
                if (X509_cmp(list->certificates[i], certificate) == 0)
                        return true;
        return false;
}

static int add_certificate(KeyList *list, X509 *certificate) {
        if (key_list_has_certificate(list, certificate))
                return 0;
        if (!ARRAY_RESERVE(list->certificates, list->n_certificates_allocated,
                           list->n_certificates + 1) ||
            X509_up_ref(certificate) != 1)
                return -ENOMEM;
        list->certificates[list->n_certificates++] = certificate;
        return 0;
}

static bool has_digest(const Sha256 *digests, size_t n, const uint8_t *digest) {
        for (size_t i = 0; i < n; i++)
                if (memcmp(digests[i], digest, SHA256_SIZE) == 0)
                        return true;
        return false;
}

static int add_digest(Sha256 **digests, size_t *n, size_t *n_allocated, const uint8_t *digest) {
        if (has_digest(*digests, *n, digest))
                return 0;
        if (!ARRAY_RESERVE(*digests, *n_allocated, *n + 1))
                return -ENOMEM;
        memcpy((*digests)[(*n)++], digest, SHA256_SIZE);
        return 0;
}

bool key_list_has_program(const KeyList *list, const Sha256 digest) {
        return has_digest(list->programs, list->n_programs, digest);
}

/* NULL also for what is no certificate. */
static X509 *parse_der(const uint8_t *data, size_t size) {
        X509 *certificate = d2i_X509(NULL, &data, (long) size);

        ERR_clear_error();
        return certificate;
}

static int add_signature(KeyList *list, const Signature *s) {
        _cleanup_(X509_freep) X509 *certificate = NULL;

        switch (s->type) {
        case SIGNATURE_X509:
                certificate = parse_der(s->data, s->size);
                return certificate ? add_certificate(list, certificate) : 0;
        case SIGNATURE_SHA256:
                return add_digest(&list->programs, &list->n_programs, &list->n_programs_allocated,
                                  s->data);
        case SIGNATURE_X509_SHA256:
                /* When it was revoked stands behind it, and counts only for signatures that a
                 * time stamp of an authority in dbt goes with, which no boot loader has. */
                return add_digest(&list->to_be_signed, &list->n_to_be_signed,
                                  &list->n_to_be_signed_allocated, s->data);
        case SIGNATURE_OTHER:
                break;
        }
        return 0;
}

int key_list_add(KeyList *list, const uint8_t *data, size_t size) {
        SignatureReader reader = { .data = data, .size = size };
        Signature s;
        int r;

        while ((r = signature_next(&reader, &s)) > 0) {
                r = add_signature(list, &s);
                if (r < 0)
                        return r;
        }
        return r;
}

static int add_pem(KeyList *list, const uint8_t *data, size_t size) {
        _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(data, (int) size);
        size_t before = list->n_certificates;
        X509 *certificate;
        int r = 0;

        if (!bio)
                return -ENOMEM;
        while (r >= 0 && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
                r = add_certificate(list, certificate);
                X509_free(certificate);
        }
        ERR_clear_error();
        return r < 0 ? r : list->n_certificates > before ? 0 : -EBADMSG;
}

int key_list_add_certificate(KeyList *list, const uint8_t *data, size_t size) {
        _cleanup_(X509_freep) X509 *certificate = NULL;

        if (size > INT32_MAX)
                return -EBADMSG;
        certificate = parse_der(data, size);
        return certificate ? add_certificate(list, certificate) : add_pem(list, data, size);
}

bool key_list_has_to_be_signed(const KeyList *list, const X509 *certificate) {
        _cleanup_openssl_ unsigned char *der = NULL;
        const unsigned char *begin, *p;
        int size, tag, class;
        Sha256 digest;
        long length;

        if (list->n_to_be_signed == 0)
                return false;
        /* It comes first in what is signed, and libcrypto keeps its bytes as they were. */
        size = i2d_X509(certificate, &der);
        p = der;
        if (size <= 0 || (ASN1_get_object(&p, &length, &tag, &class, size) & 0x80))
                return false;
        begin = p;
        if (ASN1_get_object(&p, &length, &tag, &class, length) & 0x80)
                return false;
        SHA256(begin, (size_t) (p + length - begin), digest);
        return has_digest(list->to_be_signed, list->n_to_be_signed, digest);
}

void shim_keys_done(ShimKeys *keys) {
        key_list_done(&keys->accepted);
        key_list_done(&keys->refused);
        keys->sbat_level = mfree(keys->sbat_level);
        keys->sbat_level_size = 0;
}

void trust_done(Trust *trust) {
        for (KeyStore s = 0; s < _KEY_STORE_MAX; s++)
                key_list_done(&trust->lists[s]);
        free(trust->sbat_level);
        *trust = (Trust){};
}

/* 1 if there is such a variable, 0 if not. */
static int read_list(const Root *root, const char *vendor, const char *name, KeyList *list,
                     Error *error) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = efi_variable_read(root, vendor, name, &data, &size, error);
        if (r < 0 || !data)
                return r;
        r = key_list_add(list, data, size);
        if (r == -EBADMSG)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware's variable '%s' holds no list of keys, so that "
                                 "nothing can be told of Secure Boot; reset the firmware's keys to "
                                 "its defaults",
                                 name);
        return r < 0 ? r : 1;
}

static int read_parts(const Root *root, const char *name, KeyList *list, Error *error) {
        for (int i = 0; i < PARTS_MAX; i++) {
                char part[32];
                int r;

                (void) snprintf(part, sizeof(part), "%s%d", name, i);
                r = read_list(root, EFI_VENDOR_SHIM, part, list, error);
                if (r <= 0)
                        return r;
        }
        return 0;
}

static int read_lists(const Root *root, Trust *trust, Error *error) {
        static const struct {
                const char *vendor, *name;
                bool in_parts;
        } variables[_KEY_STORE_MAX] = {
                [KEY_STORE_PK] = { EFI_VENDOR_GLOBAL, "PK" },
                [KEY_STORE_KEK] = { EFI_VENDOR_GLOBAL, "KEK" },
                [KEY_STORE_DB] = { EFI_VENDOR_SECURITY, "db" },
                [KEY_STORE_DBX] = { EFI_VENDOR_SECURITY, "dbx" },
                [KEY_STORE_MOK] = { EFI_VENDOR_SHIM, "MokListRT", true },
                [KEY_STORE_MOKX] = { EFI_VENDOR_SHIM, "MokListXRT", true },
                [KEY_STORE_MOK_NEW] = { EFI_VENDOR_SHIM, "MokNew" },
        };

        for (KeyStore s = 0; s < _KEY_STORE_MAX; s++) {
                KeyList *list = &trust->lists[s];
                int r;

                if (!variables[s].name)
                        continue;
                r = read_list(root, variables[s].vendor, variables[s].name, list, error);
                if (r >= 0 && variables[s].in_parts)
                        r = read_parts(root, variables[s].name, list, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* True if the variable is there, and its first byte is not 0. */
static int read_flag(const Root *root, const char *name, bool *ret, Error *error) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = efi_variable_read(root, EFI_VENDOR_SHIM, name, &data, &size, error);
        if (r >= 0)
                *ret = data && size > 0 && data[0] != 0;
        return r;
}

int trust_read(const Root *root, Trust *ret, Error *error) {
        _cleanup_(trust_done) Trust trust = {};
        _cleanup_free_ uint8_t *secure_boot = NULL;
        uint8_t *level = NULL;
        size_t size;
        int r;

        assert(ret);

        r = efi_variable_read(root, EFI_VENDOR_GLOBAL, "SecureBoot", &secure_boot, &size, error);
        if (r < 0)
                return r;
        trust.supported = secure_boot && size > 0;
        if (trust.supported) {
                r = read_lists(root, &trust, error);
                if (r >= 0)
                        r = read_flag(root, "MokIgnoreDB", &trust.ignores_db, error);
                if (r >= 0)
                        r = read_flag(root, "MokSBStateRT", &trust.checks_nothing, error);
                if (r >= 0)
                        r = efi_variable_read(root, EFI_VENDOR_SHIM, "SbatLevelRT", &level,
                                              &trust.sbat_level_size, error);
                if (r < 0)
                        return r;
                trust.sbat_level = (char *) level;
        }
        *ret = TAKE_STRUCT(trust);
        return 0;
}

/* Of several common names the last one, which is the most special. NULL if there is none. */
static char *common_name(const X509_NAME *name) {
        _cleanup_openssl_ unsigned char *text = NULL;
        int index = -1, size;

        for (int i; (i = X509_NAME_get_index_by_NID(name, NID_commonName, index)) >= 0;)
                index = i;
        if (index < 0)
                return NULL;
        size = ASN1_STRING_to_UTF8(&text,
                                   X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
        ERR_clear_error();
        if (size <= 0)
                return NULL;
        return string_for_humans((const char *) text, (size_t) size, CERTIFICATE_NAME_MAX);
}

char *certificate_name(const X509_NAME *name) {
        _cleanup_(BIO_freep) BIO *bio = NULL;
        char *text = common_name(name);
        long size;

        if (text)
                return text;
        bio = BIO_new(BIO_s_mem());
        if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0)
                return NULL;
        size = BIO_get_mem_data(bio, &text);
        return string_for_humans(text, (size_t) size, CERTIFICATE_NAME_MAX);
}

uint64_t certificate_not_after(const X509 *certificate) {
        struct tm tm = {};
        time_t t;

        /* RFC 5280, 4.1.2.5: the last second of 9999 is "no well-defined expiration date". */
        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1 || tm.tm_year >= 9999 - 1900)
                return 0;
        t = timegm(&tm);
        return t > 0 ? (uint64_t) t * USEC_PER_SEC : 0;
}

int boot_key_from_certificate(KeyStore store, const X509 *certificate, const char *path,
                              BootKey *ret) {
        _cleanup_free_ char *subject = certificate_name(X509_get_subject_name(certificate));
        _cleanup_free_ char *hex = malloc(DIGEST_HEX_SIZE);
        _cleanup_free_ char *copy = strdup(strempty(path));
        unsigned size = SHA256_SIZE;
        Sha256 digest;

        if (!subject || !hex || !copy || X509_digest(certificate, EVP_sha256(), digest, &size) != 1)
                return -ENOMEM;
        for (size_t i = 0; i < SHA256_SIZE; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        *ret = (BootKey){
                .store = store,
                .subject = TAKE_PTR(subject),
                .sha256 = TAKE_PTR(hex),
                .not_after_usec = certificate_not_after(certificate),
                .path = TAKE_PTR(copy),
        };
        return 0;
}
