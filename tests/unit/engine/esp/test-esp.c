/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The records of the ESPs: who has one, for how long, and what is told of it. */

#include "engine/esp/esp.h"

#include "core/loader/esp-path.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define STRV(item) ((char *const[]){ (char *) (item), NULL })

typedef struct Book {
        Lab lab;
        Esps *esps;
        char **trail;
} Book;

static void note(Book *book, const char *what, const Esp *esp) {
        ck_assert_int_ge(strv_extendf(&book->trail, "%s %s", what, esp_info(esp).uuid), 0);
}

static void on_added(Esp *esp, void *userdata) {
        note(userdata, "added", esp);
}

static void on_renamed(Esp *esp, void *userdata) {
        note(userdata, "renamed", esp);
}

static void on_moved(Esp *esp, void *userdata) {
        note(userdata, "moved", esp);
}

static void on_removed(Esp *esp, void *userdata) {
        note(userdata, "removed", esp);
}

static const EspsListener listener = {
        .added = on_added, .renamed = on_renamed, .moved = on_moved, .removed = on_removed
};

static void on_straggler_ended(const char *esp_uuid, void *userdata) {
}

static void open_book(Book *book) {
        Workers *workers;

        lab_open(&book->lab);
        workers = lab_workers(&book->lab, on_straggler_ended, NULL);
        ck_assert_int_ge(esps_new(workers, &listener, book, &book->esps), 0);
}

static void close_book(Book *book) {
        esps_free(book->esps);
        strv_free(book->trail);
        lab_close(&book->lab);
}

static void assert_heard(Book *book, const char *text) {
        _cleanup_free_ char *heard = strv_join(book->trail, ", ");

        ck_assert_str_eq(strempty(heard), text);
        book->trail = strv_free(book->trail);
}

START_TEST(listed_esp_has_a_record_with_nothing_known) {
        _cleanup_(close_book) Book book = {};
        EspInfo info;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV(ESP_A)), 0);
        assert_heard(&book, "added " ESP_A);
        info = esp_info(esps_find(book.esps, ESP_A));
        ck_assert(info.listed && !info.present && !info.bootable);
        ck_assert_int_eq(info.state, ESP_UNKNOWN);
        ck_assert_str_eq(info.id, ESP_A);
        ck_assert_str_eq(info.device, "/dev/disk/by-uuid/" ESP_A);
        ck_assert_str_eq(info.disk, "");
        ck_assert_str_eq(info.last_error, "");
        ck_assert_str_eq(info.one_shot_method, "none");
        ck_assert_ptr_null(info.image);
        ck_assert_uint_eq(info.compared, 0);
}
END_TEST

START_TEST(esp_that_appears_or_vanishes_is_told_and_must_be_compared_anew) {
        _cleanup_(close_book) Book book = {};
        Esp *esp;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV(ESP_A)), 0);
        esp = esps_find(book.esps, ESP_A);
        ck_assert(esps_update_presence(book.esps));
        ck_assert(!esps_update_presence(book.esps));
        esp_set_compared(esp, 5, true);
        ck_assert_uint_eq(esp_info(esp).tried, 5);
        ck_assert_int_ge(renameat(book.lab.t.fd, "dev/disk/by-uuid/" ESP_A, book.lab.t.fd, "away"),
                         0);
        ck_assert(esps_update_presence(book.esps));
        ck_assert_int_eq(esp_info(esp).state, ESP_MISSING);
        ck_assert_uint_eq(esp_info(esp).compared, 0);
        assert_heard(&book, "added " ESP_A ", moved " ESP_A ", moved " ESP_A);
        ck_assert_int_ge(renameat(book.lab.t.fd, "away", book.lab.t.fd, "dev/disk/by-uuid/" ESP_A),
                         0);
        ck_assert(esps_update_presence(book.esps));
        ck_assert_int_eq(esp_info(esp).state, ESP_UNKNOWN);
}
END_TEST

START_TEST(esp_that_is_stuck_stays_so_when_its_disk_goes) {
        _cleanup_(close_book) Book book = {};
        Esp *esp;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV("9999-9999")), 0);
        esp = esps_find(book.esps, "9999-9999");
        esp_set_state(esp, ESP_STUCK, ERROR_TIMEOUT, "It hangs");
        ck_assert(!esps_update_presence(book.esps));
        ck_assert_int_eq(esp_info(esp).state, ESP_STUCK);
        ck_assert_str_eq(esp_info(esp).last_error, "It hangs");
}
END_TEST

