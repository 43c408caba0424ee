/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keys, programs and signatures as sbsign(1) and DKMS make them, by libcrypto's writing side, and a
 * firmware of files that has lists of such keys. Keys are short, since making them takes time. */

#include <fcntl.h>
#include <lzma.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "../sys/temp-root.h"
#include "blocking/firmware/efi-variable.h"
#include "blocking/secure-boot/trust.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/secure-boot/module.h"

#define LAB_GLOBAL(name)   PATH_EFI_VARIABLES "/" name "-" EFI_VENDOR_GLOBAL
#define LAB_SECURITY(name) PATH_EFI_VARIABLES "/" name "-" EFI_VENDOR_SECURITY
#define LAB_SHIM(name)     PATH_EFI_VARIABLES "/" name "-" EFI_VENDOR_SHIM

#define DAY_SEC 86400L

/* Somebody who signs. */
typedef struct Party {
        EVP_PKEY *key;
        X509 *certificate;
} Party;

typedef enum PartyKind {
        PARTY_NORMAL,
        PARTY_EXPIRED,
        PARTY_FOR_MODULES, /* as Ubuntu's own key of a host */
} PartyKind;

static inline void party_done(Party *p) {
        EVP_PKEY_free(p->key);
        X509_free(p->certificate);
}
#define _cleanup_party_ _cleanup_(party_done)

static inline void party_extend(X509 *certificate, int nid, const char *value) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

        ck_assert_ptr_nonnull(extension);
        ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

/* Certified by @issuer, or by itself where that is NULL. All may certify others. */
static inline Party party_new(const char *name, const Party *issuer, PartyKind kind) {
        static long serial = 1000;
        Party p = { .key = EVP_RSA_gen(1024), .certificate = X509_new() };
        X509 *c = p.certificate;
        X509_NAME *subject = X509_get_subject_name(c);

        ck_assert_int_eq(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *) name, -1, -1, 0),
                         1);
        ck_assert_int_eq(X509_set_version(c, 2), 1);
        ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
        X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate : c));
        X509_gmtime_adj(X509_getm_notBefore(c), kind == PARTY_EXPIRED ? -20 * DAY_SEC : -DAY_SEC);
        X509_gmtime_adj(X509_getm_notAfter(c), kind == PARTY_EXPIRED ? -10 * DAY_SEC : DAY_SEC);
        X509_set_pubkey(c, p.key);
        party_extend(c, NID_basic_constraints, "critical,CA:TRUE");
        if (kind == PARTY_FOR_MODULES)
                party_extend(c, NID_ext_key_usage, "codeSigning,1.3.6.1.4.1.2312.16.1.2");
        ck_assert_int_gt(X509_sign(c, issuer ? issuer->key : p.key, EVP_sha256()), 0);
        return p;
}

/* Bytes that grow. */
typedef Buffer Bytes;
#define _cleanup_bytes_ _cleanup_(buffer_done)

static inline void put_u16(Bytes *b, uint16_t value) {
        const uint8_t bytes[] = { (uint8_t) value, (uint8_t) (value >> 8) };

        buffer_append(b, bytes, sizeof(bytes));
}

static inline void put_u32(Bytes *b, uint32_t value) {
        put_u16(b, (uint16_t) value);
        put_u16(b, (uint16_t) (value >> 16));
}

static inline void put_zeros(Bytes *b, size_t n) {
        static const uint8_t zero = 0;

        while (n-- > 0)
                buffer_append(b, &zero, 1);
}

static inline void put_zeros_to(Bytes *b, size_t size) {
        ck_assert_uint_le(b->size, size);
        put_zeros(b, size - b->size);
}

/* An EFI_SIGNATURE_LIST of one entry: a certificate, the digest of a program, or that of what was
 * signed of a certificate. */
static inline void put_list(Bytes *b, const uint8_t guid[16], const void *data, size_t size) {
        buffer_append(b, guid, 16);
        put_u32(b, (uint32_t) (28 + 16 + size));
        put_u32(b, 0);
        put_u32(b, (uint32_t) (16 + size));
        put_zeros(b, 16); /* nobody owns it */
        buffer_append(b, data, size);
}

static inline void put_certificate(Bytes *b, const Party *p) {
        static const uint8_t x509[] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                        0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
        unsigned char *der = NULL;
        int size = i2d_X509(p->certificate, &der);

        put_list(b, x509, der, (size_t) size);
        OPENSSL_free(der);
}

static inline void put_digest(Bytes *b, const Sha256 digest) {
        static const uint8_t sha256[] = { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                          0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 };

        put_list(b, sha256, digest, SHA256_SIZE);
}

