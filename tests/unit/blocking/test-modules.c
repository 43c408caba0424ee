/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules are signed, and compressed, here as the kernel's build and DKMS do it. */

#include "blocking/secure-boot/modules.h"

#include "../check-main.h"
#include "blocking/secure-boot/dkms.h"
#include "secure-boot-lab.h"

#define VERSION "6.8.12-4-pve"
#define MODULES "lib/modules/" VERSION

static const char *const kernels[] = { VERSION, NULL };
static const char *const no_kernels[] = { "6.9-none", "../modules/" VERSION, NULL };
static const char *const suffixes[] = { [MODULE_NAME_PLAIN] = ".ko",
                                        [MODULE_NAME_XZ] = ".ko.xz",
                                        [MODULE_NAME_ZSTD] = ".ko.zst",
                                        [MODULE_NAME_GZIP] = ".ko.gz" };

/* A host with one kernel, whose own modules "Build" has signed. */
typedef struct Host {
        TempRoot t;
        Party build, dkms;
        Trust trust;
        KeyList others;
        SecureBootFacts facts;
} Host;

static void host_done(Host *h) {
        temp_root_done(&h->t);
        party_done(&h->build);
        party_done(&h->dkms);
        trust_done(&h->trust);
        key_list_done(&h->others);
        secure_boot_facts_done(&h->facts);
}
#define _cleanup_host_ _cleanup_(host_done)

static void put_file(const Host *h, const char *path, const Party *signer, unsigned flags) {
        _cleanup_bytes_ Bytes b = {};

        put_module(&b, signer, flags);
        temp_write(&h->t, path, b.data, b.size);
}

static Host host(void) {
        Host h = { .t = temp_root_new(), .trust = { .supported = true } };

        h.build = party_new("Build", NULL, PARTY_NORMAL);
        h.dkms = party_new("DKMS module signing key", NULL, PARTY_NORMAL);
        put_file(&h, MODULES "/kernel/fs/fat/fat.ko", &h.build, 0);
        for (char c = 'a'; c <= 'z'; c++) {
                _cleanup_free_ char *path = strprintf(MODULES "/kernel/crypto/%c.ko", c);

                put_file(&h, path, c < 'k' ? NULL : &h.build, 0);
        }
        return h;
}

static void add(KeyList *list, const Party *p) {
        _cleanup_bytes_ Bytes b = {};

        put_certificate(&b, p);
        ck_assert_int_eq(key_list_add(list, (uint8_t *) b.data, b.size), 0);
}

/* Look again; @reason of the only module that is refused, NULL if none is. */
static void assert_refused(Host *h, const char *path, const char *reason) {
        secure_boot_facts_done(&h->facts);
        ck_assert_int_eq(modules_look(h->t.root, kernels, &h->trust, &h->others, &h->facts), 0);
        if (!reason) {
                ck_assert_uint_eq(h->facts.n_modules, 0);
                return;
        }
        ck_assert_uint_eq(h->facts.n_modules, 1);
        ck_assert_str_eq(h->facts.modules[0].reason, reason);
        ck_assert_str_eq(h->facts.modules[0].path, path);
        ck_assert_str_eq(h->facts.modules[0].kernel, VERSION);
        ck_assert_str_eq(h->facts.modules[0].package, "");
        ck_assert(h->facts.modules[0].unknown == !!startswith(reason, "not known: "));
}

START_TEST(module_that_nobody_has_signed_is_named) {
        _cleanup_host_ Host h = host();

        assert_refused(&h, NULL, NULL);
        put_file(&h, MODULES "/updates/dkms/zfs.ko", NULL, 0);
        assert_refused(&h, "/" MODULES "/updates/dkms/zfs.ko", "it is not signed");
}
END_TEST

START_TEST(module_of_the_kernel_s_own_signer_is_taken_wherever_it_lies) {
        _cleanup_host_ Host h = host();

        put_file(&h, MODULES "/extra/mine.ko", &h.build, 0);
        put_file(&h, MODULES "/mine.ko", &h.build, 0);
        assert_refused(&h, NULL, NULL);
}
END_TEST

