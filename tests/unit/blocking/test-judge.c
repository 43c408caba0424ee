/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules of the firmware and of shim, one by one, on programs that are signed here. That real
 * ones are read the same way is known from the guest's firmware (tests/vm). */

#include "blocking/secure-boot/judge.h"

#include "../check-main.h"
#include "secure-boot-lab.h"

#define LEVEL "sbat,1,2024040900\nshim,4\ngrub,3\n"

static const Program plain = {};

/* All that one test has. */
typedef struct Court {
        Party ca, signer, other;
        Trust trust;
        ShimKeys shim;
        Bytes program;
        SignedFile file;
        ShimKeys found; /* in the program */
} Court;

static void file_done(SignedFile *f) {
        for (Checker c = 0; c < _CHECKER_MAX; c++)
                free(f->by[c].reason);
        free(f->signer);
        free(f->issuer);
        *f = (SignedFile){};
}

static void court_done(Court *c) {
        party_done(&c->ca);
        party_done(&c->signer);
        party_done(&c->other);
        trust_done(&c->trust);
        shim_keys_done(&c->shim);
        shim_keys_done(&c->found);
        buffer_done(&c->program);
        file_done(&c->file);
}
#define _cleanup_court_ _cleanup_(court_done)

/* A signer with a certificate of "CA", and somebody else. */
static Court court(void) {
        Court c = { .trust = { .supported = true } };

        c.ca = party_new("CA", NULL, PARTY_NORMAL);
        c.signer = party_new("Signer", &c.ca, PARTY_NORMAL);
        c.other = party_new("Other", NULL, PARTY_NORMAL);
        return c;
}

static void add(KeyList *list, const Party *p) {
        _cleanup_bytes_ Bytes b = {};

        put_certificate(&b, p);
        ck_assert_int_eq(key_list_add(list, (uint8_t *) b.data, b.size), 0);
}

static void add_digest(KeyList *list, const Bytes *program, size_t padding) {
        _cleanup_bytes_ Bytes b = {};
        Sha256 digest;

        lab_digest(program, padding, digest);
        put_digest(&b, digest);
        ck_assert_int_eq(key_list_add(list, (uint8_t *) b.data, b.size), 0);
}

static void add_to_be_signed(KeyList *list, const Party *p) {
        _cleanup_bytes_ Bytes b = {};

        put_to_be_signed(&b, p);
        ck_assert_int_eq(key_list_add(list, (uint8_t *) b.data, b.size), 0);
}

static void judge_as(Court *c, ProgramRole role) {
        _cleanup_close_ int fd = lab_open(&c->program);

        file_done(&c->file);
        ck_assert_int_eq(judge_file(fd, role, &c->trust, &c->shim, &c->file, &c->found), 0);
        ck_assert_uint_eq(c->file.stamp.size, c->program.size);
}

static void assert_says(const Judgement *j, bool accepted, const char *reason) {
        ck_assert_str_eq(j->reason, reason);
        ck_assert_int_eq(j->accepted, accepted);
}

#define FIRMWARE(c, accepted, reason) assert_says(&(c).file.by[CHECKER_FIRMWARE], accepted, reason)
#define SHIM(c, accepted, reason)     assert_says(&(c).file.by[CHECKER_SHIM], accepted, reason)

#define UNKNOWN_TO_DB   "it is signed by 'Signer' of 'CA', and neither is in db"
#define UNKNOWN_TO_SHIM "it is signed by 'Signer' of 'CA', and neither is in db, MokList or shim"

START_TEST(program_of_a_signer_whom_a_certificate_in_db_vouches_for_is_accepted) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, UNKNOWN_TO_DB);
        SHIM(c, false, UNKNOWN_TO_SHIM);

        add(&c.trust.lists[KEY_STORE_DB], &c.other);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'CA', which db has");
        SHIM(c, true, "signed by 'CA', which db has");
        ck_assert(c.file.is_signed);
        ck_assert_str_eq(c.file.signer, "Signer");
        ck_assert_str_eq(c.file.issuer, "CA");
        ck_assert_uint_eq(c.file.not_after_usec, certificate_not_after(c.signer.certificate));
        ck_assert_uint_gt(c.file.not_after_usec, 0);
}
END_TEST

