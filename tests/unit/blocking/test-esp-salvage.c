/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that fsck.vfat made for us go; whatever else is called so stays. */

#include "blocking/esp/esp-salvage.h"

#include "../check-main.h"
#include "throwaway-esp.h"

START_TEST(only_what_fsck_makes_is_listed) {
        static const char *const others[] = { "FSCK0000",        "FSCK000.REC",   "FSCK00000.REC",
                                              "FSCKabcd.REC",    "XFSCK0000.REC", "FSCK0000.RECX",
                                              "EFI/FSCK0007.REC" };
        _cleanup_strv_ char **names = NULL;
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        ck_assert_int_eq(esp_salvage_list(&t.volume, &names, NULL), 0);
        ck_assert(strv_isempty(names));
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_free_ char *path = strprintf(ESP("%s"), others[i]);

                throwaway_put_text(&t, path, "theirs");
        }
        throwaway_put_text(&t, ESP("FSCK0000.REC"), "");
        throwaway_put_text(&t, ESP("fsck0123.rec"), "");
        ck_assert_int_eq(esp_salvage_list(&t.volume, &names, NULL), 0);
        ck_assert_uint_eq(strv_length(names), 2);
        ck_assert(strv_contains(names, "FSCK0000.REC") && strv_contains(names, "fsck0123.rec"));
}
END_TEST

START_TEST(what_was_there_before_stays_and_what_came_goes) {
        _cleanup_strv_ char **before = NULL;
        _cleanup_error_ Error error = {};
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_put_text(&t, ESP("FSCK0000.REC"), "theirs");
        ck_assert_int_eq(esp_salvage_list(&t.volume, &before, &error), 0);
        throwaway_put_text(&t, ESP("FSCK0001.REC"), "half an initrd");
        throwaway_put_text(&t, ESP("FSCK0002.REC"), "");
        throwaway_put_text(&t, ESP("file"), "live");
        ck_assert_int_eq(esp_salvage_drop(&t.volume, before, &error), 0);
        throwaway_assert_text(&t, ESP("FSCK0000.REC"), "theirs");
        throwaway_assert_text(&t, ESP("file"), "live");
        ck_assert(!throwaway_has(&t, ESP("FSCK0001.REC")));
        ck_assert(!throwaway_has(&t, ESP("FSCK0002.REC")));
        ck_assert_int_eq(esp_salvage_drop(&t.volume, before, &error), 0);
        throwaway_assert_text(&t, ESP("FSCK0000.REC"), "theirs");
}
END_TEST

START_TEST(what_is_no_file_stays) {
        _cleanup_throwaway_ Throwaway t;

        throwaway_init(&t);
        throwaway_mkdir(&t, ESP("FSCK0000.REC"));
        throwaway_put_text(&t, ESP("victim"), "live");
        ck_assert_int_eq(symlink("victim", throwaway_path(&t, ESP("FSCK0001.REC"))), 0);
        ck_assert_int_eq(esp_salvage_drop(&t.volume, NULL, NULL), 0);
        ck_assert(throwaway_has(&t, ESP("FSCK0000.REC")));
        ck_assert(throwaway_has(&t, ESP("FSCK0001.REC")));
        throwaway_assert_text(&t, ESP("victim"), "live");
}
END_TEST

CHECK_MAIN("esp-salvage", only_what_fsck_makes_is_listed,
           what_was_there_before_stays_and_what_came_goes, what_is_no_file_stays)
