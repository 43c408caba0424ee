/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole formats of partitions of loop devices, so it needs root. */

#include "blocking/disk/esp-format.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "../check-main.h"
#include "blocking/disk/disk-probe.h"
#include "disk-image.h"

typedef struct Watched {
        bool stop;
        unsigned n_moved;
} Watched;

static bool stop(void *userdata) {
        return ((Watched *) userdata)->stop;
}

static void moved(CopyMove move, uint64_t bytes, void *userdata) {
        ((Watched *) userdata)->n_moved++;
}

static void disk_init(DiskImage *d, unsigned sector_bytes, uint64_t size_mib, const char *label,
                      const char *type) {
        _cleanup_free_ char *line = NULL;

        disk_image_init(d, size_mib + 16, NULL);
        disk_image_attach(d, sector_bytes);
        line = strprintf("printf 'label: %s\\nstart=1MiB, size=%zuMiB, type=%s\\n"
                         "size=2MiB, type=L\\n' | sfdisk -q --no-tell-kernel %s",
                         label, (size_t) size_mib, type, d->loop_path);
        ck_assert_int_eq(run_tool(line), 0);
        disk_image_add(d, 1, 1, size_mib);
}

/* Of partition @number, as the daemon would ask for it now. */
static EspFormatRequest request_of(const DiskImage *d, unsigned number, bool force) {
        const char *path = disk_image_name(d, number);
        EspFormatRequest request = { .name = path + strlen("/dev/"), .force = force };
        struct stat st;

        ck_assert_int_eq(stat(path, &st), 0);
        request.id.number = st.st_rdev;
        ck_assert_int_eq(ioctl(d->loop, BLKGETDISKSEQ, &request.id.diskseq), 0);
        return request;
}

static int format_as(DiskImage *d, const EspFormatRequest *request, Partition *ret) {
        Watched watched = {};
        const CopyWatch watch = { .stop = stop, .moved = moved, .userdata = &watched };

        error_done(&d->error);
        return esp_format(d->root, request, &watch, ret, &d->error);
}

static int format(DiskImage *d, bool force, Partition *ret) {
        const EspFormatRequest request = request_of(d, 1, force);

        return format_as(d, &request, ret);
}

static void assert_formats(DiskImage *d, bool force) {
        _cleanup_(partition_done) Partition p = {};

        ck_assert_msg(format(d, force, &p) == 0, "%s", strempty(d->error.message));
        ck_assert_str_eq(p.device, disk_image_name(d, 1));
        ck_assert(partition_is_esp(&p));
        ck_assert_str_eq(p.fs_type, "vfat");
        ck_assert_uint_eq(strlen(p.fs_uuid), strlen("ABCD-0123"));
        ck_assert_ptr_null(p.in_use);
}

/* With the reason, and not one byte of the disk was changed. */
static void assert_refused_as(DiskImage *d, const EspFormatRequest *request, ErrorCode code) {
        char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
        _cleanup_(partition_done) Partition p = {};

        ck_assert_int_eq(fsync(d->loop), 0);
        (void) digest_of(d->fd, before);
        ck_assert_int_lt(format_as(d, request, &p), 0);
        ck_assert_msg(d->error.code == code, "%s", strempty(d->error.message));
        ck_assert_int_eq(fsync(d->loop), 0);
        (void) digest_of(d->fd, after);
        ck_assert_str_eq(before, after);
}

static void assert_refused(DiskImage *d, bool force, ErrorCode code) {
        const EspFormatRequest request = request_of(d, 1, force);

        assert_refused_as(d, &request, code);
}

static void on_partition(const DiskImage *d, const char *command) {
        _cleanup_free_ char *line = strprintf("%s %s", command, disk_image_name(d, 1));

        ck_assert_msg(run_tool(line) == 0, "'%s' failed", line);
}

START_TEST(empty_partition_becomes_an_esp) {
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d, 512, 256, "gpt", "L");
        assert_formats(&d, false);
        on_partition(&d, "fsck.vfat -n");
}
END_TEST

START_TEST(partition_of_an_mbr_becomes_an_esp) {
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d, 512, 300, "dos", "83");
        assert_formats(&d, false);
}
END_TEST

START_TEST(esp_on_large_sectors_is_fat32_from_257_mib_on) {
        _cleanup_disk_image_ DiskImage d, small;

        disk_init(&small, 4096, 256, "gpt", "U");
        assert_refused(&small, true, ERROR_TOO_SMALL);
        disk_init(&d, 4096, 257, "gpt", "L");
        assert_formats(&d, false);
        on_partition(&d, "fsck.vfat -n");
}
END_TEST

START_TEST(what_is_there_is_lost_by_force_only_and_wholly) {
        _cleanup_(partitions_done) Partitions l = {};
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d, 512, 256, "gpt", "U");
        on_partition(&d, "mkfs.ext2 -q -F");
        assert_refused(&d, false, ERROR_ALREADY_FORMATTED);
        assert_formats(&d, true);
        assert_refused(&d, false, ERROR_ALREADY_FORMATTED);
        on_partition(&d, "mkswap");
        assert_refused(&d, false, ERROR_ESP_IN_USE);
        assert_formats(&d, true);
        on_partition(&d, "echo 'label: gpt' | sfdisk -q --no-tell-kernel --no-reread");
        assert_formats(&d, true);
        ck_assert_int_eq(disk_probe(d.root, d.loop_path + strlen("/dev/"), &l, &d.error), 0);
        ck_assert_str_eq(partition_of(&l, 1)->fs_type, "vfat");
}
END_TEST