START_TEST(chain_may_end_with_the_signer_or_in_its_middle) {
        _cleanup_court_ Court c = court();
        _cleanup_party_ Party leaf = party_new("Leaf", &c.signer, PARTY_NORMAL);

        put_program(&c.program, &plain);
        lab_sign(&c.program, &leaf, &c.signer);
        add(&c.trust.lists[KEY_STORE_DB], &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'Signer', which db has");
        key_list_done(&c.trust.lists[KEY_STORE_DB]);
        add(&c.trust.lists[KEY_STORE_DB], &leaf);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'Leaf', which db has");
        /* By way of the certificate that comes with the signature. */
        key_list_done(&c.trust.lists[KEY_STORE_DB]);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'CA', which db has");
        /* Without it there is no way. */
        buffer_done(&c.program);
        put_program(&c.program, &plain);
        lab_sign(&c.program, &leaf, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'Leaf' of 'Signer', and neither is in db");
}
END_TEST

START_TEST(dates_are_ignored) {
        _cleanup_court_ Court c = court();
        _cleanup_party_ Party ca = party_new("Old CA", NULL, PARTY_EXPIRED);
        _cleanup_party_ Party signer = party_new("Old", &ca, PARTY_EXPIRED);

        put_program(&c.program, &plain);
        lab_sign(&c.program, &signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'Old CA', which db has");
        SHIM(c, true, "signed by 'Old CA', which db has");
        ck_assert_str_eq(c.file.issuer, "Old CA");
        key_list_done(&c.trust.lists[KEY_STORE_DB]);
        add(&c.trust.lists[KEY_STORE_DB], &signer);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'Old', which db has");
}
END_TEST

START_TEST(certificate_of_the_same_name_is_not_the_same) {
        _cleanup_court_ Court c = court();
        _cleanup_party_ Party ca = party_new("CA", NULL, PARTY_NORMAL);

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, UNKNOWN_TO_DB);
}
END_TEST

START_TEST(one_signature_of_several_is_enough) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.other, NULL);
        lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        ck_assert_str_eq(c.file.signer, "Other");
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'CA', which db has");
        SHIM(c, true, "signed by 'CA', which db has");
        ck_assert_str_eq(c.file.signer, "Signer");
}
END_TEST

START_TEST(unsigned_program_needs_its_digest_in_a_list) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is not signed");
        SHIM(c, false, "it is not signed");
        ck_assert(!c.file.is_signed);
        ck_assert_str_eq(c.file.signer, "");
        add_digest(&c.trust.lists[KEY_STORE_MOK], &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is not signed");
        SHIM(c, true, "its digest is in MokList");
        add_digest(&c.trust.lists[KEY_STORE_DB], &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "its digest is in db");
        add_digest(&c.trust.lists[KEY_STORE_DBX], &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "its digest is in dbx");
        SHIM(c, false, "its digest is in dbx");
}
END_TEST

START_TEST(shim_fills_an_unsigned_program_up_before_it_counts) {
        static const Program odd = { .tail = 3 };
        _cleanup_court_ Court c = court();

        put_program(&c.program, &odd);
        add_digest(&c.trust.lists[KEY_STORE_DB], &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "its digest is in db");
        SHIM(c, false, "it is not signed");
        add_digest(&c.trust.lists[KEY_STORE_MOK], &c.program, 5);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, true, "its digest is in MokList");
}
END_TEST

START_TEST(digest_in_dbx_refuses_whatever_is_signed) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        add_digest(&c.trust.lists[KEY_STORE_DBX], &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "its digest is in dbx");
        SHIM(c, false, "its digest is in dbx");
}
END_TEST

