/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The whole of a host and of an ESP, with programs that are made here, under the names that
 * packages and loaders have on this machine. */

#include "blocking/secure-boot/look.h"

#include "../check-main.h"
#include "core/loader/loader-files.h"
#include "secure-boot-lab.h"

#define VERSION "6.8.12-4-pve"
#define SBAT    "sbat,1,S,sbat,1,u\nshim,4,U,shim,1,u\ngrub,4,F,grub,2,u\n"

/* Microsoft signs shim; shim has the vendor's key, who signs the rest. */
typedef struct Host {
        TempRoot t;
        Party microsoft, vendor;
} Host;

static void host_done(Host *h) {
        temp_root_done(&h->t);
        party_done(&h->microsoft);
        party_done(&h->vendor);
}
#define _cleanup_host_ _cleanup_(host_done)

static void put(const Host *h, const char *path, const char *sbat, const Party *keys,
                const Party *signer) {
        _cleanup_bytes_ Bytes b = {}, section = {};
        Program program = { .sbat = sbat };

        if (keys) {
                put_shim_keys(&section, keys, NULL);
                program.keys = &section;
        }
        put_program(&b, &program);
        if (signer)
                lab_sign(&b, signer, NULL);
        temp_write(&h->t, path, b.data, b.size);
}

static Host host(void) {
        Host h = { .t = lab_root() };
        _cleanup_bytes_ Bytes db = {}, dbx = {};
        Sha256 digest = { 1, 2, 3 };

        h.microsoft = party_new("Microsoft", NULL, PARTY_NORMAL);
        h.vendor = party_new("Vendor", NULL, PARTY_NORMAL);
        put_certificate(&db, &h.microsoft);
        put_digest(&dbx, digest);
        lab_put_variable(&h.t, LAB_SECURITY("db"), db.data, db.size);
        lab_put_variable(&h.t, LAB_SECURITY("dbx"), dbx.data, dbx.size);
        lab_put_variable(&h.t, LAB_SHIM("SbatLevelRT"), "sbat,1,2024\ngrub,4\n", 19);
        return h;
}

static const SignedFile *get(const SignedFiles *files, const char *path) {
        const SignedFile *file = signed_files_find(files, path);

        ck_assert_msg(file, "'%s' was not judged", path);
        return file;
}

static void assert_judged(const SignedFiles *files, const char *path, bool firmware, bool shim) {
        const SignedFile *file = get(files, path);

        ck_assert_msg(file->by[CHECKER_FIRMWARE].accepted == firmware, "%s: %s", path,
                      file->by[CHECKER_FIRMWARE].reason);
        ck_assert_msg(file->by[CHECKER_SHIM].accepted == shim, "%s: %s", path,
                      file->by[CHECKER_SHIM].reason);
}

static void assert_sorted(const SignedFiles *files) {
        for (size_t i = 1; i < files->n; i++)
                ck_assert_int_lt(strcmp(files->items[i - 1].path, files->items[i].path), 0);
}

#define SHIM_SOURCE "usr/lib/shim/shim" EFI_ARCH ".efi.signed"
#define MM_SOURCE   "usr/lib/shim/mm" EFI_ARCH ".efi.signed"
#define GRUB_SOURCE "usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"

