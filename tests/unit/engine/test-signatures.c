/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys and signatures are asked for when they may be others, by one worker at a time, and never in
 * the way of a job. */

#include "engine/signatures.h"

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define HEAD "secure-boot ignores-db=0 checks-nothing=0 sbat-level=\n"
#define DBX  "digests store=dbx n=2\n"
#define FILE_OF_ESP                                                                      \
        "signed-file path=/EFI/BOOT/BOOTX64.EFI inode=1 size=2 mtime=3 ctime=4 signed=0" \
        " signer= issuer= not-after=0 firmware=0 firmware-reason=it%20is%20not%20signed" \
        " shim=0 shim-reason=it%20is%20not%20signed\n"

typedef struct Eye {
        Lab lab;
        Files *files;
        Esps *esps;
        Signatures *s;
        Firmware firmware;
        unsigned n_host, n_esps;
} Eye;

static void on_esp(Esp *esp, void *userdata) {
}

static const EspsListener esps_listener = {
        .added = on_esp, .renamed = on_esp, .moved = on_esp, .removed = on_esp
};

static void review(Eye *e) {
        signatures_review(e->s, &e->firmware, false);
}

/* As the state does it. */
static void on_judged(Esp *esp, void *userdata) {
        Eye *e = userdata;

        *(esp ? &e->n_esps : &e->n_host) += 1;
        review(e);
}

static void open_eye(Eye *e) {
        Workers *workers;

        lab_open(&e->lab);
        e->lab.hold = "*";
        e->firmware = (Firmware){ .uefi = true, .boot_current = -1 };
        e->firmware.secure_boot = SECURE_BOOT_DISABLED;
        workers = lab_workers(&e->lab, NULL, NULL);
        ck_assert_int_ge(files_new(e->lab.t.root, &e->files), 0);
        ck_assert_int_ge(files_read(e->files), 0);
        ck_assert_int_ge(esps_new(workers, &esps_listener, e, &e->esps), 0);
        ck_assert_int_ge(esps_list(e->esps, files_facts(e->files)->conf.esps.items), 0);
        (void) esps_update_presence(e->esps);
        ck_assert_int_ge(signatures_new(workers, files_facts(e->files), e->esps, on_judged, e,
                                        &e->s),
                         0);
}

static void close_eye(Eye *e) {
        signatures_free(e->s);
        esps_free(e->esps);
        files_free(e->files);
        lab_close(&e->lab);
}
#define _cleanup_eye_ _cleanup_(close_eye)

static void say(Worker *w, const char *record) {
        worker_say(w, &(Report){ .type = REPORT_STARTED });
        worker_say(w, &(Report){ .type = REPORT_SECURE_BOOT, .text = (char *) record });
}

static Worker *held(Eye *e) {
        return lab_held(&e->lab, NULL) ?: lab_held(&e->lab, ESP_A) ?: lab_held(&e->lab, ESP_B);
}

/* Whoever is asked. */
static Worker *next(Eye *e) {
        LAB_WAIT(&e->lab, held(e));
        return held(e);
}

static void answer(Eye *e, const char *record) {
        Worker *w = next(e);

        say(w, record);
        worker_done(w);
}

/* The host, with these, and both ESPs, in the order in which they are asked. */
static void answer_all_after(Eye *e, Worker *w, const char *more) {
        unsigned n_host = e->n_host + 1, n_esps = e->n_esps + 2;

        say(w, HEAD);
        if (more)
                worker_say(w, &(Report){ .type = REPORT_SECURE_BOOT, .text = (char *) more });
        worker_done(w);
        LAB_WAIT(&e->lab, e->n_host == n_host);
        answer(e, FILE_OF_ESP);
        LAB_WAIT(&e->lab, e->n_esps == n_esps - 1);
        answer(e, FILE_OF_ESP);
        LAB_WAIT(&e->lab, e->n_esps == n_esps);
}

static void answer_all(Eye *e, const char *more) {
        answer_all_after(e, next(e), more);
}

static void assert_nobody_is_asked(Eye *e) {
        lab_turn(&e->lab);
        lab_turn(&e->lab);
        ck_assert_ptr_null(held(e));
        ck_assert(!signatures_are_pending(e->s, true));
}