START_TEST(certificate_in_dbx_refuses_what_it_and_those_below_it_have_signed) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        add(&c.trust.lists[KEY_STORE_DBX], &c.other);
        judge_as(&c, PROGRAM_KERNEL);
        ck_assert(c.file.by[CHECKER_FIRMWARE].accepted);
        add(&c.trust.lists[KEY_STORE_DBX], &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'Signer', which dbx has");
        SHIM(c, false, "it is signed by 'Signer', which dbx has");
        key_list_done(&c.trust.lists[KEY_STORE_DBX]);
        add(&c.trust.lists[KEY_STORE_DBX], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'CA', which dbx has");
        SHIM(c, false, "it is signed by 'CA', which dbx has");
}
END_TEST

START_TEST(firmware_alone_knows_the_digests_of_certificates) {
        _cleanup_court_ Court c = court();
        _cleanup_party_ Party leaf = party_new("Leaf", &c.signer, PARTY_NORMAL);

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        add_to_be_signed(&c.trust.lists[KEY_STORE_DBX], &c.other);
        judge_as(&c, PROGRAM_KERNEL);
        ck_assert(c.file.by[CHECKER_FIRMWARE].accepted);
        add_to_be_signed(&c.trust.lists[KEY_STORE_DBX], &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'Signer', which dbx has");
        SHIM(c, true, "signed by 'CA', which db has");
        /* Of one in the middle, which comes with the signature. */
        buffer_done(&c.program);
        put_program(&c.program, &plain);
        lab_sign(&c.program, &leaf, &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'Signer', which dbx has");
        SHIM(c, true, "signed by 'CA', which db has");
        /* Of the one in db, which does not. */
        key_list_done(&c.trust.lists[KEY_STORE_DBX]);
        add_to_be_signed(&c.trust.lists[KEY_STORE_DBX], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'CA', which dbx has");
}
END_TEST

START_TEST(one_refused_signature_of_two_is_too_many_for_the_firmware_only) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        lab_sign(&c.program, &c.other, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        add(&c.trust.lists[KEY_STORE_DBX], &c.other);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is signed by 'Other', which dbx has");
        SHIM(c, true, "signed by 'CA', which db has");
}
END_TEST

START_TEST(signature_of_another_program_is_none) {
        static const char damaged[] = "its signature is damaged, or that of another file";
        static const Program salted = { .salt = 1 };
        _cleanup_court_ Court c = court();
        unsigned char *message = NULL;
        Sha256 digest;
        int size;

        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        c.program.data[LAB_HEADERS + 100] ^= 1;
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, damaged);
        SHIM(c, false, damaged);
        ck_assert(c.file.is_signed);
        ck_assert_str_eq(c.file.signer, "Signer");

        buffer_done(&c.program);
        put_program(&c.program, &salted);
        lab_digest(&c.program, 0, digest);
        size = lab_sign_digest(digest, &c.signer, NULL, 0, &message);
        buffer_done(&c.program);
        put_program(&c.program, &plain);
        put_entry(&c.program, message, (size_t) size);
        OPENSSL_free(message);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, damaged);
}
END_TEST

START_TEST(each_byte_of_the_key_s_work_counts) {
        _cleanup_court_ Court c = court();

        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        ck_assert(c.file.by[CHECKER_FIRMWARE].accepted);
        /* The last 128 bytes of the message are the signature itself. */
        for (size_t i = 8; i < 128; i += 17) {
                size_t at = c.program.size - 8 - i;

                c.program.data[at] ^= 1;
                judge_as(&c, PROGRAM_KERNEL);
                ck_assert(!c.file.by[CHECKER_FIRMWARE].accepted);
                ck_assert(!c.file.by[CHECKER_SHIM].accepted);
                c.program.data[at] ^= 1;
        }
}
END_TEST

START_TEST(what_is_no_message_is_no_signature) {
        static const char noise[] = "this is not PKCS #7";
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        put_entry(&c.program, noise, sizeof(noise));
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "its signature is damaged, or that of another file");
        ck_assert_str_eq(c.file.signer, "");
        /* One that is fine behind it counts. */
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'CA', which db has");
}
END_TEST

START_TEST(signature_with_a_crowd_of_certificates_does_not_count) {
        static const unsigned crowds[] = { 31, 32 };
        _cleanup_court_ Court c = court();

        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        for (size_t i = 0; i < ELEMENTSOF(crowds); i++) {
                unsigned char *message = NULL;
                Sha256 digest;
                int size;

                buffer_done(&c.program);
                put_program(&c.program, &plain);
                lab_digest(&c.program, 0, digest);
                size = lab_sign_digest(digest, &c.signer, &c.other, crowds[i], &message);
                put_entry(&c.program, message, (size_t) size);
                OPENSSL_free(message);
                judge_as(&c, PROGRAM_KERNEL);
                ck_assert_int_eq(c.file.by[CHECKER_FIRMWARE].accepted, i == 0);
        }
}
END_TEST

START_TEST(damaged_table_refuses_also_what_stands_before_the_damage) {
        _cleanup_court_ Court c = court();
        size_t second;

        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        second = c.program.size;
        lab_sign(&c.program, &c.signer, NULL);
        lab_set_u32(&c.program, second, 100000);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "its table of signatures is damaged");
        SHIM(c, false, "its table of signatures is damaged");
        /* So do more than anybody makes. */
        buffer_done(&c.program);
        put_program(&c.program, &plain);
        for (unsigned i = 0; i < 17; i++)
                lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "its table of signatures is damaged");
}
END_TEST

