/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The disk itself is asked what it holds, whatever a link says. On loop devices, so it needs root.
 */

#include "blocking/disk/esp-device.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "../check-main.h"
#include "failing-reads.h"
#include "fat-image.h"
#include "throwaway-esp.h"

typedef struct Disk {
        FatImage image;
        int loop; /* the device goes with it */
        char path[64];
        Root *root;
        EspDevice device;
        Error error;
} Disk;

static void disk_done(Disk *disk) {
        esp_device_done(&disk->device);
        safe_close(disk->loop);
        fat_image_done(&disk->image);
        root_free(disk->root);
        error_done(&disk->error);
}
#define _cleanup_disk_ _cleanup_(disk_done)

/* @image becomes the disk's. */
static void disk_init(Disk *disk, const FatImage *image) {
        *disk = (Disk){ .image = *image, .device = ESP_DEVICE_INIT };
        disk->loop = loop_attach(disk->image.fd, disk->path);
        ck_assert_int_eq(root_open("/", &disk->root), 0);
}

static void disk_init_fat(Disk *disk) {
        FatImage image;

        fat_image_init(&image, 32);
        disk_init(disk, &image);
}

/* As large, and what @command, if any, makes of it. */
static void disk_init_other(Disk *disk, const char *command) {
        FatImage image = {};

        image.fd = anonymous_file("disk", 64 * MIB, image.path);
        if (command)
                fat_image_tool(&image, command, "");
        disk_init(disk, &image);
}

static int disk_open_as(Disk *disk, const char *uuid, const DeviceId *id) {
        int path_fd = open(disk->path, O_PATH | O_CLOEXEC);

        ck_assert_int_ge(path_fd, 0);
        error_done(&disk->error);
        return esp_device_open(disk->root, path_fd, uuid, id, &disk->device, &disk->error);
}

static int disk_open(Disk *disk, const char *uuid) {
        return disk_open_as(disk, uuid, &(DeviceId){});
}

static void assert_refused(Disk *disk, const char *uuid, ErrorCode code, const char *text) {
        ck_assert_int_eq(disk_open(disk, uuid), error_code_to_errno(code));
        ck_assert_int_eq(disk->error.code, code);
        ck_assert_ptr_nonnull(strstr(disk->error.message, uuid));
        ck_assert_msg(strstr(disk->error.message, text), "%s", disk->error.message);
        ck_assert_int_lt(disk->device.fd, 0);
}