START_TEST(key_that_is_enrolled_waits_or_is_unknown) {
        static const char path[] = "/" MODULES "/updates/dkms/zfs.ko";
        _cleanup_host_ Host h = host();

        put_file(&h, path + 1, &h.dkms, 0);
        assert_refused(&h, path,
                       "signed by a key of 'DKMS module signing key', which is not enrolled");
        add(&h.others, &h.dkms);
        assert_refused(&h, path, "signed by 'DKMS module signing key', which is not enrolled");
        add(&h.trust.lists[KEY_STORE_MOK_NEW], &h.dkms);
        assert_refused(&h, path,
                       "signed by 'DKMS module signing key', which waits to be enrolled at the "
                       "next boot");
        add(&h.trust.lists[KEY_STORE_MOK], &h.dkms);
        assert_refused(&h, path, NULL);
        add(&h.trust.lists[KEY_STORE_MOKX], &h.dkms);
        assert_refused(&h, path,
                       "signed by 'DKMS module signing key', which is refused by dbx or MokListX");
}
END_TEST

START_TEST(key_in_db_is_taken_unless_dbx_has_it) {
        static const char path[] = "/" MODULES "/extra/x.ko";
        _cleanup_host_ Host h = host();

        put_file(&h, path + 1, &h.dkms, 0);
        add(&h.trust.lists[KEY_STORE_DB], &h.dkms);
        assert_refused(&h, path, NULL);
        h.trust.ignores_db = true;
        assert_refused(&h, path,
                       "signed by a key of 'DKMS module signing key', which is not enrolled");
        h.trust.ignores_db = false;
        add(&h.trust.lists[KEY_STORE_DBX], &h.dkms);
        assert_refused(&h, path,
                       "signed by 'DKMS module signing key', which is refused by dbx or MokListX");
}
END_TEST

START_TEST(signer_may_be_told_by_the_id_of_its_key) {
        static const char path[] = "/" MODULES "/extra/x.ko";
        _cleanup_host_ Host h = host();
        Party p = party_new("With id", NULL, PARTY_NORMAL);

        party_extend(p.certificate, NID_subject_key_identifier, "a1b2c3");
        ck_assert_int_gt(X509_sign(p.certificate, p.key, EVP_sha256()), 0);
        put_file(&h, path + 1, &p, CMS_USE_KEYID);
        assert_refused(&h, path, "signed by the key 'a1b2c3', which is not enrolled");
        add(&h.trust.lists[KEY_STORE_MOK], &p);
        assert_refused(&h, path, NULL);
        key_list_done(&h.trust.lists[KEY_STORE_MOK]);
        put_file(&h, MODULES "/kernel/a.ko", &p, CMS_USE_KEYID);
        assert_refused(&h, path, NULL);
        party_done(&p);
}
END_TEST

START_TEST(damage_is_told) {
        static const char path[] = "/" MODULES "/extra/x.ko";
        _cleanup_host_ Host h = host();
        _cleanup_bytes_ Bytes b = {};

        put_module(&b, &h.build, 0);
        b.data[b.size - 35] ^= 1; /* in the trailer */
        temp_write(&h.t, path + 1, b.data, b.size);
        assert_refused(&h, path, "its signature is damaged");
        b.data[b.size - 35] ^= 1;
        b.data[14] ^= 1; /* the message's first byte */
        temp_write(&h.t, path + 1, b.data, b.size);
        assert_refused(&h, path, "its signature is damaged");
}
END_TEST

/* As Debian 13 has all of its modules: the kernel's own, and those of DKMS. */
static void put_packed_file(const Host *h, const char *name, const Party *signer, ModuleName kind) {
        _cleanup_free_ char *path = strprintf(MODULES "/%s%s", name, suffixes[kind]);
        _cleanup_bytes_ Bytes plain = {}, packed = {};

        put_module(&plain, signer, 0);
        put_packed(&packed, &plain, kind);
        temp_write(&h->t, path, packed.data, packed.size);
}

