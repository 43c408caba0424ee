/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys, signatures and judgements survive the way from the worker, and nothing else does. */

#include "core/secure-boot/secure-boot.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define HEAD "secure-boot ignores-db=0 checks-nothing=1 sbat-level=sbat,1,2024010900\n"
#define KEY(store)                                                                \
        "key store=" store " subject=Microsoft%20UEFI%20CA%202023 sha256=" SHA256 \
        " not-after=2004220800000000 path=\n"
#define DKMS \
        "key store=dkms subject=DKMS sha256=" SHA256 " not-after=0 path=/var/lib/dkms/mok.pub\n"
#define DIGESTS "digests store=dbx n=371\n"
#define FILE_(path)                                                                        \
        "signed-file path=" path " inode=7 size=8 mtime=9 ctime=10 signed=1 signer=Debian" \
        " issuer=Debian%20CA not-after=1 firmware=0 firmware-reason=db%20lacks%20it"       \
        " shim=1 shim-reason=shim%20has%20it\n"
#define MODULE                                                                       \
        "refused-module kernel=6.8.12-4-pve path=/lib/modules/x.ko package=zfs-dkms" \
        " reason=it%20is%20not%20signed unknown=0\n"
#define MODULE_UNKNOWN                                                 \
        "refused-module kernel=6.8.12-4-pve path=/lib/modules/y.ko.xz" \
        " package= reason=not%20known:%20it%20is%20damaged unknown=1\n"
#define COMPLETE                                                                          \
        HEAD KEY("pk") KEY("db") KEY("db") DKMS DIGESTS FILE_("/boot/a") FILE_("/boot/b") \
                        MODULE MODULE_UNKNOWN

#define _cleanup_facts_ _cleanup_(secure_boot_facts_done)

/* Line by line, as reports come. */
static int take(SecureBootFacts *facts, const char *text) {
        int r = 0;

        for (const char *end; r >= 0 && *text; text = end) {
                end = strchr(text, '\n') + 1;
                r = secure_boot_take(facts, text, (size_t) (end - text));
        }
        return r;
}

START_TEST(facts_survive_the_round_trip) {
        static const char *const texts[] = {
                "secure-boot ignores-db=0 checks-nothing=0 sbat-level=\n",
                HEAD MODULE,
                COMPLETE,
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_facts_ SecureBootFacts facts = {};
                _cleanup_free_ char *again = NULL;

                ck_assert_int_eq(take(&facts, texts[i]), 0);
                ck_assert_int_eq(secure_boot_format(&facts, &again), 0);
                ck_assert_str_eq(again, texts[i]);
        }
}
END_TEST

START_TEST(fields_land_where_they_belong) {
        _cleanup_facts_ SecureBootFacts f = {};
        const SignedFile *file;

        ck_assert_int_eq(take(&f, COMPLETE), 0);
        ck_assert(!f.shim_ignores_db && f.shim_checks_nothing);
        ck_assert_str_eq(f.sbat_level, "sbat,1,2024010900");
        ck_assert_uint_eq(f.n_keys, 4);
        ck_assert_int_eq(f.keys[1].store, KEY_STORE_DB);
        ck_assert_str_eq(f.keys[1].subject, "Microsoft UEFI CA 2023");
        ck_assert_uint_eq(f.keys[1].not_after_usec, UINT64_C(2004220800000000));
        ck_assert_str_eq(f.keys[3].path, "/var/lib/dkms/mok.pub");
        ck_assert_uint_eq(f.n_digests[KEY_STORE_DBX], 371);
        file = signed_files_find(&f.files, "/BOOT/B");
        ck_assert_ptr_eq(file, &f.files.items[1]);
        ck_assert_ptr_null(signed_files_find(&f.files, "/boot/c"));
        ck_assert(file->is_signed && file->stamp.inode == 7 && file->stamp.ctime == 10);
        ck_assert(!file->by[CHECKER_FIRMWARE].accepted && file->by[CHECKER_SHIM].accepted);
        ck_assert_str_eq(file->by[CHECKER_FIRMWARE].reason, "db lacks it");
        ck_assert_uint_eq(f.n_modules, 2);
        ck_assert_str_eq(f.modules[0].package, "zfs-dkms");
        ck_assert(!f.modules[0].unknown && f.modules[1].unknown);
}
END_TEST

