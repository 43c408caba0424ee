/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plain directory is the firmware. What is written there is read by libefiboot, and what we read
 * is made by it. */

#include "blocking/firmware/bootvar.h"

#include <efivar/efiboot.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "../check-main.h"
#include "../sys/temp-root.h"
#include "blocking/firmware/efi-variable.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/loader/loader-files.h"
#include "sys/file.h"

#define PARTUUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define OTHER    "ffffffff-4567-89ab-cdef-0123456789ab"
#define SD_BOOT  "\\EFI\\systemd\\systemd-bootx64.efi"
#define ONE_SHOT PATH_EFI_VARIABLES "/LoaderEntryOneShot-" EFI_VENDOR_LOADER

#define GLOBAL(name) PATH_EFI_VARIABLES "/" name "-" EFI_VENDOR_GLOBAL
#define LOADER(name) PATH_EFI_VARIABLES "/" name "-" EFI_VENDOR_LOADER

#define _cleanup_firmware_ _cleanup_(firmware_done)

static const BootTarget target = {
        .title = "Linux Boot Manager",
        .path = SD_BOOT,
        .partuuid = PARTUUID,
        .partition = 2,
        .start = 256,
        .size = 131072,
};

/* libefivar looks for the firmware's variables before main() begins, and by name each time. It is
 * sent below the working directory, which each test changes to its root; to be heard, this program
 * has to begin anew. */
__attribute__((constructor)) static void redirect_libefivar(void) {
        static const char variable[] = "EFIVARFS_PATH", path[] = "sys/firmware/efi/efivars/";
        char *arguments[] = { program_invocation_name, NULL };

        if (streq_ptr(getenv(variable), path))
                return;
        if (setenv(variable, path, true) < 0 || setenv("LIBEFIVAR_OPS", "efivarfs", true) < 0)
                abort();
        (void) execv("/proc/self/exe", arguments);
        abort();
}

/* A root that libefivar goes to. */
static TempRoot bare_root(void) {
        TempRoot t = temp_root_new();

        ck_assert_int_ge(chdir(t.path), 0);
        return t;
}

static TempRoot firmware_root(void) {
        TempRoot t = bare_root();

        temp_mkdir(&t, PATH_EFI_VARIABLES);
        return t;
}

/* A variable as efivarfs shows it, attributes first. */
static void put(const TempRoot *t, const char *path, const void *value, size_t size) {
        uint8_t data[1024] = { 7 };

        ck_assert_uint_le(size, sizeof(data) - 4);
        memcpy(data + 4, value, size);
        temp_write(t, path, data, size + 4);
}
#define PUT(t, path, bytes) put(t, path, bytes, sizeof(bytes) - 1)

static size_t get(const TempRoot *t, const char *path, uint8_t ret[static 1024]) {
        _cleanup_close_ int fd = openat(t->fd, path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        ck_assert_int_ge(fd, 0);
        n = read(fd, ret, 1024);
        ck_assert_int_ge(n, 4);
        ck_assert_uint_eq(efi_u16(ret + 2), 0);
        ck_assert_uint_eq(efi_u16(ret), 7); /* non-volatile, boot service, runtime */
        memmove(ret, ret + 4, (size_t) n - 4);
        return (size_t) n - 4;
}

static void assert_value(const TempRoot *t, const char *path, const void *expect, size_t size) {
        uint8_t data[1024];

        ck_assert_uint_eq(get(t, path, data), size);
        ck_assert_int_eq(memcmp(data, expect, size), 0);
}
#define ASSERT_VALUE(t, path, bytes) assert_value(t, path, bytes, sizeof(bytes) - 1)

static void put_ucs2(const TempRoot *t, const char *path, const char *s) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        ck_assert_int_eq(efi_text_encode(s, &data, &size), 0);
        put(t, path, data, size);
}

