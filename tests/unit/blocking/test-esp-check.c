/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a file counts as equal, and when nothing is read to find that out. */

#include "../check-main.h"
#include "blocking/esp/esp-check.h"
#include "throwaway-esp.h"

#define ON_ESP "EFI/proxmox/1-pve/vmlinuz-1-pve"
#define SOURCE "boot/vmlinuz-1-pve"

typedef struct Case {
        Throwaway t;
        PlanStep step;
        Counter counter;
        EspFile file;
        Error error;
} Case;

static void case_done(Case *c) {
        esp_file_done(&c->file);
        error_done(&c->error);
        throwaway_done(&c->t);
}

#define _cleanup_case_ _cleanup_(case_done)

static void case_init(Case *c, const void *on_esp, size_t esp_size, const void *source,
                      size_t source_size) {
        *c = (Case){
                .step = { .action = PLAN_CHECK, .path = (char *) ON_ESP, .source = (char *) SOURCE }
        };
        throwaway_init(&c->t);
        throwaway_put(&c->t, ESP(ON_ESP), on_esp, esp_size);
        throwaway_put(&c->t, SOURCE, source, source_size);
        c->step.stamp = throwaway_stamp(&c->t, SOURCE);
}

static void case_trust(Case *c) {
        FileStamp stamp = throwaway_stamp(&c->t, ESP(ON_ESP));

        c->step.trust = true;
        c->step.esp_size = stamp.size;
        c->step.esp_mtime = stamp.mtime;
}

static int check(Case *c) {
        CopyWatch watch = counter_watch(&c->counter);

        return esp_check(&c->t.volume, c->t.root, &c->step, &watch, &c->file, &c->error);
}

START_TEST(absent_file_gives_nothing) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, ESP(ON_ESP))), 0);
        ck_assert_int_eq(check(&c), 0);
        ck_assert_ptr_null(c.file.path);
}
END_TEST

START_TEST(trusted_file_is_not_read_nor_is_its_source) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "xyz", 3);
        case_trust(&c);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, SOURCE)), 0);
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_TRUSTED);
        ck_assert_str_eq(c.file.path, ON_ESP);
        ck_assert_uint_eq(c.file.size, 3);
        ck_assert_uint_eq(c.counter.read, 0);
}
END_TEST

START_TEST(trust_ends_with_another_size_or_mtime) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "xyz", 3);
        case_trust(&c);
        c.step.esp_mtime++;
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
        esp_file_done(&c.file);
        c.step.esp_mtime--;
        c.step.esp_size++;
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
}
END_TEST

START_TEST(other_size_differs_without_reading_the_source) {
        _cleanup_case_ Case c;

        case_init(&c, "abcd", 4, "abc", 3);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, SOURCE)), 0);
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
        ck_assert_uint_eq(c.counter.read, 0);
}
END_TEST

START_TEST(equal_content_counts_both_files) {
        const size_t size = 9 * COPY_BLOCK_SIZE + 3;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size, data, size);
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_EQUAL);
        ck_assert_uint_eq(c.counter.read, 2 * size);
        ck_assert_uint_eq(c.counter.n_read, 3);
        ck_assert_uint_eq(c.counter.written, 0);
}
END_TEST

START_TEST(one_other_byte_at_the_end_differs) {
        const size_t size = COPY_BLOCK_SIZE + 4097;
        _cleanup_free_ char *data = pattern(size), *other = pattern(size);
        _cleanup_case_ Case c;

        other[size - 1] ^= 1;
        case_init(&c, other, size, data, size);
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
}
END_TEST

/* A block of the source is read in pieces; none may be left out. */
START_TEST(one_other_byte_differs_wherever_it_is) {
        const size_t size = COPY_BLOCK_SIZE + 1000, step = 32 * 1024;
        _cleanup_free_ char *data = pattern(size), *other = pattern(size);

        for (size_t at = 0; at < size; at += step) {
                _cleanup_case_ Case c;

                other[at] ^= 0x10;
                case_init(&c, data, size, other, size);
                other[at] ^= 0x10;
                ck_assert_int_eq(check(&c), 1);
                ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
        }
}
END_TEST

START_TEST(first_other_block_ends_the_reading) {
        const size_t size = 20 * COPY_BLOCK_SIZE;
        _cleanup_free_ char *data = pattern(size), *other = pattern(size);
        _cleanup_case_ Case c;

        other[0] ^= 1;
        case_init(&c, other, size, data, size);
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
        ck_assert_uint_eq(c.counter.asked, 1);
}
END_TEST

static bool disk_is_broken;

