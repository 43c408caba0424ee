/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A hint about what was copied: understood in full, or not at all. */

#include "core/esp/manifest.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define LINE(path) "file path=" path " inode=1 size=2 mtime=3 ctime=4 esp-size=5 esp-mtime=6"

static const FileStamp stamp = { .inode = 1, .size = 2, .mtime = 3, .ctime = 4 };

static void put(Manifest *m, const char *path, uint64_t size) {
        ck_assert_int_eq(manifest_put(m, path, &stamp, size, 6), 0);
}

static void assert_parse(const char *text, size_t size, int expect) {
        Manifest m = { .n_allocated = 7 };

        ck_assert_msg(manifest_parse(text, size, &m) == expect, "expected %d: %s", expect, text);
        if (expect < 0)
                ck_assert_uint_eq(m.n_allocated, 7); /* ret is untouched */
        else
                manifest_done(&m);
}

START_TEST(what_was_put_is_found) {
        _cleanup_(manifest_done) Manifest m = {};
        const ManifestEntry *e;

        ck_assert_ptr_null(manifest_find(&m, "a"));
        put(&m, "a", 5);
        put(&m, "b", 7);
        e = manifest_find(&m, "a");
        ck_assert_ptr_nonnull(e);
        ck_assert_uint_eq(e->size, 5);
        ck_assert_uint_eq(e->mtime, 6);
        ck_assert(file_stamp_equal(&e->source, &stamp));
        ck_assert_ptr_null(manifest_find(&m, "c"));
}
END_TEST

START_TEST(putting_again_replaces) {
        _cleanup_(manifest_done) Manifest m = {};

        put(&m, "a", 5);
        put(&m, "a", 9);
        ck_assert_uint_eq(m.n_entries, 1);
        ck_assert_uint_eq(manifest_find(&m, "a")->size, 9);
}
END_TEST

START_TEST(removed_entry_is_gone_and_others_stay) {
        static const char *const paths[] = { "a", "b", "c" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(manifest_done) Manifest m = {};

                for (size_t k = 0; k < ELEMENTSOF(paths); k++)
                        put(&m, paths[k], k);
                manifest_remove(&m, "absent");
                manifest_remove(&m, paths[i]);
                ck_assert_uint_eq(m.n_entries, 2);
                for (size_t k = 0; k < ELEMENTSOF(paths); k++) {
                        const ManifestEntry *e = manifest_find(&m, paths[k]);

                        ck_assert((e != NULL) == (k != i));
                        if (e)
                                ck_assert_uint_eq(e->size, k);
                }
        }
}
END_TEST

START_TEST(entries_are_sorted_however_they_come) {
        static const char *const paths[] = { "c", "a", "d", "b", "a" };
        _cleanup_(manifest_done) Manifest m = {};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                put(&m, paths[i], i);
        ck_assert_uint_eq(m.n_entries, 4);
        for (size_t i = 0; i < m.n_entries; i++)
                ck_assert_int_eq(m.entries[i].path[0], "abcd"[i]);
        ck_assert_uint_eq(manifest_find(&m, "a")->size, 4);
}
END_TEST

START_TEST(more_entries_than_a_host_has_are_refused) {
        _cleanup_(manifest_done) Manifest m = {};
        Buffer b = {};

        buffer_puts(&b, "v2\n");
        for (size_t i = 0; i < MANIFEST_ENTRIES_MAX; i++)
                buffer_printf(&b, LINE("%zu") "\n", MANIFEST_ENTRIES_MAX - i);
        ck_assert_int_eq(manifest_parse(b.data, b.size, &m), 0);
        ck_assert_uint_eq(m.n_entries, MANIFEST_ENTRIES_MAX);
        buffer_puts(&b, LINE("x") "\n");
        ck_assert_int_eq(manifest_parse(b.data, b.size, &(Manifest){}), -EBADMSG);
        buffer_done(&b);
}
END_TEST

START_TEST(text_is_as_documented) {
        _cleanup_(manifest_done) Manifest m = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        put(&m, "EFI/proxmox/a b", 5);
        ck_assert_int_eq(manifest_format(&m, &text, &size), 0);
        ck_assert_str_eq(text, "v2\n" LINE("EFI/proxmox/a%20b") "\n");
        ck_assert_uint_eq(size, strlen(text));
}
END_TEST

