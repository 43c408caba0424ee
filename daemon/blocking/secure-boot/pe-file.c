/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads one program, and has libcrypto see whether its signatures are of it. What is not as
 * Authenticode has it (one signer, one digest, SHA-256) does not count as a signature that holds;
 * firmware may know other digests, but nobody signs boot loaders by them. Who is trusted is decided
 * elsewhere. */

#include "blocking/secure-boot/pe-file.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/string-util.h"
#include "core/secure-boot/sbat.h"

#define BLOCK_SIZE       (256 * 1024)
#define TABLE_MAX        (1024 * 1024) /* shim's, with two signatures of Microsoft's, has 19 KiB */
#define PADDING          8
#define CERTIFICATES_MAX 32 /* that come with a signature; a way is looked for through them */
#define CHAIN_MAX        16
#define SPC_INDIRECT     "1.3.6.1.4.1.311.2.1.4" /* SPC_INDIRECT_DATA_OBJID */
#define OID_TEXT_SIZE    64

DEFINE_CLEANUP(BIO *, BIO_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(PKCS7 *, PKCS7_free)
DEFINE_CLEANUP(X509_SIG *, X509_SIG_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

void pe_file_done(PeFile *file) {
        for (size_t i = 0; i < file->n_signatures; i++)
                PKCS7_free(file->signatures[i].pkcs7);
        free(file->sbat);
        shim_keys_done(&file->keys);
        *file = (PeFile){};
}

static int read_at(int fd, uint64_t offset, void *buffer, size_t size) {
        for (size_t done = 0; done < size;) {
                ssize_t n = pread(fd, (uint8_t *) buffer + done, size - done,
                                  (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n == 0 ? -ESTALE : -errno;
                done += (size_t) n;
        }
        return 0;
}

/* The range in fresh memory, which is NULL for an empty one. */
static int read_range(int fd, const PeRange *range, uint8_t **ret) {
        _cleanup_free_ uint8_t *data = NULL;
        int r;

        if (range->size == 0) {
                *ret = NULL;
                return 0;
        }
        data = malloc(range->size);
        if (!data)
                return -ENOMEM;
        r = read_at(fd, range->offset, data, range->size);
        if (r >= 0)
                *ret = TAKE_PTR(data);
        return r;
}

static int hash_range(int fd, const PeRange *range, EVP_MD_CTX *context, uint8_t *block) {
        for (uint64_t done = 0; done < range->size;) {
                size_t n = (size_t) MIN(range->size - done, (uint64_t) BLOCK_SIZE);
                int r = read_at(fd, range->offset + done, block, n);

                if (r < 0)
                        return r;
                if (EVP_DigestUpdate(context, block, n) != 1)
                        return -ENOMEM;
                done += n;
        }
        return 0;
}

static int hash_file(int fd, uint64_t size, PeFile *file) {
        static const uint8_t zeros[PADDING];
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new(),
                                               *padded = EVP_MD_CTX_new();
        _cleanup_free_ uint8_t *block = malloc(BLOCK_SIZE);
        size_t padding = file->pe.certificates.size > 0
                                         ? 0
                                         : (size_t) (PADDING - size % PADDING) % PADDING;
        int r = 0;

        if (!context || !padded || !block || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < file->pe.n_hashed; i++)
                r = hash_range(fd, &file->pe.hashed[i], context, block);
        if (r < 0)
                return r;
        if (EVP_MD_CTX_copy_ex(padded, context) != 1 ||
            EVP_DigestUpdate(padded, zeros, padding) != 1 ||
            EVP_DigestFinal_ex(padded, file->padded_digest, NULL) != 1 ||
            EVP_DigestFinal_ex(context, file->digest, NULL) != 1)
                return -ENOMEM;
        return 0;
}

/* Find what was signed: SpcIndirectDataContent, without its own tag and length. False if the
 * signature is of something else. */
static bool find_content(PKCS7 *pkcs7, const uint8_t **ret, size_t *ret_size) {
        const PKCS7 *contents;
        const unsigned char *p;
        char oid[OID_TEXT_SIZE];
        int tag, class;
        long size;

        if (!PKCS7_type_is_signed(pkcs7) || !pkcs7->d.sign || PKCS7_get_detached(pkcs7))
                return false;
        contents = pkcs7->d.sign->contents;
        if (OBJ_obj2txt(oid, sizeof(oid), contents->type, true) <= 0 || !streq(oid, SPC_INDIRECT) ||
            !contents->d.other || contents->d.other->type != V_ASN1_SEQUENCE)
                return false;
        p = contents->d.other->value.sequence->data;
        if (ASN1_get_object(&p, &size, &tag, &class, contents->d.other->value.sequence->length) !=
            V_ASN1_CONSTRUCTED)
                return false;
        *ret = p;
        *ret_size = (size_t) size;
        return true;
}

/* It ends with the DigestInfo of the file, behind a value that says which kind of file it is. */
static bool is_content_of(const uint8_t *content, size_t size, const Sha256 digest) {
        _cleanup_(X509_SIG_freep) X509_SIG *info = NULL;
        const unsigned char *p = content, *end = content + size;
        const ASN1_OCTET_STRING *octets;
        const X509_ALGOR *algorithm;
        const ASN1_OBJECT *object;
        int tag, class;
        long length;

        if (ASN1_get_object(&p, &length, &tag, &class, (long) size) != V_ASN1_CONSTRUCTED)
                return false;
        p += length;
        info = d2i_X509_SIG(NULL, &p, end - p);
        if (!info || p != end)
                return false;
        X509_SIG_get0(info, &algorithm, &octets);
        X509_ALGOR_get0(&object, NULL, NULL, algorithm);
        return OBJ_obj2nid(object) == NID_sha256 && ASN1_STRING_length(octets) == SHA256_SIZE &&
               memcmp(ASN1_STRING_get0_data(octets), digest, SHA256_SIZE) == 0;
}

/* Of the message; others are not used, and libcrypto loses memory over those that it cannot make.
 */
static bool has_one_digest(const PKCS7 *pkcs7) {
        const ASN1_OBJECT *object;
        int nid;

        if (sk_X509_ALGOR_num(pkcs7->d.sign->md_algs) != 1)
                return false;
        X509_ALGOR_get0(&object, NULL, NULL, sk_X509_ALGOR_value(pkcs7->d.sign->md_algs, 0));
        nid = OBJ_obj2nid(object);
        return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/* The certificate of the only signer, which belongs to @pkcs7; NULL if there is none. */
static X509 *find_signer(PKCS7 *pkcs7) {
        STACK_OF(X509) * signers;
        X509 *signer;

        if (!has_one_digest(pkcs7) || sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(pkcs7)) != 1 ||
            sk_X509_num(pkcs7->d.sign->cert) > CERTIFICATES_MAX)
                return NULL;
        signers = PKCS7_get0_signers(pkcs7, NULL, 0);
        signer = signers ? sk_X509_value(signers, 0) : NULL;
        sk_X509_free(signers);
        return signer;
}

/* 0 or -ENOMEM; what is no signature gives one without a signer. */
static int read_signature(const uint8_t *data, size_t size, const Sha256 digest, PeSignature *ret) {
        _cleanup_(PKCS7_freep) PKCS7 *pkcs7 = d2i_PKCS7(NULL, &data, (long) size);
        _cleanup_(BIO_freep) BIO *bio = NULL;
        const uint8_t *content;
        size_t content_size;

        *ret = (PeSignature){};
        if (!pkcs7 || !find_content(pkcs7, &content, &content_size))
                return 0;
        ret->signer = find_signer(pkcs7);
        if (ret->signer && is_content_of(content, content_size, digest)) {
                bio = BIO_new_mem_buf(content, (int) content_size);
                if (!bio)
                        return -ENOMEM;
                /* Only that the key has made it; by the certificate that comes with it. */
                ret->holds = PKCS7_verify(pkcs7, NULL, NULL, bio, NULL,
                                          PKCS7_NOVERIFY | PKCS7_BINARY) == 1;
        }
        ret->pkcs7 = TAKE_PTR(pkcs7);
        return 0;
}

static int read_signatures(int fd, PeFile *file) {
        const PeRange *range = &file->pe.certificates;
        _cleanup_free_ uint8_t *table = NULL;
        const uint8_t *data;
        size_t size, pos = 0;
        int r;

        if (range->size > TABLE_MAX) {
                file->is_damaged = true;
                return 0;
        }
        r = read_range(fd, range, &table);
        if (r < 0)
                return r;
        while ((r = pe_certificate_next(table, range->size, &pos, &data, &size)) > 0) {
                if (file->n_signatures == PE_FILE_SIGNATURES_MAX) {
                        r = -EBADMSG;
                        break;
                }
                r = read_signature(data, size, file->digest,
                                   &file->signatures[file->n_signatures++]);
                ERR_clear_error();
                if (r < 0)
                        return r;
        }
        file->is_damaged = r < 0;
        return 0;
}

static int read_sbat(int fd, PeFile *file) {
        PeRange range = file->pe.sbat;
        uint8_t *sbat;
        int r;

        /* Longer than any: what is cut off can only make it one that shim would not read. */
        range.size = MIN(range.size, (uint64_t) SBAT_SIZE_MAX);
        r = read_range(fd, &range, &sbat);
        if (r < 0)
                return r;
        file->sbat = (char *) sbat;
        file->sbat_size = range.size;
        return 0;
}

/* A shim's own certificate is DER, unless a list was built in. */
static int add_shim_keys(const uint8_t *section, size_t size, ShimKeys *keys) {
        PeRange accepted, refused;
        int r;

        r = pe_parse_shim_section(section, size, &accepted, &refused);
        if (r < 0)
                return r;
        r = key_list_add_certificate(&keys->accepted, section + accepted.offset, accepted.size);
        if (r == -EBADMSG && accepted.size > 0)
                r = key_list_add(&keys->accepted, section + accepted.offset, accepted.size);
        if (r == -ENOMEM)
                return r;
        return key_list_add(&keys->refused, section + refused.offset, refused.size);
}

static int add_shim_level(const uint8_t *section, size_t size, ShimKeys *keys) {
        PeRange level;
        int r;

        r = pe_parse_shim_level(section, size, &level);
        if (r < 0)
                return r;
        keys->sbat_level = strndup((const char *) section + level.offset, level.size);
        keys->sbat_level_size = level.size;
        return keys->sbat_level ? 0 : -ENOMEM;
}

/* Have @add take the section @name of a shim. 1 if it is there, 0 if not. Of a damaged one counts
 * what could be read. */
static int read_shim_section(int fd, PeFile *file, const uint8_t *strings, const char *name,
                             uint64_t max,
                             int (*add)(const uint8_t *section, size_t size, ShimKeys *keys)) {
        _cleanup_free_ uint8_t *section = NULL;
        PeRange range;
        int r;

        if (!pe_find_section(&file->pe, (const char *) strings, file->pe.strings.size, name,
                             &range))
                return 0;
        if (range.size > max)
                return 1;
        r = read_range(fd, &range, &section);
        if (r >= 0)
                r = add(section, range.size, &file->keys);
        return r < 0 && r != -EBADMSG ? r : 1;
}

static int read_shim_keys(int fd, PeFile *file) {
        _cleanup_free_ uint8_t *strings = NULL;
        int r;

        r = read_range(fd, &file->pe.strings, &strings);
        if (r >= 0)
                r = read_shim_section(fd, file, strings, PE_SHIM_SECTION, PE_SHIM_SECTION_MAX,
                                      add_shim_keys);
        if (r <= 0)
                return r;
        file->is_shim = true;
        r = read_shim_section(fd, file, strings, PE_SHIM_LEVELS, PE_SHIM_LEVELS_MAX,
                              add_shim_level);
        return MIN(r, 0);
}

static int read_headers(int fd, uint64_t size, Pe *ret) {
        _cleanup_free_ uint8_t *headers = NULL;
        const PeRange range = { .size = MIN(size, (uint64_t) PE_HEADERS_MAX) };
        int r;

        r = read_range(fd, &range, &headers);
        return r < 0 ? r : pe_parse(headers, range.size, size, ret);
}

int pe_file_read(int fd, PeFile *ret) {
        _cleanup_(pe_file_done) PeFile file = {};
        struct stat st;
        uint64_t size;
        int r;

        assert(ret);

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        size = (uint64_t) st.st_size;
        if (size > PE_FILE_SIZE_MAX)
                return -EFBIG;
        r = read_headers(fd, size, &file.pe);
        if (r >= 0)
                r = hash_file(fd, size, &file);
        if (r >= 0)
                r = read_signatures(fd, &file);
        if (r >= 0)
                r = read_sbat(fd, &file);
        if (r >= 0)
                r = read_shim_keys(fd, &file);
        if (r >= 0)
                *ret = TAKE_STRUCT(file);
        return r;
}

bool pe_signature_leads_to(const PeSignature *signature, X509 *anchor) {
        _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
        bool leads;

        if (!signature->signer || !store || !context || X509_STORE_add_cert(store, anchor) != 1 ||
            X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) !=
                            1 ||
            X509_STORE_CTX_init(context, store, signature->signer,
                                signature->pkcs7->d.sign->cert) != 1)
                return false;
        leads = X509_verify_cert(context) == 1;
        ERR_clear_error();
        return leads;
}

X509 *pe_signature_find_revoked(const PeSignature *signature, const KeyList *list) {
        X509 *certificate = signature->signer;

        for (unsigned depth = 0; certificate && depth < CHAIN_MAX; depth++) {
                STACK_OF(X509) *others = signature->pkcs7->d.sign->cert;
                X509 *issuer = NULL;

                if (key_list_has_to_be_signed(list, certificate))
                        return certificate;
                for (int i = 0; !issuer && i < sk_X509_num(others); i++)
                        if (X509_check_issued(sk_X509_value(others, i), certificate) == X509_V_OK)
                                issuer = sk_X509_value(others, i);
                certificate = issuer;
        }
        return NULL;
}
