/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kernel that Secure Boot has locked down loads only modules whose signer it knows: the key of
 * its own build, which nobody else has, and those of db and MokListRT (Debian's and Proxmox's
 * kernels take both). The key of its build is not on the disk; so it is recognised by who has
 * signed the modules in kernel/. */

#include "blocking/secure-boot/modules.h"

#include <fcntl.h>
#include <unistd.h>

#include "blocking/secure-boot/module-signature.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "sys/file.h"

#define DEPTH_MAX   12
#define MODULES_MAX 4096 /* that are looked at, of a kernel */
#define OWN_MAX     4    /* signatures that are kept of a kernel's own modules */
#define OWN_SEEN    32   /* of these, as there may be unsigned ones among them */
#define KEY_ID_MAX  20   /* bytes that are told */
/* Bytes that are read and unpacked for all kernels together, at the worst 20 s of a processor. The
 * 4230 modules of Debian 13's kernel have 0.6 GiB; those of DKMS are a few. */
#define UNPACK_MAX (UINT64_C(1024) * 1024 * 1024)

typedef struct Kernel {
        const Root *root;
        const char *version;
        const Trust *trust;
        const KeyList *others;
        CMS_ContentInfo *own[OWN_MAX]; /* signatures of modules in kernel/ */
        size_t n_own, n_seen;
        bool own_unread; /* one of these could not be read */
        uint64_t *left;  /* of UNPACK_MAX */
        SecureBootFacts *facts;
} Kernel;

static void kernel_done(Kernel *k) {
        for (size_t i = 0; i < k->n_own; i++)
                CMS_ContentInfo_free(k->own[i]);
}

static CMS_SignerInfo *get_signer(CMS_ContentInfo *signature) {
        return sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(signature), 0);
}