START_TEST(empty_manifest_is_its_version) {
        _cleanup_(manifest_done) Manifest m = {};
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(manifest_format(&m, &text, NULL), 0);
        ck_assert_str_eq(text, "v2\n");
        assert_parse("v2\n", 3, 0);
}
END_TEST

START_TEST(large_manifest_survives_the_round_trip) {
        _cleanup_(manifest_done) Manifest m = {}, back = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        for (unsigned i = 0; i < 200; i++) {
                char path[64];

                snprintf(path, sizeof(path), "EFI/\n%%\xff %u", i);
                ck_assert_int_eq(manifest_put(&m, path,
                                              &(FileStamp){ .inode = i, .size = UINT64_MAX - i },
                                              i * 2, UINT64_MAX),
                                 0);
        }
        ck_assert_int_eq(manifest_format(&m, &text, &size), 0);
        ck_assert_int_eq(manifest_parse(text, size, &back), 0);
        ck_assert_uint_eq(back.n_entries, 200);
        for (size_t i = 0; i < m.n_entries; i++) {
                const ManifestEntry *e = manifest_find(&back, m.entries[i].path);

                ck_assert_ptr_nonnull(e);
                ck_assert(file_stamp_equal(&e->source, &m.entries[i].source));
                ck_assert_uint_eq(e->size, m.entries[i].size);
                ck_assert_uint_eq(e->mtime, UINT64_MAX);
        }
}
END_TEST

START_TEST(unknown_version_is_told_from_garbage) {
        assert_parse("v1\nwhatever\n", 12, -EPROTONOSUPPORT);
        assert_parse("v10\n", 4, -EPROTONOSUPPORT);
        assert_parse("v02\n", 4, -EPROTONOSUPPORT);
        assert_parse("v\n", 2, -EBADMSG);
        assert_parse("vv\n", 3, -EBADMSG);
        assert_parse("V2\n", 3, -EBADMSG);
        assert_parse("v2 \n", 4, -EBADMSG);
        assert_parse("\n", 1, -EBADMSG);
        assert_parse("", 0, -EBADMSG);
}
END_TEST

START_TEST(one_malformed_line_spoils_it_all) {
        static const char *const bad[] = {
                "v2\n" LINE("a") "\n\n",
                "v2\n\n" LINE("a") "\n",
                "v2\n" LINE("a") "\n# comment\n",
                "v2\n" LINE("a") "\n" LINE("a") "\n",
                "v2\n" LINE("") "\n",
                "v2\n" LINE("a") " x=1\n",
                "v2\n" LINE("a") "x\n",
                "v2\nfile path=a inode=1 size=2 mtime=3 ctime=4 esp-size=5\n",
                "v2\nfile inode=1 size=2 mtime=3 ctime=4 esp-size=5 esp-mtime=6\n",
                "v2\nfile path=a inode=1 size=2 mtime=3 ctime=4 esp-size=5 esp-mtime=6 sha256=00\n",
                "v2\nfile path=a inode=x size=2 mtime=3 ctime=4 esp-size=5 esp-mtime=6\n",
                "v2\nFILE\n",
                "v2\nv2\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_parse(bad[i], strlen(bad[i]), -EBADMSG);
        assert_parse("v2\n\0\n", 5, -EBADMSG);
        assert_parse("v2\0\n", 4, -EBADMSG);
}
END_TEST

START_TEST(file_cut_short_is_refused_or_shorter) {
        static const char text[] = "v2\n" LINE("a") "\n" LINE("b") "\n";
        size_t first = strlen("v2\n"), second = first + strlen(LINE("a") "\n");

        for (size_t n = 0; n < sizeof(text) - 1; n++)
                assert_parse(text, n, n == first || n == second ? 0 : -EBADMSG);
}
END_TEST

CHECK_MAIN("manifest", what_was_put_is_found, putting_again_replaces,
           removed_entry_is_gone_and_others_stay, entries_are_sorted_however_they_come,
           more_entries_than_a_host_has_are_refused, text_is_as_documented,
           empty_manifest_is_its_version, large_manifest_survives_the_round_trip,
           unknown_version_is_told_from_garbage, one_malformed_line_spoils_it_all,
           file_cut_short_is_refused_or_shorter)
