/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules by which a program is started or not, as two laws over the same lists. They differ in
 * small things that decide: for the firmware one signature that dbx refuses is enough to refuse the
 * file, for shim one that is fine is enough to accept it; only the firmware knows digests of
 * certificates; only shim asks for SBAT, and takes no key that is for modules alone. */

#include "blocking/secure-boot/judge.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "blocking/secure-boot/pe-file.h"
#include "common/string-util.h"
#include "core/secure-boot/sbat.h"
#include "sys/boot-dir.h"

/* Of certificates that sign modules and nothing else, as Ubuntu makes them (shim, verify_eku()). */
#define OID_ONLY_MODULES "1.3.6.1.4.1.2312.16.1.2"
#define OID_TEXT_SIZE    64
#define AUTHORITIES_MAX  3

typedef struct Authority {
        const KeyList *list;
        const char *name; /* for people */
} Authority;

typedef struct Law {
        Authority refuses[AUTHORITIES_MAX], accepts[AUTHORITIES_MAX];
        size_t n_refuses, n_accepts;
        const uint8_t *digest;
        bool one_refused_refuses; /* one signature of several */
        bool is_shim;
} Law;

static int say(Judgement *j, bool accepted, char *reason) {
        if (!reason)
                return -ENOMEM;
        free(j->reason);
        *j = (Judgement){ .accepted = accepted, .reason = reason };
        return 0;
}

static const Authority *find_program(const Authority *authorities, size_t n,
                                     const uint8_t *digest) {
        for (size_t i = 0; i < n; i++)
                if (key_list_has_program(authorities[i].list, digest))
                        return &authorities[i];
        return NULL;
}

static bool is_only_for_modules(const X509 *certificate) {
        EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
        bool only = false;

        for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
                char oid[OID_TEXT_SIZE];

                if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usage, i), true) > 0 &&
                    streq(oid, OID_ONLY_MODULES))
                        only = true;
        }
        EXTENDED_KEY_USAGE_free(usage);
        ERR_clear_error();
        return only;
}

/* The first certificate of @authority that the signature leads to; of those for modules alone only
 * with @modules. */
static X509 *find_anchor(const Authority *authority, const PeSignature *signature, bool modules) {
        for (size_t i = 0; i < authority->list->n_certificates; i++) {
                X509 *certificate = authority->list->certificates[i];

                if (pe_signature_leads_to(signature, certificate) &&
                    (modules || !is_only_for_modules(certificate)))
                        return certificate;
        }
        return NULL;
}

static char *name_anchor(const char *format_before, const X509 *anchor, const char *who) {
        _cleanup_free_ char *name = certificate_name(X509_get_subject_name(anchor));

        return name ? strprintf("%s '%s', which %s has", format_before, name, who) : NULL;
}

/* The certificate below or at one of db's that @list has the digest of. */
static X509 *find_revoked(const Law *law, const KeyList *list, const PeSignature *signature) {
        X509 *revoked;

        if (law->is_shim || list->n_to_be_signed == 0)
                return NULL;
        revoked = pe_signature_find_revoked(signature, list);
        for (size_t i = 0; !revoked && i < law->n_accepts; i++) {
                X509 *anchor = find_anchor(&law->accepts[i], signature, true);

                if (anchor && key_list_has_to_be_signed(list, anchor))
                        revoked = anchor;
        }
        return revoked;
}

/* 1 and a reason if the signature is one that the law refuses, 0 if not. */
static int is_refused(const Law *law, const PeSignature *signature, Judgement *j) {
        for (size_t i = 0; i < law->n_refuses; i++) {
                const Authority *a = &law->refuses[i];
                X509 *anchor = NULL;
                int r;

                if (signature->holds)
                        anchor = find_anchor(a, signature, true);
                if (!anchor)
                        anchor = find_revoked(law, a->list, signature);
                if (!anchor)
                        continue;
                r = say(j, false, name_anchor("it is signed by", anchor, a->name));
                return r < 0 ? r : 1;
        }
        return 0;
}

/* 1 and a reason if the signature is one that the law accepts, 0 if not. */
static int is_accepted(const Law *law, const PeSignature *signature, Judgement *j) {
        for (size_t i = 0; signature->holds && i < law->n_accepts; i++) {
                const Authority *a = &law->accepts[i];
                X509 *anchor = find_anchor(a, signature, !law->is_shim);
                int r;

                if (!anchor)
                        continue;
                r = say(j, true, name_anchor("signed by", anchor, a->name));
                return r < 0 ? r : 1;
        }
        return 0;
}