static void remove_own(const Host *h) {
        for (char c = 'a'; c <= 'z'; c++) {
                _cleanup_free_ char *path = strprintf(MODULES "/kernel/crypto/%c.ko", c);

                ck_assert_int_ge(unlinkat(h->t.fd, path, 0), 0);
        }
        ck_assert_int_ge(unlinkat(h->t.fd, MODULES "/kernel/fs/fat/fat.ko", 0), 0);
}

START_TEST(compressed_modules_are_judged_as_plain_ones) {
        for (ModuleName kind = MODULE_NAME_XZ; kind < _MODULE_NAME_MAX; kind++) {
                _cleanup_free_ char *path = strprintf("/" MODULES "/extra/x%s", suffixes[kind]);
                _cleanup_host_ Host h = host();

                remove_own(&h);
                put_packed_file(&h, "kernel/fs/fat/fat", &h.build, kind);
                put_packed_file(&h, "extra/x", NULL, kind);
                assert_refused(&h, path, "it is not signed");
                put_packed_file(&h, "extra/x", &h.build, kind);
                assert_refused(&h, path, NULL);
                put_packed_file(&h, "extra/x", &h.dkms, kind);
                assert_refused(&h, path,
                               "signed by a key of 'DKMS module signing key', which is "
                               "not enrolled");
                add(&h.trust.lists[KEY_STORE_MOK], &h.dkms);
                assert_refused(&h, path, NULL);
                temp_puts(&h.t, path + 1, "not compressed");
                assert_refused(&h, path, "not known: it cannot be unpacked, as it is damaged");
        }
}
END_TEST

START_TEST(stranger_is_unknown_where_the_kernel_s_own_signer_is) {
        static const char path[] = "/" MODULES "/extra/x.ko";
        _cleanup_host_ Host h = host();

        remove_own(&h);
        put_file(&h, path + 1, &h.build, 0);
        assert_refused(&h, path, "signed by a key of 'Build', which is not enrolled");
        temp_puts(&h.t, MODULES "/kernel/fs/fat/fat.ko.xz", "damaged");
        assert_refused(&h, path, "not known: none of the kernel's own modules could be read");
        put_packed_file(&h, "kernel/fs/fat/other", &h.build, MODULE_NAME_XZ);
        assert_refused(&h, path, NULL);
        put_file(&h, path + 1, &h.dkms, 0);
        assert_refused(&h, path,
                       "signed by a key of 'DKMS module signing key', which is not enrolled");
}
END_TEST

#define BOMB_UNIT (16u * 1024 * 1024)