START_TEST(fat_with_the_uuid_is_opened_and_neither_written_nor_writable) {
        char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
        _cleanup_disk_ Disk disk;
        struct stat st;

        disk_init_fat(&disk);
        fat_image_digest(&disk.image, before);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        ck_assert_int_ge(disk.device.fd, 0);
        ck_assert_int_eq(stat(disk.path, &st), 0);
        ck_assert_uint_eq(disk.device.number, st.st_rdev);
        ck_assert_int_eq(fcntl(disk.device.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        ck_assert_int_ne(fcntl(disk.device.fd, F_GETFD) & FD_CLOEXEC, 0);
        esp_device_done(&disk.device);
        ck_assert_int_lt(disk.device.fd, 0);
        fat_image_digest(&disk.image, after);
        ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(uuid_may_be_written_in_any_case) {
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        ck_assert_int_eq(disk_open(&disk, "abcd-0123"), 0);
}
END_TEST

START_TEST(fat_of_another_uuid_is_no_esp) {
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        assert_refused(&disk, "ABCD-0124", ERROR_NOT_AN_ESP, "formatted");
        assert_refused(&disk, "ABCD", ERROR_NOT_AN_ESP, "formatted");
}
END_TEST

START_TEST(other_file_systems_and_empty_disks_are_no_esp) {
        static const char *const commands[] = { "mkfs.ext2 -q -F", "mkswap", NULL };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                _cleanup_disk_ Disk disk;

                disk_init_other(&disk, commands[i]);
                assert_refused(&disk, FAT_IMAGE_UUID, ERROR_NOT_AN_ESP, "formatted");
        }
}
END_TEST

/* The superblock of ext2 lies in sectors that FAT32 reserves and does not use. */
START_TEST(two_signatures_are_no_esp_and_tell_the_way_out) {
        _cleanup_disk_ Disk disk, ext;
        uint8_t superblock[1024];

        disk_init_other(&ext, "mkfs.ext2 -q -F");
        disk_init_fat(&disk);
        fat_image_read(&ext.image, 1024, superblock, sizeof(superblock));
        fat_image_write(&disk.image, 1024, superblock, sizeof(superblock));
        assert_refused(&disk, FAT_IMAGE_UUID, ERROR_NOT_AN_ESP, "wipefs");
}
END_TEST

START_TEST(disk_is_locked_while_it_is_open) {
        EspDevice other = ESP_DEVICE_INIT;
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        other = disk.device;
        disk.device = ESP_DEVICE_INIT;
        assert_refused(&disk, FAT_IMAGE_UUID, ERROR_BUSY, "another process");
        esp_device_done(&other);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
}
END_TEST

START_TEST(lock_of_somebody_else_is_respected) {
        _cleanup_close_ int other = -EBADF;
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        other = open(disk.path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(flock(other, LOCK_SH), 0);
        assert_refused(&disk, FAT_IMAGE_UUID, ERROR_BUSY, "another process");
}
END_TEST

START_TEST(what_is_made_of_the_disk_is_named) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *holders = NULL, *holder = NULL;
        _cleanup_disk_ Disk disk;
        struct stat st;

        throwaway_init(&t);
        disk_init_fat(&disk);
        ck_assert_int_eq(stat(disk.path, &st), 0);
        holders = strprintf("sys/dev/block/%u:%u/holders", major(st.st_rdev), minor(st.st_rdev));
        holder = strprintf("%s/md127", holders);
        throwaway_mkdir(&t, holders);
        root_free(disk.root);
        ck_assert_int_eq(root_open(t.dir, &disk.root), 0);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        esp_device_done(&disk.device);
        throwaway_mkdir(&t, holder);
        assert_refused(&disk, FAT_IMAGE_UUID, ERROR_ESP_IN_USE, "'md127'");
}
END_TEST

START_TEST(read_is_exact_or_fails) {
        _cleanup_disk_ Disk disk;
        uint8_t data[1024], expect[1024];

        disk_init_fat(&disk);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        ck_assert_int_eq(esp_device_read(700, data, 1000, &disk.device), 0);
        fat_image_read(&disk.image, 700, expect, 1000);
        ck_assert_mem_eq(data, expect, 1000);
        ck_assert_int_eq(esp_device_read(64 * MIB - 1024, data, 1024, &disk.device), 0);
        ck_assert_int_eq(esp_device_read(64 * MIB - 1023, data, 1024, &disk.device), -EIO);
        ck_assert_int_eq(esp_device_read(64 * MIB, data, 1, &disk.device), -EIO);
        ck_assert_int_eq(esp_device_read(UINT64_MAX, data, 1, &disk.device), -EINVAL);
}
END_TEST

/* A namespace of this test's own; ext2 stands in for vfat, which not every kernel has. */
START_TEST(mount_is_found_with_its_target_and_mode_of_the_file_system) {
        _cleanup_free_ char *target = NULL, *again = NULL;
        _cleanup_throwaway_ Throwaway t;
        _cleanup_disk_ Disk disk;
        bool read_only = true;
        const char *point;
        struct stat st;

        throwaway_init(&t);
        throwaway_mkdir(&t, "a mount");
        point = throwaway_path(&t, "a mount");
        disk_init_other(&disk, "mkfs.ext2 -q -F");
        ck_assert_int_eq(stat(disk.path, &st), 0);
        disk.device = (EspDevice){ .fd = -EBADF, .number = st.st_rdev };
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        ck_assert_int_eq(esp_device_find_mount(&disk.device, &target, &read_only), 0);
        ck_assert_ptr_null(target);

        ck_assert_int_eq(mount(disk.path, point, "ext2", 0, NULL), 0);
        ck_assert_int_eq(esp_device_find_mount(&disk.device, &target, &read_only), 1);
        ck_assert_str_eq(target, point);
        ck_assert(!read_only);

        /* Only this mount of it is read-only. */
        ck_assert_int_eq(mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        target = mfree(target);
        ck_assert_int_eq(esp_device_find_mount(&disk.device, &target, &read_only), 1);
        ck_assert(!read_only);

        ck_assert_int_eq(mount(NULL, point, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        ck_assert_int_eq(esp_device_find_mount(&disk.device, &again, &read_only), 1);
        ck_assert_str_eq(again, point);
        ck_assert(read_only);
        ck_assert_int_eq(umount2(point, 0), 0);
}
END_TEST

START_TEST(claim_of_somebody_who_goes_is_waited_for) {
        _cleanup_disk_ Disk disk;
        struct timespec before, after;
        int ready[2], status;
        char byte;
        pid_t pid;

        disk_init_fat(&disk);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        ck_assert_int_eq(esp_device_wait_free(&disk.device), 0);
        ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                int fd = open(disk.path, O_RDONLY | O_EXCL | O_CLOEXEC);

                (void) !write(ready[1], "", 1);
                (void) usleep(400 * 1000);
                _exit(fd < 0);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        (void) clock_gettime(CLOCK_MONOTONIC, &before);
        ck_assert_int_eq(esp_device_wait_free(&disk.device), 0);
        (void) clock_gettime(CLOCK_MONOTONIC, &after);
        ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000 +
                                         (after.tv_nsec - before.tv_nsec) / 1000000,
                         200);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        (void) close(ready[0]);
        (void) close(ready[1]);
}
END_TEST

START_TEST(device_that_is_asked_for_is_opened_and_no_other) {
        _cleanup_disk_ Disk disk;
        DeviceId id = {};
        struct stat st;

        disk_init_fat(&disk);
        ck_assert_int_eq(fstat(disk.loop, &st), 0);
        id.number = st.st_rdev;
        ck_assert_int_eq(ioctl(disk.loop, BLKGETDISKSEQ, &id.diskseq), 0);
        ck_assert_int_eq(disk_open_as(&disk, FAT_IMAGE_UUID, &id), 0);
        esp_device_done(&disk.device);
        ck_assert_int_eq(disk_open_as(&disk, FAT_IMAGE_UUID, &(DeviceId){ .number = id.number }),
                         0);
        esp_device_done(&disk.device);

        id.diskseq++;
        ck_assert_int_eq(disk_open_as(&disk, FAT_IMAGE_UUID, &id), -ESTALE);
        ck_assert_int_eq(disk.error.code, ERROR_DEVICE_CHANGED);
        ck_assert_ptr_nonnull(strstr(disk.error.message, FAT_IMAGE_UUID));
        ck_assert_int_lt(disk.device.fd, 0);
        id.diskseq--;
        id.number++;
        ck_assert_int_eq(disk_open_as(&disk, FAT_IMAGE_UUID, &id), -ESTALE);
}
END_TEST

START_TEST(write_protected_disk_is_named_and_called_that) {
        _cleanup_error_ Error error = {};
        const int on = 1, off = 0;
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), 0);
        ck_assert_int_eq(esp_device_begin_writing(&disk.device, disk.root, FAT_IMAGE_UUID, &error),
                         0);
        ck_assert_int_eq(ioctl(disk.loop, BLKROSET, &on), 0);
        ck_assert_int_eq(esp_device_begin_writing(&disk.device, disk.root, FAT_IMAGE_UUID, &error),
                         -EROFS);
        ck_assert_int_eq(error.code, ERROR_READ_ONLY);
        ck_assert_ptr_nonnull(strstr(error.message, FAT_IMAGE_UUID));
        ck_assert_ptr_nonnull(strstr(error.message, "/dev/loop"));
        ck_assert_int_eq(ioctl(disk.loop, BLKROSET, &off), 0);
}
END_TEST

/* A disk in a file that lies where there is no room, for a while: writes fail late, with nobody to
 * be told. */
START_TEST(error_of_an_earlier_time_is_not_taken_for_one_of_now) {
        _cleanup_close_ int filler = -EBADF, early = -EBADF, late = -EBADF;
        char data[64 * 1024] = "x";
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};
        _cleanup_disk_ Disk disk;
        FatImage image = {};

        throwaway_init(&t);
        throwaway_mkdir(&t, "small");
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        ck_assert_int_eq(mount("lab", throwaway_path(&t, "small"), "tmpfs", 0, "size=1M"), 0);
        image.fd = open(throwaway_path(&t, "small/disk"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(ftruncate(image.fd, 64 * MIB), 0);
        disk_init(&disk, &image);
        filler = open(throwaway_path(&t, "small/filler"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        while (write(filler, data, sizeof(data)) > 0)
                ;
        early = open(disk.path, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(pwrite(early, data, sizeof(data), MIB), sizeof(data));
        early = safe_close(early);
        sync();
        ck_assert_int_eq(ftruncate(filler, 0), 0);

        disk.device.fd = open(disk.path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(disk.device.fd, 0);
        ck_assert_int_eq(esp_device_begin_writing(&disk.device, disk.root, "1111-1111", &error), 0);
        late = open(disk.path, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(pwrite(late, data, sizeof(data), MIB), sizeof(data));
        ck_assert_int_eq(fsync(late), 0);
        esp_device_done(&disk.device);
        ck_assert_int_eq(umount2(throwaway_path(&t, "small"), MNT_DETACH), 0);
}
END_TEST

START_TEST(disk_that_cannot_be_read_is_not_taken_for_an_empty_one) {
        _cleanup_disk_ Disk disk;

        disk_init_fat(&disk);
        fail_reads();
        ck_assert_int_eq(disk_open(&disk, FAT_IMAGE_UUID), -EIO);
        ck_assert_int_eq(disk.error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(disk.error.message, "Cannot read the disk"));
}
END_TEST

CHECK_MAIN("esp-device", fat_with_the_uuid_is_opened_and_neither_written_nor_writable,
           uuid_may_be_written_in_any_case, fat_of_another_uuid_is_no_esp,
           other_file_systems_and_empty_disks_are_no_esp,
           two_signatures_are_no_esp_and_tell_the_way_out, disk_is_locked_while_it_is_open,
           lock_of_somebody_else_is_respected, what_is_made_of_the_disk_is_named,
           read_is_exact_or_fails, mount_is_found_with_its_target_and_mode_of_the_file_system,
           claim_of_somebody_who_goes_is_waited_for,
           device_that_is_asked_for_is_opened_and_no_other,
           write_protected_disk_is_named_and_called_that,
           error_of_an_earlier_time_is_not_taken_for_one_of_now,
           disk_that_cannot_be_read_is_not_taken_for_an_empty_one)
