/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys and judgements as the daemon takes them from a worker, line by line. */

#include "core/secure-boot/secure-boot.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *s) {
        FUZZ_ASSERT(s && text_is_clean(s, strlen(s)) && utf8_is_valid(s, strlen(s)));
}

static void check_facts(const SecureBootFacts *f) {
        FUZZ_ASSERT(f->n_keys <= SECURE_BOOT_KEYS_MAX && f->files.n <= SECURE_BOOT_FILES_MAX &&
                    f->n_modules <= SECURE_BOOT_MODULES_MAX);
        for (size_t i = 0; i < f->n_keys; i++) {
                check_text(f->keys[i].subject);
                check_text(f->keys[i].path);
                FUZZ_ASSERT(key_store_to_string(f->keys[i].store));
                FUZZ_ASSERT(digest_is_valid(f->keys[i].sha256));
                FUZZ_ASSERT(f->keys[i].not_after_usec <= SECURE_BOOT_USEC_MAX);
        }
        for (size_t i = 0; i < f->files.n; i++) {
                check_text(f->files.items[i].signer);
                check_text(f->files.items[i].issuer);
                for (Checker c = 0; c < _CHECKER_MAX; c++)
                        check_text(f->files.items[i].by[c].reason);
                FUZZ_ASSERT(f->files.items[i].path[0] == '/');
                FUZZ_ASSERT(signed_files_find(&f->files, f->files.items[i].path));
        }
        for (size_t i = 0; i < f->n_modules; i++) {
                check_text(f->modules[i].kernel);
                check_text(f->modules[i].package);
                check_text(f->modules[i].reason);
        }
}

/* Of a line that is refused nothing is left; the next one is read all the same, to see that. */
static void take_all(SecureBootFacts *facts, const char *text, size_t size) {
        const char *line;
        size_t n;

        for (size_t pos = 0; line_next(text, size, &pos, &line, &n) > 0;) {
                int r = secure_boot_take(facts, line, n);

                FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(secure_boot_facts_done) SecureBootFacts facts = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;

        take_all(&facts, (const char *) data, size);
        if (!facts.sbat_level)
                return 0;
        check_facts(&facts);
        FUZZ_ASSERT(secure_boot_format(&facts, &first) == 0);
        take_all(&again, first, strlen(first));
        FUZZ_ASSERT(secure_boot_format(&again, &second) == 0);
        FUZZ_ASSERT(streq(first, second));
        return 0;
}