/* Revoked since ever. */
static inline void put_to_be_signed(Bytes *b, const Party *p) {
        static const uint8_t x509_sha256[] = { 0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40,
                                               0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed };
        uint8_t entry[48] = {};
        unsigned char *der = NULL;
        int size = i2d_re_X509_tbs(p->certificate, &der);

        SHA256(der, (size_t) size, entry);
        put_list(b, x509_sha256, entry, sizeof(entry));
        OPENSSL_free(der);
}

/* The parts of a program. */
typedef struct Program {
        const char *sbat;  /* NULL: no such section */
        const Bytes *keys; /* the section of a shim, NULL: it is none */
        const char *level; /* that this shim has built in; NULL: none */
        unsigned salt;     /* makes another program of it */
        size_t tail;       /* bytes behind the sections */
} Program;

#define LAB_HEADERS 1024
#define LAB_SECTION 2048

static inline void put_section(Bytes *b, const char *name, size_t used, size_t *offset) {
        char field[9] = "";

        strncpy(field, name, 8);
        buffer_append(b, field, 8);
        put_u32(b, (uint32_t) used);
        put_u32(b, (uint32_t) *offset);
        put_u32(b, LAB_SECTION);
        put_u32(b, (uint32_t) *offset);
        put_zeros(b, 16);
        *offset += LAB_SECTION;
}

/* A PE file of 64 bits without signatures. */
static inline void put_program(Bytes *b, const Program *p) {
        const uint16_t n = (uint16_t) (1 + !!p->sbat + !!p->keys + !!p->level);
        const size_t strings = LAB_HEADERS + n * LAB_SECTION;
        size_t offset = LAB_HEADERS;

        buffer_puts(b, "MZ");
        put_zeros_to(b, 60);
        put_u32(b, 64);
        buffer_append(b, "PE\0\0", 4);
        put_u16(b, 0x8664);
        put_u16(b, n);
        put_u32(b, 0);
        put_u32(b, p->keys ? (uint32_t) strings : 0);
        put_u32(b, 0);
        put_u16(b, 240);
        put_u16(b, 0x22);
        put_u16(b, 0x20b);
        put_zeros_to(b, 64 + 24 + 60);
        put_u32(b, LAB_HEADERS);
        put_zeros_to(b, 64 + 24 + 108);
        put_u32(b, 16);
        put_zeros_to(b, 64 + 24 + 240);
        put_section(b, ".text", LAB_SECTION, &offset);
        if (p->sbat)
                put_section(b, ".sbat", strlen(p->sbat), &offset);
        if (p->keys)
                put_section(b, "/4", p->keys->size, &offset);
        if (p->level)
                put_section(b, "/17", 12 + strlen(p->level) + 1, &offset);
        put_zeros_to(b, LAB_HEADERS);
        put_u32(b, p->salt);
        put_zeros_to(b, LAB_HEADERS + LAB_SECTION);
        if (p->sbat) {
                buffer_puts(b, p->sbat);
                put_zeros_to(b, LAB_HEADERS + 2 * LAB_SECTION);
        }
        if (p->keys) {
                buffer_append(b, p->keys->data, p->keys->size);
                put_zeros_to(b, strings - (p->level ? LAB_SECTION : 0));
                if (p->level) {
                        put_u32(b, 0);
                        put_u32(b, 8);
                        put_u32(b, 0);
                        buffer_puts(b, p->level);
                }
                put_zeros_to(b, strings);
                put_u32(b, 4 + sizeof(".vendor_cert\0.sbatlevel"));
                buffer_append(b, ".vendor_cert\0.sbatlevel", sizeof(".vendor_cert\0.sbatlevel"));
        }
        put_zeros(b, p->tail);
}

/* The keys of a shim, as cert.S lays them out. */
static inline void put_shim_keys(Bytes *b, const Party *accepted, const Bytes *refused) {
        unsigned char *der = NULL;
        int size = i2d_X509(accepted->certificate, &der);

        put_u32(b, (uint32_t) size);
        put_u32(b, refused ? (uint32_t) refused->size : 0);
        put_u32(b, 16);
        put_u32(b, (uint32_t) (16 + size));
        buffer_append(b, der, (size_t) size);
        if (refused)
                buffer_append(b, refused->data, refused->size);
        OPENSSL_free(der);
}

/* Of a program that put_program() has made; counted from scratch, not by the code under test. */
static inline void lab_digest(const Bytes *program, size_t padding, Sha256 ret) {
        const size_t checksum = 64 + 24 + 64, directory = 64 + 24 + 112 + 32;
        _cleanup_bytes_ Bytes hashed = {};
        size_t end = program->size;
        uint32_t table;

        memcpy(&table, program->data + directory, sizeof(table));
        if (table > 0)
                end = table;
        buffer_append(&hashed, program->data, checksum);
        buffer_append(&hashed, program->data + checksum + 4, directory - checksum - 4);
        buffer_append(&hashed, program->data + directory + 8, end - directory - 8);
        put_zeros(&hashed, padding);
        SHA256((const uint8_t *) hashed.data, hashed.size, ret);
}

