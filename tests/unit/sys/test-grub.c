/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's own boot/grub: whether GRUB can write there, and what it is told there. */

#include "sys/grub.h"

#include <sys/sysmacros.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/grub/grub-env.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

#define ENV PATH_GRUB_DIR "/grubenv"
#define SDA "../../devices/pci0000:00/0000:00:05.0/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda2"

static TempRoot grub_host(void) {
        TempRoot t = temp_root_new();

        temp_mkdir(&t, PATH_GRUB_DIR);
        temp_puts(&t, PATH_GRUB_MENU, "set default=0\n");
        return t;
}

static HostGrub look(const TempRoot *t) {
        HostGrub grub = {};

        ck_assert_int_eq(host_grub_look(t->root, &grub), 0);
        grub.default_version = mfree(grub.default_version);
        return grub;
}

/* As if the root were a file system of @type on the device that @link leads to. */
static bool is_writable_on(const char *type, const char *link) {
        _cleanup_temp_root_ TempRoot t = grub_host();
        _cleanup_free_ char *mounts = NULL, *path = NULL;
        struct stat st;

        ck_assert_int_eq(root_stat(t.root, PATH_GRUB_DIR, &st), 0);
        mounts = strprintf("22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
                           "28 1 %u:%u / / rw,relatime shared:1 - %s /dev/x rw\n",
                           major(st.st_dev), minor(st.st_dev), type);
        path = strprintf("sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
        ck_assert(mounts && path);
        temp_mkdir(&t, "proc/self");
        temp_puts(&t, "proc/self/mountinfo", mounts);
        temp_mkdir(&t, "sys/dev/block");
        if (link)
                ck_assert_int_eq(symlinkat(link, t.fd, path), 0);
        return look(&t).writable;
}

START_TEST(grub_can_write_to_simple_file_systems_on_partitions) {
        ck_assert(is_writable_on("ext4", SDA));
        ck_assert(is_writable_on("ext2", SDA));
        ck_assert(is_writable_on("xfs", SDA));
        ck_assert(is_writable_on("vfat", SDA));
        ck_assert(is_writable_on("ext4",
                                 "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1"));
}
END_TEST

START_TEST(grub_cannot_write_to_others) {
        ck_assert(!is_writable_on("btrfs", SDA));
        ck_assert(!is_writable_on("zfs", SDA));
        ck_assert(!is_writable_on("ext", SDA));
        ck_assert(!is_writable_on("ext4lazy", SDA));
}
END_TEST

START_TEST(grub_cannot_write_to_what_is_made_of_other_devices) {
        ck_assert(!is_writable_on("ext4", "../../devices/virtual/block/dm-1"));
        ck_assert(!is_writable_on("ext4", "../../devices/virtual/block/md0/md0p1"));
        ck_assert(!is_writable_on("ext4", NULL));
}
END_TEST

START_TEST(without_proc_nobody_can_tell) {
        _cleanup_temp_root_ TempRoot t = grub_host();

        ck_assert(look(&t).exists);
        ck_assert(!look(&t).writable);
}
END_TEST

START_TEST(next_entry_is_written_into_the_same_file) {
        _cleanup_temp_root_ TempRoot t = grub_host();
        _cleanup_free_ char *block = NULL, *value = NULL, *none = NULL;
        struct stat before, after;

        ck_assert_int_eq(grub_env_set(NULL, 0, "saved_entry", "a", &block), 0);
        temp_puts(&t, ENV, block);
        ck_assert_int_eq(root_stat(t.root, ENV, &before), 0);
        ck_assert_int_eq(host_grub_set_next(t.root, "b>c"), 0);
        ck_assert_int_eq(root_stat(t.root, ENV, &after), 0);
        ck_assert_uint_eq(after.st_ino, before.st_ino);
        ck_assert_int_eq(after.st_size, GRUB_ENV_SIZE);
        ck_assert_int_eq(host_grub_get_next(t.root, &value), 0);
        ck_assert_str_eq(value, "b>c");
        ck_assert_int_eq(host_grub_set_next(t.root, NULL), 0);
        ck_assert_int_eq(host_grub_get_next(t.root, &none), 0);
        ck_assert_ptr_null(none);
}
END_TEST

START_TEST(a_block_is_made_where_there_is_none) {
        _cleanup_temp_root_ TempRoot t = grub_host();
        _cleanup_free_ char *none = NULL;
        struct stat st;

        ck_assert_int_eq(host_grub_get_next(t.root, &none), 0);
        ck_assert_ptr_null(none);
        ck_assert_int_eq(host_grub_set_next(t.root, "b"), 0);
        ck_assert_int_eq(root_stat(t.root, ENV, &st), 0);
        ck_assert_int_eq(st.st_size, GRUB_ENV_SIZE);
}
END_TEST

START_TEST(what_is_no_environment_block_is_left) {
        _cleanup_temp_root_ TempRoot t = grub_host();

        temp_puts(&t, ENV, "something else\n");
        ck_assert_int_eq(host_grub_set_next(t.root, "b"), -EBADMSG);
}
END_TEST

CHECK_MAIN("grub", grub_can_write_to_simple_file_systems_on_partitions, grub_cannot_write_to_others,
           grub_cannot_write_to_what_is_made_of_other_devices, without_proc_nobody_can_tell,
           next_entry_is_written_into_the_same_file, a_block_is_made_where_there_is_none,
           what_is_no_environment_block_is_left)