START_TEST(files_of_an_esp_come_alone) {
        static const char line[] = FILE_("/EFI/BOOT/BOOTX64.EFI");
        _cleanup_(signed_files_done) SignedFiles files = {};
        _cleanup_free_ char *none = NULL, *again = NULL;

        ck_assert_int_eq(signed_files_format(&files, &none), 0);
        ck_assert_str_eq(none, "");
        ck_assert_int_eq(signed_files_take(&files, HEAD, strlen(HEAD)), -EBADMSG);
        ck_assert_int_eq(signed_files_take(&files, line, strlen(line)), 0);
        ck_assert_int_eq(signed_files_take(&files, line, strlen(line)), -EBADMSG);
        ck_assert_int_eq(signed_files_format(&files, &again), 0);
        ck_assert_str_eq(again, line);
}
END_TEST

START_TEST(anything_else_is_refused_and_changes_nothing) {
        static const char *const bad[] = {
                HEAD,
                "\n",
                "key\n",
                KEY("kek"), /* behind those of a later store, and behind digests */
                DIGESTS,
                "digests store=mok n=0\n",
                "digests store=mok n=4294967296\n",
                FILE_("/boot/b"),
                FILE_("/boot/c"), /* behind modules */
                FILE_("boot/c"),
                "refused-module kernel=a path=b package= reason= unknown=0\n",
                "refused-module kernel=a path=/b package= reason=%0A unknown=0\n",
                "refused-module kernel=a path=/b package= reason=%FF unknown=0\n",
                "refused-module kernel=a path=/b package= reason= unknown=0 more=\n",
                "refused-module kernel=a path=/b package= reason= more=\n",
                "refused-module kernel=a path=/b package= reason= unknown=2\n",
                "refused-module kernel=a path=/b package= reason=\n",
        };
        _cleanup_facts_ SecureBootFacts facts = {};

        ck_assert_int_eq(secure_boot_take(&facts, DIGESTS, strlen(DIGESTS)), -EBADMSG);
        ck_assert_int_eq(take(&facts, COMPLETE), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = NULL;

                ck_assert_msg(secure_boot_take(&facts, bad[i], strlen(bad[i])) == -EBADMSG, "%s",
                              bad[i]);
                ck_assert_int_eq(secure_boot_format(&facts, &text), 0);
                ck_assert_str_eq(text, COMPLETE);
        }
}
END_TEST