START_TEST(host_is_looked_at_as_a_whole) {
        static const char *const kept[] = { VERSION, "../../etc", NULL };
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {}, again = {};
        _cleanup_error_ Error error = {};
        _cleanup_host_ Host h = host();
        _cleanup_free_ char *text = NULL;

        put(&h, "boot/vmlinuz-" VERSION, NULL, NULL, &h.vendor);
        put(&h, "boot/vmlinuz-6.8.12-5-pve", NULL, NULL, NULL);
        put(&h, SHIM_SOURCE, SBAT, &h.vendor, &h.microsoft);
        put(&h, MM_SOURCE, SBAT, NULL, &h.vendor);
        put(&h, GRUB_SOURCE, SBAT, NULL, &h.vendor);
        put(&h, SYSTEMD_BOOT_SOURCE, SBAT, NULL, NULL);
        put(&h, SYSTEMD_BOOT_SOURCE ".signed", SBAT, NULL, &h.vendor);
        temp_puts(&h.t, "lib/modules/" VERSION "/updates/dkms/zfs.ko", "not signed");
        ck_assert_int_eq(secure_boot_look(h.t.root, kept, &facts, &error), 0);

        ck_assert_uint_eq(facts.files.n, 7);
        assert_sorted(&facts.files);
        assert_judged(&facts.files, "/boot/vmlinuz-" VERSION, false, true);
        assert_judged(&facts.files, "/boot/vmlinuz-6.8.12-5-pve", false, false);
        assert_judged(&facts.files, "/" SHIM_SOURCE, true, true);
        assert_judged(&facts.files, "/" MM_SOURCE, false, true);
        assert_judged(&facts.files, "/" GRUB_SOURCE, false, true);
        assert_judged(&facts.files, "/" SYSTEMD_BOOT_SOURCE, false, false);
        assert_judged(&facts.files, "/" SYSTEMD_BOOT_SOURCE ".signed", false, true);
        ck_assert_str_eq(get(&facts.files, "/" GRUB_SOURCE)->by[CHECKER_SHIM].reason,
                         "signed by 'Vendor', which shim has");

        ck_assert_uint_eq(facts.n_keys, 2);
        ck_assert_int_eq(facts.keys[0].store, KEY_STORE_DB);
        ck_assert_int_eq(facts.keys[1].store, KEY_STORE_VENDOR);
        ck_assert_str_eq(facts.keys[1].subject, "Vendor");
        ck_assert_uint_eq(facts.n_digests[KEY_STORE_DBX], 1);
        ck_assert_str_eq(facts.sbat_level, "sbat,1,2024");
        ck_assert_uint_eq(facts.n_modules, 1);
        ck_assert_str_eq(facts.modules[0].path, "/lib/modules/" VERSION "/updates/dkms/zfs.ko");

        /* It is what the daemon takes. */
        ck_assert_int_eq(secure_boot_format(&facts, &text), 0);
        for (char *line = text, *next; *line; line = next) {
                next = strchr(line, '\n') + 1;
                ck_assert_int_eq(secure_boot_take(&again, line, (size_t) (next - line)), 0);
        }
        ck_assert_uint_eq(again.files.n, 7);
}
END_TEST

START_TEST(host_without_secure_boot_has_no_facts) {
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {};
        _cleanup_(signed_files_done) SignedFiles files = {};
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_close_ int esp = fd_reopen(t.fd, O_RDONLY | O_DIRECTORY);
        _cleanup_error_ Error error = {};

        ck_assert_int_ge(chdir(t.path), 0);
        temp_puts(&t, "boot/vmlinuz-" VERSION, "a kernel");
        temp_puts(&t, ESP_REMOVABLE, "a loader");
        ck_assert_int_eq(secure_boot_look(t.root, NULL, &facts, &error), 0);
        ck_assert_uint_eq(facts.files.n, 0);
        ck_assert_uint_eq(facts.n_keys, 0);
        ck_assert_int_eq(secure_boot_look_esp(t.root, esp, &files, &error), 0);
        ck_assert_uint_eq(files.n, 0);
}
END_TEST

START_TEST(keys_that_cannot_be_read_are_an_error) {
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {};
        _cleanup_error_ Error error = {};
        _cleanup_host_ Host h = host();

        lab_put_variable(&h.t, LAB_SECURITY("dbx"), "noise", 5);
        ck_assert_int_lt(secure_boot_look(h.t.root, NULL, &facts, &error), 0);
        ck_assert_int_eq(error.code, ERROR_FIRMWARE_ERROR);
        ck_assert_uint_eq(facts.files.n, 0);
}
END_TEST