/* A boot entry as libefiboot makes it. */
static void put_entry(const TempRoot *t, const char *path, const char *partuuid, const char *loader,
                      bool active) {
        uint8_t dp[512], option[1024];
        ssize_t n, size;
        efi_guid_t guid;

        ck_assert_int_eq(efi_str_to_guid(partuuid, &guid), 0);
        n = efidp_make_hd(dp, sizeof(dp), 1, 2048, 1048576, (uint8_t *) &guid, EFIDP_HD_FORMAT_GPT,
                          EFIDP_HD_SIGNATURE_GUID);
        ck_assert_int_gt(n, 0);
        size = n;
        n = efidp_make_file(dp + size, (ssize_t) sizeof(dp) - size, (char *) loader);
        ck_assert_int_gt(n, 0);
        size += n;
        n = efidp_make_generic(dp + size, (ssize_t) sizeof(dp) - size, EFIDP_END_TYPE,
                               EFIDP_END_ENTIRE, sizeof(efidp_header));
        ck_assert_int_gt(n, 0);
        size = efi_loadopt_create(option, sizeof(option), active ? 1 : 0, (efidp) dp, size + n,
                                  (unsigned char *) "Some Title", NULL, 0);
        ck_assert_int_gt(size, 0);
        put(t, path, option, (size_t) size);
}

static void read_firmware(const TempRoot *t, Firmware *ret) {
        Error error = {};

        ck_assert_msg(bootvar_read(t->root, ret, &error) == 0, "%s", strempty(error.message));
}

/* bootvar_ensure_entry() after a fresh look. */
static int ensure(const TempRoot *t, const BootTarget *what) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        _cleanup_error_ Error error = {};
        int r;

        read_firmware(t, &f);
        r = bootvar_ensure_entry(t->root, what, &f, &error);
        ck_assert_msg(r >= 0, "%s", strempty(error.message));
        if (r > 0) {
                const LoadOption *entry = firmware_find(&f, what->partuuid, what->path);

                ck_assert_ptr_nonnull(entry);
                ck_assert(entry->active && firmware_orders(&f, entry->number));
        }
        return r;
}

static unsigned count_variables(const TempRoot *t) {
        _cleanup_strv_ char **names = NULL;

        ck_assert_int_eq(directory_list(t->root, PATH_EFI_VARIABLES, NULL, &names), 0);
        return (unsigned) strv_length(names);
}

START_TEST(host_without_efi_is_no_error) {
        _cleanup_temp_root_ TempRoot t = bare_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        read_firmware(&t, &f);
        ck_assert(!f.uefi);
        ck_assert_int_eq(f.boot_current, -1);
}
END_TEST

START_TEST(firmware_that_shows_no_variables_is_empty) {
        _cleanup_temp_root_ TempRoot t = bare_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        temp_mkdir(&t, PATH_EFI);
        read_firmware(&t, &f);
        ck_assert(f.uefi);
        ck_assert_ptr_null(f.loader_info);
        ck_assert_uint_eq(f.n_entries + f.n_boot_order, 0);
        ck_assert_int_eq(f.secure_boot, SECURE_BOOT_UNSUPPORTED);
}
END_TEST

START_TEST(every_variable_is_read) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        put_ucs2(&t, LOADER("LoaderInfo"), "systemd-boot 252.39-1~deb12u1");
        put_ucs2(&t, LOADER("LoaderEntrySelected"), "a.conf");
        put_ucs2(&t, LOADER("LoaderEntryOneShot"), "b.conf");
        put_ucs2(&t, LOADER("LoaderDevicePartUUID"), "0123ABCD-4567-89AB-CDEF-0123456789AB");
        PUT(&t, LOADER("LoaderFeatures"), "\xff\x01\0\0\0\0\0\0");
        PUT(&t, GLOBAL("BootCurrent"), "\x0a\0");
        PUT(&t, GLOBAL("BootOrder"), "\x0a\0\1\0");
        PUT(&t, GLOBAL("SecureBoot"), "\1");
        PUT(&t, GLOBAL("SetupMode"), "\0");
        put_entry(&t, GLOBAL("Boot000A"), PARTUUID, SD_BOOT, true);
        put_entry(&t, GLOBAL("Boot0001"), OTHER, "\\EFI\\BOOT\\BOOTX64.EFI", false);
        read_firmware(&t, &f);

        ck_assert_str_eq(f.loader_info, "systemd-boot 252.39-1~deb12u1");
        ck_assert_str_eq(f.entry_selected, "a.conf");
        ck_assert_str_eq(f.entry_one_shot, "b.conf");
        ck_assert_str_eq(f.loader_partuuid, PARTUUID);
        ck_assert(firmware_offers_one_shot(&f));
        ck_assert_int_eq(f.boot_current, 10);
        ck_assert_uint_eq(f.n_boot_order, 2);
        ck_assert_int_eq(f.secure_boot, SECURE_BOOT_ENABLED);
        ck_assert_uint_eq(f.n_entries, 2);
        ck_assert_uint_eq(f.entries[0].number, 1);
        ck_assert(!f.entries[0].active && f.entries[1].active);
        ck_assert_str_eq(f.entries[1].title, "Some Title");
        ck_assert_str_eq(f.entries[1].partuuid, PARTUUID);
        ck_assert_str_eq(f.entries[1].path, SD_BOOT);
}
END_TEST

