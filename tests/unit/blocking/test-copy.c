/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading in blocks, and what the sink sees of it. */

#include "../check-main.h"
#include "throwaway-esp.h"

typedef struct Collected {
        Buffer data;
        size_t sizes[8];
        size_t n;
        int fail;
} Collected;

static int collect(const void *data, size_t size, void *userdata) {
        Collected *c = userdata;

        ck_assert_uint_lt(c->n, ELEMENTSOF(c->sizes));
        c->sizes[c->n++] = size;
        buffer_append(&c->data, data, size);
        return c->fail;
}

static int open_file(const Throwaway *t, const char *path) {
        int fd = open(throwaway_path(t, path), O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

START_TEST(file_comes_in_whole_blocks_and_a_rest) {
        const size_t size = 3 * COPY_BLOCK_SIZE + 5;
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t read;

        throwaway_init(&t);
        throwaway_put(&t, "boot/x", data, size);
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(copy_read(fd, collect, &c, &read), 0);
        ck_assert_uint_eq(read, size);
        ck_assert_uint_eq(c.n, 4);
        ck_assert_uint_eq(c.sizes[0], COPY_BLOCK_SIZE);
        ck_assert_uint_eq(c.sizes[3], 5);
        ck_assert_uint_eq(c.data.size, size);
        ck_assert_mem_eq(c.data.data, data, size);
        buffer_done(&c.data);
}
END_TEST

START_TEST(file_of_exactly_two_blocks_has_no_empty_third) {
        const size_t size = 2 * COPY_BLOCK_SIZE;
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t read;

        throwaway_init(&t);
        throwaway_put(&t, "boot/x", data, size);
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(copy_read(fd, collect, &c, &read), 0);
        ck_assert_uint_eq(c.n, 2);
        ck_assert_uint_eq(read, size);
        buffer_done(&c.data);
}
END_TEST

START_TEST(empty_file_has_no_block) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t size;

        throwaway_init(&t);
        throwaway_put_text(&t, "boot/x", "");
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(copy_read(fd, collect, &c, &size), 0);
        ck_assert_uint_eq(size, 0);
        ck_assert_uint_eq(c.n, 0);
}
END_TEST

START_TEST(error_of_the_sink_ends_the_reading) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *data = pattern(2 * COPY_BLOCK_SIZE);
        _cleanup_close_ int fd = -EBADF;
        Collected c = { .fail = -ECANCELED };
        uint64_t size = 7;

        throwaway_init(&t);
        throwaway_put(&t, "boot/x", data, 2 * COPY_BLOCK_SIZE);
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(copy_read(fd, collect, &c, &size), -ECANCELED);
        ck_assert_uint_eq(c.n, 1);
        ck_assert_uint_eq(size, 7);
        buffer_done(&c.data);
}
END_TEST

START_TEST(reading_starts_at_the_begin_whatever_the_file_offset) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t size;

        throwaway_init(&t);
        throwaway_put_text(&t, "boot/x", "abc");
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(lseek(fd, 2, SEEK_SET), 2);
        ck_assert_int_eq(copy_read(fd, collect, &c, &size), 0);
        ck_assert_mem_eq(c.data.data, "abc", 3);
        ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 2);
        buffer_done(&c.data);
}
END_TEST

START_TEST(bypassing_the_cache_gives_the_same_to_the_last_odd_byte) {
        const size_t size = COPY_BLOCK_SIZE + 4097;
        _cleanup_throwaway_ Throwaway t;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t read;

        throwaway_init(&t);
        throwaway_put(&t, "boot/x", data, size);
        fd = open_file(&t, "boot/x");
        ck_assert_int_eq(fsync(fd), 0);
        copy_bypass_cache(fd);
        ck_assert_int_eq(copy_read(fd, collect, &c, &read), 0);
        ck_assert_uint_eq(read, size);
        ck_assert_mem_eq(c.data.data, data, size);
        buffer_done(&c.data);
}
END_TEST

START_TEST(directory_cannot_be_read) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_close_ int fd = -EBADF;
        Collected c = {};
        uint64_t size;

        throwaway_init(&t);
        fd = open_file(&t, "boot");
        ck_assert_int_eq(copy_read(fd, collect, &c, &size), -EISDIR);
}
END_TEST

START_TEST(meter_tells_at_each_stride_and_the_rest_once) {
        Counter counter = { .stop_at = 2 };
        CopyWatch watch = counter_watch(&counter);
        CopyMeter meter = { .watch = &watch, .move = COPY_READ };

        copy_meter_add(&meter, COPY_STRIDE - 1);
        ck_assert_uint_eq(counter.read, 0);
        copy_meter_add(&meter, 1);
        ck_assert_uint_eq(counter.read, COPY_STRIDE);
        copy_meter_add(&meter, 3);
        copy_meter_tell(&meter);
        copy_meter_tell(&meter);
        ck_assert_uint_eq(counter.read, COPY_STRIDE + 3);
        ck_assert_uint_eq(counter.n_read, 2);
        ck_assert_int_eq(copy_meter_ask(&meter), 0);
        ck_assert_int_eq(copy_meter_ask(&meter), -ECANCELED);
}
END_TEST

CHECK_MAIN("copy", file_comes_in_whole_blocks_and_a_rest,
           file_of_exactly_two_blocks_has_no_empty_third, empty_file_has_no_block,
           error_of_the_sink_ends_the_reading, reading_starts_at_the_begin_whatever_the_file_offset,
           bypassing_the_cache_gives_the_same_to_the_last_odd_byte, directory_cannot_be_read,
           meter_tells_at_each_stride_and_the_rest_once)