START_TEST(nothing_is_asked_where_there_is_no_secure_boot) {
        _cleanup_eye_ Eye e = {};

        open_eye(&e);
        signatures_review(e.s, NULL, false);
        e.firmware.secure_boot = SECURE_BOOT_UNSUPPORTED;
        review(&e);
        e.firmware = FIRMWARE_INIT;
        review(&e);
        assert_nobody_is_asked(&e);
        ck_assert_ptr_null(signatures_facts(e.s));
}
END_TEST

START_TEST(the_host_is_asked_and_then_each_esp_once) {
        _cleanup_eye_ Eye e = {};
        Worker *w;

        open_eye(&e);
        review(&e);
        review(&e);
        ck_assert(signatures_are_pending(e.s, false));
        w = next(&e);
        ck_assert_int_eq(w->plan->subject, PLAN_ON_KEYS);
        ck_assert_str_eq(w->plan->steps[0].text, KERNEL_NEW "\n" KERNEL_OLD "\n");
        ck_assert_ptr_null(signatures_facts(e.s));
        answer_all_after(&e, w, DBX);
        ck_assert_uint_eq(signatures_facts(e.s)->n_digests[KEY_STORE_DBX], 2);
        ESPS_FOREACH(esp, e.esps) {
                ck_assert_uint_eq(esp_info(esp).signed_files->n, 1);
                ck_assert(!esp_info(esp).signatures_due);
        }
        review(&e);
        assert_nobody_is_asked(&e);
        ck_assert(e.n_host == 1 && e.n_esps == 2);
        ck_assert(signatures_are_known(e.s));
}
END_TEST

START_TEST(keys_that_have_changed_judge_every_esp_anew_and_the_same_ones_none) {
        _cleanup_eye_ Eye e = {};

        open_eye(&e);
        review(&e);
        answer_all(&e, NULL);
        signatures_distrust_keys(e.s);
        review(&e);
        ck_assert(signatures_are_pending(e.s, false));
        answer(&e, HEAD);
        LAB_WAIT(&e.lab, e.n_host == 2);
        assert_nobody_is_asked(&e);
        signatures_distrust_keys(e.s);
        review(&e);
        answer_all(&e, DBX);
        ck_assert_uint_eq(e.n_esps, 4);
}
END_TEST

START_TEST(kernels_modules_loaders_and_the_key_of_dkms_count_by_their_stamps) {
        static const char *const paths[] = {
                "boot/vmlinuz-" KERNEL_NEW,
                "lib/modules/" KERNEL_OLD "/modules.dep",
                "usr/lib/shim/shimx64.efi.signed",
                "var/lib/dkms/mok.pub",
        };
        _cleanup_eye_ Eye e = {};

        open_eye(&e);
        review(&e);
        answer_all(&e, NULL);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                temp_puts(&e.lab.t, paths[i], "another one\n");
                ck_assert_int_ge(files_read(e.files), 0);
                review(&e);
                ck_assert_msg(signatures_are_pending(e.s, false), "%s", paths[i]);
                answer(&e, HEAD);
                LAB_WAIT(&e.lab, e.n_host == 2 + i);
        }
        temp_puts(&e.lab.t, "etc/kernel/cmdline", "root=x\n");
        ck_assert_int_ge(files_read(e.files), 0);
        review(&e);
        assert_nobody_is_asked(&e);
}
END_TEST

START_TEST(an_esp_that_was_written_is_not_known_and_asked_when_no_job_works_with_it) {
        _cleanup_eye_ Eye e = {};
        Esp *esp;

        open_eye(&e);
        review(&e);
        answer_all(&e, NULL);
        esp = esps_find(e.esps, ESP_A);
        esps_hold(e.esps, true);
        esp_set_state(esp, ESP_SYNCING, ERROR_NONE, NULL);
        esp_set_state(esp, ESP_IN_SYNC, ERROR_NONE, NULL);
        ck_assert_ptr_null(esp_info(esp).signed_files);
        ck_assert(!signatures_are_known(e.s));
        review(&e);
        ck_assert(signatures_are_pending(e.s, true) && !signatures_are_pending(e.s, false));
        /* Long enough for a worker to knock at the gate. */
        for (uint64_t end = lab_real_usec() + SEC / 2; lab_real_usec() < end && !held(&e);)
                lab_turn(&e.lab);
        ck_assert_ptr_null(held(&e));
        esps_hold(e.esps, false);
        review(&e);
        answer(&e, FILE_OF_ESP);
        LAB_WAIT(&e.lab, e.n_esps == 3);
        ck_assert_ptr_nonnull(esp_info(esp).signed_files);
        assert_nobody_is_asked(&e);
}
END_TEST