START_TEST(junk_is_passed_over) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        PUT(&t, GLOBAL("Boot0000"), "\1\0\0\0\xff\xff\0\0");
        PUT(&t, GLOBAL("Boot0001"), "");
        temp_puts(&t, GLOBAL("Boot0002"), "x");
        temp_mkdir(&t, GLOBAL("Boot0003"));
        temp_mkfifo(&t, GLOBAL("Boot0004"));
        temp_symlink(&t, GLOBAL("Boot0005"), "nowhere");
        put_entry(&t, GLOBAL("Boot0006"), PARTUUID, SD_BOOT, true);
        put_entry(&t, LOADER("Boot0007"), PARTUUID, SD_BOOT, true);
        put_entry(&t, GLOBAL("Boot000a"), PARTUUID, SD_BOOT, true);
        PUT(&t, LOADER("LoaderFeatures"), "\xff\xff");
        PUT(&t, LOADER("LoaderInfo"), "\0\0");
        read_firmware(&t, &f);
        ck_assert_uint_eq(f.n_entries, 1);
        ck_assert_uint_eq(f.entries[0].number, 6);
        ck_assert_uint_eq(f.loader_features, 0);
        ck_assert_ptr_null(f.loader_info);
}
END_TEST

START_TEST(symlink_does_not_lead_out_of_the_root) {
        _cleanup_temp_root_ TempRoot host = firmware_root(), t = bare_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        _cleanup_free_ char *path = strprintf("%s/" PATH_EFI_VARIABLES, host.path);

        put_ucs2(&host, LOADER("LoaderInfo"), "systemd-boot 252");
        temp_symlink(&t, PATH_EFI_VARIABLES, path);
        read_firmware(&t, &f);
        ck_assert_ptr_null(f.loader_info);
        ck_assert_int_lt(bootvar_set_one_shot(t.root, "a.conf", NULL), 0);
        ck_assert_uint_eq(count_variables(&host), 1);
}
END_TEST

START_TEST(other_directory_than_that_of_the_root_is_refused) {
        _cleanup_temp_root_ TempRoot host = firmware_root(), t = bare_root();
        _cleanup_free_ char *path = strprintf("%s/" PATH_EFI_VARIABLES, host.path);
        _cleanup_error_ Error reading = {}, writing = {}, removing = {};

        put_ucs2(&host, ONE_SHOT, "a.conf");
        temp_symlink(&t, PATH_EFI_VARIABLES, path);
        temp_mkdir(&t, path + 1); /* where the link leads inside the root */

        ck_assert_int_eq(bootvar_read(t.root, &(Firmware){}, &reading), -EIO);
        ck_assert_int_eq(reading.code, ERROR_FIRMWARE_ERROR);
        ck_assert_ptr_nonnull(strstr(reading.message, "symlink"));
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "b.conf", &writing), -EIO);
        ck_assert_int_eq(writing.code, ERROR_FIRMWARE_ERROR);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, NULL, &removing), -EIO);
        ck_assert(temp_exists(&host, ONE_SHOT));
}
END_TEST