/* "db, MokList or shim" */
static char *name_accepting(const Law *law) {
        Buffer b = {};
        char *text;

        for (size_t i = 0; i < law->n_accepts; i++)
                buffer_printf(&b, "%s%s",
                              i == 0                   ? ""
                              : i + 1 < law->n_accepts ? ", "
                                                       : " or ",
                              law->accepts[i].name);
        return buffer_take(&b, &text, NULL) < 0 ? NULL : text;
}

/* No signature was accepted, and none refused by name. */
static int say_unknown(const Law *law, const PeFile *file, Judgement *j) {
        for (size_t i = 0; i < file->n_signatures; i++) {
                _cleanup_free_ char *signer = NULL, *issuer = NULL, *lists = NULL;
                const X509 *certificate = file->signatures[i].signer;

                if (!file->signatures[i].holds)
                        continue;
                signer = certificate_name(X509_get_subject_name(certificate));
                issuer = certificate_name(X509_get_issuer_name(certificate));
                lists = name_accepting(law);
                if (!signer || !issuer || !lists)
                        return -ENOMEM;
                return say(j, false,
                           strprintf("it is signed by '%s' of '%s', and neither is in %s", signer,
                                     issuer, lists));
        }
        return say(j, false, strdup("its signature is damaged, or that of another file"));
}

/* @ret_index: the signature that has decided. */
static int judge_signatures(const Law *law, const PeFile *file, Judgement *j, size_t *ret_index) {
        bool refused = false;

        for (size_t i = 0; i < file->n_signatures; i++) {
                int r = is_refused(law, &file->signatures[i], j);

                refused |= r > 0;
                if (r == 0)
                        r = is_accepted(law, &file->signatures[i], j);
                else if (r > 0)
                        continue;
                if (r > 0)
                        *ret_index = i;
                if (r != 0)
                        return MIN(r, 0);
        }
        return refused ? 0 : say_unknown(law, file, j);
}

/* Sets @j if one is refused. */
static int look_for_refused(const Law *law, const PeFile *file, Judgement *j) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < file->n_signatures; i++)
                r = is_refused(law, &file->signatures[i], j);
        return r;
}

static int judge_by(const Law *law, const PeFile *file, Judgement *j, size_t *ret_index) {
        const Authority *a = find_program(law->refuses, law->n_refuses, law->digest);
        int r;

        if (a)
                return say(j, false, strprintf("its digest is in %s", a->name));
        if (file->is_damaged)
                return say(j, false, strdup("its table of signatures is damaged"));
        r = law->one_refused_refuses ? look_for_refused(law, file, j) : 0;
        if (r != 0)
                return MIN(r, 0);
        a = find_program(law->accepts, law->n_accepts, law->digest);
        if (a)
                return say(j, true, strprintf("its digest is in %s", a->name));
        if (file->n_signatures == 0)
                return say(j, false, strdup("it is not signed"));
        return judge_signatures(law, file, j, ret_index);
}

typedef struct SbatLevel {
        const char *text; /* NULL: none */
        size_t size;
} SbatLevel;

/* A shim sets its own level if the one that is there is older, or there is none; so it does where
 * Secure Boot is enabled only later. */
static SbatLevel find_level(const Trust *trust, const ShimKeys *shim) {
        if (shim && sbat_level_replaces(shim->sbat_level, shim->sbat_level_size, trust->sbat_level,
                                        trust->sbat_level_size))
                return (SbatLevel){ shim->sbat_level, shim->sbat_level_size };
        return (SbatLevel){ trust->sbat_level, trust->sbat_level_size };
}

/* Refuse by SBAT what was accepted. @before: of the sentence. */
static int judge_sbat(const PeFile *file, bool is_needed, SbatLevel level, const char *before,
                      Judgement *j) {
        _cleanup_free_ char *component = NULL;
        SbatVerdict verdict;

        if (!j->accepted)
                return 0;
        verdict = sbat_judge(file->sbat, file->sbat_size, level.text, level.size, &component);
        switch (verdict) {
        case SBAT_ACCEPTED:
                return 0;
        case SBAT_TOO_OLD:
                return say(j, false,
                           strprintf("%sit is of a generation of '%s' that SbatLevel has revoked",
                                     before, strempty(component)));
        case SBAT_MISSING:
                return is_needed ? say(j, false, strprintf("%sit has no section .sbat", before))
                                 : 0;
        case SBAT_BAD:
                return say(j, false,
                           strprintf("%sits section .sbat, or SbatLevel, cannot be read", before));
        }
        return 0;
}

static Law law_of_firmware(const Trust *trust, const PeFile *file) {
        return (Law){
                .refuses = { { &trust->lists[KEY_STORE_DBX], "dbx" } },
                .n_refuses = 1,
                .accepts = { { &trust->lists[KEY_STORE_DB], "db" } },
                .n_accepts = 1,
                .digest = file->digest,
                .one_refused_refuses = true,
        };
}