/* SpcIndirectDataContent with the digest of a PE image, as sbsign writes it. */
static const uint8_t lab_indirect[] = {
        0x30, 0x48, 0x30, 0x13, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02,
        0x01, 0x0f, 0x30, 0x05, 0x03, 0x01, 0x00, 0xa0, 0x00, 0x30, 0x31, 0x30, 0x0d, 0x06,
        0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};

/* The PKCS #7 message; @via (may be NULL) comes with it, @n_via times. */
static inline int lab_sign_digest(const Sha256 digest, const Party *signer, const Party *via,
                                  unsigned n_via, unsigned char **ret) {
        uint8_t indirect[sizeof(lab_indirect) + SHA256_SIZE];
        PKCS7 *pkcs7 = PKCS7_new(), *contents = PKCS7_new();
        ASN1_STRING *sequence = ASN1_STRING_new();
        ASN1_TYPE *type = ASN1_TYPE_new();
        PKCS7_SIGNER_INFO *info;
        BIO *bio;
        int size;

        memcpy(indirect, lab_indirect, sizeof(lab_indirect));
        memcpy(indirect + sizeof(lab_indirect), digest, SHA256_SIZE);
        PKCS7_set_type(pkcs7, NID_pkcs7_signed);
        info = PKCS7_sign_add_signer(pkcs7, signer->certificate, signer->key, EVP_sha256(),
                                     PKCS7_BINARY | PKCS7_NOSMIMECAP);
        ck_assert_ptr_nonnull(info);
        for (unsigned i = 0; via && i < n_via; i++)
                ck_assert_int_eq(PKCS7_add_certificate(pkcs7, via->certificate), 1);
        PKCS7_content_new(pkcs7, NID_pkcs7_data);
        bio = PKCS7_dataInit(pkcs7, NULL);
        ck_assert_int_gt(BIO_write(bio, indirect + 2, sizeof(indirect) - 2), 0);
        ck_assert_int_eq(PKCS7_dataFinal(pkcs7, bio), 1);
        BIO_free_all(bio);
        ASN1_STRING_set(sequence, indirect, sizeof(indirect));
        ASN1_TYPE_set(type, V_ASN1_SEQUENCE, sequence);
        ASN1_OBJECT_free(contents->type);
        contents->type = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", true);
        contents->d.other = type;
        PKCS7_set_content(pkcs7, contents);
        size = i2d_PKCS7(pkcs7, ret);
        ck_assert_int_gt(size, 0);
        PKCS7_free(pkcs7);
        return size;
}

static inline void lab_set_u32(Bytes *b, size_t offset, uint32_t value) {
        for (size_t i = 0; i < 4; i++)
                b->data[offset + i] = (char) (value >> 8 * i);
}

/* Append an entry to the program's table of signatures, which has to be its end. */
static inline void put_entry(Bytes *program, const void *message, size_t size) {
        const size_t directory = 64 + 24 + 112 + 32;
        uint32_t table;

        put_zeros_to(program, (program->size + 7) / 8 * 8);
        memcpy(&table, program->data + directory, sizeof(table));
        if (table == 0)
                table = (uint32_t) program->size;
        put_u32(program, (uint32_t) (8 + size));
        put_u16(program, 0x0200);
        put_u16(program, 2);
        buffer_append(program, message, size);
        put_zeros_to(program, (program->size + 7) / 8 * 8);
        lab_set_u32(program, directory, table);
        lab_set_u32(program, directory + 4, (uint32_t) program->size - table);
}

static inline void lab_sign(Bytes *program, const Party *signer, const Party *via) {
        unsigned char *message = NULL;
        Sha256 digest;
        int size;

        put_zeros_to(program, (program->size + 7) / 8 * 8);
        lab_digest(program, 0, digest);
        size = lab_sign_digest(digest, signer, via, 1, &message);
        put_entry(program, message, (size_t) size);
        OPENSSL_free(message);
}

/* In memory, open for reading. */
static inline int lab_open(const Bytes *b) {
        int fd = memfd_create("program", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, b->data, b->size), b->size);
        return fd;
}

/* A variable as efivarfs shows it, attributes first. */
static inline void lab_put_variable(const TempRoot *t, const char *path, const void *value,
                                    size_t size) {
        _cleanup_bytes_ Bytes b = {};

        put_u32(&b, 7);
        buffer_append(&b, value, size);
        temp_write(t, path, b.data, b.size);
}