START_TEST(variable_that_is_a_symlink_is_not_followed) {
        _cleanup_temp_root_ TempRoot host = firmware_root(), t = firmware_root();
        _cleanup_free_ char *path = strprintf("%s/" ONE_SHOT, host.path);

        put_ucs2(&host, ONE_SHOT, "a.conf");
        temp_symlink(&t, ONE_SHOT, path);
        ck_assert_int_eq(bootvar_read(t.root, &(Firmware){}, NULL), -EIO);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "b.conf", NULL), -EIO);
        ASSERT_VALUE(&host, ONE_SHOT, "a\0.\0c\0o\0n\0f\0\0\0");
}
END_TEST

START_TEST(variable_that_cannot_be_read_is_named) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_error_ Error error = {};

        temp_mkdir(&t, GLOBAL("BootOrder"));
        ck_assert_int_eq(bootvar_read(t.root, &(Firmware){}, &error), -EIO);
        ck_assert_int_eq(error.code, ERROR_FIRMWARE_ERROR);
        ck_assert_ptr_nonnull(strstr(error.message, "'BootOrder'"));
}
END_TEST

START_TEST(one_shot_is_set_once_and_deleted_once) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        Error error = {};

        ck_assert_int_eq(bootvar_set_one_shot(t.root, NULL, &error), 0);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "long-name.conf", &error), 1);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "long-name.conf", &error), 0);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "a.c", &error), 1);
        ASSERT_VALUE(&t, ONE_SHOT, "a\0.\0c\0\0\0");
        ck_assert_int_eq(bootvar_set_one_shot(t.root, NULL, &error), 1);
        ck_assert(!temp_exists(&t, ONE_SHOT));
        ck_assert_int_eq(error.code, ERROR_NONE);
}
END_TEST

START_TEST(without_variables_nothing_is_set_and_deleting_is_fine) {
        _cleanup_temp_root_ TempRoot t = bare_root();
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(bootvar_set_one_shot(t.root, NULL, &error), 0);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "a.conf", &error), -EOPNOTSUPP);
        ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
        ck_assert(!temp_exists(&t, "sys"));
}
END_TEST

START_TEST(name_that_is_not_ascii_is_refused) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(bootvar_set_one_shot(t.root, "\xc3\xa4.conf", &error), -EOPNOTSUPP);
        ck_assert_uint_eq(count_variables(&t), 0);
}
END_TEST

START_TEST(denied_access_is_told) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_error_ Error error = {};
        int r;

        ck_assert_int_eq(fchmodat(t.fd, PATH_EFI_VARIABLES, 0555, 0), 0);
        temp_drop_privileges();
        r = bootvar_set_one_shot(t.root, "a.conf", &error);
        temp_regain_privileges();
        ck_assert_int_eq(fchmodat(t.fd, PATH_EFI_VARIABLES, 0755, 0), 0);
        ck_assert_int_eq(r, -EIO);
        ck_assert_int_eq(error.code, ERROR_FIRMWARE_ERROR);
        ck_assert_ptr_nonnull(strstr(error.message, "'LoaderEntryOneShot'"));
        ck_assert_uint_eq(count_variables(&t), 0);
}
END_TEST

START_TEST(read_only_variables_are_told_from_broken_ones) {
        /* A root that is open already stays in the old namespace. */
        const bool unshared = unshare(CLONE_NEWNS) >= 0;
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_free_ char *path = strprintf("%s/" PATH_EFI_VARIABLES, t.path);
        _cleanup_error_ Error error = {};
        int r;

        if (!unshared)
                return; /* we have not the privilege */
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        ck_assert_int_eq(mount("none", path, "tmpfs", MS_RDONLY, NULL), 0);
        r = bootvar_set_one_shot(t.root, "a.conf", &error);
        ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
        ck_assert_int_eq(r, -EROFS);
        ck_assert_int_eq(error.code, ERROR_READ_ONLY);
        ck_assert_ptr_nonnull(strstr(error.message, "'LoaderEntryOneShot'"));
}
END_TEST

