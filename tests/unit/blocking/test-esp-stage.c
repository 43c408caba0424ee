/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Staging beside the old content, and that nothing is left or touched that should not be. */

#include <pthread.h>

#include "../check-main.h"
#include "blocking/esp/esp-stage.h"
#include "throwaway-esp.h"

#define ON_ESP   "EFI/proxmox/initrd.img-1-pve"
#define STAGED   ON_ESP ".new"
#define LEFTOVER "EFI/proxmox/1-pve/initrd.img-1-pve.new"
#define SOURCE   "boot/initrd.img-1-pve"

typedef struct Case {
        Throwaway t;
        PlanStep step;
        Counter counter;
        EspStage stage;
        Error error;
} Case;

static void case_done(Case *c) {
        esp_stage_done(&c->stage);
        error_done(&c->error);
        throwaway_done(&c->t);
}

#define _cleanup_case_ _cleanup_(case_done)

static void case_init(Case *c, const void *source, size_t size) {
        const struct timespec times[2] = { { .tv_sec = 1 },
                                           { .tv_sec = 1700000001, .tv_nsec = 5 } };

        *c = (Case){
                .step = { .action = PLAN_STAGE, .path = (char *) ON_ESP, .source = (char *) SOURCE }
        };
        throwaway_init(&c->t);
        c->stage.volume = &c->t.volume;
        c->counter.userdata = c;
        throwaway_put(&c->t, SOURCE, source, size);
        ck_assert_int_eq(utimensat(AT_FDCWD, throwaway_path(&c->t, SOURCE), times, 0), 0);
        c->step.stamp = throwaway_stamp(&c->t, SOURCE);
}

static int stage_file(Case *c) {
        CopyWatch watch = counter_watch(&c->counter);

        return esp_stage(&c->stage, c->t.root, &c->step, &watch, &c->error);
}

static int stage_text(Case *c, const char *text) {
        PlanStep step = { .action = PLAN_STAGE_TEXT,
                          .path = (char *) ON_ESP,
                          .text = (char *) text };
        CopyWatch watch = counter_watch(&c->counter);

        return esp_stage(&c->stage, c->t.root, &step, &watch, &c->error);
}

START_TEST(staged_file_lies_beside_the_old_one_with_content_mode_and_time) {
        _cleanup_case_ Case c;
        struct stat st;

        case_init(&c, "new content", 11);
        throwaway_put_text(&c.t, ESP(ON_ESP), "old");
        ck_assert_int_eq(stage_file(&c), 0);
        throwaway_assert_text(&c.t, ESP(ON_ESP), "old");
        throwaway_assert_text(&c.t, ESP(STAGED), "new content");
        ck_assert_int_eq(stat(throwaway_path(&c.t, ESP(STAGED)), &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        ck_assert_int_eq(st.st_mtim.tv_sec, 1700000000);
        ck_assert_int_eq(st.st_mtim.tv_nsec, 0);
        ck_assert_int_eq(esp_stage_take(&c.stage, ON_ESP, &c.error), 0);
}
END_TEST

START_TEST(bytes_are_counted_when_written_and_when_read_back) {
        const size_t size = 17 * COPY_BLOCK_SIZE + 3;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size);
        ck_assert_int_eq(stage_file(&c), 0);
        ck_assert_uint_eq(c.counter.written, size);
        ck_assert_uint_eq(c.counter.n_written, 3); /* two strides, and the rest */
        ck_assert_uint_eq(c.counter.read, size);
        ck_assert_uint_eq(c.counter.n_read, 3);
        throwaway_assert_text(&c.t, ESP(STAGED), data);
}
END_TEST

/* No stack is as large as what it would need. */
static void refuse_threads(void) {
        pthread_attr_t attributes;

        ck_assert_int_eq(pthread_attr_init(&attributes), 0);
        ck_assert_int_eq(pthread_attr_setstacksize(&attributes, (size_t) 1 << 48), 0);
        ck_assert_int_eq(pthread_setattr_default_np(&attributes), 0);
}

static void *nothing(void *userdata) {
        return userdata;
}

START_TEST(where_no_thread_can_be_had_the_writer_reads_back_itself) {
        const size_t size = 17 * COPY_BLOCK_SIZE + 3;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;
        pthread_t thread;

        case_init(&c, data, size);
        refuse_threads();
        ck_assert_int_ne(pthread_create(&thread, NULL, nothing, NULL), 0);
        ck_assert_int_eq(stage_file(&c), 0);
        ck_assert_uint_eq(c.counter.read, size);
        throwaway_assert_text(&c.t, ESP(STAGED), data);
}
END_TEST

START_TEST(what_another_run_left_is_not_written_over_nor_discarded) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        throwaway_put_text(&c.t, ESP(STAGED), "left");
        ck_assert_int_eq(stage_file(&c), -EEXIST);
        ck_assert(!esp_stage_discard(&c.stage));
        throwaway_assert_text(&c.t, ESP(STAGED), "left");
}
END_TEST