START_TEST(shim_takes_the_keys_of_its_owner_and_its_own) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_MOK], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, UNKNOWN_TO_DB);
        SHIM(c, true, "signed by 'CA', which MokList has");
        ck_assert_str_eq(c.file.signer, "Signer");
        key_list_done(&c.trust.lists[KEY_STORE_MOK]);
        add(&c.shim.accepted, &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, true, "signed by 'CA', which shim has");
        add(&c.shim.refused, &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, false, "it is signed by 'Signer', which shim's dbx has");
        key_list_done(&c.shim.refused);
        add(&c.trust.lists[KEY_STORE_MOKX], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, false, "it is signed by 'CA', which MokListX has");
        key_list_done(&c.trust.lists[KEY_STORE_MOKX]);
        add_digest(&c.shim.refused, &c.program, 0);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, false, "its digest is in shim's dbx");
        /* A key that waits is none, nor is one that may change the lists. */
        shim_keys_done(&c.shim);
        add(&c.trust.lists[KEY_STORE_MOK_NEW], &c.ca);
        add(&c.trust.lists[KEY_STORE_KEK], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, UNKNOWN_TO_DB);
        SHIM(c, false, UNKNOWN_TO_SHIM);
}
END_TEST

START_TEST(shim_that_ignores_db_still_heeds_dbx) {
        _cleanup_court_ Court c = court();

        put_program(&c.program, &plain);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        add_digest(&c.trust.lists[KEY_STORE_DB], &c.program, 0);
        c.trust.ignores_db = true;
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "its digest is in db");
        SHIM(c, false, "it is signed by 'Signer' of 'CA', and neither is in MokList or shim");
        add(&c.trust.lists[KEY_STORE_MOK], &c.signer);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, true, "signed by 'Signer', which MokList has");
        add(&c.trust.lists[KEY_STORE_DBX], &c.ca);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, false, "it is signed by 'CA', which dbx has");
}
END_TEST

START_TEST(key_for_modules_alone_is_none_for_programs_under_shim) {
        _cleanup_court_ Court c = court();
        _cleanup_party_ Party ca = party_new("CA of both", NULL, PARTY_NORMAL);
        _cleanup_party_ Party key = party_new("Modules", &ca, PARTY_FOR_MODULES);

        put_program(&c.program, &plain);
        lab_sign(&c.program, &key, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &key);
        add(&c.trust.lists[KEY_STORE_MOK], &key);
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, true, "signed by 'Modules', which db has");
        SHIM(c, false,
             "it is signed by 'Modules' of 'CA of both', and neither is in db, MokList or shim");
        /* Another one on the list may vouch for it. */
        add(&c.trust.lists[KEY_STORE_MOK], &ca);
        judge_as(&c, PROGRAM_KERNEL);
        SHIM(c, true, "signed by 'CA of both', which MokList has");
}
END_TEST