START_TEST(odd_fields_are_refused) {
        static const char *const bad[] = {
                "key store=x subject= sha256=" SHA256 " not-after=0 path=\n",
                "key store=db subject= sha256=0 not-after=0 path=\n",
                "key store=db subject= sha256=" SHA256 " not-after=9007199254740992 path=\n",
                "key store=db subject= sha256=" SHA256 " not-after=0 path=x\n",
                "key store=db subject= sha256=" SHA256 " not-after=0\n",
                "signed-file path=/a inode=7 size=8 mtime=9 ctime=10 signed=2 signer= issuer= "
                "not-after=1 firmware=0 firmware-reason= shim=1 shim-reason=\n",
                "signed-file path=/a inode=7 size=8 mtime=9 ctime=10 signed=1 signer= issuer= "
                "not-after=1 firmware=0 firmware-reason= shim=1\n",
                "signed-file path=/a inode=7 size=-8 mtime=9 ctime=10 signed=1 signer= issuer= "
                "not-after=1 firmware=0 firmware-reason= shim=1 shim-reason=\n",
                "signed-file path=/a%1B inode=7 size=8 mtime=9 ctime=10 signed=1 signer= issuer= "
                "not-after=1 firmware=0 firmware-reason= shim=1 shim-reason=\n",
        };
        _cleanup_facts_ SecureBootFacts facts = {}, sorted = {};

        ck_assert_int_eq(take(&facts, HEAD), 0);
        ck_assert_int_eq(take(&sorted, HEAD KEY("db")), 0);
        ck_assert_int_eq(take(&sorted, KEY("kek")), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(secure_boot_take(&facts, bad[i], strlen(bad[i])) == -EBADMSG, "%s",
                              bad[i]);
        ck_assert(facts.n_keys == 0 && facts.files.n == 0);
}
END_TEST

START_TEST(what_is_formatted_is_fit_to_be_taken) {
        char long_name[2 * SECURE_BOOT_PATH_MAX];
        BootKey key = { .store = KEY_STORE_DB,
                        .subject = long_name,
                        .sha256 = (char *) SHA256,
                        .not_after_usec = UINT64_MAX };
        SecureBootFacts facts = { .keys = &key, .n_keys = 1 };
        _cleanup_facts_ SecureBootFacts taken = {};
        _cleanup_free_ char *text = NULL;

        memset(long_name, '\xff', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        ck_assert_int_eq(secure_boot_format(&facts, &text), 0);
        ck_assert_int_eq(take(&taken, text), 0);
        ck_assert_uint_eq(strlen(taken.keys[0].subject), SECURE_BOOT_TEXT_MAX + 3);
        ck_assert_int_eq(taken.keys[0].subject[0], '?');
        ck_assert_uint_eq(taken.keys[0].not_after_usec, SECURE_BOOT_USEC_MAX);
        ck_assert_str_eq(taken.keys[0].path, "");
}
END_TEST

START_TEST(more_than_can_be_told_is_left_out) {
        static RefusedModule modules[SECURE_BOOT_MODULES_MAX + 1];
        SecureBootFacts facts = { .modules = modules, .n_modules = ELEMENTSOF(modules) };
        _cleanup_facts_ SecureBootFacts taken = {};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(modules); i++)
                modules[i].path = (char *) "/m";
        ck_assert_int_eq(secure_boot_format(&facts, &text), 0);
        ck_assert_int_eq(take(&taken, text), 0);
        ck_assert_uint_eq(taken.n_modules, SECURE_BOOT_MODULES_MAX);
        ck_assert_int_eq(take(&taken, MODULE), -EBADMSG);
}
END_TEST

static void assert_checkers(const char *const *paths, const char *loader, const char *expected) {
        SignedFile items[8] = {};
        SignedFiles files = { .items = items };
        _cleanup_free_ char *shim = NULL;
        Buffer b = {};

        for (; paths[files.n]; files.n++)
                items[files.n].path = (char *) paths[files.n];
        for (size_t i = 0; i < files.n; i++)
                if (signed_file_checker(&files, &items[i], loader) == CHECKER_SHIM)
                        buffer_printf(&b, "%s ", paths[i]);
        ck_assert_int_eq(buffer_take(&b, &shim, NULL), 0);
        ck_assert_str_eq(shim, expected);
}

START_TEST(shim_checks_what_is_loaded_behind_it_and_the_firmware_all_else) {
        static const char *const with_shim[] = {
                "/EFI/BOOT/BOOTX64.EFI",
                "/EFI/BOOT/grubx64.efi",
                "/EFI/proxmox/SHIMX64.efi",
                "/EFI/proxmox/grubx64.efi",
                "/EFI/systemd/systemd-bootx64.efi",
                "/vmlinuz-6.8.12-4-pve",
                NULL,
        };
        static const char *const bare_grub[] = { "/EFI/BOOT/BOOTX64.EFI",
                                                 "/EFI/proxmox/grubx64.efi",
                                                 "/vmlinuz-6.8.12-4-pve", NULL };
        static const char *const systemd_boot[] = {
                "/EFI/BOOT/BOOTX64.EFI", "/EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve",
                "/EFI/systemd/systemd-bootx64.efi", NULL
        };
        static const char *const behind_shim[] = { "/EFI/proxmox/6/vmlinuz-6",
                                                   "/EFI/systemd/shimx64.efi",
                                                   "/EFI/systemd/systemd-bootx64.efi", NULL };
        static const char *const host[] = { "/boot/vmlinuz-6",
                                            "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
                                            "/usr/lib/shim/mmx64.efi.signed",
                                            "/usr/lib/shim/shimx64.efi.signed",
                                            "/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
                                            NULL };

        assert_checkers(with_shim, "grub",
                        "/EFI/BOOT/grubx64.efi /EFI/proxmox/grubx64.efi /vmlinuz-6.8.12-4-pve ");
        assert_checkers(with_shim, "systemd-boot",
                        "/EFI/BOOT/grubx64.efi /EFI/proxmox/grubx64.efi ");
        assert_checkers(with_shim, NULL, "/EFI/BOOT/grubx64.efi /EFI/proxmox/grubx64.efi ");
        assert_checkers(bare_grub, "grub", "");
        assert_checkers(systemd_boot, "systemd-boot", "");
        assert_checkers(behind_shim, "systemd-boot",
                        "/EFI/proxmox/6/vmlinuz-6 /EFI/systemd/systemd-bootx64.efi ");
        assert_checkers(host, "systemd-boot",
                        "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "
                        "/usr/lib/shim/mmx64.efi.signed ");
        assert_checkers(host, "grub",
                        "/boot/vmlinuz-6 /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "
                        "/usr/lib/shim/mmx64.efi.signed ");
}
END_TEST

CHECK_MAIN("secure-boot", shim_checks_what_is_loaded_behind_it_and_the_firmware_all_else,
           facts_survive_the_round_trip, fields_land_where_they_belong, files_of_an_esp_come_alone,
           anything_else_is_refused_and_changes_nothing, odd_fields_are_refused,
           what_is_formatted_is_fit_to_be_taken, more_than_can_be_told_is_left_out)
