/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plain directory is the firmware, with the lists that OVMF has. */

#include "blocking/secure-boot/trust.h"

#include "../check-main.h"
#include "../core/corpus.h"
#include "secure-boot-lab.h"

static void put_recorded(const TempRoot *t, const char *path, const char *name) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        data = read_corpus(name, &size);
        lab_put_variable(t, path, data, size);
}

START_TEST(lists_of_ovmf_are_read) {
        _cleanup_temp_root_ TempRoot t = lab_root();
        _cleanup_(trust_done) Trust trust = {};
        _cleanup_error_ Error error = {};
        const KeyList *lists = trust.lists;
        _cleanup_free_ char *name = NULL;

        put_recorded(&t, LAB_GLOBAL("PK"), "signature-list/ovmf-pk");
        put_recorded(&t, LAB_GLOBAL("KEK"), "signature-list/ovmf-kek");
        put_recorded(&t, LAB_SECURITY("db"), "signature-list/ovmf-db");
        put_recorded(&t, LAB_SECURITY("dbx"), "signature-list/ovmf-dbx");
        ck_assert_int_eq(trust_read(t.root, &trust, &error), 0);
        ck_assert(trust.supported);
        ck_assert_uint_eq(lists[KEY_STORE_PK].n_certificates, 1);
        ck_assert_uint_eq(lists[KEY_STORE_KEK].n_certificates, 2);
        ck_assert_uint_eq(lists[KEY_STORE_DB].n_certificates, 2);
        ck_assert_uint_eq(lists[KEY_STORE_DBX].n_certificates, 0);
        ck_assert_uint_eq(lists[KEY_STORE_DBX].n_programs, 1);
        ck_assert_uint_eq(lists[KEY_STORE_MOK].n_certificates, 0);
        ck_assert(!trust.ignores_db && !trust.checks_nothing && !trust.sbat_level);
        name = certificate_name(X509_get_subject_name(lists[KEY_STORE_DB].certificates[1]));
        ck_assert_str_eq(name, "Microsoft Corporation UEFI CA 2011");
}
END_TEST

START_TEST(key_is_told_by_name_digest_and_end) {
        _cleanup_temp_root_ TempRoot t = lab_root();
        _cleanup_(trust_done) Trust trust = {};
        BootKey key = {};

        put_recorded(&t, LAB_SECURITY("db"), "signature-list/ovmf-db");
        ck_assert_int_eq(trust_read(t.root, &trust, NULL), 0);
        ck_assert_int_eq(boot_key_from_certificate(KEY_STORE_DB,
                                                   trust.lists[KEY_STORE_DB].certificates[1], NULL,
                                                   &key),
                         0);
        ck_assert_str_eq(key.subject, "Microsoft Corporation UEFI CA 2011");
        /* As openssl-x509(1) tells of it. */
        ck_assert_str_eq(key.sha256,
                         "48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507");
        ck_assert_uint_eq(key.not_after_usec, UINT64_C(1782595965000000));
        ck_assert_str_eq(key.path, "");
        free(key.subject);
        free(key.sha256);
        free(key.path);
}
END_TEST