START_TEST(sbat_refuses_what_is_too_old_or_a_loader_without_it) {
        static const char old[] = "it is of a generation of 'grub' that SbatLevel has revoked";
        static const Program programs[] = {
                { .sbat = "sbat,1,S,sbat,1,u\ngrub,2,F,grub,2.06,u\n" },
                { .sbat = "sbat,1,S,sbat,1,u\ngrub,3,F,grub,2.06,u\n" },
                {},
                { .sbat = "nonsense" },
        };
        _cleanup_court_ Court c = court();

        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        c.trust.sbat_level = strdup(LEVEL);
        c.trust.sbat_level_size = strlen(LEVEL);
        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                for (ProgramRole role = PROGRAM_LOADER; role <= PROGRAM_KERNEL; role++) {
                        buffer_done(&c.program);
                        put_program(&c.program, &programs[i]);
                        lab_sign(&c.program, &c.signer, NULL);
                        judge_as(&c, role);
                        FIRMWARE(c, true, "signed by 'CA', which db has");
                        if (i == 0)
                                SHIM(c, false, old);
                        else if (i == 3)
                                SHIM(c, false, "its section .sbat, or SbatLevel, cannot be read");
                        else if (i == 2 && role == PROGRAM_LOADER)
                                SHIM(c, false, "it has no section .sbat");
                        else
                                SHIM(c, true, "signed by 'CA', which db has");
                }
}
END_TEST

START_TEST(shim_that_is_too_old_stops_the_boot_that_the_firmware_has_begun) {
        _cleanup_bytes_ Bytes keys = {}, refused = {};
        Program shim = { .sbat = "sbat,1,S,sbat,1,u\nshim,3,U,shim,1,u\n", .keys = &keys };
        _cleanup_court_ Court c = court();

        put_certificate(&refused, &c.ca);
        put_shim_keys(&keys, &c.other, &refused);
        put_program(&c.program, &shim);
        lab_sign(&c.program, &c.signer, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.ca);
        judge_as(&c, PROGRAM_LOADER);
        FIRMWARE(c, true, "signed by 'CA', which db has");
        c.trust.sbat_level = strdup(LEVEL);
        c.trust.sbat_level_size = strlen(LEVEL);
        judge_as(&c, PROGRAM_LOADER);
        FIRMWARE(c, false,
                 "the firmware starts it, but it stops the boot: it is of a generation of 'shim' "
                 "that SbatLevel has revoked");
        /* And what it has built in is known. */
        ck_assert(key_list_has_certificate(&c.found.accepted, c.other.certificate));
        ck_assert(key_list_has_certificate(&c.found.refused, c.ca.certificate));
        ck_assert_uint_eq(c.found.accepted.n_certificates, 1);
}
END_TEST

START_TEST(level_that_a_shim_has_built_in_counts_where_the_firmware_has_an_older_one) {
        _cleanup_bytes_ Bytes keys = {};
        static const Program grub = { .sbat = "sbat,1,S,sbat,1,u\ngrub,2,F,grub,2.06,u\n" };
        Program shim = { .sbat = "sbat,1,S,sbat,1,u\nshim,4,U,shim,1,u\n",
                         .keys = &keys,
                         .level = LEVEL };
        _cleanup_court_ Court c = court();

        put_shim_keys(&keys, &c.ca, NULL);
        put_program(&c.program, &shim);
        lab_sign(&c.program, &c.other, NULL);
        add(&c.trust.lists[KEY_STORE_DB], &c.other);
        judge_as(&c, PROGRAM_LOADER);
        FIRMWARE(c, true, "signed by 'Other', which db has");
        c.shim = TAKE_STRUCT(c.found);
        buffer_done(&c.program);
        put_program(&c.program, &grub);
        lab_sign(&c.program, &c.signer, NULL);
        judge_as(&c, PROGRAM_LOADER);
        SHIM(c, false, "it is of a generation of 'grub' that SbatLevel has revoked");
        c.trust.sbat_level = strdup("sbat,1,2021030218\n");
        c.trust.sbat_level_size = strlen(c.trust.sbat_level);
        judge_as(&c, PROGRAM_LOADER);
        SHIM(c, false, "it is of a generation of 'grub' that SbatLevel has revoked");
        /* A later one stays, be it milder. */
        free(c.trust.sbat_level);
        c.trust.sbat_level = strdup("sbat,1,2030010100\n");
        judge_as(&c, PROGRAM_LOADER);
        SHIM(c, true, "signed by 'CA', which shim has");
        /* Too old for its own level: it would set it, and stop. */
        shim.sbat = "sbat,1,S,sbat,1,u\nshim,3,U,shim,1,u\n";
        c.trust.sbat_level = mfree(c.trust.sbat_level);
        c.trust.sbat_level_size = 0;
        buffer_done(&c.program);
        put_program(&c.program, &shim);
        lab_sign(&c.program, &c.other, NULL);
        judge_as(&c, PROGRAM_LOADER);
        ck_assert(!c.file.by[CHECKER_FIRMWARE].accepted);
}
END_TEST