static void append_to_source(void *userdata) {
        Case *c = userdata;
        FILE *f = fopen(throwaway_path(&c->t, SOURCE), "a");

        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs("more", f), 0);
        ck_assert_int_eq(fclose(f), 0);
        c->counter.when_asked = NULL;
}

START_TEST(source_that_changes_meanwhile_fails_and_leaves_nothing) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        c.counter.when_asked = append_to_source;
        ck_assert_int_eq(stage_file(&c), -ESTALE);
        ck_assert_int_eq(c.error.code, ERROR_SOURCE_CHANGED);
        ck_assert_ptr_nonnull(strstr(c.error.message, "changed while it was being read"));
        ck_assert_int_lt(esp_stage_take(&c.stage, ON_ESP, NULL), 0);
        ck_assert(esp_stage_discard(&c.stage));
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));
}
END_TEST

START_TEST(source_of_another_stamp_is_not_copied_at_all) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        c.step.stamp.inode++;
        ck_assert_int_eq(stage_file(&c), -ESTALE);
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));
        ck_assert(!esp_stage_discard(&c.stage));
}
END_TEST

START_TEST(source_that_is_still_being_written_is_not_copied_until_it_is_closed) {
        _cleanup_close_ int writer = -EBADF;
        _cleanup_case_ Case c;

        case_init(&c, "half", 4);
        writer = open(throwaway_path(&c.t, SOURCE), O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(writer, 0);
        ck_assert_int_eq(stage_file(&c), -ESTALE);
        ck_assert_ptr_nonnull(strstr(c.error.message, "still being written"));
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));

        writer = safe_close(writer);
        error_done(&c.error);
        ck_assert_int_eq(stage_file(&c), 0);
}
END_TEST

START_TEST(source_that_is_a_directory_is_not_copied) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, SOURCE)), 0);
        throwaway_mkdir(&c.t, SOURCE);
        c.step.stamp = throwaway_stamp(&c.t, SOURCE);
        ck_assert_int_eq(stage_file(&c), -ESTALE);
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));
}
END_TEST

START_TEST(stopped_copy_is_discarded) {
        const size_t size = 3 * COPY_BLOCK_SIZE;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size);
        c.counter.stop_at = 2;
        ck_assert_int_eq(stage_file(&c), -ECANCELED);
        ck_assert_int_eq(c.error.code, ERROR_CANCELED);
        ck_assert(throwaway_has(&c.t, ESP(STAGED)));
        ck_assert(esp_stage_discard(&c.stage));
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));
}
END_TEST

