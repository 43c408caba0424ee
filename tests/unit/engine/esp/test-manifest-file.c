/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A manifest on the disk saves time, and is not believed where it may be stale. */

#include "engine/esp/esp.h"

#include "common/names.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define PATH_A  "EFI/proxmox/" KERNEL_OLD "/vmlinuz-" KERNEL_OLD
#define PATH_B  "EFI/proxmox/" KERNEL_NEW "/vmlinuz-" KERNEL_NEW
#define ON_DISK PATH_STATE "/esp-" ESP_A ".manifest"

static void ignore(Esp *esp, void *userdata) {
}

static const EspsListener listener = {
        .added = ignore, .renamed = ignore, .moved = ignore, .removed = ignore
};

typedef struct Desk {
        Lab lab;
        Esps *esps;
        Esp *esp;
        EspImage image; /* it holds the file at PATH_A alone */
} Desk;

static void open_desk(Desk *d) {
        lab_open(&d->lab);
        ck_assert_int_ge(esps_new(lab_workers(&d->lab, NULL, NULL), &listener, NULL, &d->esps), 0);
        ck_assert_int_ge(esps_get(d->esps, ESP_A, &d->esp), 0);
        ck_assert_ptr_nonnull(esp_image_get(&d->image, PATH_A));
}

static void close_desk(Desk *d) {
        for (size_t i = 0; i < d->image.n_files; i++)
                free(d->image.files[i].path);
        free(d->image.files);
        esps_free(d->esps);
        lab_close(&d->lab);
}

static void store(Desk *d) {
        _cleanup_(manifest_done) Manifest m = {};
        const FileStamp stamp = { .inode = 1, .size = 2, .mtime = 3, .ctime = 4 };

        ck_assert_int_ge(manifest_put(&m, PATH_A, &stamp, 2, 3), 0);
        ck_assert_int_ge(manifest_put(&m, PATH_B, &stamp, 2, 3), 0);
        esp_store_manifest(d->lab.t.root, d->esp, &m, &d->image);
}

static Manifest load(const Desk *d) {
        Manifest m;

        ck_assert_int_eq(esp_load_manifest(d->lab.t.root, d->esp, &m), 0);
        return m;
}

START_TEST(only_files_on_the_esp_are_stored_and_loaded_again) {
        _cleanup_(manifest_done) Manifest m = {};
        _cleanup_(close_desk) Desk d = {};

        open_desk(&d);
        store(&d);
        m = load(&d);
        ck_assert_ptr_nonnull(manifest_find(&m, PATH_A));
        ck_assert_ptr_null(manifest_find(&m, PATH_B));
}
END_TEST

START_TEST(absent_or_torn_one_is_empty) {
        _cleanup_(manifest_done) Manifest absent = {}, torn = {};
        _cleanup_(close_desk) Desk d = {};

        open_desk(&d);
        absent = load(&d);
        ck_assert_uint_eq(absent.n_entries, 0);
        temp_puts(&d.lab.t, ON_DISK, "v2\nhalf a li");
        torn = load(&d);
        ck_assert_uint_eq(torn.n_entries, 0);
}
END_TEST

START_TEST(one_that_was_dropped_is_gone) {
        _cleanup_(manifest_done) Manifest m = {};
        _cleanup_(close_desk) Desk d = {};

        open_desk(&d);
        store(&d);
        ck_assert(temp_exists(&d.lab.t, ON_DISK));
        esp_drop_manifest(d.lab.t.root, d.esp);
        ck_assert(!temp_exists(&d.lab.t, ON_DISK));
        store(&d);
        m = load(&d);
        ck_assert_uint_eq(m.n_entries, 1);
}
END_TEST

static void show_good(const Desk *d) {
        ck_assert_int_ge(renameat(d->lab.t.fd, ON_DISK, d->lab.t.fd, "obstacle"), 0);
        ck_assert_int_ge(renameat(d->lab.t.fd, "good", d->lab.t.fd, ON_DISK), 0);
}

static void hide_good(const Desk *d) {
        ck_assert_int_ge(renameat(d->lab.t.fd, ON_DISK, d->lab.t.fd, "good"), 0);
        ck_assert_int_ge(renameat(d->lab.t.fd, "obstacle", d->lab.t.fd, ON_DISK), 0);
}

START_TEST(one_that_can_be_neither_replaced_nor_removed_is_not_believed) {
        _cleanup_(manifest_done) Manifest dropped = {}, stored = {};
        _cleanup_(close_desk) Desk d = {};

        open_desk(&d);
        store(&d);
        ck_assert_int_ge(renameat(d.lab.t.fd, ON_DISK, d.lab.t.fd, "good"), 0);
        temp_mkdir(&d.lab.t, ON_DISK "/x");
        esp_drop_manifest(d.lab.t.root, d.esp);
        show_good(&d);
        dropped = load(&d);
        ck_assert_uint_eq(dropped.n_entries, 0);
        hide_good(&d);
        store(&d);
        show_good(&d);
        stored = load(&d);
        ck_assert_uint_eq(stored.n_entries, 0);
}
END_TEST

CHECK_MAIN("manifest-file", only_files_on_the_esp_are_stored_and_loaded_again,
           absent_or_torn_one_is_empty, one_that_was_dropped_is_gone,
           one_that_can_be_neither_replaced_nor_removed_is_not_believed)