/* A root whose firmware has Secure Boot. libefivar is sent there by lab_redirect_libefivar(). */
static inline TempRoot lab_root(void) {
        TempRoot t = temp_root_new();

        ck_assert_int_ge(chdir(t.path), 0);
        temp_mkdir(&t, PATH_EFI_VARIABLES);
        lab_put_variable(&t, LAB_GLOBAL("SecureBoot"), "\1", 1);
        return t;
}

/* libefivar looks for the firmware's variables before main() begins, and by name each time. It is
 * sent below the working directory, which each test changes to its root; to be heard, the program
 * has to begin anew. */
__attribute__((constructor)) static inline void lab_redirect_libefivar(void) {
        static const char variable[] = "EFIVARFS_PATH", path[] = "sys/firmware/efi/efivars/";
        char *arguments[] = { program_invocation_name, NULL };

        if (streq_ptr(getenv(variable), path))
                return;
        if (setenv(variable, path, true) < 0 || setenv("LIBEFIVAR_OPS", "efivarfs", true) < 0)
                abort();
        (void) execv("/proc/self/exe", arguments);
        abort();
}

/* A module of the kernel's, signed as the kernel's sign-file does it; @signer NULL: not at all. */
static inline void put_module(Bytes *b, const Party *signer, unsigned flags) {
        unsigned char *message = NULL;
        CMS_ContentInfo *cms;
        BIO *bio;
        int size;

        buffer_append(b, "\177ELF and so on", 14);
        if (!signer)
                return;
        bio = BIO_new_mem_buf(b->data, (int) b->size);
        cms = CMS_sign(signer->certificate, signer->key, NULL, bio,
                       CMS_NOCERTS | CMS_BINARY | CMS_DETACHED | CMS_NOATTR | CMS_NOSMIMECAP |
                                       flags);
        ck_assert_ptr_nonnull(cms);
        size = i2d_CMS_ContentInfo(cms, &message);
        ck_assert_int_gt(size, 0);
        buffer_append(b, message, (size_t) size);
        put_zeros(b, 2);
        buffer_append(b, "\2\0\0\0\0\0", 6);
        for (int shift = 24; shift >= 0; shift -= 8) {
                const uint8_t byte = (uint8_t) (size >> shift);

                buffer_append(b, &byte, 1);
        }
        buffer_puts(b, "~Module signature appended~\n");
        OPENSSL_free(message);
        CMS_ContentInfo_free(cms);
        BIO_free(bio);
}

static inline size_t lab_pack_xz(const Bytes *plain, uint8_t *packed, size_t max) {
        lzma_stream xz = LZMA_STREAM_INIT;
        size_t n;

        ck_assert_int_eq(lzma_easy_encoder(&xz, 0, LZMA_CHECK_CRC32), LZMA_OK);
        xz.next_in = (const uint8_t *) plain->data;
        xz.avail_in = plain->size;
        xz.next_out = packed;
        xz.avail_out = max;
        ck_assert_int_eq(lzma_code(&xz, LZMA_FINISH), LZMA_STREAM_END);
        n = xz.total_out;
        lzma_end(&xz);
        return n;
}

static inline size_t lab_pack_gzip(const Bytes *plain, uint8_t *packed, size_t max) {
        z_stream z = {};

        ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (uint8_t *) plain->data;
        z.avail_in = (unsigned) plain->size;
        z.next_out = packed;
        z.avail_out = (unsigned) max;
        ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        ck_assert_int_eq(deflateEnd(&z), Z_OK);
        return z.total_out;
}

/* With a checksum, as zstd(1) makes it. */
static inline size_t lab_pack_zstd(const Bytes *plain, uint8_t *packed, size_t max) {
        ZSTD_CCtx *z = ZSTD_createCCtx();
        size_t n;

        ck_assert_ptr_nonnull(z);
        ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
        n = ZSTD_compress2(z, packed, max, plain->data, plain->size);
        ck_assert(!ZSTD_isError(n));
        ZSTD_freeCCtx(z);
        return n;
}

/* Add @plain to @b, compressed in the way of @kind. */
static inline void put_packed(Bytes *b, const Bytes *plain, ModuleName kind) {
        const size_t max = plain->size + plain->size / 8 + 4096;
        _cleanup_free_ uint8_t *packed = malloc(max);
        size_t n = 0;

        ck_assert_ptr_nonnull(packed);
        if (kind == MODULE_NAME_XZ)
                n = lab_pack_xz(plain, packed, max);
        else if (kind == MODULE_NAME_GZIP)
                n = lab_pack_gzip(plain, packed, max);
        else
                n = lab_pack_zstd(plain, packed, max);
        buffer_append(b, packed, n);
}