START_TEST(copy_that_is_stopped_while_its_strides_are_read_back_is_discarded) {
        const size_t size = 6 * COPY_STRIDE;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size);
        c.counter.stop_at = 5 * COPY_STRIDE / COPY_BLOCK_SIZE;
        ck_assert_int_eq(stage_file(&c), -ECANCELED);
        ck_assert_uint_gt(c.counter.read, 0);
        ck_assert_uint_lt(c.counter.written, size);
        ck_assert(esp_stage_discard(&c.stage));
        ck_assert(!throwaway_has(&c.t, ESP(STAGED)));
}
END_TEST

/* After the last sync and before the file is read back. */
static void damage_staged(void *userdata) {
        Case *c = userdata;

        throwaway_put_text(&c->t, ESP(STAGED), "mew");
}

START_TEST(disk_that_gives_back_something_else_is_found_out) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        c.counter.when_written = damage_staged;
        ck_assert_int_lt(stage_file(&c), 0);
        ck_assert_int_eq(c.error.code, ERROR_VERIFY_FAILED);
        ck_assert_ptr_nonnull(strstr(c.error.message, UUID));
        ck_assert_int_lt(esp_stage_take(&c.stage, ON_ESP, NULL), 0);
}
END_TEST

/* While the strides that follow are written. */
static void damage_first_stride(void *userdata) {
        Case *c = userdata;
        int fd = open(throwaway_path(&c->t, ESP(STAGED)), O_WRONLY | O_CLOEXEC);

        c->counter.when_written = NULL;
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pwrite(fd, "?", 1, COPY_STRIDE - 1), 1);
        ck_assert_int_eq(close(fd), 0);
}

START_TEST(disk_that_loses_a_byte_of_many_is_found_out_at_once) {
        const size_t size = 5 * COPY_STRIDE;
        _cleanup_free_ char *data = pattern(size);
        _cleanup_case_ Case c;

        case_init(&c, data, size);
        c.counter.when_written = damage_first_stride;
        ck_assert_int_lt(stage_file(&c), 0);
        ck_assert_int_eq(c.error.code, ERROR_VERIFY_FAILED);
        ck_assert_uint_lt(c.counter.written, size);
}
END_TEST