static Law law_of_shim(const Trust *trust, const ShimKeys *shim, const PeFile *file) {
        Law law = {
                .refuses = { { &trust->lists[KEY_STORE_DBX], "dbx" },
                             { &trust->lists[KEY_STORE_MOKX], "MokListX" } },
                .n_refuses = 2,
                .digest = file->padded_digest,
                .is_shim = true,
        };

        if (!trust->ignores_db)
                law.accepts[law.n_accepts++] = (Authority){ &trust->lists[KEY_STORE_DB], "db" };
        law.accepts[law.n_accepts++] = (Authority){ &trust->lists[KEY_STORE_MOK], "MokList" };
        if (shim) {
                law.refuses[law.n_refuses++] = (Authority){ &shim->refused, "shim's dbx" };
                law.accepts[law.n_accepts++] = (Authority){ &shim->accepted, "shim" };
        }
        return law;
}

/* Tell of the signer of one signature. */
static int tell_signer(const PeSignature *signature, SignedFile *ret) {
        if (!signature->signer)
                return 0;
        free(ret->signer);
        free(ret->issuer);
        ret->signer = certificate_name(X509_get_subject_name(signature->signer));
        ret->issuer = certificate_name(X509_get_issuer_name(signature->signer));
        ret->not_after_usec = certificate_not_after(signature->signer);
        return ret->signer && ret->issuer ? 0 : -ENOMEM;
}

static int judge_read(const PeFile *file, ProgramRole role, const Trust *trust,
                      const ShimKeys *shim, SignedFile *ret) {
        Law laws[_CHECKER_MAX] = {
                [CHECKER_FIRMWARE] = law_of_firmware(trust, file),
                [CHECKER_SHIM] = law_of_shim(trust, shim, file),
        };
        size_t chosen = SIZE_MAX;
        int r = 0;

        for (Checker c = 0; r >= 0 && c < _CHECKER_MAX; c++) {
                size_t index = SIZE_MAX;

                r = judge_by(&laws[c], file, &ret->by[c], &index);
                if (chosen == SIZE_MAX)
                        chosen = index;
        }
        if (r >= 0)
                r = judge_sbat(file, role == PROGRAM_LOADER, find_level(trust, shim), "",
                               &ret->by[CHECKER_SHIM]);
        if (r >= 0 && file->is_shim)
                r = judge_sbat(file, true, find_level(trust, &file->keys),
                               "the firmware starts it, but it stops the boot: ",
                               &ret->by[CHECKER_FIRMWARE]);
        if (r >= 0 && file->n_signatures > 0)
                r = tell_signer(&file->signatures[chosen == SIZE_MAX ? 0 : chosen], ret);
        ret->is_signed = file->n_signatures > 0 || file->is_damaged;
        return r;
}

static char *explain(int error_number) {
        switch (-error_number) {
        case EBADMSG:
                return strdup("it is no program for this firmware, or a damaged one");
        case EINVAL:
                return strdup("it is no regular file");
        case ESTALE:
                return strdup("it changed while it was read");
        case EFBIG:
                return strprintf("it is larger than %u MiB, so it was not read",
                                 (unsigned) (PE_FILE_SIZE_MAX / 1024 / 1024));
        default:
                return strprintf("it cannot be read (%s)", strerror(-error_number));
        }
}

static void release(SignedFile *f) {
        for (Checker c = 0; c < _CHECKER_MAX; c++)
                free(f->by[c].reason);
        free(f->signer);
        free(f->issuer);
}

int judge_file(int fd, ProgramRole role, const Trust *trust, const ShimKeys *shim, SignedFile *ret,
               ShimKeys *ret_keys) {
        _cleanup_(pe_file_done) PeFile file = {};
        SignedFile f = {};
        struct stat st;
        int r;

        if (fstat(fd, &st) >= 0)
                file_stamp_from_stat(&st, &f.stamp);
        r = pe_file_read(fd, &file);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                r = judge_read(&file, role, trust, shim, &f);
        else
                for (Checker c = 0; c < _CHECKER_MAX; c++)
                        if (say(&f.by[c], false, explain(r)) < 0)
                                r = -ENOMEM;
        if (r != -ENOMEM && !f.signer)
                f.signer = strdup("");
        if (r != -ENOMEM && !f.issuer)
                f.issuer = strdup("");
        if (r == -ENOMEM || !f.signer || !f.issuer) {
                release(&f);
                return -ENOMEM;
        }
        if (file.is_shim && ret_keys) {
                shim_keys_done(ret_keys);
                *ret_keys = TAKE_STRUCT(file.keys);
        }
        *ret = f;
        return 0;
}