START_TEST(immutable_variable_is_changed_and_stays_immutable) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_close_ int fd = -EBADF;
        int flags = 0;

        put_ucs2(&t, ONE_SHOT, "old.conf");
        fd = openat(t.fd, ONE_SHOT, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
                return; /* this file system has no such flag */
        flags |= FS_IMMUTABLE_FL;
        if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
                return; /* nor have we the privilege */
        ck_assert_int_eq(bootvar_set_one_shot(t.root, "new.conf", NULL), 1);
        ck_assert_int_eq(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
        ck_assert(flags & FS_IMMUTABLE_FL);
        ck_assert_int_eq(bootvar_set_one_shot(t.root, NULL, NULL), 1);
        ck_assert(!temp_exists(&t, ONE_SHOT));
}
END_TEST

START_TEST(libefiboot_understands_the_entry_that_is_made) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        uint8_t data[1024];
        char path[512] = "";
        void *formatted = path; /* char * or unsigned char *, as libefivar's version has it */
        efi_load_option *option = (efi_load_option *) data;
        ssize_t size;

        ck_assert_int_eq(ensure(&t, &target), 1);
        size = (ssize_t) get(&t, GLOBAL("Boot0000"), data);
        ck_assert(efi_loadopt_is_valid(option, (size_t) size));
        ck_assert_uint_eq(efi_loadopt_attrs(option), 1);
        ck_assert_str_eq((const char *) efi_loadopt_desc(option, size), "Linux Boot Manager");
        ck_assert_int_gt(efidp_format_device_path(formatted, sizeof(path),
                                                  efi_loadopt_path(option, size),
                                                  efi_loadopt_pathlen(option, size)),
                         0);
        ck_assert_str_eq(path, "HD(2,GPT," PARTUUID ",0x100,0x20000)/"
                               "File(\\EFI\\systemd\\systemd-bootx64.efi)");
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\0\0");
}
END_TEST

START_TEST(second_time_nothing_is_written) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        ck_assert_int_eq(ensure(&t, &target), 1);
        ck_assert_int_eq(ensure(&t, &target), 0);
        ck_assert_uint_eq(count_variables(&t), 2);
}
END_TEST

START_TEST(entry_that_is_there_is_used) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, "\\efi\\SYSTEMD\\systemd-bootx64.efi", true);
        PUT(&t, GLOBAL("BootOrder"), "\7\0\4\0");
        ck_assert_int_eq(ensure(&t, &target), 0);
        ck_assert_uint_eq(count_variables(&t), 2);
}
END_TEST

START_TEST(inactive_entry_is_made_active_and_otherwise_left) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        uint8_t before[1024], after[1024];
        size_t size;

        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, false);
        PUT(&t, GLOBAL("BootOrder"), "\7\0\4\0");
        size = get(&t, GLOBAL("Boot0004"), before);
        ck_assert_int_eq(ensure(&t, &target), 1);
        ck_assert_uint_eq(get(&t, GLOBAL("Boot0004"), after), size);
        ck_assert_uint_eq(after[0], before[0] | 1);
        ck_assert_int_eq(memcmp(before + 1, after + 1, size - 1), 0);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\7\0\4\0");
}
END_TEST

START_TEST(entry_that_no_order_names_is_put_there) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, true);
        PUT(&t, GLOBAL("BootOrder"), "\7\0");
        ck_assert_int_eq(ensure(&t, &target), 1);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\4\0\7\0");
        ck_assert_uint_eq(count_variables(&t), 2);
}
END_TEST

START_TEST(new_entry_comes_after_the_last_of_ours) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        put_entry(&t, GLOBAL("Boot0000"), OTHER, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", true);
        put_entry(&t, GLOBAL("Boot0001"), OTHER, SD_BOOT, true);
        put_entry(&t, GLOBAL("Boot0002"), OTHER, "\\EFI\\proxmox\\shimx64.efi", true);
        put_entry(&t, GLOBAL("Boot0003"), OTHER, "\\EFI\\debian\\shimx64.efi", true);
        PUT(&t, GLOBAL("BootOrder"), "\1\0\0\0\2\0\3\0\x63\0");
        ck_assert_int_eq(ensure(&t, &target), 1);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\1\0\0\0\2\0\4\0\3\0\x63\0");
}
END_TEST