START_TEST(variables_of_shim_are_read) {
        static const char level[] = "sbat,1,2024040900\nshim,4\n";
        _cleanup_temp_root_ TempRoot t = lab_root();
        _cleanup_party_ Party mok = party_new("MOK", NULL, PARTY_NORMAL);
        _cleanup_party_ Party later = party_new("Later", NULL, PARTY_NORMAL);
        _cleanup_bytes_ Bytes list = {}, waiting = {}, blocked = {};
        _cleanup_(trust_done) Trust trust = {};

        put_certificate(&list, &mok);
        put_certificate(&waiting, &later);
        put_to_be_signed(&blocked, &later);
        lab_put_variable(&t, LAB_SHIM("MokListRT"), list.data, list.size);
        lab_put_variable(&t, LAB_SHIM("MokNew"), waiting.data, waiting.size);
        lab_put_variable(&t, LAB_SHIM("MokListXRT"), blocked.data, blocked.size);
        lab_put_variable(&t, LAB_SHIM("MokIgnoreDB"), "\1", 1);
        lab_put_variable(&t, LAB_SHIM("MokSBStateRT"), "\1", 1);
        lab_put_variable(&t, LAB_SHIM("SbatLevelRT"), level, strlen(level));
        ck_assert_int_eq(trust_read(t.root, &trust, NULL), 0);
        ck_assert(key_list_has_certificate(&trust.lists[KEY_STORE_MOK], mok.certificate));
        ck_assert(!key_list_has_certificate(&trust.lists[KEY_STORE_MOK], later.certificate));
        ck_assert(key_list_has_certificate(&trust.lists[KEY_STORE_MOK_NEW], later.certificate));
        ck_assert(key_list_has_to_be_signed(&trust.lists[KEY_STORE_MOKX], later.certificate));
        ck_assert(!key_list_has_to_be_signed(&trust.lists[KEY_STORE_MOKX], mok.certificate));
        ck_assert(trust.ignores_db && trust.checks_nothing);
        ck_assert_uint_eq(trust.sbat_level_size, strlen(level));
        ck_assert_int_eq(memcmp(trust.sbat_level, level, strlen(level)), 0);
}
END_TEST

START_TEST(list_that_shim_had_to_cut_is_read_with_its_parts) {
        _cleanup_temp_root_ TempRoot t = lab_root();
        _cleanup_party_ Party a = party_new("A", NULL, PARTY_NORMAL);
        _cleanup_party_ Party b = party_new("B", NULL, PARTY_NORMAL);
        _cleanup_bytes_ Bytes first = {}, second = {};
        _cleanup_(trust_done) Trust trust = {};

        put_certificate(&first, &a);
        put_certificate(&second, &b);
        lab_put_variable(&t, LAB_SHIM("MokListRT"), first.data, first.size);
        lab_put_variable(&t, LAB_SHIM("MokListRT0"), first.data, first.size);
        lab_put_variable(&t, LAB_SHIM("MokListRT1"), second.data, second.size);
        ck_assert_int_eq(trust_read(t.root, &trust, NULL), 0);
        ck_assert_uint_eq(trust.lists[KEY_STORE_MOK].n_certificates, 2);
}
END_TEST

START_TEST(without_secure_boot_nothing_is_read) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(trust_done) Trust trust = {};

        ck_assert_int_ge(chdir(t.path), 0);
        ck_assert_int_eq(trust_read(t.root, &trust, NULL), 0);
        ck_assert(!trust.supported);
        temp_mkdir(&t, PATH_EFI_VARIABLES);
        lab_put_variable(&t, LAB_SECURITY("db"), "no list", 7);
        ck_assert_int_eq(trust_read(t.root, &trust, NULL), 0);
        ck_assert(!trust.supported);
}
END_TEST

START_TEST(list_that_cannot_be_read_is_an_error_and_never_half_a_list) {
        static uint8_t large[EFI_VARIABLE_SIZE_MAX + 1];
        _cleanup_temp_root_ TempRoot t = lab_root();
        _cleanup_(trust_done) Trust trust = {};
        _cleanup_error_ Error a = {}, b = {}, c = {};
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        data = read_corpus("signature-list/ovmf-dbx", &size);
        lab_put_variable(&t, LAB_SECURITY("dbx"), data, size - 1);
        ck_assert_int_lt(trust_read(t.root, &trust, &a), 0);
        ck_assert_int_eq(a.code, ERROR_FIRMWARE_ERROR);
        ck_assert_str_eq(a.message,
                         "The firmware's variable 'dbx' holds no list of keys, so that nothing can "
                         "be told of Secure Boot; reset the firmware's keys to its defaults");
        lab_put_variable(&t, LAB_SECURITY("dbx"), large, sizeof(large));
        ck_assert_int_lt(trust_read(t.root, &trust, &b), 0);
        ck_assert_str_eq(b.message,
                         "The firmware's variable 'dbx' is larger than 64 KiB, so that it is not "
                         "read; reset the firmware's settings to its defaults");
        lab_put_variable(&t, LAB_SECURITY("dbx"), data, size);
        temp_mkdir(&t, LAB_SHIM("MokListXRT"));
        ck_assert_int_lt(trust_read(t.root, &trust, &c), 0);
        ck_assert_int_eq(c.code, ERROR_FIRMWARE_ERROR);
}
END_TEST