ssize_t __real_pread64(int fd, void *data, size_t size, off64_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off64_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off64_t offset) {
        char link[64], path[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        ck_assert_int_gt(n, 0);
        path[n] = '\0';
        if (!disk_is_broken || !strstr(path, ON_ESP))
                return __real_pread64(fd, data, size, offset);
        errno = EIO;
        return -1;
}

START_TEST(file_that_the_disk_does_not_give_is_unreadable_and_no_end_of_the_look) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        disk_is_broken = true;
        ck_assert_int_eq(check(&c), 1);
        disk_is_broken = false;
        ck_assert_int_eq(c.file.verdict, VERDICT_UNREADABLE);
        ck_assert(!error_is_set(&c.error));
}
END_TEST

START_TEST(directory_in_the_place_of_a_file_differs) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, ESP(ON_ESP))), 0);
        throwaway_mkdir(&c.t, ESP(ON_ESP));
        ck_assert_int_eq(check(&c), 1);
        ck_assert_int_eq(c.file.type, FILE_DIRECTORY);
        ck_assert_int_eq(c.file.verdict, VERDICT_DIFFERS);
}
END_TEST

START_TEST(source_that_is_not_the_planned_one_fails) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        c.step.stamp.ctime--;
        ck_assert_int_eq(check(&c), -ESTALE);
        ck_assert_int_eq(c.error.code, ERROR_SOURCE_CHANGED);
        ck_assert_ptr_nonnull(
                        strstr(c.error.message, "vmlinuz-1-pve' changed while it was being read"));
        ck_assert_ptr_nonnull(strstr(c.error.message, "it will be tried again"));
}
END_TEST

START_TEST(source_that_is_gone_counts_as_changed) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, SOURCE)), 0);
        ck_assert_int_eq(check(&c), -ESTALE);
        ck_assert_ptr_null(c.file.path);
}
END_TEST

static void append_to_source(void *userdata) {
        Case *c = userdata;
        FILE *f = fopen(throwaway_path(&c->t, SOURCE), "a");

        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs("more", f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

START_TEST(source_that_changes_meanwhile_fails_even_if_equal_so_far) {
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        c.counter.when_asked = append_to_source;
        c.counter.userdata = &c;
        ck_assert_int_eq(check(&c), -ESTALE);
}
END_TEST

START_TEST(comparison_can_be_stopped) {
        const size_t size = 3 * COPY_BLOCK_SIZE;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size, data, size);
        c.counter.stop_at = 2;
        ck_assert_int_eq(check(&c), -ECANCELED);
        ck_assert_uint_eq(c.counter.asked, 2);
        ck_assert_ptr_null(c.file.path);
}
END_TEST

START_TEST(kept_file_must_be_as_it_was_seen) {
        PlanStep keep = { .action = PLAN_KEEP, .path = (char *) ON_ESP };
        _cleanup_case_ Case c;

        case_init(&c, "abc", 3, "abc", 3);
        case_trust(&c);
        keep.esp_size = c.step.esp_size;
        keep.esp_mtime = c.step.esp_mtime;
        ck_assert_int_eq(esp_keep(&c.t.volume, &keep, NULL), 0);
        keep.esp_size++;
        ck_assert_int_eq(esp_keep(&c.t.volume, &keep, NULL), -ESTALE);
        keep.esp_size--;
        keep.esp_mtime++;
        ck_assert_int_eq(esp_keep(&c.t.volume, &keep, NULL), -ESTALE);
        keep.esp_mtime--;
        ck_assert_int_eq(unlink(throwaway_path(&c.t, ESP(ON_ESP))), 0);
        ck_assert_int_eq(esp_keep(&c.t.volume, &keep, &c.error), -ESTALE);
        ck_assert_int_eq(c.error.code, ERROR_FAILED);
        ck_assert_ptr_nonnull(strstr(c.error.message, ON_ESP));
}
END_TEST

CHECK_MAIN("esp-check", absent_file_gives_nothing, trusted_file_is_not_read_nor_is_its_source,
           trust_ends_with_another_size_or_mtime, other_size_differs_without_reading_the_source,
           equal_content_counts_both_files, one_other_byte_at_the_end_differs,
           one_other_byte_differs_wherever_it_is, first_other_block_ends_the_reading,
           file_that_the_disk_does_not_give_is_unreadable_and_no_end_of_the_look,
           directory_in_the_place_of_a_file_differs, source_that_is_not_the_planned_one_fails,
           source_that_is_gone_counts_as_changed,
           source_that_changes_meanwhile_fails_even_if_equal_so_far, comparison_can_be_stopped,
           kept_file_must_be_as_it_was_seen)