START_TEST(first_entry_of_ours_comes_first) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        put_entry(&t, GLOBAL("Boot0000"), OTHER, "\\EFI\\debian\\shimx64.efi", true);
        PUT(&t, GLOBAL("BootOrder"), "\0\0");
        ck_assert_int_eq(ensure(&t, &target), 1);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\1\0\0\0");
}
END_TEST

START_TEST(each_mirror_gets_an_entry_of_its_own) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        BootTarget mirror = target;

        mirror.partuuid = OTHER;
        ck_assert_int_eq(ensure(&t, &target), 1);
        ck_assert_int_eq(ensure(&t, &mirror), 1);
        ck_assert_int_eq(ensure(&t, &target), 0);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\0\0\1\0");
        ck_assert_uint_eq(count_variables(&t), 3);
}
END_TEST

START_TEST(number_is_taken_that_nothing_speaks_of) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        PUT(&t, GLOBAL("Boot0000"), "junk");
        PUT(&t, GLOBAL("BootCurrent"), "\1\0");
        PUT(&t, GLOBAL("BootOrder"), "\2\0");
        ck_assert_int_eq(ensure(&t, &target), 1);
        ck_assert(temp_exists(&t, GLOBAL("Boot0003")));
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\3\0\2\0");
        ASSERT_VALUE(&t, GLOBAL("Boot0000"), "junk");
}
END_TEST

START_TEST(duplicates_are_left) {
        _cleanup_temp_root_ TempRoot t = firmware_root();

        put_entry(&t, GLOBAL("Boot0001"), PARTUUID, SD_BOOT, false);
        put_entry(&t, GLOBAL("Boot0002"), PARTUUID, SD_BOOT, true);
        PUT(&t, GLOBAL("BootOrder"), "\2\0");
        ck_assert_int_eq(ensure(&t, &target), 0);
        ck_assert_uint_eq(count_variables(&t), 3);
}
END_TEST

START_TEST(partition_of_an_mbr_gets_no_entry) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        _cleanup_error_ Error error = {};
        BootTarget mbr = target;

        mbr.partuuid = "12345678-01";
        read_firmware(&t, &f);
        ck_assert_int_eq(bootvar_ensure_entry(t.root, &mbr, &f, &error), -EOPNOTSUPP);
        ck_assert_ptr_nonnull(strstr(error.message, "'12345678-01'"));
        ck_assert_uint_eq(count_variables(&t), 0);
}
END_TEST

START_TEST(what_would_not_read_the_same_is_not_made) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        char title[LOAD_OPTION_TITLE_MAX + 2], path[LOAD_OPTION_PATH_MAX + 2], endless[4096];
        BootTarget bad[] = { target, target, target, target, target, target };

        memset(title, 'x', sizeof(title));
        title[sizeof(title) - 1] = '\0';
        memset(path, 'x', sizeof(path));
        path[0] = '\\';
        path[sizeof(path) - 1] = '\0';
        memset(endless, '\\', sizeof(endless));
        endless[sizeof(endless) - 1] = '\0';
        bad[0].path = "EFI\\x.efi";
        bad[1].path = "\\EFI\\\xc3.efi";
        bad[2].path = path;
        bad[3].path = endless;
        bad[4].title = "\n";
        bad[5].title = title;
        read_firmware(&t, &f);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(bootvar_ensure_entry(t.root, &bad[i], &f, NULL), -EOPNOTSUPP);
        ck_assert_uint_eq(count_variables(&t), 0);

        title[LOAD_OPTION_TITLE_MAX] = '\0';
        path[LOAD_OPTION_PATH_MAX] = '\0';
        bad[2].title = title;
        ck_assert_int_eq(ensure(&t, &bad[2]), 1);
}
END_TEST