START_TEST(text_is_staged_and_read_back_like_a_file) {
        _cleanup_case_ Case c;
        struct stat st;

        case_init(&c, "", 0);
        ck_assert_int_eq(stage_text(&c, "timeout 3\n"), 0);
        throwaway_assert_text(&c.t, ESP(STAGED), "timeout 3\n");
        ck_assert_int_eq(stat(throwaway_path(&c.t, ESP(STAGED)), &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        ck_assert_int_eq(esp_stage_take(&c.stage, ON_ESP, &c.error), 0);
        ck_assert_uint_eq(c.counter.written, 10);
        ck_assert_uint_eq(c.counter.read, 10);
}
END_TEST

START_TEST(text_that_reads_back_otherwise_is_found_out) {
        _cleanup_case_ Case c;

        case_init(&c, "", 0);
        c.counter.when_written = damage_staged;
        ck_assert_int_lt(stage_text(&c, "new"), 0);
        ck_assert_int_eq(c.error.code, ERROR_VERIFY_FAILED);
}
END_TEST

START_TEST(empty_text_is_staged) {
        _cleanup_case_ Case c;

        case_init(&c, "", 0);
        ck_assert_int_eq(stage_text(&c, ""), 0);
        throwaway_assert_text(&c.t, ESP(STAGED), "");
}
END_TEST

START_TEST(only_what_was_staged_can_be_taken_and_only_once) {
        _cleanup_case_ Case c;

        case_init(&c, "new", 3);
        throwaway_put_text(&c.t, ESP("EFI/proxmox/other.new"), "left");
        ck_assert_int_lt(esp_stage_take(&c.stage, "EFI/proxmox/other", &c.error), 0);
        ck_assert_int_eq(c.error.code, ERROR_FAILED);
        ck_assert_int_eq(stage_file(&c), 0);
        ck_assert_int_eq(esp_stage_take(&c.stage, ON_ESP, NULL), 0);
        ck_assert_int_lt(esp_stage_take(&c.stage, ON_ESP, NULL), 0);
        ck_assert(!esp_stage_discard(&c.stage));
        ck_assert(throwaway_has(&c.t, ESP(STAGED)));
}
END_TEST

START_TEST(mkdir_makes_parents_and_accepts_what_is_there) {
        _cleanup_case_ Case c;

        case_init(&c, "", 0);
        ck_assert_int_eq(esp_stage_mkdir(&c.t.volume, "EFI/proxmox/a/b", &c.error), 0);
        ck_assert(throwaway_has(&c.t, ESP("EFI/proxmox/a/b")));
        ck_assert_int_eq(esp_stage_mkdir(&c.t.volume, "EFI/proxmox/a/b", &c.error), 0);
        ck_assert_int_eq(esp_stage_mkdir(&c.t.volume, "top", &c.error), 0);
        ck_assert(throwaway_has(&c.t, ESP("top")));
        throwaway_put_text(&c.t, ESP("EFI/file"), "x");
        ck_assert_int_eq(esp_stage_mkdir(&c.t.volume, "EFI/file/x", &c.error), -ENOTDIR);
        ck_assert_ptr_nonnull(strstr(c.error.message, "'EFI/file'"));
        ck_assert_int_eq(esp_stage_mkdir(&c.t.volume, "EFI/file", NULL), -ENOTDIR);
}
END_TEST

START_TEST(clear_removes_leftovers_and_nothing_else) {
        _cleanup_case_ Case c;

        case_init(&c, "", 0);
        throwaway_put_text(&c.t, ESP(LEFTOVER), "left");
        throwaway_put_text(&c.t, ESP(ON_ESP), "live");
        throwaway_put_text(&c.t, ESP("EFI/proxmox/theirs.new"), "live");
        ck_assert_int_eq(esp_stage_clear(&c.t.volume, LEFTOVER, &c.error), 0);
        ck_assert(!throwaway_has(&c.t, ESP(LEFTOVER)));
        ck_assert_int_eq(esp_stage_clear(&c.t.volume, LEFTOVER, &c.error), 0);
        ck_assert_int_eq(esp_stage_clear(&c.t.volume, "loader/entries/proxmox-1-pve.conf.new",
                                         &c.error),
                         0);
        ck_assert_int_lt(esp_stage_clear(&c.t.volume, "EFI/proxmox/theirs.new", &c.error), 0);
        ck_assert_int_eq(c.error.code, ERROR_FAILED);
        ck_assert_int_lt(esp_stage_clear(&c.t.volume, ON_ESP, &c.error), 0);
        throwaway_assert_text(&c.t, ESP("EFI/proxmox/theirs.new"), "live");
        throwaway_assert_text(&c.t, ESP(ON_ESP), "live");
}
END_TEST

CHECK_MAIN("esp-stage", staged_file_lies_beside_the_old_one_with_content_mode_and_time,
           bytes_are_counted_when_written_and_when_read_back,
           where_no_thread_can_be_had_the_writer_reads_back_itself,
           what_another_run_left_is_not_written_over_nor_discarded,
           source_that_changes_meanwhile_fails_and_leaves_nothing,
           source_of_another_stamp_is_not_copied_at_all, source_that_is_a_directory_is_not_copied,
           source_that_is_still_being_written_is_not_copied_until_it_is_closed,
           stopped_copy_is_discarded,
           copy_that_is_stopped_while_its_strides_are_read_back_is_discarded,
           disk_that_gives_back_something_else_is_found_out,
           disk_that_loses_a_byte_of_many_is_found_out_at_once,
           text_is_staged_and_read_back_like_a_file, text_that_reads_back_otherwise_is_found_out,
           empty_text_is_staged, only_what_was_staged_can_be_taken_and_only_once,
           mkdir_makes_parents_and_accepts_what_is_there, clear_removes_leftovers_and_nothing_else)