START_TEST(what_is_written_while_it_is_looked_at_is_looked_at_again) {
        _cleanup_eye_ Eye e = {};
        Worker *w;
        Esp *esp;

        open_eye(&e);
        review(&e);
        answer(&e, HEAD);
        w = next(&e);
        esp = esps_find(e.esps, w->plan->esp_uuid);
        esp_set_state(esp, ESP_SYNCING, ERROR_NONE, NULL);
        say(w, FILE_OF_ESP);
        worker_done(w);
        LAB_WAIT(&e.lab, e.n_esps == 1);
        ck_assert_ptr_null(esp_info(esp).signed_files);
        answer(&e, FILE_OF_ESP);
        answer(&e, FILE_OF_ESP);
        LAB_WAIT(&e.lab, e.n_esps == 3);
        ck_assert_ptr_nonnull(esp_info(esp).signed_files);
        assert_nobody_is_asked(&e);
}
END_TEST

/* On a busy machine a worker may need longer for its first word than others wait for its lock. */
START_TEST(a_look_is_known_before_its_worker_says_a_word) {
        _cleanup_eye_ Eye e = {};
        Worker *w;

        open_eye(&e);
        review(&e);
        ck_assert(!workers_look_at(e.lab.workers, ESP_A) && !workers_look_at(e.lab.workers, ESP_B));
        answer(&e, HEAD);
        w = next(&e);
        ck_assert(workers_look_at(e.lab.workers, w->plan->esp_uuid));
        say(w, FILE_OF_ESP);
        worker_done(w);
        LAB_WAIT(&e.lab, e.n_esps == 1);
        answer(&e, FILE_OF_ESP);
        LAB_WAIT(&e.lab, e.n_esps == 2);
        ck_assert(!workers_look_at(e.lab.workers, ESP_A) && !workers_look_at(e.lab.workers, ESP_B));
}
END_TEST

START_TEST(the_host_waits_for_the_end_of_a_package_run) {
        _cleanup_eye_ Eye e = {};

        open_eye(&e);
        signatures_review(e.s, &e.firmware, true);
        lab_turn(&e.lab);
        ck_assert_ptr_null(held(&e));
        ck_assert(signatures_are_pending(e.s, false));
        review(&e);
        answer_all(&e, NULL);
}
END_TEST

START_TEST(what_failed_or_makes_no_sense_is_no_answer_and_not_asked_again_unchanged) {
        _cleanup_eye_ Eye e = {};

        open_eye(&e);
        review(&e);
        worker_fail(next(&e), ERROR_FIRMWARE_ERROR, "No answer");
        LAB_WAIT(&e.lab, e.n_host == 1);
        assert_nobody_is_asked(&e);
        ck_assert(!signatures_are_known(e.s));
        signatures_distrust_keys(e.s);
        review(&e);
        answer(&e, DBX);
        LAB_WAIT(&e.lab, e.n_host == 2);
        ck_assert_ptr_null(signatures_facts(e.s));
        assert_nobody_is_asked(&e);
        signatures_distrust_keys(e.s);
        review(&e);
        answer_all(&e, NULL);
        ck_assert_ptr_nonnull(signatures_facts(e.s));
}
END_TEST

CHECK_MAIN("signatures", nothing_is_asked_where_there_is_no_secure_boot,
           the_host_is_asked_and_then_each_esp_once,
           keys_that_have_changed_judge_every_esp_anew_and_the_same_ones_none,
           kernels_modules_loaders_and_the_key_of_dkms_count_by_their_stamps,
           an_esp_that_was_written_is_not_known_and_asked_when_no_job_works_with_it,
           what_is_written_while_it_is_looked_at_is_looked_at_again,
           a_look_is_known_before_its_worker_says_a_word,
           the_host_waits_for_the_end_of_a_package_run,
           what_failed_or_makes_no_sense_is_no_answer_and_not_asked_again_unchanged)