START_TEST(second_init_does_not_steal_the_entry_of_the_first_esp) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        BootTarget first = target, second = target;
        uint8_t before[1024], after[1024];
        size_t size;

        /* As an older tool has called both. */
        first.title = second.title = "proxmox";
        first.path = second.path = "\\EFI\\proxmox\\shimx64.efi";
        second.partuuid = OTHER;
        ck_assert_int_eq(ensure(&t, &first), 1);
        size = get(&t, GLOBAL("Boot0000"), before);
        ck_assert_int_eq(ensure(&t, &second), 1);
        ck_assert_int_eq(ensure(&t, &second), 0);
        ck_assert_uint_eq(get(&t, GLOBAL("Boot0000"), after), size);
        ck_assert_int_eq(memcmp(before, after, size), 0);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\0\0\1\0");
        ck_assert_uint_eq(count_variables(&t), 3);
}
END_TEST

/* The entry Boot0004 as it is remembered, and the firmware without it. */
static void take_entry(const TempRoot *t, LoadOption *ret) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        put_entry(t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, true);
        read_firmware(t, &f);
        ck_assert_int_eq(load_option_copy(firmware_entry(&f, 4), ret), 0);
        ck_assert_int_eq(unlinkat(t->fd, GLOBAL("Boot0004"), 0), 0);
}

START_TEST(entry_is_put_back_as_it_was_once) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_(load_option_done) LoadOption entry = {};
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        take_entry(&t, &entry);
        PUT(&t, GLOBAL("BootOrder"), "\7\0");
        ck_assert_int_eq(bootvar_put_entry(t.root, &entry, NULL), 1);
        ck_assert_int_eq(bootvar_put_entry(t.root, &entry, NULL), 0);
        read_firmware(&t, &f);
        ck_assert_str_eq(firmware_entry(&f, 4)->hex, entry.hex);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\7\0");
        ck_assert_uint_eq(count_variables(&t), 2);
}
END_TEST

START_TEST(number_that_is_taken_by_anything_stays_and_another_is_found) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_(load_option_done) LoadOption entry = {};

        take_entry(&t, &entry);
        PUT(&t, GLOBAL("Boot0004"), "junk");
        PUT(&t, GLOBAL("BootOrder"), "\0\0");
        ck_assert_int_eq(bootvar_put_entry(t.root, &entry, NULL), 1);
        ASSERT_VALUE(&t, GLOBAL("Boot0004"), "junk");
        ck_assert(temp_exists(&t, GLOBAL("Boot0001")));
}
END_TEST

START_TEST(order_is_changed_only_if_it_is_as_it_was_seen) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(bootvar_set_order(t.root, "-", "0001", NULL), 1);
        ck_assert_int_eq(bootvar_set_order(t.root, "0001", "0003,0001", NULL), 1);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\3\0\1\0");
        ck_assert_int_eq(bootvar_set_order(t.root, "0001", "0002", &error),
                         error_code_to_errno(ERROR_BUSY));
        ck_assert_ptr_nonnull(strstr(error.message, "'BootOrder'"));
        ck_assert_int_eq(bootvar_set_order(t.root, "0003,0001", "-", NULL), -EINVAL);
        ck_assert_int_eq(bootvar_set_order(t.root, "0003,0001", "", NULL), -EINVAL);
        ck_assert_int_eq(bootvar_set_order(t.root, "x", "0001", NULL), -EINVAL);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\3\0\1\0");
}
END_TEST

START_TEST(only_a_double_that_no_order_names_is_dropped) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_(load_option_done) LoadOption entry = {};
        const int busy = error_code_to_errno(ERROR_BUSY);

        take_entry(&t, &entry);
        ck_assert_int_eq(bootvar_drop_entry(t.root, &entry, NULL), 0);
        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, true);
        ck_assert_int_eq(bootvar_drop_entry(t.root, &entry, NULL), busy); /* it is the only one */
        put_entry(&t, GLOBAL("Boot0001"), PARTUUID, SD_BOOT, true);
        PUT(&t, GLOBAL("BootOrder"), "\1\0\4\0");
        ck_assert_int_eq(bootvar_drop_entry(t.root, &entry, NULL), busy); /* the order names it */
        PUT(&t, GLOBAL("BootOrder"), "\1\0");
        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, false);
        ck_assert_int_eq(bootvar_drop_entry(t.root, &entry, NULL), busy); /* it is another */
        put_entry(&t, GLOBAL("Boot0004"), PARTUUID, SD_BOOT, true);
        ck_assert_int_eq(bootvar_drop_entry(t.root, &entry, NULL), 1);
        ck_assert(!temp_exists(&t, GLOBAL("Boot0004")) && temp_exists(&t, GLOBAL("Boot0001")));
}
END_TEST