START_TEST(what_is_no_certificate_is_passed_over) {
        static const uint8_t x509[] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                        0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
        _cleanup_party_ Party p = party_new("P", NULL, PARTY_NORMAL);
        _cleanup_bytes_ Bytes b = {};
        _cleanup_(key_list_done) KeyList list = {};

        put_list(&b, x509, "noise", 5);
        put_certificate(&b, &p);
        put_certificate(&b, &p);
        ck_assert_int_eq(key_list_add(&list, (uint8_t *) b.data, b.size), 0);
        ck_assert_uint_eq(list.n_certificates, 1);
}
END_TEST

START_TEST(file_of_a_certificate_is_der_or_pem) {
        _cleanup_party_ Party a = party_new("A", NULL, PARTY_NORMAL);
        _cleanup_party_ Party b = party_new("B", NULL, PARTY_NORMAL);
        _cleanup_(key_list_done) KeyList list = {};
        unsigned char *der = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem;
        int size;

        size = i2d_X509(a.certificate, &der);
        ck_assert_int_eq(key_list_add_certificate(&list, der, (size_t) size), 0);
        ck_assert_int_eq(PEM_write_bio_X509(bio, a.certificate), 1);
        ck_assert_int_eq(PEM_write_bio_X509(bio, b.certificate), 1);
        size = (int) BIO_get_mem_data(bio, &pem);
        ck_assert_int_eq(key_list_add_certificate(&list, (uint8_t *) pem, (size_t) size), 0);
        ck_assert_uint_eq(list.n_certificates, 2);
        ck_assert_int_eq(key_list_add_certificate(&list, (const uint8_t *) "noise", 5), -EBADMSG);
        ck_assert_int_eq(key_list_add_certificate(&list, der, 0), -EBADMSG);
        OPENSSL_free(der);
        BIO_free(bio);
}
END_TEST

START_TEST(name_is_fit_for_people) {
        _cleanup_party_ Party hostile = party_new("a\033[31mb\x7f", NULL, PARTY_NORMAL);
        _cleanup_free_ char *name = NULL, *whole = NULL, *long_name = NULL;
        X509_NAME *x = X509_NAME_new(), *y = X509_NAME_new();
        char text[65] = "";

        name = certificate_name(X509_get_subject_name(hostile.certificate));
        ck_assert_str_eq(name, "a?[31mb?");
        X509_NAME_add_entry_by_txt(x, "O", MBSTRING_UTF8, (const unsigned char *) "Müller", -1, -1,
                                   0);
        whole = certificate_name(x);
        ck_assert_str_eq(whole, "O = Müller");
        memset(text, 'x', 64);
        for (unsigned i = 0; i < 4; i++)
                X509_NAME_add_entry_by_txt(y, "O", MBSTRING_UTF8, (const unsigned char *) text, -1,
                                           -1, 0);
        long_name = certificate_name(y);
        ck_assert_uint_eq(strlen(long_name), CERTIFICATE_NAME_MAX + 3);
        X509_NAME_free(x);
        X509_NAME_free(y);
}
END_TEST

CHECK_MAIN("trust", lists_of_ovmf_are_read, key_is_told_by_name_digest_and_end,
           variables_of_shim_are_read, list_that_shim_had_to_cut_is_read_with_its_parts,
           without_secure_boot_nothing_is_read,
           list_that_cannot_be_read_is_an_error_and_never_half_a_list,
           what_is_no_certificate_is_passed_over, file_of_a_certificate_is_der_or_pem,
           name_is_fit_for_people)