/* More than is unpacked for all kernels, in half a megabyte; one module beside it is small. */
START_TEST(bombs_leave_the_rest_of_all_kernels_unknown) {
        static const char *const twice[] = { VERSION, VERSION, NULL };
        _cleanup_bytes_ Bytes zeros = {}, unit = {}, bomb = {};
        _cleanup_host_ Host h = host();
        size_t n_bombs = 0;

        put_zeros(&zeros, BOMB_UNIT);
        put_packed(&unit, &zeros, MODULE_NAME_ZSTD);
        for (size_t i = 0; i < 20; i++)
                buffer_append(&bomb, unit.data, unit.size);
        temp_write(&h.t, MODULES "/extra/bomb1.ko.zst", bomb.data, bomb.size);
        temp_write(&h.t, MODULES "/extra/bomb2.ko.zst", bomb.data, bomb.size);
        put_packed_file(&h, "extra/small", &h.build, MODULE_NAME_XZ);
        put_file(&h, MODULES "/extra/trusted.ko", &h.build, 0);
        /* A quarter of all each, so that it is used up with the first kernel's second look. */
        ck_assert_int_eq(modules_look(h.t.root, kernels, &h.trust, &h.others, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, 2);
        ck_assert_int_eq(modules_look(h.t.root, twice, &h.trust, &h.others, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, 2 + 2 + 3);
        for (size_t i = 0; i < h.facts.n_modules; i++) {
                ck_assert(h.facts.modules[i].unknown);
                ck_assert_str_eq(h.facts.modules[i].reason,
                                 "not known: it takes too much time or memory to unpack");
                n_bombs += strstr(h.facts.modules[i].path, "bomb") != NULL;
        }
        ck_assert_uint_eq(n_bombs, 6);
}
END_TEST

START_TEST(links_lead_neither_out_nor_in_circles) {
        _cleanup_host_ Host h = host();
        _cleanup_temp_root_ TempRoot outside = temp_root_new();
        _cleanup_free_ char *away = strprintf("%s/away.ko", outside.path);

        temp_puts(&outside, "away.ko", "not signed");
        temp_symlink(&h.t, MODULES "/build", "/usr/src/linux-headers");
        temp_symlink(&h.t, MODULES "/extra/circle", "..");
        temp_symlink(&h.t, MODULES "/extra/away.ko", away);
        temp_mkfifo(&h.t, MODULES "/extra/pipe");
        temp_puts(&h.t, MODULES "/modules.dep", "text");
        ck_assert_int_eq(modules_look(h.t.root, kernels, &h.trust, &h.others, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, 1);
        ck_assert_str_eq(h.facts.modules[0].reason,
                         "not known: it cannot be read (No such file or directory)");
        secure_boot_facts_done(&h.facts);
        ck_assert_int_eq(modules_look(h.t.root, no_kernels, &h.trust, &h.others, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, 0);
}
END_TEST

START_TEST(no_more_modules_are_told_than_travel) {
        _cleanup_host_ Host h = host();

        for (unsigned i = 0; i < SECURE_BOOT_MODULES_MAX + 20; i++) {
                _cleanup_free_ char *path = strprintf(MODULES "/extra/m%u.ko", i);

                temp_puts(&h.t, path, "not signed");
        }
        ck_assert_int_eq(modules_look(h.t.root, kernels, &h.trust, &h.others, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, SECURE_BOOT_MODULES_MAX);
}
END_TEST

START_TEST(module_belongs_to_the_package_of_its_source_or_to_that_which_has_it) {
        _cleanup_host_ Host h = host();

        put_file(&h, MODULES "/extra/packaged.ko", NULL, 0);
        put_file(&h, MODULES "/extra/nobody.ko", NULL, 0);
        put_file(&h, MODULES "/updates/dkms/zfs.ko", NULL, 0);
        put_file(&h, "var/lib/dkms/zfs/2.1.11/" VERSION "/x86_64/module/zfs.ko", NULL, 0);
        put_file(&h, "var/lib/dkms/other/1.0/" VERSION "/x86_64/module/other.ko", NULL, 0);
        temp_puts(&h.t, PATH_DPKG "/info/zfs-dkms.list", "/.\n/usr/src\n/usr/src/zfs-2.1.11\n");
        temp_puts(&h.t, PATH_DPKG "/info/other-dkms.list", "/usr/src/other-1.0\n");
        temp_puts(&h.t, PATH_DPKG "/info/vendor-modules:amd64.list",
                  "/usr/lib/modules/" VERSION "/extra/packaged.ko\n");
        temp_puts(&h.t, PATH_DPKG "/info/noise.md5sums", "/" MODULES "/extra/nobody.ko\n");
        ck_assert_int_eq(modules_look(h.t.root, kernels, &h.trust, &h.others, &h.facts), 0);
        ck_assert_int_eq(dkms_find_packages(h.t.root, &h.facts), 0);
        ck_assert_uint_eq(h.facts.n_modules, 3);
        ck_assert_str_eq(h.facts.modules[0].package, ""); /* nobody.ko */
        ck_assert_str_eq(h.facts.modules[1].package, "vendor-modules");
        ck_assert_str_eq(h.facts.modules[2].package, "zfs-dkms");
}
END_TEST

static void put_key(const Host *h, const char *path, const Party *p, bool pem) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;
        long size;

        ck_assert_int_eq(pem ? PEM_write_bio_X509(bio, p->certificate)
                             : i2d_X509_bio(bio, p->certificate),
                         1);
        size = BIO_get_mem_data(bio, &data);
        temp_write(&h->t, path, data, (size_t) size);
        BIO_free(bio);
}

START_TEST(keys_of_dkms_are_found_by_its_configuration) {
        _cleanup_host_ Host h = host();
        _cleanup_party_ Party old = party_new("Old", NULL, PARTY_NORMAL);

        put_key(&h, "var/lib/dkms/mok.pub", &h.dkms, false);
        put_key(&h, "etc/keys/build.pem", &h.build, true);
        temp_puts(&h.t, "etc/dkms/framework.conf", "mok_certificate=/var/lib/dkms/mok.pub\n");
        temp_puts(&h.t, "etc/dkms/framework.conf.d/mine.conf",
                  "mok_certificate=\"/etc/keys/build.pem\"\nmok_certificate=/etc/keys/none\n");
        put_key(&h, "etc/keys/old.pem", &old, true);
        temp_puts(&h.t, "etc/dkms/framework.conf.d/mine.conf.dpkg-old",
                  "mok_certificate=/etc/keys/old.pem\n");
        ck_assert_int_eq(dkms_read_keys(h.t.root, &h.facts, &h.others), 0);
        ck_assert_uint_eq(h.facts.n_keys, 3);
        ck_assert_int_eq(h.facts.keys[0].store, KEY_STORE_DKMS);
        ck_assert_str_eq(h.facts.keys[0].path, "/var/lib/dkms/mok.pub");
        ck_assert_str_eq(h.facts.keys[0].subject, "DKMS module signing key");
        ck_assert_str_eq(h.facts.keys[1].path, "/etc/keys/build.pem");
        ck_assert_str_eq(h.facts.keys[1].subject, "Build");
        ck_assert_int_eq(h.facts.keys[2].store, KEY_STORE_UNREAD);
        ck_assert_str_eq(h.facts.keys[2].path, "/etc/keys/none");
        ck_assert_str_eq(h.facts.keys[2].sha256, "");
        ck_assert(key_list_has_certificate(&h.others, h.dkms.certificate));
        ck_assert(key_list_has_certificate(&h.others, h.build.certificate));
}
END_TEST

START_TEST(usual_key_of_dkms_may_be_missing_but_not_broken) {
        _cleanup_host_ Host h = host();

        ck_assert_int_eq(dkms_read_keys(h.t.root, &h.facts, &h.others), 0);
        ck_assert_uint_eq(h.facts.n_keys, 0);
        temp_puts(&h.t, "var/lib/dkms/mok.pub", "no certificate");
        ck_assert_int_eq(dkms_read_keys(h.t.root, &h.facts, &h.others), 0);
        ck_assert_uint_eq(h.facts.n_keys, 1);
        ck_assert_int_eq(h.facts.keys[0].store, KEY_STORE_UNREAD);
}
END_TEST

CHECK_MAIN("modules", module_that_nobody_has_signed_is_named,
           module_of_the_kernel_s_own_signer_is_taken_wherever_it_lies,
           key_that_is_enrolled_waits_or_is_unknown, key_in_db_is_taken_unless_dbx_has_it,
           signer_may_be_told_by_the_id_of_its_key, damage_is_told,
           compressed_modules_are_judged_as_plain_ones,
           stranger_is_unknown_where_the_kernel_s_own_signer_is,
           bombs_leave_the_rest_of_all_kernels_unknown, links_lead_neither_out_nor_in_circles,
           no_more_modules_are_told_than_travel,
           module_belongs_to_the_package_of_its_source_or_to_that_which_has_it,
           keys_of_dkms_are_found_by_its_configuration,
           usual_key_of_dkms_may_be_missing_but_not_broken)