START_TEST(partition_that_somebody_claims_is_left_alone_whatever_is_asked) {
        _cleanup_disk_image_ DiskImage d;
        int fd;

        disk_init(&d, 512, 256, "gpt", "L");
        fd = open(disk_image_name(&d, 1), O_RDONLY | O_EXCL | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        assert_refused(&d, true, ERROR_ESP_IN_USE);
        safe_close(fd);
}
END_TEST

START_TEST(whole_disk_is_left_alone) {
        _cleanup_disk_image_ DiskImage d;
        EspFormatRequest request;

        disk_init(&d, 512, 256, "gpt", "L");
        request = request_of(&d, 0, true);
        assert_refused_as(&d, &request, ERROR_NOT_A_PARTITION);
        ck_assert_ptr_nonnull(strstr(d.error.message, d.loop_path));
}
END_TEST

START_TEST(what_is_no_device_is_named) {
        static const char *const names[] = { "sdxyz9", "null" };
        const CopyWatch watch = { .stop = stop, .moved = moved };
        Root *root;

        ck_assert_int_eq(root_open("/", &root), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const EspFormatRequest request = { .name = names[i], .id = { .number = 1 } };
                _cleanup_(partition_done) Partition p = {};
                _cleanup_error_ Error error = {};

                ck_assert_int_lt(esp_format(root, &request, &watch, &p, &error), 0);
                ck_assert_int_eq(error.code, ERROR_NOT_A_PARTITION);
                ck_assert_ptr_nonnull(strstr(error.message, names[i]));
        }
        root_free(root);
}
END_TEST

START_TEST(lock_of_somebody_else_is_waited_for_and_respected) {
        _cleanup_close_ int other = -EBADF;
        _cleanup_disk_image_ DiskImage d;

        disk_init(&d, 512, 256, "gpt", "U");
        other = open(d.loop_path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(flock(other, LOCK_SH), 0);
        assert_refused(&d, true, ERROR_BUSY);
        ck_assert_int_eq(flock(other, LOCK_UN), 0);
        assert_formats(&d, true);
}
END_TEST

START_TEST(stop_before_the_first_write_leaves_all_as_it_was) {
        char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
        Watched watched = { .stop = true };
        const CopyWatch watch = { .stop = stop, .moved = moved, .userdata = &watched };
        _cleanup_(partition_done) Partition p = {};
        _cleanup_disk_image_ DiskImage d;
        EspFormatRequest request;

        disk_init(&d, 512, 256, "gpt", "L");
        request = request_of(&d, 1, true);
        (void) digest_of(d.fd, before);
        ck_assert_int_eq(esp_format(d.root, &request, &watch, &p, &d.error), -ECANCELED);
        (void) digest_of(d.fd, after);
        ck_assert_str_eq(before, after);
}
END_TEST

/* As after another disk was plugged in where the one was that was asked for. */
START_TEST(another_device_of_the_name_is_left_as_it_is) {
        _cleanup_disk_image_ DiskImage d;
        EspFormatRequest request;

        disk_init(&d, 512, 256, "gpt", "L");
        request = request_of(&d, 1, true);
        request.id.diskseq--;
        assert_refused_as(&d, &request, ERROR_DEVICE_CHANGED);
        ck_assert_ptr_nonnull(strstr(d.error.message, disk_image_name(&d, 1)));
        request = request_of(&d, 1, true);
        request.id.number++;
        assert_refused_as(&d, &request, ERROR_DEVICE_CHANGED);
        assert_formats(&d, true);
}
END_TEST

START_TEST(write_protected_disk_is_called_that) {
        const int on = 1, off = 0;
        _cleanup_disk_image_ DiskImage d;
        int fd;

        disk_init(&d, 512, 256, "gpt", "L");
        fd = open(disk_image_name(&d, 1), O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(ioctl(fd, BLKROSET, &on), 0);
        assert_refused(&d, true, ERROR_READ_ONLY);
        ck_assert_ptr_nonnull(strstr(d.error.message, disk_image_name(&d, 1)));
        ck_assert_ptr_nonnull(strstr(d.error.message, "write-protected"));
        ck_assert_int_eq(ioctl(fd, BLKROSET, &off), 0);
        safe_close(fd);
        assert_formats(&d, true);
}
END_TEST

CHECK_MAIN("esp-format", write_protected_disk_is_called_that,
           another_device_of_the_name_is_left_as_it_is, empty_partition_becomes_an_esp,
           partition_of_an_mbr_becomes_an_esp, esp_on_large_sectors_is_fat32_from_257_mib_on,
           what_is_there_is_lost_by_force_only_and_wholly,
           partition_that_somebody_claims_is_left_alone_whatever_is_asked, whole_disk_is_left_alone,
           what_is_no_device_is_named, lock_of_somebody_else_is_waited_for_and_respected,
           stop_before_the_first_write_leaves_all_as_it_was)