START_TEST(shim_may_have_a_list_built_in) {
        _cleanup_bytes_ Bytes list = {}, keys = {};
        Program shim = { .keys = &keys };
        _cleanup_court_ Court c = court();

        put_certificate(&list, &c.other);
        put_certificate(&list, &c.ca);
        put_u32(&keys, (uint32_t) list.size);
        put_u32(&keys, 0);
        put_u32(&keys, 16);
        put_u32(&keys, 16);
        buffer_append(&keys, list.data, list.size);
        put_program(&c.program, &shim);
        judge_as(&c, PROGRAM_LOADER);
        ck_assert_uint_eq(c.found.accepted.n_certificates, 2);
        ck_assert_uint_eq(c.found.refused.n_certificates, 0);
}
END_TEST

START_TEST(what_cannot_be_read_is_refused_and_told) {
        static const char noise[] = "MZ, but no program";
        _cleanup_court_ Court c = court();
        _cleanup_close_ int fd = -EBADF;

        buffer_append(&c.program, noise, sizeof(noise));
        judge_as(&c, PROGRAM_KERNEL);
        FIRMWARE(c, false, "it is no program for this firmware, or a damaged one");
        SHIM(c, false, "it is no program for this firmware, or a damaged one");
        ck_assert_str_eq(c.file.signer, "");

        fd = memfd_create("large", MFD_CLOEXEC);
        ck_assert_int_eq(ftruncate(fd, 257 << 20), 0);
        file_done(&c.file);
        ck_assert_int_eq(judge_file(fd, PROGRAM_KERNEL, &c.trust, NULL, &c.file, NULL), 0);
        FIRMWARE(c, false, "it is larger than 256 MiB, so it was not read");
        fd = safe_close(fd);
        fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        file_done(&c.file);
        ck_assert_int_eq(judge_file(fd, PROGRAM_KERNEL, &c.trust, NULL, &c.file, NULL), 0);
        FIRMWARE(c, false, "it is no regular file");
}
END_TEST

CHECK_MAIN("judge", program_of_a_signer_whom_a_certificate_in_db_vouches_for_is_accepted,
           chain_may_end_with_the_signer_or_in_its_middle, dates_are_ignored,
           certificate_of_the_same_name_is_not_the_same, one_signature_of_several_is_enough,
           unsigned_program_needs_its_digest_in_a_list,
           shim_fills_an_unsigned_program_up_before_it_counts,
           digest_in_dbx_refuses_whatever_is_signed,
           certificate_in_dbx_refuses_what_it_and_those_below_it_have_signed,
           firmware_alone_knows_the_digests_of_certificates,
           one_refused_signature_of_two_is_too_many_for_the_firmware_only,
           signature_of_another_program_is_none, each_byte_of_the_key_s_work_counts,
           what_is_no_message_is_no_signature,
           signature_with_a_crowd_of_certificates_does_not_count,
           damaged_table_refuses_also_what_stands_before_the_damage,
           shim_takes_the_keys_of_its_owner_and_its_own, shim_that_ignores_db_still_heeds_dbx,
           key_for_modules_alone_is_none_for_programs_under_shim,
           sbat_refuses_what_is_too_old_or_a_loader_without_it,
           shim_that_is_too_old_stops_the_boot_that_the_firmware_has_begun,
           level_that_a_shim_has_built_in_counts_where_the_firmware_has_an_older_one,
           shim_may_have_a_list_built_in, what_cannot_be_read_is_refused_and_told)