START_TEST(shim_of_a_directory_counts_for_what_it_loads) {
        _cleanup_(signed_files_done) SignedFiles files = {};
        _cleanup_close_ int esp = -EBADF;
        _cleanup_error_ Error error = {};
        _cleanup_host_ Host h = host();
        _cleanup_party_ Party other = party_new("Other vendor", NULL, PARTY_NORMAL);

        put(&h, "esp/" ESP_SHIM, SBAT, &h.vendor, &h.microsoft);
        put(&h, "esp/" ESP_GRUB, SBAT, NULL, &h.vendor);
        put(&h, "esp/" ESP_REMOVABLE, SBAT, &other, &h.microsoft);
        put(&h, "esp/" ESP_REMOVABLE_DIR "/GRUB" EFI_ARCH_UPPER ".EFI", SBAT, NULL, &h.vendor);
        put(&h, "esp/" ESP_SYSTEMD_BOOT, SBAT, NULL, &h.vendor);
        put(&h, "esp/vmlinuz-" VERSION, NULL, NULL, &h.vendor);
        put(&h, "esp/EFI/proxmox/" VERSION "/vmlinuz-" VERSION, NULL, NULL, &other);
        put(&h, "esp/EFI/Microsoft/Boot/bootmgfw.efi", NULL, NULL, &h.vendor);
        put(&h, "esp/" ESP_GRUB_EFI_DIR "/stranger.efi", NULL, NULL, &h.vendor);
        temp_mkfifo(&h.t, "esp/vmlinuz-6.9.1-1-pve");
        esp = openat(h.t.fd, "esp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(secure_boot_look_esp(h.t.root, esp, &files, &error), 0);
        ck_assert_uint_eq(files.n, 7);
        assert_sorted(&files);
        assert_judged(&files, "/" ESP_SHIM, true, true);
        assert_judged(&files, "/" ESP_GRUB, false, true);
        assert_judged(&files, "/" ESP_REMOVABLE, true, true);
        assert_judged(&files, "/EFI/BOOT/GRUB" EFI_ARCH_UPPER ".EFI", false, false);
        assert_judged(&files, "/" ESP_SYSTEMD_BOOT, false, false);
        assert_judged(&files, "/vmlinuz-" VERSION, false, true);
        assert_judged(&files, "/EFI/proxmox/" VERSION "/vmlinuz-" VERSION, false, false);
        /* A program without SBAT is no loader for shim, and may be a kernel. */
        put(&h, "esp/" ESP_GRUB, NULL, NULL, &h.vendor);
        signed_files_done(&files);
        ck_assert_int_eq(secure_boot_look_esp(h.t.root, esp, &files, &error), 0);
        assert_judged(&files, "/" ESP_GRUB, false, false);
        ck_assert_str_eq(get(&files, "/" ESP_GRUB)->by[CHECKER_SHIM].reason,
                         "it has no section .sbat");
}
END_TEST

START_TEST(kernels_of_an_esp_whose_shim_is_at_the_removable_path_are_judged_by_it) {
        _cleanup_(signed_files_done) SignedFiles files = {};
        _cleanup_close_ int esp = -EBADF;
        _cleanup_host_ Host h = host();

        put(&h, "esp/" ESP_REMOVABLE, SBAT, &h.vendor, &h.microsoft);
        put(&h, "esp/vmlinuz-" VERSION, NULL, NULL, &h.vendor);
        esp = openat(h.t.fd, "esp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(secure_boot_look_esp(h.t.root, esp, &files, NULL), 0);
        assert_judged(&files, "/vmlinuz-" VERSION, false, true);
}
END_TEST

CHECK_MAIN("secure-boot-look", host_is_looked_at_as_a_whole, host_without_secure_boot_has_no_facts,
           keys_that_cannot_be_read_are_an_error, shim_of_a_directory_counts_for_what_it_loads,
           kernels_of_an_esp_whose_shim_is_at_the_removable_path_are_judged_by_it)