START_TEST(record_goes_when_it_is_not_listed_and_no_job_works_with_it) {
        _cleanup_(close_book) Book book = {};
        Esp *other;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV(ESP_A)), 0);
        esps_hold(book.esps, true);
        ck_assert_int_ge(esps_get(book.esps, ESP_B, &other), 0);
        ck_assert(!esp_info(other).listed);
        ck_assert_int_ge(esps_list(book.esps, STRV("3333-CCCC")), 0);
        ck_assert_ptr_nonnull(esps_find(book.esps, ESP_A));
        esps_hold(book.esps, false);
        assert_heard(&book, "added " ESP_A ", added " ESP_B ", added 3333-CCCC, removed " ESP_B
                            ", removed " ESP_A);
        ck_assert_ptr_eq(esps_next(book.esps, NULL), esps_find(book.esps, "3333-CCCC"));
        ck_assert_ptr_null(esps_next(book.esps, esps_next(book.esps, NULL)));
}
END_TEST

START_TEST(image_tells_kernels_loader_and_room) {
        EspImage *image = calloc(1, sizeof(*image));
        _cleanup_(close_book) Book book = {};
        EspInfo info;
        Esp *esp;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV(ESP_A)), 0);
        esp = esps_find(book.esps, ESP_A);
        image->loader = ESP_LOADER_SYSTEMD_BOOT;
        image->size_bytes = 1000;
        image->free_bytes = 400;
        image->cluster_bytes = 1;
        ck_assert_int_ge(esp_set_image(esp, image), 0);
        info = esp_info(esp);
        ck_assert_int_eq(info.loader, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert_uint_eq(info.size_bytes, 1000);
        ck_assert_uint_eq(info.free_bytes, 400);
        ck_assert_str_eq(info.one_shot_method, "default-entry");
        esps_set_one_shot(book.esps, true);
        ck_assert_str_eq(esp_info(esp).one_shot_method, "firmware");
        esp_set_good(esp, SEC, 0);
        ck_assert_uint_gt(esp_info(esp).last_sync_usec, 0);
        ck_assert_uint_eq(esp_info(esp).last_verify_usec, 0);
}
END_TEST

/* A job that changes nothing sets the same again. */
START_TEST(what_says_the_same_stays_where_it_is) {
        EspImage *images[2] = { calloc(1, sizeof(EspImage)), calloc(1, sizeof(EspImage)) };
        _cleanup_(close_book) Book book = {};
        char **kernels = NULL;
        const char *why = NULL, *error = NULL;
        Esp *esp;

        open_book(&book);
        ck_assert_int_ge(esps_list(book.esps, STRV(ESP_A)), 0);
        esp = esps_find(book.esps, ESP_A);
        for (int i = 0; i < 2; i++) {
                ck_assert_ptr_nonnull(esp_image_get(images[i], ESP_ENTRY_DIR "/proxmox-6.8.conf"));
                esps_hold(book.esps, true);
                esp_set_advice(esp, strdup("it is so"), strdup(""));
                esp_set_state(esp, ESP_FAILED, ERROR_FAILED, "it has failed");
                ck_assert_int_ge(esp_set_image(esp, images[i]), 0);
                if (i == 1) {
                        ck_assert_ptr_eq(esp_info(esp).kernels, kernels);
                        ck_assert_ptr_eq(esp_info(esp).why, why);
                        ck_assert_ptr_eq(esp_info(esp).last_error, error);
                }
                esps_hold(book.esps, false);
                ck_assert(esp_info(esp).image->packed);
                kernels = esp_info(esp).kernels;
                why = esp_info(esp).why;
                error = esp_info(esp).last_error;
        }
        ck_assert_str_eq(why, "it is so");
        ck_assert_str_eq(error, "it has failed");
        esp_set_advice(esp, strdup(""), NULL);
        esp_set_state(esp, ESP_UNKNOWN, ERROR_NONE, NULL);
        ck_assert_str_eq(esp_info(esp).why, "");
        ck_assert_str_eq(esp_info(esp).last_error, "");
}
END_TEST

CHECK_MAIN("esp", listed_esp_has_a_record_with_nothing_known,
           esp_that_appears_or_vanishes_is_told_and_must_be_compared_anew,
           esp_that_is_stuck_stays_so_when_its_disk_goes,
           record_goes_when_it_is_not_listed_and_no_job_works_with_it,
           image_tells_kernels_loader_and_room, what_says_the_same_stays_where_it_is)