START_TEST(firmware_full_of_entries_gets_no_more) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        _cleanup_error_ Error error = {};

        for (unsigned i = 0; i < FIRMWARE_ENTRIES_MAX + 2; i++) {
                _cleanup_free_ char *path = strprintf(GLOBAL("Boot%04X"), i);

                put_entry(&t, path, OTHER, "\\x.efi", true);
        }
        read_firmware(&t, &f);
        ck_assert_uint_eq(f.n_entries, FIRMWARE_ENTRIES_MAX);
        ck_assert_int_eq(bootvar_ensure_entry(t.root, &target, &f, &error), -EIO);
        ck_assert_int_eq(error.code, ERROR_FIRMWARE_ERROR);
        ck_assert_uint_eq(count_variables(&t), FIRMWARE_ENTRIES_MAX + 2);
}
END_TEST

START_TEST(shim_comes_before_other_loaders_of_ours_and_foreign_ones_keep_their_places) {
        _cleanup_temp_root_ TempRoot t = firmware_root();
        _cleanup_error_ Error error = {};

        put_entry(&t, GLOBAL("Boot0000"), OTHER, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", true);
        put_entry(&t, GLOBAL("Boot0001"), OTHER, SD_BOOT, true);
        put_entry(&t, GLOBAL("Boot0002"), OTHER, "\\EFI\\proxmox\\shim" EFI_ARCH ".efi", true);
        PUT(&t, GLOBAL("BootOrder"), "\1\0\0\0\2\0\x63\0");
        ck_assert_int_eq(bootvar_prefer_shim(t.root, &error), 1);
        ASSERT_VALUE(&t, GLOBAL("BootOrder"), "\2\0\0\0\1\0\x63\0");
        ck_assert_int_eq(bootvar_prefer_shim(t.root, &error), 0);
        ck_assert_uint_eq(count_variables(&t), 4);
}
END_TEST

CHECK_MAIN("bootvar", host_without_efi_is_no_error, firmware_that_shows_no_variables_is_empty,
           every_variable_is_read, junk_is_passed_over, symlink_does_not_lead_out_of_the_root,
           other_directory_than_that_of_the_root_is_refused,
           variable_that_is_a_symlink_is_not_followed, variable_that_cannot_be_read_is_named,
           one_shot_is_set_once_and_deleted_once,
           without_variables_nothing_is_set_and_deleting_is_fine, name_that_is_not_ascii_is_refused,
           denied_access_is_told, read_only_variables_are_told_from_broken_ones,
           immutable_variable_is_changed_and_stays_immutable,
           libefiboot_understands_the_entry_that_is_made, second_time_nothing_is_written,
           entry_that_is_there_is_used, inactive_entry_is_made_active_and_otherwise_left,
           entry_that_no_order_names_is_put_there, new_entry_comes_after_the_last_of_ours,
           first_entry_of_ours_comes_first, each_mirror_gets_an_entry_of_its_own,
           number_is_taken_that_nothing_speaks_of, duplicates_are_left,
           partition_of_an_mbr_gets_no_entry, what_would_not_read_the_same_is_not_made,
           firmware_full_of_entries_gets_no_more,
           shim_comes_before_other_loaders_of_ours_and_foreign_ones_keep_their_places,
           second_init_does_not_steal_the_entry_of_the_first_esp, entry_is_put_back_as_it_was_once,
           number_that_is_taken_by_anything_stays_and_another_is_found,
           order_is_changed_only_if_it_is_as_it_was_seen,
           only_a_double_that_no_order_names_is_dropped)