/* 1, 0 or -errno as of module_read_signature(). */
static int read_signature(Kernel *k, const char *path, CMS_ContentInfo **ret) {
        _cleanup_close_ int fd = root_openat(k->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return module_read_signature(fd, module_name_kind(path), k->left, ret);
}

static bool is_same_signer(CMS_SignerInfo *a, CMS_SignerInfo *b) {
        ASN1_OCTET_STRING *key_a = NULL, *key_b = NULL;
        X509_NAME *issuer_a = NULL, *issuer_b = NULL;
        ASN1_INTEGER *serial_a = NULL, *serial_b = NULL;

        if (CMS_SignerInfo_get0_signer_id(a, &key_a, &issuer_a, &serial_a) != 1 ||
            CMS_SignerInfo_get0_signer_id(b, &key_b, &issuer_b, &serial_b) != 1)
                return false;
        if (key_a || key_b)
                return key_a && key_b && ASN1_OCTET_STRING_cmp(key_a, key_b) == 0;
        return X509_NAME_cmp(issuer_a, issuer_b) == 0 && ASN1_INTEGER_cmp(serial_a, serial_b) == 0;
}

static X509 *find_key(const KeyList *list, CMS_SignerInfo *signer) {
        for (size_t i = 0; i < list->n_certificates; i++)
                if (CMS_SignerInfo_cert_cmp(signer, list->certificates[i]) == 0)
                        return list->certificates[i];
        return NULL;
}

static char *name_key(const X509 *key, const char *what) {
        _cleanup_free_ char *name = certificate_name(X509_get_subject_name(key));

        return name ? strprintf("signed by '%s', which %s", name, what) : NULL;
}

/* All that the signature itself tells of a key that nobody has. */
static char *name_unknown(CMS_SignerInfo *signer) {
        ASN1_OCTET_STRING *key = NULL;
        _cleanup_free_ char *name = NULL;
        ASN1_INTEGER *serial = NULL;
        X509_NAME *issuer = NULL;
        char hex[2 * KEY_ID_MAX + 1] = "";

        (void) CMS_SignerInfo_get0_signer_id(signer, &key, &issuer, &serial);
        if (issuer) {
                name = certificate_name(issuer);
                return name ? strprintf("signed by a key of '%s', which is not enrolled", name)
                            : NULL;
        }
        for (int i = 0; key && i < MIN(ASN1_STRING_length(key), KEY_ID_MAX); i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", ASN1_STRING_get0_data(key)[i]);
        return strprintf("signed by the key '%s', which is not enrolled", hex);
}

typedef struct Refusal {
        char *reason; /* NULL: the kernel takes it */
        bool unknown; /* whether it does is not known */
} Refusal;

/* Of a signer that no list has. 0 or -ENOMEM. */
static int refuse_stranger(const Kernel *k, CMS_SignerInfo *signer, Refusal *ret) {
        X509 *key = find_key(&k->trust->lists[KEY_STORE_MOK_NEW], signer);

        if (k->n_own == 0 && k->own_unread) {
                ret->unknown = true;
                ret->reason = strdup(REASON_UNKNOWN
                                     "none of the kernel's own modules could be read");
        } else if (key)
                ret->reason = name_key(key, "waits to be enrolled at the next boot");
        else {
                key = find_key(k->others, signer);
                ret->reason = key ? name_key(key, "is not enrolled") : name_unknown(signer);
        }
        return ret->reason ? 0 : -ENOMEM;
}

/* 0 or -ENOMEM. */
static int judge_signer(const Kernel *k, CMS_SignerInfo *signer, Refusal *ret) {
        const KeyList *lists = k->trust->lists;
        X509 *key;

        if ((key = find_key(&lists[KEY_STORE_DBX], signer)) ||
            (key = find_key(&lists[KEY_STORE_MOKX], signer))) {
                ret->reason = name_key(key, "is refused by dbx or MokListX");
                return ret->reason ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < k->n_own; i++)
                if (is_same_signer(signer, get_signer(k->own[i])))
                        return 0;
        if (find_key(&lists[KEY_STORE_MOK], signer))
                return 0;
        /* The kernel ignores db as shim does (load_uefi.c). */
        if (!k->trust->ignores_db && find_key(&lists[KEY_STORE_DB], signer))
                return 0;
        return refuse_stranger(k, signer, ret);
}

static char *say_unknown(int r) {
        return r == -EFBIG    ? strdup(REASON_UNKNOWN "it takes too much time or memory to unpack")
               : r == -EILSEQ ? strdup(REASON_UNKNOWN "it cannot be unpacked, as it is damaged")
                              : strprintf(REASON_UNKNOWN "it cannot be read (%s)", strerror(-r));
}

static int judge_module(Kernel *k, const char *path, Refusal *ret) {
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *signature = NULL;
        int r;

        r = read_signature(k, path, &signature);
        if (r == -ENOMEM)
                return r;
        if (r > 0)
                return judge_signer(k, get_signer(signature), ret);
        ret->unknown = r < 0 && r != -EBADMSG;
        ret->reason = r == 0         ? strdup("it is not signed")
                      : ret->unknown ? say_unknown(r)
                                     : strdup("its signature is damaged");
        return ret->reason ? 0 : -ENOMEM;
}

/* Takes its reason over. */
static int add_refused(const Kernel *k, const char *path, const Refusal *refusal) {
        SecureBootFacts *facts = k->facts;
        RefusedModule m = {
                .kernel = strdup(k->version),
                .path = strprintf("/%s", path),
                .package = strdup(""),
                .reason = refusal->reason,
                .unknown = refusal->unknown,
        };

        if (m.kernel && m.path && m.package &&
            ARRAY_RESERVE(facts->modules, facts->n_modules_allocated, facts->n_modules + 1)) {
                facts->modules[facts->n_modules++] = m;
                return 0;
        }
        free(m.kernel);
        free(m.path);
        free(m.package);
        free(m.reason);
        return -ENOMEM;
}

/* 1 if enough was seen. */
static int see_foreign(Kernel *k, const char *path) {
        Refusal refusal = {};
        int r;

        if (++k->n_seen > MODULES_MAX || k->facts->n_modules >= SECURE_BOOT_MODULES_MAX)
                return 1;
        r = judge_module(k, path, &refusal);
        return r < 0 || !refusal.reason ? r : add_refused(k, path, &refusal);
}

static int see_own(Kernel *k, const char *path) {
        int r;

        if (k->n_own == OWN_MAX || ++k->n_seen > OWN_SEEN)
                return 1;
        r = read_signature(k, path, &k->own[k->n_own]);
        if (r > 0)
                k->n_own++;
        else if (r < 0)
                k->own_unread = true;
        return r == -ENOMEM ? r : 0;
}

/* Have @see look at each module below @path, in order; links to directories are not followed. 1 if
 * it has seen enough, 0 or -ENOMEM. What cannot be listed is as if it were empty. */
static int walk(Kernel *k, const char *path, unsigned depth,
                int (*see)(Kernel *k, const char *path)) {
        _cleanup_strv_ char **names = NULL;
        int r = 0;

        if (depth > DEPTH_MAX)
                return 0;
        r = directory_list(k->root, path, NULL, &names);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *at = strprintf("%s/%s", path, *name);
                _cleanup_close_ int fd = -EBADF;
                struct stat st;

                /* Its own ones are walked through by their own name. */
                if (depth == 0 && streq(*name, "kernel"))
                        continue;
                fd = at ? root_openat(k->root, at, O_PATH | O_NOFOLLOW, 0) : -ENOMEM;
                if (fd == -ENOMEM)
                        return fd;
                if (fd < 0 || fstat(fd, &st) < 0)
                        continue;
                if (S_ISDIR(st.st_mode))
                        r = walk(k, at, depth + 1, see);
                else if (module_name_kind(*name) != MODULE_NAME_NONE)
                        r = see(k, at);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int look_at_kernel(Kernel *k) {
        _cleanup_free_ char *directory = strprintf("lib/modules/%s", k->version), *own = NULL;
        struct stat st;
        int r;

        if (directory && root_stat(k->root, directory, &st) < 0) {
                free(directory);
                directory = strprintf("usr/lib/modules/%s", k->version);
        }
        own = directory ? strprintf("%s/kernel", directory) : NULL;
        if (!own)
                return -ENOMEM;
        r = walk(k, own, 1, see_own);
        k->n_seen = 0;
        return r < 0 ? r : walk(k, directory, 0, see_foreign);
}

int modules_look(const Root *root, const char *const *kernels, const Trust *trust,
                 const KeyList *others, SecureBootFacts *facts) {
        uint64_t left = UNPACK_MAX;
        int r = 0;

        for (size_t i = 0; r >= 0 && kernels && kernels[i]; i++) {
                _cleanup_(kernel_done) Kernel k = {
                        .root = root,
                        .version = kernels[i],
                        .trust = trust,
                        .others = others,
                        .left = &left,
                        .facts = facts,
                };

                if (kernel_version_is_valid(kernels[i]))
                        r = look_at_kernel(&k);
        }
        return MIN(r, 0);
}
